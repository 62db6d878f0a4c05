package column

import (
	"slices"

	"github.com/flott-dev/flott/row"
)

// AppendAll appends the values at some places of another vector of the same form.
func (v *Vector) AppendAll(from *Vector, places []int32) {
	if len(places) == 0 {
		return
	}
	if from.Type.Kind == row.Null {
		for range places {
			v.AppendNull()
		}
		return
	}
	valid := from.areValid(places)
	switch FormOf(v.Type) {
	case FormBool:
		v.Bools = gather(v.Bools, from.Bools, places)
	case FormI32:
		v.I32 = gather(v.I32, from.I32, places)
	case FormI64:
		v.I64 = gather(v.I64, from.I64, places)
	case FormDecimal:
		v.appendDecimals(from, places)
	case FormTimestamp:
		v.I64 = gather(v.I64, from.I64, places)
		switch {
		case v.Type.Precision <= 6:
		case from.Type.Precision > 6:
			v.Nanos = gather(v.Nanos, from.Nanos, places)
		default:
			v.Nanos = append(v.Nanos, make([]int32, len(places))...)
		}
	case FormF32:
		v.F32 = gather(v.F32, from.F32, places)
	case FormF64:
		v.F64 = gather(v.F64, from.F64, places)
	case FormBytes:
		v.appendBytes(from, places, valid)
	case FormRow:
		for c, child := range v.Children {
			child.AppendAll(from.Children[c], places)
		}
	case FormList, FormMap:
		for _, p := range places {
			end := v.Off[len(v.Off)-1]
			if !from.IsNull(int(p)) {
				a, b := from.Range(int(p))
				for c, child := range v.Children {
					child.AppendRange(from.Children[c], a, b)
				}
				end += uint32(b - a)
			}
			v.Off = append(v.Off, end)
		}
	}
	v.appendValid(from, places, valid)
}

// areValid reports whether none of the values at some places is NULL.
func (v *Vector) areValid(places []int32) bool {
	if v.Valid == nil {
		return true
	}
	all := uint64(1)
	for _, p := range places {
		all &= v.Valid[p>>6] >> (uint32(p) & 63)
	}
	return all != 0
}

func gather[E any](dst, src []E, places []int32) []E {
	n := len(dst)
	dst = slices.Grow(dst, len(places))[:n+len(places)]
	out := dst[n:]
	for i, p := range places {
		out[i] = src[p]
	}
	return dst
}

func (v *Vector) appendDecimals(from *Vector, places []int32) {
	if from.Hi != nil && v.Hi == nil {
		v.widen()
	}
	v.I64 = gather(v.I64, from.I64, places)
	switch {
	case v.Hi == nil:
	case from.Hi != nil:
		v.Hi = gather(v.Hi, from.Hi, places)
	default:
		for _, p := range places {
			v.Hi = append(v.Hi, from.I64[p]>>63)
		}
	}
}

func (v *Vector) appendBytes(from *Vector, places []int32, valid bool) {
	// The bytes are counted first, so that they get their memory at once. NULL has no bytes that count.
	n := len(v.Off)
	v.Off = slices.Grow(v.Off, len(places))[:n+len(places)]
	off, at := v.Off[n:], uint32(len(v.Data))
	for i, p := range places {
		if valid || from.Valid.Has(int(p)) {
			at += from.Off[p+1] - from.Off[p]
		}
		off[i] = at
	}
	at = uint32(len(v.Data))
	v.Data = slices.Grow(v.Data, int(off[len(off)-1]-at))[:off[len(off)-1]]
	for i := 0; i < len(places); i++ {
		p := places[i]
		if valid { // what stands side by side is copied at once
			for i+1 < len(places) && places[i+1] == places[i]+1 {
				i++
			}
		}
		if off[i] > at {
			at += uint32(copy(v.Data[at:off[i]], from.Data[from.Off[p]:]))
		}
	}
}

// Extend appends n values that are not NULL: unspecified ones where they have a fixed size; those of other
// forms, and the fields of rows, are appended by the caller, before or after.
func (v *Vector) Extend(n int) {
	switch FormOf(v.Type) {
	case FormBool:
		v.Bools = extend(v.Bools, n)
	case FormI32:
		v.I32 = extend(v.I32, n)
	case FormI64, FormDecimal:
		v.I64 = extend(v.I64, n)
		if v.Hi != nil {
			v.Hi = extend(v.Hi, n)
		}
	case FormTimestamp:
		v.I64 = extend(v.I64, n)
		if v.Type.Precision > 6 {
			v.Nanos = zeros(v.Nanos, n)
		}
	case FormF32:
		v.F32 = extend(v.F32, n)
	case FormF64:
		v.F64 = extend(v.F64, n)
	}
	v.N += n
	if v.Valid == nil {
		return
	}
	for i := v.N - n; i < v.N; i++ {
		if i>>6 >= len(v.Valid) {
			v.Valid = append(v.Valid, ^uint64(0))
		}
		v.Valid.Set(i)
	}
}

func extend[E any](s []E, n int) []E { return slices.Grow(s, n)[:len(s)+n] }

// appendValid ends the appending of values: it counts them, and says which are NULL.
func (v *Vector) appendValid(from *Vector, places []int32, valid bool) {
	n := v.N
	v.N += len(places)
	if v.Valid == nil && valid {
		return
	}
	if v.Valid == nil {
		v.Valid = NewBitmap(n, true)
	}
	for len(v.Valid)<<6 < v.N {
		v.Valid = append(v.Valid, ^uint64(0))
	}
	if from.Valid == nil {
		for i := n; i < v.N; i++ {
			v.Valid.Set(i)
		}
		return
	}
	// The bits of a word are put together before it is written.
	for len(places) > 0 {
		bit := n & 63
		k := min(64-bit, len(places))
		word := uint64(0)
		for i, p := range places[:k] {
			word |= from.Valid[p>>6] >> (uint32(p) & 63) & 1 << i
		}
		v.Valid[n>>6] = v.Valid[n>>6]&^(^uint64(0)>>(64-k)<<bit) | word<<bit
		n, places = n+k, places[k:]
	}
}

// AppendRange appends the values a … b-1 of another vector of the same form.
func (v *Vector) AppendRange(from *Vector, a, b int) {
	if from.Valid == nil && v.Valid == nil && a < b && from.Type.Kind != row.Null && v.appendValues(from, a, b) {
		v.N += b - a
		return
	}
	var some [64]int32
	for a < b {
		places := some[:min(len(some), b-a)]
		for i := range places {
			places[i] = int32(a + i)
		}
		v.AppendAll(from, places)
		a += len(places)
	}
}

// Reserve makes room for n more values that are as long as those of another vector are on average. It spares a large
// vector to lie in memory twice while it grows, and being copied.
func (v *Vector) Reserve(from *Vector, n int) {
	if from.N == 0 {
		return
	}
	room(&v.Bools, from.Bools, n, from.N)
	room(&v.I32, from.I32, n, from.N)
	room(&v.I64, from.I64, n, from.N)
	room(&v.F32, from.F32, n, from.N)
	room(&v.F64, from.F64, n, from.N)
	room(&v.Nanos, from.Nanos, n, from.N)
	room(&v.Off, from.Off, n, from.N)
	room(&v.Data, from.Data, n, from.N)
	for c, child := range v.Children {
		child.Reserve(from.Children[c], int(int64(n)*int64(from.Children[c].N)/int64(from.N)))
	}
}

// room makes room for n/of times as much as there is in from.
func room[T any](to *[]T, from []T, n, of int) {
	more := int(int64(len(from)) * int64(n) / int64(of))
	if more <= cap(*to)-len(*to) {
		return
	}
	if len(*to) == 0 {
		*to = nil // which is not to be in memory beside the larger one
	}
	*to = slices.Grow(*to, more)
}

// Size is the number of bytes that the values take in memory.
func (v *Vector) Size() int {
	n := len(v.Bools) + 4*(len(v.I32)+len(v.F32)+len(v.Nanos)+len(v.Off)) +
		8*(len(v.I64)+len(v.Hi)+len(v.F64)+len(v.Valid)) + len(v.Data)
	for _, c := range v.Children {
		n += c.Size()
	}
	return n
}

// appendValues appends values of which none is NULL, without counting them; it reports false and appends nothing where that
// takes more than copying.
func (v *Vector) appendValues(from *Vector, a, b int) bool {
	switch FormOf(v.Type) {
	case FormBool:
		v.Bools = append(v.Bools, from.Bools[a:b]...)
	case FormI32:
		v.I32 = append(v.I32, from.I32[a:b]...)
	case FormI64:
		v.I64 = append(v.I64, from.I64[a:b]...)
	case FormDecimal:
		if v.Hi != nil || from.Hi != nil {
			return false
		}
		v.I64 = append(v.I64, from.I64[a:b]...)
	case FormTimestamp:
		if v.Type.Precision > 6 {
			return false
		}
		v.I64 = append(v.I64, from.I64[a:b]...)
	case FormF32:
		v.F32 = append(v.F32, from.F32[a:b]...)
	case FormF64:
		v.F64 = append(v.F64, from.F64[a:b]...)
	case FormBytes:
		v.Data = append(v.Data, from.Data[from.Off[a]:from.Off[b]]...)
		v.appendOffsets(from, a, b)
	case FormRow:
		for c, child := range v.Children {
			child.AppendRange(from.Children[c], a, b)
		}
	case FormList, FormMap:
		for c, child := range v.Children {
			child.AppendRange(from.Children[c], int(from.Off[a]), int(from.Off[b]))
		}
		v.appendOffsets(from, a, b)
	default:
		return false
	}
	return true
}

// appendOffsets appends the ends of values, as far behind the last one as they are in from behind the value before a.
func (v *Vector) appendOffsets(from *Vector, a, b int) {
	shift := v.Off[len(v.Off)-1] - from.Off[a]
	for _, end := range from.Off[a+1 : b+1] {
		v.Off = append(v.Off, end+shift)
	}
}
