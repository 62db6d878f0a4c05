package builtin

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	both := []Arg{{"a", Boolean, false}, {"b", Boolean, false}}
	strictly := func(args []expr.Expr) *row.Type { return row.Of(row.Boolean).Nullable(takesNull(args)) }
	junction := func(name, doc string, decides bool) *Def {
		d := &Def{Func: expr.Func{Name: name, Total: true, Branches: junctionBranches(decides)}, Doc: doc, Args: both}
		d.Infer = func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
			for _, a := range args {
				if a.Type().Kind != row.Boolean && a.Type().Kind != row.Null {
					return nil, nil, cannotApply(name, args)
				}
			}
			cast, err := castAll(args, row.Of(row.Boolean))
			return cast, strictly(args), err
		}
		return d
	}
	add("logic",
		junction("AND", "Whether both are true; FALSE if one is false, whatever the other is.", false),
		junction("OR", "Whether one is true; TRUE if one is, whatever the other is.", true),
		&Def{
			Func: expr.Func{Name: "UNARY NOT", Strict: true, Total: true, Compile: func(*expr.Call) expr.Kernel {
				return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
					if args[0].Type.Kind == row.Null {
						return
					}
					for i, x := range args[0].Bools[:n] {
						out.Bools[i] = !x
					}
				}
			}},
			Doc: "Whether it is false.", Args: both[:1], Result: isBool,
		})
	for _, what := range []string{"NULL", "TRUE", "FALSE", "UNKNOWN"} {
		for _, not := range []bool{false, true} {
			name := "IS " + what
			if not {
				name = "IS NOT " + what
			}
			accepts := Boolean
			if what == "NULL" {
				accepts = Any
			}
			add("logic", &Def{
				Func: expr.Func{Name: name, Total: true, Compile: func(*expr.Call) expr.Kernel { return isKernel(what, not) }},
				Doc:  "Whether the value " + map[bool]string{false: "is ", true: "is not "}[not] + what + "; never NULL.",
				Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
					if t := args[0].Type(); t.Kind != row.Null && !accepts.Has(t) {
						return nil, nil, cannotApply(name, args)
					}
					return args, row.Of(row.Boolean).Nullable(false), nil
				},
			})
		}
	}
}

func isKernel(what string, not bool) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		x := args[0]
		for i := range n {
			is := x.IsNull(i)
			switch {
			case what == "TRUE":
				is = !is && x.Bools[i]
			case what == "FALSE":
				is = !is && !x.Bools[i]
			}
			out.Bools[i] = is != not
		}
	}
}

// junctionBranches is AND or OR: the second operand is evaluated where the first does not decide. One that never fails is evaluated
// for all rows where it costs little, or where the first decides few: then picking out rows costs more than it saves.
func junctionBranches(decides bool) func(*expr.Call, []*expr.Program) expr.Branching {
	return func(call *expr.Call, args []*expr.Program) expr.Branching {
		total := expr.IsTotal(call.Args[1])
		if total && !expr.IsCostly(call.Args[1]) {
			return func(c *expr.Context, b *column.Batch, sel []int32, n int, out *column.Vector) {
				out.Resize(n)
				junction(decides, n, args[0].Run(c, b, sel, n), args[1].Run(c, b, sel, n), out)
			}
		}
		var rest, places []int32
		return func(c *expr.Context, b *column.Batch, sel []int32, n int, out *column.Vector) {
			first := args[0].Run(c, b, sel, n)
			rest = rest[:0]
			if first.Type.Kind == row.Null {
				out.AppendNulls(n)
				rest = expr.AllRows(rest, n)
			} else {
				out.Resize(n)
				copy(out.Bools, first.Bools[:n])
				if first.Valid != nil {
					out.Valid = append(out.Valid, first.Valid...)
				}
				for i, x := range out.Bools {
					if x != decides || !first.Valid.Has(i) {
						rest = append(rest, int32(i))
					}
				}
			}
			if len(rest) == 0 {
				return
			}
			if total && len(rest) > n/4*3 && first.Type.Kind != row.Null {
				out.Resize(n)
				junction(decides, n, first, args[1].Run(c, b, sel, n), out)
				return
			}
			places = expr.Places(places, rest, sel)
			second := args[1].Run(c, b, places, len(places))
			for j, i := range rest {
				switch null := second.IsNull(j); {
				case !null && second.Bools[j] == decides:
					setBool(out, int(i), decides)
				case null:
					out.SetNull(int(i))
				} // else it is what the first one is
			}
		}
	}
}

func setBool(v *column.Vector, i int, x bool) {
	v.Bools[i] = x
	if v.Valid != nil {
		v.Valid.Set(i)
	}
}

// junction is AND or OR of all of two vectors.
func junction(decides bool, n int, x, y, out *column.Vector) {
	a, b, to := x.Bools[:n], y.Bools[:n], out.Bools[:n]
	if decides {
		for i := range to {
			to[i] = a[i] || b[i]
		}
	} else {
		for i := range to {
			to[i] = a[i] && b[i]
		}
	}
	if x.Valid == nil && y.Valid == nil {
		return
	}
	out.Valid = column.NewBitmap(n, true)
	for i := range to {
		p, q := x.Valid.Has(i), y.Valid.Has(i)
		switch {
		case p && q:
		case p && a[i] == decides || q && b[i] == decides:
			to[i] = decides
		default:
			out.Valid.Clear(i)
		}
	}
}
