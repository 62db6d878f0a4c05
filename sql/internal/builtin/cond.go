package builtin

import (
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("conditional",
		&Def{
			Func:  expr.Func{Name: "CASE", Total: true, Branches: caseBranches},
			Doc:   "The value of the first branch whose condition is true, else that of ELSE.",
			Infer: inferCase,
		},
		&Def{
			Func: expr.Func{Name: "IF", Total: true, Branches: caseBranches},
			Doc:  "The second argument where the first is true, else the third.",
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				if len(args) != 3 {
					return nil, nil, fmt.Errorf("IF takes a condition and two values, not %d arguments", len(args))
				}
				out, t, err := inferCase(args)
				if err == nil && !args[0].Type().NotNull { // as Flink has it
					t = t.Nullable(true)
				}
				return out, t, err
			},
		},
		&Def{
			Func:  expr.Func{Name: "COALESCE", Total: true, Branches: coalesceBranches},
			Doc:   "The first argument that is not NULL.",
			Infer: inferCoalesce("COALESCE", 1, 1<<30),
		},
		&Def{
			Func:  expr.Func{Name: "IFNULL", Total: true, Branches: coalesceBranches},
			Doc:   "The first argument, or the second where it is NULL.",
			Infer: inferCoalesce("IFNULL", 2, 2),
		},
		&Def{
			Func: expr.Func{Name: "NULLIF", Total: true, Compile: nullifKernel},
			Doc:  "NULL where the arguments are equal, else the first.",
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				if len(args) != 2 {
					return nil, nil, fmt.Errorf("NULLIF takes two arguments, not %d", len(args))
				}
				if comparable(args[0], args[1]) == nil {
					return nil, nil, cannotApply("NULLIF", args)
				}
				y, _, err := inferCompare("=", args)
				if err != nil {
					return nil, nil, err
				}
				// The first argument itself, and what is compared.
				return append([]expr.Expr{args[0]}, y...), args[0].Type().Computed().Nullable(true), nil
			},
		})
}

// inferCase takes conditions and values in turn, and a value.
func inferCase(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	var types []*row.Type
	last := len(args) - 1
	for i, a := range args {
		if i%2 == 0 && i < last {
			if k := a.Type().Kind; k != row.Boolean && k != row.Null {
				return nil, nil, fmt.Errorf("a condition is BOOLEAN, not %s", a.Type().Nullable(true).SQL())
			}
			continue
		}
		types = append(types, a.Type())
	}
	t := Common(types...)
	switch {
	case t == nil:
		return nil, nil, fmt.Errorf("the values have no common type")
	case t.Kind == row.Null:
		return nil, nil, fmt.Errorf("one value at least must be other than NULL")
	}
	cast := make([]expr.Expr, len(args))
	for i, a := range args {
		want := t
		if i%2 == 0 && i < last {
			want = row.Of(row.Boolean)
		}
		c, err := castAll([]expr.Expr{a}, want)
		if err != nil {
			return nil, nil, err
		}
		cast[i] = c[0]
	}
	return cast, t, nil
}

func caseBranches(call *expr.Call, args []*expr.Program) expr.Branching {
	if x, values := whens(call); x != nil {
		return caseOf(args[0].Arg(0), values, args)
	}
	var ch expr.Chooser
	var rest, taken, left, places []int32
	return func(c *expr.Context, b *column.Batch, sel []int32, n int, out *column.Vector) {
		ch.Begin(n)
		rest = expr.AllRows(rest, n)
		for k := 0; k+1 < len(args) && len(rest) > 0; k += 2 {
			places = expr.Places(places, rest, sel)
			cond := args[k].Run(c, b, places, len(places))
			taken, left = taken[:0], left[:0]
			for i, r := range rest {
				if !cond.IsNull(i) && cond.Bools[i] {
					taken = append(taken, r)
				} else {
					left = append(left, r)
				}
			}
			if len(taken) > 0 {
				places = expr.Places(places, taken, sel)
				ch.Choose(taken, args[k+1].Run(c, b, places, len(places)))
			}
			rest, left = left, rest
		}
		if len(rest) > 0 {
			places = expr.Places(places, rest, sel)
			ch.Choose(rest, args[len(args)-1].Run(c, b, places, len(places)))
		}
		ch.End(out)
	}
}

// whens takes CASE x WHEN value THEN … apart, where all values are constants; x is nil if it is another CASE. A value that
// is not the same each time differs from itself, so that it is none.
func whens(call *expr.Call) (x expr.Expr, values []*column.Vector) {
	for k := 0; k+1 < len(call.Args); k += 2 {
		cond, ok := call.Args[k].(*expr.Call)
		if !ok || cond.Func.Name != "=" || len(cond.Args) != 2 {
			return nil, nil
		}
		value, ok := cond.Args[1].(*expr.Literal)
		if !ok || value.IsNull() || k > 0 && !expr.Equal(x, cond.Args[0]) {
			return nil, nil
		}
		x = cond.Args[0]
		values = append(values, value.Value)
	}
	return x, values
}

// caseOf is CASE x WHEN value THEN …: x is computed once.
func caseOf(x *expr.Program, values []*column.Vector, args []*expr.Program) expr.Branching {
	var ch expr.Chooser
	var places []int32
	branches := make([][]int32, len(values)+1) // the rows of each, those of ELSE last
	return func(c *expr.Context, b *column.Batch, sel []int32, n int, out *column.Vector) {
		for k := range branches {
			branches[k] = branches[k][:0]
		}
		v := x.Run(c, b, sel, n)
		for r := range n {
			k := len(values)
			if !v.IsNull(r) {
				k = 0
				for k < len(values) && !sameValue(v, r, values[k], 0) {
					k++
				}
			}
			branches[k] = append(branches[k], int32(r))
		}
		ch.Begin(n)
		for k, rows := range branches {
			if len(rows) > 0 {
				places = expr.Places(places, rows, sel)
				ch.Choose(rows, args[min(2*k+1, len(args)-1)].Run(c, b, places, len(places)))
			}
		}
		ch.End(out)
	}
}

func inferCoalesce(name string, least, most int) func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	return func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
		if len(args) < least || len(args) > most {
			return nil, nil, fmt.Errorf("%s takes at least %d arguments, not %d", name, least, len(args))
		}
		types := make([]*row.Type, len(args))
		nullable := true
		for i, a := range args {
			types[i] = a.Type()
			nullable = nullable && !types[i].NotNull
		}
		t := Common(types...)
		if t == nil {
			return nil, nil, fmt.Errorf("the arguments of %s have no common type", name)
		}
		if t.Kind == row.Null {
			return nil, nil, fmt.Errorf("one argument of %s at least must be other than NULL", name)
		}
		cast, err := castAll(args, t)
		return cast, t.Nullable(nullable), err
	}
}

func coalesceBranches(_ *expr.Call, args []*expr.Program) expr.Branching {
	var ch expr.Chooser
	var rest, taken, left, places, at []int32
	return func(c *expr.Context, b *column.Batch, sel []int32, n int, out *column.Vector) {
		ch.Begin(n)
		rest = expr.AllRows(rest, n)
		for _, a := range args {
			if len(rest) == 0 {
				break
			}
			places = expr.Places(places, rest, sel)
			v := a.Run(c, b, places, len(places))
			taken, left, at = taken[:0], left[:0], at[:0]
			for i, r := range rest {
				if v.IsNull(i) {
					left = append(left, r)
				} else {
					taken, at = append(taken, r), append(at, int32(i))
				}
			}
			ch.ChooseAt(taken, v, at)
			rest, left = left, rest
		}
		ch.End(out)
	}
}

func nullifKernel(*expr.Call) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		out.Reset()
		for i := range n {
			if !args[1].IsNull(i) && !args[2].IsNull(i) && sameValue(args[1], i, args[2], i) {
				out.AppendNull()
				continue
			}
			out.AppendFrom(args[0], i)
		}
	}
}
