package colcodec

import (
	"encoding/binary"
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// SortColumn is a column that rows are ordered by.
type SortColumn struct {
	Type *row.Type
	// Desc has the greatest value first.
	Desc bool
	// NullsLast has NULL after all values, also where Desc is set; else it is before them.
	NullsLast bool
}

// Order encodes sort columns so that rows compare as their bytes do, and no encoding is the prefix of
// another. Texts are ordered by their bytes in UTF-8, false is before true, NaN is the greatest number,
// -0.0 is before 0.0, and arrays and rows compare element by element.
type Order struct{ columns []SortColumn }

// NewOrder returns the order by some columns. Maps and multisets have no order.
func NewOrder(columns []SortColumn) (*Order, error) {
	for _, c := range columns {
		if err := sortable(c.Type); err != nil {
			return nil, err
		}
	}
	return &Order{columns}, nil
}

func sortable(t *row.Type) error {
	switch t.Kind {
	case row.Map, row.Multiset:
		return fmt.Errorf("rows cannot be ordered by a value of type %s", t)
	case row.Array:
		return sortable(t.Elem)
	case row.Row:
		for _, f := range t.Fields {
			if err := sortable(f.Type); err != nil {
				return err
			}
		}
	}
	return nil
}

// What stands before a value, and in place of NULL.
const (
	nullFirst = 0
	notNull   = 1
	nullLast  = 2
)

// Append appends what the row at a place of the sort columns is ordered by.
func (o *Order) Append(dst []byte, cols []*column.Vector, place int) []byte {
	for i := range o.columns {
		c := &o.columns[i]
		if cols[i].IsNull(place) {
			null := byte(nullFirst)
			if c.NullsLast {
				null = nullLast
			}
			dst = append(dst, null)
			continue
		}
		dst = append(dst, notNull)
		at := len(dst)
		dst = appendOrdered(dst, c.Type, cols[i], place)
		if c.Desc {
			for j := at; j < len(dst); j++ {
				dst[j] = ^dst[j]
			}
		}
	}
	return dst
}

const sign = 1 << 63

// appendOrdered appends a value that is not NULL.
func appendOrdered(dst []byte, t *row.Type, v *column.Vector, place int) []byte {
	switch column.FormOf(t) {
	case column.FormBool:
		if v.Bools[place] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case column.FormI32:
		return binary.BigEndian.AppendUint32(dst, uint32(v.I32[place])^1<<31)
	case column.FormI64:
		return binary.BigEndian.AppendUint64(dst, uint64(v.I64[place])^sign)
	case column.FormF32:
		b := bits32(v.F32[place])
		return binary.BigEndian.AppendUint32(dst, b^(uint32(int32(b)>>31)|1<<31))
	case column.FormF64:
		b := bits64(v.F64[place])
		return binary.BigEndian.AppendUint64(dst, b^(uint64(int64(b)>>63)|sign))
	case column.FormDecimal:
		d := v.Decimal(place)
		if t.Precision > 18 {
			dst = binary.BigEndian.AppendUint64(dst, uint64(d.Hi)^sign)
			return binary.BigEndian.AppendUint64(dst, d.Lo)
		}
		return binary.BigEndian.AppendUint64(dst, d.Lo^sign)
	case column.FormTimestamp:
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.I64[place])^sign)
		if t.Precision > 6 {
			dst = binary.BigEndian.AppendUint32(dst, uint32(nanosOf(v, place)))
		}
		return dst
	case column.FormBytes:
		// A zero becomes 0 255, so that 0 0 at the end is before whatever a longer value goes on with.
		for _, b := range v.Bytes(place) {
			if dst = append(dst, b); b == 0 {
				dst = append(dst, 0xff)
			}
		}
		return append(dst, 0, 0)
	case column.FormRow:
		for i, f := range t.Fields {
			dst = appendElement(dst, f.Type, v.Children[i], place)
		}
		return dst
	case column.FormList:
		for from, to := v.Range(place); from < to; from++ {
			dst = append(dst, 1)
			dst = appendElement(dst, t.Elem, v.Children[0], from)
		}
		return append(dst, 0)
	}
	return dst
}

// appendElement appends a part of a value. NULL is before all others.
func appendElement(dst []byte, t *row.Type, v *column.Vector, place int) []byte {
	if v.IsNull(place) {
		return append(dst, nullFirst)
	}
	return appendOrdered(append(dst, notNull), t, v, place)
}
