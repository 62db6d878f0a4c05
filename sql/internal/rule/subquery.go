package rule

import (
	"fmt"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Subqueries replaces queries in expressions by joins: conditions with EXISTS, IN and comparisons by semi joins and
// anti joins, queries for a value by outer joins.
func Subqueries(n logical.Node) logical.Node {
	n = mapInputs(n, Subqueries)
	switch n := n.(type) {
	case *logical.Filter:
		return filterQueries(n)
	case *logical.Project:
		in, exprs, changed := valueQueries(n.Input, n.Exprs)
		if changed {
			return logical.NewProject(in, exprs, logical.Names(n.Columns()))
		}
	case *logical.Join:
		return joinQueries(n)
	case *logical.Apply:
		width := len(n.Input.Columns())
		in, args, changed := valueQueries(n.Input, n.Args)
		if changed {
			applied := logical.NewApply(in, n.Func, args, n.Outer, n.Result)
			exprs := logical.InputsOf(applied)
			return logical.NewProject(applied, append(exprs[:width:width], exprs[len(in.Columns()):]...), logical.Names(n.Columns()))
		}
	}
	return n
}

// hasQuery reports whether there is a query in an expression.
func hasQuery(x expr.Expr) bool {
	has := false
	expr.Walk(x, func(x expr.Expr) bool {
		_, ok := x.(*logical.Subquery)
		has = has || ok
		return !has
	})
	return has
}

// filterQueries takes the conditions with queries out of a filter, one after the other.
func filterQueries(n *logical.Filter) logical.Node {
	if !hasQuery(n.Cond) {
		return n
	}
	width := len(n.Input.Columns())
	names := logical.Names(n.Columns())
	out := n.Input
	var rest []expr.Expr
	for _, c := range conjuncts(n.Cond) {
		if !hasQuery(c) {
			rest = append(rest, c)
			continue
		}
		out = filter(out, and(rest...)) // what was written before comes before
		rest = nil
		if s, not := asCondition(c); s != nil {
			out = semiJoin(out, s, not)
			continue
		}
		in, conds, _ := valueQueries(out, []expr.Expr{c})
		out = filter(in, conds[0])
		out = logical.NewProject(out, logical.InputsOf(out)[:width], names)
	}
	return filter(out, and(rest...))
}

// asCondition is the query that a condition is, or is the opposite of; nil if it is neither.
func asCondition(x expr.Expr) (s *logical.Subquery, not bool) {
	if c, ok := x.(*expr.Call); ok && c.Func.Name == "UNARY NOT" {
		s, not = asCondition(c.Args[0])
		return s, !not
	}
	s, ok := x.(*logical.Subquery)
	if !ok || s.Kind == logical.Scalar {
		return nil, false
	}
	for _, a := range s.Args {
		if hasQuery(a) {
			return nil, false
		}
	}
	return s, not
}

// semiJoin keeps the rows for which a query has a row, or has none.
func semiJoin(left logical.Node, s *logical.Subquery, not bool) logical.Node {
	width := len(left.Columns())
	in := takeApart(s.Span, Subqueries(s.Plan))
	kind := logical.Semi
	if not != s.All {
		kind = logical.Anti
	}
	var conds []expr.Expr
	for i, a := range s.Args {
		y := shift(logical.Input(in.plan, i), width)
		c := s.Compare(i, a, y)
		isNullable := !a.Type().NotNull || !y.Type().NotNull
		switch {
		case s.All && !not: // one that is not TRUE is enough to refuse
			c = call(s.Span, "IS NOT TRUE", c)
		case s.All:
			kind = logical.Semi
			c = call(s.Span, "IS FALSE", c)
		case not && isNullable: // one that may be TRUE is enough to refuse
			c = call(s.Span, "IS NOT FALSE", c)
		}
		conds = append(conds, c)
	}
	if s.All && not {
		kind = logical.Semi
	}
	if in.empty != nil && s.Kind == logical.Exists {
		return filter(left, truth(!not)) // there is always a row
	}
	conds = append(conds, bindParams(in.conds, s.Params, width)...)
	return logical.NewJoin(left, in.plan, kind, and(conds...))
}

// bindParams puts the columns of the left side in the place of parameters, and moves the others behind them.
func bindParams(conds, params []expr.Expr, width int) []expr.Expr {
	var out []expr.Expr
	for _, c := range conds {
		out = append(out, expr.Rewrite(c, func(x expr.Expr) expr.Expr {
			switch x := x.(type) {
			case *logical.Outer:
				return params[x.Index]
			case *expr.Input:
				return x.At(x.Index + width)
			}
			return nil
		}))
	}
	return out
}

// valueQueries joins the queries in expressions to their input, whose columns they become.
func valueQueries(in logical.Node, exprs []expr.Expr) (out logical.Node, replaced []expr.Expr, changed bool) {
	out = in
	replaced = make([]expr.Expr, len(exprs))
	for i, x := range exprs {
		replaced[i] = expr.Rewrite(x, func(x expr.Expr) expr.Expr {
			s, ok := x.(*logical.Subquery)
			if !ok {
				return nil
			}
			changed = true
			var v expr.Expr
			switch s.Kind {
			case logical.Scalar:
				out, v = joinValue(out, s)
			case logical.Exists:
				out, v = joinExists(out, s)
			default:
				out, v = joinMembership(out, s)
			}
			return v
		})
	}
	return out, replaced, changed
}

// joinValue joins a query that gives one value.
func joinValue(left logical.Node, s *logical.Subquery) (logical.Node, expr.Expr) {
	width := len(left.Columns())
	plan := Subqueries(s.Plan)
	if emptyOf(plan) == nil && !isOneRow(plan) {
		plan = singleValue(plan)
	}
	in := takeApart(s.Span, plan)
	joined := logical.NewJoin(left, in.plan, logical.Left, and(bindParams(in.conds, s.Params, width)...))
	v := expr.Expr(logical.Input(joined, width))
	if isCorrelated(plan) && in.empty != nil {
		if l, ok := in.empty[0].(*expr.Literal); !ok || !l.IsNull() { // no row on the right is no row to count
			marked := markRight(in.plan)
			joined = logical.NewJoin(left, marked, logical.Left, joined.Cond)
			mark := logical.Input(joined, len(joined.Columns())-1)
			v = call(s.Span, "CASE", call(s.Span, "IS NULL", mark), in.empty[0], logical.Input(joined, width))
		}
	}
	return joined, v
}

// markRight adds a column that is TRUE.
func markRight(n logical.Node) logical.Node {
	return logical.NewProject(n, append(logical.InputsOf(n), truth(true)), append(logical.Names(n.Columns()), "$mark"))
}

func isOneRow(n logical.Node) bool {
	switch n := n.(type) {
	case *logical.Project:
		return isOneRow(n.Input)
	case *logical.Values:
		return len(n.Rows) == 1
	}
	return false
}

// singleValue fails where a query has more than one row.
func singleValue(n logical.Node) logical.Node {
	f := agg.Lookup("SINGLE_VALUE")
	return logical.NewAggregate(n, nil, []logical.Call{
		{Func: f, Args: []int{0}, Filter: -1, T: n.Columns()[0].Type.Plain().Nullable(true), Name: "$v"},
	})
}

// joinExists joins whether a query has a row.
func joinExists(left logical.Node, s *logical.Subquery) (logical.Node, expr.Expr) {
	width := len(left.Columns())
	in := takeApart(s.Span, Subqueries(s.Plan))
	if in.empty != nil {
		return left, truth(true)
	}
	plan, conds := distinctKeys(s.Span, in)
	plan = markRight(plan)
	joined := logical.NewJoin(left, plan, logical.Left, and(bindParams(conds, s.Params, width)...))
	return joined, call(s.Span, "IS NOT NULL", logical.Input(joined, len(joined.Columns())-1))
}

// distinctKeys has one row for each value of the columns that conditions compare with parameters.
func distinctKeys(at ast.Span, in inner) (plan logical.Node, conds []expr.Expr) {
	var keys []expr.Expr
	for _, c := range in.conds {
		x, y, ok := equality(c)
		if ok && hasOuter(x) {
			x, y = y, x
		}
		if !ok || hasOuter(x) || readsInput(y) {
			fail(at, "EXISTS in an expression may refer to columns around it in equations only")
		}
		i := placeOf(&keys, x)
		conds = append(conds, call(c.Extent(), "=", &expr.Input{Index: i, T: x.Type()}, y))
	}
	names := make([]string, len(keys))
	for i := range names {
		names[i] = fmt.Sprintf("$k%d", i)
	}
	n := logical.NewProject(in.plan, keys, names)
	if len(keys) == 0 {
		return &logical.Sort{Input: n, Limit: 1}, nil
	}
	return distinctOf(n), conds
}

func distinctOf(n logical.Node) logical.Node {
	keys := make([]int, len(n.Columns()))
	for i := range keys {
		keys[i] = i
	}
	return logical.NewAggregate(n, keys, nil)
}

// joinMembership joins the value of IN: TRUE, FALSE, or NULL where a NULL leaves it open.
func joinMembership(left logical.Node, s *logical.Subquery) (logical.Node, expr.Expr) {
	plan := Subqueries(s.Plan)
	if s.Kind != logical.In || isCorrelated(plan) || len(s.Args) != 1 {
		fail(s.Span, "such a query can be a condition of WHERE only, put together with others by AND")
	}
	width := len(left.Columns())
	count := agg.Lookup("COUNT")
	big := row.Of(row.BigInt).Nullable(false)
	counts := logical.NewAggregate(plan, nil, []logical.Call{
		{Func: count, Filter: -1, T: big, Name: "$all"}, {Func: count, Args: []int{0}, Filter: -1, T: big, Name: "$some"},
	})
	counted := logical.NewJoin(left, counts, logical.Left, nil)
	all, some := logical.Input(counted, width), logical.Input(counted, width+1)
	marked := markRight(distinctOf(plan))
	cond := s.Compare(0, s.Args[0], shift(logical.Input(marked, 0), width+2))
	joined := logical.NewJoin(counted, marked, logical.Left, cond)
	mark := logical.Input(joined, width+3)
	zero := bigint(0)
	at := s.Span
	v := call(at, "CASE",
		call(at, "IS NULL", all), truth(false), call(at, "=", all, zero), truth(false),
		call(at, "IS NOT NULL", mark), truth(true),
		call(at, "IS NULL", s.Args[0]), nullOf(boolean), call(at, "<", some, all), nullOf(boolean), truth(false))
	return joined, v
}

// joinQueries takes queries out of the condition of a join, and joins queries that are computed for each row.
func joinQueries(n *logical.Join) logical.Node {
	if l, ok := n.Right.(*logical.Lateral); ok {
		width := len(n.Left.Columns())
		at := ast.Span{}
		in := takeApart(at, Subqueries(l.Plan))
		right := len(l.Plan.Columns())
		extra := len(in.plan.Columns()) - right
		joined := logical.NewJoin(n.Left, in.plan, n.Kind, and(append(bindParams(in.conds, l.Params, width), conjuncts(n.Cond)...)...))
		if extra == 0 {
			return joined
		}
		return logical.NewProject(joined, logical.InputsOf(joined)[:width+right], logical.Names(joined.Columns())[:width+right])
	}
	if n.Cond == nil || !hasQuery(n.Cond) {
		return n
	}
	if n.Kind != logical.Inner {
		fail(n.Cond.Extent(), "a query cannot stand in the condition of an outer join")
	}
	return Subqueries(&logical.Filter{Input: n.WithCond(nil), Cond: n.Cond})
}
