package bind

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// group is the groups that a SELECT is about. Its columns are the keys, then the aggregates in the order in which
// they are met.
type group struct {
	ttl  *time.Duration // of a hint
	in   *binder        // binds what is inside of aggregates, to the columns that the groups are made of
	from logical.Node
	keys []expr.Expr
	asts []ast.Expr // the keys as they were written
	sets [][]int    // of GROUPING SETS; nil for GROUP BY of keys
	// pre are the expressions that the aggregates are about, behind the keys.
	pre    []expr.Expr
	calls  []logical.Call
	window *legacyWindow
}

// newGroup binds GROUP BY.
func newGroup(b *binder, n logical.Node, s *ast.Select) *group {
	in := *b
	in.group, in.overs = nil, nil
	g := &group{in: &in, from: n}
	sets := [][]int{{}}
	several := false
	for _, item := range s.Group {
		next, isSet := g.item(item)
		several = several || isSet
		var product [][]int
		for _, x := range sets {
			for _, y := range next {
				product = append(product, union(x, y))
			}
		}
		sets = product
		if len(sets) > 4096 {
			fail(s.Span, "there are more than 4096 grouping sets")
		}
	}
	if s.GroupDistinct {
		sets = slices.CompactFunc(sets, slices.Equal)
	}
	if several {
		g.sets = sets
	}
	return g
}

func union(x, y []int) []int {
	z := slices.Concat(x, y)
	slices.Sort(z)
	return slices.Compact(z)
}

// item binds an item of GROUP BY to sets of keys.
func (g *group) item(item ast.Grouping) (sets [][]int, isSet bool) {
	switch item.Kind {
	case "":
		return [][]int{g.keysOf(item.Exprs)}, false
	case "GROUPING SETS":
		for _, s := range item.Sets {
			more, _ := g.item(s)
			sets = append(sets, more...)
		}
		return sets, true
	}
	var parts [][]int
	for _, s := range item.Sets {
		parts = append(parts, g.keysOf(s.Exprs))
	}
	if item.Kind == "ROLLUP" {
		for n := len(parts); n >= 0; n-- {
			sets = append(sets, union(slices.Concat(parts[:n]...), nil))
		}
		return sets, true
	}
	if len(parts) > 12 {
		fail(ast.Span{}, "CUBE takes 12 expressions at most")
	}
	for mask := 1<<len(parts) - 1; mask >= 0; mask-- {
		var set []int
		for i, p := range parts {
			if mask>>(len(parts)-1-i)&1 == 1 {
				set = append(set, p...)
			}
		}
		sets = append(sets, union(set, nil))
	}
	return sets, true
}

// keysOf are the numbers of keys, which are added if they are new.
func (g *group) keysOf(xs []ast.Expr) []int {
	var set []int
	for _, x := range xs {
		if a := findAggregate(x, g.in); a != nil {
			fail(a.Span, "there are no aggregates in GROUP BY")
		}
		if c, ok := x.(*ast.Call); ok && isLegacy(c) {
			set = append(set, g.legacy(c)...)
			continue
		}
		y := g.in.expr(x)
		if t := y.Type(); t.Kind == row.Null {
			fail(x.Extent(), "NULL cannot be grouped by")
		}
		set = append(set, g.key(x, y))
	}
	return set
}

func (g *group) key(x ast.Expr, y expr.Expr) int {
	for i, k := range g.keys {
		if expr.Equal(k, y) {
			return i
		}
	}
	g.keys, g.asts = append(g.keys, y), append(g.asts, x)
	return len(g.keys) - 1
}

// expr binds an expression that is about groups, nil if its parts are to be looked at.
func (g *group) expr(b *binder, x ast.Expr) expr.Expr {
	switch x := x.(type) {
	case *ast.Call:
		if x.Over != nil {
			return nil
		}
		if y := g.legacyProperty(x); y != nil {
			return y
		}
		if f := b.aggregateOf(x); f != nil {
			return g.aggregate(x, f)
		}
		if y := g.grouping(x); y != nil {
			return y
		}
	case *ast.JSON:
		if strings.HasSuffix(x.Func, "AGG") && x.Over == nil {
			return g.jsonAggregate(x)
		}
	case *ast.Column:
		return g.column(g.in.expr(x), x.Span, strings.Join(x.Name.Strings(), "."))
	case *ast.Number, *ast.Str, *ast.Bool, *ast.Bytes, *ast.Null, *ast.Temporal, *ast.Interval:
		return nil
	}
	for i, k := range g.asts {
		if sameKind(k, x) && findAggregate(x, g.in) == nil {
			if y := g.in.quietly(x); y != nil && expr.Equal(y, g.keys[i]) {
				return g.keyInput(i, x.Extent())
			}
		}
	}
	return nil
}

// sameKind reports whether two trees have the same kind of node at the top, and the same name in it.
func sameKind(x, y ast.Expr) bool {
	if a, ok := x.(*ast.Call); ok {
		b, ok := y.(*ast.Call)
		return ok && strings.EqualFold(a.Name.Last().Name, b.Name.Last().Name)
	}
	return fmt.Sprintf("%T", x) == fmt.Sprintf("%T", y)
}

// quietly binds an expression, nil if it cannot be bound.
func (b *binder) quietly(x ast.Expr) (y expr.Expr) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(*Error); !ok {
				panic(r)
			}
			y = nil
		}
	}()
	return b.expr(x)
}

// column is a column of what is grouped, which has to be a key, or what comes from around the query.
func (g *group) column(y expr.Expr, at ast.Span, name string) expr.Expr {
	for i, k := range g.keys {
		if expr.Equal(y, k) {
			return g.keyInput(i, at)
		}
	}
	switch y := y.(type) {
	case *logical.Outer:
		return y
	case *expr.Call: // a field of a column
		if _, ok := expr.Field(y); ok {
			c := *y
			c.Args = []expr.Expr{g.column(y.Args[0], at, name)}
			return &c
		}
		if g.coversInputs(y) { // a merged column
			return expr.Rewrite(y, func(x expr.Expr) expr.Expr {
				if in, ok := x.(*expr.Input); ok {
					return g.column(in, at, name)
				}
				return nil
			})
		}
	}
	failHint(at, "add it to GROUP BY, or take an aggregate of it", "the column %s is not being grouped by", name)
	return nil
}

// coversInputs reports whether all columns that an expression reads are keys.
func (g *group) coversInputs(x expr.Expr) bool {
	covered := true
	expr.Inputs(x, func(in *expr.Input) {
		covered = covered && slices.ContainsFunc(g.keys, func(k expr.Expr) bool { return expr.Equal(k, in) })
	})
	return covered
}

// keyInput is a key as a column of the groups.
func (g *group) keyInput(i int, at ast.Span) expr.Expr {
	k := g.keys[i]
	name := ""
	if in, ok := k.(*expr.Input); ok {
		name = in.Name
	}
	t := k.Type()
	if !g.isWindowTime(i) {
		t = t.Computed()
	}
	if g.nullable(i) {
		t = t.Nullable(true)
	}
	return &expr.Input{Span: at, Index: i, Name: name, T: t}
}

// isWindowTime reports whether a key is the time of a window, which stays one when the window's rows are grouped.
func (g *group) isWindowTime(i int) bool {
	if g.window != nil && i >= g.window.first && i < g.window.first+3 {
		return true
	}
	in, ok := g.keys[i].(*expr.Input)
	if !ok {
		return false
	}
	n, at := logical.Origin(g.from, in.Index)
	w, ok := n.(*logical.Window)
	return ok && at == len(w.Columns())-1
}

// nullable reports whether a grouping set leaves a key out.
func (g *group) nullable(i int) bool {
	return slices.ContainsFunc(g.sets, func(set []int) bool { return !slices.Contains(set, i) })
}

// aggregate binds a call of an aggregate function.
func (g *group) aggregate(x *ast.Call, f *agg.Func) expr.Expr {
	args := g.arguments(x, f)
	call := logical.Call{Func: f, Distinct: x.Distinct, Filter: -1}
	if x.Filter != nil {
		call.Filter = g.column0(g.in.condition(x.Filter, "FILTER"))
	}
	empty := len(g.keys) == 0 || x.Filter != nil || slices.ContainsFunc(g.sets, func(s []int) bool { return len(s) == 0 })
	t, err := f.Type(args, empty)
	if err != nil {
		fail(x.Span, "%s", err)
	}
	call.T = t
	for _, a := range args {
		call.Args = append(call.Args, g.column0(a))
	}
	return g.add(x.Span, call)
}

// arguments binds the arguments of an aggregate.
func (g *group) arguments(x *ast.Call, f *agg.Func) []expr.Expr {
	if x.Star {
		if f.Name != "COUNT" {
			fail(x.Span, "%s(*) is not supported; COUNT(*) is", f.Name)
		}
		return nil
	}
	if len(x.Within) > 0 {
		fail(x.Span, "%s does not take WITHIN GROUP", f.Name)
	}
	if f.OverOnly {
		fail(x.Span, "%s needs OVER (…)", f.Name)
	}
	if len(x.Args) == 0 && f.Name == "COUNT" {
		fail(x.Span, "COUNT takes a value or *")
	}
	for _, a := range x.Args {
		if inner := findAggregate(a, g.in); inner != nil {
			fail(inner.Span, "there are no aggregates inside of aggregates")
		}
	}
	args := g.in.exprs(x.Args)
	for i, a := range args {
		if a.Type().Kind == row.Null {
			fail(x.Args[i].Extent(), "NULL has no type here")
		}
	}
	return args
}

// column0 is the place of an expression among those that are computed before grouping, behind the keys.
func (g *group) column0(x expr.Expr) int {
	for i, k := range g.keys {
		if expr.Equal(k, x) && !g.nullable(i) {
			return i
		}
	}
	return -2 - place(&g.pre, x) // the number of keys is not known before all is bound
}

// jsonAggregate binds JSON_OBJECTAGG and JSON_ARRAYAGG, of which there are two each: with NULLs and without.
func (g *group) jsonAggregate(x *ast.JSON) expr.Expr {
	name := x.Func
	if x.Nulls != "" {
		name += " " + x.Nulls
	}
	call := &ast.Call{Span: x.Span, Name: ast.Make(name), Args: x.Args, Filter: x.Filter}
	return g.aggregate(call, agg.Lookup(name))
}

// add puts a call down, once for equal ones.
func (g *group) add(at ast.Span, c logical.Call) expr.Expr {
	i := slices.IndexFunc(g.calls, func(d logical.Call) bool {
		return d.Func == c.Func && d.Distinct == c.Distinct && d.Filter == c.Filter && slices.Equal(d.Args, c.Args)
	})
	if i < 0 {
		i = len(g.calls)
		c.Name = fmt.Sprintf("EXPR$%d", i)
		g.calls = append(g.calls, c)
	}
	return &expr.Input{Span: at, Index: g.width() + i, Name: g.calls[i].Name, T: g.calls[i].T}
}

// width is the number of columns before the aggregates.
func (g *group) width() int {
	if g.sets != nil {
		return len(g.keys) + 1 // the number of the set
	}
	return len(g.keys)
}

// node makes the groups.
func (g *group) node() logical.Node {
	g.cut()
	exprs := slices.Concat(g.keys, g.pre)
	names := make([]string, len(exprs))
	for i, x := range exprs {
		names[i] = fmt.Sprintf("$f%d", i)
		if in, ok := x.(*expr.Input); ok {
			names[i] = in.Name
		}
	}
	n := logical.Node(logical.NewProject(g.from, exprs, unique(names)))
	keys := make([]int, len(g.keys))
	for i := range keys {
		keys[i] = i
	}
	groupBy := keys
	if g.sets != nil {
		n = logical.NewExpand(n, keys, g.sets)
		groupBy = append(slices.Clone(keys), len(exprs))
	}
	calls := slices.Clone(g.calls)
	at := func(i int) int {
		if i < -1 {
			return len(g.keys) + (-2 - i)
		}
		return i
	}
	for i, c := range calls {
		calls[i].Filter = at(c.Filter)
		calls[i].Args = slices.Clone(c.Args)
		for k, a := range c.Args {
			calls[i].Args[k] = at(a)
		}
	}
	a := logical.NewAggregate(n, groupBy, calls)
	a.TTL = g.ttl
	return a
}

// grouping binds GROUPING, GROUPING_ID and GROUP_ID.
func (g *group) grouping(x *ast.Call) expr.Expr {
	name := strings.ToUpper(x.Name.Last().Name)
	switch name {
	case "GROUP_ID":
		v := column.New(row.Of(row.BigInt).Nullable(false))
		v.AppendI64(0)
		return &expr.Literal{Span: x.Span, Value: v}
	case "GROUPING", "GROUPING_ID":
	default:
		return nil
	}
	var at []int
	for _, a := range x.Args {
		y := g.in.expr(a)
		i := slices.IndexFunc(g.keys, func(k expr.Expr) bool { return expr.Equal(k, y) })
		if i < 0 {
			fail(a.Extent(), "%s takes expressions of GROUP BY", name)
		}
		at = append(at, i)
	}
	if len(at) == 0 {
		fail(x.Span, "%s takes expressions of GROUP BY", name)
	}
	t := row.Of(row.BigInt).Nullable(false)
	if g.sets == nil {
		v := column.New(t)
		v.AppendI64(0)
		return &expr.Literal{Span: x.Span, Value: v}
	}
	set := &expr.Input{Span: x.Span, Index: len(g.keys), Name: "$e", T: t}
	return &expr.Call{Span: x.Span, Args: []expr.Expr{set}, T: t, Func: builtin.Grouping(name, at, len(g.keys))}
}
