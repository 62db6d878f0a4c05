package codec

import (
	"slices"
	"unsafe"
)

// wordKind is how a key of kind KeyWord lies in memory.
type wordKind uint8

const (
	wordNone wordKind = iota
	word64            // 64 bits, of any sign
	wordU8            // bool too
	wordU16
	wordU32
	wordI8
	wordI16
	wordI32
	wordF32
	wordF64
)

// wordKinds has wordNone for the kinds that are no words.
var wordKinds = [KindRef + 1]wordKind{
	KindBool: wordU8, KindInt8: wordI8, KindInt16: wordI16, KindInt32: wordI32, KindInt64: word64,
	KindUint8: wordU8, KindUint16: wordU16, KindUint32: wordU32, KindUint64: word64,
	KindFloat32: wordF32, KindFloat64: wordF64, KindDuration: word64,
}

// loadWord returns the canonical bits of the key at p.
func loadWord(p unsafe.Pointer, w wordKind) uint64 {
	switch w {
	case word64:
		return *(*uint64)(p)
	case wordU8:
		return uint64(*(*uint8)(p))
	case wordU16:
		return uint64(*(*uint16)(p))
	case wordU32:
		return uint64(*(*uint32)(p))
	case wordI8:
		return uint64(*(*int8)(p))
	case wordI16:
		return uint64(*(*int16)(p))
	case wordI32:
		return uint64(*(*int32)(p))
	case wordF32:
		return uint64(canonical32(*(*uint32)(p)))
	case wordF64:
		return canonical64(*(*uint64)(p))
	}
	panic("codec: word of a key that is not of kind KeyWord")
}

// storeWord stores the key with the canonical bits v at p.
func storeWord(p unsafe.Pointer, w wordKind, v uint64) {
	switch w {
	case word64, wordF64:
		*(*uint64)(p) = v
	case wordU32, wordI32, wordF32:
		*(*uint32)(p) = uint32(v)
	case wordU16, wordI16:
		*(*uint16)(p) = uint16(v)
	case wordU8, wordI8:
		*(*uint8)(p) = uint8(v)
	default:
		panic("codec: word of a key that is not of kind KeyWord")
	}
}

const (
	sign32 = 1 << 31
	sign64 = 1 << 63
	inf32  = 0x7f800000
	inf64  = 0x7ff0000000000000
	nan32  = 0x7fc00000
	nan64  = 0x7ff8000000000000
)

// canonical32 returns the bits of a float32, all NaN being one.
func canonical32(b uint32) uint32 {
	if b&^sign32 > inf32 {
		return nan32
	}
	return b
}

// canonical64 returns the bits of a float64, all NaN being one.
func canonical64(b uint64) uint64 {
	if b&^sign64 > inf64 {
		return nan64
	}
	return b
}

// ordered32 maps canonical bits so that unsigned order is the order of the floats.
func ordered32(b uint32) uint32 { return b ^ (uint32(int32(b)>>31) | sign32) }

// ordered64 is ordered32 for float64.
func ordered64(b uint64) uint64 { return b ^ (uint64(int64(b)>>63) | sign64) }

// unordered32 is the inverse of ordered32.
func unordered32(b uint32) uint32 { return b ^ (^uint32(int32(b)>>31) | sign32) }

// unordered64 is the inverse of ordered64.
func unordered64(b uint64) uint64 { return b ^ (^uint64(int64(b)>>63) | sign64) }

// hashWords appends the hashes of n keys at p to dst. The two widths that most keys have get a loop
// of their own.
func hashWords(dst []uint64, p unsafe.Pointer, n int, w wordKind, size uintptr) []uint64 {
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	out := dst[at:]
	switch w {
	case word64:
		for i, v := range unsafe.Slice((*uint64)(p), n)[:len(out)] {
			out[i] = HashWord(v)
		}
	case wordI32:
		for i, v := range unsafe.Slice((*int32)(p), n)[:len(out)] {
			out[i] = HashWord(uint64(v))
		}
	default:
		for i := range out {
			out[i] = HashWord(loadWord(unsafe.Add(p, uintptr(i)*size), w))
		}
	}
	return dst
}
