package column

import (
	"bytes"
	"math"
)

// Same reports whether value i of a and value j of b, which have types of the same form, are the same: NULLs are, and
// numbers bit by bit.
func Same(a *Vector, i int, b *Vector, j int) bool {
	if a.IsNull(i) || b.IsNull(j) {
		return a.IsNull(i) == b.IsNull(j)
	}
	switch FormOf(a.Type) {
	case FormBool:
		return a.Bools[i] == b.Bools[j]
	case FormI32:
		return a.I32[i] == b.I32[j]
	case FormI64:
		return a.I64[i] == b.I64[j]
	case FormDecimal:
		return a.Decimal(i) == b.Decimal(j)
	case FormTimestamp:
		return a.I64[i] == b.I64[j] && a.nanos(i) == b.nanos(j)
	case FormF32:
		return math.Float32bits(a.F32[i]) == math.Float32bits(b.F32[j])
	case FormF64:
		return math.Float64bits(a.F64[i]) == math.Float64bits(b.F64[j])
	case FormBytes:
		return bytes.Equal(a.Bytes(i), b.Bytes(j))
	case FormRow:
		for c, child := range a.Children {
			if !Same(child, i, b.Children[c], j) {
				return false
			}
		}
	case FormList, FormMap:
		from, to := a.Range(i)
		first, end := b.Range(j)
		if to-from != end-first {
			return false
		}
		for c, child := range a.Children {
			for k := range to - from {
				if !Same(child, from+k, b.Children[c], first+k) {
					return false
				}
			}
		}
	}
	return true
}

// nanos are the nanoseconds of a timestamp below the microsecond.
func (v *Vector) nanos(i int) int32 {
	if len(v.Nanos) == 0 {
		return 0
	}
	return v.Nanos[i]
}
