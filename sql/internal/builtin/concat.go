package builtin

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("string",
		&Def{
			Func:  expr.Func{Name: "||", Strict: true, Total: true, Compile: appends(concatAll)},
			Doc:   "The first text, or binary, and the second one behind it.",
			Typed: true, Args: []Arg{{"a", Bytes, false}, {"b", Bytes, false}}, Result: joined,
			Check: alike,
		},
		&Def{
			Func:  expr.Func{Name: "CONCAT", Strict: true, Total: true, Compile: appends(concatAll)},
			Doc:   "The texts one behind the other; NULL if one of them is.",
			Typed: true, Args: []Arg{{"s", Text, false}}, Variadic: true, Result: isString,
		},
		&Def{
			Func:  expr.Func{Name: "CONCAT_WS", Total: true, Compile: concatWith},
			Doc:   "The texts that are not NULL, with a separator between them; NULL if that is.",
			Typed: true, Args: []Arg{{"separator", Text, false}, {"s", Text, true}}, Variadic: true, Result: isString,
			Nulls: takesNull,
		},
		&Def{
			Func: expr.Func{Name: "ELT", Total: true, Compile: elt},
			Doc:  "The text, or binary, of a number among those that follow, from 1; NULL if there is none.",
			Args: []Arg{{"n", BigInt, false}, {"x", Bytes, false}}, Variadic: true,
			Result: func(args []expr.Expr) *row.Type { return Common(types(args[1:])...) },
			Check: func(args []expr.Expr) error {
				if l, ok := constantOf(args[0]); ok && l < 0 {
					return fmt.Errorf("ELT has the index %d: they begin with 1", l)
				}
				return alike(args[1:])
			},
		},
	)
}

func types(args []expr.Expr) []*row.Type {
	t := make([]*row.Type, len(args))
	for i, a := range args {
		t[i] = a.Type()
	}
	return t
}

// alike reports an error unless the arguments are texts, or all are binary.
func alike(args []expr.Expr) error {
	text, binary := false, false
	for _, a := range args {
		text = text || a.Type().IsText()
		binary = binary || a.Type().IsBinary()
	}
	if text && binary {
		return errors.New("a text and a binary are mixed: CAST one of them")
	}
	return nil
}

// joined is the type of two texts together.
func joined(args []expr.Expr) *row.Type {
	a, b := args[0].Type(), args[1].Type()
	switch {
	case a.Kind == row.Null && b.Kind == row.Null:
		return row.StringType()
	case a.Kind == row.Null:
		return b
	case b.Kind == row.Null:
		return a
	}
	kind := max(a.Kind, b.Kind)
	if a.IsBinary() && a.Kind != b.Kind {
		kind = row.Varbinary
	}
	return &row.Type{Kind: kind, Length: min(a.Length+b.Length, row.MaxLength)}
}

func concatAll(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	for _, a := range args {
		out.Data = append(out.Data, a.Bytes(i)...)
	}
	return true
}

func concatWith(*expr.Call) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		for i := range n {
			if args[0].IsNull(i) {
				out.AppendNull()
				continue
			}
			first := true
			for _, a := range args[1:] {
				if a.IsNull(i) {
					continue
				}
				if !first {
					out.Data = append(out.Data, args[0].Bytes(i)...)
				}
				first = false
				out.Data = append(out.Data, a.Bytes(i)...)
			}
			out.EndBytes()
		}
	}
}

func elt(*expr.Call) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		for i := range n {
			k := int64(0)
			if !args[0].IsNull(i) {
				k = args[0].I64[i]
			}
			if k < 1 || k >= int64(len(args)) || args[k].IsNull(i) {
				out.AppendNull()
				continue
			}
			out.AppendBytes(args[k].Bytes(i))
		}
	}
}

// constantOf is a whole number that is a literal, or the negative of one, cast or not.
func constantOf(x expr.Expr) (n int64, ok bool) {
	switch x := x.(type) {
	case *expr.Literal:
		switch {
		case x.IsNull():
		case column.FormOf(x.Type()) == column.FormI32:
			return int64(x.Value.I32[0]), true
		case column.FormOf(x.Type()) == column.FormI64:
			return x.Value.I64[0], true
		}
	case *expr.Call:
		n, ok = 0, len(x.Args) == 1
		if ok {
			n, ok = constantOf(x.Args[0])
		}
		switch x.Func.Name {
		case "CAST":
			return n, ok
		case "unary -":
			return -n, ok
		}
	}
	return 0, false
}
