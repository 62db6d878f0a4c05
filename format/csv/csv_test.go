package csv

import (
	stdcsv "encoding/csv"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/internal/cputime"
)

func TestAsFlink(t *testing.T) { formattest.Cases(t, Factory, "testdata/flink.txt") }

func TestOurs(t *testing.T) { formattest.Cases(t, Factory, "testdata/ours.txt") }

func TestEncode(t *testing.T) {
	formattest.EncodeCases(t, json.Factory, Factory, "testdata/encode.txt")
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ columns, options, want string }{
		{"a MAP<STRING, INT>", "", "column a: the format csv has no values of type MAP<STRING, INT>"},
		{"a ARRAY<ARRAY<INT>>", "", "column a: the format csv has no values of type"},
		{"a INT", `field-delimiter="||"`, `csv.field-delimiter: "||" is not one character`},
		{"a INT", `quote-character="'" disable-quote-character="true"`, "cannot both be set"},
		{"a INT", `ignore-parse-error="true"`, "did you mean 'csv.ignore-parse-errors'?"},
	} {
		table, err := formattest.Table(Factory, formattest.Schema(c.columns), c.options)
		if err == nil {
			_, err = Factory.NewDecoder(table)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s (%s): %v, want %s", c.columns, c.options, err, c.want)
		}
	}
}

// FuzzDecode compares texts with encoding/csv where the dialects are the same, projections with the
// whole, and what is written with what is read again.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"a,1,1;2,2024-01-01 00:00:00", `"a""b" ,,,`, `"a,b",NULL,"1;NULL",`, "# x", `a\,b,1,,`, `'a''b',1,,`, `"\"`, "a,b,c,d,",
	} {
		f.Add(s)
	}
	mixed := formattest.Schema("s STRING, n INT, a ARRAY<BIGINT>, t TIMESTAMP(3), r ROW<x INT, y STRING>")
	texts := formattest.Schema("a STRING, b STRING, c STRING")
	f.Fuzz(func(t *testing.T, record string) {
		if strings.ContainsAny(record, "\n\r") {
			return
		}
		for _, options := range []string{
			"", `ignore-parse-errors="true" null-literal="NULL"`, `escape-character="\\" quote-character="'" allow-comments="true"`,
		} {
			table, err := formattest.Table(Factory, mixed, options)
			if err != nil {
				t.Fatal(err)
			}
			formattest.Projections(t, Factory, table, record)
		}
		table := &format.Table{Schema: texts}
		got, err := formattest.Decode(Factory, table, record)
		compare(t, record, got, err)
		again(t, table, record)
	})
}

func compare(t *testing.T, record string, got []string, err error) {
	if record == "" || !utf8.ValidString(record) || strings.ContainsAny(record, "\uFEFF") {
		return
	}
	r := stdcsv.NewReader(strings.NewReader(record))
	r.FieldsPerRecord = 3
	cells, stdErr := r.Read()
	if stdErr != nil { // bare quotes, white space behind quotes and a delimiter at the end are errors there
		return
	}
	b := column.NewBatch(formattest.Schema("a STRING, b STRING, c STRING"))
	for i, c := range b.Cols {
		c.AppendString(cells[i])
	}
	b.N = 1
	if want := formattest.Rows(b); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%q is %v (%v), want %v", record, got, err, want)
	}
}

func again(t *testing.T, table *format.Table, record string) {
	newDecoder, err := Factory.NewDecoder(table)
	if err != nil {
		t.Fatal(err)
	}
	newEncoder, err := Factory.NewEncoder(table)
	if err != nil {
		t.Fatal(err)
	}
	b := formattest.Batch(Factory, table)
	if newDecoder().Decode([]byte(record), b) != nil {
		return
	}
	line, err := newEncoder().Append(nil, b, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := newDecoder().Decode(line, b); err != nil {
		t.Fatalf("%q is written %q, which is not read: %v", record, line, err)
	}
	if rows := formattest.Rows(b); rows[0] != rows[1] {
		t.Fatalf("%q is written %q, which is read as %v", record, line, rows)
	}
}

func BenchmarkBid(b *testing.B) {
	const line = `1000,1000,581734,Apple,https://www.example.com/a0/b3/c7/item.htm?query=1&channel_id=395,2024-01-01 00:00:00.046,ycabcdefghijklmnopqrst`
	schema := formattest.Schema("auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP(3), extra STRING")
	for name, project := range map[string][]int{"All": nil, "Two": {0, 2}} {
		b.Run(name, func(b *testing.B) {
			t := &format.Table{Schema: schema, Project: project}
			newDecoder, err := Factory.NewDecoder(t)
			if err != nil {
				b.Fatal(err)
			}
			d, batch := newDecoder(), formattest.Batch(Factory, t)
			record := []byte(line)
			b.SetBytes(int64(len(record)))
			b.ReportAllocs()
			begin := cputime.Process()
			for b.Loop() {
				if batch.N == 1024 {
					batch.Reset()
				}
				if err := d.Decode(record, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cputime.Process()-begin)/float64(b.N), "cpu-ns/op")
		})
	}
}

func TestUnreadColumnsMayBeWrong(t *testing.T) {
	table := &format.Table{Schema: formattest.Schema("a STRING, n INT"), Project: []int{0}, Options: nil}
	rows, err := formattest.Decode(Factory, table, "x,many")
	if err != nil || len(rows) != 1 {
		t.Errorf("%v, %v", rows, err)
	}
	if _, err := formattest.Decode(Factory, table, "x,1,2"); err == nil {
		t.Error("a line with too many values is a row")
	}
}
