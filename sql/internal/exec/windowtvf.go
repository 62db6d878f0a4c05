package exec

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// Node makes the operator of a subtask.
func (w *WindowTVF) Node() operator.Node {
	if w.Kind == "SESSION" {
		return newSessionTVF(w)
	}
	n := &windowTVF{op: w}
	n.isLTZ = w.Out[len(w.In)+2].Type.Kind == row.TimestampLTZ
	n.windows = newWindows(w.Windowing, w.In[w.Time].Type.Kind == row.TimestampLTZ || w.Slices && n.isLTZ, w.Zone)
	n.init(w.Out, w.Zone)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// windowTVF repeats rows for each of their windows. It has no state: no row is late.
type windowTVF struct {
	stateless
	op      *WindowTVF
	windows *windows
	isLTZ   bool

	places []int32
	bounds []windowBounds
	slice  windowBounds // of the row before
}

func (n *windowTVF) Rows(b *batch.Columns, from, to int) int {
	now := int64(0)
	if n.op.Processing {
		now = n.windows.local(n.task.NowMillis())
	}
	for from < to {
		if n.out.Blocked() {
			return from
		}
		from = n.assign(b, from, to, now)
		if len(n.places) > 0 {
			n.emit(b)
		}
	}
	return to
}

// assign puts rows into their windows until there are enough for a batch.
func (n *windowTVF) assign(b *batch.Columns, from, to int, now int64) (next int) {
	n.places, n.bounds = n.places[:0], n.bounds[:0]
	times := b.Cols[n.op.Time]
	name := n.op.In[n.op.Time].Name
	for ; from < to && len(n.places) < batch.MaxRows; from++ {
		p := b.Row(from)
		t := now
		if !n.op.Processing {
			if t = n.timeOf(times, p, name); !n.op.Slices {
				t = n.windows.local(t)
			}
		}
		n.add(int32(p), t)
	}
	return from
}

// add adds a row once for each window.
func (n *windowTVF) add(p int32, t int64) {
	if n.op.Kind == "TUMBLE" {
		if s := &n.slice; t < s.start || t >= s.end {
			start, end := n.windows.slice(t)
			n.slice = n.windows.bounds(start, end, n.isLTZ)
		}
		n.places, n.bounds = append(n.places, p), append(n.bounds, n.slice)
		return
	}
	start, _ := n.windows.slice(t)
	first, last, step := n.windows.ends(start)
	for end := last; end >= first; end -= step {
		n.places = append(n.places, p)
		n.bounds = append(n.bounds, n.windows.bounds(n.windows.start(end), end, n.isLTZ))
	}
}

func (n *windowTVF) emit(b *batch.Columns) {
	out := n.out.Get()
	width := len(n.op.In)
	if n.op.Kind == "TUMBLE" && b.Sel == nil && len(n.places) == b.N {
		out.Hold(b.Share())
		copy(out.Cols, b.Cols)
		out.N, out.Kinds = b.N, b.Kinds
	} else {
		for i, c := range b.Cols {
			out.Cols[i].AppendAll(c, n.places)
		}
		out.N = len(n.places)
		if b.Kinds != nil {
			kinds := out.KindColumn()
			for i, p := range n.places {
				kinds[i] = b.Kinds[p]
			}
		}
	}
	appendBounds(out.Cols[width:], n.bounds)
	n.out.Pass(out)
}

// appendBounds appends window_start, window_end and window_time.
func appendBounds(cols []*column.Vector, bounds []windowBounds) {
	for i := range bounds {
		appendBound(cols, &bounds[i])
	}
}

func appendBound(cols []*column.Vector, b *windowBounds) {
	cols[0].AppendI64(b.start * 1000)
	cols[1].AppendI64(b.end * 1000)
	cols[2].AppendI64(b.time * 1000)
}
