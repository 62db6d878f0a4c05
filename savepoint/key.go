package savepoint

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"time"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/colcodec"
)

// isWord reports whether keys of a schema are words: 8 bytes.
func isWord(s *codec.Schema) bool {
	return s.Kind >= codec.KindBool && s.Kind <= codec.KindFloat64 || s.Kind == codec.KindDuration
}

// keyOf is the key of a schema that stands for itself: a word, the bytes of a string, or canonical ones.
func keyOf(s *codec.Schema, b []byte) (any, error) {
	switch {
	case isWord(s):
		return word(s.Kind, binary.LittleEndian.Uint64(b)), nil
	case s.Kind == codec.KindString:
		return string(b), nil
	case colcodec.IsKeySchema(s):
		return Opaque{s.Name, b}, nil
	}
	c := cursor{src: b}
	v := c.key(s, s, 0)
	if c.err == nil && len(c.src) > 0 {
		c.fail("%d bytes are left over", len(c.src))
	}
	return v, c.err
}

// word is the value of canonical bits.
func word(k codec.Kind, w uint64) any {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], w)
	return number(k, b[:])
}

// hashOf is the hash of a key, as keyOf has it.
func hashOf(s *codec.Schema, b []byte) uint64 {
	if isWord(s) {
		return codec.HashWord(binary.LittleEndian.Uint64(b))
	}
	return codec.HashBytes(b)
}

// key takes a key in canonical form.
func (c *cursor) key(root, s *codec.Schema, depth int) any {
	if s = c.resolve(root, s, depth); s == nil {
		return nil
	}
	switch s.Kind {
	case codec.KindStruct:
		var out Struct
		for i := range s.Fields {
			f := &s.Fields[i]
			out = append(out, Field{f.Name, c.key(root, &f.Schema, depth+1)})
		}
		return out
	case codec.KindArray:
		out := []any{}
		for i := 0; i < s.Len && c.err == nil && i < emptyMax; i++ {
			out = append(out, c.key(root, s.Elem, depth+1))
		}
		return out
	case codec.KindSlice:
		out := []any{}
		for c.byte() == 1 && c.err == nil {
			out = append(out, c.key(root, s.Elem, depth+1))
		}
		return out
	case codec.KindString:
		return string(c.escaped())
	case codec.KindBytes:
		return c.escaped()
	case codec.KindBinary, codec.KindCustom:
		return Opaque{s.Name, c.escaped()}
	case codec.KindBigInt:
		return c.keyBigInt()
	case codec.KindBigRat:
		num, denom := c.keyBigInt(), c.keyBigInt()
		if denom.Sign() == 0 {
			c.fail("a fraction has the denominator 0")
			return nil
		}
		return new(big.Rat).SetFrac(num, denom)
	case codec.KindTime:
		b := c.fixed(12)
		seconds := int64(binary.BigEndian.Uint64(b) ^ 1<<63)
		return time.Unix(seconds, int64(binary.BigEndian.Uint32(b[8:]))).UTC()
	}
	if !isWord(s) {
		c.fail("there is no key of kind %v", s.Kind)
		return nil
	}
	return c.keyNumber(s.Kind)
}

// keyNumber takes a number: big endian, so that its order is that of its bytes.
func (c *cursor) keyNumber(k codec.Kind) any {
	var w uint64
	n := widths[k]
	for _, b := range c.fixed(n) {
		w = w<<8 | uint64(b)
	}
	sign := uint64(1) << (8*n - 1)
	switch k {
	case codec.KindInt8, codec.KindInt16, codec.KindInt32, codec.KindInt64, codec.KindDuration:
		w ^= sign
	case codec.KindFloat32, codec.KindFloat64:
		if w&sign != 0 {
			w ^= sign
		} else {
			w = ^w & (sign<<1 - 1)
		}
	}
	return word(k, w)
}

// escaped takes bytes in which 00 has become 00 FF, up to 00 01.
func (c *cursor) escaped() []byte {
	out := []byte{}
	for {
		i := bytes.IndexByte(c.src, 0)
		if i < 0 || i+1 == len(c.src) {
			c.take(len(c.src) + 1)
			return out
		}
		end := c.src[i+1]
		out = append(out, c.take(i)...)
		c.take(2)
		switch end {
		case 1:
			return out
		case 0xff:
			out = append(out, 0)
		default:
			c.fail("an escape is wrong")
			return out
		}
	}
}

func (c *cursor) keyBigInt() *big.Int {
	head := c.byte()
	if head == 1 {
		return new(big.Int)
	}
	n := binary.BigEndian.Uint32(c.fixed(4))
	if head == 0 {
		n = ^n
	}
	b := bytes.Clone(c.take(int(min(n, math.MaxInt32))))
	if head > 2 {
		c.fail("a number begins with %d", head)
	}
	if head == 2 {
		return new(big.Int).SetBytes(b)
	}
	for i := range b {
		b[i] ^= 0xff
	}
	x := new(big.Int).SetBytes(b)
	return x.Neg(x)
}
