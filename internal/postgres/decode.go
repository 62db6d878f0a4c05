package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// epoch is 2000-01-01, from which days and microseconds are counted, in those since 1970.
const (
	epochDays   = 10957
	epochMicros = epochDays * 86_400_000_000
)

// op is how a value is decoded.
type op uint8

const (
	opNone op = iota
	opBool
	opTiny     // int2 to TINYINT
	opInt32    // int2, int4
	opInt64    // int2, int4, int8, oid
	opIntegral // those to DECIMAL
	opFloat
	opDouble // float4, float8
	opNumeric
	opDate
	opTime
	opTimestamp
	opBytes
	opArray
)

// Decoder decodes the values of one column.
type Decoder struct {
	op      op
	unsgned bool
	t       *row.Type
	elem    *Decoder
}

// NewDecoder is the decoder of values of a type of the database, for vectors of a type. ok is false where the one cannot be read as the
// other without a loss.
func NewDecoder(oid uint32, t *row.Type) (d Decoder, ok bool) {
	d = Decoder{op: opOf(oid, t), unsgned: oid == oidOID, t: t}
	if of := elements[oid]; of != 0 && t.Kind == row.Array {
		elem, ok := NewDecoder(of, t.Elem)
		d.op, d.elem = opArray, &elem
		return d, ok
	}
	return d, d.op != opNone
}

func opOf(oid uint32, t *row.Type) op {
	switch oid {
	case int2OID, int4OID, int8OID, oidOID:
		return integerOp(oid, t)
	case boolOID:
		return only(t, row.Boolean, opBool)
	case float4OID:
		if t.Kind == row.Float {
			return opFloat
		}
		return only(t, row.Double, opDouble)
	case float8OID:
		return only(t, row.Double, opDouble)
	case numericOID:
		return only(t, row.Decimal, opNumeric)
	case dateOID:
		return only(t, row.Date, opDate)
	case timeOID:
		return only(t, row.Time, opTime)
	case timestampOID:
		return only(t, row.Timestamp, opTimestamp)
	case timestamptzOID:
		return only(t, row.TimestampLTZ, opTimestamp)
	case byteaOID:
		if t.IsBinary() {
			return opBytes
		}
	}
	if isText(oid) && t.IsText() {
		return opBytes
	}
	return opNone
}

func only(t *row.Type, k row.Kind, o op) op {
	if t.Kind == k {
		return o
	}
	return opNone
}

func integerOp(oid uint32, t *row.Type) op {
	switch {
	case t.Kind == row.BigInt:
		return opInt64
	case oid == oidOID:
		return opNone
	case t.Kind == row.Decimal:
		return opIntegral
	case t.Kind == row.Int && oid != int8OID, t.Kind == row.SmallInt && oid == int2OID:
		return opInt32
	case t.Kind == row.TinyInt && oid == int2OID:
		return opTiny
	}
	return opNone
}

// The errors of values.
var (
	errSize     = errors.New("the value has another length than its type")
	errInfinite = errors.New("the value is infinite, which the type here has not")
	errRange    = errors.New("the value is too large for the type here")
	errNull     = errors.New("the value is NULL, and the column here is NOT NULL")
)

// Append appends a value; nil is NULL. After an error nothing is appended.
//
//flott:hot
func (d *Decoder) Append(v *column.Vector, b []byte) error {
	if b == nil {
		if d.t.NotNull {
			return errNull
		}
		v.AppendNull()
		return nil
	}
	switch d.op {
	case opBool:
		if len(b) != 1 {
			return errSize
		}
		v.AppendBool(b[0] != 0)
	case opFloat:
		if len(b) != 4 {
			return errSize
		}
		v.AppendF32(math.Float32frombits(binary.BigEndian.Uint32(b)))
	case opDouble:
		switch len(b) {
		case 4:
			v.AppendF64(float64(math.Float32frombits(binary.BigEndian.Uint32(b))))
		case 8:
			v.AppendF64(math.Float64frombits(binary.BigEndian.Uint64(b)))
		default:
			return errSize
		}
	case opBytes:
		v.AppendBytes(b)
	case opNumeric:
		n, err := decimal(b, d.t.Precision, d.t.Scale)
		if err != nil {
			return err
		}
		v.AppendDecimal(n)
	case opArray:
		return d.array(v, b)
	default:
		n, ok := d.integer(b)
		if !ok {
			return errSize
		}
		return d.number(v, n, len(b))
	}
	return nil
}

// integer reads a number of 2, 4 or 8 bytes.
func (d *Decoder) integer(b []byte) (n int64, ok bool) {
	switch len(b) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b))), true
	case 4:
		if d.unsgned {
			return int64(binary.BigEndian.Uint32(b)), true
		}
		return int64(int32(binary.BigEndian.Uint32(b))), true
	case 8:
		return int64(binary.BigEndian.Uint64(b)), true
	}
	return 0, false
}

// number appends what lies in a number of so many bytes.
func (d *Decoder) number(v *column.Vector, n int64, size int) error {
	switch d.op {
	case opTiny:
		if n < math.MinInt8 || n > math.MaxInt8 {
			return errRange
		}
		v.AppendI32(int32(n))
	case opInt32:
		if size > 4 {
			return errSize
		}
		v.AppendI32(int32(n))
	case opInt64:
		v.AppendI64(n)
	case opIntegral:
		x, ok := column.Int128From(n).Mul(column.PowersOf10[d.t.Scale])
		if !ok || x.Digits() > d.t.Precision {
			return errRange
		}
		v.AppendDecimal(x)
	case opDate:
		switch {
		case size != 4:
			return errSize
		case n == math.MaxInt32 || n == math.MinInt32:
			return errInfinite
		}
		v.AppendI32(int32(n) + epochDays)
	case opTime:
		if size != 8 {
			return errSize
		}
		v.AppendI32(int32(n / 1000))
	case opTimestamp:
		switch {
		case size != 8:
			return errSize
		case n == math.MaxInt64 || n == math.MinInt64:
			return errInfinite
		}
		v.AppendTimestamp(n+epochMicros, 0)
	default:
		return fmt.Errorf("a decoder of operation %d", d.op)
	}
	return nil
}

// array appends an array of one dimension: dimensions, whether there are NULLs, type, then for each dimension length and first place, then
// the elements with their lengths.
func (d *Decoder) array(v *column.Vector, b []byte) error {
	if len(b) < 12 {
		return errSize
	}
	dimensions := binary.BigEndian.Uint32(b)
	b = b[12:]
	if dimensions == 0 {
		v.EndList()
		return nil
	}
	if dimensions != 1 {
		return fmt.Errorf("the array has %d dimensions, and can have one", dimensions)
	}
	if len(b) < 8 {
		return errSize
	}
	n, elements := binary.BigEndian.Uint32(b), v.Children[0]
	before := elements.N
	b = b[8:]
	for range n {
		item, rest, ok := take(b)
		if !ok {
			elements.Truncate(before)
			return errSize
		}
		if err := d.elem.Append(elements, item); err != nil {
			elements.Truncate(before)
			return fmt.Errorf("an element of the array: %w", err)
		}
		b = rest
	}
	v.EndList()
	return nil
}

// take cuts a value with its length before it off; the length -1 is NULL.
func take(b []byte) (item, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := int32(binary.BigEndian.Uint32(b))
	b = b[4:]
	switch {
	case n == -1:
		return nil, b, true
	case n < 0 || int(n) > len(b):
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}
