package nexmark

import "unsafe"

// chunkBytes holds the composed strings of about 2,000 persons, that is of 100,000 events.
const chunkBytes = 64 << 10

// arena hands out memory for strings that are composed, one allocation for many. A chunk is never
// used again, since the strings in it live as long as anybody holds one of them.
type arena struct {
	free []byte
}

// take returns n bytes that nobody else has.
func (a *arena) take(n int) []byte {
	if len(a.free) < n {
		a.free = make([]byte, max(chunkBytes, n))
	}
	b := a.free[:n:n]
	a.free = a.free[n:]
	return b
}

// text turns bytes of the arena into a string. They must not be written afterwards.
func text(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
