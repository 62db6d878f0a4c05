package bind

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

func oneRowBatch() *column.Batch { return &column.Batch{N: 1} }

// selectQuery binds a SELECT with the ORDER BY and LIMIT of its query; q is nil where they belong to another.
//
// Expressions are bound to the columns of the node that they are computed from: what FROM and WHERE give, or the keys
// and aggregates of the groups. Aggregates and OVER calls are put down as they are met, and the nodes for them
// made in the end.
func (b *binder) selectQuery(s *ast.Select, q *ast.Query) logical.Node {
	c := *b
	c.hints = s.Hints
	n, scope := oneRow(), &Scope{outer: b.scope.outer}
	if s.From != nil {
		n, scope = c.from(s.From, nil)
	}
	c.scope, c.hints = scope, nil
	if s.Where != nil {
		if a := findAggregate(s.Where, &c); a != nil {
			failHint(a.Span, "HAVING is about groups", "there are no aggregates in WHERE")
		}
		n = &logical.Filter{Input: n, Cond: c.condition(s.Where, "WHERE")}
	}
	c.windows = s.Windows
	if s.Grouped || c.hasAggregates(s, q) {
		c.group = newGroup(&c, n, s)
	}
	c.overs = &overs{}
	return c.selected(n, s, q)
}

// condition binds a BOOLEAN expression.
func (b *binder) condition(x ast.Expr, clause string) expr.Expr {
	y := b.expr(x)
	if k := y.Type().Kind; k != row.Boolean && k != row.Null {
		fail(x.Extent(), "the condition of %s is BOOLEAN, not %s", clause, y.Type().Nullable(true))
	}
	if l, ok := y.(*expr.Literal); ok && l.Type().Kind == row.Null {
		return null(l.Span, row.Of(row.Boolean))
	}
	return y
}

// selected binds what a SELECT gives, over n, which has the columns of the scope.
func (b *binder) selected(n logical.Node, s *ast.Select, q *ast.Query) logical.Node {
	exprs, names := b.items(s)
	var having, qualify expr.Expr
	if s.Having != nil {
		having = b.condition(s.Having, "HAVING")
	}
	if s.Qualify != nil {
		qualify = b.condition(s.Qualify, "QUALIFY")
	}
	width := len(exprs)
	var keys []logical.SortKey
	if q != nil {
		for _, o := range q.Order {
			k := sortKey(o)
			k.Column = b.orderColumn(o.X, s, &exprs, width)
			keys = append(keys, k)
		}
	}
	if s.Distinct && len(exprs) > width {
		fail(q.Order[0].X.Extent(), "a SELECT DISTINCT is ordered by what it selects")
	}
	if b.group != nil {
		n = b.group.node()
	}
	if having != nil {
		n = &logical.Filter{Input: n, Cond: having}
	}
	n, replace := b.overs.node(s.Span, n)
	if qualify != nil {
		n = &logical.Filter{Input: n, Cond: replace(qualify)}
	}
	for i, x := range exprs {
		exprs[i] = replace(x)
	}
	for i := width; i < len(exprs); i++ {
		names = append(names, fmt.Sprintf("$%d", i))
	}
	n = logical.NewProject(n, exprs, unique(names))
	if s.Distinct {
		n = distinct(n)
	}
	if q == nil {
		return n
	}
	sorted := b.sort(n, logical.InputsOf(n), len(n.Columns()), keys, q)
	if len(exprs) > width {
		sorted = logical.NewProject(sorted, logical.InputsOf(sorted)[:width], logical.Names(sorted.Columns())[:width])
	}
	return sorted
}

// unique makes names different: those that were there before get a number.
func unique(names []string) []string {
	used := map[string]bool{}
	out := make([]string, len(names))
	for i, n := range names {
		name := n
		for k := 0; used[name]; k++ {
			name = fmt.Sprintf("%s%d", n, k)
		}
		used[name] = true
		out[i] = name
	}
	return out
}

// items binds the SELECT list.
func (b *binder) items(s *ast.Select) (exprs []expr.Expr, names []string) {
	for i, item := range s.Items {
		if star, ok := item.X.(*ast.Star); ok {
			xs, ns := b.star(star)
			exprs, names = append(exprs, xs...), append(names, ns...)
			continue
		}
		if f, ok := item.X.(*ast.Field); ok && f.Name.Name == "*" {
			x := b.expr(f.X)
			for k, part := range x.Type().Fields {
				exprs = append(exprs, field(x, ast.Ident{Span: f.Span, Name: x.Type().Fields[k].Name}))
				names = append(names, part.Name)
			}
			continue
		}
		x := b.expr(item.X)
		if x.Type().Kind == row.Null {
			failHint(item.X.Extent(), "CAST it: CAST(NULL AS INT)", "NULL has no type here")
		}
		exprs = append(exprs, x)
		switch {
		case item.As != nil:
			names = append(names, item.As.Name)
		default:
			names = append(names, implicitName(item.X, i))
		}
	}
	return exprs, names
}

// implicitName is the name of an item that is given none.
func implicitName(x ast.Expr, i int) string {
	if x, ok := x.(*ast.Column); ok {
		return x.Name.Last().Name
	}
	return fmt.Sprintf("EXPR$%d", i)
}

// star are the columns of * or t.*.
func (b *binder) star(x *ast.Star) (exprs []expr.Expr, names []string) {
	take := func(i int, c Column) {
		n := ast.Ident{Span: x.Span, Name: c.Name}
		in := b.scope.input(i, ast.Name{n})
		if b.group != nil {
			in = b.group.column(in, x.Span, c.Name)
		}
		exprs, names = append(exprs, in), append(names, c.Name)
	}
	if len(x.Table) == 0 {
		for i, c := range b.scope.Columns {
			if c.merged {
				take(i, c)
			}
		}
	}
	for i, c := range b.scope.Columns {
		switch {
		case c.merged, len(x.Table) == 0 && c.hidden:
		case len(x.Table) == 0, len(x.Table) == 1 && c.Table == x.Table[0].Name, len(x.Table) > 1 && endsWith(c.path, x.Table):
			take(i, c)
		}
	}
	if len(exprs) > 0 {
		return exprs, names
	}
	if len(x.Table) == 0 {
		fail(x.Span, "there is no table that * could stand for")
	}
	if y, ok := b.scope.lookUp(x.Table); ok && y.Type().Kind == row.Row {
		for _, f := range y.Type().Fields {
			exprs, names = append(exprs, field(y, ast.Ident{Span: x.Span, Name: f.Name})), append(names, f.Name)
		}
		return exprs, names
	}
	var tables []string
	for _, c := range b.scope.Columns {
		if c.Table != "" {
			tables = append(tables, c.Table)
		}
	}
	failHint(x.Span, nearest(x.Table[0].Name, tables), "there is no table %s", strings.Join(x.Table.Strings(), "."))
	return nil, nil
}

// orderColumn is the place, among the expressions, of one of ORDER BY: the name of an item, its number, or an expression
// that is added where it is not selected.
func (b *binder) orderColumn(x ast.Expr, s *ast.Select, exprs *[]expr.Expr, width int) int {
	if i, ok := ordinal(x, width); ok {
		return i
	}
	if c, ok := x.(*ast.Column); ok && len(c.Name) == 1 {
		for i, item := range s.Items {
			if item.As != nil && item.As.Name == c.Name[0].Name && len(s.Items) == width {
				return i
			}
		}
	}
	d := *b
	d.aliases = s.Items
	return place(exprs, d.expr(x))
}

// overs are the OVER calls of a SELECT.
type overs struct{ calls []overCall }

type overCall struct {
	f         *agg.Func
	args      []expr.Expr
	distinct  bool
	filter    expr.Expr
	partition []expr.Expr
	order     []expr.Expr
	keys      []logical.SortKey
	frame     logical.Frame
	t         *row.Type
}

// overRef stands for an OVER call until the node for it is made.
type overRef struct {
	ast.Span
	index int
	t     *row.Type
}

func (r *overRef) Type() *row.Type { return r.t }

// add puts a call down, once for equal ones.
func (o *overs) add(at ast.Span, c overCall) expr.Expr {
	for i, d := range o.calls {
		if d.same(&c) {
			return &overRef{at, i, d.t}
		}
	}
	o.calls = append(o.calls, c)
	return &overRef{at, len(o.calls) - 1, c.t}
}

func (c *overCall) same(d *overCall) bool {
	return c.f == d.f && c.distinct == d.distinct && c.frame == d.frame && slices.Equal(c.keys, d.keys) && c.filter == nil && d.filter == nil &&
		slices.EqualFunc(c.args, d.args, expr.Equal) && slices.EqualFunc(c.partition, d.partition, expr.Equal) &&
		slices.EqualFunc(c.order, d.order, expr.Equal)
}

// node is the node for the calls over n; replace puts its columns in the place of the calls.
func (o *overs) node(at ast.Span, n logical.Node) (over logical.Node, replace func(expr.Expr) expr.Expr) {
	if o == nil || len(o.calls) == 0 {
		return n, func(x expr.Expr) expr.Expr { return x }
	}
	exprs := logical.InputsOf(n)
	names := logical.Names(n.Columns())
	columnOf := func(x expr.Expr) int { return place(&exprs, x) }
	var calls []logical.OverCall
	for i, c := range o.calls {
		call := logical.OverCall{
			Call:  logical.Call{Func: c.f, Distinct: c.distinct, Filter: -1, T: c.t, Name: fmt.Sprintf("w%d$o%d", 0, i)},
			Frame: c.frame,
		}
		if c.filter != nil {
			call.Filter = columnOf(c.filter)
		}
		for _, a := range c.args {
			l, isConstant := a.(*expr.Literal)
			if isConstant {
				call.Args, call.Constants = append(call.Args, -1), append(call.Constants, l)
				continue
			}
			call.Args, call.Constants = append(call.Args, columnOf(a)), append(call.Constants, nil)
		}
		for _, p := range c.partition {
			call.Partition = append(call.Partition, columnOf(p))
		}
		for k, x := range c.order {
			key := c.keys[k]
			key.Column = columnOf(x)
			call.Order = append(call.Order, key)
		}
		calls = append(calls, call)
	}
	for i := len(names); i < len(exprs); i++ {
		names = append(names, fmt.Sprintf("$%d", i))
	}
	if len(exprs) > len(n.Columns()) {
		n = logical.NewProject(n, exprs, unique(names))
	}
	node := logical.NewOver(at, n, calls)
	return node, func(x expr.Expr) expr.Expr {
		return expr.Rewrite(x, func(x expr.Expr) expr.Expr {
			if r, ok := x.(*overRef); ok {
				return logical.Input(node, len(exprs)+r.index)
			}
			return nil
		})
	}
}
