package builtin

import (
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	for _, f := range []struct {
		name, what string
		sign       int
	}{{"GREATEST", "greatest", 1}, {"LEAST", "least", -1}} {
		add("math", &Def{
			Func:  expr.Func{Name: f.name, Strict: true, Total: true, Compile: extremeKernel(f.sign)},
			Typed: true,
			Doc:   "The " + f.what + " of the arguments, NULL if one of them is.",
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) { return inferExtreme(f.name, args) },
		})
	}
	add("conditional", &Def{
		Func: expr.Func{Name: "TYPEOF", Total: true, Compile: func(c *expr.Call) expr.Kernel {
			text := c.Args[0].Type().Plain().SQL()
			return func(_ *expr.Context, n int, _ []*column.Vector, out *column.Vector) {
				for range n {
					out.AppendString(text)
				}
			}
		}},
		Doc:    "The name of the argument's type.",
		Args:   []Arg{{"x", Any, false}, {"force_serializable", Boolean, true}},
		Result: isString,
	})
}

func inferExtreme(name string, args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	if len(args) == 0 {
		return nil, nil, fmt.Errorf("%s takes one argument or more", name)
	}
	t, err := commonOf(name, args)
	if err != nil {
		return nil, nil, err
	}
	if !isOrdered(t) {
		return nil, nil, fmt.Errorf("%s cannot compare values of type %s", name, t.Nullable(true).SQL())
	}
	args, err = adaptAll(args, t)
	return args, t, err
}

// commonOf is the type that all arguments can be taken as. Dates and timestamps have none.
func commonOf(name string, args []expr.Expr) (*row.Type, error) {
	types := make([]*row.Type, len(args))
	dates, timestamps := false, false
	for i, x := range args {
		types[i] = x.Type()
		dates = dates || types[i].Kind == row.Date
		timestamps = timestamps || types[i].IsTimestamp()
	}
	t := Common(types...)
	if t == nil || dates && timestamps {
		return nil, fmt.Errorf("%s takes arguments of one type, not (%s)", name, typeList(args))
	}
	return t, nil
}

func extremeKernel(sign int) func(*expr.Call) expr.Kernel {
	return picks(func(args []*column.Vector, i int) (*column.Vector, int) {
		best := args[0]
		for _, a := range args[1:] {
			if Compare(a, i, best, i)*sign > 0 {
				best = a
			}
		}
		return best, i
	})
}
