package codec

import (
	"encoding/binary"
	"math/big"
	"slices"
	"time"
	"unsafe"
)

// sliceHeader is a slice of any type in memory.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

// appendProgram appends the encoding of the value at p, depth levels below the root.
//
//flott:hot
func appendProgram(dst []byte, p unsafe.Pointer, pr *program, depth int) []byte {
	for i := range pr.ops {
		o := &pr.ops[i]
		f := unsafe.Add(p, o.off)
		switch o.code {
		case opFix1, opBool:
			dst = append(dst, *(*byte)(f))
		case opFix2:
			dst = binary.LittleEndian.AppendUint16(dst, *(*uint16)(f))
		case opFix4:
			dst = binary.LittleEndian.AppendUint32(dst, *(*uint32)(f))
		case opFix8:
			dst = binary.LittleEndian.AppendUint64(dst, *(*uint64)(f))
		case opRun8:
			dst = append(dst, (*[8]byte)(f)[:]...)
		case opRun16:
			dst = append(dst, (*[16]byte)(f)[:]...)
		case opRun24:
			dst = append(dst, (*[24]byte)(f)[:]...)
		case opCopy, opCopyBools:
			dst = append(dst, unsafe.Slice((*byte)(f), o.n)...)
		case opString:
			dst = appendString(dst, *(*string)(f))
		case opBytes:
			dst = appendBytes(dst, *(*[]byte)(f))
		case opTime:
			dst = appendTime(dst, (*time.Time)(f))
		case opArray:
			for j := range o.n {
				dst = appendProgram(dst, unsafe.Add(f, j*o.sub.size), o.sub, depth)
			}
		case opCall:
			dst = appendProgram(dst, f, o.sub, depth)
		case opPointer:
			dst = appendPointer(dst, *(*unsafe.Pointer)(f), o.sub, depth+1)
		case opBulk:
			dst = appendBulk(dst, (*sliceHeader)(f), o.sub.size)
		case opStrings:
			dst = appendStrings(dst, *(*[]string)(f))
		case opSlice:
			dst = appendSlice(dst, (*sliceHeader)(f), o.sub, depth+1)
		case opMap:
			dst = o.maps.append(dst, *(*unsafe.Pointer)(f), depth+1)
		case opBigInt:
			dst = appendBigInt(dst, (*big.Int)(f))
		case opBigRat:
			dst = appendBigRat(dst, (*big.Rat)(f))
		case opBigFloat:
			dst = appendBigFloat(dst, (*big.Float)(f))
		case opMarshal, opCustom:
			dst = appendUser(dst, f, o.user)
		}
	}
	return dst
}

// checkDepth panics when the value cannot be but cyclic, or would overflow the stack.
func checkDepth(pr *program, depth int) {
	if depth > depthMax {
		panic(&MarshalError{Type: pr.typ, Err: ErrDepth})
	}
}

func appendString(dst []byte, s string) []byte {
	if len(s) < 0x80 {
		dst = append(dst, byte(len(s)))
	} else {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
	}
	return append(dst, s...)
}

// appendCount appends the length of a slice or map that is not nil.
func appendCount(dst []byte, n int) []byte {
	return binary.AppendUvarint(dst, uint64(n)+1)
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 0)
	}
	return append(appendCount(dst, len(b)), b...)
}

func appendTime(dst []byte, t *time.Time) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.Unix()))
	return binary.LittleEndian.AppendUint32(dst, uint32(t.Nanosecond()))
}

func appendPointer(dst []byte, p unsafe.Pointer, pr *program, depth int) []byte {
	if p == nil {
		return append(dst, 0)
	}
	checkDepth(pr, depth)
	return appendProgram(append(dst, 1), p, pr, depth)
}

func appendBulk(dst []byte, s *sliceHeader, size uintptr) []byte {
	if s.data == nil {
		return append(dst, 0)
	}
	dst = appendCount(dst, s.len)
	return append(dst, unsafe.Slice((*byte)(s.data), uintptr(s.len)*size)...)
}

func appendStrings(dst []byte, s []string) []byte {
	if s == nil {
		return append(dst, 0)
	}
	dst = appendCount(dst, len(s))
	for i := range s {
		dst = appendString(dst, s[i])
	}
	return dst
}

func appendSlice(dst []byte, s *sliceHeader, pr *program, depth int) []byte {
	if s.data == nil {
		return append(dst, 0)
	}
	checkDepth(pr, depth)
	dst = appendCount(dst, s.len)
	if pr.min == 0 {
		return appendPads(dst, s.len, pr.size)
	}
	for i := range s.len {
		dst = appendProgram(dst, unsafe.Add(s.data, uintptr(i)*pr.size), pr, depth)
	}
	return dst
}

// appendPads appends a zero for each element of a slice whose elements take memory but have no
// encoding (all fields skipped). Without it a few bytes could claim any amount of memory.
func appendPads(dst []byte, n int, size uintptr) []byte {
	if size == 0 {
		return dst
	}
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	clear(dst[at:])
	return dst
}
