package json

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	quotes = '"' * ones
	slants = '\\' * ones
)

// plain is the first place from i on that has a quote, a backslash or a byte that is not ASCII, or
// the length of b. It looks at eight bytes at a time: x-1 &^ x has its high bit set where a byte is
// zero, and in no byte before that.
//
//flott:hot
func plain(b []byte, i int) int {
	for ; i+16 <= len(b); i += 16 {
		w, x := binary.LittleEndian.Uint64(b[i:]), binary.LittleEndian.Uint64(b[i+8:])
		q, s, r, t := w^quotes, w^slants, x^quotes, x^slants
		m := ((q-ones)&^q | (s-ones)&^s | w) & highs
		n := ((r-ones)&^r | (t-ones)&^t | x) & highs
		if m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		if n != 0 {
			return i + 8 + bits.TrailingZeros64(n)>>3
		}
	}
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		q, s := w^quotes, w^slants
		if m := ((q-ones)&^q | (s-ones)&^s | w) & highs; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
	}
	return i
}

// text finds the end of a string that begins, behind its quote, at i: the place of the quote that
// ends it. escaped tells whether it has backslashes.
//
//flott:hot
func (d *decoder) text(i int) (end int, escaped, ok bool) {
	b := d.b
	for {
		i = plain(b, i)
		if i >= len(b) {
			return 0, false, d.syntax(i, "the record ends inside a string")
		}
		switch c := b[i]; {
		case c == '"':
			return i, escaped, true
		case c == '\\':
			n := escapeLength(b[i:])
			if n == 0 {
				return 0, false, d.syntax(i, "there is no such escape in a string")
			}
			i, escaped = i+n, true
		default:
			_, n := utf8.DecodeRune(b[i:])
			if n == 1 {
				return 0, false, d.syntax(i, "the text is not UTF-8")
			}
			i += n
		}
	}
}

// escapeLength is the length of the escape that b begins with, 0 if it is none.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20-'a' <= 5:
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// space is the first place from i on that is not white space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// number finds the end of a number at i; whole tells that it has neither a fraction nor an exponent.
func (d *decoder) number(i int) (end int, whole, ok bool) {
	b, from := d.b, i
	if b[i] == '-' {
		i++
	}
	first := i
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	if i == first || b[first] == '0' && i > first+1 {
		return 0, false, d.syntax(from, "this is not a number")
	}
	whole = true
	if i < len(b) && b[i] == '.' {
		whole, i = false, i+1
		if i = digits(b, i); b[i-1] == '.' {
			return 0, false, d.syntax(from, "this is not a number")
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		whole, i = false, i+1
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			i++
		}
		first := i
		if i = digits(b, i); i == first {
			return 0, false, d.syntax(from, "this is not a number")
		}
	}
	return i, whole, true
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// literal finds the end of true, false or null.
func (d *decoder) literal(i int) (end int, ok bool) {
	for _, word := range [...]string{"true", "false", "null"} {
		if len(d.b)-i >= len(word) && string(d.b[i:i+len(word)]) == word {
			return i + len(word), true
		}
	}
	return 0, d.syntax(i, "a value is expected")
}

// depthMax is how deep values may be nested.
const depthMax = 1000

// skip finds the end of a value of any type at i, and checks its syntax.
func (d *decoder) skip(i int) (end int, ok bool) {
	if i >= len(d.b) {
		return 0, d.syntax(i, "a value is expected")
	}
	switch c := d.b[i]; {
	case c == '"':
		end, _, ok = d.text(i + 1)
		return end + 1, ok
	case c == '-' || c-'0' <= 9:
		end, _, ok = d.number(i)
		return end, ok
	case c == '{' || c == '[':
		if d.depth++; d.depth > depthMax {
			return 0, d.syntax(i, "values are nested too deeply")
		}
		end, ok = d.skipItems(i, c == '{')
		d.depth--
		return end, ok
	}
	return d.literal(i)
}

// skipItems finds the end of an object or an array.
func (d *decoder) skipItems(i int, object bool) (end int, ok bool) {
	closing := byte(']')
	if object {
		closing = '}'
	}
	i = space(d.b, i+1)
	if i < len(d.b) && d.b[i] == closing {
		return i + 1, true
	}
	for {
		if object {
			if _, i, ok = d.key(i); !ok {
				return 0, false
			}
		}
		if i, ok = d.skip(i); !ok {
			return 0, false
		}
		more := false
		if i, more, ok = d.next(i, closing); !ok || !more {
			return i, ok
		}
	}
}

// key reads a key and its colon, up to the value.
func (d *decoder) key(i int) (name []byte, value int, ok bool) {
	if i >= len(d.b) || d.b[i] != '"' {
		return nil, 0, d.syntax(i, "a key in quotes is expected")
	}
	end, escaped, ok := d.text(i + 1)
	if !ok {
		return nil, 0, false
	}
	if name = d.b[i+1 : end]; escaped {
		d.scratch = unescape(d.scratch[:0], name)
		name = d.scratch
	}
	i = space(d.b, end+1)
	if i >= len(d.b) || d.b[i] != ':' {
		return nil, 0, d.syntax(i, "a colon is expected")
	}
	return name, space(d.b, i+1), true
}

// next reads what is behind an item: a comma, up to the next item, or the end.
func (d *decoder) next(i int, closing byte) (at int, more, ok bool) {
	b := d.b
	if i < len(b) && b[i] <= ' ' {
		i = space(b, i)
	}
	if i < len(b) {
		switch b[i] {
		case ',':
			if i++; i < len(b) && b[i] <= ' ' {
				i = space(b, i)
			}
			return i, true, true
		case closing:
			return i + 1, false, true
		}
	}
	if closing == '}' {
		return 0, false, d.syntax(i, "a comma or } is expected")
	}
	return 0, false, d.syntax(i, "a comma or ] is expected")
}

// unescape appends a string whose escapes have been checked. Half of a surrogate pair becomes a
// question mark, as in Java's UTF-8.
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		if s[i+1] != 'u' {
			dst = append(dst, escaped[s[i+1]])
			i += 2
			continue
		}
		r, _ := hex4(s[i+2:])
		i += 6
		if r&0xFC00 == 0xD800 && i+1 < len(s) && s[i] == '\\' && s[i+1] == 'u' {
			if low, _ := hex4(s[i+2:]); low&0xFC00 == 0xDC00 {
				r = 0x10000 + (r&0x3FF)<<10 + low&0x3FF
				i += 6
			}
		}
		if r&^0x7FF == 0xD800 {
			r = '?'
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
