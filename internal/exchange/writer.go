package exchange

import (
	"fmt"
	"math/rand/v2"

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
	part     Partitioner[T]
	cfg      WriterConfig
	pool     *batch.Pool[T]
	open     []*batch.Rows[T] // batch being filled for each channel, nil when none
	held     int64
	turn     int
	rng      *rand.Rand
	target   []int32
	overdraw int64 // bytes that may yet be sent without room, 0 for none
	rowsOut  int64
	bytesOut int64
}

// NewWriter returns the writer of one subtask.
func NewWriter[T any](part Partitioner[T], pool *batch.Pool[T], cfg WriterConfig) *Writer[T] {
	if pool == nil {
		pool = batch.NewPool[T](0)
	}
	w := &Writer[T]{part: part, cfg: cfg, pool: pool}
	w.open = make([]*batch.Rows[T], len(cfg.Channels))
	w.turn = cfg.Subtask % max(1, len(cfg.Channels))
	w.rng = rand.New(rand.NewPCG(cfg.Seed, uint64(cfg.Subtask)))
	return w
}

// Open does nothing.
func (w *Writer[T]) Open(*operator.Context) error { return nil }

// Receiver is the writer itself.
func (w *Writer[T]) Receiver(int) any { return batch.Receiver[T](w) }

// Connect is an error: a writer ends its chain.
func (w *Writer[T]) Connect(string, any) error { return fmt.Errorf("an exchange writer has no output") }

// Snapshot has nothing to write: what is held back was flushed before the barrier.
func (w *Writer[T]) Snapshot(*operator.Snapshot) error { return nil }

// Close releases what is held back.
func (w *Writer[T]) Close() error {
	for i, b := range w.open {
		if b != nil {
			b.Release()
			w.open[i] = nil
		}
	}
	for _, c := range w.cfg.Channels {
		c.Abandon()
	}
	return nil
}

// overdrawMax is how many bytes a writer sends without room to let an unaligned barrier through.
const overdrawMax = 16 << 20

// Overdraw begins or ends sending without room.
func (w *Writer[T]) Overdraw(on bool) {
	w.overdraw = 0
	if on {
		w.overdraw = overdrawMax
	}
}

// Resume reports whether all channels have room.
func (w *Writer[T]) Resume() bool {
	if w.overdraw > 0 {
		return true
	}
	for _, c := range w.cfg.Channels {
		if !c.Room() {
			return false
		}
	}
	return true
}

// Push deals the rows of b out. It reports whether there is room for another batch.
func (w *Writer[T]) Push(b *batch.Rows[T]) bool {
	n := len(w.cfg.Channels)
	if w.cfg.Strategy == graph.Broadcast && n > 1 {
		return w.broadcast(b)
	}
	if w.cfg.Strategy == graph.Keyed {
		w.fillKeys(b)
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
		w.routeInTurn(b)
	case graph.Shuffle:
		w.routeAtRandom(b)
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
				w.ship(0)
			}
			return w.Resume()
		}
		w.ship(0)
	}
	w.send(0, b)
	return w.Resume()
}

func (w *Writer[T]) send(i int, b *batch.Rows[T]) {
	n := int64(b.Bytes())
	w.rowsOut += int64(len(b.Vals))
	w.bytesOut += n
	w.overdraw = max(0, w.overdraw-n)
	w.cfg.Channels[i].Send(b)
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

func (w *Writer[T]) broadcast(b *batch.Rows[T]) bool {
	for i := 1; i < len(w.cfg.Channels); i++ {
		w.send(i, b.Share())
	}
	w.send(0, b)
	return w.Resume()
}

// wholeBatch sends b to the next channel and the marks to all others.
func (w *Writer[T]) wholeBatch(b *batch.Rows[T]) bool {
	for i := range w.open {
		if i != w.turn && len(b.Marks) > 0 {
			w.openFor(i).Mark(b.Marks[len(b.Marks)-1].Time)
		}
	}
	w.ship(w.turn)
	w.send(w.turn, b)
	w.turn = (w.turn + 1) % len(w.open)
	return w.Resume()
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

func (w *Writer[T]) targets(n int) []int32 {
	if cap(w.target) < n {
		w.target = make([]int32, n)
	}
	w.target = w.target[:n]
	return w.target
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

func (w *Writer[T]) routeInTurn(b *batch.Rows[T]) {
	t := w.targets(len(b.Vals))
	for i := range t {
		t[i] = int32(w.turn)
		if w.turn++; w.turn == len(w.open) {
			w.turn = 0
		}
	}
}

func (w *Writer[T]) routeAtRandom(b *batch.Rows[T]) {
	t := w.targets(len(b.Vals))
	for i := range t {
		t[i] = int32(w.rng.IntN(len(w.open)))
	}
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
			w.ship(int(k))
		}
	}
}

func (w *Writer[T]) openFor(i int) *batch.Rows[T] {
	if w.open[i] == nil {
		w.open[i] = w.pool.Get()
		w.hold()
	}
	return w.open[i]
}

func (w *Writer[T]) hold() {
	if w.held == 0 {
		w.held = max(1, w.cfg.Now()) // 0 means that nothing is held back
	}
}

func (w *Writer[T]) ship(i int) {
	if b := w.open[i]; b != nil {
		w.open[i] = nil
		w.send(i, b)
	}
}

// Flush ships everything that is held back.
func (w *Writer[T]) Flush() {
	for i := range w.open {
		w.ship(i)
	}
	w.held = 0
}

// Held tells since when records are held back.
func (w *Writer[T]) Held() int64 { return w.held }

// Timeout is the longest time to hold records back.
func (w *Writer[T]) Timeout() int64 { return w.cfg.TimeoutNanos }

// Control flushes and passes the element to all channels.
func (w *Writer[T]) Control(c operator.Control) {
	if c.Kind == operator.EndOfInput && c.Input >= 0 {
		return // the end of one of several inputs concerns this operator's chain only
	}
	if c.Kind == operator.EndOfKey {
		return // what is sent on is sorted anew
	}
	w.Flush()
	for _, ch := range w.cfg.Channels {
		ch.Control(c)
	}
}

// Sent is the number of rows and bytes shipped so far.
func (w *Writer[T]) Sent() (rows, bytes int64) { return w.rowsOut, w.bytesOut }
