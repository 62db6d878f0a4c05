package exec

import (
	"bytes"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

func newFinalRank(r *Rank) *finalRank {
	n := &finalRank{op: r}
	n.init(r.Out, nil)
	n.ColumnInput.Init(n, &n.out)
	n.finish = n.end
	return n
}

// finalRank numbers all rows at the end.
type finalRank struct {
	one
	op      *Rank
	all     *gather
	scratch []*column.Vector
}

func (n *finalRank) Open(ctx *operator.Context) error {
	n.Ctx = ctx
	n.open(ctx)
	for _, f := range n.op.In {
		n.scratch = append(n.scratch, column.New(f.Type.Plain()))
	}
	var err error
	n.all, err = newGather(ctx, n.op.In, n.op.Partition, n.op.Order, n.op.Memory)
	return err
}

// Snapshot fails.
func (n *finalRank) Snapshot(*operator.Snapshot) error { return errFinalSnapshot }

func (n *finalRank) Watermark(t int64) bool { return n.passMark(t) }

func (n *finalRank) Rows(b *batch.Columns, from, to int) int {
	n.all.add(b, from, to)
	return to
}

func (n *finalRank) end() {
	n.all.order()
	numbers := numbering{f: n.op.Func}
	for n.all.next() {
		if n.all.isFirst {
			numbers = numbering{f: n.op.Func}
		}
		number := numbers.step(!n.all.isPeer)
		switch {
		case n.op.ToColumn < 0 && number > n.op.To:
			continue
		case number < n.op.From, n.op.ToColumn >= 0 && number > n.last():
			continue
		}
		cur := n.out.Cur
		n.all.decode(cur.Cols[:len(n.op.In)])
		if n.op.Number {
			cur.Cols[len(n.op.In)].AppendI64(number)
		}
		n.out.EndRow(row.Insert)
	}
	n.all.rows.Close()
}

// last is the last number that the row at hand says; in a stream it would be the first row of its partition that says it.
func (n *finalRank) last() int64 {
	for _, v := range n.scratch {
		v.Reset()
	}
	n.all.decode(n.scratch)
	return wholeNumber(n.scratch[n.op.ToColumn], 0)
}

// numbering numbers rows in order, by what they are ordered by.
type numbering struct {
	f            string // ROW_NUMBER, RANK, DENSE_RANK
	rows, number int64
	last         []byte
}

func (n *numbering) next(by []byte) int64 {
	isNew := n.rows == 0 || !bytes.Equal(n.last, by)
	n.last = append(n.last[:0], by...)
	return n.step(isNew)
}

// step is next; isNew says whether the row is ordered by something else than the one before.
func (n *numbering) step(isNew bool) int64 {
	n.rows++
	switch {
	case n.f == "ROW_NUMBER", n.f == "RANK" && isNew:
		n.number = n.rows
	case isNew:
		n.number++
	}
	return n.number
}
