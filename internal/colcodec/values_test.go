package colcodec

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// The model of a value: nil for NULL, bool, int64, float64, string, a big decimal, and []any for rows,
// lists (elements) and maps (entries, each []any of two).

func randomType(rng *rand.Rand, depth int) *row.Type {
	kinds := []*row.Type{
		row.Of(row.Boolean), row.Of(row.TinyInt), row.Of(row.Int), row.Of(row.BigInt), row.Of(row.Float),
		row.Of(row.Double), row.Of(row.Date), row.TimeOf(3), row.StringType(), row.BytesType(), row.CharOf(3),
		row.DecimalOf(10, 2), row.DecimalOf(38, 5), row.TimestampOf(3), row.TimestampLTZOf(9),
		row.Of(row.IntervalDay), row.Of(row.Null),
	}
	n := len(kinds)
	if depth > 0 {
		n += 4
	}
	switch k := rng.IntN(n) - len(kinds); k {
	case 0:
		var fields []row.Field
		for i := range rng.IntN(3) {
			fields = append(fields, row.Field{Name: fmt.Sprint("f", i), Type: randomType(rng, depth-1)})
		}
		return row.RowOf(fields...)
	case 1:
		return row.ArrayOf(randomType(rng, depth-1))
	case 2:
		return row.MapOf(randomType(rng, 0), randomType(rng, depth-1))
	case 3:
		return row.MultisetOf(randomType(rng, 0))
	default:
		t := kinds[k+len(kinds)]
		return t.Nullable(t.Kind == row.Null || rng.IntN(3) > 0)
	}
}

var (
	someInts   = []int64{0, 1, -1, 7, 127, -128}
	wideInts   = []int64{0, 1, -1, 255, 256, 65536, 1 << 31, 1 << 40, math.MaxInt64, math.MinInt64}
	someFloats = []float64{0, math.Copysign(0, -1), 1.5, -1.5, math.Inf(1), math.Inf(-1), math.NaN()}
	someTexts  = []string{"", "a", "a\x00", "a\x00b", "a\x01", "b", "ä", "\xff", strings.Repeat("x", 200)}
)

func pick[E any](rng *rand.Rand, s []E) E { return s[rng.IntN(len(s))] }

func randomValue(rng *rand.Rand, t *row.Type) any {
	if t.Kind == row.Null || !t.NotNull && rng.IntN(4) == 0 {
		return nil
	}
	switch column.FormOf(t) {
	case column.FormBool:
		return rng.IntN(2) == 0
	case column.FormI32:
		return pick(rng, someInts)
	case column.FormI64:
		return pick(rng, wideInts)
	case column.FormF32, column.FormF64:
		return pick(rng, someFloats)
	case column.FormDecimal:
		d := column.Int128From(pick(rng, wideInts) % 1e10)
		if t.Precision > 18 && rng.IntN(2) == 0 {
			d = column.Int128{Hi: pick(rng, someInts), Lo: uint64(pick(rng, wideInts))}
		}
		return d
	case column.FormTimestamp:
		nanos := int64(0)
		if t.Precision > 6 {
			nanos = int64(rng.IntN(3))
		}
		return [2]int64{pick(rng, wideInts), nanos}
	case column.FormBytes:
		return pick(rng, someTexts)
	case column.FormRow:
		out := []any{}
		for _, f := range t.Fields {
			out = append(out, randomValue(rng, f.Type))
		}
		return out
	}
	out := []any{}
	for range rng.IntN(4) {
		switch t.Kind {
		case row.Array:
			out = append(out, randomValue(rng, t.Elem))
		case row.Map:
			out = append(out, []any{randomValue(rng, t.Key), randomValue(rng, t.Elem)})
		default:
			out = append(out, []any{randomValue(rng, t.Elem), int64(1 + rng.IntN(2))})
		}
	}
	return out
}

func appendModel(v *column.Vector, x any) {
	if x == nil {
		v.AppendNull()
		return
	}
	switch column.FormOf(v.Type) {
	case column.FormBool:
		v.AppendBool(x.(bool))
	case column.FormI32:
		v.AppendI32(int32(x.(int64)))
	case column.FormI64:
		v.AppendI64(x.(int64))
	case column.FormF32:
		v.AppendF32(float32(x.(float64)))
	case column.FormF64:
		v.AppendF64(x.(float64))
	case column.FormDecimal:
		v.AppendDecimal(x.(column.Int128))
	case column.FormTimestamp:
		t := x.([2]int64)
		v.AppendTimestamp(t[0], int32(t[1]))
	case column.FormBytes:
		v.AppendString(x.(string))
	case column.FormRow:
		for i, f := range x.([]any) {
			appendModel(v.Children[i], f)
		}
		v.EndRow()
	case column.FormList, column.FormMap:
		for _, e := range x.([]any) {
			if v.Type.Kind == row.Array {
				appendModel(v.Children[0], e)
				continue
			}
			appendModel(v.Children[0], e.([]any)[0])
			appendModel(v.Children[1], e.([]any)[1])
		}
		v.EndList()
	}
}

func modelOf(v *column.Vector, i int) any {
	if v.IsNull(i) {
		return nil
	}
	switch column.FormOf(v.Type) {
	case column.FormBool:
		return v.Bools[i]
	case column.FormI32:
		return int64(v.I32[i])
	case column.FormI64:
		return v.I64[i]
	case column.FormF32:
		return float64(v.F32[i])
	case column.FormF64:
		return v.F64[i]
	case column.FormDecimal:
		return v.Decimal(i)
	case column.FormTimestamp:
		return [2]int64{v.I64[i], int64(nanosOf(v, i))}
	case column.FormBytes:
		return string(v.Bytes(i))
	case column.FormRow:
		out := []any{}
		for _, c := range v.Children {
			out = append(out, modelOf(c, i))
		}
		return out
	}
	out := []any{}
	for from, to := v.Range(i); from < to; from++ {
		if v.Type.Kind == row.Array {
			out = append(out, modelOf(v.Children[0], from))
		} else {
			out = append(out, []any{modelOf(v.Children[0], from), modelOf(v.Children[1], from)})
		}
	}
	return out
}

// text is the same for equal values of a type only: the entries of maps have no order.
func text(t *row.Type, x any) string {
	switch x := x.(type) {
	case nil:
		return "NULL"
	case float64:
		if x != x {
			return "NaN"
		}
		return fmt.Sprintf("%x", math.Float64bits(x))
	case []any:
		var parts []string
		for i, e := range x {
			switch t.Kind {
			case row.Row:
				parts = append(parts, text(t.Fields[i].Type, e))
			case row.Array:
				parts = append(parts, text(t.Elem, e))
			case row.Map:
				parts = append(parts, text(t.Key, e.([]any)[0])+": "+text(t.Elem, e.([]any)[1]))
			default:
				parts = append(parts, text(t.Elem, e.([]any)[0])+": "+fmt.Sprint(e.([]any)[1]))
			}
		}
		if t.Kind == row.Map || t.Kind == row.Multiset {
			slices.Sort(parts)
		}
		return fmt.Sprintf("%q", parts)
	}
	return fmt.Sprintf("%q", fmt.Sprint(x))
}

func texts(types []*row.Type, values []any) string {
	s := ""
	for i, t := range types {
		s += text(t, values[i]) + "|"
	}
	return s
}

// table is rows of some types, and a batch that has them: with other rows among them that do not count
// and with upper halves of decimals that are not needed.
type table struct {
	types []*row.Type
	rows  [][]any
	b     column.Batch
}

func randomTable(rng *rand.Rand, types []*row.Type, n int, spread bool) *table {
	t := &table{types: types}
	for range n {
		var values []any
		for _, typ := range types {
			values = append(values, randomValue(rng, typ))
		}
		t.rows = append(t.rows, values)
	}
	t.lay(rng, spread)
	return t
}

func (t *table) lay(rng *rand.Rand, spread bool) {
	t.b = column.Batch{}
	for _, typ := range t.types {
		t.b.Cols = append(t.b.Cols, column.New(typ))
	}
	add := func(values []any) {
		for i, v := range values {
			appendModel(t.b.Cols[i], v)
		}
		t.b.N++
	}
	for _, r := range t.rows {
		for spread && rng.IntN(2) == 0 {
			var other []any
			for _, typ := range t.types {
				other = append(other, randomValue(rng, typ))
			}
			add(other)
		}
		if spread {
			t.b.Sel = append(t.b.Sel, int32(t.b.N))
		}
		add(r)
	}
	if spread && t.b.Sel == nil {
		t.b.Sel = []int32{}
	}
}

func randomTypes(rng *rand.Rand, n int) (types []*row.Type) {
	for range n {
		types = append(types, randomType(rng, 2))
	}
	return types
}

// compareModels orders values as Order does with ascending columns and NULL first.
func compareModels(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch a := a.(type) {
	case bool:
		if a == b.(bool) {
			return 0
		} else if a {
			return 1
		}
		return -1
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return compareFloats(a, b.(float64))
	case column.Int128:
		return a.Cmp(b.(column.Int128))
	case [2]int64:
		c := b.([2]int64)
		return slices.Compare(a[:], c[:])
	case string:
		return strings.Compare(a, b.(string))
	}
	return slices.CompareFunc(a.([]any), b.([]any), compareModels)
}

func compareFloats(a, b float64) int {
	switch {
	case a != a && b != b:
		return 0
	case a != a:
		return 1
	case b != b:
		return -1
	case a == 0 && b == 0:
		return -cmp.Compare(btoi(math.Signbit(a)), btoi(math.Signbit(b)))
	}
	return cmp.Compare(a, b)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
