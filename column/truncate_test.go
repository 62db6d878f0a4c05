package column

import (
	"reflect"
	"testing"

	"github.com/flott-dev/flott/row"
)

// TestTruncate appends two rows, the second in part, and takes the second back.
func TestTruncate(t *testing.T) {
	inner := row.RowOf(
		row.Field{Name: "i", Type: row.Of(row.Int)}, row.Field{Name: "d", Type: row.DecimalOf(38, 0)},
		row.Field{Name: "t", Type: row.TimestampOf(9)}, row.Field{Name: "s", Type: row.StringType()},
		row.Field{Name: "a", Type: row.ArrayOf(row.Of(row.Double))},
		row.Field{Name: "m", Type: row.MapOf(row.StringType(), row.Of(row.Boolean))},
	)
	fill := func(v *Vector, n int) {
		c := v.Children
		c[0].AppendI32(int32(n))
		c[1].AppendDecimal(Int128{Hi: 1, Lo: uint64(n)})
		c[2].AppendTimestamp(int64(n), 7)
		c[3].AppendString("abc")
		c[4].Children[0].AppendF64(1)
		c[4].Children[0].AppendNull()
		c[4].EndList()
		c[5].Children[0].AppendString("k")
		c[5].Children[1].AppendBool(true)
	}
	want, got := New(inner), New(inner)
	for _, v := range []*Vector{want, got} {
		fill(v, 1)
		v.Children[5].EndList()
		v.EndRow()
	}
	fill(got, 2) // the map is not ended, and neither is the row
	got.Truncate(1)
	for _, v := range []*Vector{want, got} {
		v.AppendNull()
		fill(v, 3)
		v.Children[5].EndList()
		v.EndRow()
	}
	for i := range 3 {
		for c, child := range got.Children {
			if child.IsNull(i) != want.Children[c].IsNull(i) || child.N != want.Children[c].N {
				t.Fatalf("child %d differs at %d: %+v, want %+v", c, i, child, want.Children[c])
			}
		}
	}
	for c := range got.Children {
		g, w := got.Children[c], want.Children[c]
		if !reflect.DeepEqual(g.Off, w.Off) || string(g.Data) != string(w.Data) || !reflect.DeepEqual(g.I64, w.I64) ||
			!reflect.DeepEqual(g.Hi, w.Hi) {
			t.Errorf("child %d is %+v, want %+v", c, g, w)
		}
	}
}
