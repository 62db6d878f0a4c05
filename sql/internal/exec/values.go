package exec

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Append computes the rows from number from on, as many as there is room for, and appends them to a batch. It returns
// how many there were.
func (v *Values) Append(b *column.Batch, from, most int) (n int, err error) {
	c := &expr.Context{Zone: v.Zone, Now: v.Now()}
	one := &column.Batch{N: 1}
	for _, r := range v.Rows[from:min(len(v.Rows), from+most)] {
		for i, x := range r {
			y, err := expr.Compile(x).Eval(c, one)
			if err != nil {
				return n, err
			}
			b.Cols[i].AppendFrom(y, 0)
		}
		b.N++
		n++
	}
	return n, nil
}

// Schema is the columns.
func (v *Values) Schema() *row.Schema { return &row.Schema{Fields: v.Out} }

var _ = connect.More
