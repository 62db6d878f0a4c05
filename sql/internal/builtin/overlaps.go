package builtin

import (
	"errors"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("temporal", &Def{
		Func: expr.Func{Name: "OVERLAPS", Compile: overlapsKernel},
		Doc:  "Whether two periods have a time in common; each is (from, to) or (from, interval). The ends belong to them.",
		Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
			bad := errors.New("OVERLAPS takes two periods: (from, to) OVERLAPS (from, to), where to is a time or an interval")
			var ends []expr.Expr
			for _, x := range args {
				r, ok := x.(*expr.Call)
				if !ok || r.Func.Name != "ROW" || len(r.Args) != 2 || !r.Args[0].Type().IsTemporal() {
					return nil, nil, bad
				}
				from, to := r.Args[0], r.Args[1]
				if to.Type().IsInterval() {
					sum, err := Lookup("+").Call(to.Extent(), []expr.Expr{from, to})
					if err != nil {
						return nil, nil, err
					}
					to = sum
				}
				if to.Type().Kind != from.Type().Kind {
					return nil, nil, bad
				}
				ends = append(ends, from, to)
			}
			if len(ends) != 4 || ends[0].Type().Kind != ends[2].Type().Kind {
				return nil, nil, bad
			}
			return ends, row.Of(row.Boolean).Nullable(takesNull(ends)), nil
		},
	})
}

// overlapsKernel orders the ends of each period, and compares them. A comparison with NULL is neither true nor
// false, so that the result can be known even so.
func overlapsKernel(*expr.Call) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		// order returns the ends of a period, as places in args.
		order := func(a, b, i int) (from, to int) {
			if !args[a].IsNull(i) && !args[b].IsNull(i) && Compare(args[a], i, args[b], i) <= 0 {
				return a, b
			}
			return b, a
		}
		for i := range n {
			from1, to1 := order(0, 1, i)
			from2, to2 := order(2, 3, i)
			isKnown, overlaps := true, true
			for _, p := range [][2]int{{to1, from2}, {to2, from1}} {
				if a, b := args[p[0]], args[p[1]]; a.IsNull(i) || b.IsNull(i) {
					isKnown = false
				} else if Compare(a, i, b, i) < 0 {
					overlaps = false
				}
			}
			out.Bools[i] = overlaps
			if overlaps && !isKnown {
				out.SetNull(i)
			}
		}
	}
}
