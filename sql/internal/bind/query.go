package bind

import (
	"fmt"
	"strconv"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Env is what the names in a statement mean.
type Env struct {
	Catalog *catalog.Store
	// Functions are those of the program beside the built-in ones; it may be nil.
	Functions Functions
	// Batch says that time attributes are plain times.
	Batch bool
	// Zone is the session's time zone.
	Zone *time.Location
	// Params are the values of parameters by name.
	Params map[string]*expr.Literal
	// LegacyCast makes a CAST that fails NULL.
	LegacyCast bool
	// Files finds the table that a path of files stands for; nil where there are none.
	Files func(path string) (*catalog.Table, error)
	views []string // that are being expanded
	named named    // of a view that is made
}

// Functions are functions by name, nil where there is none.
type Functions interface {
	Scalar(name string) *builtin.Def
	Aggregate(name string) *agg.Func
	Table(name string) *logical.TableFunc
	Names() []string
}

// Query binds a query.
func Query(env *Env, q *ast.Query) (n logical.Node, err error) {
	defer catch(&err)
	b := &binder{env: env, scope: &Scope{}}
	n, _ = b.query(q)
	return n, nil
}

// cte is a named query, with those that are named before it.
type cte struct {
	*ast.CTE
	before map[string]*cte
}

// query binds a query. Its columns have names of their own.
func (b *binder) query(q *ast.Query) (logical.Node, []row.Field) {
	if q.Recursive {
		fail(q.Span, "WITH RECURSIVE is not supported")
	}
	c := *b
	c.group, c.overs = nil, nil
	for i := range q.With {
		w := &q.With[i]
		if _, ok := c.ctes[w.Name.Name]; ok && i > 0 {
			for _, before := range q.With[:i] {
				if before.Name.Name == w.Name.Name {
					fail(w.Name.Span, "there are two queries %s in WITH", w.Name.Name)
				}
			}
		}
		next := make(map[string]*cte, len(c.ctes)+1)
		for k, v := range c.ctes {
			next[k] = v
		}
		next[w.Name.Name] = &cte{w, c.ctes}
		c.ctes = next
	}
	n := c.body(q.Body, q)
	return n, n.Columns()
}

// body binds what gives a query its rows, and the query's order and limit.
func (b *binder) body(body ast.Body, q *ast.Query) logical.Node {
	switch x := body.(type) {
	case *ast.Select:
		return b.selectQuery(x, q)
	case *ast.Nested:
		n, _ := b.query(x.Query)
		return b.ordered(n, q)
	case *ast.Values:
		return b.ordered(b.values(x), q)
	case *ast.SetOp:
		return b.ordered(b.setOp(x), q)
	case *ast.TableBody:
		n, _ := b.table(&ast.TableName{Span: x.Span, Name: x.Name})
		return b.ordered(n, q)
	}
	fail(body.Extent(), "this is no query")
	return nil
}

// ordered sorts by columns of a query that is no SELECT.
func (b *binder) ordered(n logical.Node, q *ast.Query) logical.Node {
	if q == nil {
		return n
	}
	var keys []logical.SortKey
	scope := &Scope{outer: b.scope.outer}
	for _, c := range n.Columns() {
		scope.Columns = append(scope.Columns, Column{Name: c.Name, Type: c.Type})
	}
	c := *b
	c.scope = scope
	exprs := logical.InputsOf(n)
	width := len(exprs)
	for _, o := range q.Order {
		k := sortKey(o)
		if i, ok := ordinal(o.X, width); ok {
			k.Column = i
		} else {
			x := c.expr(o.X)
			k.Column = place(&exprs, x)
		}
		keys = append(keys, k)
	}
	return b.sort(n, exprs, width, keys, q)
}

// place is where an expression is among others; it is added if it is not there.
func place(exprs *[]expr.Expr, x expr.Expr) int {
	for i, y := range *exprs {
		if expr.Equal(x, y) {
			return i
		}
	}
	*exprs = append(*exprs, x)
	return len(*exprs) - 1
}

func sortKey(o ast.OrderItem) logical.SortKey {
	k := logical.SortKey{Desc: o.Desc, NullsLast: o.Desc}
	if o.Nulls != "" {
		k.NullsLast = o.Nulls == "LAST"
	}
	return k
}

// ordinal is the column that a number in ORDER BY stands for.
func ordinal(x ast.Expr, width int) (i int, ok bool) {
	n, ok := x.(*ast.Number)
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(n.Text)
	if err != nil || i < 1 || i > width {
		fail(n.Span, "there is no column %s; there are %d", n.Text, width)
	}
	return i - 1, true
}

// sort sorts n by keys, which are expressions of its columns, of which the first width are the query's.
func (b *binder) sort(n logical.Node, exprs []expr.Expr, width int, keys []logical.SortKey, q *ast.Query) logical.Node {
	offset, limit := b.count(q.Offset, 0), b.count(q.Limit, -1)
	if len(keys) == 0 && offset == 0 && limit < 0 {
		return n
	}
	names := logical.Names(n.Columns())
	if len(exprs) > width {
		for i := width; i < len(exprs); i++ {
			names = append(names, fmt.Sprintf("$%d", i))
		}
		n = logical.NewProject(n, exprs, names)
	}
	n = &logical.Sort{Input: n, Keys: keys, Offset: offset, Limit: limit}
	if len(exprs) > width {
		n = logical.NewProject(n, logical.InputsOf(n)[:width], names[:width])
	}
	return n
}

// count is the number of rows of OFFSET or LIMIT.
func (b *binder) count(x ast.Expr, otherwise int64) int64 {
	if x == nil {
		return otherwise
	}
	n, ok := x.(*ast.Number)
	if !ok {
		fail(x.Extent(), "a number of rows is a constant")
	}
	i, err := strconv.ParseInt(n.Text, 10, 64)
	if err != nil || i < 0 {
		fail(x.Extent(), "%s is no number of rows", n.Text)
	}
	return i
}

// values binds VALUES.
func (b *binder) values(v *ast.Values) logical.Node {
	rows := make([][]expr.Expr, len(v.Rows))
	for i, r := range v.Rows {
		if items, ok := r.(*ast.Row); ok {
			rows[i] = b.exprs(items.Items)
		} else {
			rows[i] = []expr.Expr{b.expr(r)}
		}
		if len(rows[i]) != len(rows[0]) {
			fail(r.Extent(), "this row has %d values, and the first one has %d", len(rows[i]), len(rows[0]))
		}
	}
	cols := make([]row.Field, len(rows[0]))
	for c := range cols {
		types := make([]*row.Type, len(rows))
		for i := range rows {
			types[i] = rows[i][c].Type()
		}
		t := builtin.Common(types...)
		if t == nil {
			fail(v.Span, "the values of column %d have types that do not go together: %s and %s", c+1, types[0], firstOther(types))
		}
		cols[c] = row.Field{Name: fmt.Sprintf("EXPR$%d", c), Type: t}
		for i := range rows {
			rows[i][c] = b.coerce(rows[i][c], t)
		}
	}
	return logical.NewValues(cols, rows)
}

func firstOther(types []*row.Type) *row.Type {
	for _, t := range types[1:] {
		if builtin.Common(types[0], t) == nil {
			return t
		}
	}
	return types[len(types)-1]
}

// coerce casts an expression to a type whose nullability does not matter.
func (b *binder) coerce(x expr.Expr, t *row.Type) expr.Expr {
	if x.Type().Plain().Same(t.Plain()) {
		return x
	}
	t = t.Nullable(!x.Type().NotNull)
	if l, ok := x.(*expr.Literal); ok && l.Type().Kind == row.Null {
		return null(l.Span, t)
	}
	y, err := builtin.Cast(x.Extent(), x, t, false)
	if err != nil {
		fail(x.Extent(), "%s", err)
	}
	return y
}

// setOp binds UNION, INTERSECT and EXCEPT. A chain of UNION ALL is one node.
func (b *binder) setOp(s *ast.SetOp) logical.Node {
	var bodies []ast.Body
	for x := ast.Body(s); ; {
		y, ok := x.(*ast.SetOp)
		if !ok || y.Op != s.Op || y.All != s.All || s.Op != "UNION" && x != ast.Body(s) {
			bodies = append(bodies, x)
			break
		}
		bodies = append(bodies, y.Y)
		x = y.X
	}
	ins := make([]logical.Node, len(bodies))
	for i, x := range bodies {
		ins[len(bodies)-1-i] = b.body(x, nil)
	}
	cols := b.unify(s, ins)
	kind := map[string]logical.SetKind{"UNION": logical.Union, "INTERSECT": logical.Intersect, "EXCEPT": logical.Except}[s.Op]
	if kind != logical.Union {
		return logical.NewSetOp(kind, s.All, ins, cols)
	}
	n := logical.Node(logical.NewSetOp(kind, true, ins, cols))
	if !s.All {
		n = distinct(n)
	}
	return n
}

// unify casts the columns of queries to types that they have in common.
func (b *binder) unify(s *ast.SetOp, ins []logical.Node) []row.Field {
	first := ins[0].Columns()
	cols := make([]row.Field, len(first))
	for _, n := range ins[1:] {
		if len(n.Columns()) != len(first) {
			fail(s.Span, "the queries of %s have %d and %d columns", s.Op, len(first), len(n.Columns()))
		}
	}
	for c := range cols {
		types := make([]*row.Type, len(ins))
		attribute := first[c].Type.Attribute
		for i, n := range ins {
			types[i] = n.Columns()[c].Type.Computed()
			if n.Columns()[c].Type.Attribute != attribute {
				attribute = row.NoAttribute
			}
		}
		t := builtin.Common(types...)
		if t == nil {
			fail(s.Span, "column %d of the queries of %s has types that do not go together: %s and %s", c+1, s.Op, types[0], firstOther(types))
		}
		if attribute != row.NoAttribute && s.Op == "UNION" {
			u := *t
			u.Attribute, u.Origin = attribute, row.NoAttribute
			t = &u
		}
		cols[c] = row.Field{Name: first[c].Name, Type: t}
	}
	for i, n := range ins {
		exprs, same := logical.InputsOf(n), true
		for c, x := range exprs {
			exprs[c] = b.coerce(x, cols[c].Type)
			same = same && exprs[c] == x
		}
		if !same {
			ins[i] = logical.NewProject(n, exprs, logical.Names(cols))
		}
	}
	return cols
}

// distinct keeps one of equal rows.
func distinct(n logical.Node) logical.Node {
	keys := make([]int, len(n.Columns()))
	for i := range keys {
		keys[i] = i
	}
	return logical.NewAggregate(n, keys, nil)
}
