package bind

import (
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// inner binds a query in an expression. What it takes from around it becomes a parameter.
func (b *binder) inner(q *ast.Query) (plan logical.Node, params []expr.Expr) {
	if b.env == nil {
		fail(q.Span, "a query cannot stand here")
	}
	c := *b
	c.group, c.overs, c.aliases, c.hints, c.windows = nil, nil, nil, nil, nil
	c.scope = &Scope{outer: func(n ast.Name) expr.Expr {
		x := b.around(n)
		if x == nil {
			return nil
		}
		i := place(&params, x)
		return &logical.Outer{Span: n.Extent(), Index: i, Name: n.Last().Name, T: x.Type()}
	}}
	plan, _ = c.query(q)
	return plan, params
}

// around finds what a name in a query refers to around it, nil for nothing.
func (b *binder) around(n ast.Name) expr.Expr {
	x, ok := b.scope.lookUp(n)
	if !ok {
		if b.scope.outer == nil {
			return nil
		}
		return b.scope.outer(n)
	}
	if b.group != nil {
		return b.group.column(x, n.Extent(), n.Last().Name)
	}
	return x
}

// scalarQuery binds a query that gives one value.
func (b *binder) scalarQuery(x *ast.Subquery) expr.Expr {
	plan, params := b.inner(x.Query)
	cols := plan.Columns()
	if len(cols) != 1 {
		fail(x.Span, "a query in an expression gives one column, not %d", len(cols))
	}
	return &logical.Subquery{Span: x.Span, Kind: logical.Scalar, Plan: plan, Params: params, T: cols[0].Type.Computed().Nullable(true)}
}

func (b *binder) exists(x *ast.Exists) expr.Expr {
	plan, params := b.inner(x.Query)
	return &logical.Subquery{Span: x.Span, Kind: logical.Exists, Plan: plan, Params: params, T: row.Of(row.Boolean).Nullable(false)}
}

func (b *binder) inQuery(x *ast.In) expr.Expr {
	var args []expr.Expr
	if r, ok := x.X.(*ast.Row); ok {
		args = b.exprs(r.Items)
	} else {
		args = []expr.Expr{b.expr(x.X)}
	}
	y := b.compared(x.Span, logical.In, "=", args, x.Query)
	if x.Not {
		return b.call(x.Span, "UNARY NOT", y)
	}
	return y
}

func (b *binder) quantified(x *ast.Quantified) expr.Expr {
	args := []expr.Expr{b.expr(x.X)}
	if x.Query == nil {
		return b.quantifiedList(x, args[0])
	}
	y := b.compared(x.Span, logical.Quantified, x.Op, args, x.Query)
	y.All = x.All
	return y
}

// quantifiedList compares with each of several values.
func (b *binder) quantifiedList(x *ast.Quantified, v expr.Expr) expr.Expr {
	op := "OR"
	if x.All {
		op = "AND"
	}
	var y expr.Expr
	for _, item := range x.List {
		z := b.call(x.Span, x.Op, v, b.expr(item))
		if y == nil {
			y = z
		} else {
			y = b.call(x.Span, op, y, z)
		}
	}
	return y
}

// compared binds a query whose columns are compared with args.
func (b *binder) compared(at ast.Span, kind logical.SubqueryKind, op string, args []expr.Expr, q *ast.Query) *logical.Subquery {
	plan, params := b.inner(q)
	cols := plan.Columns()
	if len(cols) != len(args) {
		fail(at, "the query gives %d columns, and %d are compared", len(cols), len(args))
	}
	s := &logical.Subquery{Span: at, Kind: kind, Plan: plan, Args: args, Params: params, T: row.Of(row.Boolean)}
	isNullable := false
	s.Compare = func(_ int, x, y expr.Expr) expr.Expr { return b.call(at, op, x, y) }
	for i, a := range args {
		s.Compare(i, a, logical.Input(plan, i)) // the types go together
		isNullable = isNullable || !a.Type().NotNull || !cols[i].Type.NotNull
	}
	s.T = s.T.Nullable(isNullable)
	return s
}
