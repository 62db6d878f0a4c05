package bind

import (
	"maps"
	"slices"

	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/catalog"
)

// Alter binds what ALTER TABLE or VIEW does, and returns the table as it is then. text is the whole statement's.
func Alter(env *Env, t *catalog.Table, at ast.Span, action ast.Action, text string) (changed *catalog.Table, err error) {
	defer catch(&err)
	b := &binder{env: env, scope: &Scope{}}
	c := *t
	c.Columns, c.Options = slices.Clone(t.Columns), maps.Clone(t.Options)
	switch a := action.(type) {
	case *ast.SetOptions:
		for _, o := range a.With {
			c.Options[o.Key] = o.Value
		}
	case *ast.ResetOptions:
		for _, k := range a.Keys {
			delete(c.Options, k)
		}
	case *ast.SetComment:
		c.Comment = a.Comment
	case *ast.RenameColumn:
		b.renameColumn(&c, a)
	case *ast.Modify:
		b.modify(&c, a)
	case *ast.DropParts:
		b.dropParts(&c, a)
	case *ast.Partitions:
		b.partitions(&c, a)
	case *ast.SetQuery:
		in := *env
		in.views = []string{t.Path.String()}
		q := a.Query.Extent()
		n, err := viewQuery(&in, &c, a.Query, text[q.From:q.To])
		if err != nil {
			return nil, err
		}
		c.Columns = nil
		for _, f := range n.Columns() {
			c.Columns = append(c.Columns, catalog.Column{Name: f.Name, Type: f.Type})
		}
		return &c, nil
	default:
		fail(at, "this ALTER TABLE is not supported")
	}
	b.complete(&c, at)
	return &c, nil
}

// columnAt is the place of a column that a statement names.
func columnAt(t *catalog.Table, n ast.Name) int {
	name := n.Last()
	i := t.Column(name.Name)
	if i < 0 {
		failHint(name.Span, nearest(name.Name, t.Schema().Names()), "there is no column %s", name.Name)
	}
	return i
}

// uses refuses to change a column that others are made of.
func uses(t *catalog.Table, name ast.Ident) {
	for _, c := range t.Columns {
		if c.Kind == catalog.Computed && reads(c.Expr, name.Name) {
			fail(name.Span, "the column %s is computed from %s", c.Name, name.Name)
		}
	}
	if w := t.Watermark; w != nil && (w.Column == name.Name || reads(w.Expr, name.Name)) {
		fail(name.Span, "the watermark is made of %s", name.Name)
	}
	if slices.Contains(t.PrimaryKey, name.Name) {
		fail(name.Span, "the column %s is in the primary key", name.Name)
	}
	if slices.Contains(t.Partitioned, name.Name) {
		fail(name.Span, "the table is partitioned by %s", name.Name)
	}
}

func reads(x ast.Expr, name string) bool {
	found := false
	ast.Walk(x, func(x ast.Expr) bool {
		c, ok := x.(*ast.Column)
		found = found || ok && c.Name[0].Name == name
		return !found
	})
	return found
}

func (b *binder) renameColumn(t *catalog.Table, a *ast.RenameColumn) {
	i := columnAt(t, a.From)
	to := a.To.Last()
	if t.Column(to.Name) >= 0 {
		fail(to.Span, "there is a column %s already", to.Name)
	}
	was := t.Columns[i].Name
	for _, c := range t.Columns {
		if c.Kind == catalog.Computed && reads(c.Expr, was) {
			fail(a.From.Extent(), "the column %s is computed from %s", c.Name, was)
		}
	}
	if w := t.Watermark; w != nil && (w.Column == was || reads(w.Expr, was)) {
		fail(a.From.Extent(), "the watermark is made of %s", was)
	}
	t.Columns[i].Name = to.Name
	rename := func(names []string) []string {
		out := slices.Clone(names)
		for k, n := range out {
			if n == was {
				out[k] = to.Name
			}
		}
		return out
	}
	t.PrimaryKey, t.Partitioned = rename(t.PrimaryKey), rename(t.Partitioned)
}

// modify adds columns, constraints and watermarks, or changes them.
func (b *binder) modify(t *catalog.Table, a *ast.Modify) {
	if a.Distribution != nil || a.Definition == nil {
		fail(a.Span, "the distribution of a table cannot be altered")
	}
	d := a.Definition
	for k := range d.Columns {
		c := &d.Columns[k]
		col := b.column(c)
		at := len(t.Columns)
		if i := t.Column(c.Name.Name); i >= 0 {
			if a.Add {
				failHint(c.Name.Span, "MODIFY changes one", "there is a column %s already", c.Name.Name)
			}
			at = i
			t.Columns = slices.Delete(t.Columns, i, i+1)
		} else if !a.Add {
			failHint(c.Name.Span, nearest(c.Name.Name, t.Schema().Names()), "there is no column %s", c.Name.Name)
		}
		switch {
		case c.First:
			at = 0
		case c.After != nil:
			at = columnAt(t, ast.Name{*c.After}) + 1
		}
		t.Columns = slices.Insert(t.Columns, at, col)
		if c.Primary {
			t.PrimaryKey = nil
			checkEnforced(c.Name.Span, c.Enforced)
			t.PrimaryKey, t.Constraint = []string{c.Name.Name}, "PK_"+c.Name.Name
		}
	}
	for _, c := range d.Constraints {
		if a.Add && t.PrimaryKey != nil {
			fail(c.Span, "there is a primary key already; MODIFY changes it")
		}
		if !a.Add && t.PrimaryKey == nil {
			fail(c.Span, "there is no primary key; ADD adds one")
		}
	}
	if d.Watermark != nil && a.Add == (t.Watermark != nil) {
		if a.Add {
			fail(d.Watermark.Span, "there is a watermark already; MODIFY changes it")
		}
		fail(d.Watermark.Span, "there is no watermark; ADD adds one")
	}
	t.PrimaryKey = slices.Clone(t.PrimaryKey)
	if len(d.Constraints) > 0 {
		t.PrimaryKey = nil
	}
	rest := ast.TableDefinition{Constraints: d.Constraints, Watermark: d.Watermark}
	if d.Watermark != nil {
		t.Watermark = nil
	}
	b.define(t, &rest, &likeness{})
}

// dropParts drops columns, the primary key or the watermark.
func (b *binder) dropParts(t *catalog.Table, a *ast.DropParts) {
	switch a.What {
	case "":
		for _, n := range a.Columns {
			i := columnAt(t, n)
			uses(t, n.Last())
			t.Columns = slices.Delete(t.Columns, i, i+1)
		}
	case "PRIMARY KEY", "CONSTRAINT":
		if t.PrimaryKey == nil || a.Constraint != nil && a.Constraint.Name != t.Constraint {
			fail(a.Span, "there is no such constraint")
		}
		t.PrimaryKey, t.Constraint = nil, ""
	case "WATERMARK":
		if t.Watermark == nil {
			fail(a.Span, "there is no watermark")
		}
		i := t.Column(t.Watermark.Column)
		t.Columns[i].Type = t.Columns[i].Type.Plain()
		t.Watermark = nil
	default:
		fail(a.Span, "DROP %s is not supported", a.What)
	}
}

// TableAs binds CREATE TABLE … AS: the table, whose columns are those of the query and others that are defined.
func TableAs(env *Env, x *ast.CreateTable) (t *catalog.Table, insert *ast.Insert, err error) {
	defer catch(&err)
	if t, err = Table(env, x); err != nil {
		return nil, nil, err
	}
	n, err := Query(env, x.As)
	if err != nil {
		return nil, nil, err
	}
	insert = &ast.Insert{Span: x.Span, Into: x.Name, Query: x.As}
	defined := t.Columns
	t.Columns = nil
	for _, f := range n.Columns() {
		i := slices.IndexFunc(defined, func(c catalog.Column) bool { return c.Name == f.Name })
		if i >= 0 { // another type or a constraint for a column of the query
			t.Columns = append(t.Columns, defined[i])
			defined = slices.Delete(defined, i, i+1)
		} else {
			t.Columns = append(t.Columns, catalog.Column{Name: f.Name, Type: f.Type.Plain()})
		}
		insert.Columns = append(insert.Columns, ast.Ident{Span: x.Name.Extent(), Name: f.Name})
	}
	t.Columns = append(slices.Clone(defined), t.Columns...)
	(&binder{env: env, scope: &Scope{}}).complete(t, x.Name.Extent())
	return t, insert, nil
}
