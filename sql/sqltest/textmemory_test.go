package sqltest

import (
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/parse"
)

var textFunctions = []string{
	"s LIKE '%channel%'", "s LIKE '%a_b%c'", "s SIMILAR TO '%[0-9]+'", "SPLIT_INDEX(s, '/', 3)", "REGEXP_EXTRACT(s, '(&|^)channel_id=([^&]*)', 2)", "SUBSTRING(s, 5, 10)",
	"UPPER(s)", "s || '/' || s", "CONCAT_WS('-', s, s)", "REPLACE(s, 'a', 'bb')", "TRIM(s)", "LPAD(s, 100, '*')", "MD5(s)", "POSITION('item' IN s)", "CHAR_LENGTH(s)",
	"JSON_QUOTE(s)", "URL_ENCODE(s)", "REGEXP_REPLACE(s, '[aeiou]', '')", "ENCODE(s, 'UTF-16')", "SPLIT(s, '/')",
}

// urls is a batch of a column s.
func urls(rows int) *column.Batch {
	v := column.New(row.StringType())
	for range rows {
		v.AppendString("https://www.example.com/googl_ptsg/fwt_/item.htm?query=1&channel_id=216")
	}
	return &column.Batch{N: rows, Cols: []*column.Vector{v}}
}

func compileText(t testing.TB, text string) *expr.Program {
	t.Helper()
	syntax, err := parse.Expr(text)
	if err != nil {
		t.Fatal(err)
	}
	x, err := bind.Expr(&bind.Scope{Columns: []bind.Column{{Name: "s", Type: row.StringType()}}}, syntax)
	if err != nil {
		t.Fatal(err)
	}
	return expr.Compile(x)
}

// TestTextFunctionsKeepMemory holds functions of text to no memory for each row, once vectors have grown.
func TestTextFunctionsKeepMemory(t *testing.T) {
	b, c := urls(1000), &expr.Context{Zone: time.UTC}
	for _, text := range textFunctions {
		p := compileText(t, text)
		n := testing.AllocsPerRun(3, func() {
			if _, err := p.Eval(c, b); err != nil {
				t.Fatal(err)
			}
		})
		if n > 10 {
			t.Errorf("%s: %v allocations for %d rows", text, n, b.N)
		}
	}
}

func BenchmarkTextFunctions(b *testing.B) {
	batch, c := urls(1000), &expr.Context{Zone: time.UTC}
	for _, text := range append(textFunctions, `JSON_VALUE('{"a":[1,{"b":"x"}]}', '$.a[1].b')`, `PRINTF('%5.1f %s', 1.5e0, s)`) {
		b.Run(text, func(b *testing.B) {
			p := compileText(b, text)
			for b.Loop() {
				if _, err := p.Eval(c, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(batch.N), "ns/row")
			b.ReportMetric(0, "ns/op")
		})
	}
}
