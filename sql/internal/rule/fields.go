package rule

import (
	"slices"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Fields takes fields out of ROWs before windows, joins, OVER, UNION ALL and what else passes rows on, where all that is
// read of a ROW above is some of its fields, or whether it is NULL:
//
//	Project(bid.price, window_end)          Project(bid_price, window_end)
//	Window(time)                      ──▶   Window(time)
//	Scan(bid ROW<…>, time)                  Project(bid.price AS bid_price, time)
//	                                        Scan(bid ROW<…>, time)
//
// What these operators keep are then columns, known by the names of the fields: a ROW of the fields that are read would have
// others in it as soon as another query reads more of the table, and two of the same types could not be told apart. Fields that
// are taken right above a table stay where they are; of both the table learns from Narrow.
func Fields(n logical.Node) logical.Node {
	r := make(readings, len(n.Columns()))
	for i := range r {
		r[i].whole = true
	}
	out, _ := early(n, r)
	return out
}

// readings are what is read of columns.
type readings []reading

// reading is what is read of a column: all of it, or parts, or nothing.
type reading struct {
	whole bool
	parts []*expr.Call
}

// places are where columns are after the rule.
type places []place

// place is where a column is, or the parts that are there in its place: whole is -1 then. Of one that is not read there may be
// nothing.
type place struct {
	whole int
	parts []partPlace
}

type partPlace struct {
	x  *expr.Call
	at int
}

// isPath reports whether an expression is a column or a field of one.
func isPath(x expr.Expr) bool {
	switch x := x.(type) {
	case *expr.Input:
		return true
	case *expr.Call:
		_, ok := expr.Field(x)
		return ok && isPath(x.Args[0])
	}
	return false
}

// isPart reports whether a call is a part of a ROW: a field, or whether it is NULL.
func isPart(x *expr.Call) bool {
	if isPath(x) {
		return true
	}
	return isNullTest(x) && x.Args[0].Type().Kind == row.Row && isPath(x.Args[0])
}

func isNullTest(x *expr.Call) bool { return x.Func.Name == "IS NULL" || x.Func.Name == "IS NOT NULL" }

// columnOf is the column of a part, and the part's name.
func columnOf(x expr.Expr) (column int, name string) {
	switch x := x.(type) {
	case *expr.Input:
		return x.Index, x.Name
	case *expr.Call:
		column, name = columnOf(x.Args[0])
		if i, ok := expr.Field(x); ok {
			return column, name + "_" + x.Args[0].Type().Fields[i].Name
		}
		return column, name + "_" + map[string]string{"IS NULL": "is_null", "IS NOT NULL": "is_not_null"}[x.Func.Name]
	}
	panic("rule: a part of no column")
}

// expr adds what an expression reads.
func (r readings) expr(x expr.Expr) {
	if x == nil {
		return
	}
	expr.Walk(x, func(x expr.Expr) bool {
		switch x := x.(type) {
		case *expr.Input:
			r[x.Index].whole = true
		case *expr.Call:
			if isPart(x) {
				r.part(x)
				return false
			}
		}
		return true
	})
}

func (r readings) part(x *expr.Call) {
	c, _ := columnOf(x)
	if !slices.ContainsFunc(r[c].parts, func(y *expr.Call) bool { return expr.Equal(x, y) }) {
		r[c].parts = append(slices.Clip(r[c].parts), x)
	}
}

// columns reads columns as they are; places that are none are left out.
func (r readings) columns(at ...int) {
	for _, i := range at {
		if i >= 0 {
			r[i].whole = true
		}
	}
}

// from adds what is read of columns, of which the first is column at of others.
func (r readings) from(others readings, at int) {
	for i := range r {
		o := &others[at+i]
		r[i].whole = r[i].whole || o.whole
		for _, x := range o.parts {
			r.part(expr.Shift(x, func(c int) int { return c - at }).(*expr.Call))
		}
	}
}

// settle leaves out parts of what is read itself.
func (r readings) settle() {
	for i := range r {
		c := &r[i]
		if c.whole {
			c.parts = nil
			continue
		}
		c.parts = slices.DeleteFunc(slices.Clone(c.parts), func(x *expr.Call) bool {
			return slices.ContainsFunc(c.parts, func(y *expr.Call) bool { return isInside(y, x.Args[0]) })
		})
	}
}

func isInside(part *expr.Call, x expr.Expr) bool {
	inside := false
	expr.Walk(x, func(x expr.Expr) bool {
		inside = inside || expr.Equal(part, x)
		return !inside
	})
	return inside
}

func (r readings) anyParts() bool {
	return slices.ContainsFunc(r, func(c reading) bool { return len(c.parts) > 0 })
}

// same is where n columns are that have not changed.
func same(n int) places {
	p := make(places, n)
	for i := range p {
		p[i].whole = i
	}
	return p
}

// behind are the places of columns that come after n others.
func (p places) behind(n, columns int) places {
	out := slices.Clone(p)
	for i := range out {
		if out[i].whole >= 0 {
			out[i].whole += n
		}
		out[i].parts = slices.Clone(out[i].parts)
		for k := range out[i].parts {
			part := &out[i].parts[k]
			part.at += n
			part.x = expr.Shift(part.x, func(c int) int { return c + columns }).(*expr.Call)
		}
	}
	return out
}

// with has n more columns behind width others, which have not changed.
func (p places) with(n, width int) places {
	for i := range n {
		p = append(p, place{whole: width + i})
	}
	return p
}

// expr makes an expression read columns where they are.
func (p places) expr(x expr.Expr) expr.Expr {
	if x == nil {
		return nil
	}
	return expr.Rewrite(x, func(x expr.Expr) expr.Expr {
		switch x := x.(type) {
		case *expr.Input:
			return x.At(p[x.Index].whole)
		case *expr.Call:
			if !isPart(x) {
				return nil
			}
			c, name := columnOf(x)
			for _, part := range p[c].parts {
				if expr.Equal(part.x, x) {
					return &expr.Input{Span: x.Span, Index: part.at, Name: name, T: x.T}
				}
			}
		}
		return nil
	})
}

func (p places) exprs(xs []expr.Expr) []expr.Expr {
	out := make([]expr.Expr, len(xs))
	for i, x := range xs {
		out[i] = p.expr(x)
	}
	return out
}

// at is where columns are.
func (p places) at(columns []int) []int {
	out := slices.Clone(columns)
	for i, c := range columns {
		if c >= 0 {
			out[i] = p[c].whole
		}
	}
	return out
}

func (p places) keys(keys []logical.SortKey) []logical.SortKey {
	out := slices.Clone(keys)
	for i := range out {
		out[i].Column = p[out[i].Column].whole
	}
	return out
}

// isTable reports whether a relation is a table, filtered and computed: fields are there without being taken.
func isTable(n logical.Node) bool {
	switch n := n.(type) {
	case *logical.Scan, *logical.Watermark:
		return true
	case *logical.Filter:
		return isTable(n.Input)
	case *logical.Project:
		return isTable(n.Input)
	}
	return false
}

// early makes n with the parts of columns that are read, in place of the columns. Some columns may be there as they were
// although only parts were asked for, and there may be more parts.
func early(n logical.Node, r readings) (logical.Node, places) {
	r.settle()
	switch n := n.(type) {
	case *logical.Scan, *logical.Watermark:
		return apart(n, r, same(len(r)))
	case *logical.Project:
		return earlyProject(n, r)
	case *logical.Filter:
		if isTable(n) {
			return apart(n, r, same(len(r)))
		}
		need := slices.Clone(r)
		need.expr(n.Cond)
		in, at := early(n.Input, need)
		return apart(&logical.Filter{Input: in, Cond: at.expr(n.Cond)}, r, at)
	case *logical.Join:
		return earlyJoin(n, r)
	case *logical.Aggregate:
		return earlyAggregate(n), same(len(r))
	case *logical.Apply:
		return earlyApply(n, r)
	case *logical.Expand:
		width := len(n.Input.Columns())
		need := slices.Clone(r[:width])
		need.columns(n.Keys...)
		in, at := early(n.Input, need)
		return logical.NewExpand(in, at.at(n.Keys), n.Sets), at.with(1, len(in.Columns()))
	case *logical.Window:
		width := len(n.Input.Columns())
		need := slices.Clone(r[:width])
		need.columns(n.Time)
		need.columns(n.Partition...)
		in, at := early(n.Input, need)
		return logical.NewWindow(n.Span, in, n.Windowing, at[n.Time].whole, at.at(n.Partition)), at.with(3, len(in.Columns()))
	case *logical.Over:
		return earlyOver(n, r)
	case *logical.Sort:
		need := slices.Clone(r)
		for _, k := range n.Keys {
			need.columns(k.Column)
		}
		in, at := early(n.Input, need)
		return &logical.Sort{Input: in, Keys: at.keys(n.Keys), Offset: n.Offset, Limit: n.Limit}, at
	case *logical.SetOp:
		if n.Kind == logical.Union && r.anyParts() {
			return earlyUnion(n, r)
		}
	}
	return mapInputs(n, Fields), same(len(r))
}

// apart takes the parts of columns that are still there.
func apart(n logical.Node, r readings, at places) (logical.Node, places) {
	whole := false
	for i := range r {
		whole = whole || len(r[i].parts) > 0 && at[i].whole >= 0
	}
	if !whole {
		return n, at
	}
	var exprs []expr.Expr
	var names []string
	out := make(places, len(r))
	for i := range r {
		if r[i].whole {
			out[i].whole = len(exprs)
			in := logical.Input(n, at[i].whole)
			exprs, names = append(exprs, in), append(names, in.Name)
			continue
		}
		out[i].whole = -1
		for _, x := range r[i].parts {
			out[i].parts = append(out[i].parts, partPlace{x, len(exprs)})
			_, name := columnOf(x)
			exprs, names = append(exprs, at.expr(x)), append(names, name)
		}
	}
	return logical.NewProject(n, exprs, names), out
}

func earlyProject(n *logical.Project, r readings) (logical.Node, places) {
	var exprs []expr.Expr
	var names []string
	at := make(places, len(r))
	for i, x := range n.Exprs {
		if r[i].whole || len(r[i].parts) > 0 && !isPath(x) {
			at[i].whole = len(exprs)
			exprs, names = append(exprs, x), append(names, n.Columns()[i].Name)
			continue
		}
		at[i].whole = -1
		for _, part := range r[i].parts {
			at[i].parts = append(at[i].parts, partPlace{part, len(exprs)})
			_, name := columnOf(part)
			exprs, names = append(exprs, expr.Replace(part, n.Exprs)), append(names, name)
		}
	}
	in := n.Input
	if !isTable(in) {
		need := make(readings, len(in.Columns()))
		for _, x := range exprs {
			need.expr(x)
		}
		var from places
		in, from = early(in, need)
		exprs = from.exprs(exprs)
	}
	return apart(logical.NewProject(in, exprs, names), r, at)
}

func earlyJoin(n *logical.Join, r readings) (logical.Node, places) {
	width, all := len(n.Left.Columns()), len(n.Left.Columns())+len(n.Right.Columns())
	need := slices.Concat(r, make(readings, all-len(r)))
	if n.Kind == logical.Right || n.Kind == logical.Full {
		need[:width].untested()
	}
	if n.Kind == logical.Left || n.Kind == logical.Full {
		need[width:].untested()
	}
	need.expr(n.Cond)
	need.expr(n.AsOf)
	left, right := make(readings, width), make(readings, all-width)
	left.from(need, 0)
	right.from(need, width)
	if n.AsOf != nil { // the table's key and time are found by its columns
		for i := range right {
			right[i].whole = true
		}
	}
	l, at := early(n.Left, left)
	rt, rightAt := early(n.Right, right)
	at = append(slices.Clone(at), rightAt.behind(len(l.Columns()), width)...)
	joined := *n
	joined.Cond, joined.AsOf = at.expr(n.Cond), at.expr(n.AsOf)
	return joined.With(l, rt), at[:len(r)]
}

// untested reads what is tested for NULL: it is NULL too in rows that a join makes.
func (r readings) untested() {
	for i := range r {
		parts := r[i].parts
		r[i].parts = nil
		for _, x := range parts {
			switch y := x.Args[0].(type) {
			case *expr.Call:
				if isNullTest(x) {
					x = y
				}
				r[i].parts = append(r[i].parts, x)
			default:
				if isNullTest(x) {
					r[i].whole = true
				} else {
					r[i].parts = append(r[i].parts, x)
				}
			}
		}
	}
}

func earlyAggregate(n *logical.Aggregate) logical.Node {
	need := make(readings, len(n.Input.Columns()))
	need.columns(n.Keys...)
	for _, c := range n.Calls {
		need.columns(c.Args...)
		need.columns(c.Filter)
	}
	in, at := early(n.Input, need)
	calls := slices.Clone(n.Calls)
	for i, c := range calls {
		calls[i].Args = at.at(c.Args)
		calls[i].Filter = at.at([]int{c.Filter})[0]
	}
	out := logical.NewAggregate(in, at.at(n.Keys), calls)
	out.TTL = n.TTL
	return out
}

func earlyApply(n *logical.Apply, r readings) (logical.Node, places) {
	width := len(n.Input.Columns())
	need := slices.Clone(r[:width])
	for _, x := range n.Args {
		need.expr(x)
	}
	in, at := early(n.Input, need)
	out := logical.NewApply(in, n.Func, at.exprs(n.Args), n.Outer, n.Result)
	return out, at.with(len(n.Result), len(in.Columns()))
}

func earlyOver(n *logical.Over, r readings) (logical.Node, places) {
	width := len(n.Input.Columns())
	need := slices.Clone(r[:width])
	for _, c := range n.Calls {
		need.columns(slices.Concat(c.Args, c.Partition, []int{c.Filter})...)
		for _, k := range c.Order {
			need.columns(k.Column)
		}
	}
	in, at := early(n.Input, need)
	calls := slices.Clone(n.Calls)
	for i, c := range calls {
		calls[i].Args, calls[i].Partition, calls[i].Order = at.at(c.Args), at.at(c.Partition), at.keys(c.Order)
		calls[i].Filter = at.at([]int{c.Filter})[0]
	}
	return logical.NewOver(n.Span, in, calls), at.with(len(calls), len(in.Columns()))
}

// earlyUnion makes all inputs have the same parts.
func earlyUnion(n *logical.SetOp, r readings) (logical.Node, places) {
	var exprs []expr.Expr // of the columns of the union
	var cols []row.Field
	out := make(places, len(r))
	for i, c := range n.Columns() {
		if r[i].whole {
			out[i].whole = len(exprs)
			exprs, cols = append(exprs, logical.Input(n, i)), append(cols, c)
			continue
		}
		out[i].whole = -1
		for _, x := range r[i].parts {
			out[i].parts = append(out[i].parts, partPlace{x, len(exprs)})
			_, name := columnOf(x)
			exprs, cols = append(exprs, x), append(cols, row.Field{Name: name, Type: x.T})
		}
	}
	ins := make([]logical.Node, len(n.Ins))
	for i, in := range n.Ins {
		part, at := early(in, slices.Clone(r))
		xs := at.exprs(exprs)
		if len(part.Columns()) != len(xs) || !areInputs(xs) {
			part = logical.NewProject(part, xs, logical.Names(cols))
		}
		ins[i] = part
	}
	return logical.NewSetOp(n.Kind, n.All, ins, cols), out
}

// areInputs reports whether expressions are the columns of the input in order.
func areInputs(xs []expr.Expr) bool {
	for i, x := range xs {
		if in, ok := x.(*expr.Input); !ok || in.Index != i {
			return false
		}
	}
	return true
}
