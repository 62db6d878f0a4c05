package codec

import (
	"encoding/binary"
	"math"
	"math/big"
	"reflect"
	"time"
	"unsafe"
)

// mode is how a value is decoded.
type mode struct {
	arena *Arena // strings and []byte are in it; nil: each has memory of its own
	alias bool   // strings and []byte point into the input
	depth int32  // levels below the root
}

func (m mode) deeper() mode {
	m.depth++
	return m
}

// keep returns b where a value may refer to it.
func (m mode) keep(b []byte) []byte {
	switch {
	case m.alias:
		return b
	case m.arena != nil:
		return m.arena.clone(b)
	}
	return append(make([]byte, 0, len(b)), b...)
}

// decodeProgram decodes the start of src into the value at p and returns the rest. With an error it
// returns the part of src that was not understood.
//
//flott:hot
func decodeProgram(src []byte, p unsafe.Pointer, pr *program, m mode) (rest []byte, err error) {
	for i := range pr.ops {
		o := &pr.ops[i]
		f := unsafe.Add(p, o.off)
		switch o.code {
		case opFix8:
			if len(src) < 8 {
				return src, errShort
			}
			*(*uint64)(f) = binary.LittleEndian.Uint64(src)
			src = src[8:]
		case opFix1, opFix2, opFix4:
			if uintptr(len(src)) < o.n {
				return src, errShort
			}
			decodeFix(src, f, o.n)
			src = src[o.n:]
		case opRun8:
			if len(src) < 8 {
				return src, errShort
			}
			*(*[8]byte)(f) = [8]byte(src)
			src = src[8:]
		case opRun16:
			if len(src) < 16 {
				return src, errShort
			}
			*(*[16]byte)(f) = [16]byte(src)
			src = src[16:]
		case opRun24:
			if len(src) < 24 {
				return src, errShort
			}
			*(*[24]byte)(f) = [24]byte(src)
			src = src[24:]
		case opCopy:
			if uintptr(len(src)) < o.n {
				return src, errShort
			}
			copy(unsafe.Slice((*byte)(f), o.n), src)
			src = src[o.n:]
		case opString:
			if len(src) == 0 || src[0] >= 0x80 || int(src[0]) >= len(src) {
				src, err = decodeString(src, (*string)(f), m)
				break
			}
			// A short string, without the calls.
			b := src[1 : 1+int(src[0])]
			src = src[1+len(b):]
			if m.alias || m.arena != nil {
				b = m.keep(b)
				*(*string)(f) = unsafe.String(unsafe.SliceData(b), len(b))
			} else {
				*(*string)(f) = string(b)
			}
		case opBytes:
			src, err = decodeBytes(src, (*[]byte)(f), m)
		default:
			src, err = decodeRare(src, f, o, m)
		}
		if err != nil {
			return src, err
		}
	}
	return src, nil
}

// decodeRare does the ops that are not in the loop of decodeProgram, to keep that small.
func decodeRare(src []byte, f unsafe.Pointer, o *op, m mode) (rest []byte, err error) {
	switch o.code {
	case opBool:
		return decodeBool(src, (*bool)(f))
	case opCopyBools:
		return decodeCopyBools(src, f, o)
	case opTime:
		return decodeTime(src, (*time.Time)(f))
	case opArray:
		for j := range o.n {
			if src, err = decodeProgram(src, unsafe.Add(f, j*o.sub.size), o.sub, m); err != nil {
				return src, err
			}
		}
		return src, nil
	case opCall:
		return decodeProgram(src, f, o.sub, m)
	case opPointer:
		return decodePointer(src, (*unsafe.Pointer)(f), o.sub, m.deeper())
	case opBulk:
		return decodeBulk(src, (*sliceHeader)(f), o)
	case opStrings:
		return decodeStrings(src, (*[]string)(f), m)
	case opSlice:
		return decodeSlice(src, (*sliceHeader)(f), o, m.deeper())
	case opMap:
		return o.maps.decode(src, (*unsafe.Pointer)(f), m.deeper())
	case opBigInt:
		return decodeBigInt(src, (*big.Int)(f))
	case opBigRat:
		return decodeBigRat(src, (*big.Rat)(f))
	case opBigFloat:
		return decodeBigFloat(src, (*big.Float)(f))
	default:
		return decodeUser(src, f, o.user)
	}
}

// decodeFix stores the first n bytes of src, of which there are enough, as a number.
func decodeFix(src []byte, f unsafe.Pointer, n uintptr) {
	switch n {
	case 4:
		*(*uint32)(f) = binary.LittleEndian.Uint32(src)
	case 2:
		*(*uint16)(f) = binary.LittleEndian.Uint16(src)
	default:
		*(*byte)(f) = src[0]
	}
}

func decodeBool(src []byte, b *bool) ([]byte, error) {
	if len(src) == 0 {
		return src, errShort
	}
	if src[0] > 1 {
		return src, errBool
	}
	*b = src[0] == 1
	return src[1:], nil
}

func decodeCopyBools(src []byte, f unsafe.Pointer, o *op) ([]byte, error) {
	if uintptr(len(src)) < o.n {
		return src, errShort
	}
	for _, at := range o.bools {
		if src[at] > 1 {
			return src[at:], errBool
		}
	}
	copy(unsafe.Slice((*byte)(f), o.n), src)
	return src[o.n:], nil
}

// decodeUvarint reads a length. Only its shortest form is accepted.
func decodeUvarint(src []byte) (v uint64, rest []byte, err error) {
	if len(src) > 0 && src[0] < 0x80 {
		return uint64(src[0]), src[1:], nil
	}
	v, n := binary.Uvarint(src)
	if n == 0 {
		return 0, src, errShort
	}
	if n < 0 || src[n-1] == 0 {
		return 0, src, errUvarint
	}
	return v, src[n:], nil
}

// decodeSized splits src after a length and as many bytes.
func decodeSized(src []byte) (b, rest []byte, err error) {
	n, rest, err := decodeUvarint(src)
	if err != nil {
		return nil, src, err
	}
	if n > uint64(len(rest)) {
		return nil, src, errShort
	}
	return rest[:n:n], rest[n:], nil
}

// decodeCount reads the length of a slice or map, -1 for nil. It refuses lengths that the rest,
// with at least unit bytes for each element, cannot hold.
func decodeCount(src []byte, unit int) (n int, rest []byte, err error) {
	v, rest, err := decodeUvarint(src)
	if err != nil {
		return 0, src, err
	}
	if v == 0 {
		return -1, rest, nil
	}
	v--
	if v > math.MaxInt || unit > 0 && v > uint64(len(rest)/unit) {
		return 0, src, errCount
	}
	return int(v), rest, nil
}

func decodeString(src []byte, s *string, m mode) ([]byte, error) {
	b, rest, err := decodeSized(src)
	if err != nil {
		return rest, err
	}
	if m.alias || m.arena != nil {
		b = m.keep(b)
		*s = unsafe.String(unsafe.SliceData(b), len(b))
	} else {
		*s = string(b)
	}
	return rest, nil
}

func decodeBytes(src []byte, b *[]byte, m mode) ([]byte, error) {
	n, rest, err := decodeCount(src, 1)
	if err != nil {
		return rest, err
	}
	if n < 0 {
		*b = nil
		return rest, nil
	}
	*b = m.keep(rest[:n:n])
	return rest[n:], nil
}

func decodeTime(src []byte, t *time.Time) ([]byte, error) {
	if len(src) < 12 {
		return src, errShort
	}
	nanos := binary.LittleEndian.Uint32(src[8:])
	if nanos >= 1e9 {
		return src[8:], errNanos
	}
	*t = time.Unix(int64(binary.LittleEndian.Uint64(src)), int64(nanos)).UTC()
	return src[12:], nil
}

func decodePointer(src []byte, p *unsafe.Pointer, pr *program, m mode) ([]byte, error) {
	if len(src) == 0 {
		return src, errShort
	}
	switch src[0] {
	case 0:
		*p = nil
		return src[1:], nil
	case 1:
		if m.depth > depthMax {
			return src, ErrDepth
		}
		v := reflect.New(pr.typ).UnsafePointer()
		*p = v
		return decodeProgram(src[1:], v, pr, m)
	}
	return src, errPresence
}
