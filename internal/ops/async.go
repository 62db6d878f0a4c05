package ops

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
)

// AsyncConfig is what an Async is made of. All fields are resolved: nothing stands for a default.
type AsyncConfig[T, O any] struct {
	Call     func(ctx context.Context, v T, emit func(O)) error
	Ordered  bool
	Capacity int           // records in flight
	Timeout  time.Duration // of a record with all its attempts; 0 is none
	// OnTimeout makes the results of a record whose time is up; nil fails the job.
	OnTimeout func(v T, emit func(O)) error
	Retry     AsyncRetry
	Codec     *codec.Codec[T] // of the records in flight, which are state
}

// AsyncRetry says when and how often a failed call is repeated.
type AsyncRetry struct {
	Attempts int // calls in all, at least 1
	Delay    time.Duration
	Backoff  float64 // factor from one delay to the next, at least 1
	MaxDelay time.Duration
	If       func(error) bool // nil: any error
}

// Async calls a function for each record on other goroutines and emits the results.
//
// A record in flight sits in a segment. Results leave a segment in the order in which they come,
// segments leave in order, and a watermark closes the segment before it:
//
//	unordered   [a b c ▸10] [d e ▸20] [f g          one segment between two watermarks
//	ordered     [a] [b] [c ▸10] [d] [e ▸20] [f] [g] one segment for each record
//
// So no result overtakes a watermark, nor a watermark a result. The queue is bounded by Capacity:
// when it is full, Rows returns early, and a completion, which arrives as mail, wakes the task.
//
// Nothing is emitted between Control of a barrier and Snapshot: such a result would follow the
// barrier and be missing from the state, which has what is in flight.
type Async[T, O any] struct {
	Step[T, O]
	cfg *AsyncConfig[T, O]

	segments []*asyncSegment[T, O]
	inflight int
	backlog  []asyncRecord[T] // restored, not issued yet for lack of capacity
	frozen   bool             // between a barrier and its snapshot
	draining bool             // a control element must not overtake what is in flight
	taken    []asyncResult[T, O]

	pool   asyncPool[T, O]
	done   asyncDone[T, O]
	ctx    context.Context
	cancel context.CancelFunc
}

type asyncRecord[T any] struct {
	v    T
	time int64
}

type asyncItem[T, O any] struct {
	asyncRecord[T]
	segment *asyncSegment[T, O]
	ctx     context.Context
	release func() // ends ctx and the timer
	out     []O
	settled bool // has a result, or its time is up
	emitted bool
}

type asyncSegment[T, O any] struct {
	items  []*asyncItem[T, O] // in order of arrival, perhaps with emitted ones among them
	live   int                // items not emitted
	ready  []*asyncItem[T, O] // settled and not emitted, in order of completion
	closed bool
	marked bool
	mark   int64 // watermark after the segment, if marked
}

type asyncResult[T, O any] struct {
	item    *asyncItem[T, O]
	out     []O
	err     error
	stack   string // of a panic
	timeout bool
}

const asyncState = "in flight"

// NewAsync returns the operator of one subtask.
func NewAsync[T, O any](cfg *AsyncConfig[T, O]) *Async[T, O] {
	a := &Async[T, O]{cfg: cfg}
	a.InitStep(a)
	return a
}

// Open issues the records that were in flight when the snapshot was taken.
func (a *Async[T, O]) Open(ctx *operator.Context) error {
	a.Ctx = ctx
	a.ctx, a.cancel = context.WithCancel(ctx.Cancelled)
	a.pool.init(a.cfg.Capacity, a.perform)
	a.pool.elsewhere = ctx.Go
	a.done.mail = func() { ctx.Mail(a.collect) }
	if ctx.Restored == nil {
		return nil
	}
	decode, err := operator.Decoding(ctx, operator.Items{Name: asyncState}, a.cfg.Codec)
	if err != nil {
		return err
	}
	for _, data := range ctx.Restored.List[asyncState] {
		for len(data) > 0 {
			t, rest, err := takeInt(data)
			if err != nil {
				return err
			}
			r := asyncRecord[T]{time: t}
			if data, err = decode(rest, &r.v); err != nil {
				return fmt.Errorf("restore a record in flight: %w", err)
			}
			a.backlog = append(a.backlog, r)
		}
	}
	a.issueBacklog()
	return nil
}

// Rows issues a run, until the capacity is used up.
func (a *Async[T, O]) Rows(b *batch.Rows[T], from, to int) int {
	for i := from; i < to; i++ {
		a.At(i)
		if a.full() {
			a.collect()
			a.emit()
			if a.full() {
				return i
			}
		}
		a.issue(asyncRecord[T]{b.Vals[i], b.Times[i]})
	}
	return to
}

func (a *Async[T, O]) full() bool {
	return a.inflight >= a.cfg.Capacity || len(a.backlog) > 0
}

// Watermark puts the watermark behind the records in flight.
func (a *Async[T, O]) Watermark(t int64) bool {
	if len(a.backlog) > 0 {
		return false
	}
	if len(a.segments) == 0 {
		a.Out.MarkAll(t)
		return true
	}
	last := a.segments[len(a.segments)-1]
	last.closed, last.marked, last.mark = true, true, t
	return true
}

// Resume emits what has been completed, then goes on with the pending batch. It reports false while
// a control element waits for what is in flight.
func (a *Async[T, O]) Resume() bool {
	if !a.Out.Drain() {
		return false
	}
	if a.frozen {
		return true
	}
	a.emit()
	if !a.Out.Flush() || !a.OneInput.Resume() {
		return false
	}
	if a.draining && a.inflight+len(a.backlog) > 0 {
		return false
	}
	a.draining = false
	return true
}

// Control holds the elements that must not overtake records back until nothing is in flight.
func (a *Async[T, O]) Control(c operator.Control) {
	switch c.Kind {
	case operator.Barrier:
		a.frozen = true
	case operator.EndOfInput, operator.Idle, operator.Epoch, operator.Wave:
		a.draining = true
	}
}

// Snapshot writes the records in flight, in order. They are one item, so that they stay together.
func (a *Async[T, O]) Snapshot(w *operator.Snapshot) error {
	a.frozen = false
	var data []byte
	add := func(r *asyncRecord[T]) {
		data = a.cfg.Codec.Append(appendInt(data, r.time), &r.v)
	}
	for _, s := range a.segments {
		for _, item := range s.items {
			if !item.emitted {
				add(&item.asyncRecord)
			}
		}
	}
	for i := range a.backlog {
		add(&a.backlog[i])
	}
	if fault.Seeded(fault.SkipInFlightCalls) {
		return nil
	}
	w.DescribeItems(operator.ListItems, asyncState, a.cfg.Codec.Schema())
	w.List(asyncState, data)
	return nil
}

// Completed ends the time between a barrier and its snapshot, should there have been none.
func (a *Async[T, O]) Completed(int64) error {
	a.frozen = false
	return nil
}

// Aborted is like Completed: another operator's snapshot may have failed before this one's.
func (a *Async[T, O]) Aborted(int64) { a.frozen = false }

// Close cancels the calls and waits for them.
func (a *Async[T, O]) Close() error {
	if a.cancel == nil {
		return nil
	}
	a.cancel()
	a.pool.stop()
	for _, s := range a.segments {
		for _, item := range s.items {
			item.release()
		}
	}
	return nil
}

func (a *Async[T, O]) issueBacklog() {
	for len(a.backlog) > 0 && a.inflight < a.cfg.Capacity {
		a.issue(a.backlog[0])
		a.backlog = a.backlog[1:]
	}
}

func (a *Async[T, O]) issue(r asyncRecord[T]) {
	item := &asyncItem[T, O]{asyncRecord: r}
	ctx, cancel := context.WithCancel(a.ctx)
	item.ctx, item.release = ctx, cancel
	if a.cfg.Timeout > 0 {
		// The result is posted before the call is cancelled, so that it comes before the call's own.
		stop := a.Ctx.Clock.AfterFunc(a.cfg.Timeout, func() {
			a.done.post(asyncResult[T, O]{item: item, timeout: true})
			cancel()
		})
		item.release = func() {
			stop()
			cancel()
		}
	}
	s := a.openSegment()
	item.segment = s
	s.items = append(s.items, item)
	s.live++
	a.inflight++
	a.pool.submit(item)
}

func (a *Async[T, O]) openSegment() *asyncSegment[T, O] {
	if n := len(a.segments); n > 0 && !a.segments[n-1].closed {
		return a.segments[n-1]
	}
	s := &asyncSegment[T, O]{closed: a.cfg.Ordered}
	a.segments = append(a.segments, s)
	return s
}

// collect takes the results that have come and puts them into their segments.
func (a *Async[T, O]) collect() {
	a.taken = a.done.take(a.taken)
	for i := range a.taken {
		a.settle(&a.taken[i])
		a.taken[i] = asyncResult[T, O]{}
	}
}

func (a *Async[T, O]) settle(r *asyncResult[T, O]) {
	item := r.item
	if item.settled {
		return
	}
	item.settled = true
	item.release()
	if r.timeout {
		a.Ctx.Metrics.Counter("timeouts").Add(1)
		a.fallBack(r)
	}
	if r.err != nil {
		e := a.Ctx.NewError(r.err, item.v)
		e.Stack = r.stack
		panic(e)
	}
	item.out = r.out
	item.segment.ready = append(item.segment.ready, item)
}

// fallBack makes the result of a record whose time is up.
func (a *Async[T, O]) fallBack(r *asyncResult[T, O]) {
	if a.cfg.OnTimeout == nil {
		r.err = fmt.Errorf("no result after %v: %w", a.cfg.Timeout, context.DeadlineExceeded)
		return
	}
	r.err = a.cfg.OnTimeout(r.item.v, func(v O) { r.out = append(r.out, v) })
}

// emit passes on what may go, until the output is blocked, and issues the backlog.
func (a *Async[T, O]) emit() {
	for len(a.segments) > 0 {
		s := a.segments[0]
		for i, item := range s.ready {
			if a.Out.Blocked() {
				s.ready = s.ready[i:]
				return
			}
			for _, v := range item.out {
				a.Out.Emit(v, item.time)
			}
			item.emitted, item.out = true, nil
			s.live--
			a.inflight--
		}
		s.ready = s.ready[:0]
		if s.live > 0 || !s.closed {
			s.compact()
			break
		}
		if s.marked {
			a.Out.MarkAll(s.mark)
		}
		a.segments[0] = nil
		a.segments = a.segments[1:]
	}
	a.issueBacklog()
}

// compact drops emitted items once they are the most.
func (s *asyncSegment[T, O]) compact() {
	if len(s.items) < 2*s.live+16 {
		return
	}
	kept := s.items[:0]
	for _, item := range s.items {
		if !item.emitted {
			kept = append(kept, item)
		}
	}
	clear(s.items[len(kept):])
	s.items = kept
}

// perform runs on a goroutine of the pool: it calls the function until it succeeds or gives up.
func (a *Async[T, O]) perform(item *asyncItem[T, O]) {
	retry := &a.cfg.Retry
	delay := retry.Delay
	for attempt := 1; ; attempt++ {
		r := a.call(item)
		final := r.err == nil || r.stack != "" || attempt >= retry.Attempts ||
			item.ctx.Err() != nil || retry.If != nil && !retry.If(r.err)
		if !final && a.sleep(item.ctx, delay) {
			a.Ctx.Metrics.Counter("retries").Add(1)
			delay = time.Duration(float64(delay) * retry.Backoff)
			if retry.MaxDelay > 0 {
				delay = min(delay, retry.MaxDelay)
			}
			continue
		}
		if r.err != nil && attempt > 1 {
			r.err = fmt.Errorf("attempt %d of %d: %w", attempt, retry.Attempts, r.err)
		}
		a.done.post(r)
		return
	}
}

func (a *Async[T, O]) call(item *asyncItem[T, O]) (r asyncResult[T, O]) {
	r.item = item
	defer func() {
		if p := recover(); p != nil {
			r.err, r.stack = fmt.Errorf("panic: %v", p), string(debug.Stack())
		}
	}()
	if item.ctx.Err() != nil {
		r.err = errors.New("cancelled before it began")
		return r
	}
	r.err = a.cfg.Call(item.ctx, item.v, func(v O) { r.out = append(r.out, v) })
	return r
}

// sleep waits for d and reports whether ctx is still alive.
func (a *Async[T, O]) sleep(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		over := make(chan struct{})
		stop := a.Ctx.Clock.AfterFunc(d, func() { close(over) })
		defer stop()
		select {
		case <-over:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// asyncDone is where goroutines of the pool leave their results. Only the first of several sends
// mail.
type asyncDone[T, O any] struct {
	mail func()
	mu   struct {
		sync.Mutex
		results []asyncResult[T, O]
	}
}

func (d *asyncDone[T, O]) post(r asyncResult[T, O]) {
	d.mu.Lock()
	d.mu.results = append(d.mu.results, r)
	first := len(d.mu.results) == 1
	d.mu.Unlock()
	if first {
		d.mail()
	}
}

// take returns all results and keeps spare, which is empty of results, for the next ones.
func (d *asyncDone[T, O]) take(spare []asyncResult[T, O]) []asyncResult[T, O] {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.mu.results
	d.mu.results = spare[:0]
	return taken
}

// asyncPool is the goroutines of one Async: made when they are needed, kept until Close.
type asyncPool[T, O any] struct {
	work func(*asyncItem[T, O])
	// elsewhere runs the work in place of goroutines of the pool, if it is not nil.
	elsewhere func(func())
	max       int
	wg        sync.WaitGroup
	mu        struct {
		sync.Mutex
		ready   sync.Cond
		queue   []*asyncItem[T, O]
		workers int
		idle    int
		stopped bool
	}
}

func (p *asyncPool[T, O]) init(size int, work func(*asyncItem[T, O])) {
	p.work, p.max = work, size
	p.mu.ready.L = &p.mu.Mutex
}

func (p *asyncPool[T, O]) submit(item *asyncItem[T, O]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Where calls do not heed their context, records that timed out may fill the queue.
	if len(p.mu.queue) > 2*p.max {
		kept := p.mu.queue[:0]
		for _, q := range p.mu.queue {
			if q.ctx.Err() == nil {
				kept = append(kept, q)
			}
		}
		clear(p.mu.queue[len(kept):])
		p.mu.queue = kept
	}
	if p.elsewhere != nil {
		p.elsewhere(func() { p.perform(item) })
		return
	}
	p.mu.queue = append(p.mu.queue, item)
	if len(p.mu.queue) > p.mu.idle && p.mu.workers < p.max {
		p.mu.workers++
		p.wg.Go(p.run)
		return
	}
	p.mu.ready.Signal()
}

// perform works on an item, unless the pool was stopped.
func (p *asyncPool[T, O]) perform(item *asyncItem[T, O]) {
	p.mu.Lock()
	stopped := p.mu.stopped
	p.mu.Unlock()
	if !stopped {
		p.work(item)
	}
}

func (p *asyncPool[T, O]) run() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.mu.queue) == 0 && !p.mu.stopped {
			p.mu.idle++
			p.mu.ready.Wait()
			p.mu.idle--
		}
		if p.mu.stopped {
			return
		}
		item := p.mu.queue[0]
		p.mu.queue[0] = nil
		p.mu.queue = p.mu.queue[1:]
		p.mu.Unlock()
		p.work(item)
		p.mu.Lock()
	}
}

// stop ends all goroutines and waits for them.
func (p *asyncPool[T, O]) stop() {
	p.mu.Lock()
	p.mu.stopped = true
	p.mu.ready.Broadcast()
	p.mu.Unlock()
	p.wg.Wait()
}
