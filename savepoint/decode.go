package savepoint

import (
	"encoding/binary"
	"math"
	"math/big"
	"time"

	"github.com/flott-dev/flott/internal/codec"
)

// depthMax bounds how deep a value may be nested, so that damaged bytes do not exhaust the stack.
const depthMax = 10000

// value takes the value of a schema from the cursor. root is the schema that references count from.
// With skip the value is passed over and the result is nil.
func (c *cursor) value(root, s *codec.Schema, depth int, skip bool) any {
	if s = c.resolve(root, s, depth); s == nil {
		return nil
	}
	switch s.Kind {
	case codec.KindStruct:
		return c.record(root, s, depth, skip)
	case codec.KindSlice:
		n := c.uvarint()
		if n == 0 {
			return nil
		}
		return c.elements(root, s.Elem, int(n-1), s.Len, depth, skip)
	case codec.KindArray:
		return c.elements(root, s.Elem, s.Len, 0, depth, skip)
	case codec.KindMap:
		return c.entries(root, s, depth, skip)
	case codec.KindPointer:
		if c.byte() == 0 {
			return nil
		}
		return c.value(root, s.Elem, depth+1, skip)
	case codec.KindBinary, codec.KindCustom:
		b := c.sized()
		if skip {
			return nil
		}
		return Opaque{s.Name, b}
	}
	return c.leaf(s, skip)
}

// resolve is the schema that s is or refers to; nil, with an error, if there is none or the value is
// nested too deep.
func (c *cursor) resolve(root, s *codec.Schema, depth int) *codec.Schema {
	if depth > depthMax {
		c.fail("it is nested more than %d levels deep", depthMax)
		return nil
	}
	if s = root.Resolve(s); s == nil {
		c.fail("its schema refers to nothing")
	}
	return s
}

func (c *cursor) record(root, s *codec.Schema, depth int, skip bool) any {
	var out Struct
	for i := range s.Fields {
		f := &s.Fields[i]
		v := c.value(root, &f.Schema, depth+1, skip)
		if !skip {
			out = append(out, Field{f.Name, v})
		}
	}
	if skip {
		return nil
	}
	return out
}

// elements takes n elements, with pad bytes behind each. What takes no bytes is not repeated beyond what
// is there.
func (c *cursor) elements(root, elem *codec.Schema, n, pad, depth int, skip bool) any {
	out := []any{}
	for range n {
		before := len(c.src)
		v := c.value(root, elem, depth+1, skip)
		c.take(pad)
		if c.err != nil {
			return nil
		}
		if skip && len(c.src) == before {
			break
		}
		if !skip {
			out = append(out, v)
		}
		if len(out) > emptyMax && len(c.src) == before {
			c.fail("it has %d elements without bytes", n)
		}
	}
	if skip {
		return nil
	}
	return out
}

// emptyMax bounds the elements without bytes that are made.
const emptyMax = 1 << 20

func (c *cursor) entries(root, s *codec.Schema, depth int, skip bool) any {
	n := c.uvarint()
	if n == 0 {
		return nil
	}
	out := Map{}
	for range n - 1 {
		before := len(c.src)
		k := c.value(root, s.Key, depth+1, skip)
		v := c.value(root, s.Elem, depth+1, skip)
		if c.err != nil {
			return nil
		}
		if !skip {
			out = append(out, Entry{k, v})
		}
		if len(c.src) == before {
			break // entries without bytes are all the same
		}
	}
	if skip {
		return nil
	}
	return out
}

// widths are the bytes of the kinds of fixed width.
var widths = [...]int{
	codec.KindBool: 1, codec.KindInt8: 1, codec.KindInt16: 2, codec.KindInt32: 4, codec.KindInt64: 8,
	codec.KindUint8: 1, codec.KindUint16: 2, codec.KindUint32: 4, codec.KindUint64: 8,
	codec.KindFloat32: 4, codec.KindFloat64: 8, codec.KindComplex64: 8, codec.KindComplex128: 16,
	codec.KindTime: 12, codec.KindDuration: 8, codec.KindRef: 0,
}

// leaf takes a value that has no parts.
func (c *cursor) leaf(s *codec.Schema, skip bool) any {
	switch s.Kind {
	case codec.KindString:
		b := c.sized()
		if skip {
			return nil
		}
		return string(b)
	case codec.KindBytes:
		n := c.uvarint()
		if n == 0 {
			return nil
		}
		if n-1 > uint64(len(c.src)) {
			n = uint64(len(c.src)) + 2
		}
		return append([]byte{}, c.take(int(n-1))...)
	case codec.KindBigInt:
		return c.bigInt()
	case codec.KindBigRat:
		num, denom := c.bigInt(), c.bigInt()
		if denom.Sign() == 0 {
			c.fail("a fraction has the denominator 0")
			return nil
		}
		return new(big.Rat).SetFrac(num, denom)
	case codec.KindBigFloat:
		f := new(big.Float)
		if err := f.GobDecode(c.sized()); err != nil {
			c.fail("a big.Float: %w", err)
		}
		return f
	}
	n := widths[s.Kind]
	if n == 0 {
		c.fail("there is no value of kind %v", s.Kind)
		return nil
	}
	b := c.fixed(n)
	if skip {
		return nil
	}
	return number(s.Kind, b)
}

// number is the value of a kind of fixed width.
func number(k codec.Kind, b []byte) any {
	le := binary.LittleEndian
	switch k {
	case codec.KindBool:
		return b[0] != 0
	case codec.KindInt8:
		return int8(b[0])
	case codec.KindUint8:
		return b[0]
	case codec.KindInt16:
		return int16(le.Uint16(b))
	case codec.KindUint16:
		return le.Uint16(b)
	case codec.KindInt32:
		return int32(le.Uint32(b))
	case codec.KindUint32:
		return le.Uint32(b)
	case codec.KindInt64:
		return int64(le.Uint64(b))
	case codec.KindUint64:
		return le.Uint64(b)
	case codec.KindDuration:
		return time.Duration(le.Uint64(b))
	case codec.KindFloat32:
		return math.Float32frombits(le.Uint32(b))
	case codec.KindFloat64:
		return math.Float64frombits(le.Uint64(b))
	case codec.KindComplex64:
		return complex(math.Float32frombits(le.Uint32(b)), math.Float32frombits(le.Uint32(b[4:])))
	case codec.KindComplex128:
		return complex(math.Float64frombits(le.Uint64(b)), math.Float64frombits(le.Uint64(b[8:])))
	default: // codec.KindTime
		return time.Unix(int64(le.Uint64(b)), int64(le.Uint32(b[8:]))).UTC()
	}
}

func (c *cursor) bigInt() *big.Int {
	head := c.uvarint()
	n := head >> 1
	if n > uint64(len(c.src)) {
		n = uint64(len(c.src)) + 1
	}
	x := new(big.Int).SetBytes(c.take(int(n)))
	if head&1 == 1 {
		x.Neg(x)
	}
	return x
}
