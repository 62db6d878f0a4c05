package builtin

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// charset is a character set: encode appends a text in it, decode one from it.
type charset struct {
	encode, decode func(dst, s []byte) []byte
}

// charsets are the character sets, by their names in lower case.
var charsets = map[string]*charset{}

func init() {
	ascii, latin1 := single(func(c byte) rune {
		if c < utf8.RuneSelf {
			return rune(c)
		}
		return utf8.RuneError
	}), single(func(c byte) rune { return rune(c) })
	windows := single(func(c byte) rune {
		if c >= 0x80 && c < 0xa0 {
			return windows1252[c-0x80]
		}
		return rune(c)
	})
	for c, names := range map[*charset][]string{
		{appendValid, appendValid}:          {"utf-8", "utf8"},
		ascii:                               {"us-ascii", "ascii", "iso646-us"},
		latin1:                              {"iso-8859-1", "iso8859_1", "iso8859-1", "latin1", "l1"},
		windows:                             {"windows-1252", "cp1252"},
		wide(2, binary.BigEndian, true):     {"utf-16", "utf_16", "utf16"},
		wide(2, binary.BigEndian, false):    {"utf-16be", "utf_16be"},
		wide(2, binary.LittleEndian, false): {"utf-16le", "utf_16le"},
		wide(4, binary.BigEndian, false):    {"utf-32", "utf32", "utf-32be"},
		wide(4, binary.LittleEndian, false): {"utf-32le"},
	} {
		for _, n := range names {
			charsets[n] = c
		}
	}
}

// windows1252 are the characters 0x80 to 0x9f of windows-1252.
var windows1252 = []rune("€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ")

// single is a character set of a byte for each character; what it does not have is a question mark.
func single(char func(c byte) rune) *charset {
	codes := map[rune]byte{}
	for c := range 256 {
		if r := char(byte(c)); r != utf8.RuneError {
			codes[r] = byte(c)
		}
	}
	return &charset{
		encode: func(dst, s []byte) []byte {
			for len(s) > 0 {
				r, n := utf8.DecodeRune(s)
				c, ok := codes[r]
				if !ok {
					c = '?'
				}
				dst = append(dst, c)
				s = s[n:]
			}
			return dst
		},
		decode: func(dst, s []byte) []byte {
			for _, c := range s {
				dst = utf8.AppendRune(dst, char(c))
			}
			return dst
		},
	}
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// wide is UTF-16 or UTF-32; with mark the text begins with a byte order mark, and is read in the order of it.
func wide(size int, order byteOrder, mark bool) *charset {
	put := func(dst []byte, x rune) []byte {
		if size == 2 {
			return order.AppendUint16(dst, uint16(x))
		}
		return order.AppendUint32(dst, uint32(x))
	}
	return &charset{
		encode: func(dst, s []byte) []byte {
			if mark && len(s) > 0 {
				dst = put(dst, 0xfeff)
			}
			for len(s) > 0 {
				r, n := utf8.DecodeRune(s)
				if size == 2 && r > 0xffff {
					high, low := utf16.EncodeRune(r)
					dst, r = put(dst, high), low
				}
				dst = put(dst, r)
				s = s[n:]
			}
			return dst
		},
		decode: func(dst, s []byte) []byte {
			from := binary.ByteOrder(order)
			if mark && len(s) >= 2 {
				switch binary.BigEndian.Uint16(s) {
				case 0xfffe:
					from, s = binary.LittleEndian, s[2:]
				case 0xfeff:
					s = s[2:]
				}
			}
			return decodeWide(dst, s, size, from)
		},
	}
}

func decodeWide(dst, s []byte, size int, order binary.ByteOrder) []byte {
	for ; len(s) >= size; s = s[size:] {
		if size == 4 {
			dst = utf8.AppendRune(dst, rune(order.Uint32(s)))
			continue
		}
		r := rune(order.Uint16(s))
		if utf16.IsSurrogate(r) && len(s) >= 4 {
			if both := utf16.DecodeRune(r, rune(order.Uint16(s[2:]))); both != utf8.RuneError {
				r, s = both, s[2:]
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	if len(s) > 0 {
		dst = utf8.AppendRune(dst, utf8.RuneError)
	}
	return dst
}
