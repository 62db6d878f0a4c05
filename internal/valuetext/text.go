package valuetext

import (
	"encoding/base64"
	"unicode/utf8"
)

// IsTrue is Boolean.parseBoolean of a text without the spaces around it: whether it is true, in any
// case.
func IsTrue(b []byte) bool {
	b = Trim(b)
	return len(b) == 4 && b[0]|0x20 == 't' && b[1]|0x20 == 'r' && b[2]|0x20 == 'u' && b[3]|0x20 == 'e'
}

// base64Values has the values of the letters of base64, 64 for other bytes.
var base64Values = func() (t [256]byte) {
	for i := range t {
		t[i] = 64
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	return t
}()

// Base64 appends the bytes that a text in base64, with padding, stands for. White space is passed over
// between groups of four letters.
func Base64(dst, s []byte) (out []byte, ok bool) {
	for {
		for len(s) > 0 && s[0] <= ' ' {
			s = s[1:]
		}
		if len(s) == 0 {
			return dst, true
		}
		if len(s) < 4 {
			return dst, false
		}
		a, b, c, d := base64Values[s[0]], base64Values[s[1]], base64Values[s[2]], base64Values[s[3]]
		if a|b > 63 {
			return dst, false
		}
		switch {
		case c|d <= 63:
			dst = append(dst, a<<2|b>>4, b<<4|c>>2, c<<6|d)
		case s[3] != '=':
			return dst, false
		case c <= 63:
			dst = append(dst, a<<2|b>>4, b<<4|c>>2)
		case s[2] == '=':
			dst = append(dst, a<<2|b>>4)
		default:
			return dst, false
		}
		padded := s[3] == '='
		if s = s[4:]; padded {
			return dst, len(Trim(s)) == 0
		}
	}
}

// AppendBase64 appends bytes in base64, with padding.
func AppendBase64(dst, b []byte) []byte { return base64.StdEncoding.AppendEncode(dst, b) }

// AppendUTF8 appends a text; each byte that is not of UTF-8 becomes U+FFFD.
func AppendUTF8(dst, s []byte) []byte {
	if utf8.Valid(s) {
		return append(dst, s...)
	}
	for _, r := range string(s) {
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}
