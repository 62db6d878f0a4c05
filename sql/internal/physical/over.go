package physical

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// over adds OVER calls: those with the same PARTITION BY and ORDER BY in one operator.
func (p *planner) over(n *logical.Over) *Rel {
	r := p.plan(n.Input)
	width := len(r.Cols)
	done := make([]bool, len(n.Calls))
	place := make([]int, len(n.Calls))
	for i, c := range n.Calls {
		if done[i] {
			continue
		}
		var group []logical.OverCall
		for k := i; k < len(n.Calls); k++ {
			if d := n.Calls[k]; !done[k] && slices.Equal(c.Partition, d.Partition) && slices.Equal(c.Order, d.Order) {
				done[k] = true
				place[k] = len(r.Cols) + len(group)
				group = append(group, d)
			}
		}
		r = p.overGroup(n.Span, r, group)
	}
	exprs := inputs(r.Cols)[:width:width]
	inOrder := true
	for i, at := range place {
		inOrder = inOrder && at == width+i
		exprs = append(exprs, &expr.Input{Index: at, Name: r.Cols[at].Name, T: r.Cols[at].Type})
	}
	if inOrder {
		return r
	}
	return p.calc(r, nil, exprs, n.Columns())
}

func (p *planner) overGroup(at ast.Span, in *Rel, calls []logical.OverCall) *Rel {
	c := calls[0]
	cols := slices.Clone(in.Cols)
	for _, c := range calls {
		cols = append(cols, row.Field{Name: c.Name, Type: c.T})
	}
	op := &exec.Over{In: in.Cols, Partition: c.Partition, Order: c.Order, Calls: calls, Out: cols, Final: p.Batch, Memory: p.SortMemory, TTL: p.TTL}
	r := &Rel{
		Op: op, Name: "OverAggregate", Ins: []*Rel{in}, Cols: cols, Dist: []Distribution{distribution(c.Partition)}, Kinds: insertOnly, Keys: in.Keys,
		Detail: fmt.Sprintf("partitionBy=[%s], orderBy=[%s], %s", columnNames(in.Cols, c.Partition), orderText(in.Cols, c.Order), overText(in.Cols, calls)),
	}
	if p.Batch {
		return r
	}
	p.checkOver(at, in, calls)
	op.Time = in.Cols[c.Order[0].Column].Type.Attribute
	if op.Time == row.NoAttribute {
		r.Kinds |= update | in.Kinds
		r.setBefore = func(b bool) { op.Before = b }
		if in.Kinds.Has(row.UpdateBefore) { // of which -D are made
			r.Kinds |= deletes
		}
	}
	op.Last = op.LooksBackLittle()
	return p.keyed(r, "the rows of each partition")
}

// checkOver refuses what a stream cannot have.
func (p *planner) checkOver(at ast.Span, in *Rel, calls []logical.OverCall) {
	c := calls[0]
	if len(c.Order) == 0 {
		fail(at, "OVER needs an ORDER BY in streaming mode")
	}
	first := c.Order[0]
	isTime := in.Cols[first.Column].Type.Attribute != row.NoAttribute
	if isTime && !in.isInsertOnly() {
		fail(at, "OVER by time takes new rows only, and its input changes: %s", kindsText(in.Kinds))
	}
	if isTime && first.Desc {
		fail(at, "in streaming mode OVER orders by time in ascending order only")
	}
	if isTime && len(c.Order) > 1 {
		fail(at, "in streaming mode OVER orders by one column of time")
	}
	for _, c := range calls {
		switch c.Func.Name {
		case "LEAD", "NTILE", "CUME_DIST", "PERCENT_RANK":
			fail(at, "%s is not supported in streaming mode: it needs rows that have not come yet", c.Func.Name)
		}
		if c.Frame.UnboundedTo && len(c.Order) > 0 || c.Frame.To != 0 || c.Frame.From < 0 {
			fail(at, "a frame ends with CURRENT ROW in streaming mode")
		}
	}
}

// rankBounds are the numbers that rows may have.
type rankBounds struct {
	from, to int64
	toColumn int // -1 without one
}

// rankLimits recognises a filter on the number of rows: the OVER node with the number, the bounds, and the conditions
// that are left. It returns nil for another filter.
func rankLimits(f *logical.Filter) (*logical.Over, rankBounds, expr.Expr) {
	over, ok := f.Input.(*logical.Over)
	if !ok || len(over.Calls) != 1 {
		return nil, rankBounds{}, nil
	}
	switch over.Calls[0].Func.Name {
	case "ROW_NUMBER", "RANK", "DENSE_RANK":
	default:
		return nil, rankBounds{}, nil
	}
	number := len(over.Input.Columns())
	b := rankBounds{from: 1, to: -1, toColumn: -1}
	var rest []expr.Expr
	for _, c := range Conjuncts(f.Cond) {
		if !b.take(c, number) {
			rest = append(rest, c)
		}
	}
	if b.to < 0 && b.toColumn < 0 {
		return nil, b, nil
	}
	var cond expr.Expr
	for _, c := range rest {
		if cond == nil {
			cond = c
		} else {
			cond = call("AND", cond, c)
		}
	}
	return over, b, cond
}

// take takes a condition on the number as a bound.
func (b *rankBounds) take(c expr.Expr, number int) bool {
	x, ok := c.(*expr.Call)
	if !ok || len(x.Args) != 2 {
		return false
	}
	op, l, r := x.Func.Name, uncast(x.Args[0]), uncast(x.Args[1])
	if in, ok := r.(*expr.Input); ok && in.Index == number {
		l, r = r, l
		op = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}[op]
	}
	in, ok := l.(*expr.Input)
	if !ok || in.Index != number {
		return false
	}
	if col, ok := r.(*expr.Input); ok && b.to < 0 && b.toColumn < 0 && op == "<=" && col.T.IsInteger() {
		b.toColumn = col.Index
		return true
	}
	n, ok := whole(r)
	if !ok || b.toColumn >= 0 {
		return false
	}
	switch op {
	case "<":
		b.most(n - 1)
	case "<=":
		b.most(n)
	case "=":
		b.most(n)
		b.from = max(b.from, n)
	case ">":
		b.from = max(b.from, n+1)
	case ">=":
		b.from = max(b.from, n)
	default:
		return false
	}
	return true
}

func (b *rankBounds) most(n int64) {
	if b.to < 0 || n < b.to {
		b.to = max(n, 0)
	}
}

// uncast is a column or a constant without the cast to a wider whole number.
func uncast(x expr.Expr) expr.Expr {
	if c, ok := x.(*expr.Call); ok && c.Func.Name == "CAST" && len(c.Args) == 1 && c.T.IsInteger() && c.Args[0].Type().IsInteger() {
		return c.Args[0]
	}
	return x
}

// whole is the value of a constant whole number.
func whole(x expr.Expr) (int64, bool) {
	l, ok := x.(*expr.Literal)
	if !ok || l.IsNull() {
		return 0, false
	}
	switch t := l.Type(); {
	case t.Kind == row.BigInt:
		return l.Value.I64[0], true
	case t.IsInteger():
		return int64(l.Value.I32[0]), true
	}
	return 0, false
}

// rankOver keeps rows by their number. With number the rows have it.
func (p *planner) rankOver(over *logical.Over, b rankBounds, number bool) *Rel {
	in := p.plan(over.Input)
	c := over.Calls[0]
	f := c.Func.Name
	if w := in.Window; w.isOf(c.Partition) && (!p.Batch) && b.toColumn < 0 && in.isInsertOnly() {
		return p.windowRank(in, c, b, number)
	}
	if !p.Batch && f != "ROW_NUMBER" {
		fail(over.Span, "%s() is not supported in streaming mode; ROW_NUMBER() is", f)
	}
	if !p.Batch && b.from == 1 && b.to == 1 && b.toColumn < 0 && len(c.Order) == 1 && in.isInsertOnly() {
		if t := in.Cols[c.Order[0].Column].Type; t.Attribute != row.NoAttribute {
			return p.deduplicate(in, c, number, over.Columns())
		}
	}
	return p.rank(in, c.Partition, c.Order, f, b, number, "Rank")
}

// deduplicate keeps the first or the last row of each key. The first one in event time is given once, when the watermark says that
// no earlier one comes. In mini-batches Flink gives it at once instead, and takes it back for an earlier one.
func (p *planner) deduplicate(in *Rel, c logical.OverCall, number bool, cols []row.Field) *Rel {
	o := c.Order[0]
	which := "FirstRow"
	if o.Desc {
		which = "LastRow"
	}
	r := &Rel{
		Name: "Deduplicate", Detail: fmt.Sprintf("keep=[%s], key=[%s], order=[%s]", which, columnNames(in.Cols, c.Partition), in.Cols[o.Column].Name),
		Ins: []*Rel{in}, Cols: in.Cols, Dist: []Distribution{distribution(c.Partition)}, Kinds: insertOnly, Keys: [][]int{c.Partition}, Window: in.Window.attached(),
	}
	byTime := in.Cols[o.Column].Type.Attribute == row.Rowtime
	if byTime && !o.Desc && p.MiniBatch.Size == 0 {
		r.Op = &exec.FirstByTime{In: in.Cols, Keys: c.Partition, Rowtime: o.Column, TTL: p.TTL}
	} else {
		op := &exec.Deduplicate{In: in.Cols, Keys: c.Partition, Last: o.Desc, Rowtime: -1, EachRow: p.EachRow, TTL: p.TTL}
		if byTime {
			op.Rowtime = o.Column
		}
		if op.Last || byTime {
			r.Kinds |= update
			r.setBefore = func(b bool) { op.Before = b }
		}
		r.Op = op
		p.bundled(r)
	}
	p.keyed(r, "a row for each "+columnNames(in.Cols, c.Partition))
	if !number {
		return r
	}
	exprs := append(inputs(r.Cols), bigint(1))
	return p.calc(r, nil, exprs, cols)
}

// attached is the same windows, of which only the columns are known.
func (w *Window) attached() *Window {
	if w == nil {
		return nil
	}
	c := *w
	c.of = nil
	return &c
}

// rank keeps rows by their number in an order.
func (p *planner) rank(in *Rel, partition []int, order []logical.SortKey, f string, b rankBounds, number bool, name string) *Rel {
	cols := slices.Clone(in.Cols)
	if number {
		cols = append(cols, row.Field{Name: "$rank", Type: row.Of(row.BigInt).Nullable(false)})
	}
	op := &exec.Rank{
		In: in.Cols, Partition: partition, Order: order, Func: f, From: b.from, To: b.to, ToColumn: b.toColumn, Number: number, Out: cols,
		Retract: !in.isInsertOnly(), Final: p.Batch, Memory: p.SortMemory, TTL: p.TTL,
	}
	limits := fmt.Sprintf("rankStart=%d, rankEnd=%d", b.from, b.to)
	if b.toColumn >= 0 {
		limits = fmt.Sprintf("rankStart=%d, rankEnd=%s", b.from, in.Cols[b.toColumn].Name)
	}
	r := &Rel{
		Op: op, Name: name, Detail: fmt.Sprintf("%s, %s, partitionBy=[%s], orderBy=[%s]", f, limits, columnNames(in.Cols, partition), orderText(in.Cols, order)),
		Ins: []*Rel{in}, Cols: cols, Dist: []Distribution{distribution(partition)}, Kinds: insertOnly,
	}
	if p.Batch {
		return r
	}
	r.Kinds |= update | deletes
	r.setBefore = func(b bool) { op.Before = b }
	switch {
	case number:
		r.Keys = [][]int{append(slices.Clone(partition), len(cols)-1)}
	case b.from == 1 && b.to == 1:
		r.Keys = [][]int{partition}
	default:
		r.Keys = in.Keys
	}
	if len(partition) == 0 {
		return r
	}
	return p.keyed(r, "the best rows of each "+columnNames(in.Cols, partition))
}

// windowRank keeps rows of each window by their number.
func (p *planner) windowRank(in *Rel, c logical.OverCall, b rankBounds, number bool) *Rel {
	w := in.Window
	var partition []int
	for _, k := range c.Partition {
		if k != w.Start && k != w.End && k != w.Time {
			partition = append(partition, k)
		}
	}
	cols := slices.Clone(in.Cols)
	if number {
		cols = append(cols, row.Field{Name: "$rank", Type: row.Of(row.BigInt).Nullable(false)})
	}
	op := &exec.WindowRank{
		Session: p.Session, Processing: w.Processing, Instants: w.Instants, In: in.Cols, Partition: partition, Start: w.Start, End: w.End, Order: c.Order, Func: c.Func.Name, From: b.from, To: b.to,
		Number: number, Out: cols, Final: p.Batch, Memory: p.SortMemory,
	}
	return &Rel{
		Op: op, Name: "WindowRank", Detail: fmt.Sprintf("%s, rankStart=%d, rankEnd=%d, partitionBy=[%s], orderBy=[%s]", op.Func, b.from, b.to, columnNames(in.Cols, c.Partition), orderText(in.Cols, c.Order)),
		Ins: []*Rel{in}, Cols: cols, Dist: []Distribution{distribution(partition)}, Kinds: insertOnly, Keys: in.Keys, Window: w.attached(),
	}
}
