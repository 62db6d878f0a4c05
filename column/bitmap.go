package column

import "math/bits"

// Bitmap has a bit for each of a number of things. nil has all of them set.
type Bitmap []uint64

// NewBitmap returns a Bitmap of n bits, all set or all clear.
func NewBitmap(n int, set bool) Bitmap {
	b := make(Bitmap, (n+63)>>6)
	if set {
		for i := range b {
			b[i] = ^uint64(0)
		}
	}
	return b
}

// Has reports whether bit i is set.
func (b Bitmap) Has(i int) bool { return b == nil || b[i>>6]>>(uint(i)&63)&1 != 0 }

// Set sets bit i.
func (b Bitmap) Set(i int) { b[i>>6] |= 1 << (uint(i) & 63) }

// Clear clears bit i.
func (b Bitmap) Clear(i int) { b[i>>6] &^= 1 << (uint(i) & 63) }

// Count is the number of set bits among the first n of a Bitmap that is not nil.
func (b Bitmap) Count(n int) int {
	c := 0
	for i := range n >> 6 {
		c += bits.OnesCount64(b[i])
	}
	if n&63 != 0 {
		c += bits.OnesCount64(b[n>>6] & (1<<(uint(n)&63) - 1))
	}
	return c
}

// And is the bits that are set in both of two Bitmaps of n bits. It uses dst's memory.
func And(dst, a, b Bitmap, n int) Bitmap {
	switch {
	case a == nil && b == nil:
		return nil
	case a == nil:
		return append(dst[:0], b[:(n+63)>>6]...)
	case b == nil:
		return append(dst[:0], a[:(n+63)>>6]...)
	}
	dst = dst[:0]
	for i := range (n + 63) >> 6 {
		dst = append(dst, a[i]&b[i])
	}
	return dst
}
