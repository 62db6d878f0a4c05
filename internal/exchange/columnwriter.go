package exchange

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
)

// ColumnWriter is the end of a chain that makes columns: it deals rows out to channels. It finds the rows
// of each channel first, and appends them column by column.
type ColumnWriter struct {
	writer[*batch.Columns]
	hasher
	owner  []int32   // the channel of each key group
	places [][]int32 // of the rows of each channel
	cuts   []int     // for each mark and channel, how many rows of the channel precede the mark
	text   func(b *column.Batch, place int) string
}

// hasher hashes the key columns of batches.
type hasher struct {
	key  *colcodec.Key
	at   []int // where the key columns are
	cols []*column.Vector
}

// fill sets the hashes of b.
func (h *hasher) fill(b *batch.Columns) {
	h.cols = h.cols[:0]
	for _, c := range h.at {
		h.cols = append(h.cols, b.Cols[c])
	}
	h.key.Hashes(b.HashColumn(), h.cols)
}

func newColumnWriter(e *ColumnEdge, cfg WriterConfig) *ColumnWriter {
	pool := batch.NewColumnPool(e.Schema, 0)
	w := &ColumnWriter{writer: makeWriter(cfg, pool.Get), hasher: e.hasher(), text: e.KeyText}
	w.places = make([][]int32, len(cfg.Channels))
	if cfg.Strategy == graph.Keyed {
		w.owner = make([]int32, cfg.MaxParallelism)
		for kg := range w.owner {
			w.owner[kg] = int32(operator.SubtaskOf(kg, cfg.MaxParallelism, len(cfg.Channels)))
		}
	}
	return w
}

// Receiver is the writer itself.
func (w *ColumnWriter) Receiver(int) any { return batch.ColumnReceiver(w) }

// Push deals the rows of b out. It reports whether there is room for another batch.
func (w *ColumnWriter) Push(b *batch.Columns) bool {
	n, rows := len(w.cfg.Channels), b.Len()
	if w.cfg.Strategy == graph.Broadcast && n > 1 {
		return w.broadcast(b)
	}
	if w.cfg.Strategy == graph.Keyed {
		w.fill(b)
		w.sample(b)
	}
	whole := rows >= batch.MaxRows/2 || b.Bytes() >= batch.ColumnBytesMax/2 || w.cfg.TimeoutNanos == 0
	switch {
	case n == 1 && whole && !isSparse(b):
		w.ship(0)
		w.send(0, b)
		return w.Resume()
	case n == 1:
		clear(w.targets(rows))
	case w.cfg.Strategy == graph.Keyed:
		w.routeByKey(b)
	case w.cfg.Strategy == graph.Rebalance, w.cfg.Strategy == graph.Rescale:
		if rows >= 64*n && !isSparse(b) {
			return w.wholeBatch(b)
		}
		w.routeInTurn(rows)
	case w.cfg.Strategy == graph.Shuffle:
		w.routeAtRandom(rows)
	default: // Global; Forward and Feedback have one channel
		clear(w.targets(rows))
	}
	w.scatter(b)
	b.Release()
	return w.Resume()
}

// isSparse reports whether a batch holds much memory for few rows: it is copied rather than passed on.
func isSparse(b *batch.Columns) bool { return b.Len() < b.N/4 }

// sample counts the keys of a few rows.
func (w *ColumnWriter) sample(b *batch.Columns) {
	n := b.Len()
	for ; w.until < n; w.until += w.skip() {
		place := w.until
		if b.Sel != nil {
			place = int(b.Sel[place])
		}
		if hash := b.Hashes[place]; w.hot.Add(hash) && w.text != nil {
			w.hot.Describe(hash, w.text(&b.Batch, place), w.consumer(hash))
		}
	}
	w.until -= n
}

//flott:hot
func (w *ColumnWriter) routeByKey(b *batch.Columns) {
	t, groups := w.targets(b.Len()), uint64(len(w.owner))
	if b.Sel == nil {
		for i, h := range b.Hashes {
			t[i] = w.owner[h>>32*groups>>32]
		}
		return
	}
	for i, p := range b.Sel {
		t[i] = w.owner[b.Hashes[p]>>32*groups>>32]
	}
}

// scatter appends the rows to the batches of their channels, and each mark to all.
func (w *ColumnWriter) scatter(b *batch.Columns) {
	for k := range w.places {
		w.places[k] = w.places[k][:0]
	}
	w.cuts = w.cuts[:0]
	from := 0
	for _, m := range b.Marks {
		w.deal(b, from, m.Row)
		from = m.Row
		for _, p := range w.places {
			w.cuts = append(w.cuts, len(p))
		}
	}
	w.deal(b, from, b.Len())
	for k := range w.places {
		w.fillChannel(b, k)
	}
	if w.cfg.TimeoutNanos == 0 {
		w.Flush()
	}
}

// deal notes the places of the rows [from, to) with their channels.
//
//flott:hot
func (w *ColumnWriter) deal(b *batch.Columns, from, to int) {
	if b.Sel != nil {
		for i := from; i < to; i++ {
			k := w.target[i]
			w.places[k] = append(w.places[k], b.Sel[i])
		}
		return
	}
	for i := from; i < to; i++ {
		k := w.target[i]
		w.places[k] = append(w.places[k], int32(i))
	}
}

// fillChannel appends the rows and marks of channel k to its batches.
func (w *ColumnWriter) fillChannel(b *batch.Columns, k int) {
	places, mark, at := w.places[k], 0, 0
	for at < len(places) || mark < len(b.Marks) {
		o := w.openFor(k)
		n := min(len(places)-at, o.Room())
		base := o.N - at // what a number of rows of the channel is in the batch
		o.AppendRows(b, places[at:at+n])
		at += n
		for ; mark < len(b.Marks); mark++ {
			cut := w.cuts[mark*len(w.places)+k]
			if cut > at {
				break
			}
			appendMark(o, batch.Mark{Row: base + cut, Time: b.Marks[mark].Time})
		}
		if o.Room() == 0 || o.Bytes() >= batch.ColumnBytesMax {
			w.ship(k)
		}
	}
}

// appendMark appends a mark that may stand between rows. It replaces an earlier one at the same row.
func appendMark(b *batch.Columns, m batch.Mark) {
	if k := len(b.Marks); k > 0 && b.Marks[k-1].Row == m.Row {
		b.Marks[k-1].Time = m.Time
		return
	}
	b.Marks = append(b.Marks, m)
}
