package connecttest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/metric"
)

// waitMax is how long a driver waits for a reader's goroutine before it gives the test up.
const waitMax = 20 * time.Second

// DefaultRows is the number of rows that fit one poll.
const DefaultRows = 7

// Driver runs the enumerator and the readers of a source on the goroutine of a test, with a clock
// that the test moves.
type Driver[T any] struct {
	// Metrics are those of all readers.
	Metrics *metric.Group

	t       testing.TB
	source  connect.Source[T]
	ctx     context.Context
	cancel  context.CancelFunc
	clock   *clock.Manual
	enum    connect.Enumerator
	readers []*reader[T]
	mail    []func()      // for the enumerator
	wake    chan struct{} // a reader's or a worker's goroutine has something
	conn    *connect.Output[T]
	pool    *batch.Pool[T]
	failed  error
	closed  bool

	checkpoint int64 // the number of the last snapshot
}

type reader[T any] struct {
	connect.Reader[T]
	mail   []func() error // deliveries
	splits map[string]bool
	noMore bool
	ended  bool
}

// Snapshot is the state of a source.
type Snapshot struct {
	// Enumerator is the enumerator's state.
	Enumerator []byte
	// Splits are those that readers had not finished.
	Splits []connect.Split
}

// NewDriver starts a source with a number of readers, from a snapshot unless it is nil. Splits of
// the snapshot are dealt out in turn, beginning with the last reader. The test's end closes it.
func NewDriver[T any](t testing.TB, source connect.Source[T], parallelism int, from *Snapshot,
) *Driver[T] {
	t.Helper()
	return newDriver(t, source, parallelism, from, clock.NewManual(time.Unix(1_700_000_000, 0)),
		DefaultRows)
}

func newDriver[T any](t testing.TB, source connect.Source[T], parallelism int, from *Snapshot,
	c *clock.Manual, rows int,
) *Driver[T] {
	t.Helper()
	d := &Driver[T]{
		t: t, source: source, clock: c, Metrics: &metric.Group{},
		wake: make(chan struct{}, 1), conn: connect.NewOutput[T](), pool: batch.NewPool[T](rows),
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	t.Cleanup(d.Close)
	for i := range parallelism {
		d.addReader(i, parallelism)
	}
	var state []byte
	if from != nil {
		state = from.Enumerator
		d.restore(from.Splits)
	}
	var err error
	if d.enum, err = source.Enumerator(enumContext[T]{d}, state); err != nil {
		d.failed = err
	}
	for i, r := range d.readers {
		if a, ok := d.enum.(connect.Attacher); ok {
			d.mail = append(d.mail, func() { a.Attached(i) })
		}
		if len(r.splits) == 0 {
			d.request(i)
		}
	}
	return d
}

func (d *Driver[T]) addReader(i, parallelism int) {
	d.t.Helper()
	r := &reader[T]{splits: map[string]bool{}}
	d.readers = append(d.readers, r)
	var err error
	r.Reader, err = d.source.Reader(connect.ReaderContext{
		Context: d.ctx, Subtask: i, Parallelism: parallelism, Metrics: d.Metrics,
		Now: d.clock.Now, Wake: d.notify,
		WakeAt:  func(t time.Time) { d.clock.AfterFunc(t.Sub(d.clock.Now()), d.notify) },
		Request: func() { d.request(i) },
	})
	if err != nil {
		d.t.Fatalf("make reader %d: %v", i, err)
	}
}

// restore deals splits out, beginning with the last reader, so that they move between readers.
func (d *Driver[T]) restore(splits []connect.Split) {
	p := len(d.readers)
	for k := range p {
		r := d.readers[p-1-k]
		var mine []connect.Split
		for j := k; j < len(splits); j += p {
			mine = append(mine, splits[j])
			r.splits[splits[j].ID] = true
		}
		if len(mine) == 0 {
			continue
		}
		if err := r.Assign(mine); err != nil {
			d.t.Fatalf("assign restored splits: %v", err)
		}
	}
}

func (d *Driver[T]) notify() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *Driver[T]) request(subtask int) {
	d.mail = append(d.mail, func() { d.enum.Request(subtask) })
}

// Deliver handles what the enumerator and the readers have sent each other.
func (d *Driver[T]) Deliver() error {
	for again := true; again && d.failed == nil; {
		again = len(d.mail) > 0
		mail := d.mail
		d.mail = nil
		for _, f := range mail {
			f()
		}
		for _, r := range d.readers {
			deliveries := r.mail
			r.mail = nil
			for _, f := range deliveries {
				again = true
				if err := f(); err != nil && d.failed == nil {
					d.failed = err
				}
			}
		}
	}
	return d.failed
}

// Batch is the result of a poll.
type Batch[T any] struct {
	Records  []T
	Split    string
	Finished bool
	Status   connect.Status
}

// Poll delivers and polls one reader.
func (d *Driver[T]) Poll(subtask int) (Batch[T], error) {
	d.t.Helper()
	if err := d.Deliver(); err != nil {
		return Batch[T]{}, err
	}
	r, rows := d.readers[subtask], d.pool.Get()
	d.conn.Reset(rows)
	status, err := r.Reader.Poll(d.conn)
	split, done := d.conn.Current()
	b := Batch[T]{append([]T(nil), rows.Vals...), split, done, status}
	rows.Release()
	if err != nil {
		return b, err
	}
	if (len(b.Records) > 0 || done) && !r.splits[split] {
		d.t.Fatalf("reader %d emits records of split %q, which it does not have", subtask, split)
	}
	if done {
		delete(r.splits, split)
	}
	if status == connect.Ended {
		r.ended = true
		if len(r.splits) > 0 {
			d.t.Fatalf("reader %d ended with unfinished splits %v", subtask, r.splits)
		}
	}
	return b, nil
}

// step polls each reader once and reports whether any made progress.
func (d *Driver[T]) step(take func(Batch[T])) (progress bool, err error) {
	for i, r := range d.readers {
		if r.ended {
			continue
		}
		b, err := d.Poll(i)
		if err != nil {
			return false, err
		}
		progress = progress || len(b.Records) > 0 || b.Finished || b.Status != connect.Waiting
		take(b)
	}
	return progress || len(d.mail) > 0, nil
}

// Ended reports whether all readers have ended.
func (d *Driver[T]) Ended() bool {
	for _, r := range d.readers {
		if !r.ended {
			return false
		}
	}
	return true
}

// Read polls until all readers have ended, or max records are read unless max is 0. It moves the
// clock when all readers wait for it.
func (d *Driver[T]) Read(max int) (records []T, err error) {
	d.t.Helper()
	for !d.Ended() && (max == 0 || len(records) < max) {
		progress, err := d.step(func(b Batch[T]) { records = append(records, b.Records...) })
		if err != nil {
			return records, err
		}
		if !progress {
			d.Wait()
		}
	}
	return records, nil
}

// Wait returns when a reader or a worker wakes the driver. When nothing does at once, it moves the
// clock on, first in small steps and then ever faster, to see whether that is what they wait for.
func (d *Driver[T]) Wait() {
	d.t.Helper()
	woken := func() bool {
		select {
		case <-d.wake:
			return true
		default:
			return len(d.mail) > 0
		}
	}
	const step = 10 * time.Millisecond
	for range 1000 {
		if woken() {
			return
		}
		d.clock.Advance(step)
	}
	timeout := time.NewTimer(waitMax)
	defer timeout.Stop()
	for by := step; !woken(); by = min(2*by, time.Hour) {
		select {
		case <-d.wake:
			return
		case <-timeout.C:
			d.t.Fatal("all readers wait, and nothing wakes them")
		case <-time.After(time.Millisecond):
			d.clock.Advance(by)
		}
	}
}

// Now is the driver's time.
func (d *Driver[T]) Now() time.Time { return d.clock.Now() }

// Advance moves the clock.
func (d *Driver[T]) Advance(by time.Duration) { d.clock.Advance(by) }

// Snapshot takes the state of the source between two polls.
func (d *Driver[T]) Snapshot() *Snapshot {
	d.t.Helper()
	if err := d.Deliver(); err != nil {
		d.t.Fatalf("before a snapshot: %v", err)
	}
	d.checkpoint++
	s := &Snapshot{}
	var err error
	if s.Enumerator, err = d.enum.Snapshot(); err != nil {
		d.t.Fatalf("enumerator's snapshot: %v", err)
	}
	if s.Enumerator == nil {
		s.Enumerator = []byte{}
	}
	seen := map[string]bool{}
	for i, r := range d.readers {
		splits, err := r.Reader.Snapshot()
		if err != nil {
			d.t.Fatalf("snapshot of reader %d: %v", i, err)
		}
		if l, ok := r.Reader.(connect.CheckpointListener); ok {
			l.Snapshotted(d.checkpoint)
		}
		if len(splits) != len(r.splits) {
			d.t.Fatalf("reader %d has %v, but its snapshot is of %v", i, r.splits, splits)
		}
		for _, sp := range splits {
			if !r.splits[sp.ID] || seen[sp.ID] {
				d.t.Fatalf("reader %d: split %q of its snapshot is finished, twice or not its own",
					i, sp.ID)
			}
			seen[sp.ID] = true
			s.Splits = append(s.Splits, connect.Split{ID: sp.ID, Data: append([]byte(nil), sp.Data...)})
		}
	}
	return s
}

// Complete tells the readers that the last snapshot is a complete checkpoint.
func (d *Driver[T]) Complete() {
	for _, r := range d.readers {
		if l, ok := r.Reader.(connect.CheckpointListener); ok {
			l.Completed(d.checkpoint)
		}
	}
}

// Close closes the readers and the enumerator, once.
func (d *Driver[T]) Close() {
	if d.closed {
		return
	}
	d.closed = true
	d.cancel()
	for i, r := range d.readers {
		if r.Reader == nil {
			continue
		}
		if err := r.Reader.Close(); err != nil {
			d.t.Errorf("close reader %d: %v", i, err)
		}
	}
	if d.enum != nil {
		if err := d.enum.Close(); err != nil {
			d.t.Errorf("close enumerator: %v", err)
		}
	}
}

// enumContext is the driver as its enumerator sees it.
type enumContext[T any] struct{ d *Driver[T] }

func (c enumContext[T]) Context() context.Context { return c.d.ctx }
func (c enumContext[T]) Parallelism() int         { return len(c.d.readers) }
func (c enumContext[T]) Fail(err error)           { c.d.failed = err }

func (c enumContext[T]) Assign(subtask int, splits ...connect.Split) {
	r := c.d.readers[subtask]
	r.mail = append(r.mail, func() error {
		if r.noMore {
			return fmt.Errorf("a split is assigned to reader %d, which was to get no more", subtask)
		}
		for _, s := range splits {
			r.splits[s.ID] = true
		}
		return r.Assign(splits)
	})
}

func (c enumContext[T]) NoMoreSplits(subtask int) {
	r := c.d.readers[subtask]
	r.mail = append(r.mail, func() error {
		r.noMore = true
		r.NoMoreSplits()
		return nil
	})
}

// Go does the work at once: tests of enumerators want no goroutine of their own.
func (c enumContext[T]) Go(work func(ctx context.Context) error, done func(error)) {
	err := work(c.d.ctx)
	c.d.mail = append(c.d.mail, func() { done(err) })
}

func (c enumContext[T]) After(by time.Duration, f func()) {
	c.d.clock.AfterFunc(by, func() { c.d.mail = append(c.d.mail, f) })
}

// PollAllocs is the number of allocations of a poll with full batches, in the steady state of an
// endless source that is always ready.
func PollAllocs[T any](t testing.TB, source connect.Source[T]) float64 {
	t.Helper()
	d := newDriver(t, source, 1, nil, clock.NewManual(time.Unix(1_700_000_000, 0)), 1024)
	if err := d.Deliver(); err != nil {
		t.Fatal(err)
	}
	return testing.AllocsPerRun(100, func() {
		rows := d.pool.Get()
		d.conn.Reset(rows)
		if _, err := d.readers[0].Reader.Poll(d.conn); err != nil {
			t.Fatal(err)
		}
		rows.Release()
	})
}

// Backlog is what is not read yet: of all readers, and what the enumerator has not assigned. ok is false if they do not tell it.
func (d *Driver[T]) Backlog() (all connect.Backlog, ok bool) {
	for _, r := range d.readers {
		b, tells := r.Reader.(connect.Backlogged)
		if !tells {
			return all, false
		}
		all = all.Plus(b.Backlog())
	}
	if b, tells := d.enum.(connect.Backlogged); tells {
		all = all.Plus(b.Backlog())
	}
	return all, true
}
