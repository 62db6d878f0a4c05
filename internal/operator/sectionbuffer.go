package operator

import (
	"math/bits"
	"sync"
)

// Buffers of sections are used again once their bytes are stored: a checkpoint each second of a large state would otherwise
// touch fresh memory for all that it writes. They are pooled by size, in four classes for each power of two:
//
//	4 KB ─ 5 ─ 6 ─ 7 ─ 8 KB ─ 10 ─ 12 ─ 14 ─ 16 KB ─ … ─ 8 MB
const (
	minBufferBits, maxBufferBits = 12, 23

	minBuffer, maxBuffer = 1 << minBufferBits, 1 << maxBufferBits
	bufferSizes          = 4*(maxBufferBits-minBufferBits) + 1
)

var sectionBuffers [bufferSizes]sync.Pool // of *[]byte, whose capacities are those of the class at least

// NewSectionBuffer returns an empty buffer for about so many bytes.
func NewSectionBuffer(size int) []byte {
	if size < minBuffer || size > maxBuffer {
		return make([]byte, 0, size)
	}
	class := bufferClass(size)
	if bufferSize(class) < size {
		class++
	}
	if b, ok := sectionBuffers[class].Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 0, bufferSize(class))
}

// FreeSectionBuffer takes a buffer, of whatever origin, that nobody else refers to.
func FreeSectionBuffer(b []byte) {
	if c := cap(b); c >= minBuffer && c <= 2*maxBuffer {
		b = b[:0]
		if poison {
			for i := range b[:c] {
				b[:c][i] = 0x6b
			}
		}
		sectionBuffers[bufferClass(min(c, maxBuffer))].Put(&b)
	}
}

// bufferClass is the largest class whose size is not above size.
func bufferClass(size int) int {
	exp := bits.Len(uint(size)) - 1
	return 4*(exp-minBufferBits) + (size>>(exp-2))&3
}

// bufferSize is the size of a class.
func bufferSize(class int) int { return (4 + class&3) << (minBufferBits - 2 + class>>2) }
