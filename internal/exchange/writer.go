package exchange

import (
	"fmt"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
)

// Partitioner describes how an edge deals rows out.
type Partitioner[T any] struct {
	// Key is the schema of the key; for Keyed.
	Key codec.Schema
	// Keys fills dst with the key column of rows (see batch.Rows.Keys); for Keyed.
	Keys func(dst []uint64, rows []T)
	// Hash is the hash of a key column's entry; nil where Keys makes hashes.
	Hash func(word uint64) uint64
	// Encode appends the canonical encoding of a row's key, which is ordered and no prefix of another;
	// for Keyed in batch mode.
	Encode func(dst []byte, v *T) []byte
	// Text is how the key of a row is shown; for Keyed.
	Text func(v *T) string
	// Custom picks one of n channels; for Custom.
	Custom func(v T, n int) int
}

// WriterConfig is what a Writer needs to know of its edge.
type WriterConfig struct {
	Channels       []*Channel
	Strategy       graph.Strategy
	MaxParallelism int
	Subtask        int
	Seed           uint64
	TimeoutNanos   int64        // longest time to hold records back; negative: until full
	Now            func() int64 // the task's clock, in nanoseconds, read once a step
}

// Writer is the end of a chain: it deals rows out to channels.
type Writer[T any] struct {
	writer[*batch.Rows[T]]
	part   Partitioner[T]
	beside []Companion
}

// Companion is another Writer of the task, whose channels lead to the same consumers.
type Companion interface {
	// Ship ships what is held back for a consumer.
	Ship(consumer int)
	// Accompany adds a Companion.
	Accompany(c Companion)
}

// NewWriter returns the writer of one subtask.
func NewWriter[T any](part Partitioner[T], pool *batch.Pool[T], cfg WriterConfig) *Writer[T] {
	if pool == nil {
		pool = batch.NewPool[T](0)
	}
	return &Writer[T]{writer: makeWriter(cfg, pool.Get), part: part}
}

// Accompany has c ship whenever w has filled a batch for a consumer. Rows that belong together, as those of a join, come at about the same
// time then, however many more there are of one kind than of the other.
func (w *Writer[T]) Accompany(c Companion) { w.beside = append(w.beside, c) }

// Ship ships what is held back for a consumer.
func (w *Writer[T]) Ship(consumer int) { w.ship(consumer) }

// shipFull ships a batch that is full, behind what the companions have.
func (w *Writer[T]) shipFull(i int) {
	for _, c := range w.beside {
		c.Ship(i)
	}
	w.ship(i)
}

// Receiver is the writer itself.
func (w *Writer[T]) Receiver(int) any { return batch.Receiver[T](w) }

// Push deals the rows of b out. It reports whether there is room for another batch.
func (w *Writer[T]) Push(b *batch.Rows[T]) bool {
	n := len(w.cfg.Channels)
	if w.cfg.Strategy == graph.Broadcast && n > 1 {
		return w.broadcast(b)
	}
	if w.cfg.Strategy == graph.Keyed {
		w.fillKeys(b)
		w.sample(b)
	}
	if n == 1 {
		return w.passOn(b)
	}
	switch w.cfg.Strategy {
	case graph.Keyed:
		w.routeByKey(b)
	case graph.Rebalance, graph.Rescale:
		if len(b.Vals) >= 64*n {
			return w.wholeBatch(b)
		}
		w.routeInTurn(len(b.Vals))
	case graph.Shuffle:
		w.routeAtRandom(len(b.Vals))
	case graph.Custom:
		w.routeCustom(b)
	default: // Global; Forward and Feedback have one channel
		clear(w.targets(len(b.Vals)))
	}
	w.scatter(b)
	b.Release()
	return w.Resume()
}

// passOn hands b over as it is: the only channel's consumer sees the producer's own batch. Small
// batches are gathered first.
func (w *Writer[T]) passOn(b *batch.Rows[T]) bool {
	if o := w.open[0]; o != nil || len(b.Vals) < cap(b.Vals)/2 {
		if o == nil && w.cfg.TimeoutNanos != 0 && b.Sole() {
			w.open[0] = b
			w.hold()
			return true
		}
		if o != nil && len(o.Vals)+len(b.Vals) <= cap(o.Vals) && o.Sole() {
			appendRows(o, b)
			b.Release()
			if o.Full() || w.cfg.TimeoutNanos == 0 {
				w.shipFull(0)
			}
			return w.Resume()
		}
	}
	w.shipFull(0)
	w.send(0, b)
	return w.Resume()
}

func appendRows[T any](to, from *batch.Rows[T]) {
	base := len(to.Vals)
	to.Vals = append(to.Vals, from.Vals...)
	to.Times = append(to.Times, from.Times...)
	if from.Keys != nil {
		before := to.Keys // not in the batch's own store if it was shared when fillKeys made them
		column := to.KeyColumn()
		clear(column[copy(column[:base], before):base])
		copy(column[base:], from.Keys)
	}
	for _, m := range from.Marks {
		to.Marks = append(to.Marks, batch.Mark{Row: base + m.Row, Time: m.Time})
	}
}

func (w *Writer[T]) fillKeys(b *batch.Rows[T]) {
	if b.Sole() {
		w.part.Keys(b.KeyColumn(), b.Vals)
		return
	}
	// Shared columns are read-only: the keys go into the header's own column.
	keys := make([]uint64, len(b.Vals))
	w.part.Keys(keys, b.Vals)
	b.Keys = keys
}

func (w *Writer[T]) routeByKey(b *batch.Rows[T]) {
	t := w.targets(len(b.Vals))
	groups, n := uint64(w.cfg.MaxParallelism), len(w.open)
	for i, h := range b.Keys {
		if w.part.Hash != nil {
			h = w.part.Hash(h)
		}
		kg := int(h >> 32 * groups >> 32)
		t[i] = int32(operator.SubtaskOf(kg, int(groups), n))
	}
}

// sample counts the keys of a few rows.
func (w *Writer[T]) sample(b *batch.Rows[T]) {
	n := len(b.Keys)
	for ; w.until < n; w.until += w.skip() {
		key := b.Keys[w.until]
		if !w.hot.Add(key) || w.part.Text == nil {
			continue
		}
		hash := key
		if w.part.Hash != nil {
			hash = w.part.Hash(key)
		}
		w.hot.Describe(key, w.part.Text(&b.Vals[w.until]), w.consumer(hash))
	}
	w.until -= n
}

func (w *Writer[T]) routeCustom(b *batch.Rows[T]) {
	t, n := w.targets(len(b.Vals)), len(w.open)
	for i := range t {
		k := w.part.Custom(b.Vals[i], n)
		if k < 0 || k >= n {
			panic(fmt.Errorf("the custom partitioner returned channel %d of %d for record %s",
				k, n, operator.Render(b.Vals[i])))
		}
		t[i] = int32(k)
	}
}

// scatter appends each row to the batch of its target channel, and each mark to all.
func (w *Writer[T]) scatter(b *batch.Rows[T]) {
	from := 0
	for _, m := range b.Marks {
		w.scatterRun(b, from, m.Row)
		from = m.Row
		for i := range w.open {
			w.openFor(i).Mark(m.Time)
		}
	}
	w.scatterRun(b, from, len(b.Vals))
	if w.cfg.TimeoutNanos == 0 {
		w.Flush()
	}
}

func (w *Writer[T]) scatterRun(b *batch.Rows[T], from, to int) {
	keyed := b.Keys != nil
	for i := from; i < to; i++ {
		k := w.target[i]
		o := w.open[k]
		if o == nil {
			o = w.openFor(int(k))
		}
		n := len(o.Vals)
		o.Vals = append(o.Vals, b.Vals[i])
		o.Times = append(o.Times, b.Times[i])
		if keyed {
			if o.Keys == nil {
				o.KeyColumn()
			}
			o.Keys = append(o.Keys[:n], b.Keys[i])
		}
		if n+1 == cap(o.Vals) {
			w.shipFull(int(k))
		}
	}
}
