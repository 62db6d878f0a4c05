package exec

import (
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// SplitWatermarks makes functions that add to each batch of a split the greatest value of an expression so far. Sources are
// aligned by it; the watermark that operators see is that of Watermark.
func SplitWatermarks(s Session, x expr.Expr) func() func(b *batch.Columns) {
	return func() func(b *batch.Columns) {
		program := expr.Compile(x)
		greatest := int64(batch.MinTime)
		return func(b *batch.Columns) {
			v, err := program.Eval(&expr.Context{Zone: s.Zone, Now: time.Now()}, &b.Batch)
			if err != nil {
				return // Watermark fails with it
			}
			for i := range b.Len() {
				if !v.IsNull(i) {
					greatest = max(greatest, floorMillis(v.I64[i]))
				}
			}
			if greatest > batch.MinTime {
				b.Mark(greatest)
			}
		}
	}
}
