package exec

import (
	"bytes"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// Node makes the operator of a subtask.
func (o *Over) Node() operator.Node {
	switch {
	case o.Final:
		n := &finalOver{op: o}
		n.init(o.Out, nil)
		n.ColumnInput.Init(n, &n.out)
		n.finish = n.end
		return n
	case o.Time == row.NoAttribute:
		n := &anyOver{op: o}
		n.init(o.Out, nil)
		n.ColumnInput.Init(n, &n.out)
		return n
	}
	n := &timeOver{op: o}
	n.init(o.Out, nil)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// finalOver computes all rows at the end, a partition at once.
type finalOver struct {
	one
	op   *Over
	all  *gather
	eval *overEval
	cols []*column.Vector
}

func (n *finalOver) Open(ctx *operator.Context) (err error) {
	n.Ctx = ctx
	n.open(ctx)
	if n.all, err = newGather(ctx, n.op.In, n.op.Partition, n.op.Partition, n.op.Order); err != nil {
		return err
	}
	n.eval, err = newOverEval(ctx, n.op)
	if err == nil {
		n.cols = n.eval.columns()
	}
	return err
}

// Snapshot writes the rows.
func (n *finalOver) Snapshot(w *operator.Snapshot) error {
	n.all.snapshot(w)
	return nil
}

func (n *finalOver) Watermark(t int64) bool { return n.passMark(t) }

func (n *finalOver) Rows(b *batch.Columns, from, to int) int {
	n.all.add(b, from, to)
	return to
}

func (n *finalOver) end() {
	n.all.order()
	n.all.partitions(func(rows []gathered) {
		for _, v := range n.cols {
			v.Reset()
		}
		for i := range rows {
			n.all.decode(&rows[i], n.cols[:len(n.op.In)])
		}
		n.eval.fill(n.cols, len(rows))
		err := n.eval.compute(n.cols, len(rows), func(i int) bool { return bytes.Equal(rows[i-1].order(), rows[i].order()) })
		if err != nil {
			n.fail(err, nil, nil)
		}
		for i := range rows {
			cur := n.out.Cur
			for c := range n.op.In {
				cur.Cols[c].AppendFrom(n.cols[c], i)
			}
			for c, v := range n.eval.out {
				cur.Cols[len(n.op.In)+c].AppendFrom(v, i)
			}
			n.out.EndRow(row.Insert)
		}
	})
	n.all.rows = nil
}

// anyOver orders rows by any columns. It keeps them all; a row that comes in between changes those behind it, and in
// RANGE those that are equal in the order:
//
//	rows  1 a  2 b  4 d        + 3 c:  +I c, -U d, +U d with another value
type anyOver struct {
	one
	op     *Over
	sort   *sorting
	rows   *entries
	expiry expiry
	eval   *overEval
	cols   []*column.Vector
	before []*column.Vector
	subs   [][]byte
	by     []byte
}

func (n *anyOver) Open(ctx *operator.Context) (err error) {
	n.Ctx = ctx
	n.open(ctx)
	if n.sort, err = newSorting(n.op.In, n.op.Order); err != nil {
		return err
	}
	if n.eval, err = newOverEval(ctx, n.op); err != nil {
		return err
	}
	n.cols = n.eval.columns()
	for _, c := range n.op.Calls {
		n.before = append(n.before, column.New(c.T))
	}
	n.keys = newKeying(ctx, KeyTypes(n.op.In, n.op.Partition), n.op.Partition)
	n.rows = newEntries(n.keys.backend, n.op.In)
	n.keys.backend.Add("rows", n.rows)
	n.expiry.open(ctx, n.keys.backend, n.op.TTL.Milliseconds())
	if err := n.restore(); err != nil {
		return err
	}
	n.expiry.arm()
	return nil
}

func (n *anyOver) Watermark(t int64) bool { return n.passMark(t) }

// ProcessingTime drops what has expired.
func (n *anyOver) ProcessingTime(now int64) bool {
	n.expiry.expire(now, func() { n.rows.Drop() })
	return true
}

func (n *anyOver) Rows(b *batch.Columns, from, to int) int {
	n.keys.begin(b)
	n.sort.begin(b)
	now := int64(0)
	if n.expiry.ttl > 0 {
		now = n.task.NowMillis()
		defer n.expiry.arm()
	}
	for i := from; i < to; i++ {
		if n.out.Blocked() {
			return i
		}
		p := b.Row(i)
		n.keys.set(p)
		n.expiry.changed(now)
		n.compute()
		n.eval.out, n.before = n.before, n.eval.out
		n.by = n.sort.append(n.by[:0], p)
		added := bytes.Clone(n.rows.add(n.by, b, p))
		n.compute()
		n.send(added)
	}
	return to
}

// compute computes the rows of the current key.
func (n *anyOver) compute() {
	for _, v := range n.cols {
		v.Reset()
	}
	n.subs = n.subs[:0]
	for sub := range n.rows.Ascend(nil) {
		n.rows.decode(rowOf(sub), n.cols[:len(n.op.In)])
		n.subs = append(n.subs, sub)
	}
	n.eval.fill(n.cols, len(n.subs))
	err := n.eval.compute(n.cols, len(n.subs), func(i int) bool { return bytes.Equal(orderOf(n.subs[i-1]), orderOf(n.subs[i])) })
	if err != nil {
		n.fail(err, nil, nil)
	}
}

// send gives the new row, and those whose values are others than before.
func (n *anyOver) send(added []byte) {
	was := 0 // the row's place before
	for i, sub := range n.subs {
		if bytes.Equal(sub, added) {
			n.emit(row.Insert, i, n.eval.out, i)
			continue
		}
		isSame := true
		for c, v := range n.eval.out {
			isSame = isSame && column.Same(n.before[c], was, v, i)
		}
		if !isSame {
			if n.op.Before {
				n.emit(row.UpdateBefore, i, n.before, was)
			}
			n.emit(row.UpdateAfter, i, n.eval.out, i)
		}
		was++
	}
}

func (n *anyOver) emit(kind row.ChangeKind, i int, values []*column.Vector, at int) {
	cur := n.out.Cur
	for c := range n.op.In {
		cur.Cols[c].AppendFrom(n.cols[c], i)
	}
	for c, v := range values {
		cur.Cols[len(n.op.In)+c].AppendFrom(v, at)
	}
	n.out.EndRow(kind)
}
