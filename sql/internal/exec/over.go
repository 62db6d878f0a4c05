package exec

import (
	"bytes"
	"slices"

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

// finalOver computes all rows at the end, a partition at once, which has to fit in memory.
type finalOver struct {
	one
	op    *Over
	all   *gather
	eval  *overEval
	cols  []*column.Vector
	peers []bool // rows of the partition that are ordered by the same as the row before
}

func (n *finalOver) Open(ctx *operator.Context) (err error) {
	n.Ctx = ctx
	n.open(ctx)
	if n.all, err = newGather(ctx, n.op.In, n.op.Partition, n.op.Order, n.op.Memory); err != nil {
		return err
	}
	n.eval, err = newOverEval(ctx, n.op)
	if err == nil {
		n.cols = n.eval.columns()
	}
	return err
}

// Snapshot fails.
func (n *finalOver) Snapshot(*operator.Snapshot) error { return errFinalSnapshot }

func (n *finalOver) Watermark(t int64) bool { return n.passMark(t) }

func (n *finalOver) Rows(b *batch.Columns, from, to int) int {
	n.all.add(b, from, to)
	return to
}

func (n *finalOver) end() {
	n.all.order()
	for n.all.next() {
		if n.all.isFirst {
			n.give()
		}
		n.all.decode(n.cols[:len(n.op.In)])
		n.peers = append(n.peers, n.all.isPeer)
	}
	n.give()
	n.all.rows.Close()
}

// give computes and gives the rows of a partition.
func (n *finalOver) give() {
	rows := len(n.peers)
	if rows == 0 {
		return
	}
	n.eval.fill(n.cols, rows)
	if err := n.eval.compute(n.cols, rows, func(i int) bool { return n.peers[i] }); err != nil {
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
	n.peers = n.peers[:0]
	for _, v := range n.cols {
		v.Reset()
	}
}

// anyOver orders rows by any columns. It keeps them all; a row that comes or goes in between changes those behind it,
// and in RANGE those that are equal in the order:
//
//	rows  1 a  2 b  4 d        + 3 c:  +I c, -U d, +U d with another value
//	                           - 2 b:  -D b, -U c, +U c, -U d, +U d
type anyOver struct {
	sortedKeys
	op     *Over
	rows   *entries
	eval   *overEval
	cols   []*column.Vector
	before []*column.Vector
	subs   [][]byte
	by     []byte
	row    []byte
}

func (n *anyOver) Open(ctx *operator.Context) (err error) {
	if err := n.openKeys(ctx, n.op.In, n.op.Order, n.op.Partition); err != nil {
		return err
	}
	if n.eval, err = newOverEval(ctx, n.op); err != nil {
		return err
	}
	n.cols = n.eval.columns()
	for _, c := range n.op.Calls {
		n.before = append(n.before, column.New(c.T))
	}
	n.rows = newEntries(n.keys.backend, n.op.In)
	n.keys.backend.Add("rows", n.rows)
	return n.ready(ctx, n.op.TTL, func() { n.rows.Drop() })
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
		n.by = n.sort.append(n.by[:0], p)
		switch kind := b.Kind(p); kind {
		case row.UpdateBefore, row.Delete:
			n.remove(b, p)
		default:
			n.add(b, p, kind)
		}
	}
	return to
}

// add adds a row.
func (n *anyOver) add(b *batch.Columns, place int, kind row.ChangeKind) {
	n.compute()
	n.eval.out, n.before = n.before, n.eval.out
	added := bytes.Clone(n.rows.add(n.by, b, place))
	n.compute()
	was := 0 // the row's place before
	for i, sub := range n.subs {
		if bytes.Equal(sub, added) {
			n.emit(kind, n.cols, i, n.eval.out, i)
			continue
		}
		n.update(i, was)
		was++
	}
}

// remove takes a row away; one that is not there is left out.
func (n *anyOver) remove(b *batch.Columns, place int) {
	n.row = n.rows.layout.Append(n.row[:0], b.Cols, place)
	removed, ok := n.rows.find(n.by, n.row)
	if !ok {
		return
	}
	removed = bytes.Clone(removed)
	n.compute()
	at := slices.IndexFunc(n.subs, func(sub []byte) bool { return bytes.Equal(sub, removed) })
	n.eval.out, n.before = n.before, n.eval.out
	n.rows.Delete(removed)
	n.compute()
	for i := range at {
		n.update(i, i)
	}
	n.emit(row.Delete, b.Cols, place, n.before, at)
	for i := at; i < len(n.subs); i++ {
		n.update(i, i+1)
	}
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

// update gives a row whose values are others than before, when it was at another place.
func (n *anyOver) update(i, was int) {
	isSame := true
	for c, v := range n.eval.out {
		isSame = isSame && column.Same(n.before[c], was, v, i)
	}
	if isSame {
		return
	}
	if n.op.Before {
		n.emit(row.UpdateBefore, n.cols, i, n.before, was)
	}
	n.emit(row.UpdateAfter, n.cols, i, n.eval.out, i)
}

func (n *anyOver) emit(kind row.ChangeKind, cols []*column.Vector, i int, values []*column.Vector, at int) {
	cur := n.out.Cur
	for c := range n.op.In {
		cur.Cols[c].AppendFrom(cols[c], i)
	}
	for c, v := range values {
		cur.Cols[len(n.op.In)+c].AppendFrom(v, at)
	}
	n.out.EndRow(kind)
}
