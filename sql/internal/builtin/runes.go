package builtin

import (
	"bytes"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// UnitsOf is the length of a text as CHAR(n) counts it in the type of a constant: in units of UTF-16.
func UnitsOf(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// skipRunes is where rune n of a text begins, its length if it has fewer.
func skipRunes(s []byte, n int) int {
	i := 0
	for ; n > 0 && i < len(s); n-- {
		_, size := utf8.DecodeRune(s[i:])
		i += size
	}
	return i
}

// skipRunesBack is where the last n runes of a text begin.
func skipRunesBack(s []byte, n int) int {
	i := len(s)
	for ; n > 0 && i > 0; n-- {
		_, size := utf8.DecodeLastRune(s[:i])
		i -= size
	}
	return i
}

// indexRune is the place, from 1, of the first occurrence of a text in another, in characters; 0 if there is none.
func indexRune(s, what []byte) int {
	i := bytes.Index(s, what)
	if i < 0 {
		return 0
	}
	return utf8.RuneCount(s[:i]) + 1
}

// constantText is the text of a literal.
func constantText(x expr.Expr) (s string, ok bool) {
	l, ok := x.(*expr.Literal)
	if !ok || l.IsNull() || column.FormOf(l.Type()) != column.FormBytes {
		return "", false
	}
	return string(l.Value.Bytes(0)), true
}

// remember keeps what was last prepared of a text, which most often is a constant.
func remember[T any](prepare func(s []byte) T) func(s []byte) T {
	var last []byte
	var value T
	known := false
	return func(s []byte) T {
		if !known || !bytes.Equal(last, s) {
			value, known = prepare(s), true
			last = append(last[:0], s...)
		}
		return value
	}
}
