package builtin

import (
	"encoding/base64"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("string",
		&Def{
			Func: expr.Func{Name: "ASCII", Strict: true, Total: true, Compile: rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
				out.I32[i] = 0
				if s := args[0].Bytes(i); len(s) > 0 {
					out.I32[i] = int32(int8(s[0]))
				}
				return true
			})},
			Doc:   "The first byte of the text in UTF-8, as a signed number; 0 if there is none.",
			Typed: true, Args: []Arg{{"s", Text, false}}, Result: isInt,
		},
		&Def{
			Func: expr.Func{Name: "CHR", Strict: true, Total: true, Compile: appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
				if n := args[0].I64[i]; n >= 0 {
					out.Data = utf8.AppendRune(out.Data, rune(n&255))
				}
				return true
			})},
			Doc:   "The character of a code modulo 256, none if it is negative.",
			Typed: true, Args: []Arg{{"code", BigInt, false}}, Result: isString, Nullable: true,
		},
		&Def{
			Func:  expr.Func{Name: "ENCODE", Strict: true, Compile: encode},
			Doc:   "The text in a character set: UTF-8, US-ASCII, ISO-8859-1, UTF-16, UTF-16BE, UTF-16LE, UTF-32 or windows-1252.",
			Typed: true, Args: []Arg{{"s", Text, false}, {"charset", Text, false}}, Result: Is(row.BytesType()),
		},
		&Def{
			Func:  expr.Func{Name: "DECODE", Strict: true, Compile: decode},
			Doc:   "The text that a binary is in a character set: UTF-8, US-ASCII, ISO-8859-1, UTF-16, UTF-16BE, UTF-16LE, UTF-32 or windows-1252.",
			Typed: true, Args: []Arg{{"b", Binary, false}, {"charset", Text, false}}, Result: isString,
		},
		&Def{
			Func: expr.Func{Name: "TO_BASE64", Strict: true, Total: true, Compile: text1(func(s []byte, out *column.Vector) bool {
				out.Data = base64.StdEncoding.AppendEncode(out.Data, s)
				return true
			})},
			Doc:   "The text, in UTF-8, or binary in base 64.",
			Typed: true, Args: []Arg{{"s", Bytes, false}}, Result: isString,
		},
		&Def{
			Func:  expr.Func{Name: "FROM_BASE64", Strict: true, Compile: appends(fromBase64)},
			Doc:   "The text of which the bytes in UTF-8 are given in base 64.",
			Typed: true, Args: []Arg{{"s", Text, false}}, Result: isString,
		},
		&Def{
			Func: expr.Func{Name: "URL_ENCODE", Strict: true, Total: true, Compile: text1(func(s []byte, out *column.Vector) bool {
				out.Data = appendURL(out.Data, s)
				return true
			})},
			Doc:  "The text as a form sends it in a URL: with + for blanks, and % and the bytes in UTF-8 for most other characters.",
			Args: []Arg{{"s", Text, false}}, Result: isString, Nullable: true,
		},
		&Def{
			Func: expr.Func{Name: "URL_DECODE", Strict: true, Total: true, Compile: text1(func(s []byte, out *column.Vector) bool {
				text, err := url.QueryUnescape(string(s))
				out.Data = appendValid(out.Data, []byte(text))
				return err == nil
			})},
			Doc:  "The text that URL_ENCODE makes this one of; NULL if there is none.",
			Args: []Arg{{"s", Text, false}}, Result: isString, Nullable: true,
		},
	)
}

// appendValid appends a text with � for what is no UTF-8.
func appendValid(dst, s []byte) []byte {
	if utf8.Valid(s) {
		return append(dst, s...)
	}
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		dst = utf8.AppendRune(dst, r)
		s = s[n:]
	}
	return dst
}

func fromBase64(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	s := args[0].Bytes(i)
	encoding := base64.StdEncoding
	if len(s)%4 != 0 {
		encoding = base64.RawStdEncoding
	}
	for _, c := range s {
		if c == '\n' || c == '\r' {
			expr.Fail(i, "FROM_BASE64 takes text in base 64: it has a line end")
		}
	}
	bytes, err := encoding.AppendDecode(nil, s)
	if err != nil {
		expr.Fail(i, "FROM_BASE64 takes text in base 64: %v", err)
	}
	out.Data = appendValid(out.Data, bytes)
	return true
}

func appendURL(dst, s []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range s {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '*' || c == '_':
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// findCharset finds a character set by its name.
func findCharset() func(name []byte) *charset {
	return remember(func(name []byte) *charset {
		c := charsets[strings.ToLower(string(name))]
		if c == nil {
			expr.Fail(-1, "there is no character set %s: use UTF-8, US-ASCII, ISO-8859-1, UTF-16 or another that ENCODE has", name)
		}
		return c
	})
}

func encode(*expr.Call) expr.Kernel {
	find := findCharset()
	return appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		out.Data = find(args[1].Bytes(i)).encode(out.Data, args[0].Bytes(i))
		return true
	})(nil)
}

func decode(*expr.Call) expr.Kernel {
	find := findCharset()
	return appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		out.Data = find(args[1].Bytes(i)).decode(out.Data, args[0].Bytes(i))
		return true
	})(nil)
}
