package bind

import (
	"strconv"
	"strings"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// over binds a call with OVER.
func (b *binder) over(x *ast.Call) expr.Expr {
	name := strings.ToUpper(x.Name.Last().Name)
	f := b.aggregateOf(x)
	if f == nil {
		if b.scalar(x) != nil {
			fail(x.Span, "%s is no aggregate function: it does not take OVER", name)
		}
		failHint(x.Name.Extent(), nearest(name, nil), "there is no aggregate function %s", name)
	}
	if b.overs == nil {
		fail(x.Span, "%s with OVER cannot stand here", name)
	}
	in := *b
	in.overs = nil
	w := b.window(x.Over, 0)
	c := overCall{f: f, distinct: x.Distinct, args: in.exprs(x.Args)}
	if x.Filter != nil {
		c.filter = in.condition(x.Filter, "FILTER")
	}
	if x.Star && name != "COUNT" {
		fail(x.Span, "%s(*) is not supported; COUNT(*) is", name)
	}
	if f.Ranked && len(w.Order) == 0 {
		fail(x.Span, "%s needs ORDER BY in its OVER", name)
	}
	for _, p := range w.Partition {
		c.partition = append(c.partition, in.expr(p))
	}
	for _, o := range w.Order {
		c.order = append(c.order, in.expr(o.X))
		c.keys = append(c.keys, sortKey(o))
	}
	c.frame = in.frame(w, f.OverOnly)
	t, err := f.Type(c.args, c.filter != nil || !hasRows(w))
	if err != nil {
		fail(x.Span, "%s", err)
	}
	if (name == "LAG" || name == "LEAD") && len(c.args) == 3 {
		t = t.Nullable(!c.args[2].Type().NotNull) // as in Flink, whatever the values are
		c.args[0], c.args[2] = b.coerce(c.args[0], t), b.coerce(c.args[2], t)
	} else if name == "LAG" || name == "LEAD" {
		t = t.Nullable(true)
	}
	c.t = t
	return b.overs.add(x.Span, c)
}

// window is a window with what the one that it refers to says.
func (b *binder) window(w *ast.Window, depth int) *ast.Window {
	if w.Name == nil {
		return w
	}
	for i := range b.windows {
		named := &b.windows[i]
		if named.Name.Name != w.Name.Name {
			continue
		}
		if depth > len(b.windows) {
			fail(w.Span, "the window %s refers to itself", w.Name.Name)
		}
		base := *b.window(&named.Window, depth+1)
		if len(w.Partition) > 0 {
			fail(w.Span, "a window that refers to another one has no PARTITION BY of its own")
		}
		if len(w.Order) > 0 {
			base.Order = w.Order
		}
		if w.Frame != nil {
			base.Frame = w.Frame
		}
		return &base
	}
	var names []string
	for _, n := range b.windows {
		names = append(names, n.Name.Name)
	}
	failHint(w.Name.Span, nearest(w.Name.Name, names), "there is no window %s", w.Name.Name)
	return nil
}

// frame binds ROWS and RANGE.
func (b *binder) frame(w *ast.Window, isRank bool) logical.Frame {
	if w.Frame == nil {
		return logical.Frame{UnboundedFrom: true, UnboundedTo: len(w.Order) == 0 && !isRank}
	}
	if w.Frame.Exclude != "" && w.Frame.Exclude != "NO OTHERS" {
		fail(w.Span, "EXCLUDE %s is not supported", w.Frame.Exclude)
	}
	f := logical.Frame{Rows: w.Frame.Rows}
	to := w.Frame.To
	if w.Frame.Single {
		to = ast.Bound{Kind: "CURRENT ROW"}
	}
	f.UnboundedFrom, f.From, f.FromValue = b.bound(w, w.Frame.From, "UNBOUNDED PRECEDING", &f)
	f.UnboundedTo, f.To, f.ToValue = b.bound(w, to, "UNBOUNDED FOLLOWING", &f)
	if w.Frame.From.Kind == "UNBOUNDED FOLLOWING" || to.Kind == "UNBOUNDED PRECEDING" || !f.UnboundedFrom && !f.UnboundedTo && f.FromValue == nil && f.ToValue == nil && f.From < f.To {
		fail(w.Span, "the frame begins behind its end")
	}
	return f
}

// hasRows reports whether a frame never is empty, by what Flink knows: where numbers stand in it, it takes it for one that
// may be.
func hasRows(w *ast.Window) bool {
	return w.Frame == nil || w.Frame.From.Offset == nil && (w.Frame.Single || w.Frame.To.Offset == nil)
}

// bound is how far before the row a frame begins or ends.
func (b *binder) bound(w *ast.Window, x ast.Bound, unbounded string, f *logical.Frame) (isUnbounded bool, n int64, v *expr.Literal) {
	if x.Kind == unbounded {
		return true, 0, nil
	}
	if x.Offset == nil {
		return false, 0, nil
	}
	sign := int64(1)
	if x.Kind == "FOLLOWING" {
		sign = -1
	}
	if f.Rows {
		number, ok := x.Offset.(*ast.Number)
		if ok {
			n, err := strconv.ParseInt(number.Text, 10, 64)
			if err == nil && n >= 0 {
				return false, sign * n, nil
			}
		}
		fail(x.Offset.Extent(), "a number of rows is a constant")
	}
	l, ok := b.expr(x.Offset).(*expr.Literal)
	if !ok || l.IsNull() {
		fail(x.Offset.Extent(), "the bound of a frame is a constant")
	}
	switch l.Type().Kind {
	case row.IntervalDay:
		return false, sign * l.Value.I64[0], nil
	case row.IntervalMonth:
		f.Months = true
		return false, sign * int64(l.Value.I32[0]), nil
	}
	if !l.Type().IsNumeric() {
		fail(x.Offset.Extent(), "the bound of a frame is a number or an interval")
	}
	return false, sign, l
}

// findAggregate is a call of an aggregate function in an expression, but not in queries in it or with OVER; nil if
// there is none.
func findAggregate(x ast.Expr, b *binder) *ast.Call {
	var found *ast.Call
	ast.Walk(x, func(x ast.Expr) bool {
		if found != nil {
			return false
		}
		switch x := x.(type) {
		case *ast.Call:
			f := b.aggregateOf(x)
			if x.Over == nil && f != nil && (!f.OverOnly || b.scalar(x) == nil) && b.scalar(x) == nil {
				found = x
			}
		case *ast.JSON:
			if strings.HasSuffix(x.Func, "AGG") && x.Over == nil {
				found = &ast.Call{Span: x.Span, Name: ast.Make(x.Func)}
			}
		}
		return true
	})
	return found
}

// hasAggregates reports whether a SELECT without GROUP BY is about one group of all rows.
func (b *binder) hasAggregates(s *ast.Select, q *ast.Query) bool {
	if s.Having != nil {
		return true
	}
	for _, item := range s.Items {
		if findAggregate(item.X, b) != nil {
			return true
		}
	}
	if s.Qualify != nil && findAggregate(s.Qualify, b) != nil {
		return true
	}
	if q != nil {
		for _, o := range q.Order {
			if findAggregate(o.X, b) != nil {
				return true
			}
		}
	}
	return false
}
