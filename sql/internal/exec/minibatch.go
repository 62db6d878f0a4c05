package exec

import (
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// MiniBatch holds rows back and hands them on as one batch, which the operator behind it puts together by key: when
// there are Size of them, when the first one has waited for Latency, and before what must not overtake them. They
// are no state: a barrier comes behind them.
type MiniBatch struct {
	In   []row.Field
	Size int
	// Latency 0 is for ever.
	Latency time.Duration
}

// Node makes the operator of a subtask.
func (m *MiniBatch) Node() operator.Node {
	n := &miniBatch{op: m}
	n.init(m.In, nil)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// miniBatch has watermarks wait with the rows: several in a row are one.
type miniBatch struct {
	stateless
	op     *MiniBatch
	rows   *batch.Columns // that wait; nil for none
	due    int64          // when they go
	marked bool           // the watermark of base comes behind them
	places []int32
}

func (n *miniBatch) Rows(b *batch.Columns, from, to int) int {
	for from < to {
		if n.out.Blocked() {
			return from
		}
		if n.rows == nil {
			n.begin()
		}
		count := min(to-from, n.op.Size-n.rows.N)
		n.places = sized(n.places, count)
		for i := range n.places {
			n.places[i] = int32(b.Row(from + i))
		}
		n.rows.AppendRows(b, n.places)
		from += count
		if n.rows.N == n.op.Size {
			n.flush()
		}
	}
	return to
}

func (n *miniBatch) begin() {
	n.rows = n.out.Get()
	if n.op.Latency > 0 {
		n.due = n.task.NowMillis() + max(1, n.op.Latency.Milliseconds())
		n.task.WakeAt(n.due)
	}
}

// flush hands on what waits.
func (n *miniBatch) flush() {
	if n.rows == nil {
		return
	}
	b := n.rows
	n.rows = nil
	if n.marked {
		b.Mark(n.mark)
		n.marked = false
	}
	n.out.Pass(b)
}

// Watermark lets a watermark wait with the rows that came before it; the last one has them go.
func (n *miniBatch) Watermark(t int64) bool {
	if n.rows == nil {
		return n.passMark(t)
	}
	n.noteMark(t)
	n.marked = true
	if t == batch.MaxTime {
		n.flush()
	}
	return true
}

// ProcessingTime hands on rows that have waited for long enough.
func (n *miniBatch) ProcessingTime(now int64) bool {
	if n.rows != nil && now >= n.due {
		n.flush()
	}
	return true
}

// Control hands on what waits before anything that comes behind it.
func (n *miniBatch) Control(c operator.Control) {
	switch c.Kind {
	case operator.Barrier, operator.EndOfInput, operator.Idle:
		n.flush()
	}
	n.stateless.Control(c)
}

// Close lets go of what waits.
func (n *miniBatch) Close() error {
	if n.rows != nil {
		n.rows.Release()
		n.rows = nil
	}
	return nil
}
