package builtin

import (
	"bytes"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("string",
		&Def{
			Func: expr.Func{Name: "UPPER", Strict: true, Compile: text1(func(s []byte, out *column.Vector) bool {
				out.Data = append(out.Data, bytes.ToUpper(s)...)
				return true
			})},
			Doc:  "The text in upper case.",
			Args: []Arg{{"s", Text, false}}, Result: isString,
		},
		&Def{
			Func: expr.Func{Name: "LOWER", Strict: true, Compile: text1(func(s []byte, out *column.Vector) bool {
				out.Data = append(out.Data, bytes.ToLower(s)...)
				return true
			})},
			Doc:  "The text in lower case.",
			Args: []Arg{{"s", Text, false}}, Result: isString,
		},
	)
}
