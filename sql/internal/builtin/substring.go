package builtin

import (
	"math"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("string",
		&Def{
			Func: expr.Func{Name: "SUBSTRING", Strict: true, Total: true, Compile: appends(substring)}, Aliases: []string{"SUBSTR"},
			Doc: "The part of the text that begins at a character, from 1 or, if negative, counted from the end, of a number of " +
				"characters or up to the end; NULL if that number is negative.",
			Typed: true, Args: []Arg{{"s", Text, false}, {"from", Int, false}, {"length", Int, true}}, Result: part, Nullable: true,
		},
		&Def{
			Func: expr.Func{Name: "LEFT", Strict: true, Total: true, Compile: appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
				s := args[0].Bytes(i)
				out.Data = append(out.Data, s[:skipRunes(s, int(args[1].I32[i]))]...)
				return true
			})},
			Doc:   "The first characters of the text, none if their number is negative.",
			Typed: true, Args: []Arg{{"s", Text, false}, {"length", Int, false}}, Result: part, Nullable: true,
		},
		&Def{
			Func: expr.Func{Name: "RIGHT", Strict: true, Total: true, Compile: appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
				s := args[0].Bytes(i)
				out.Data = append(out.Data, s[skipRunesBack(s, int(args[1].I32[i])):]...)
				return true
			})},
			Doc:   "The last characters of the text, none if their number is negative.",
			Typed: true, Args: []Arg{{"s", Text, false}, {"length", Int, false}}, Result: part, Nullable: true,
		},
	)
}

// part is the type of a part of the first argument.
func part(args []expr.Expr) *row.Type {
	t := args[0].Type()
	if !t.IsText() {
		return row.StringType()
	}
	return row.VarcharOf(t.Length)
}

func substring(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	s, from, length := args[0].Bytes(i), int(args[1].I32[i]), math.MaxInt32
	if len(args) > 2 {
		length = int(args[2].I32[i])
	}
	switch {
	case length < 0:
		return false
	case from > 0:
		s = s[skipRunes(s, from-1):]
	case from < 0:
		begin := skipRunesBack(s, -from-1)
		if begin == 0 {
			return true // before the text
		}
		s = s[skipRunesBack(s, -from):]
	}
	out.Data = append(out.Data, s[:skipRunes(s, length)]...)
	return true
}
