package bind

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// oneRow is a row without columns: what a SELECT without FROM is computed for.
func oneRow() logical.Node { return logical.NewValues(nil, [][]expr.Expr{{}}) }

// from binds a table of FROM. left is what stands before it, for tables that refer to its columns.
func (b *binder) from(t ast.Table, left *relation) (logical.Node, *Scope) {
	switch t := t.(type) {
	case *ast.TableName:
		return b.table(t)
	case *ast.Paren:
		n, s := b.from(t.Table, left)
		if t.Alias.Name == nil {
			return n, s
		}
		return n, b.alias(n, t.Alias, t.Span)
	case *ast.Derived:
		c := *b
		c.scope = &Scope{outer: b.scope.outer}
		n, _ := c.query(t.Query)
		return n, b.alias(n, t.Alias, t.Span)
	case *ast.Join:
		return b.join(t, left)
	case *ast.Function:
		return b.tableFunction(t, left)
	case *ast.Unnest:
		return b.unnest(t, left)
	case *ast.File:
		if b.env.Files == nil {
			fail(t.Span, "files cannot be read as a table here")
		}
		table, err := b.env.Files(t.Path)
		if err != nil {
			fail(t.Span, "%s", err)
		}
		n := b.scan(t.Span, table, nil)
		return n, b.alias(n, t.Alias, t.Span)
	case *ast.Sample:
		return b.sample(t, left)
	case *ast.Pivot:
		failHint(t.Span, "an aggregate with FILTER for each value does the same", "PIVOT is not supported, nor in Flink")
	case *ast.Unpivot:
		failHint(t.Span, "UNION ALL of a query for each column does the same", "UNPIVOT is not supported")
	case *ast.Match:
		fail(t.Span, "MATCH_RECOGNIZE is not supported yet")
	}
	fail(t.Extent(), "this is no table")
	return nil, nil
}

// sample binds TABLESAMPLE: all rows, or none. Other parts of them Flink refuses too.
func (b *binder) sample(t *ast.Sample, left *relation) (logical.Node, *Scope) {
	n, s := b.from(t.Input, left)
	if t.Percent == nil { // SUBSTITUTE says nothing
		return n, s
	}
	percent, err := strconv.ParseFloat(t.Percent.Text, 64)
	switch {
	case err != nil || percent < 0 || percent > 100:
		fail(t.Percent.Span, "TABLESAMPLE takes a percentage from 0 to 100")
	case percent == 0:
		return &logical.Filter{Input: n, Cond: b.expr(&ast.Bool{Span: t.Span})}, s
	case percent < 100:
		failHint(t.Span, "WHERE RAND() < 0.1 keeps about a tenth of the rows", "TABLESAMPLE of a part of the rows is not supported, nor in Flink")
	}
	return n, s
}

// relation is a node with what its columns are called.
type relation struct {
	node  logical.Node
	scope *Scope
}

// alias is the scope of a table by the name that a query gives it.
func (b *binder) alias(n logical.Node, a ast.Alias, at ast.Span) *Scope {
	s := &Scope{outer: b.scope.outer}
	name := ""
	if a.Name != nil {
		name = a.Name.Name
	}
	cols := n.Columns()
	if len(a.Columns) > 0 && len(a.Columns) != len(cols) {
		fail(at, "%s has %d columns, and there are names for %d", name, len(cols), len(a.Columns))
	}
	for i, c := range cols {
		if len(a.Columns) > 0 {
			c.Name = a.Columns[i].Name
		}
		s.Columns = append(s.Columns, Column{Table: name, Name: c.Name, Type: c.Type})
	}
	return s
}

// table binds a table, a view or a query of WITH by its name.
func (b *binder) table(t *ast.TableName) (logical.Node, *Scope) {
	alias := t.Alias
	if alias.Name == nil {
		last := t.Name.Last()
		alias.Name = &last
	}
	if len(t.Name) == 1 {
		if w := b.ctes[t.Name[0].Name]; w != nil {
			c := *b
			c.ctes = w.before
			c.scope = &Scope{outer: b.scope.outer}
			n, _ := c.query(w.Query)
			if len(w.Columns) > 0 {
				n = b.rename(n, w.Columns, t.Span)
			}
			return n, b.alias(n, alias, t.Span)
		}
	}
	table, err := b.env.Catalog.Table(t.Name.Strings())
	if err != nil {
		e := &Error{Span: t.Name.Extent(), Msg: err.Error()}
		var unknown *catalog.Error
		if errors.As(err, &unknown) {
			e.Msg, e.Hint = unknown.Msg, unknown.Hint
		}
		panic(e)
	}
	b.env.named.note(t.Name, table.Path)
	var n logical.Node
	switch {
	case table.IsView():
		n = b.view(t, table)
	case table.Fixed != nil:
		n = fixed(table)
	default:
		n = b.scan(t.Span, table, t.Hints)
	}
	s := b.alias(n, alias, t.Span)
	for i := range s.Columns {
		s.Columns[i].path = []string{table.Path.Catalog, table.Path.Database, alias.Name.Name}
	}
	return n, s
}

// fixed is a table whose rows are there.
func fixed(t *catalog.Table) logical.Node {
	rows := make([][]expr.Expr, t.Fixed.N)
	for i := range rows {
		for _, c := range t.Fixed.Cols {
			v := column.New(c.Type)
			v.AppendAll(c, []int32{int32(i)})
			rows[i] = append(rows[i], &expr.Literal{Value: v})
		}
	}
	return logical.NewValues(t.Schema().Fields, rows)
}

// rename gives columns other names.
func (b *binder) rename(n logical.Node, names []ast.Ident, at ast.Span) logical.Node {
	if len(names) != len(n.Columns()) {
		fail(at, "there are names for %d columns, and %d columns", len(names), len(n.Columns()))
	}
	list := make([]string, len(names))
	for i, id := range names {
		list[i] = id.Name
	}
	return logical.NewProject(n, logical.InputsOf(n), list)
}

// view binds what a view stands for.
func (b *binder) view(t *ast.TableName, v *catalog.Table) logical.Node {
	if slices.Contains(b.env.views, v.Path.String()) {
		fail(t.Span, "the view %s refers to itself", v.Path.Object)
	}
	env := *b.env
	env.views, env.named = append(slices.Clone(env.views), v.Path.String()), nil
	n, err := Query(&env, v.Query)
	if err != nil {
		fail(t.Span, "the view %s cannot be used: %s", v.Path.Object, err)
	}
	names := make([]string, len(v.Columns))
	for i, c := range v.Columns {
		names[i] = c.Name
	}
	if len(names) != len(n.Columns()) {
		fail(t.Span, "the view %s has %d columns, but its query gives %d now", v.Path.Object, len(names), len(n.Columns()))
	}
	return logical.NewProject(n, logical.InputsOf(n), names)
}

// scan reads a table: its computed columns are computed, and its watermark is made.
func (b *binder) scan(at ast.Span, t *catalog.Table, hints []ast.Hint) logical.Node {
	options := t.Options
	for _, h := range hints {
		checkHint(h)
		if strings.EqualFold(h.Name, "OPTIONS") {
			options = maps.Clone(options)
			for _, o := range h.Options {
				options[o.Key] = o.Value
			}
		}
	}
	var reads []int
	isComputed := false
	for i, c := range t.Columns {
		if c.Kind == catalog.Computed {
			isComputed = true
			continue
		}
		reads = append(reads, i)
	}
	n := logical.Node(logical.NewScan(at, t, options, reads))
	if isComputed {
		n = b.computed(n, t)
	}
	if t.Watermark != nil && t.Rows == nil && !b.env.Batch { // a stream has its own
		i := t.Column(t.Watermark.Column)
		c := *b
		c.scope = tableScope(n.Columns())
		n = logical.NewWatermark(n, i, c.expr(t.Watermark.Expr))
	}
	return n
}

// tableScope is the columns of a table without an alias.
func tableScope(cols []row.Field) *Scope {
	s := &Scope{}
	for _, c := range cols {
		s.Columns = append(s.Columns, Column{Name: c.Name, Type: c.Type})
	}
	return s
}

// computed adds the computed columns of a table in their places.
func (b *binder) computed(n logical.Node, t *catalog.Table) logical.Node {
	c := *b
	c.scope = tableScope(n.Columns())
	var exprs []expr.Expr
	var names []string
	for _, col := range t.Columns {
		var x expr.Expr
		if col.Kind == catalog.Computed {
			x = c.expr(col.Expr)
			if b.env.Batch {
				x = plain(x)
			}
		} else {
			x = c.scope.resolve(ast.Make(col.Name))
		}
		exprs, names = append(exprs, x), append(names, col.Name)
	}
	return logical.NewProject(n, exprs, names)
}

// plain is an expression without a time attribute.
func plain(x expr.Expr) expr.Expr {
	if x.Type().Attribute == row.NoAttribute {
		return x
	}
	if c, ok := x.(*expr.Call); ok {
		d := *c
		d.T = c.T.Plain()
		return &d
	}
	return x
}

// join binds X JOIN Y.
func (b *binder) join(j *ast.Join, before *relation) (logical.Node, *Scope) {
	left, ls := b.from(j.X, before)
	l := &relation{left, ls}
	if n, s, ok := b.lateral(j, l); ok {
		return n, s
	}
	right, rs := b.from(j.Y, l)
	kind := map[string]logical.JoinKind{"LEFT": logical.Left, "RIGHT": logical.Right, "FULL": logical.Full}[j.Kind]
	n := logical.NewJoin(left, right, kind, nil)
	b.hints.join(n, j)
	s := &Scope{outer: b.scope.outer}
	width := len(left.Columns())
	for i, c := range slices.Concat(ls.Columns[:width], rs.Columns[:len(right.Columns())]) {
		if i < len(n.Columns()) {
			c.Type = n.Columns()[i].Type
		}
		s.Columns = append(s.Columns, c)
	}
	s.Columns = append(s.Columns, ls.Columns[width:]...) // merged ones of a join before
	for _, c := range rs.Columns[len(right.Columns()):] {
		c.by = expr.Shift(c.by, func(i int) int { return i + width })
		s.Columns = append(s.Columns, c)
	}
	b.checkAliases(j, ls, rs)
	c := *b
	c.scope = s
	cond := j.On
	switch {
	case j.Natural || len(j.Using) > 0:
		n = n.WithCond(c.using(j, ls, rs, width, s, kind))
	case cond != nil:
		x := c.expr(cond)
		if x.Type().Kind != row.Boolean && x.Type().Kind != row.Null {
			fail(cond.Extent(), "the condition of a join is BOOLEAN, not %s", x.Type().Nullable(true))
		}
		n = n.WithCond(x)
	}
	if name, ok := j.Y.(*ast.TableName); ok && name.AsOf != nil {
		d := *b
		d.scope = ls
		n.AsOf = d.expr(name.AsOf)
	}
	return n, s
}

// checkAliases refuses two tables of one name.
func (b *binder) checkAliases(j *ast.Join, ls, rs *Scope) {
	names := map[string]bool{}
	for _, c := range ls.Columns {
		names[c.Table] = true
	}
	for _, c := range rs.Columns {
		if c.Table != "" && names[c.Table] {
			failHint(j.Y.Extent(), "give one of them another name: AS …", "there are two tables %s", c.Table)
		}
	}
}

// using is the condition of NATURAL and USING, whose columns are merged in the scope.
func (b *binder) using(j *ast.Join, ls, rs *Scope, width int, s *Scope, kind logical.JoinKind) expr.Expr {
	var names []string
	for _, id := range j.Using {
		names = append(names, id.Name)
	}
	if j.Natural {
		for _, c := range ls.Columns {
			if !c.hidden && rs.has(c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	var cond expr.Expr
	for _, name := range names {
		li, ok := ls.find(ast.Make(name), "", name)
		ri, found := rs.find(ast.Make(name), "", name)
		if !ok || !found {
			fail(j.Span, "there is no column %s on both sides of the join", name)
		}
		x, y := s.input(li, ast.Make(name)), s.input(ri+width, ast.Make(name))
		equal := b.call(j.Span, "=", x, y)
		if cond == nil {
			cond = equal
		} else {
			cond = b.call(j.Span, "AND", cond, equal)
		}
		merged := Column{Name: name, merged: true, by: x}
		switch kind {
		case logical.Right:
			merged.by = y
		case logical.Full:
			merged.by = b.call(j.Span, "COALESCE", x, y)
		}
		merged.Type = merged.by.Type()
		s.Columns[li].hidden, s.Columns[ri+width].hidden = true, true
		s.Columns = append(s.Columns, merged)
	}
	return cond
}

// lateral binds a join whose right side is computed for each row of the left one.
func (b *binder) lateral(j *ast.Join, l *relation) (logical.Node, *Scope, bool) {
	isOuter := j.Kind == "LEFT"
	switch y := j.Y.(type) {
	case *ast.Function:
		if isWindowing(y.Call.Name.Last().Name) {
			return nil, nil, false
		}
	case *ast.Unnest:
	case *ast.Derived:
		if !y.Lateral {
			return nil, nil, false
		}
		return b.lateralQuery(j, y, l)
	default:
		return nil, nil, false
	}
	if j.Kind == "RIGHT" || j.Kind == "FULL" {
		fail(j.Span, "a %s JOIN with a table function is not supported", j.Kind)
	}
	c := *b
	c.outer = isOuter
	n, s := c.from(j.Y, l)
	if j.On == nil {
		return n, s, true
	}
	d := *b
	d.scope = s
	cond := d.expr(j.On)
	if lit, ok := cond.(*expr.Literal); ok && lit.Type().Kind == row.Boolean && !lit.IsNull() && lit.Value.Bools[0] {
		return n, s, true
	}
	if isOuter {
		fail(j.On.Extent(), "a LEFT JOIN with a table function takes ON TRUE only")
	}
	return &logical.Filter{Input: n, Cond: cond}, s, true
}

// applied adds a table function's columns to what stands before it.
func (b *binder) applied(left *relation, f *logical.TableFunc, args []expr.Expr, result []row.Field, alias ast.Alias, at ast.Span) (logical.Node, *Scope) {
	if left == nil {
		left = &relation{oneRow(), &Scope{outer: b.scope.outer}}
	}
	n := logical.NewApply(left.node, f, args, b.outer, result)
	width := len(left.node.Columns())
	s := &Scope{outer: b.scope.outer}
	s.Columns = append(s.Columns, left.scope.Columns[:width]...)
	name := ""
	if alias.Name != nil {
		name = alias.Name.Name
	}
	if len(alias.Columns) > 0 && len(alias.Columns) != len(result) {
		fail(at, "%s has %d columns, and there are names for %d", f.Name, len(result), len(alias.Columns))
	}
	for i, c := range n.Columns()[width:] {
		if len(alias.Columns) > 0 {
			c.Name = alias.Columns[i].Name
		}
		s.Columns = append(s.Columns, Column{Table: name, Name: c.Name, Type: c.Type})
	}
	s.Columns = append(s.Columns, left.scope.Columns[width:]...)
	return n, s
}

// tableFunction binds f(…) as a table: windows, and functions of the program.
func (b *binder) tableFunction(t *ast.Function, left *relation) (logical.Node, *Scope) {
	name := strings.ToUpper(t.Call.Name.Last().Name)
	if isWindowing(name) {
		n := b.windowing(t.Call)
		return n, b.alias(n, t.Alias, t.Span)
	}
	var f *logical.TableFunc
	if b.env.Functions != nil {
		if len(t.Call.Name) == 1 {
			f = b.env.Functions.Table(name)
		}
		if f == nil {
			f = b.env.Functions.Table(b.registered(t.Call.Name))
		}
	}
	if f == nil {
		hint := ""
		if b.env.Functions != nil {
			hint = nearest(name, b.env.Functions.Names())
		}
		failHint(t.Call.Name.Extent(), hint, "there is no table function %s", strings.Join(t.Call.Name.Strings(), "."))
	}
	c := *b
	c.scope = &Scope{outer: b.scope.outer}
	if left != nil {
		c.scope = left.scope
	}
	args, result, err := f.Infer(c.exprs(t.Call.Args))
	if err != nil {
		fail(t.Call.Span, "%s", err)
	}
	return b.applied(left, f, args, result, t.Alias, t.Span)
}

// unnest binds UNNEST, which gives a row for each element of an array, a map or a multiset.
func (b *binder) unnest(t *ast.Unnest, left *relation) (logical.Node, *Scope) {
	c := *b
	c.scope = &Scope{outer: b.scope.outer}
	if left != nil {
		c.scope = left.scope
	}
	if len(t.Exprs) != 1 {
		fail(t.Span, "UNNEST takes one array, map or multiset")
	}
	x := c.expr(t.Exprs[0])
	f := logical.Unnest(t.Ordinality)
	args, result, err := f.Infer([]expr.Expr{x})
	if err != nil {
		fail(t.Span, "%s", err)
	}
	return b.applied(left, f, args, result, t.Alias, t.Span)
}

// lateralQuery binds a query that refers to the columns before it.
func (b *binder) lateralQuery(j *ast.Join, d *ast.Derived, l *relation) (logical.Node, *Scope, bool) {
	kind := logical.Inner
	switch j.Kind {
	case "LEFT":
		kind = logical.Left
	case "RIGHT", "FULL":
		fail(j.Span, "a %s JOIN with LATERAL is not supported", j.Kind)
	}
	outer := *b
	outer.scope = l.scope
	plan, params := outer.inner(d.Query)
	n := logical.NewJoin(l.node, &logical.Lateral{Plan: plan, Params: params}, kind, nil)
	rs := b.alias(plan, d.Alias, d.Span)
	s := &Scope{outer: b.scope.outer}
	width := len(l.node.Columns())
	s.Columns = append(s.Columns, l.scope.Columns[:width]...)
	for i, c := range rs.Columns {
		c.Type = n.Columns()[width+i].Type
		s.Columns = append(s.Columns, c)
	}
	s.Columns = append(s.Columns, l.scope.Columns[width:]...)
	if j.On != nil {
		c := *b
		c.scope = s
		n = n.WithCond(c.expr(j.On))
	}
	return n, s, true
}
