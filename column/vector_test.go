package column

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/flott-dev/flott/row"
)

// text is value i as the test compares it.
func text(v *Vector, i int) string {
	if v.IsNull(i) {
		return "NULL"
	}
	switch FormOf(v.Type) {
	case FormBool:
		return fmt.Sprint(v.Bools[i])
	case FormI32:
		return fmt.Sprint(v.I32[i])
	case FormI64:
		return fmt.Sprint(v.I64[i])
	case FormF32:
		return fmt.Sprint(v.F32[i])
	case FormF64:
		return fmt.Sprint(v.F64[i])
	case FormDecimal:
		return v.Decimal(i).String()
	case FormTimestamp:
		if v.Type.Precision > 6 {
			return fmt.Sprint(v.I64[i], ".", v.Nanos[i])
		}
		return fmt.Sprint(v.I64[i])
	case FormBytes:
		return string(v.Bytes(i))
	case FormRow:
		var parts []string
		for _, c := range v.Children {
			parts = append(parts, text(c, i))
		}
		return "(" + strings.Join(parts, " ") + ")"
	}
	var parts []string
	for from, to := v.Range(i); from < to; from++ {
		for _, c := range v.Children {
			parts = append(parts, text(c, from))
		}
	}
	return "[" + strings.Join(parts, " ") + "]"
}

func TestAppendFrom(t *testing.T) {
	long := Int128{Hi: 5, Lo: 7}
	for _, c := range []struct {
		kind   *row.Type
		append func(v *Vector, i int)
		want   string
	}{
		{row.Of(row.Boolean), func(v *Vector, i int) { v.AppendBool(i == 1) }, "false true false"},
		{row.Of(row.SmallInt), func(v *Vector, i int) { v.AppendI32(int32(i)) }, "0 1 2"},
		{row.Of(row.BigInt), func(v *Vector, i int) { v.AppendI64(int64(i) << 40) }, "0 1099511627776 2199023255552"},
		{row.Of(row.Float), func(v *Vector, i int) { v.AppendF32(float32(i) / 2) }, "0 0.5 1"},
		{row.Of(row.Double), func(v *Vector, i int) { v.AppendF64(math.Inf(i - 1)) }, "-Inf +Inf +Inf"},
		{row.DecimalOf(10, 2), func(v *Vector, i int) { v.AppendDecimal(Int128From(int64(-i))) }, "0 -1 -2"},
		{row.DecimalOf(38, 2), func(v *Vector, i int) {
			if i == 1 {
				v.AppendDecimal(long)
				return
			}
			v.AppendDecimal(Int128From(int64(-i)))
		}, "0 92233720368547758087 -2"},
		{row.TimestampOf(9), func(v *Vector, i int) { v.AppendTimestamp(int64(i), 999) }, "0.999 1.999 2.999"},
		{row.TimestampLTZOf(3), func(v *Vector, i int) { v.AppendTimestamp(int64(i), 0) }, "0 1 2"},
		{row.StringType(), func(v *Vector, i int) { v.AppendString(strings.Repeat("x", i)) }, " x xx"},
		{row.ArrayOf(row.Of(row.Int)), func(v *Vector, i int) {
			for j := range i {
				v.Children[0].AppendI32(int32(j))
			}
			v.EndList()
		}, "[] [0] [0 1]"},
		{row.MapOf(row.StringType(), row.Of(row.Int)), func(v *Vector, i int) {
			v.Children[0].AppendString("k")
			v.Children[1].AppendNull()
			v.EndList()
		}, "[k NULL] [k NULL] [k NULL]"},
		{
			row.RowOf(row.Field{Name: "a", Type: row.Of(row.Int)}, row.Field{Name: "b", Type: row.StringType()}),
			func(v *Vector, i int) {
				v.Children[0].AppendI32(int32(i))
				v.Children[1].AppendNull()
				v.EndRow()
			}, "(0 NULL) (1 NULL) (2 NULL)",
		},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			v := New(c.kind)
			for round := range 2 { // the second one in the memory of the first
				v.Reset()
				for i := range 100 {
					if i%3 == 1 {
						v.AppendNull()
					}
					c.append(v, i%3)
				}
				copied := New(c.kind)
				for i := range v.N {
					copied.AppendFrom(v, i)
				}
				for _, x := range []*Vector{v, copied} {
					got := []string{text(x, 0), text(x, 2), text(x, 3)}
					if strings.Join(got, " ") != c.want || text(x, 1) != "NULL" || x.N != 133 {
						t.Errorf("round %d: %v and %s, of %d", round, got, text(x, 1), x.N)
					}
					for i := range x.N {
						if text(x, i) != text(x, i%4) {
							t.Fatalf("value %d is %s", i, text(x, i))
						}
					}
				}
			}
		})
	}
}

func TestSetDecimal(t *testing.T) {
	v := New(row.DecimalOf(38, 0))
	v.Resize(3)
	for i := range 3 {
		v.SetDecimal(i, Int128From(int64(i)-1))
	}
	if v.Hi != nil {
		t.Error("numbers of 64 bits take 128")
	}
	v.SetDecimal(1, Int128{Hi: 1})
	v.SetDecimal(2, Int128From(-5))
	if got := fmt.Sprint(v.Decimal(0), v.Decimal(1), v.Decimal(2)); got != "-1 18446744073709551616 -5" {
		t.Error(got)
	}
}

func TestBitmaps(t *testing.T) {
	a, b := NewBitmap(70, true), NewBitmap(70, false)
	a.Clear(3)
	b.Set(3)
	b.Set(69)
	if c := And(nil, a, b, 70); c.Count(70) != 1 || !c.Has(69) {
		t.Errorf("%b", c)
	}
	if And(nil, nil, nil, 70) != nil || And(nil, nil, b, 70).Count(70) != 2 || And(nil, a, nil, 70).Count(70) != 69 {
		t.Error("nil has not all bits")
	}
}
