package codec

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"reflect"
	"time"
	"unsafe"
)

// decodeKey decodes the start of src into the zero value at p and returns the rest. With an error
// it returns the part of src that was not understood.
func decodeKey(src []byte, p unsafe.Pointer, pr *program, depth int) (rest []byte, err error) {
	for i := range pr.ops {
		o := &pr.ops[i]
		f := unsafe.Add(p, o.off)
		switch o.code {
		case keyBool:
			src, err = decodeBool(src, (*bool)(f))
		case keyString:
			var b []byte
			b, src, err = unescape(src)
			*(*string)(f) = string(b)
		case keyBytes:
			var b []byte
			b, src, err = unescape(src)
			*(*[]byte)(f) = append([]byte(nil), b...)
		case keyTime:
			src, err = decodeKeyTime(src, (*time.Time)(f))
		case keyArray:
			for j := uintptr(0); j < o.n && err == nil; j++ {
				src, err = decodeKey(src, unsafe.Add(f, j*o.sub.size), o.sub, depth)
			}
		case keySlice:
			src, err = decodeKeySlice(src, (*sliceHeader)(f), o, depth+1)
		case keyCall:
			src, err = decodeKey(src, f, o.sub, depth)
		case keyBigInt:
			src, err = decodeKeyBigInt(src, (*big.Int)(f))
		case keyBigRat:
			src, err = decodeKeyBigRat(src, (*big.Rat)(f))
		case keyUser:
			src, err = decodeKeyUser(src, f, o.user)
		default:
			src, err = decodeKeyNumber(src, f, o)
		}
		if err != nil {
			return src, err
		}
	}
	return src, nil
}

// decodeKeyNumber does the ops of a fixed number of bytes.
func decodeKeyNumber(src []byte, f unsafe.Pointer, o *op) ([]byte, error) {
	if uintptr(len(src)) < o.n {
		return src, errShort
	}
	switch o.code {
	case keyUint16:
		*(*uint16)(f) = binary.BigEndian.Uint16(src)
	case keyUint32:
		*(*uint32)(f) = binary.BigEndian.Uint32(src)
	case keyUint64:
		*(*uint64)(f) = binary.BigEndian.Uint64(src)
	case keyInt8:
		*(*byte)(f) = src[0] ^ 0x80
	case keyInt16:
		*(*uint16)(f) = binary.BigEndian.Uint16(src) ^ 0x8000
	case keyInt32:
		*(*uint32)(f) = binary.BigEndian.Uint32(src) ^ sign32
	case keyInt64:
		*(*uint64)(f) = binary.BigEndian.Uint64(src) ^ sign64
	case keyFloat32:
		b := unordered32(binary.BigEndian.Uint32(src))
		if b != canonical32(b) {
			return src, errNaN
		}
		*(*uint32)(f) = b
	case keyFloat64:
		b := unordered64(binary.BigEndian.Uint64(src))
		if b != canonical64(b) {
			return src, errNaN
		}
		*(*uint64)(f) = b
	case keyRaw:
		copy(unsafe.Slice((*byte)(f), o.n), src)
	}
	return src[o.n:], nil
}

// unescape returns what appendEscaped wrote. The content points into src if nothing was escaped.
func unescape(src []byte) (content, rest []byte, err error) {
	rest = src
	for {
		i := bytes.IndexByte(rest, escape)
		if i < 0 || i+1 == len(rest) {
			return nil, src, errShort
		}
		next := rest[i+1]
		switch {
		case next == escapeEnd && content == nil:
			return rest[:i:i], rest[i+2:], nil
		case next == escapeEnd:
			return append(content, rest[:i]...), rest[i+2:], nil
		case next != escapeZero:
			return nil, rest[i:], errEscape
		}
		content = append(append(content, rest[:i]...), escape)
		rest = rest[i+2:]
	}
}

func decodeKeyTime(src []byte, t *time.Time) ([]byte, error) {
	if len(src) < 12 {
		return src, errShort
	}
	nanos := binary.BigEndian.Uint32(src[8:])
	if nanos >= 1e9 {
		return src[8:], errNanos
	}
	*t = time.Unix(int64(binary.BigEndian.Uint64(src)^sign64), int64(nanos)).UTC()
	return src[12:], nil
}

func decodeKeySlice(src []byte, s *sliceHeader, o *op, depth int) (rest []byte, err error) {
	if depth > depthMax {
		return src, ErrDepth
	}
	if len(src) > 0 && src[0] == sliceEnd {
		*s = sliceHeader{}
		return src[1:], nil
	}
	g := newGrower(o)
	for {
		if len(src) == 0 {
			return src, errShort
		}
		switch src[0] {
		case sliceEnd:
			*s = g.header()
			return src[1:], nil
		case sliceMore:
		default:
			return src, errMarker
		}
		if src, err = decodeKey(src[1:], g.next(), o.sub, depth); err != nil {
			return src, err
		}
	}
}

func decodeKeyBigInt(src []byte, x *big.Int) ([]byte, error) {
	if len(src) > 0 && src[0] == bigZero {
		*x = big.Int{}
		return src[1:], nil
	}
	if len(src) < 5 {
		return src, errShort
	}
	n, flip := binary.BigEndian.Uint32(src[1:]), byte(0)
	switch src[0] {
	case bigNegative:
		n, flip = ^n, 0xff
	case bigPositive:
	default:
		return src, errBig
	}
	body := src[5:]
	if uint64(n) > uint64(len(body)) {
		return src, errShort
	}
	if n == 0 || body[0] == flip { // a leading zero
		return src, errBig
	}
	magnitude := bytes.Clone(body[:n])
	for i := range magnitude {
		magnitude[i] ^= flip
	}
	*x = *new(big.Int).SetBytes(magnitude)
	if src[0] == bigNegative {
		x.Neg(x)
	}
	return body[n:], nil
}

func decodeKeyBigRat(src []byte, x *big.Rat) ([]byte, error) {
	var num, denom big.Int
	rest, err := decodeKeyBigInt(src, &num)
	if err != nil {
		return rest, err
	}
	if rest, err = decodeKeyBigInt(rest, &denom); err != nil {
		return rest, err
	}
	return rest, setRat(x, &num, &denom)
}

func decodeKeyUser(src []byte, p unsafe.Pointer, u *user) ([]byte, error) {
	b, rest, err := unescape(src)
	if err != nil {
		return rest, err
	}
	reflect.NewAt(u.typ, hide(p)).Elem().SetZero()
	if err := u.decodeRaw(b, p); err != nil {
		return src, err
	}
	return rest, nil
}
