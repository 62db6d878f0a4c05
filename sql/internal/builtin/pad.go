package builtin

import (
	"slices"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// textMax is how long the result of a function may be that makes texts longer than those it is given.
const textMax = 1 << 28

func init() {
	args := []Arg{{"s", Text, false}, {"length", Int, false}, {"pad", Text, false}}
	add("string",
		&Def{
			Func: expr.Func{Name: "LPAD", Strict: true, Compile: appends(pad(true))},
			Doc: "The text cut to a number of characters, or made as long by another one, repeated, before it; " +
				"NULL if the number is negative or the other text is empty.",
			Typed: true, Args: args, Result: isString,
		},
		&Def{
			Func: expr.Func{Name: "RPAD", Strict: true, Compile: appends(pad(false))},
			Doc: "The text cut to a number of characters, or made as long by another one, repeated, behind it; " +
				"NULL if the number is negative or the other text is empty.",
			Typed: true, Args: args, Result: isString,
		},
		&Def{
			Func:  expr.Func{Name: "REPEAT", Strict: true, Compile: appends(repeatText)},
			Doc:   "The text a number of times.",
			Typed: true, Args: []Arg{{"s", Text, false}, {"n", Int, false}}, Result: isString,
		},
		&Def{
			Func: expr.Func{Name: "REVERSE", Strict: true, Total: true, Compile: text1(func(s []byte, out *column.Vector) bool {
				for len(s) > 0 {
					_, n := utf8.DecodeLastRune(s)
					out.Data = append(out.Data, s[len(s)-n:]...)
					s = s[:len(s)-n]
				}
				return true
			})},
			Doc:   "The characters of the text from the last to the first.",
			Typed: true, Args: []Arg{{"s", Text, false}}, Result: isString, Nullable: true,
		},
	)
}

func pad(left bool) func(*expr.Context, int, []*column.Vector, *column.Vector) bool {
	return func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		s, length, with := args[0].Bytes(i), int(args[1].I32[i]), args[2].Bytes(i)
		if length < 0 || len(with) == 0 {
			return false
		}
		missing := length - utf8.RuneCount(s)
		if missing <= 0 {
			out.Data = append(out.Data, s[:skipRunes(s, length)]...)
			return true
		}
		if missing > textMax/len(with) {
			expr.Fail(i, "a text of %d characters is too long: %d bytes are the most", length, textMax)
		}
		if !left {
			out.Data = append(out.Data, s...)
		}
		whole := utf8.RuneCount(with)
		for ; missing >= whole; missing -= whole {
			out.Data = append(out.Data, with...)
		}
		out.Data = append(out.Data, with[:skipRunes(with, missing)]...)
		if left {
			out.Data = append(out.Data, s...)
		}
		return true
	}
}

func repeatText(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	s, n := args[0].Bytes(i), int(args[1].I32[i])
	if len(s) == 0 || n <= 0 {
		return true
	}
	if n > textMax/len(s) {
		expr.Fail(i, "a text of %d bytes, %d times, is too long: %d bytes are the most", len(s), n, textMax)
	}
	out.Data = slices.Grow(out.Data, n*len(s))
	for range n {
		out.Data = append(out.Data, s...)
	}
	return true
}
