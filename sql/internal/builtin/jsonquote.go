package builtin

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/jsonpath"
)

func init() {
	add("json",
		&Def{
			Func: expr.Func{Name: "JSON_QUOTE", Strict: true, Total: true, Compile: text1(func(s []byte, out *column.Vector) bool {
				out.Data = appendQuoted(out.Data, s)
				return true
			})},
			Doc:  "The text as a JSON string, in which characters outside ASCII are escaped.",
			Args: []Arg{{"s", Text, false}}, Result: isString,
		},
		&Def{
			Func: expr.Func{Name: "JSON_UNQUOTE", Strict: true, Total: true, Compile: text1(func(s []byte, out *column.Vector) bool {
				out.Data = appendUnquoted(out.Data, s)
				return true
			})},
			Doc:  "The text that a JSON string is, or the argument itself if it is none.",
			Args: []Arg{{"s", Text, false}}, Result: isString,
		},
	)
}

func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		switch {
		case r == '"' || r == '\\' || r == '/':
			dst = append(dst, '\\', s[0])
		case r == '\b':
			dst = append(dst, `\b`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < utf8.RuneSelf:
			dst = append(dst, s[0])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = appendUnit(appendUnit(dst, high), low)
		default:
			dst = appendUnit(dst, r)
		}
		s = s[n:]
	}
	return append(dst, '"')
}

func appendUnit(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

func appendUnquoted(dst, s []byte) []byte {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return append(dst, s...)
	}
	begin := len(dst)
	dst, ok := jsonpath.AppendUnescaped(dst, s[1:len(s)-1])
	if !ok {
		return append(dst[:begin], s...)
	}
	return dst
}
