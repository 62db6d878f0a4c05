package sqltest

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// BenchmarkExpr computes expressions over batches of 1024 rows, of which a fifth of each column is NULL.
func BenchmarkExpr(b *testing.B) {
	const rows = 1024
	in := randomBatch(rand.New(rand.NewPCG(1, 2)), rows)
	for _, text := range []string{
		"i + j", "l * 2 > i", "x * 2 + f > 10", "0.908 * l", "0.908 * l > 100 AND 0.908 * l < 1000", "s = 'abc'", "CASE WHEN i > 0 THEN j ELSE 0 END",
		"CAST(i AS STRING)", "UPPER(s)", "b AND i > 0 OR s IS NULL",
	} {
		b.Run(text, func(b *testing.B) {
			syntax, err := parse.Expr(text)
			if err != nil {
				b.Fatal(err)
			}
			x, err := bind.Expr(&bind.Scope{Columns: inputs}, syntax)
			if err != nil {
				b.Fatal(err)
			}
			p := expr.Compile(x)
			c := &expr.Context{Zone: time.UTC}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Eval(c, in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}
