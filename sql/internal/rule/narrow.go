package rule

import (
	"slices"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Narrow leaves out fields of ROWs that nobody reads, of the columns of tables for which nested says that this can be.
// The columns stay, as ROWs of fewer fields:
//
//	Project(bid.price)              Project(bid.price)
//	Filter(bid.auction = 1)   ──▶   Filter(bid.auction = 1)
//	Scan(bid ROW<auction,           Scan(bid ROW<auction, price>)
//	     bidder, price, extra>)
//
// Operators that keep rows keep whole ROWs: their names do not tell of which fields a smaller one would be, and Fields has made
// columns of what is read of them. As with Prune, a table that is read several times is read with the fields that any of its readers needs.
func Narrow(plans []logical.Node, nested func(t *catalog.Table, options map[string]string) bool) []logical.Node {
	w := &narrower{nested: nested, read: map[string]uses{}}
	for _, n := range plans {
		w.collect(n, all(n))
	}
	out := make([]logical.Node, len(plans))
	for i, n := range plans {
		out[i], _ = w.narrow(n)
	}
	return out
}

type narrower struct {
	nested func(t *catalog.Table, options map[string]string) bool
	read   map[string]uses // of the columns of each table that is read
}

// use is what is read of a value: all of it, or fields of a ROW, or without these only whether it is NULL.
type use struct {
	whole  bool
	fields map[int]*use
}

func (u *use) add(v *use) {
	u.whole = u.whole || v.whole
	for i, f := range v.fields {
		u.field(i).add(f)
	}
}

func (u *use) field(i int) *use {
	if u.fields == nil {
		u.fields = map[int]*use{}
	}
	if u.fields[i] == nil {
		u.fields[i] = &use{}
	}
	return u.fields[i]
}

// settle makes whole what cannot be narrowed. A ROW keeps one field at least.
func (u *use) settle(t *row.Type) {
	u.whole = u.whole || t.Kind != row.Row || hasTwins(t.Fields)
	if u.whole {
		return
	}
	if len(u.fields) == 0 {
		u.field(0)
	}
	for i, f := range u.fields {
		f.settle(t.Fields[i].Type)
	}
}

// hasTwins reports whether fields have the same name, by which sources know them.
func hasTwins(fields []row.Field) bool {
	for i, f := range fields {
		if slices.ContainsFunc(fields[:i], func(g row.Field) bool { return g.Name == f.Name }) {
			return true
		}
	}
	return false
}

// narrowed is a type with the fields that are read.
func (u *use) narrowed(t *row.Type) *row.Type {
	if u.whole {
		return t
	}
	n := *t
	n.Fields = nil
	for i, f := range t.Fields {
		if part := u.fields[i]; part != nil {
			f.Type = part.narrowed(f.Type)
			n.Fields = append(n.Fields, f)
		}
	}
	return &n
}

// place is where field i is among those that are read.
func (u *use) place(i int) int {
	place := 0
	for f := range u.fields {
		if f < i {
			place++
		}
	}
	return place
}

// uses are those of columns.
type uses []*use

func none(n int) uses {
	u := make(uses, n)
	for i := range u {
		u[i] = &use{}
	}
	return u
}

// all reads all columns of a relation.
func all(n logical.Node) uses {
	u := none(len(n.Columns()))
	for i := range u {
		u[i].whole = true
	}
	return u
}

func (u uses) add(v uses) uses {
	for i := range v {
		u[i].add(v[i])
	}
	return u
}

// expr adds what an expression reads of which some is used.
func (u uses) expr(x expr.Expr, as *use) {
	switch x := x.(type) {
	case nil:
		return
	case *expr.Input:
		u[x.Index].add(as)
		return
	case *expr.Call:
		if i, ok := expr.Field(x); ok {
			u.expr(x.Args[0], &use{fields: map[int]*use{i: as}})
			return
		}
		if x.Func.Name == "IS NULL" || x.Func.Name == "IS NOT NULL" {
			u.expr(x.Args[0], &use{})
			return
		}
	}
	expr.Walk(x, func(y expr.Expr) bool {
		if y != x {
			u.expr(y, &use{whole: true})
		}
		return y == x
	})
}

// collect finds what is read of tables, where u is what is read of n.
func (w *narrower) collect(n logical.Node, u uses) {
	switch n := n.(type) {
	case *logical.Scan:
		read := w.read[tableOf(n)]
		if read == nil {
			read = none(len(n.Table.Columns))
			w.read[tableOf(n)] = read
		}
		for i, c := range n.Reads {
			read[c].add(u[i])
		}
	case *logical.Project:
		need := none(len(n.Input.Columns()))
		for i, x := range n.Exprs {
			need.expr(x, u[i])
		}
		w.collect(n.Input, need)
	case *logical.Filter:
		need := none(len(u)).add(u)
		need.expr(n.Cond, &use{whole: true})
		w.collect(n.Input, need)
	case *logical.Watermark:
		need := none(len(u)).add(u)
		need[n.Column].whole = true
		need.expr(n.Expr, &use{whole: true})
		w.collect(n.Input, need)
	default:
		for _, in := range n.Inputs() {
			w.collect(in, all(in))
		}
		if j, ok := n.(*logical.Join); ok && j.AsOf != nil {
			w.collectWhole(j.Right)
		}
	}
}

// collectWhole reads all fields of the columns of tables: lookups cannot leave any out.
func (w *narrower) collectWhole(n logical.Node) {
	if scan, ok := n.(*logical.Scan); ok {
		w.collect(scan, all(scan))
	}
	for _, in := range n.Inputs() {
		w.collectWhole(in)
	}
}

// narrow makes n of narrowed tables, and tells what its columns have.
func (w *narrower) narrow(n logical.Node) (logical.Node, uses) {
	switch n := n.(type) {
	case *logical.Scan:
		return w.narrowScan(n)
	case *logical.Project:
		in, has := w.narrow(n.Input)
		exprs, out := make([]expr.Expr, len(n.Exprs)), make(uses, len(n.Exprs))
		for i, x := range n.Exprs {
			exprs[i], out[i] = has.narrow(x)
		}
		return logical.NewProject(in, exprs, logical.Names(n.Columns())), out
	case *logical.Filter:
		in, has := w.narrow(n.Input)
		cond, _ := has.narrow(n.Cond)
		return &logical.Filter{Input: in, Cond: cond}, has
	case *logical.Watermark:
		in, has := w.narrow(n.Input)
		x, _ := has.narrow(n.Expr)
		return logical.NewWatermark(in, n.Column, x), has
	}
	return mapInputs(n, func(in logical.Node) logical.Node {
		in, _ = w.narrow(in) // which has all fields: they are read
		return in
	}), all(n)
}

func (w *narrower) narrowScan(n *logical.Scan) (logical.Node, uses) {
	if w.nested == nil || !w.nested(n.Table, n.Options) {
		return n, all(n)
	}
	has, types := make(uses, len(n.Reads)), make([]*row.Type, len(n.Reads))
	for i, c := range n.Reads {
		t := n.Columns()[i].Type
		has[i] = w.read[tableOf(n)][c]
		has[i].settle(t)
		types[i] = has[i].narrowed(t)
	}
	return n.Narrowed(types), has
}

// narrow makes an expression read columns that have what u says, and tells what its value has.
func (u uses) narrow(x expr.Expr) (expr.Expr, *use) {
	switch x := x.(type) {
	case *expr.Input:
		has := u[x.Index]
		if has.whole {
			return x, has
		}
		in := *x
		in.T = has.narrowed(x.T)
		return &in, has
	case *expr.Call:
		i, ok := expr.Field(x)
		if !ok {
			break
		}
		of, has := u.narrow(x.Args[0])
		if has.whole {
			break
		}
		c := *x
		c.Func, c.Args, c.T = expr.FieldOf(has.place(i)), []expr.Expr{of}, has.fields[i].narrowed(x.T)
		return &c, has.fields[i]
	}
	return expr.Rewrite(x, func(y expr.Expr) expr.Expr {
		if y == x {
			return nil
		}
		y, _ = u.narrow(y)
		return y
	}), &use{whole: true}
}
