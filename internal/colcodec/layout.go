package colcodec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

var errRow = errors.New("a row of columns is cut off")

// Layout encodes columns of one row: see the package comment. It is not safe for concurrent use.
type Layout struct {
	types   []*row.Type
	forms   []column.Form
	nested  []*Layout // of the fields of a ROW, the element of an ARRAY, the entry of a MAP
	scratch []byte
}

// NewLayout returns the layout of columns of some types.
func NewLayout(types []*row.Type) *Layout {
	l := &Layout{types: types}
	for _, t := range types {
		form := column.FormOf(t)
		var nested *Layout
		switch t.Kind {
		case row.Row:
			var fields []*row.Type
			for _, f := range t.Fields {
				fields = append(fields, f.Type)
			}
			nested = NewLayout(fields)
		case row.Array:
			nested = NewLayout([]*row.Type{t.Elem})
		case row.Multiset:
			nested, form = NewLayout([]*row.Type{t.Elem, row.Of(row.Int)}), column.FormMap
		case row.Map:
			nested = NewLayout([]*row.Type{t.Key, t.Elem})
		}
		l.forms = append(l.forms, form)
		l.nested = append(l.nested, nested)
	}
	return l
}

// Types are the types of the columns.
func (l *Layout) Types() []*row.Type { return l.types }

// Append appends the row at a place of columns.
func (l *Layout) Append(dst []byte, cols []*column.Vector, place int) []byte {
	at := len(dst)
	for range (len(cols) + 7) >> 3 {
		dst = append(dst, 0)
	}
	for i, v := range cols {
		if !v.IsNull(place) {
			dst[at+i>>3] |= 1 << (i & 7)
			dst = l.appendValue(dst, i, v, place)
		}
	}
	return dst
}

// appendValue appends a value of column i that is not NULL.
func (l *Layout) appendValue(dst []byte, i int, v *column.Vector, place int) []byte {
	switch l.forms[i] {
	case column.FormBool:
		if v.Bools[place] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case column.FormI32:
		return binary.AppendVarint(dst, int64(v.I32[place]))
	case column.FormI64:
		return binary.AppendVarint(dst, v.I64[place])
	case column.FormF32:
		return binary.LittleEndian.AppendUint32(dst, bits32(v.F32[place]))
	case column.FormF64:
		return binary.LittleEndian.AppendUint64(dst, bits64(v.F64[place]))
	case column.FormDecimal:
		return appendDecimal(dst, l.types[i], v.Decimal(place))
	case column.FormTimestamp:
		dst = binary.AppendVarint(dst, v.I64[place])
		if l.types[i].Precision > 6 {
			dst = binary.AppendUvarint(dst, uint64(nanosOf(v, place)))
		}
		return dst
	case column.FormBytes:
		b := v.Bytes(place)
		return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
	case column.FormRow:
		return l.nested[i].Append(dst, v.Children, place)
	case column.FormList:
		from, to := v.Range(place)
		dst = binary.AppendUvarint(dst, uint64(to-from))
		for ; from < to; from++ {
			dst = l.nested[i].Append(dst, v.Children, from)
		}
		return dst
	case column.FormMap:
		return l.nested[i].appendEntries(dst, v, place)
	}
	return dst
}

// appendEntries appends the entries of a map in the order of their bytes.
func (l *Layout) appendEntries(dst []byte, v *column.Vector, place int) []byte {
	from, to := v.Range(place)
	dst = binary.AppendUvarint(dst, uint64(to-from))
	at := len(dst)
	ends := make([]int, 0, 16)
	for ; from < to; from++ {
		dst = l.Append(dst, v.Children, from)
		ends = append(ends, len(dst))
	}
	l.scratch = append(l.scratch[:0], dst[at:]...)
	entries := make([][]byte, len(ends))
	for k, begin := 0, at; k < len(ends); k++ {
		entries[k] = l.scratch[begin-at : ends[k]-at]
		begin = ends[k]
	}
	slices.SortFunc(entries, bytes.Compare)
	dst = dst[:at]
	for _, e := range entries {
		dst = append(dst, e...)
	}
	return dst
}

func appendDecimal(dst []byte, t *row.Type, d column.Int128) []byte {
	if t.Precision <= 18 {
		return binary.AppendVarint(dst, int64(d.Lo))
	}
	if d.IsInt64() {
		return binary.AppendVarint(append(dst, 0), int64(d.Lo))
	}
	dst = binary.LittleEndian.AppendUint64(append(dst, 1), d.Lo)
	return binary.LittleEndian.AppendUint64(dst, uint64(d.Hi))
}

func nanosOf(v *column.Vector, place int) int32 {
	if v.Type.Precision > 6 {
		return v.Nanos[place]
	}
	return 0
}

// bits32 is the bits of a number, all NaN being one.
func bits32(f float32) uint32 {
	if f != f {
		return 0x7fc00000
	}
	return math.Float32bits(f)
}

// bits64 is bits32 of a DOUBLE.
func bits64(f float64) uint64 {
	if f != f {
		return 0x7ff8000000000000
	}
	return math.Float64bits(f)
}

// Decode appends the row at the head of src to columns, and returns what follows it. After an error
// the columns are of no use.
func (l *Layout) Decode(src []byte, cols []*column.Vector) (rest []byte, err error) {
	d := decoder{src: src}
	l.decode(&d, cols)
	if d.bad {
		return nil, errRow
	}
	return d.src, nil
}

func (l *Layout) decode(d *decoder, cols []*column.Vector) {
	valid := d.take((len(l.types) + 7) >> 3)
	for i := range l.types {
		if d.bad {
			return
		}
		if valid[i>>3]>>(i&7)&1 == 0 {
			cols[i].AppendNull()
			continue
		}
		l.decodeValue(d, i, cols[i])
	}
}

func (l *Layout) decodeValue(d *decoder, i int, v *column.Vector) {
	switch l.forms[i] {
	case column.FormBool:
		v.AppendBool(d.byte() != 0)
	case column.FormI32:
		v.AppendI32(int32(d.varint()))
	case column.FormI64:
		v.AppendI64(d.varint())
	case column.FormF32:
		v.AppendF32(math.Float32frombits(d.uint32()))
	case column.FormF64:
		v.AppendF64(math.Float64frombits(d.uint64()))
	case column.FormDecimal:
		v.AppendDecimal(d.decimal(l.types[i]))
	case column.FormTimestamp:
		micros, nanos := d.varint(), uint64(0)
		if l.types[i].Precision > 6 {
			nanos = d.uvarint()
		}
		v.AppendTimestamp(micros, int32(nanos))
	case column.FormBytes:
		v.AppendBytes(d.bytes())
	case column.FormRow:
		l.nested[i].decode(d, v.Children)
		v.EndRow()
	case column.FormList, column.FormMap:
		n := d.uvarint()
		if n > uint64(len(d.src)) { // each element takes a byte at least
			d.bad = true
		}
		for ; n > 0 && !d.bad; n-- {
			l.nested[i].decode(d, v.Children)
		}
		if !d.bad {
			v.EndList()
		}
	default:
		d.bad = true // a value of no form is NULL
	}
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.src)) {
		d.bad = true
		return nil
	}
	return d.take(int(n))
}

func (d *decoder) uint32() uint32 {
	if b := d.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) decimal(t *row.Type) column.Int128 {
	if t.Precision <= 18 || d.byte() == 0 {
		return column.Int128From(d.varint())
	}
	lo := d.uint64()
	return column.Int128{Hi: int64(d.uint64()), Lo: lo}
}
