package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// decoder reads records into the columns of a batch.
type decoder struct {
	plan  *step
	bound []*column.Vector // the columns that the plan is bound to

	b     []byte // the record, or several
	i     int
	depth int
	err   error
}

// depthMax is how deep values may lie in one another.
const depthMax = 1000

// Decode appends the row of a record. What is behind it is not looked at, and a record that is nil, a
// tombstone, is none.
func (d *decoder) Decode(record []byte, b *column.Batch) error {
	if record == nil {
		return nil
	}
	d.b, d.i = record, 0
	return d.next(b)
}

// next appends the row of the record at i.
//
//flott:hot
func (d *decoder) next(b *column.Batch) error {
	if !slices.Equal(d.bound, b.Cols) {
		d.bound = append(d.bound[:0], b.Cols...)
		d.plan.bind(b.Cols)
	}
	if !d.fields(d.plan) {
		err := d.err
		d.err, d.depth = nil, 0
		b.Truncate(b.N)
		return err
	}
	for _, at := range d.plan.absent {
		b.Cols[at].AppendNull()
	}
	b.N++
	if b.Kinds != nil {
		b.Kinds = append(b.Kinds, row.Insert)
	}
	return nil
}

// fields reads the fields of a record.
//
//flott:hot
func (d *decoder) fields(s *step) bool {
	for _, f := range s.steps {
		if !d.value(f) {
			return false
		}
	}
	return true
}

// value reads a value.
//
//flott:hot
func (d *decoder) value(s *step) bool {
	if s.op == opUnion {
		n, ok := d.long(s)
		if !ok {
			return false
		}
		if uint64(n) >= uint64(len(s.steps)) {
			return d.fail(s, fmt.Errorf("there is no branch %d of a union of %d", n, len(s.steps)))
		}
		s = s.steps[n]
	}
	v := s.out
	switch s.op {
	case opNull:
		if v != nil {
			v.AppendNull()
		}
		return true
	case opBool:
		b, ok := d.take(s, 1)
		if ok && v != nil {
			v.AppendBool(b[0] == 1)
		}
		return ok
	case opInt:
		x, ok := d.long(s)
		if ok && x != int64(int32(x)) {
			return d.fail(s, fmt.Errorf("%d is no int", x))
		}
		if ok && v != nil {
			d.int(s, v, int32(x))
		}
		return ok
	case opLong:
		x, ok := d.long(s)
		if ok && v != nil {
			return d.appendLong(s, v, x)
		}
		return ok
	case opFloat:
		b, ok := d.take(s, 4)
		if ok && v != nil {
			float(s, v, math.Float32frombits(binary.LittleEndian.Uint32(b)))
		}
		return ok
	case opDouble:
		b, ok := d.take(s, 8)
		if ok && v != nil {
			v.AppendF64(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
		return ok
	case opBytes:
		n, ok := d.long(s)
		if !ok {
			return false
		}
		b, ok := d.take(s, n)
		if ok && v != nil {
			return d.bytes(s, v, b)
		}
		return ok
	}
	return d.composite(s)
}

// composite is value for what is rarer.
func (d *decoder) composite(s *step) bool {
	if d.depth++; d.depth > depthMax {
		return d.fail(s, errors.New("values are nested too deeply"))
	}
	ok := true
	v := s.out
	switch s.op {
	case opFixed:
		var b []byte
		if b, ok = d.take(s, int64(s.size)); ok && v != nil {
			ok = d.bytes(s, v, b)
		}
	case opEnum:
		var n int64
		if n, ok = d.long(s); ok && uint64(n) >= uint64(len(s.symbols)) {
			return d.fail(s, fmt.Errorf("there is no symbol %d of an enum of %d", n, len(s.symbols)))
		}
		if ok && v != nil {
			v.AppendString(s.symbols[n])
		}
	case opRecord:
		if ok = d.fields(s); ok && v != nil {
			for _, at := range s.absent {
				v.Children[at].AppendNull()
			}
			v.EndRow()
		}
	case opArray, opMap:
		if ok = d.blocks(s); ok && v != nil {
			v.EndList()
		}
	default:
		return d.fail(s, s.err)
	}
	d.depth--
	return ok
}

// itemsMax is how many elements an array of nothing may have: there is no byte of them to bound it.
const itemsMax = 1 << 16

// blocks reads the elements of an array or a map.
func (d *decoder) blocks(s *step) bool {
	for items := 0; ; {
		n, ok := d.long(s)
		if !ok {
			return false
		}
		if n < 0 { // the length of the block in bytes follows
			if _, ok = d.long(s); !ok {
				return false
			}
			n = -n
		}
		switch {
		case n == 0:
			return true
		case n < 0 || n > int64(len(d.b)-d.i) && n > itemsMax:
			return d.fail(s, fmt.Errorf("a block of %d elements does not fit into %d bytes", uint64(n), len(d.b)-d.i))
		}
		for ; n > 0; n-- {
			before := d.i
			if s.op == opMap && !d.key(s) || !d.value(s.elem) {
				return false
			}
			if before == d.i {
				if items++; items > itemsMax {
					return d.fail(s, errors.New("an array has too many elements without a byte"))
				}
			}
		}
	}
}

func (d *decoder) key(s *step) bool {
	n, ok := d.long(s)
	if !ok {
		return false
	}
	b, ok := d.take(s, n)
	if ok && s.out != nil {
		appendText(s.out.Children[0], b)
	}
	return ok
}

// long reads a number.
//
//flott:hot
func (d *decoder) long(s *step) (int64, bool) {
	if d.i < len(d.b) && d.b[d.i] < 0x80 {
		u := uint64(d.b[d.i])
		d.i++
		return int64(u>>1) ^ -int64(u&1), true
	}
	x, n := binary.Varint(d.b[d.i:])
	if n <= 0 {
		if n < 0 {
			return 0, d.fail(s, errors.New("a number has more than 64 bits"))
		}
		return 0, d.fail(s, errEnd)
	}
	d.i += n
	return x, true
}

var errEnd = errors.New("the record ends too early; was it written with another schema?")

// take reads some bytes.
//
//flott:hot
func (d *decoder) take(s *step, n int64) ([]byte, bool) {
	if uint64(n) > uint64(len(d.b)-d.i) {
		if n < 0 {
			return nil, d.fail(s, fmt.Errorf("a length is %d; was the record written with another schema?", n))
		}
		return nil, d.fail(s, errEnd)
	}
	b := d.b[d.i : d.i+int(n)]
	d.i += int(n)
	return b, true
}

func (d *decoder) fail(s *step, err error) bool {
	d.err = &format.Error{Column: d.i + 1, Field: s.path, Err: err}
	return false
}

// int appends an int; as in Flink, of a TINYINT or SMALLINT the lower bits.
func (d *decoder) int(s *step, v *column.Vector, x int32) {
	switch s.form {
	case column.FormI64:
		v.AppendI64(int64(x))
	case column.FormF32:
		v.AppendF32(float32(x))
	case column.FormF64:
		v.AppendF64(float64(x))
	default:
		switch s.t.Kind {
		case row.TinyInt:
			x = int32(int8(x))
		case row.SmallInt:
			x = int32(int16(x))
		}
		v.AppendI32(x)
	}
}

func (d *decoder) appendLong(s *step, v *column.Vector, x int64) bool {
	switch s.to {
	case toMillis:
		if x > math.MaxInt64/1000 || x < math.MinInt64/1000 {
			return d.fail(s, fmt.Errorf("%d milliseconds are no TIMESTAMP", x))
		}
		v.AppendTimestamp(x*1000, 0)
	case toMicros:
		v.AppendTimestamp(valuetext.Cut(x, 0, s.t.Precision))
	case toNanos:
		micros := floorDiv(x, 1000)
		v.AppendTimestamp(valuetext.Cut(micros, int32(x-micros*1000), s.t.Precision))
	case toMillisOfDay:
		v.AppendI32(int32(floorDiv(x, 1000)))
	default:
		switch s.form {
		case column.FormF32:
			v.AppendF32(float32(x))
		case column.FormF64:
			v.AppendF64(float64(x))
		default:
			v.AppendI64(x)
		}
	}
	return true
}

func float(s *step, v *column.Vector, x float32) {
	if s.form == column.FormF64 {
		v.AppendF64(float64(x))
	} else {
		v.AppendF32(x)
	}
}

// bytes appends bytes, a text or a DECIMAL: as in Flink NULL for one that has too many digits.
func (d *decoder) bytes(s *step, v *column.Vector, b []byte) bool {
	switch s.to {
	case toText:
		appendText(v, b)
	case toDecimal:
		x, ok := column.Int128FromBytes(b)
		switch {
		case ok && x.Fits(s.t.Precision):
			v.AppendDecimal(x)
		case s.t.NotNull:
			return d.fail(s, fmt.Errorf("a number has more digits than %s", s.t))
		default:
			v.AppendNull()
		}
	default:
		v.AppendBytes(b)
	}
	return true
}

func appendText(v *column.Vector, b []byte) {
	v.Data = valuetext.AppendUTF8(v.Data, b)
	v.EndBytes()
}
