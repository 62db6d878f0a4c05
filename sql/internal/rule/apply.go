package rule

import (
	"fmt"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Error is what cannot be computed.
type Error struct {
	Span ast.Span
	Msg  string
}

func (e *Error) Error() string { return e.Msg }

func fail(at ast.Span, format string, args ...any) {
	panic(&Error{at, fmt.Sprintf(format, args...)})
}

// Apply applies all rules to the plans of a job. Constants are computed with c. nested reports whether fields of the ROWs
// of a table can be left out where it is read.
func Apply(plans []logical.Node, c *expr.Context, nested func(t *catalog.Table, options map[string]string) bool) (out []logical.Node, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Error:
			err = r
		case *expr.Error:
			err = r
		default:
			panic(r)
		}
	}()
	out = make([]logical.Node, len(plans))
	for i, n := range plans {
		n = Subqueries(n)
		n = SetOperations(n)
		n = Fold(n, c)
		n = PushFilters(n)
		out[i] = Fields(MergeProjects(n))
	}
	return Narrow(Prune(out), nested), nil
}

// bottomUp rewrites a plan from its leaves: f gets a node whose inputs have been rewritten.
func bottomUp(n logical.Node, f func(logical.Node) logical.Node) logical.Node {
	return f(mapInputs(n, func(in logical.Node) logical.Node { return bottomUp(in, f) }))
}

// mapInputs replaces the inputs of a node.
func mapInputs(n logical.Node, f func(logical.Node) logical.Node) logical.Node {
	old := n.Inputs()
	var changed []logical.Node
	for i, in := range old {
		out := f(in)
		if out != in && changed == nil {
			changed = append([]logical.Node(nil), old...)
		}
		if changed != nil {
			changed[i] = out
		}
	}
	if changed == nil {
		return n
	}
	return n.With(changed...)
}

// mapExprs replaces the expressions of a node.
func mapExprs(n logical.Node, f func(expr.Expr) expr.Expr) logical.Node {
	switch n := n.(type) {
	case *logical.Project:
		exprs, changed := mapAll(n.Exprs, f)
		if changed {
			return logical.NewProject(n.Input, exprs, logical.Names(n.Columns()))
		}
	case *logical.Filter:
		if c := f(n.Cond); c != n.Cond {
			return &logical.Filter{Input: n.Input, Cond: c}
		}
	case *logical.Join:
		if n.Cond != nil {
			if c := f(n.Cond); c != n.Cond {
				return n.WithCond(c)
			}
		}
	case *logical.Values:
		rows, any := make([][]expr.Expr, len(n.Rows)), false
		for i, r := range n.Rows {
			var changed bool
			rows[i], changed = mapAll(r, f)
			any = any || changed
		}
		if any {
			return logical.NewValues(n.Columns(), rows)
		}
	case *logical.Apply:
		if args, changed := mapAll(n.Args, f); changed {
			return logical.NewApply(n.Input, n.Func, args, n.Outer, n.Result)
		}
	}
	return n
}

func mapAll(xs []expr.Expr, f func(expr.Expr) expr.Expr) (ys []expr.Expr, changed bool) {
	ys = make([]expr.Expr, len(xs))
	for i, x := range xs {
		ys[i] = f(x)
		changed = changed || ys[i] != x
	}
	if !changed {
		return xs, false
	}
	return ys, true
}

// call calls a function by its name.
func call(at ast.Span, name string, args ...expr.Expr) expr.Expr {
	c, err := builtin.Lookup(name).Call(at, args)
	if err != nil {
		fail(at, "%s", err)
	}
	return c
}

// conjuncts are the parts of a condition that AND puts together.
func conjuncts(x expr.Expr) []expr.Expr {
	if x == nil {
		return nil
	}
	if c, ok := x.(*expr.Call); ok && c.Func.Name == "AND" {
		var all []expr.Expr
		for _, a := range c.Args {
			all = append(all, conjuncts(a)...)
		}
		return all
	}
	return []expr.Expr{x}
}

// and puts conditions together; nil is TRUE.
func and(xs ...expr.Expr) expr.Expr {
	var all expr.Expr
	for _, x := range xs {
		switch {
		case x == nil:
		case all == nil:
			all = x
		default:
			all = call(x.Extent(), "AND", all, x)
		}
	}
	return all
}

// filter filters a relation, unless the condition is TRUE.
func filter(n logical.Node, cond expr.Expr) logical.Node {
	if cond == nil {
		return n
	}
	return &logical.Filter{Input: n, Cond: cond}
}

// equality takes x = y apart.
func equality(x expr.Expr) (a, b expr.Expr, ok bool) {
	c, ok := x.(*expr.Call)
	if !ok || c.Func.Name != "=" || len(c.Args) != 2 {
		return nil, nil, false
	}
	return c.Args[0], c.Args[1], true
}

// shift moves the columns that an expression reads.
func shift(x expr.Expr, by int) expr.Expr {
	return expr.Shift(x, func(i int) int { return i + by })
}

var boolean = row.Of(row.Boolean)
