package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("string",
		&Def{
			Func:  expr.Func{Name: "TRIM", Strict: true, Total: true, Compile: trimSymbol},
			Doc:   "The text without blanks, or other characters, at its begin, its end or both.",
			Typed: true, Args: []Arg{{"where", Symbol, true}, {"characters", Text, true}, {"s", Text, false}}, Infer: inferTrim,
		},
		trim("LTRIM", "The text without blanks, or other characters, at its begin.", true, false, part),
		trim("RTRIM", "The text without blanks, or other characters, at its end.", false, true, part),
		trim("BTRIM", "The text without blanks, or other characters, at its begin and its end.", true, true, isString),
	)
}

// inferTrim brings the forms of TRIM to one: where, the text, what is removed if it is not blanks.
func inferTrim(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	isWhere := len(args) > 0 && Symbol.Has(args[0].Type())
	switch {
	case !isWhere && len(args) == 1:
		args = []expr.Expr{args[0]}
	case isWhere && len(args) == 2:
		args = []expr.Expr{args[1], args[0]}
	case isWhere && len(args) == 3:
		args = []expr.Expr{args[2], args[0], args[1]}
	default:
		return nil, nil, errors.New("TRIM takes a text: TRIM([BOTH|LEADING|TRAILING] [<CHARACTER>] FROM <CHARACTER>)")
	}
	nulls := false
	for _, a := range args {
		t := a.Type()
		if !t.IsText() && t.Kind != row.Null && !Symbol.Has(t) {
			return nil, nil, fmt.Errorf("TRIM takes a text, not %s", t.SQL())
		}
		nulls = nulls || !t.NotNull
	}
	return args, part(args).Nullable(nulls), nil
}

func trimSymbol(c *expr.Call) expr.Kernel {
	where := "BOTH"
	if len(c.Args) > 1 {
		where, _ = constantText(c.Args[1])
	}
	return trimKernel(where != "TRAILING", where != "LEADING", 2)
}

func trim(name, doc string, left, right bool, result func([]expr.Expr) *row.Type) *Def {
	return &Def{
		Func:  expr.Func{Name: name, Strict: true, Total: true, Compile: func(*expr.Call) expr.Kernel { return trimKernel(left, right, 1) }},
		Doc:   doc,
		Typed: name != "BTRIM", Args: []Arg{{"s", Text, false}, {"characters", Text, true}}, Result: result,
	}
}

// trimKernel removes the characters of argument what, or blanks.
func trimKernel(left, right bool, what int) expr.Kernel {
	return appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		s, characters := args[0].Bytes(i), []byte(" ")
		if len(args) > what {
			characters = args[what].Bytes(i)
		}
		for left && len(s) > 0 {
			_, n := utf8.DecodeRune(s)
			if !bytes.Contains(characters, s[:n]) {
				break
			}
			s = s[n:]
		}
		for right && len(s) > 0 {
			_, n := utf8.DecodeLastRune(s)
			if !bytes.Contains(characters, s[len(s)-n:]) {
				break
			}
			s = s[:len(s)-n]
		}
		out.Data = append(out.Data, s...)
		return true
	})(nil)
}
