package savepoint

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errShort = errors.New("it ends early")

// cursor reads bytes from front to back. Its first error stays, and everything read after it is zero.
type cursor struct {
	src []byte
	err error
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
	c.src = nil
}

// take is the next n bytes; nil after an error.
func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.src) {
		if c.err == nil {
			c.err = errShort
		}
		c.src = nil
		return nil
	}
	b := c.src[:n:n]
	c.src = c.src[n:]
	return b
}

// fixed is the next n bytes, zeros after an error. n is at most 16.
func (c *cursor) fixed(n int) []byte {
	if b := c.take(n); b != nil {
		return b
	}
	return make([]byte, n)
}

func (c *cursor) byte() byte { return c.fixed(1)[0] }

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.src)
	if n <= 0 {
		c.take(len(c.src) + 1)
		return 0
	}
	c.src = c.src[n:]
	return v
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.src)
	if n <= 0 {
		c.take(len(c.src) + 1)
		return 0
	}
	c.src = c.src[n:]
	return v
}

// sized is the bytes behind their number.
func (c *cursor) sized() []byte {
	n := c.uvarint()
	if n > uint64(len(c.src)) {
		return c.take(len(c.src) + 1)
	}
	return c.take(int(n))
}

// appendSized appends bytes behind their number.
func appendSized(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}
