package agg

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// wordsOf is how many words the values of a type take; 0 says that they have no fixed size.
func wordsOf(t *row.Type) int {
	switch column.FormOf(t) {
	case column.FormBool, column.FormI32, column.FormI64, column.FormF32, column.FormF64:
		return 1
	case column.FormDecimal:
		if t.Precision <= 18 {
			return 1
		}
		return 2
	case column.FormTimestamp:
		if t.Precision <= 6 {
			return 1
		}
		return 2
	}
	return 0
}

// load is the value at a place, as words that compare as the values do: the first one as a signed number, the second
// one, behind it, as an unsigned one. Floating-point numbers are turned so.
func load(v *column.Vector, p int) (a, b uint64) {
	switch column.FormOf(v.Type) {
	case column.FormBool:
		if v.Bools[p] {
			return 1, 0
		}
		return 0, 0
	case column.FormI32:
		return uint64(int64(v.I32[p])), 0
	case column.FormI64:
		return uint64(v.I64[p]), 0
	case column.FormF32:
		return ordered(float64(v.F32[p])), 0
	case column.FormF64:
		return ordered(v.F64[p]), 0
	case column.FormDecimal:
		d := v.Decimal(p)
		if v.Type.Precision <= 18 {
			return d.Lo, 0
		}
		return uint64(d.Hi), d.Lo
	}
	if v.Type.Precision <= 6 {
		return uint64(v.I64[p]), 0
	}
	return uint64(v.I64[p]), uint64(v.Nanos[p])
}

// store appends a value of words to a vector.
func store(v *column.Vector, a, b uint64) {
	switch column.FormOf(v.Type) {
	case column.FormBool:
		v.AppendBool(a != 0)
	case column.FormI32:
		v.AppendI32(int32(a))
	case column.FormI64:
		v.AppendI64(int64(a))
	case column.FormF32:
		v.AppendF32(float32(unordered(a)))
	case column.FormF64:
		v.AppendF64(unordered(a))
	case column.FormDecimal:
		if v.Type.Precision <= 18 {
			v.AppendDecimal(column.Int128From(int64(a)))
		} else {
			v.AppendDecimal(column.Int128{Hi: int64(a), Lo: b})
		}
	case column.FormTimestamp:
		v.AppendTimestamp(int64(a), int32(b))
	}
}

// ordered is a floating-point number as a word that is ordered as a signed number: NaN is the greatest, and the same
// as any other.
func ordered(f float64) uint64 {
	if f != f {
		return math.MaxInt64
	}
	x := math.Float64bits(f)
	return x ^ uint64(int64(x)>>63)&math.MaxInt64
}

func unordered(x uint64) float64 {
	if x == math.MaxInt64 {
		return math.NaN()
	}
	return math.Float64frombits(x ^ uint64(int64(x)>>63)&math.MaxInt64)
}

// signedWord is a word that is a signed number.
func signedWord(a Acc, i int) *int64 { return (*int64)(unsafe.Pointer(word(a, i))) }

// isLess compares values as load has them.
func isLess(a, b, c, d uint64) bool { return int64(a) < int64(c) || a == c && b < d }

// wide is a sum of DECIMALs in 192 bits, which no number of rows exceeds.
const wideWords = 3

// addWide adds x, or takes it away.
func addWide(a Acc, at int, x column.Int128, minus bool) {
	lo, mid, hi := word(a, at), word(a, at+1), word(a, at+2)
	top := uint64(x.Hi >> 63)
	var c uint64
	if minus {
		*lo, c = bits.Sub64(*lo, x.Lo, 0)
		*mid, c = bits.Sub64(*mid, uint64(x.Hi), c)
		*hi, _ = bits.Sub64(*hi, top, c)
		return
	}
	*lo, c = bits.Add64(*lo, x.Lo, 0)
	*mid, c = bits.Add64(*mid, uint64(x.Hi), c)
	*hi, _ = bits.Add64(*hi, top, c)
}

// mergeWide adds one sum to another.
func mergeWide(dst, src Acc, at int) {
	var c uint64
	for i := range wideWords {
		*word(dst, at+i), c = bits.Add64(*word(dst, at+i), *word(src, at+i), c)
	}
}

// wide is a sum; ok is false if 128 bits are not enough.
func wide(a Acc, at int) (x column.Int128, ok bool) {
	x = column.Int128{Hi: int64(*word(a, at+1)), Lo: *word(a, at)}
	return x, *word(a, at+2) == uint64(x.Hi>>63)
}

// fits reports whether a number has no more digits than a precision.
func fits(x column.Int128, precision int) bool {
	if x.Sign() < 0 {
		x = x.Neg()
	}
	return x.Sign() >= 0 && x.Cmp(column.PowersOf10[precision]) < 0
}
