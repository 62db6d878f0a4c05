package wire

import (
	"math/bits"
	"sync"
)

// Buffers of 1 KiB to 4 MiB are pooled, in classes of powers of two.
const (
	smallestClass = 10
	largestClass  = 22
)

var pools [largestClass - smallestClass + 1]sync.Pool

// Buffer holds the bytes of one message. It has one owner, who hands it on or frees it.
type Buffer struct {
	// B is the message. Whoever owns the buffer may append to it and replace it.
	B []byte

	free bool
}

// NewBuffer returns an empty buffer with a capacity of at least size bytes.
func NewBuffer(size int) *Buffer {
	lent()
	class := max(bits.Len(uint(max(size, 1)-1)), smallestClass)
	if class > largestClass {
		return &Buffer{B: make([]byte, 0, size)}
	}
	if b, ok := pools[class-smallestClass].Get().(*Buffer); ok {
		b.free = false
		return b
	}
	return &Buffer{B: make([]byte, 0, 1<<class)}
}

// Free gives the buffer back. Neither it nor its bytes may be used afterwards.
func (b *Buffer) Free() {
	if b.free {
		panic("wire: buffer is freed twice")
	}
	b.free = true
	givenBack(b)
	class := bits.Len(uint(cap(b.B))) - 1
	if class < smallestClass || class > largestClass {
		return
	}
	b.B = b.B[:0]
	pools[class-smallestClass].Put(b)
}
