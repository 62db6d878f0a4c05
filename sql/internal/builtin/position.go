package builtin

import (
	"bytes"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	length := expr.Func{Name: "CHAR_LENGTH", Strict: true, Total: true, Compile: rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		out.I32[i] = int32(utf8.RuneCount(args[0].Bytes(i)))
		return true
	})}
	add("string",
		&Def{
			Func: length, Aliases: []string{"CHARACTER_LENGTH"},
			Doc:   "The number of characters of the text.",
			Typed: true, Args: []Arg{{"s", Text, false}}, Result: isInt,
		},
		&Def{
			Func:  expr.Func{Name: "POSITION", Strict: true, Total: true, Compile: rows(locate)},
			Doc:   "The place, from 1, of the first text in the second, at or behind a place; 0 if it is not there.",
			Typed: true, Args: []Arg{{"what", Text, false}, {"s", Text, false}, {"from", Int, true}}, Result: isInt,
		},
		&Def{
			Func:  expr.Func{Name: "LOCATE", Strict: true, Total: true, Compile: rows(locate)},
			Doc:   "The place, from 1, of the first text in the second, at or behind a place; 0 if it is not there.",
			Typed: true, Args: []Arg{{"what", Text, false}, {"s", Text, false}, {"from", Int, true}}, Result: isInt,
		},
		&Def{
			Func: expr.Func{Name: "INSTR", Strict: true, Compile: rows(instr)},
			Doc: "The place, from 1, of the nth occurrence of the second text in the first, at or behind a place, or from there " +
				"backwards where that is counted from the end, as -1 is; 0 if there is none.",
			Typed: true, Args: []Arg{{"s", Text, false}, {"what", Text, false}, {"from", Int, true}, {"n", Int, true}}, Result: isInt,
		},
		startsOrEnds("STARTSWITH", "Whether the text, or binary, begins with the second one.", bytes.HasPrefix),
		startsOrEnds("ENDSWITH", "Whether the text, or binary, ends with the second one.", bytes.HasSuffix),
	)
}

func locate(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	what, s := args[0].Bytes(i), args[1].Bytes(i)
	skip := 0
	if len(args) > 2 {
		skip = max(int(args[2].I32[i])-1, 0)
	}
	if len(what) == 0 {
		out.I32[i] = 1 // from wherever
		return true
	}
	out.I32[i] = int32(indexRune(s[skipRunes(s, skip):], what))
	if out.I32[i] > 0 {
		out.I32[i] += int32(skip)
	}
	return true
}

func instr(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	s, what := args[0].Bytes(i), args[1].Bytes(i)
	from, n := 1, 1
	if len(args) > 2 {
		from = int(args[2].I32[i])
	}
	if len(args) > 3 {
		if n = int(args[3].I32[i]); n < 1 {
			expr.Fail(i, "INSTR looks for occurrence %d: it must be 1 or more", n)
		}
	}
	switch {
	case from == 0:
		out.I32[i] = 0
	case from > 0:
		out.I32[i] = forward(s, what, skipRunes(s, from-1), n)
	default:
		out.I32[i] = backward(s, what, -from, n)
	}
	return true
}

// forward is the place of the nth occurrence of a text that begins at a byte or behind it.
func forward(s, what []byte, at, n int) int32 {
	for {
		k := bytes.Index(s[at:], what)
		if k < 0 {
			return 0
		}
		at += k
		if n--; n == 0 {
			return int32(utf8.RuneCount(s[:at]) + 1)
		}
		if at == len(s) {
			return 0
		}
		_, size := utf8.DecodeRune(s[at:])
		at += size
	}
}

// backward is the place of the nth occurrence of a text, from the end, that begins at a character counted from there or
// before it.
func backward(s, what []byte, from, n int) int32 {
	if utf8.RuneCount(s) < from {
		return 0
	}
	for at := skipRunesBack(s, from); ; {
		if bytes.HasPrefix(s[at:], what) {
			if n--; n == 0 {
				return int32(utf8.RuneCount(s[:at]) + 1)
			}
		}
		if at == 0 {
			return 0
		}
		_, size := utf8.DecodeLastRune(s[:at])
		at -= size
	}
}

func startsOrEnds(name, doc string, has func(s, x []byte) bool) *Def {
	return &Def{
		Func: expr.Func{Name: name, Strict: true, Total: true, Compile: rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
			out.Bools[i] = has(args[0].Bytes(i), args[1].Bytes(i))
			return true
		})},
		Doc:  doc,
		Args: []Arg{{"s", Bytes, false}, {"x", Bytes, false}}, Result: isBool, Check: alike,
	}
}
