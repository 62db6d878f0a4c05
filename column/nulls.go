package column

import "slices"

// AppendNulls appends n NULLs, at less cost than one by one.
func (v *Vector) AppendNulls(n int) {
	if n == 0 {
		return
	}
	switch FormOf(v.Type) {
	case FormBool:
		v.Bools = zeros(v.Bools, n)
	case FormI32:
		v.I32 = zeros(v.I32, n)
	case FormI64, FormDecimal, FormTimestamp:
		v.I64 = zeros(v.I64, n)
		if v.Hi != nil {
			v.Hi = zeros(v.Hi, n)
		}
		if v.Type.Precision > 6 && v.Type.IsTimestamp() {
			v.Nanos = zeros(v.Nanos, n)
		}
	case FormF32:
		v.F32 = zeros(v.F32, n)
	case FormF64:
		v.F64 = zeros(v.F64, n)
	case FormBytes, FormList, FormMap:
		at := len(v.Off)
		v.Off = slices.Grow(v.Off, n)[:at+n]
		for i := at; i < at+n; i++ {
			v.Off[i] = v.Off[at-1]
		}
	case FormRow:
		for _, c := range v.Children {
			c.AppendNulls(n)
		}
	}
	v.appendedNulls(n)
}

func zeros[E any](s []E, n int) []E {
	at := len(s)
	s = slices.Grow(s, n)[:at+n]
	clear(s[at:])
	return s
}

func (v *Vector) appendedNulls(n int) {
	if v.Valid == nil {
		v.Valid = NewBitmap(v.N, true)
	}
	end := v.N + n
	for len(v.Valid)<<6 < end {
		v.Valid = append(v.Valid, ^uint64(0))
	}
	for v.N < end { // those in one word at once
		first := v.N & 63
		k := min(64-first, end-v.N)
		v.Valid[v.N>>6] &^= (^uint64(0) >> (64 - k)) << first
		v.N += k
	}
}
