package builtin

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("string",
		&Def{
			Func:  expr.Func{Name: "UPPER", Strict: true, Total: true, Compile: fitted(appendUpper)},
			Doc:   "The text in upper case.",
			Typed: true, Args: []Arg{{"s", Text, false}}, Result: sameText,
		},
		&Def{
			Func:  expr.Func{Name: "LOWER", Strict: true, Total: true, Compile: fitted(appendLower)},
			Doc:   "The text in lower case.",
			Typed: true, Args: []Arg{{"s", Text, false}}, Result: sameText,
		},
		&Def{
			Func:  expr.Func{Name: "INITCAP", Strict: true, Total: true, Compile: fitted(appendInitCap)},
			Doc:   "The text with each word, of letters and digits, in lower case but for its first character.",
			Typed: true, Args: []Arg{{"s", Text, false}}, Result: sameText,
		},
	)
}

// sameText is the type of the first argument.
func sameText(args []expr.Expr) *row.Type {
	if t := args[0].Type(); t.IsText() {
		return t
	}
	return row.StringType() // of NULL
}

// fitted is a function of a text whose result is cut to the length of its type where that is CHAR.
func fitted(f func(dst, s []byte) []byte) func(*expr.Call) expr.Kernel {
	return func(c *expr.Call) expr.Kernel {
		return text1(func(s []byte, out *column.Vector) bool {
			begin := len(out.Data)
			out.Data = f(out.Data, s)
			if c.T.Kind == row.Char {
				out.Data = out.Data[:begin+cut(out.Data[begin:], c.T.Length)]
			}
			return true
		})(c)
	}
}

// cut is how many bytes the first units of UTF-16 of a text take: CHAR(n) has n of them.
func cut(s []byte, units int) int {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		units--
		if r > 0xffff {
			units--
		}
		if units < 0 {
			return i
		}
		i += size
	}
	return len(s)
}

// special are the characters that are several in upper case, each with these.
var special = func() map[rune]string {
	m := map[rune]string{}
	for _, f := range strings.Fields(
		"\u00df\u0053\u0053 \u0149\u02bc\u004e \u01f0\u004a\u030c \u0390\u0399\u0308\u0301 " +
			"\u03b0\u03a5\u0308\u0301 \u0587\u0535\u0552 \u1e96\u0048\u0331 \u1e97\u0054\u0308 " +
			"\u1e98\u0057\u030a \u1e99\u0059\u030a \u1e9a\u0041\u02be \u1f50\u03a5\u0313 " +
			"\u1f52\u03a5\u0313\u0300 \u1f54\u03a5\u0313\u0301 \u1f56\u03a5\u0313\u0342 \u1f80\u1f08\u0399 " +
			"\u1f81\u1f09\u0399 \u1f82\u1f0a\u0399 \u1f83\u1f0b\u0399 \u1f84\u1f0c\u0399 \u1f85\u1f0d\u0399 " +
			"\u1f86\u1f0e\u0399 \u1f87\u1f0f\u0399 \u1f88\u1f08\u0399 \u1f89\u1f09\u0399 \u1f8a\u1f0a\u0399 " +
			"\u1f8b\u1f0b\u0399 \u1f8c\u1f0c\u0399 \u1f8d\u1f0d\u0399 \u1f8e\u1f0e\u0399 \u1f8f\u1f0f\u0399 " +
			"\u1f90\u1f28\u0399 \u1f91\u1f29\u0399 \u1f92\u1f2a\u0399 \u1f93\u1f2b\u0399 \u1f94\u1f2c\u0399 " +
			"\u1f95\u1f2d\u0399 \u1f96\u1f2e\u0399 \u1f97\u1f2f\u0399 \u1f98\u1f28\u0399 \u1f99\u1f29\u0399 " +
			"\u1f9a\u1f2a\u0399 \u1f9b\u1f2b\u0399 \u1f9c\u1f2c\u0399 \u1f9d\u1f2d\u0399 \u1f9e\u1f2e\u0399 " +
			"\u1f9f\u1f2f\u0399 \u1fa0\u1f68\u0399 \u1fa1\u1f69\u0399 \u1fa2\u1f6a\u0399 \u1fa3\u1f6b\u0399 " +
			"\u1fa4\u1f6c\u0399 \u1fa5\u1f6d\u0399 \u1fa6\u1f6e\u0399 \u1fa7\u1f6f\u0399 \u1fa8\u1f68\u0399 " +
			"\u1fa9\u1f69\u0399 \u1faa\u1f6a\u0399 \u1fab\u1f6b\u0399 \u1fac\u1f6c\u0399 \u1fad\u1f6d\u0399 " +
			"\u1fae\u1f6e\u0399 \u1faf\u1f6f\u0399 \u1fb2\u1fba\u0399 \u1fb3\u0391\u0399 \u1fb4\u0386\u0399 " +
			"\u1fb6\u0391\u0342 \u1fb7\u0391\u0342\u0399 \u1fbc\u0391\u0399 \u1fc2\u1fca\u0399 " +
			"\u1fc3\u0397\u0399 \u1fc4\u0389\u0399 \u1fc6\u0397\u0342 \u1fc7\u0397\u0342\u0399 " +
			"\u1fcc\u0397\u0399 \u1fd2\u0399\u0308\u0300 \u1fd3\u0399\u0308\u0301 \u1fd6\u0399\u0342 " +
			"\u1fd7\u0399\u0308\u0342 \u1fe2\u03a5\u0308\u0300 \u1fe3\u03a5\u0308\u0301 \u1fe4\u03a1\u0313 " +
			"\u1fe6\u03a5\u0342 \u1fe7\u03a5\u0308\u0342 \u1ff2\u1ffa\u0399 \u1ff3\u03a9\u0399 " +
			"\u1ff4\u038f\u0399 \u1ff6\u03a9\u0342 \u1ff7\u03a9\u0342\u0399 \u1ffc\u03a9\u0399 " +
			"\ufb00\u0046\u0046 \ufb01\u0046\u0049 \ufb02\u0046\u004c \ufb03\u0046\u0046\u0049 " +
			"\ufb04\u0046\u0046\u004c \ufb05\u0053\u0054 \ufb06\u0053\u0054 \ufb13\u0544\u0546 " +
			"\ufb14\u0544\u0535 \ufb15\u0544\u053b \ufb16\u054e\u0546 \ufb17\u0544\u053d") {
		r, n := utf8.DecodeRuneInString(f)
		m[r] = f[n:]
	}
	return m
}()

func appendUpper(dst, s []byte) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		switch {
		case r < utf8.RuneSelf:
			c := s[0]
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
		case special[r] != "":
			dst = append(dst, special[r]...)
		default:
			dst = utf8.AppendRune(dst, unicode.ToUpper(r))
		}
		s = s[n:]
	}
	return dst
}

func appendLower(dst, s []byte) []byte {
	begin := len(dst)
	dst = append(dst, s...)
	for i, c := range dst[begin:] {
		if c >= utf8.RuneSelf {
			return appendLowerFrom(dst[:begin+i], s, i)
		}
		if c-'A' <= 'Z'-'A' {
			dst[begin+i] = c + 'a' - 'A'
		}
	}
	return dst
}

// appendLowerFrom appends what begins at a place of a text.
func appendLowerFrom(dst, s []byte, i int) []byte {
	for i < len(s) {
		r, n := utf8.DecodeRune(s[i:])
		switch {
		case r < utf8.RuneSelf:
			c := s[i]
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
		case r == 'Σ' && endsWord(s[:i], s[i+n:]):
			dst = append(dst, "ς"...)
		case r == 'İ':
			dst = append(dst, "i\u0307"...)
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		i += n
	}
	return dst
}

// endsWord reports whether what is between two texts is the last letter of a word, and not its only one.
func endsWord(before, after []byte) bool {
	isLetter := func(r rune) bool { return unicode.IsLetter(r) }
	skip := func(r rune) bool { return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) }
	b, _ := utf8.DecodeLastRune(bytes.TrimRightFunc(before, skip))
	a, _ := utf8.DecodeRune(bytes.TrimLeftFunc(after, skip))
	return isLetter(b) && !isLetter(a)
}

func appendInitCap(dst, s []byte) []byte {
	inWord := false
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		switch isWord := r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z'; {
		case r >= utf8.RuneSelf:
			dst = append(dst, s[:n]...)
			inWord = false
		case inWord:
			dst = appendLower(dst, s[:n])
			inWord = isWord
		default:
			dst = appendUpper(dst, s[:n])
			inWord = isWord
		}
		s = s[n:]
	}
	return dst
}
