package exec

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// stateless is an operator with one input and no state, which passes watermarks on.
type stateless struct{ one }

func (s *stateless) Open(ctx *operator.Context) error {
	s.Ctx = ctx
	s.open(ctx)
	return nil
}

func (s *stateless) Watermark(t int64) bool { return s.passMark(t) }

// passRows hands on the rows [from, to) of a batch as they are, of which sel are kept unless it is nil.
func (b *base) passRows(in *batch.Columns, from, to int, sel []int32) {
	out := in.Share()
	out.Marks = out.Marks[:0]
	switch {
	case sel != nil:
		out.Keep(sel)
	case from > 0 || to < in.Len():
		places := make([]int32, 0, to-from)
		for i := from; i < to; i++ {
			places = append(places, int32(in.Row(i)))
		}
		out.Keep(places)
	}
	b.out.Pass(out)
}

// Node makes the operator of a subtask.
func (u *Union) Node() operator.Node {
	n := &union{}
	n.init(u.In, nil)
	n.ColumnInput.Init(n, &n.out)
	return n
}

type union struct{ stateless }

func (n *union) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	n.passRows(b, from, to, nil)
	return to
}

// Node makes the operator of a subtask.
func (d *DropBefore) Node() operator.Node {
	n := &dropBefore{}
	n.init(d.In, nil)
	n.ColumnInput.Init(n, &n.out)
	return n
}

type dropBefore struct{ stateless }

func (n *dropBefore) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	if b.Kinds == nil {
		n.passRows(b, from, to, nil)
		return to
	}
	sel := make([]int32, 0, to-from)
	for i := from; i < to; i++ {
		if p := b.Row(i); b.Kinds[p] != row.UpdateBefore {
			sel = append(sel, int32(p))
		}
	}
	if len(sel) > 0 {
		n.passRows(b, from, to, sel)
	}
	return to
}

// Node makes the operator of a subtask.
func (c *NotNull) Node() operator.Node {
	n := &notNull{op: c}
	n.init(c.In, nil)
	n.ColumnInput.Init(n, &n.out)
	return n
}

type notNull struct {
	stateless
	op *NotNull
}

func (n *notNull) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	var sel []int32
	isDropping := false
	for i := from; i < to; i++ {
		p := b.Row(i)
		ok := true
		for k, c := range n.op.Columns {
			if b.Cols[c].IsNull(p) {
				if !n.op.Drop {
					n.task.Fail(fmt.Errorf("the column %s is NOT NULL, and a row has NULL there; SET "+
						"'table.exec.sink.not-null-enforcer' = 'DROP' drops such rows", n.op.Names[k]), nil)
				}
				ok = false
			}
		}
		if ok {
			sel = append(sel, int32(p))
		} else {
			isDropping = true
		}
	}
	switch {
	case !isDropping:
		n.passRows(b, from, to, nil)
	case len(sel) > 0:
		n.passRows(b, from, to, sel)
	}
	return to
}

// Node makes the operator of a subtask.
func (w *Watermark) Node() operator.Node {
	n := &watermarker{op: w, program: expr.Compile(w.Expr)}
	n.init(w.In, w.Zone)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// watermarker makes watermarks of a column. The end of input is a watermark too, the greatest; others that come
// from the source do not go on.
type watermarker struct {
	stateless
	op       *Watermark
	program  *expr.Program
	greatest int64
	has      bool
}

func (n *watermarker) Watermark(t int64) bool {
	if t == batch.MaxTime {
		return n.passMark(t)
	}
	return true
}

func (n *watermarker) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	out := b.Share()
	out.Marks = out.Marks[:0]
	if from > 0 || to < b.Len() {
		places := make([]int32, 0, to-from)
		for i := from; i < to; i++ {
			places = append(places, int32(b.Row(i)))
		}
		out.Keep(places)
	}
	v, err := n.program.Eval(n.now(), &out.Batch)
	if err != nil {
		n.fail(err, &b.Batch, n.op.In)
	}
	times := b.Cols[n.op.Column]
	advanced := false
	for i := range out.Len() {
		if times.IsNull(out.Row(i)) {
			n.task.Fail(fmt.Errorf("the column %s is the event time, and NULL in a row; leave such rows out, or give it a value",
				n.op.In[n.op.Column].Name), nil)
		}
		if v.IsNull(i) {
			continue
		}
		t := floorMillis(v.I64[i])
		if n.has && t <= n.greatest {
			continue
		}
		n.greatest, n.has, advanced = t, true, true
		if n.op.EachRow {
			out.Marks = append(out.Marks, batch.Mark{Row: i + 1, Time: t})
		}
	}
	if advanced && !n.op.EachRow {
		out.Mark(n.greatest)
	}
	if advanced {
		n.noteMark(n.greatest)
	}
	n.out.Pass(out)
	return to
}

// floorMillis are the milliseconds of microseconds.
func floorMillis(micros int64) int64 {
	ms := micros / 1000
	if micros%1000 < 0 {
		ms--
	}
	return ms
}

// Node makes the operator of a subtask.
func (e *Expand) Node() operator.Node {
	n := &expand{op: e}
	n.init(e.Out, nil)
	n.ColumnInput.Init(n, &n.out)
	return n
}

type expand struct {
	stateless
	op *Expand
}

func (n *expand) Rows(b *batch.Columns, from, to int) int {
	for i := from; i < to; i++ {
		if n.out.Blocked() {
			return i
		}
		p := b.Row(i)
		for s, set := range n.op.Sets {
			cur := n.out.Cur
			for c, v := range b.Cols {
				if k := indexOf(n.op.Keys, c); k >= 0 && indexOf(set, k) < 0 {
					cur.Cols[c].AppendNull()
					continue
				}
				cur.Cols[c].AppendFrom(v, p)
			}
			cur.Cols[len(b.Cols)].AppendI64(n.op.Numbers[s])
			n.out.EndRow(b.Kind(p))
		}
	}
	return to
}

func indexOf(list []int, x int) int {
	for i, y := range list {
		if x == y {
			return i
		}
	}
	return -1
}

// Node makes the operator of a subtask.
func (a *Apply) Node() operator.Node {
	n := &apply{op: a, table: a.Func.New(argTypes(a.Args), a.Out[len(a.In):])}
	for _, x := range a.Args {
		n.args = append(n.args, expr.Compile(x))
	}
	for _, f := range a.Out[len(a.In):] {
		n.result = append(n.result, column.New(f.Type))
	}
	n.init(a.Out, a.Zone)
	n.ColumnInput.Init(n, &n.out)
	return n
}

func argTypes(args []expr.Expr) []*row.Type {
	ts := make([]*row.Type, len(args))
	for i, a := range args {
		ts[i] = a.Type()
	}
	return ts
}

type apply struct {
	stateless
	op     *Apply
	args   []*expr.Program
	table  logical.Table
	result []*column.Vector
}

func (n *apply) Rows(b *batch.Columns, from, to int) int {
	c := n.now()
	rows := column.Batch{Cols: b.Cols, N: b.N}
	for i := from; i < to; i++ {
		rows.Sel = append(rows.Sel, int32(b.Row(i)))
	}
	args := make([]*column.Vector, len(n.args))
	for i, p := range n.args {
		v, err := p.Eval(c, &rows)
		if err != nil {
			n.fail(err, &b.Batch, n.op.In)
		}
		args[i] = v
	}
	for i := from; i < to; i++ {
		if n.out.Blocked() {
			return i
		}
		for _, v := range n.result {
			v.Reset()
		}
		n.emit(b, b.Row(i), n.table.Append(args, i-from, n.result))
	}
	return to
}

// emit gives a row with each row of the result.
func (n *apply) emit(b *batch.Columns, p, count int) {
	if count == 0 && n.op.Outer {
		cur := n.out.Cur
		for c, v := range b.Cols {
			cur.Cols[c].AppendFrom(v, p)
		}
		for c := range n.result {
			cur.Cols[len(b.Cols)+c].AppendNull()
		}
		n.out.EndRow(b.Kind(p))
	}
	for k := range count {
		cur := n.out.Cur
		for c, v := range b.Cols {
			cur.Cols[c].AppendFrom(v, p)
		}
		for c, v := range n.result {
			cur.Cols[len(b.Cols)+c].AppendFrom(v, k)
		}
		n.out.EndRow(b.Kind(p))
	}
}

// Node makes the operator of a subtask.
func (l *Limit) Node() operator.Node {
	n := &limit{op: l}
	n.init(l.In, nil)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// limit counts rows. Its subtask is the only one.
type limit struct {
	stateless
	op   *Limit
	seen int64
}

// limitState is the number of rows so far, of the operator's list state.
const limitState = "seen"

func (n *limit) Open(ctx *operator.Context) error {
	if err := n.stateless.Open(ctx); err != nil || ctx.Restored == nil {
		return err
	}
	for _, item := range ctx.Restored.List[limitState] {
		if len(item) != 8 {
			return errors.New("the number of rows that were passed on is cut off")
		}
		for i, b := range item {
			n.seen |= int64(b) << (8 * i)
		}
	}
	return nil
}

func (n *limit) Snapshot(w *operator.Snapshot) error {
	item := make([]byte, 8)
	for i := range item {
		item[i] = byte(n.seen >> (8 * i))
	}
	w.List(limitState, item)
	return nil
}

func (n *limit) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	first, last := from, to
	if skip := n.op.Offset - n.seen; skip > 0 {
		first = int(min(int64(to), int64(from)+skip))
	}
	if n.op.Limit >= 0 {
		left := max(0, n.op.Offset+n.op.Limit-max(n.seen, n.op.Offset))
		last = int(min(int64(to), int64(first)+left))
	}
	n.seen += int64(to - from)
	if first < last {
		n.passRows(b, first, last, nil)
	}
	return to
}
