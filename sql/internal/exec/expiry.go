package exec

import (
	"math"

	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
)

// expiry has the state of keys dropped that has not changed for a time. A key has one timer, for the time at which its
// state would be dropped had it not changed since the timer was set.
type expiry struct {
	ttl   int64 // in milliseconds; 0 is for ever
	task  *operator.Context
	last  *keyed.Values[int64]
	due   *keyed.Timers[struct{}]
	armed int64
}

// open adds the states, which no key has where nothing expires.
func (e *expiry) open(ctx *operator.Context, b *keyed.Backend, ttl int64) {
	e.ttl, e.task, e.armed = ttl, ctx, math.MaxInt64
	if ttl == 0 {
		return
	}
	e.last, e.due = keyed.NewValues(b, mustCodec[int64]()), keyed.NewTimers(b, mustCodec[struct{}]())
	b.Add("changed", e.last)
	b.Add("expiry", e.due)
}

// changed notes that the current key has changed.
func (e *expiry) changed(now int64) {
	if e.ttl == 0 {
		return
	}
	at, fresh := e.last.Current()
	*at = now
	if fresh {
		e.due.Set(now+e.ttl, struct{}{})
	}
}

// arm asks to be woken when the next key may have expired.
func (e *expiry) arm() {
	if e.ttl == 0 {
		return
	}
	if at, ok := e.due.Next(); ok && at < e.armed {
		e.armed = at
		e.task.WakeAt(at)
	}
}

// expire has the state of keys dropped that have expired. drop drops that of the current one.
func (e *expiry) expire(now int64, drop func()) {
	if e.ttl == 0 {
		return
	}
	e.armed = math.MaxInt64
	e.due.Fire(now, func(at int64, _ struct{}) bool {
		switch last := e.last.Lookup(); {
		case last == nil:
		case *last+e.ttl > at:
			e.due.Set(*last+e.ttl, struct{}{})
		default:
			e.last.Drop()
			drop()
		}
		return true
	})
	e.arm()
}
