package ops

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/flott-dev/flott/internal/operator"
)

// CallsConfig is what Calls is made of. All fields are resolved: nothing stands for a default. Call runs on other goroutines,
// all else on the subtask's.
type CallsConfig[T, R any] struct {
	Ordered  bool
	Capacity int           // records in flight
	Timeout  time.Duration // of a record with all its attempts; 0 is none
	Retry    AsyncRetry
	// Call makes the result of a record.
	Call func(ctx context.Context, v *T) (R, error)
	// OnTimeout makes the result of a record whose time is up.
	OnTimeout func(v *T) (R, error)
	// Emit passes a result on, Mark a watermark; Blocked says that there is no room for more.
	Emit    func(v *T, result R)
	Mark    func(t int64)
	Blocked func() bool
	// Flush is called after Emit, when nothing more follows for now; nil for nothing.
	Flush func()
	// Fail stops the task with the failure of a record, and the stack of a panic. It does not return.
	Fail func(v *T, err error, stack string)
}

// AsyncRetry says when and how often a failed call is repeated.
type AsyncRetry struct {
	Attempts int // calls in all, at least 1
	Delay    time.Duration
	Backoff  float64 // factor from one delay to the next, at least 1
	MaxDelay time.Duration
	If       func(error) bool // nil: any error
}

// Calls is what is in flight of an operator that makes calls for its records on other goroutines and emits the results: Async,
// and lookup joins of SQL.
//
// A record in flight sits in a segment. Results leave a segment in the order in which they come,
// segments leave in order, and a watermark closes the segment before it:
//
//	unordered   [a b c ▸10] [d e ▸20] [f g          one segment between two watermarks
//	ordered     [a] [b] [c ▸10] [d] [e ▸20] [f] [g] one segment for each record
//
// So no result overtakes a watermark, nor a watermark a result. The queue is bounded by Capacity:
// when it is full, Room reports false, and a completion, which arrives as mail, wakes the task.
//
// Nothing is emitted between Control of a barrier and Thaw, which a snapshot calls: such a result would follow the
// barrier and be missing from the state, which has what is in flight.
type Calls[T, R any] struct {
	cfg  *CallsConfig[T, R]
	task *operator.Context

	segments []*callSegment[T, R]
	inflight int
	backlog  []T  // restored, not issued yet for lack of capacity
	frozen   bool // between a barrier and its snapshot
	draining bool // a control element must not overtake what is in flight
	taken    []callResult[T, R]
	settled  T // of AddSettled

	pool   callPool[T, R]
	done   callsDone[T, R]
	ctx    context.Context
	cancel context.CancelFunc
}

// call is a record in flight.
type call[T, R any] struct {
	v       T
	segment *callSegment[T, R]
	ctx     context.Context
	release func() // ends ctx and the timer; nil where there is no call
	result  R
	settled bool // has a result, or its time is up
	emitted bool
}

type callSegment[T, R any] struct {
	calls  []*call[T, R] // in order of arrival, perhaps with emitted ones among them
	live   int           // calls not emitted
	ready  []*call[T, R] // settled and not emitted, in order of completion
	closed bool
	marked bool
	mark   int64 // watermark after the segment, if marked
}

type callResult[T, R any] struct {
	call    *call[T, R]
	result  R
	err     error
	stack   string // of a panic
	timeout bool
}

// Open makes the calls ready. Context is that of all calls from then on.
func (c *Calls[T, R]) Open(task *operator.Context, cfg *CallsConfig[T, R]) {
	c.task, c.cfg = task, cfg
	c.ctx, c.cancel = context.WithCancel(task.Cancelled)
	c.pool.init(cfg.Capacity, c.perform)
	c.pool.elsewhere = task.Go
	c.done.mail = func() { task.Mail(c.collect) }
}

// Context is done when the operator is closed, or the job is to stop.
func (c *Calls[T, R]) Context() context.Context { return c.ctx }

// Restore adds records that were in flight when the snapshot was taken, before any others.
func (c *Calls[T, R]) Restore(records []T) {
	c.backlog = append(c.backlog, records...)
	c.issueBacklog()
}

// Room reports whether there is room for a record, and makes some if it can.
func (c *Calls[T, R]) Room() bool {
	if c.full() {
		c.collect()
		c.Emit()
	}
	return !c.full()
}

func (c *Calls[T, R]) full() bool {
	return c.inflight >= c.cfg.Capacity || len(c.backlog) > 0
}

// Add makes the call of a record, for which there is room.
func (c *Calls[T, R]) Add(v T) { c.issue(v) }

// AddSettled adds a record that has a result without a call. It goes out at once where nothing is before it.
func (c *Calls[T, R]) AddSettled(v T, result R) {
	if len(c.segments) == 0 && !c.cfg.Blocked() {
		c.settled = v
		c.cfg.Emit(&c.settled, result)
		return
	}
	k := c.enqueue(v)
	k.settled, k.result = true, result
	k.segment.ready = append(k.segment.ready, k)
}

// Watermark puts a watermark behind the records in flight. It reports false when it has to be put again.
func (c *Calls[T, R]) Watermark(t int64) bool {
	if len(c.backlog) > 0 {
		return false
	}
	if len(c.segments) == 0 {
		c.cfg.Mark(t)
		return true
	}
	last := c.segments[len(c.segments)-1]
	last.closed, last.marked, last.mark = true, true, t
	return true
}

// Control notes a barrier, and the elements that must not overtake records.
func (c *Calls[T, R]) Control(e operator.Control) {
	switch e.Kind {
	case operator.Barrier:
		c.frozen = true
	case operator.EndOfInput, operator.Idle, operator.Epoch, operator.Wave:
		c.draining = true
	}
}

// Frozen reports whether nothing may be emitted.
func (c *Calls[T, R]) Frozen() bool { return c.frozen }

// Thaw ends the time between a barrier and its snapshot.
func (c *Calls[T, R]) Thaw() { c.frozen = false }

// Completed ends that time should there have been no snapshot.
func (c *Calls[T, R]) Completed(int64) error {
	c.frozen = false
	return nil
}

// Aborted is like Completed: another operator's snapshot may have failed before this one's.
func (c *Calls[T, R]) Aborted(int64) { c.frozen = false }

// Drained reports whether no control element waits for what is in flight.
func (c *Calls[T, R]) Drained() bool {
	if c.draining && c.inflight+len(c.backlog) > 0 {
		return false
	}
	c.draining = false
	return true
}

// Each calls f for the records in flight, in order.
func (c *Calls[T, R]) Each(f func(v *T)) {
	for _, s := range c.segments {
		for _, k := range s.calls {
			if !k.emitted {
				f(&k.v)
			}
		}
	}
	for i := range c.backlog {
		f(&c.backlog[i])
	}
}

// Close cancels the calls and waits for them.
func (c *Calls[T, R]) Close() {
	if c.cancel == nil {
		return
	}
	c.cancel()
	c.pool.stop()
	for _, s := range c.segments {
		for _, k := range s.calls {
			if k.release != nil {
				k.release()
			}
		}
	}
}

func (c *Calls[T, R]) issueBacklog() {
	for len(c.backlog) > 0 && c.inflight < c.cfg.Capacity {
		c.issue(c.backlog[0])
		c.backlog = c.backlog[1:]
	}
}

func (c *Calls[T, R]) issue(v T) {
	k := c.enqueue(v)
	ctx, cancel := context.WithCancel(c.ctx)
	k.ctx, k.release = ctx, cancel
	if c.cfg.Timeout > 0 {
		// The result is posted before the call is cancelled, so that it comes before the call's own.
		stop := c.task.Clock.AfterFunc(c.cfg.Timeout, func() {
			c.done.post(callResult[T, R]{call: k, timeout: true})
			cancel()
		})
		k.release = func() {
			stop()
			cancel()
		}
	}
	c.pool.submit(k)
}

func (c *Calls[T, R]) enqueue(v T) *call[T, R] {
	s := c.openSegment()
	k := &call[T, R]{v: v, segment: s}
	s.calls = append(s.calls, k)
	s.live++
	c.inflight++
	return k
}

func (c *Calls[T, R]) openSegment() *callSegment[T, R] {
	if n := len(c.segments); n > 0 && !c.segments[n-1].closed {
		return c.segments[n-1]
	}
	s := &callSegment[T, R]{closed: c.cfg.Ordered}
	c.segments = append(c.segments, s)
	return s
}

// collect takes the results that have come and puts them into their segments.
func (c *Calls[T, R]) collect() {
	c.taken = c.done.take(c.taken)
	for i := range c.taken {
		c.settle(&c.taken[i])
		c.taken[i] = callResult[T, R]{}
	}
}

func (c *Calls[T, R]) settle(r *callResult[T, R]) {
	k := r.call
	if k.settled {
		return
	}
	k.settled = true
	k.release()
	if r.timeout {
		c.task.Metrics.Counter("timeouts").Add(1)
		r.result, r.err = c.cfg.OnTimeout(&k.v)
	}
	if r.err != nil {
		c.cfg.Fail(&k.v, r.err, r.stack)
	}
	k.result = r.result
	k.segment.ready = append(k.segment.ready, k)
}

// Emit passes on what may go, until there is no room for more, and issues the backlog.
func (c *Calls[T, R]) Emit() {
	c.emit()
	if c.cfg.Flush != nil {
		c.cfg.Flush()
	}
}

func (c *Calls[T, R]) emit() {
	var none R
	for len(c.segments) > 0 {
		s := c.segments[0]
		for i, k := range s.ready {
			if c.cfg.Blocked() {
				s.ready = s.ready[i:]
				return
			}
			c.cfg.Emit(&k.v, k.result)
			k.emitted, k.result = true, none
			s.live--
			c.inflight--
		}
		s.ready = s.ready[:0]
		if s.live > 0 || !s.closed {
			s.compact()
			break
		}
		if s.marked {
			c.cfg.Mark(s.mark)
		}
		c.segments[0] = nil
		c.segments = c.segments[1:]
	}
	c.issueBacklog()
}

// compact drops emitted calls once they are the most.
func (s *callSegment[T, R]) compact() {
	if len(s.calls) < 2*s.live+16 {
		return
	}
	kept := s.calls[:0]
	for _, k := range s.calls {
		if !k.emitted {
			kept = append(kept, k)
		}
	}
	clear(s.calls[len(kept):])
	s.calls = kept
}

// perform runs on a goroutine of the pool: it calls the function until it succeeds or gives up.
func (c *Calls[T, R]) perform(k *call[T, R]) {
	retry := &c.cfg.Retry
	delay := retry.Delay
	for attempt := 1; ; attempt++ {
		r := c.try(k)
		final := r.err == nil || r.stack != "" || attempt >= retry.Attempts ||
			k.ctx.Err() != nil || retry.If != nil && !retry.If(r.err)
		if !final && c.sleep(k.ctx, delay) {
			c.task.Metrics.Counter("retries").Add(1)
			delay = time.Duration(float64(delay) * retry.Backoff)
			if retry.MaxDelay > 0 {
				delay = min(delay, retry.MaxDelay)
			}
			continue
		}
		if r.err != nil && attempt > 1 {
			r.err = fmt.Errorf("attempt %d of %d: %w", attempt, retry.Attempts, r.err)
		}
		c.done.post(r)
		return
	}
}

func (c *Calls[T, R]) try(k *call[T, R]) (r callResult[T, R]) {
	r.call = k
	defer func() {
		if p := recover(); p != nil {
			r.err, r.stack = fmt.Errorf("panic: %v", p), string(debug.Stack())
		}
	}()
	if k.ctx.Err() != nil {
		r.err = errors.New("cancelled before it began")
		return r
	}
	r.result, r.err = c.cfg.Call(k.ctx, &k.v)
	return r
}

// sleep waits for d and reports whether ctx is still alive.
func (c *Calls[T, R]) sleep(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		over := make(chan struct{})
		stop := c.task.Clock.AfterFunc(d, func() { close(over) })
		defer stop()
		select {
		case <-over:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}
