package json

import (
	stdjson "encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
)

func TestAsFlink(t *testing.T) { formattest.Cases(t, Factory, "testdata/flink.txt") }

func TestOurs(t *testing.T) { formattest.Cases(t, Factory, "testdata/ours.txt") }

func TestEncode(t *testing.T) {
	formattest.EncodeCases(t, Factory, Factory, "testdata/encode.txt")
}

const fuzzSchema = "a INT, b STRING, c ARRAY<ROW<x BIGINT, y TIMESTAMP(3)>>, d MAP<STRING, DECIMAL(5, 2)>, e BYTES, f DOUBLE"

// FuzzDecode compares with encoding/json what is JSON, and projections with the whole.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":"x","c":[{"x":1,"y":"2024-01-01 00:00:00"},null],"d":{"k":1.5},"e":"Cv8=","f":1e5}`,
		`{"b":{"k":[1, 2.5, "\u0041\n"], "k":null},"d":{"k":1,"k":2},"a":1,"a":2}`, `[{"a":1},{"a":"x"}]`, `{"z":[[[]]]} x`,
		"{\"b\":\"\\ud83d\\ude00\\ud83d é\x01\"}", `{"a":-0.0e-1,"f":"NaN"}`, `{"a":01}`, ` { "a" : null } `,
	} {
		f.Add(s)
	}
	schema := formattest.Schema(fuzzSchema)
	f.Fuzz(func(t *testing.T, record string) {
		for _, options := range []string{"", `ignore-parse-errors="true"`, `fail-on-missing-field="true"`} {
			table, err := formattest.Table(Factory, schema, options)
			if err != nil {
				t.Fatal(err)
			}
			formattest.Projections(t, Factory, table, record)
		}
		syntax(t, record)
	})
}

// syntax has records read that are checked only: they are errors just where encoding/json has errors,
// but for control characters in strings, which we take, and bytes that are not UTF-8, which we do not.
func syntax(t *testing.T, record string) {
	if !strings.HasPrefix(strings.TrimLeft(record, " \t\r\n"), "{") || strings.Count(record, "{")+strings.Count(record, "[") > 500 {
		return
	}
	table := &format.Table{Schema: formattest.Schema("`not there` INT")}
	_, err := formattest.Decode(Factory, table, record)
	var v stdjson.RawMessage
	stdErr := stdjson.NewDecoder(strings.NewReader(record)).Decode(&v)
	if stdErr == nil && !utf8.ValidString(string(v)) || strings.ContainsFunc(record, func(r rune) bool { return r < ' ' || r == utf8.RuneError }) {
		return
	}
	if stdErr == nil && strings.Contains(record, "not there") {
		return
	}
	if (err == nil) != (stdErr == nil) {
		t.Fatalf("%q: the error is %v, that of encoding/json %v", record, err, stdErr)
	}
}
