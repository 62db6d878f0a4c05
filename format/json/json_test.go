package json

import (
	stdjson "encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/row"
)

func TestAsFlink(t *testing.T) { formattest.Cases(t, Factory, "testdata/flink.txt") }

func TestOurs(t *testing.T) { formattest.Cases(t, Factory, "testdata/ours.txt") }

func TestEncode(t *testing.T) {
	formattest.EncodeCases(t, Factory, Factory, "testdata/encode.txt")
}

const fuzzSchema = "a INT, b STRING, c ARRAY<ROW<x BIGINT, y TIMESTAMP(3)>>, d MAP<STRING, DECIMAL(5, 2)>, e BYTES, f DOUBLE, " +
	"g ROW<p INT, q ROW<x STRING, y INT, z TIMESTAMP(3)>, r ARRAY<INT>>"

// FuzzDecode compares with encoding/json what is JSON, and projections with the whole.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":"x","c":[{"x":1,"y":"2024-01-01 00:00:00"},null],"d":{"k":1.5},"e":"Cv8=","f":1e5}`,
		`{"b":{"k":[1, 2.5, "\u0041\n"], "k":null},"d":{"k":1,"k":2},"a":1,"a":2}`, `[{"a":1},{"a":"x"}]`, `{"z":[[[]]]} x`,
		"{\"b\":\"\\ud83d\\ude00\\ud83d é\x01\"}", `{"a":-0.0e-1,"f":"NaN"}`, `{"a":01}`, ` { "a" : null } `,
		`{"g":{"p":1,"q":{"x":"\u0041","y":2,"z":"2024-01-01 00:00:00"},"r":[1]},"a":3}`, `{"g":{"q":{"y":"x"},"p":1,"q":{"z":1}}}`,
		`{"g":null}`, `{"g":[{"p":1}]}`, `{"g":{"q":null,"r":[null,"x"]},"g":{"p":{}}}`,
		`{"before":{"a":1,"c":[2]},"after":{"a":2,"b":"x","a":3},"op":"u"}`, `{"data":[{"a":1,"b":5},{"a":2}],"old":[{"b":2},{}],"type":"UPDATE"}`,
		`{"data":{"a":1,"b":5},"old":{"b":null},"type":"update"}`,
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
		rows := &format.Table{Schema: formattest.Schema("a INT, b STRING, c ARRAY<INT>")}
		for _, f := range []format.Factory{Debezium, Canal, Maxwell, Ogg} {
			formattest.Projections(t, f, rows, record)
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

func TestChangelogs(t *testing.T) {
	for name, f := range map[string]format.Factory{
		"debezium": Debezium, "canal": Canal, "maxwell": Maxwell, "ogg": Ogg,
	} {
		t.Run(name, func(t *testing.T) { formattest.Cases(t, f, "testdata/"+name+".txt") })
	}
}

// TestEncodeChanges writes changes of all kinds and reads what was written.
func TestEncodeChanges(t *testing.T) {
	for name, want := range map[string][]string{
		"debezium-json": {`{"before":null,"after":{"a":1,"b":"x"},"op":"c"}`, `{"before":{"a":1,"b":"x"},"after":null,"op":"d"}`},
		"canal-json":    {`{"data":[{"a":1,"b":"x"}],"type":"INSERT"}`, `{"data":[{"a":1,"b":"x"}],"type":"DELETE"}`},
		"maxwell-json":  {`{"data":{"a":1,"b":"x"},"type":"insert"}`, `{"data":{"a":1,"b":"x"},"type":"delete"}`},
		"ogg-json":      {`{"before":null,"after":{"a":1,"b":"x"},"op_type":"I"}`, `{"before":{"a":1,"b":"x"},"after":null,"op_type":"D"}`},
	} {
		for _, f := range []format.Factory{Debezium, Canal, Maxwell, Ogg} {
			if f.Name != name {
				continue
			}
			table := &format.Table{Schema: formattest.Schema("a INT, b STRING")}
			b := formattest.Batch(f, table)
			for _, k := range []row.ChangeKind{row.Insert, row.UpdateBefore, row.UpdateAfter, row.Delete} {
				b.Cols[0].AppendI32(1)
				b.Cols[1].AppendString("x")
				b.Kinds = append(b.Kinds, k)
				b.N++
			}
			newEncoder, err := f.NewEncoder(table)
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range []string{want[0], want[1], want[0], want[1]} {
				got, err := newEncoder().Append(nil, b, i)
				if err != nil || string(got) != w {
					t.Errorf("%s, %v: %s (%v), want %s", name, b.Kinds[i], got, err, w)
				}
				kind := "+I "
				if w == want[1] {
					kind = "-D "
				}
				if rows, err := formattest.Decode(f, table, string(got)); err != nil || len(rows) != 1 || rows[0] != kind+`[1,"x"]` {
					t.Errorf("%s is read as %v (%v)", got, rows, err)
				}
			}
		}
	}
}
