package column

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/flott-dev/flott/row"
)

// TestAppendAllIsAppendFrom appends places of vectors of all forms, and NULLs, at once and one by one.
func TestAppendAllIsAppendFrom(t *testing.T) {
	types := []*row.Type{
		row.Of(row.Boolean), row.Of(row.Int), row.Of(row.BigInt), row.Of(row.Float), row.Of(row.Double),
		row.DecimalOf(38, 0), row.TimestampOf(6), row.TimestampOf(9), row.StringType(), row.Of(row.Null),
		row.ArrayOf(row.StringType()), row.MapOf(row.Of(row.Int), row.DecimalOf(38, 0)), row.MultisetOf(row.Of(row.Int)),
		row.RowOf(row.Field{Name: "a", Type: row.StringType()}, row.Field{Name: "b", Type: row.Of(row.Double)}),
	}
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		for _, typ := range types {
			all, each := New(typ), New(typ)
			for range rng.IntN(4) {
				from := New(typ)
				nulls, n := rng.IntN(2) == 0, rng.IntN(100)
				for range n {
					appendRandom(rng, from, nulls)
				}
				var places []int32
				for range rng.IntN(2*n + 1) {
					places = append(places, int32(rng.IntN(n)))
				}
				a, b := 0, 0
				if n > 0 {
					a = rng.IntN(n)
					b = a + rng.IntN(n-a+1)
				}
				if rng.IntN(2) == 0 {
					all.Reserve(from, rng.IntN(200))
				}
				all.AppendAll(from, places)
				all.AppendRange(from, a, b)
				more := rng.IntN(3) * rng.IntN(70)
				all.AppendNulls(more)
				for _, p := range places {
					each.AppendFrom(from, int(p))
				}
				for ; a < b; a++ {
					each.AppendFrom(from, a)
				}
				for range more {
					each.AppendNull()
				}
			}
			checkSame(t, typ, all, each)
		}
	}
}

// TestReserve appends what there is room for without another allocation.
func TestReserve(t *testing.T) {
	from := New(row.ArrayOf(row.StringType()))
	for i := range 10 {
		for range i {
			from.Children[0].AppendString("0123456789")
		}
		from.EndList()
	}
	v := New(from.Type)
	v.Reserve(from, 50)
	text := &v.Children[0].Data
	if cap(*text) < 5*len(from.Children[0].Data) {
		t.Errorf("there is room for %d bytes", cap(*text))
	}
	before := cap(*text)
	for range 5 {
		v.AppendRange(from, 0, from.N)
	}
	if v.N != 50 || cap(*text) != before {
		t.Errorf("%d values, and the memory has moved", v.N)
	}
}

// TestAppendNullsIsAppendNull appends runs of NULL between values of all forms.
func TestAppendNullsIsAppendNull(t *testing.T) {
	types := []*row.Type{
		row.Of(row.Boolean), row.Of(row.Int), row.Of(row.BigInt), row.Of(row.Float), row.Of(row.Double),
		row.DecimalOf(38, 0), row.TimestampOf(6), row.TimestampOf(9), row.StringType(), row.Of(row.Null),
		row.ArrayOf(row.StringType()), row.MapOf(row.Of(row.Int), row.DecimalOf(38, 0)),
		row.RowOf(row.Field{Name: "a", Type: row.StringType()}, row.Field{Name: "b", Type: row.Of(row.Double)}),
	}
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		for _, typ := range types {
			all, each, from := New(typ), New(typ), New(typ)
			for i := range 5 {
				n := rng.IntN(1 + 50*i)
				all.AppendNulls(n)
				for range n {
					each.AppendNull()
				}
				for range rng.IntN(70) {
					appendRandom(rng, from, true)
					all.AppendFrom(from, from.N-1)
					each.AppendFrom(from, from.N-1)
				}
			}
			checkSame(t, typ, all, each)
		}
	}
}

func appendRandom(rng *rand.Rand, v *Vector, nulls bool) {
	if nulls && rng.IntN(4) == 0 {
		v.AppendNull()
		return
	}
	switch FormOf(v.Type) {
	case FormBool:
		v.AppendBool(rng.IntN(2) == 0)
	case FormI32:
		v.AppendI32(int32(rng.Uint32()))
	case FormI64:
		v.AppendI64(int64(rng.Uint64()))
	case FormF32:
		v.AppendF32(rng.Float32())
	case FormF64:
		v.AppendF64(math.Trunc(rng.Float64() * 1000))
	case FormDecimal:
		d := Int128From(int64(rng.Uint64()))
		if rng.IntN(40) == 0 {
			d.Hi = 7
		}
		v.AppendDecimal(d)
	case FormTimestamp:
		v.AppendTimestamp(int64(rng.Uint64()), rng.Int32N(1000))
	case FormBytes:
		v.AppendBytes(make([]byte, rng.IntN(20)))
	case FormRow:
		for _, c := range v.Children {
			appendRandom(rng, c, nulls)
		}
		v.EndRow()
	case FormList, FormMap:
		for range rng.IntN(4) {
			for _, c := range v.Children {
				appendRandom(rng, c, nulls && c.Type.Kind != row.Int)
			}
		}
		v.EndList()
	default:
		v.AppendNull()
	}
}

// checkSame compares the values of two vectors; bits behind the last value and what is under a NULL do
// not count.
func checkSame(t *testing.T, typ *row.Type, a, b *Vector) {
	t.Helper()
	if a.N != b.N || len(a.Off) != len(b.Off) || len(a.Children) != len(b.Children) {
		t.Fatalf("%s: %d values, want %d", typ, a.N, b.N)
	}
	for i := range a.N {
		if a.IsNull(i) != b.IsNull(i) {
			t.Fatalf("%s: value %d is NULL in one of them", typ, i)
		}
		if a.IsNull(i) {
			continue
		}
		x, y := New(typ), New(typ)
		x.AppendFrom(a, i)
		y.AppendFrom(b, i)
		if FormOf(typ) == FormDecimal {
			if x.Decimal(0) != y.Decimal(0) {
				t.Fatalf("%s: value %d is %v, want %v", typ, i, x.Decimal(0), y.Decimal(0))
			}
		} else if !reflect.DeepEqual(x, y) {
			t.Fatalf("%s: value %d is %+v, want %+v", typ, i, x, y)
		}
	}
}

// TestExtend extends vectors with and without NULLs, and fills what is new.
func TestExtend(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, typ := range []*row.Type{row.Of(row.Boolean), row.Of(row.Int), row.Of(row.BigInt), row.Of(row.Float), row.Of(row.Double), row.TimestampOf(3), row.TimestampOf(9)} {
		for n := range 150 {
			got, want := New(typ), New(typ)
			for range n {
				appendRandom(rng, got, n%2 == 0)
			}
			want.AppendRange(got, 0, n)
			got.Extend(70)
			from := New(typ)
			for i := range 70 {
				appendRandom(rng, from, false)
				want.AppendFrom(from, i)
			}
			copy(got.Bools[min(n, len(got.Bools)):], from.Bools)
			copy(got.I32[min(n, len(got.I32)):], from.I32)
			copy(got.I64[min(n, len(got.I64)):], from.I64)
			copy(got.F32[min(n, len(got.F32)):], from.F32)
			copy(got.F64[min(n, len(got.F64)):], from.F64)
			copy(got.Nanos[min(n, len(got.Nanos)):], from.Nanos)
			checkSame(t, typ, got, want)
		}
	}
}
