package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// encoder writes rows as records.
type encoder struct {
	fields []row.Field
	millis func(t *row.Type) bool // whether timestamps are in milliseconds
}

// Append appends a record.
//
//flott:hot
func (e *encoder) Append(dst []byte, b *column.Batch, place int) ([]byte, error) {
	begin := len(dst)
	for i, f := range e.fields {
		var err error
		if dst, err = e.nullable(dst, f.Type, b.Cols[i], place); err != nil {
			return dst[:begin], fmt.Errorf("column %s: %w", f.Name, err)
		}
	}
	return dst, nil
}

var (
	errNull    = errors.New("the value is NULL, and the type is NOT NULL")
	errNullKey = errors.New("a key of a map is NULL, which the format avro does not have")
)

// nullable appends a value of a type: behind the number of the branch, if it may be NULL.
func (e *encoder) nullable(dst []byte, t *row.Type, v *column.Vector, i int) ([]byte, error) {
	null := v.IsNull(i)
	switch {
	case t.NotNull && null:
		return dst, errNull
	case t.NotNull:
	case null:
		return append(dst, 0), nil
	default:
		dst = append(dst, 2)
	}
	return e.value(dst, t, v, i)
}

func (e *encoder) value(dst []byte, t *row.Type, v *column.Vector, i int) ([]byte, error) {
	switch column.FormOf(t) {
	case column.FormBool:
		if v.Bools[i] {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case column.FormI32:
		return binary.AppendVarint(dst, int64(v.I32[i])), nil
	case column.FormI64:
		return binary.AppendVarint(dst, v.I64[i]), nil
	case column.FormF32:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v.F32[i])), nil
	case column.FormF64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.F64[i])), nil
	case column.FormTimestamp:
		x := v.I64[i]
		if e.millis(t) {
			x = floorDiv(x, 1000)
		}
		return binary.AppendVarint(dst, x), nil
	case column.FormDecimal:
		return appendDecimal(dst, v.Decimal(i)), nil
	case column.FormBytes:
		s := v.Bytes(i)
		return append(binary.AppendVarint(dst, int64(len(s))), s...), nil
	case column.FormRow:
		for k, f := range t.Fields {
			var err error
			if dst, err = e.nullable(dst, f.Type, v.Children[k], i); err != nil {
				return dst, fmt.Errorf("field %s: %w", f.Name, err)
			}
		}
		return dst, nil
	}
	return e.items(dst, t, v, i)
}

var multisetCount = row.Of(row.Int)

// items appends the elements of an array or a map, in one block.
func (e *encoder) items(dst []byte, t *row.Type, v *column.Vector, i int) (_ []byte, err error) {
	from, to := v.Range(i)
	if from == to {
		return append(dst, 0), nil
	}
	dst = binary.AppendVarint(dst, int64(to-from))
	for k := from; k < to; k++ {
		if t.Kind == row.Array {
			dst, err = e.nullable(dst, t.Elem, v.Children[0], k)
		} else {
			if v.Children[0].IsNull(k) {
				return dst, errNullKey
			}
			key := v.Children[0].Bytes(k)
			dst = append(binary.AppendVarint(dst, int64(len(key))), key...)
			elem := t.Elem
			if t.Kind == row.Multiset {
				elem = multisetCount
			}
			dst, err = e.nullable(dst, elem, v.Children[1], k)
		}
		if err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

// appendDecimal appends the fewest bytes that hold a number in two's complement, the highest first.
func appendDecimal(dst []byte, d column.Int128) []byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(d.Hi))
	binary.BigEndian.PutUint64(b[8:], d.Lo)
	n := 0
	for n < 15 && (b[n] == 0 && b[n+1] < 0x80 || b[n] == 0xFF && b[n+1] >= 0x80) {
		n++
	}
	dst = binary.AppendVarint(dst, int64(16-n))
	return append(dst, b[n:]...)
}

func floorDiv(x, y int64) int64 {
	q := x / y
	if x%y < 0 {
		q--
	}
	return q
}
