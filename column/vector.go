package column

import (
	"fmt"

	"github.com/flott-dev/flott/row"
)

// Vector has the values of a column. See the package comment for which fields are in use. A Vector is
// not changed once others see it.
type Vector struct {
	Type  *row.Type
	N     int
	Valid Bitmap

	Bools    []bool
	I32      []int32
	I64      []int64
	Hi       []int64
	F32      []float32
	F64      []float64
	Nanos    []int32
	Off      []uint32
	Data     []byte
	Children []*Vector
}

// New returns an empty Vector for values of a type.
func New(t *row.Type) *Vector {
	v := &Vector{Type: t}
	switch t.Kind {
	case row.Row:
		for _, f := range t.Fields {
			v.Children = append(v.Children, New(f.Type))
		}
	case row.Array:
		v.Children = []*Vector{New(t.Elem)}
	case row.Multiset:
		v.Children = []*Vector{New(t.Elem), New(row.Of(row.Int).Nullable(false))}
	case row.Map:
		v.Children = []*Vector{New(t.Key), New(t.Elem)}
	}
	v.Reset()
	return v
}

// Form is how the values of a type lie in a Vector.
type Form uint8

// The forms of values.
const (
	FormNone Form = iota // of NULL
	FormBool
	FormI32
	FormI64
	FormF32
	FormF64
	FormDecimal
	FormTimestamp
	FormBytes
	FormRow
	FormList
	FormMap
)

// FormOf is the form of a type's values.
func FormOf(t *row.Type) Form {
	switch t.Kind {
	case row.Boolean:
		return FormBool
	case row.TinyInt, row.SmallInt, row.Int, row.Date, row.Time, row.IntervalMonth:
		return FormI32
	case row.BigInt, row.IntervalDay:
		return FormI64
	case row.Float:
		return FormF32
	case row.Double:
		return FormF64
	case row.Decimal:
		return FormDecimal
	case row.Timestamp, row.TimestampLTZ:
		return FormTimestamp
	case row.Char, row.Varchar, row.Binary, row.Varbinary, row.Raw, row.Variant:
		return FormBytes
	case row.Row:
		return FormRow
	case row.Array, row.Multiset:
		return FormList
	case row.Map:
		return FormMap
	}
	return FormNone
}

// Reset makes the vector empty and keeps its memory.
func (v *Vector) Reset() {
	v.N, v.Valid = 0, nil
	v.Bools, v.I32, v.I64, v.Hi = v.Bools[:0], v.I32[:0], v.I64[:0], nil
	v.F32, v.F64, v.Nanos = v.F32[:0], v.F64[:0], v.Nanos[:0]
	v.Data = v.Data[:0]
	switch FormOf(v.Type) {
	case FormBytes, FormList, FormMap:
		v.Off = append(v.Off[:0], 0)
	}
	for _, c := range v.Children {
		c.Reset()
	}
}

// Truncate drops all values from a number of them on; with more than there are it does nothing, so
// that it takes back a value of which parts only have been appended.
func (v *Vector) Truncate(n int) {
	switch FormOf(v.Type) {
	case FormBool:
		v.Bools = cut(v.Bools, n)
	case FormI32:
		v.I32 = cut(v.I32, n)
	case FormI64, FormDecimal, FormTimestamp:
		v.I64, v.Hi, v.Nanos = cut(v.I64, n), cut(v.Hi, n), cut(v.Nanos, n)
	case FormF32:
		v.F32 = cut(v.F32, n)
	case FormF64:
		v.F64 = cut(v.F64, n)
	case FormBytes:
		v.Off = cut(v.Off, n+1)
		v.Data = v.Data[:v.Off[len(v.Off)-1]]
	case FormList, FormMap:
		v.Off = cut(v.Off, n+1)
		for _, c := range v.Children {
			c.Truncate(int(v.Off[len(v.Off)-1]))
		}
	case FormRow:
		for _, c := range v.Children {
			c.Truncate(n)
		}
	}
	v.N = min(v.N, n)
	if words := (n + 63) >> 6; v.Valid != nil && len(v.Valid) > words {
		v.Valid = v.Valid[:words]
	}
}

func cut[T any](s []T, n int) []T { return s[:min(n, len(s))] }

// Resize makes room for n values, which are unspecified and not NULL, in place of those there are. A
// vector of bytes, lists or maps cannot be resized: its values are appended.
func (v *Vector) Resize(n int) {
	v.N, v.Valid, v.Hi = n, nil, nil
	switch FormOf(v.Type) {
	case FormNone:
	case FormBool:
		v.Bools = resize(v.Bools, n)
	case FormI32:
		v.I32 = resize(v.I32, n)
	case FormI64, FormDecimal:
		v.I64 = resize(v.I64, n)
	case FormTimestamp:
		v.I64 = resize(v.I64, n)
		if v.Type.Precision > 6 {
			v.Nanos = resize(v.Nanos, n)
		}
	case FormF32:
		v.F32 = resize(v.F32, n)
	case FormF64:
		v.F64 = resize(v.F64, n)
	case FormRow:
		for _, c := range v.Children {
			c.Resize(n)
		}
	default:
		panic(fmt.Sprintf("column: a vector of %s is resized", v.Type))
	}
}

func resize[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	return make([]T, n, max(n, 2*cap(s)))
}

// IsNull reports whether value i is NULL.
func (v *Vector) IsNull(i int) bool { return v.Type.Kind == row.Null || !v.Valid.Has(i) }

// SetNull makes value i NULL.
func (v *Vector) SetNull(i int) {
	if v.Valid == nil {
		v.Valid = NewBitmap(v.N, true)
	}
	v.Valid.Clear(i)
}

// Bytes is value i of a vector of bytes, valid as long as the vector.
func (v *Vector) Bytes(i int) []byte { return v.Data[v.Off[i]:v.Off[i+1]] }

// Range is where the elements of list or map i are in its children.
func (v *Vector) Range(i int) (from, to int) { return int(v.Off[i]), int(v.Off[i+1]) }

// Decimal is the unscaled value i of a vector of decimals.
func (v *Vector) Decimal(i int) Int128 {
	if v.Hi == nil {
		return Int128From(v.I64[i])
	}
	return Int128{Hi: v.Hi[i], Lo: uint64(v.I64[i])}
}

// SetDecimal sets the unscaled value i of a vector of decimals.
func (v *Vector) SetDecimal(i int, d Int128) {
	if v.Hi == nil {
		if d.IsInt64() {
			v.I64[i] = int64(d.Lo)
			return
		}
		v.widen()
	}
	v.Hi[i], v.I64[i] = d.Hi, int64(d.Lo)
}

// widen gives decimals their upper 64 bits.
func (v *Vector) widen() {
	v.Hi = make([]int64, len(v.I64), cap(v.I64))
	for i, lo := range v.I64 {
		v.Hi[i] = lo >> 63
	}
}

// appended is called when a value has been appended.
func (v *Vector) appended(valid bool) {
	i := v.N
	v.N++
	if v.Valid == nil {
		if valid {
			return
		}
		v.Valid = NewBitmap(i, true)
	}
	if i>>6 >= len(v.Valid) {
		v.Valid = append(v.Valid, ^uint64(0))
	}
	if valid {
		v.Valid.Set(i)
	} else {
		v.Valid.Clear(i)
	}
}

// AppendNull appends NULL.
func (v *Vector) AppendNull() {
	switch FormOf(v.Type) {
	case FormBool:
		v.Bools = append(v.Bools, false)
	case FormI32:
		v.I32 = append(v.I32, 0)
	case FormI64, FormDecimal, FormTimestamp:
		v.I64 = append(v.I64, 0)
		if v.Hi != nil {
			v.Hi = append(v.Hi, 0)
		}
		if v.Type.Precision > 6 && v.Type.IsTimestamp() {
			v.Nanos = append(v.Nanos, 0)
		}
	case FormF32:
		v.F32 = append(v.F32, 0)
	case FormF64:
		v.F64 = append(v.F64, 0)
	case FormBytes, FormList, FormMap:
		v.Off = append(v.Off, v.Off[len(v.Off)-1])
	case FormRow:
		for _, c := range v.Children {
			c.AppendNull()
		}
	}
	v.appended(false)
}

// AppendBytes appends a value to a vector of bytes.
func (v *Vector) AppendBytes(b []byte) {
	v.Data = append(v.Data, b...)
	v.EndBytes()
}

// AppendString is AppendBytes.
func (v *Vector) AppendString(s string) {
	v.Data = append(v.Data, s...)
	v.EndBytes()
}

// EndBytes ends a value of bytes, which the caller has appended to Data.
func (v *Vector) EndBytes() {
	v.Off = append(v.Off, uint32(len(v.Data)))
	v.appended(true)
}

// EndList ends a list or a map whose elements the caller has appended to the children.
func (v *Vector) EndList() {
	v.Off = append(v.Off, uint32(v.Children[0].N))
	v.appended(true)
}

// EndRow ends a row whose fields the caller has appended to the children.
func (v *Vector) EndRow() { v.appended(true) }

// AppendBool appends a BOOLEAN.
func (v *Vector) AppendBool(x bool) {
	v.Bools = append(v.Bools, x)
	v.appended(true)
}

// AppendI32 appends a value of form I32.
func (v *Vector) AppendI32(x int32) {
	v.I32 = append(v.I32, x)
	v.appended(true)
}

// AppendI64 appends a value of form I64.
func (v *Vector) AppendI64(x int64) {
	v.I64 = append(v.I64, x)
	v.appended(true)
}

// AppendF32 appends a FLOAT.
func (v *Vector) AppendF32(x float32) {
	v.F32 = append(v.F32, x)
	v.appended(true)
}

// AppendF64 appends a DOUBLE.
func (v *Vector) AppendF64(x float64) {
	v.F64 = append(v.F64, x)
	v.appended(true)
}

// AppendDecimal appends the unscaled value of a DECIMAL.
func (v *Vector) AppendDecimal(d Int128) {
	if v.Hi == nil && !d.IsInt64() {
		v.widen()
	}
	v.I64 = append(v.I64, int64(d.Lo))
	if v.Hi != nil {
		v.Hi = append(v.Hi, d.Hi)
	}
	v.appended(true)
}

// AppendTimestamp appends a timestamp of microseconds since 1970 and 0 to 999 nanoseconds.
func (v *Vector) AppendTimestamp(micros int64, nanos int32) {
	v.I64 = append(v.I64, micros)
	if v.Type.Precision > 6 {
		v.Nanos = append(v.Nanos, nanos)
	}
	v.appended(true)
}

// AppendFrom appends value i of another vector of the same form.
func (v *Vector) AppendFrom(from *Vector, i int) {
	if from.IsNull(i) {
		v.AppendNull()
		return
	}
	switch FormOf(v.Type) {
	case FormBool:
		v.AppendBool(from.Bools[i])
	case FormI32:
		v.AppendI32(from.I32[i])
	case FormI64:
		v.AppendI64(from.I64[i])
	case FormDecimal:
		v.AppendDecimal(from.Decimal(i))
	case FormTimestamp:
		nanos := int32(0)
		if from.Type.Precision > 6 {
			nanos = from.Nanos[i]
		}
		v.AppendTimestamp(from.I64[i], nanos)
	case FormF32:
		v.AppendF32(from.F32[i])
	case FormF64:
		v.AppendF64(from.F64[i])
	case FormBytes:
		v.AppendBytes(from.Bytes(i))
	case FormRow:
		for c, child := range v.Children {
			child.AppendFrom(from.Children[c], i)
		}
		v.EndRow()
	case FormList, FormMap:
		a, b := from.Range(i)
		for c, child := range v.Children {
			for j := a; j < b; j++ {
				child.AppendFrom(from.Children[c], j)
			}
		}
		v.EndList()
	}
}
