package exchange

import (
	"fmt"
	"math/rand/v2"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/hotkey"
	"github.com/flott-dev/flott/internal/operator"
)

// writer is what writers of rows and of columns share: batches being filled for the channels.
type writer[B batch.Carried[B]] struct {
	cfg      WriterConfig
	get      func() B
	open     []B // batch being filled for each channel, nil when none
	held     int64
	turn     int
	rng      *rand.Rand
	target   []int32
	overdraw int64 // bytes that may yet be sent without room, 0 for none
	rowsOut  int64
	bytesOut int64
	hot      *hotkey.Sketch // of a keyed edge, nil for others
	until    int            // rows to the next one that is added to it
}

func makeWriter[B batch.Carried[B]](cfg WriterConfig, get func() B) writer[B] {
	w := writer[B]{
		cfg: cfg, get: get, open: make([]B, len(cfg.Channels)),
		turn: cfg.Subtask % max(1, len(cfg.Channels)),
		rng:  rand.New(rand.NewPCG(cfg.Seed, uint64(cfg.Subtask))),
	}
	if cfg.Strategy == graph.Keyed {
		w.hot = &hotkey.Sketch{}
	}
	return w
}

// Open does nothing.
func (w *writer[B]) Open(*operator.Context) error { return nil }

// Connect is an error: a writer ends its chain.
func (w *writer[B]) Connect(string, any) error { return fmt.Errorf("an exchange writer has no output") }

// Snapshot has nothing to write: what is held back was flushed before the barrier.
func (w *writer[B]) Snapshot(*operator.Snapshot) error { return nil }

// Close releases what is held back.
func (w *writer[B]) Close() error {
	var none B
	for i, b := range w.open {
		if b != none {
			b.Release()
			w.open[i] = none
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
func (w *writer[B]) Overdraw(on bool) {
	w.overdraw = 0
	if on {
		w.overdraw = overdrawMax
	}
}

// Resume reports whether all channels have room.
func (w *writer[B]) Resume() bool {
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

func (w *writer[B]) send(i int, b B) {
	n := int64(b.Bytes())
	w.rowsOut += int64(b.Len())
	w.bytesOut += n
	w.overdraw = max(0, w.overdraw-n)
	w.cfg.Channels[i].Send(b)
}

func (w *writer[B]) broadcast(b B) bool {
	for i := 1; i < len(w.cfg.Channels); i++ {
		w.send(i, b.Share())
	}
	w.send(0, b)
	return w.Resume()
}

// wholeBatch sends b to the next channel and the marks to all others.
func (w *writer[B]) wholeBatch(b B) bool {
	marks := *b.MarkList()
	for i := range w.open {
		if i != w.turn && len(marks) > 0 {
			w.openFor(i).Mark(marks[len(marks)-1].Time)
		}
	}
	w.ship(w.turn)
	w.send(w.turn, b)
	w.turn = (w.turn + 1) % len(w.open)
	return w.Resume()
}

func (w *writer[B]) targets(n int) []int32 {
	if cap(w.target) < n {
		w.target = make([]int32, n)
	}
	w.target = w.target[:n]
	return w.target
}

func (w *writer[B]) routeInTurn(rows int) {
	t := w.targets(rows)
	for i := range t {
		t[i] = int32(w.turn)
		if w.turn++; w.turn == len(w.open) {
			w.turn = 0
		}
	}
}

func (w *writer[B]) routeAtRandom(rows int) {
	t := w.targets(rows)
	for i := range t {
		t[i] = int32(w.rng.IntN(len(w.open)))
	}
}

func (w *writer[B]) openFor(i int) B {
	var none B
	if w.open[i] == none {
		w.open[i] = w.get()
		w.hold()
	}
	return w.open[i]
}

func (w *writer[B]) hold() {
	if w.held == 0 {
		w.held = max(1, w.cfg.Now()) // 0 means that nothing is held back
	}
}

func (w *writer[B]) ship(i int) {
	var none B
	if b := w.open[i]; b != none {
		w.open[i] = none
		w.send(i, b)
	}
}

// Flush ships everything that is held back.
func (w *writer[B]) Flush() {
	for i := range w.open {
		w.ship(i)
	}
	w.held = 0
}

// Held tells since when records are held back.
func (w *writer[B]) Held() int64 { return w.held }

// Timeout is the longest time to hold records back.
func (w *writer[B]) Timeout() int64 { return w.cfg.TimeoutNanos }

// Control flushes and passes the element to all channels.
func (w *writer[B]) Control(c operator.Control) {
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

// HotKeys is the sketch of the keys, nil if the edge is not keyed. Its task adds to it, and any goroutine may read it.
func (w *writer[B]) HotKeys() *hotkey.Sketch { return w.hot }

// skip is how many rows pass until another one is sampled: any number, so that no pattern of keys goes along with it.
func (w *writer[B]) skip() int { return 1 + int(w.rng.Uint64()%(2*hotkey.Stride-1)) }

// consumer is the subtask that gets the rows whose key has a hash.
func (w *writer[B]) consumer(hash uint64) int {
	groups := w.cfg.MaxParallelism
	return operator.SubtaskOf(int(hash>>32*uint64(groups)>>32), groups, len(w.open))
}

// Sent is the number of rows and bytes shipped so far.
func (w *writer[B]) Sent() (rows, bytes int64) { return w.rowsOut, w.bytesOut }
