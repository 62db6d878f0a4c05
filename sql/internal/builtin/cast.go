package builtin

import (
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Cast makes x a value of another type. With try, what cannot be cast is NULL instead of an error. The error is that
// no value of the one type can be cast to the other.
func Cast(at ast.Span, x expr.Expr, to *row.Type, try bool) (expr.Expr, error) {
	from := x.Type()
	t := to.Nullable(!from.NotNull || try)
	if from.Equal(t) {
		return x, nil
	}
	kernel := castKernel(from, t)
	if kernel == nil {
		return nil, fmt.Errorf("a value of type %s cannot be cast to %s", from.Nullable(true).SQL(), to.Nullable(true).SQL())
	}
	f := &expr.Func{Name: "CAST", Strict: true, Compile: func(*expr.Call) expr.Kernel { return kernel }}
	if try {
		f.Name = "TRY_CAST"
	}
	return &expr.Call{Span: at, Func: f, Args: []expr.Expr{x}, T: t}, nil
}

// castKernel is the kernel of a cast, nil if there is none.
func castKernel(from, to *row.Type) expr.Kernel {
	switch {
	case from.Kind == row.Null:
		return func(_ *expr.Context, n int, _ []*column.Vector, out *column.Vector) {
			if expr.IsAppended(out.Type) {
				for range n {
					out.AppendNull()
				}
			}
		}
	case from.IsInteger() && from.Kind < row.BigInt && to.Kind == row.BigInt:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			for i, x := range args[0].I32[:n] {
				out.I64[i] = int64(x)
			}
		}
	case from.IsInteger() && from.Kind < row.BigInt && to.Kind == row.Double:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			for i, x := range args[0].I32[:n] {
				out.F64[i] = float64(x)
			}
		}
	}
	return nil
}
