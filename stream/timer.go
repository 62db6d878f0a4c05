package stream

import (
	"fmt"
	"math"
	"time"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/keyed"
)

// Timer is a handle for timers that carry a payload of type P. Timers belong to a key; for each
// handle and key there is at most one at a time: setting it again replaces the payload. A payload with
// slices, maps or pointers in it is copied, as by a snapshot, when the timer is set and when it fires.
type Timer[P any] struct {
	name       string
	processing bool
}

// NewTimer returns a handle for timers in event time: they fire when the watermark reaches them.
func NewTimer[P any](name string) *Timer[P] { return &Timer[P]{name: name} }

// NewProcessingTimer returns a handle for timers in processing time.
func NewProcessingTimer[P any](name string) *Timer[P] {
	return &Timer[P]{name: name, processing: true}
}

// timerState is what the state of a timer is named by, ahead of its name.
const timerState = "timer "

// timerContext is a context in which timers can be set.
type timerContext interface {
	timersOf(handle any, name string) any
	wakeAt(millis int64)
}

// Set sets a timer of the current key. A time that has passed fires at once, after the current
// call.
func (t *Timer[P]) Set(c timerContext, at time.Time, payload P) {
	t.SetMillis(c, at.UnixMilli(), payload)
}

// SetMillis is Set with a time in milliseconds since the Unix epoch.
func (t *Timer[P]) SetMillis(c timerContext, at int64, payload P) {
	c.timersOf(t, t.name).(*keyed.Timers[P]).Set(at, payload)
	if t.processing {
		c.wakeAt(at)
	}
}

// Delete deletes the timer of the current key at a time, if there is one.
func (t *Timer[P]) Delete(c timerContext, at time.Time) { t.DeleteMillis(c, at.UnixMilli()) }

// DeleteMillis is Delete with a time in milliseconds since the Unix epoch.
func (t *Timer[P]) DeleteMillis(c timerContext, at int64) {
	c.timersOf(t, t.name).(*keyed.Timers[P]).Delete(at)
}

func (c *Ctx[K, O]) timersOf(handle any, name string) any {
	for _, r := range c.timers {
		if r.handle() == handle {
			return r.queue()
		}
	}
	c.task.Fail(fmt.Errorf(
		"timer %q is set but not handled; add stream.On(…) for it to the operator", name), nil)
	return nil
}

func (c *Ctx[K, O]) wakeAt(millis int64) { c.wake(millis) }

// timerRunner is the timers of one handle in one subtask.
type timerRunner interface {
	handle() any
	queue() any
	inProcessingTime() bool
	next() (at int64, ok bool)
	// fire calls the handler for all timers up to to; false means that it was suspended.
	fire(to int64) bool
}

// timerDecl is a declared handle with its function; C is the context type of the operator.
type timerDecl interface {
	// bind makes the runner of a subtask. ctx is a *Ctx[K, O].
	bind(ctx any, b *keyed.Backend, r *codec.Registry) (timerRunner, error)
}

type onTimer[K, O, P any] struct {
	timer *Timer[P]
	f     func(c *Ctx[K, O], payload P) error
}

func (d onTimer[K, O, P]) bind(ctx any, b *keyed.Backend, r *codec.Registry) (timerRunner, error) {
	c, ok := ctx.(*Ctx[K, O])
	if !ok {
		return nil, fmt.Errorf("the handler of timer %q takes a %T, but the operator has a %T",
			d.timer.name, (*Ctx[K, O])(nil), ctx)
	}
	enc, err := codec.For[P](r)
	if err != nil {
		return nil, err
	}
	q := keyed.NewTimers(b, enc)
	b.Add(timerState+d.timer.name, q)
	return &runner[K, O, P]{decl: d, c: c, q: q}, nil
}

type runner[K, O, P any] struct {
	decl onTimer[K, O, P]
	c    *Ctx[K, O]
	q    *keyed.Timers[P]
}

func (r *runner[K, O, P]) handle() any            { return r.decl.timer }
func (r *runner[K, O, P]) queue() any             { return r.q }
func (r *runner[K, O, P]) inProcessingTime() bool { return r.decl.timer.processing }
func (r *runner[K, O, P]) next() (int64, bool)    { return r.q.Next() }

func (r *runner[K, O, P]) fire(to int64) bool {
	return r.q.Fire(to, func(at int64, payload P) bool {
		r.c.time = at
		if err := r.decl.f(r.c, payload); err != nil {
			r.c.task.Fail(fmt.Errorf("timer %q at %v: %w", r.decl.timer.name,
				time.UnixMilli(at).UTC().Format(time.RFC3339Nano), err), nil)
		}
		return !r.c.out.Blocked()
	})
}

// fireTimers fires the timers of all runners of one kind up to to, in order of time.
func fireTimers(runners []timerRunner, processing bool, to int64) bool {
	for {
		var first timerRunner
		at, until := int64(math.MaxInt64), to
		for _, r := range runners {
			if r.inProcessingTime() != processing {
				continue
			}
			n, ok := r.next()
			switch {
			case !ok || n > to:
			case first == nil || n < at:
				if first != nil {
					until = at
				}
				first, at = r, n
			default:
				until = min(until, n)
			}
		}
		if first == nil {
			return true
		}
		if !first.fire(until) {
			return false
		}
	}
}

// nextTimer is the earliest time of the timers of one kind.
func nextTimer(runners []timerRunner, processing bool) (at int64, ok bool) {
	at = math.MaxInt64
	for _, r := range runners {
		if r.inProcessingTime() != processing {
			continue
		}
		if n, has := r.next(); has && (n < at || !ok) {
			at, ok = n, true
		}
	}
	return at, ok
}
