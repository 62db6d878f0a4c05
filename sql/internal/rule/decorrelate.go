package rule

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// inner is a query that refers to what is around it, taken apart.
type inner struct {
	// plan has the columns of the query and others behind them, which conds refer to, and no parameter.
	plan logical.Node
	// conds are the conditions that were about parameters.
	conds []expr.Expr
	// empty are the values of the columns where no row is there, of a query that always gives one; nil for others.
	empty []expr.Expr
}

// hasOuter reports whether an expression has parameters of the query that it stands in.
func hasOuter(x expr.Expr) bool {
	has := false
	expr.Walk(x, func(x expr.Expr) bool {
		_, ok := x.(*logical.Outer)
		has = has || ok
		return !has
	})
	return has
}

// isCorrelated reports whether a plan has parameters.
func isCorrelated(n logical.Node) bool {
	has := false
	mapExprs(n, func(x expr.Expr) expr.Expr {
		has = has || hasOuter(x)
		return x
	})
	if j, ok := n.(*logical.Join); ok && j.AsOf != nil {
		has = has || hasOuter(j.AsOf)
	}
	for _, in := range n.Inputs() {
		has = has || isCorrelated(in)
	}
	return has
}

// takeApart takes the conditions with parameters out of a query.
func takeApart(at ast.Span, n logical.Node) inner {
	if !isCorrelated(n) {
		return inner{plan: n, empty: emptyOf(n)}
	}
	switch n := n.(type) {
	case *logical.Filter:
		in := takeApart(at, n.Input)
		var stay []expr.Expr
		for _, c := range conjuncts(n.Cond) {
			if hasOuter(c) {
				in.conds = append(in.conds, c)
			} else {
				stay = append(stay, c)
			}
		}
		return inner{plan: filter(in.plan, and(stay...)), conds: in.conds}
	case *logical.Project:
		return partsOfProject(at, n)
	case *logical.Aggregate:
		return partsOfAggregate(at, n)
	case *logical.Join:
		return partsOfJoin(at, n)
	case *logical.Sort:
		return partsOfSort(at, n)
	}
	fail(at, "a query that refers to columns around it cannot do so from here; join the tables instead")
	return inner{}
}

func partsOfProject(at ast.Span, n *logical.Project) inner {
	in := takeApart(at, n.Input)
	exprs := slices.Clone(n.Exprs)
	names := logical.Names(n.Columns())
	for _, x := range exprs {
		if hasOuter(x) {
			fail(at, "a query that refers to columns around it may do so in its conditions only; join the tables instead")
		}
	}
	places := map[int]int{}
	for i, c := range in.conds {
		in.conds[i] = expr.Shift(c, func(i int) int {
			if _, ok := places[i]; !ok {
				places[i] = len(exprs)
				exprs = append(exprs, logical.Input(in.plan, i))
				names = append(names, fmt.Sprintf("$c%d", len(exprs)))
			}
			return places[i]
		})
	}
	out := inner{plan: logical.NewProject(in.plan, exprs, names), conds: in.conds}
	if in.empty != nil {
		for _, x := range n.Exprs {
			out.empty = append(out.empty, expr.Replace(x, in.empty))
		}
	}
	return out
}

// partsOfAggregate groups by what the conditions compare with parameters, too.
func partsOfAggregate(at ast.Span, n *logical.Aggregate) inner {
	in := takeApart(at, n.Input)
	width := len(in.plan.Columns())
	exprs := logical.InputsOf(in.plan)
	keys := slices.Clone(n.Keys)
	var conds []expr.Expr
	for _, c := range in.conds {
		x, y, ok := equality(c)
		if ok && hasOuter(x) {
			x, y = y, x
		}
		if !ok || hasOuter(x) || !hasOuter(y) || readsInput(y) {
			fail(at, "a query with aggregates that refers to columns around it may do so in equations only")
		}
		keys = append(keys, placeOf(&exprs, x))
		conds = append(conds, call(c.Extent(), "=", &expr.Input{Index: -len(conds) - 1, T: x.Type()}, y))
	}
	plan := in.plan
	if len(exprs) > width {
		names := logical.Names(plan.Columns())
		for i := width; i < len(exprs); i++ {
			names = append(names, fmt.Sprintf("$k%d", i))
		}
		plan = logical.NewProject(plan, exprs, names)
	}
	grouped := logical.NewAggregate(plan, keys, n.Calls)
	// The columns of the aggregate, then those of the conditions.
	var order []expr.Expr
	var names []string
	take := func(i int) {
		order, names = append(order, logical.Input(grouped, i)), append(names, fmt.Sprintf("$%d", len(order)))
	}
	for i := range n.Keys {
		take(i)
	}
	for i := range n.Calls {
		take(len(keys) + i)
	}
	for i := range conds {
		conds[i] = expr.Shift(conds[i], func(k int) int { return len(order) + (-k - 1) })
	}
	for i := len(n.Keys); i < len(keys); i++ {
		take(i)
	}
	out := inner{plan: logical.NewProject(grouped, order, names), conds: conds}
	if len(n.Keys) == 0 {
		out.empty = emptyOf(n)
	}
	return out
}

// emptyOf are the values of a query that has no rows to be about, nil where it gives no row then.
func emptyOf(n logical.Node) []expr.Expr {
	switch n := n.(type) {
	case *logical.Project:
		in := emptyOf(n.Input)
		if in == nil {
			return nil
		}
		var out []expr.Expr
		for _, x := range n.Exprs {
			out = append(out, expr.Replace(x, in))
		}
		return out
	case *logical.Aggregate:
		if len(n.Keys) > 0 {
			return nil
		}
		var out []expr.Expr
		for _, c := range n.Calls {
			if c.Func.Name == "COUNT" {
				out = append(out, bigint(0))
			} else {
				out = append(out, nullOf(c.T))
			}
		}
		return out
	}
	return nil
}

func bigint(n int64) *expr.Literal {
	v := column.New(row.Of(row.BigInt).Nullable(false))
	v.AppendI64(n)
	return &expr.Literal{Value: v}
}

func truth(b bool) *expr.Literal {
	v := column.New(boolean.Nullable(false))
	v.AppendBool(b)
	return &expr.Literal{Value: v}
}

func nullOf(t *row.Type) *expr.Literal {
	v := column.New(t.Plain().Nullable(true))
	v.AppendNull()
	return &expr.Literal{Value: v}
}

func readsInput(x expr.Expr) bool {
	reads := false
	expr.Inputs(x, func(*expr.Input) { reads = true })
	return reads
}

func placeOf(exprs *[]expr.Expr, x expr.Expr) int {
	for i, y := range *exprs {
		if expr.Equal(x, y) {
			return i
		}
	}
	*exprs = append(*exprs, x)
	return len(*exprs) - 1
}

func partsOfJoin(at ast.Span, n *logical.Join) inner {
	if n.Kind != logical.Inner && n.Kind != logical.Semi && n.Kind != logical.Anti || n.AsOf != nil {
		fail(at, "an outer join in a query cannot refer to columns around it")
	}
	width := len(n.Left.Columns())
	left := takeApart(at, n.Left)
	extra := len(left.plan.Columns()) - width
	if n.Kind != logical.Inner {
		if isCorrelated(n.Right) {
			fail(at, "a query in a query in a query cannot refer to the columns of the outermost")
		}
		for _, c := range conjuncts(n.Cond) {
			if hasOuter(c) {
				fail(at, "a query in a query in a query cannot refer to the columns of the outermost")
			}
		}
		cond := expr.Shift(orTrue(n.Cond), func(i int) int {
			if i >= width {
				return i + extra
			}
			return i
		})
		return inner{plan: logical.NewJoin(left.plan, n.Right, n.Kind, cond), conds: left.conds}
	}
	right := takeApart(at, n.Right)
	rightWidth := len(n.Right.Columns())
	// left, its extra columns, right, its extra columns: the extra ones go behind.
	joined := logical.NewJoin(left.plan, right.plan, logical.Inner, nil)
	to := func(i int) int { // of the join as it was
		if i >= width {
			return i + extra
		}
		return i
	}
	var stay, lift []expr.Expr
	for _, c := range conjuncts(n.Cond) {
		c = expr.Shift(c, to)
		if hasOuter(c) {
			lift = append(lift, c)
		} else {
			stay = append(stay, c)
		}
	}
	lift = append(lift, left.conds...)
	for _, c := range right.conds {
		lift = append(lift, shift(c, width+extra))
	}
	joined = joined.WithCond(and(stay...))
	var order []expr.Expr
	var names []string
	place := make([]int, len(joined.Columns()))
	take := func(from, to int) {
		for i := from; i < to; i++ {
			place[i] = len(order)
			order, names = append(order, logical.Input(joined, i)), append(names, fmt.Sprintf("$%d", len(order)))
		}
	}
	take(0, width)
	take(width+extra, width+extra+rightWidth)
	take(width, width+extra)
	take(width+extra+rightWidth, len(joined.Columns()))
	for i, c := range lift {
		lift[i] = expr.Shift(c, func(i int) int { return place[i] })
	}
	return inner{plan: logical.NewProject(joined, order, names), conds: lift}
}

func orTrue(x expr.Expr) expr.Expr {
	if x == nil {
		return truth(true)
	}
	return x
}

// partsOfSort orders for each value of what the conditions compare with parameters.
func partsOfSort(at ast.Span, n *logical.Sort) inner {
	in := takeApart(at, n.Input)
	if n.Limit < 0 && n.Offset == 0 {
		return in // the order says nothing about a set
	}
	exprs := logical.InputsOf(in.plan)
	width := len(exprs)
	var partition []int
	for _, c := range in.conds {
		x, y, ok := equality(c)
		if ok && hasOuter(x) {
			x, y = y, x
		}
		if !ok || hasOuter(x) || readsInput(y) {
			fail(at, "a query with LIMIT that refers to columns around it may do so in equations only")
		}
		partition = append(partition, placeOf(&exprs, x))
	}
	plan := in.plan
	if len(exprs) > width {
		names := logical.Names(plan.Columns())
		for i := width; i < len(exprs); i++ {
			names = append(names, fmt.Sprintf("$k%d", i))
		}
		plan = logical.NewProject(plan, exprs, names)
	}
	numbered := rowNumber(at, plan, partition, n.Keys)
	number := logical.Input(numbered, len(exprs))
	var cond expr.Expr
	if n.Limit >= 0 {
		cond = call(at, "<=", number, bigint(n.Offset+n.Limit))
	}
	if n.Offset > 0 {
		cond = and(cond, call(at, ">", number, bigint(n.Offset)))
	}
	kept := filter(numbered, cond)
	return inner{plan: logical.NewProject(kept, logical.InputsOf(kept)[:width], logical.Names(plan.Columns())[:width]), conds: in.conds}
}
