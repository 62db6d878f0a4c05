package bind

import (
	"maps"
	"slices"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Table binds CREATE TABLE, but for its AS query.
func Table(env *Env, x *ast.CreateTable) (t *catalog.Table, err error) {
	defer catch(&err)
	b := &binder{env: env, scope: &Scope{}}
	p, err := env.Catalog.Resolve(x.Name.Strings())
	if err != nil {
		fail(x.Name.Extent(), "%s", err)
	}
	t = &catalog.Table{Path: p, Temporary: x.Temporary, Options: map[string]string{}}
	if x.Comment != nil {
		t.Comment = *x.Comment
	}
	like := b.likeTable(t, x)
	for _, id := range x.Partitioned {
		t.Partitioned = append(t.Partitioned, id.Name)
	}
	if d := x.Distribution; d != nil {
		t.Buckets, t.BucketKind, t.BucketKey = d.Buckets, d.Kind, nil
		for _, c := range d.Columns {
			t.BucketKey = append(t.BucketKey, c.Name)
		}
	}
	for _, o := range x.With {
		if _, ok := t.Options[o.Key]; ok && like.including["OPTIONS"] {
			fail(o.Span, "the option %s is that of %s already; write LIKE … (OVERWRITING OPTIONS)", o.Key, like.table.Path.Object)
		}
		t.Options[o.Key] = o.Value
	}
	if x.Definition != nil {
		b.define(t, x.Definition, like)
	}
	if x.As == nil {
		b.complete(t, x.Name.Extent())
	}
	return t, nil
}

// likeness is what LIKE takes over.
type likeness struct {
	table      *catalog.Table
	has        map[string]bool
	including  map[string]bool // said in so many words
	overwrites map[string]bool
}

// likeTable begins a table with what LIKE takes over of another one.
func (b *binder) likeTable(t *catalog.Table, x *ast.CreateTable) *likeness {
	l := &likeness{has: map[string]bool{}, including: map[string]bool{}, overwrites: map[string]bool{}}
	if x.Like == nil {
		return l
	}
	parts := []string{"CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS"}
	for _, p := range parts {
		l.has[p] = true
	}
	l.overwrites["OPTIONS"] = true // by default the table's own options win
	for _, o := range x.Like.Options {
		what := []string{o.What}
		if o.What == "ALL" {
			what = parts
		}
		for _, w := range what {
			l.has[w] = o.How != "EXCLUDING"
			l.including[w] = o.How == "INCLUDING"
			l.overwrites[w] = o.How == "OVERWRITING"
		}
	}
	source, err := b.env.Catalog.Table(x.Like.Table.Strings())
	if err != nil {
		fail(x.Like.Table.Extent(), "%s", err)
	}
	l.table = source
	for _, c := range source.Columns {
		if c.Kind == catalog.Computed && !l.has["GENERATED"] || c.Kind == catalog.Metadata && !l.has["METADATA"] {
			continue
		}
		t.Columns = append(t.Columns, c)
	}
	if l.has["CONSTRAINTS"] {
		t.PrimaryKey, t.Constraint = source.PrimaryKey, source.Constraint
	}
	if l.has["OPTIONS"] {
		t.Options = maps.Clone(source.Options)
	}
	if l.has["PARTITIONS"] {
		t.Partitioned = source.Partitioned
	}
	if l.has["WATERMARKS"] {
		t.Watermark = source.Watermark
	}
	if l.has["DISTRIBUTION"] {
		t.Buckets, t.BucketKind, t.BucketKey = source.Buckets, source.BucketKind, source.BucketKey
	}
	return l
}

// define adds columns, constraints and the watermark of a definition.
func (b *binder) define(t *catalog.Table, d *ast.TableDefinition, l *likeness) {
	isPrimary := false
	for _, c := range d.Columns {
		col := b.column(&c)
		if i := t.Column(c.Name.Name); i >= 0 {
			if l.table == nil || l.table.Column(c.Name.Name) < 0 || col.Kind == catalog.Physical {
				fail(c.Name.Span, "there are two columns %s", c.Name.Name)
			}
			t.Columns[i] = col
			continue
		}
		t.Columns = append(t.Columns, col)
		if c.Primary {
			if isPrimary {
				fail(c.Name.Span, "there are two primary keys")
			}
			checkEnforced(c.Name.Span, c.Enforced)
			isPrimary = true
			t.PrimaryKey = []string{c.Name.Name}
			t.Constraint = "PK_" + c.Name.Name
		}
	}
	for _, c := range d.Constraints {
		if c.Unique {
			fail(c.Span, "UNIQUE is not supported; PRIMARY KEY … NOT ENFORCED is")
		}
		if isPrimary || l.has["CONSTRAINTS"] && t.PrimaryKey != nil {
			fail(c.Span, "there are two primary keys")
		}
		checkEnforced(c.Span, c.Enforced)
		isPrimary = true
		t.PrimaryKey = nil
		for _, id := range c.Columns {
			i := t.Column(id.Name)
			if i < 0 {
				failHint(id.Span, nearest(id.Name, t.Schema().Names()), "there is no column %s", id.Name)
			}
			if t.Columns[i].Kind != catalog.Physical {
				fail(id.Span, "%s is computed: a primary key has physical columns", id.Name)
			}
			if slices.Contains(t.PrimaryKey, id.Name) {
				fail(id.Span, "the primary key has %s twice", id.Name)
			}
			t.PrimaryKey = append(t.PrimaryKey, id.Name)
		}
		t.Constraint = "PK_" + joined(t.PrimaryKey)
		if c.Name != nil {
			t.Constraint = c.Name.Name
		}
	}
	if w := d.Watermark; w != nil {
		if t.Watermark != nil && l.table != nil && !l.overwrites["WATERMARKS"] {
			fail(w.Span, "the watermark is that of %s already; write LIKE … (OVERWRITING WATERMARKS)", l.table.Path.Object)
		}
		if len(w.Column) > 1 {
			fail(w.Column.Extent(), "a watermark is about a column, not a field of one; make it a computed column")
		}
		t.Watermark = &catalog.Watermark{Column: w.Column.Last().Name, Expr: w.As}
	}
}

func joined(names []string) string {
	s := ""
	for i, n := range names {
		if i > 0 {
			s += "_"
		}
		s += n
	}
	return s
}

func checkEnforced(at ast.Span, enforced *bool) {
	if enforced == nil || *enforced {
		failHint(at, "write PRIMARY KEY … NOT ENFORCED", "a primary key is not checked, and has to say so")
	}
}

// column is a column, whose computed type is found by complete.
func (b *binder) column(c *ast.ColumnDefinition) catalog.Column {
	col := catalog.Column{Name: c.Name.Name}
	if c.Comment != nil {
		col.Comment = *c.Comment
	}
	switch {
	case c.Computed != nil:
		col.Kind, col.Expr = catalog.Computed, c.Computed
	case c.Metadata:
		col.Kind, col.Key, col.Virtual = catalog.Metadata, c.Name.Name, c.Virtual
		if c.From != nil {
			col.Key = *c.From
		}
		col.Type = Type(c.Type)
	case c.Type == nil:
		fail(c.Name.Span, "the column %s has no type", c.Name.Name)
	default:
		col.Type = Type(c.Type)
	}
	return col
}

// complete finds the types of computed columns, and checks keys, partitions and the watermark.
func (b *binder) complete(t *catalog.Table, at ast.Span) {
	scope := &Scope{}
	for i, c := range t.Columns {
		if slices.Contains(t.PrimaryKey, c.Name) {
			t.Columns[i].Type = c.Type.Nullable(false)
		}
		if c.Kind != catalog.Computed {
			scope.Columns = append(scope.Columns, Column{Name: c.Name, Type: t.Columns[i].Type})
		}
	}
	in := *b
	in.scope = scope
	for i, c := range t.Columns {
		if c.Kind == catalog.Computed {
			t.Columns[i].Type = in.expr(c.Expr).Type()
		}
	}
	for _, p := range slices.Concat(t.Partitioned, t.BucketKey) {
		if t.Column(p) < 0 {
			failHint(at, nearest(p, t.Schema().Names()), "there is no column %s", p)
		}
	}
	if t.Watermark != nil {
		b.checkWatermark(t, at)
	}
}

func (b *binder) checkWatermark(t *catalog.Table, at ast.Span) {
	w := t.Watermark
	i := t.Column(w.Column)
	if i < 0 {
		failHint(at, nearest(w.Column, t.Schema().Names()), "the watermark is for the column %s, which is not there", w.Column)
	}
	switch c := t.Columns[i]; {
	case !c.Type.IsTimestamp() || c.Type.Precision > 3:
		fail(at, "the watermark is for the column %s of type %s: it has to be TIMESTAMP(p) or TIMESTAMP_LTZ(p) with p from 0 to 3", w.Column, c.Type.Nullable(true))
	case c.Type.Attribute == row.Proctime:
		fail(at, "the column %s is processing time, which has no watermark", w.Column)
	}
	in := *b
	in.scope = tableScope(t.Schema().Fields)
	x := in.expr(w.Expr)
	call, isCall := x.(*expr.Call)
	switch kind := x.Type().Kind; {
	case isCall && call.Func.Name == "SOURCE_WATERMARK":
	case !x.Type().IsTimestamp():
		fail(w.Expr.Extent(), "a watermark is a TIMESTAMP or TIMESTAMP_LTZ, not %s", x.Type().Nullable(true))
	case kind != t.Columns[i].Type.Kind:
		fail(w.Expr.Extent(), "the watermark is %s, and its column %s", x.Type().Nullable(true).SQL(), t.Columns[i].Type.Nullable(true).SQL())
	}
	if u := *t.Columns[i].Type; u.Attribute == row.NoAttribute {
		u.Attribute, u.Origin = row.Rowtime, row.NoAttribute
		t.Columns[i].Type = &u
	}
}

// View binds CREATE VIEW; text is how the query was written. The view keeps it with full names.
func View(env *Env, x *ast.CreateView, text string) (t *catalog.Table, err error) {
	defer catch(&err)
	p, err := env.Catalog.Resolve(x.Name.Strings())
	if err != nil {
		fail(x.Name.Extent(), "%s", err)
	}
	t = &catalog.Table{Path: p, Temporary: x.Temporary, Options: map[string]string{}}
	n, err := viewQuery(env, t, x.Query, text)
	if err != nil {
		return nil, err
	}
	if x.Comment != nil {
		t.Comment = *x.Comment
	}
	cols := n.Columns()
	if len(x.Columns) > 0 && len(x.Columns) != len(cols) {
		fail(x.Name.Extent(), "the view has names for %d columns, and its query gives %d", len(x.Columns), len(cols))
	}
	for i, c := range cols {
		if len(x.Columns) > 0 {
			c.Name = x.Columns[i].Name
		}
		t.Columns = append(t.Columns, catalog.Column{Name: c.Name, Type: c.Type})
	}
	return t, nil
}

// viewQuery binds the query of a view and gives it to the view.
func viewQuery(env *Env, t *catalog.Table, q *ast.Query, text string) (n logical.Node, err error) {
	in := *env
	in.named = named{}
	if n, err = Query(&in, q); err == nil {
		t.Text, t.Query, err = in.named.complete(q, text)
	}
	return n, err
}

// Insert binds INSERT INTO: a query that gives the columns of a table that are written, in their order.
func Insert(env *Env, x *ast.Insert) (t *catalog.Table, n logical.Node, err error) {
	defer catch(&err)
	b := &binder{env: env, scope: &Scope{}}
	t, err = env.Catalog.Table(x.Into.Strings())
	if err != nil {
		e := &Error{Span: x.Into.Extent(), Msg: err.Error()}
		panic(e)
	}
	if t.IsView() {
		fail(x.Into.Extent(), "%s is a view, which cannot be written to", t.Path.Object)
	}
	if t.Fixed != nil {
		fail(x.Into.Extent(), "%s says what there is, and cannot be written to", t.Path.Object)
	}
	n, _ = b.query(x.Query)
	return t, b.sink(t, n, x), nil
}

// sink puts the columns of a query in the order of a table, with the table's types.
func (b *binder) sink(t *catalog.Table, n logical.Node, x *ast.Insert) logical.Node {
	fixed := map[int]expr.Expr{} // columns of PARTITION (c = value)
	for _, p := range x.Partition {
		i := t.Column(p.Name.Last().Name)
		if i < 0 || !slices.Contains(t.Partitioned, p.Name.Last().Name) {
			failHint(p.Name.Extent(), nearest(p.Name.Last().Name, t.Partitioned), "the table is not partitioned by %s", p.Name.Last().Name)
		}
		if p.Value != nil {
			fixed[i] = b.expr(p.Value)
		}
	}
	targets := insertTargets(t, x, fixed)
	cols := n.Columns()
	if len(cols) != len(targets) {
		fail(x.Into.Extent(), "%s takes %d columns, and the query gives %d: %s", t.Path.Object, len(targets), len(cols), typesOf(cols))
	}
	var exprs []expr.Expr
	var names []string
	for _, i := range t.Sink() {
		c := t.Columns[i]
		y := fixed[i]
		if from := slices.Index(targets, i); from >= 0 {
			y = logical.Input(n, from)
		}
		if y == nil {
			if c.Type.NotNull {
				fail(x.Into.Extent(), "the column %s is NOT NULL, and no value is given for it", c.Name)
			}
			y = null(x.Into.Extent(), c.Type.Plain())
		}
		exprs, names = append(exprs, b.store(y, c.Type.Plain(), c.Name, x.Into.Extent())), append(names, c.Name)
	}
	return logical.NewProject(n, exprs, names)
}

func typesOf(cols []row.Field) string {
	s := ""
	for i, c := range cols {
		if i > 0 {
			s += ", "
		}
		s += c.Name + " " + c.Type.SQL()
	}
	return s
}

// insertTargets are the columns of the table that those of the query are for.
func insertTargets(t *catalog.Table, x *ast.Insert, fixed map[int]expr.Expr) []int {
	var targets []int
	writes := t.Sink()
	if len(x.Columns) == 0 {
		for _, i := range writes {
			if fixed[i] == nil {
				targets = append(targets, i)
			}
		}
		return targets
	}
	for _, id := range x.Columns {
		i := t.Column(id.Name)
		if i < 0 || !slices.Contains(writes, i) {
			failHint(id.Span, nearest(id.Name, t.Schema().Names()), "there is no column %s to write to", id.Name)
		}
		if slices.Contains(targets, i) {
			fail(id.Span, "the column %s is given twice", id.Name)
		}
		targets = append(targets, i)
	}
	return targets
}

// store casts a value to the type of a column that it is written to, where that loses nothing.
func (b *binder) store(x expr.Expr, t *row.Type, name string, at ast.Span) expr.Expr {
	from := x.Type()
	if from.Plain().Same(t) {
		return x
	}
	if !builtin.Stores(from, t) {
		failHint(at, "CAST it", "the column %s is %s, which does not take %s as it is", name, t.Nullable(true), from.Nullable(true))
	}
	return b.coerce(x, t)
}
