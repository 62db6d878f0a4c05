package exec

import (
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Node makes the operator of a subtask.
func (w *WindowSlices) Node() operator.Node {
	n := &windowSlices{op: w, windows: newWindows(w.Windowing, w.In[w.Time].Type.Kind == row.TimestampLTZ, w.Zone)}
	n.init(w.Out, w.Zone)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// windowSlices passes columns on and adds one.
type windowSlices struct {
	stateless
	op         *WindowSlices
	windows    *windows
	start, end int64 // of the slice of the row before
}

func (n *windowSlices) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	out := n.out.Get()
	out.Hold(b.Share())
	copy(out.Cols, b.Cols)
	out.N, out.Kinds = b.N, b.Kinds
	added := out.Cols[len(b.Cols)]
	expr.Prepare(added, b.N)
	n.fill(added.I64, b, from, to)
	switch all := to-from == b.Len(); {
	case !all && b.Sel == nil:
		out.Keep(expr.AllRows(nil, to)[from:])
	case b.Sel != nil:
		out.Keep(b.Sel[from:to])
	}
	n.out.Pass(out)
	return to
}

// fill sets the starts of the slices of rows, in microseconds.
func (n *windowSlices) fill(starts []int64, b *batch.Columns, from, to int) {
	times, name := b.Cols[n.op.Time], n.op.In[n.op.Time].Name
	for i := from; i < to; i++ {
		p := b.Row(i)
		t := n.windows.local(n.timeOf(times, p, name))
		if t < n.start || t >= n.end {
			n.start, n.end = n.windows.slice(t)
		}
		starts[p] = n.start * 1000
	}
}
