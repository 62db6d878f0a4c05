package codec

import (
	"encoding/binary"
	"math/big"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// appendKey appends the canonical encoding of the value at p.
//
//flott:hot
func appendKey(dst []byte, p unsafe.Pointer, pr *program, depth int) []byte {
	for i := range pr.ops {
		o := &pr.ops[i]
		f := unsafe.Add(p, o.off)
		switch o.code {
		case keyArray:
			for j := range o.n {
				dst = appendKey(dst, unsafe.Add(f, j*o.sub.size), o.sub, depth)
			}
		case keySlice:
			dst = appendKeySlice(dst, (*sliceHeader)(f), o.sub, depth+1)
		case keyCall:
			dst = appendKey(dst, f, o.sub, depth)
		case keyUser:
			at := len(dst)
			dst = escapeTail(o.user.appendRaw(dst, f), at)
		default:
			dst = appendKeyLeaf(dst, f, o)
		}
	}
	return dst
}

// appendKeyLeaves is appendKey for programs of leaves only. The compiler can tell that dst does not
// escape from here, as it cannot for functions that call each other.
//
//flott:hot
func appendKeyLeaves(dst []byte, p unsafe.Pointer, ops []op) []byte {
	for i := range ops {
		dst = appendKeyLeaf(dst, unsafe.Add(p, ops[i].off), &ops[i])
	}
	return dst
}

// appendKeyLeaf does the ops that run no other program.
func appendKeyLeaf(dst []byte, f unsafe.Pointer, o *op) []byte {
	switch o.code {
	case keyBool:
		return append(dst, *(*byte)(f))
	case keyUint16:
		return binary.BigEndian.AppendUint16(dst, *(*uint16)(f))
	case keyUint32:
		return binary.BigEndian.AppendUint32(dst, *(*uint32)(f))
	case keyUint64:
		return binary.BigEndian.AppendUint64(dst, *(*uint64)(f))
	case keyInt8:
		return append(dst, *(*byte)(f)^0x80)
	case keyInt16:
		return binary.BigEndian.AppendUint16(dst, *(*uint16)(f)^0x8000)
	case keyInt32:
		return binary.BigEndian.AppendUint32(dst, *(*uint32)(f)^sign32)
	case keyInt64:
		return binary.BigEndian.AppendUint64(dst, *(*uint64)(f)^sign64)
	case keyFloat32:
		return binary.BigEndian.AppendUint32(dst, ordered32(canonical32(*(*uint32)(f))))
	case keyFloat64:
		return binary.BigEndian.AppendUint64(dst, ordered64(canonical64(*(*uint64)(f))))
	case keyRaw:
		return append(dst, unsafe.Slice((*byte)(f), o.n)...)
	case keyString:
		return appendEscaped(dst, *(*string)(f))
	case keyBytes:
		b := *(*[]byte)(f)
		return appendEscaped(dst, unsafe.String(unsafe.SliceData(b), len(b)))
	case keyTime:
		t := (*time.Time)(f)
		dst = binary.BigEndian.AppendUint64(dst, uint64(t.Unix())^sign64)
		return binary.BigEndian.AppendUint32(dst, uint32(t.Nanosecond()))
	case keyBigInt:
		return appendKeyBigInt(dst, (*big.Int)(f))
	default: // keyBigRat
		x := (*big.Rat)(f)
		return appendKeyBigInt(appendKeyBigInt(dst, x.Num()), x.Denom())
	}
}

// Zero bytes of strings are escaped, so that the terminator is smaller than whatever may follow a
// common prefix: "a" < "a\x00" < "a\x01" become
//
//	61 00 01 < 61 00 FF 00 01 < 61 01 00 01
const (
	escape     = 0x00
	escapeEnd  = 0x01
	escapeZero = 0xff
)

func appendEscaped(dst []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, escape)
		if i < 0 {
			break
		}
		dst = append(dst, s[:i]...)
		dst = append(dst, escape, escapeZero)
		s = s[i+1:]
	}
	dst = append(dst, s...)
	return append(dst, escape, escapeEnd)
}

// escapeTail escapes the bytes of dst from at on, in place, and ends them.
func escapeTail(dst []byte, at int) []byte {
	zeros := 0
	for _, b := range dst[at:] {
		if b == escape {
			zeros++
		}
	}
	from := len(dst)
	dst = slices.Grow(dst, zeros+2)[:from+zeros]
	// Backwards, until the part that needs no move is reached.
	for to := len(dst); from < to; {
		from--
		to--
		if dst[from] == escape {
			dst[to] = escapeZero
			to--
		}
		dst[to] = dst[from]
	}
	return append(dst, escape, escapeEnd)
}

// Markers of slices: the end is smaller than a further element.
const (
	sliceEnd  = 0
	sliceMore = 1
)

func appendKeySlice(dst []byte, s *sliceHeader, pr *program, depth int) []byte {
	checkDepth(pr, depth)
	for i := range s.len {
		dst = append(dst, sliceMore)
		dst = appendKey(dst, unsafe.Add(s.data, uintptr(i)*pr.size), pr, depth)
	}
	return append(dst, sliceEnd)
}

// First bytes of a big.Int. More bytes are a larger magnitude, so that their number comes before
// them; negative numbers have both complemented.
const (
	bigNegative = iota
	bigZero
	bigPositive
)

func appendKeyBigInt(dst []byte, x *big.Int) []byte {
	if x.Sign() == 0 {
		return append(dst, bigZero)
	}
	n := magnitudeBytes(x)
	if x.Sign() > 0 {
		dst = binary.BigEndian.AppendUint32(append(dst, bigPositive), uint32(n))
		return appendMagnitude(dst, x, n)
	}
	dst = binary.BigEndian.AppendUint32(append(dst, bigNegative), ^uint32(n))
	at := len(dst)
	dst = appendMagnitude(dst, x, n)
	for i := range dst[at:] {
		dst[at+i] ^= 0xff
	}
	return dst
}
