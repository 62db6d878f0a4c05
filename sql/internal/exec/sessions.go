package exec

import (
	"math"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
)

// session is an open session, in the time of its column. It ends a gap after its last row.
type session struct {
	Start, End int64
	ID         uint64   // among those of the key, for what is kept beside it
	Acc        []uint64 // of an aggregate
}

// sessionList are the sessions of a key that are open, by start: nearly always one.
type sessionList struct {
	Next  uint64 // the next ID
	Open  []session
	Timer int64 // the time of the key's timer; none is set where Open is empty
}

// sessions keeps the sessions of keys. A key has one timer, for the end of a session as it was when the timer was set:
// when it fires and the session has been extended meanwhile, it is set again.
type sessions struct {
	one
	windows    *windows
	processing bool
	time       int // the column
	name       string

	state  *keyed.Values[sessionList]
	timers *keyed.Timers[struct{}]
	groups ops.GroupMarks
	clock  int64 // the watermark, or the last millisecond of processing time that is over
	armed  int64

	// only are the sessions of keys that have one, which are not in state; nil for operators that do not keep them apart.
	only *onlySessions

	// merge puts a session into another of the current key, which then covers both.
	merge func(into, from *session)
	// fire gives a session of the current key that is complete.
	fire func(s *session)
}

// openSessions adds the states; more are added before restoreSessions.
func (n *sessions) openSessions(ctx *operator.Context, keys *keying) {
	n.Ctx = ctx
	n.open(ctx)
	n.keys = keys
	n.armed = math.MaxInt64
	n.state = keyed.NewValues(keys.backend, mustCodec[sessionList]())
	n.timers = keyed.NewTimers(keys.backend, mustCodec[struct{}]())
	keys.backend.Add("sessions", n.state)
	keys.backend.Add("timers", n.timers)
}

func (n *sessions) restoreSessions() (err error) {
	if n.clock, err = n.groups.Restore(n.task); err != nil {
		return err
	}
	if err := n.restore(); err != nil {
		return err
	}
	n.arm()
	return nil
}

// Snapshot writes the sessions.
func (n *sessions) Snapshot(w *operator.Snapshot) error {
	n.groups.Snapshot(w, n.task, n.clock)
	return n.base.Snapshot(w)
}

// begin prepares for rows of a batch. It reports false when there is no room.
func (n *sessions) begin(b *batch.Columns) bool {
	n.keys.begin(b)
	return !n.processing || n.advance(max(n.task.NowMillis(), n.clock+1)-1)
}

// timeAt is the time of a row.
func (n *sessions) timeAt(times *column.Vector, place int) int64 {
	if n.processing {
		return n.windows.local(n.clock + 1)
	}
	return n.windows.local(n.timeOf(times, place, n.name))
}

// find finds the session of the current key for a row at a time: it extends one, puts several together, or opens one. It
// returns nil for a row that comes too late. The result is valid until the state is used again.
func (n *sessions) find(t int64) *session {
	l, fresh := n.state.Current()
	start, end := t, t+n.windows.Size
	first, last := len(l.Open), 0 // those that it touches
	for i := range l.Open {
		s := &l.Open[i]
		if start <= s.End && s.Start <= end {
			first, last = min(first, i), i+1
		}
	}
	if first < last {
		into := &l.Open[first]
		for i := first + 1; i < last; i++ {
			into.End = max(into.End, l.Open[i].End)
			if n.merge != nil {
				n.merge(into, &l.Open[i])
			}
		}
		into.Start, into.End = min(into.Start, start), max(into.End, end)
		l.Open = append(l.Open[:first+1], l.Open[last:]...)
		n.schedule(l, into)
		return into
	}
	if n.isComplete(end) {
		if fresh {
			n.state.Drop()
		}
		return nil
	}
	at := 0
	for at < len(l.Open) && l.Open[at].Start < start {
		at++
	}
	l.Open = append(l.Open, session{})
	copy(l.Open[at+1:], l.Open[at:])
	l.Open[at] = session{Start: start, End: end, ID: l.Next}
	l.Next++
	if len(l.Open) == 1 {
		l.Timer = math.MaxInt64
	}
	n.schedule(l, &l.Open[at])
	return &l.Open[at]
}

// isComplete reports whether a session of the current key that ends at a time is complete.
func (n *sessions) isComplete(end int64) bool {
	return !n.processing && n.windows.complete(end) <= n.groups.Of(n.keys.backend.Hash, n.clock)
}

func (n *sessions) schedule(l *sessionList, s *session) {
	if at := n.windows.complete(s.End); at < l.Timer {
		l.Timer = at
		n.timers.Set(at, struct{}{})
	}
}

// advance gives the sessions that are complete at a time, in the order of their ends.
func (n *sessions) advance(t int64) bool {
	n.clock = max(n.clock, t)
	n.groups.Reached(n.clock)
	return n.timers.Fire(n.clock, func(at int64, _ struct{}) bool {
		if n.only != nil && n.fireOnly(at) {
			return !n.out.Blocked()
		}
		l := n.state.Change()
		if l == nil {
			return true
		}
		left := l.Open[:0]
		for i := range l.Open {
			if s := &l.Open[i]; n.windows.complete(s.End) <= at {
				n.fire(s)
			} else {
				left = append(left, *s)
			}
		}
		l.Open, l.Timer = left, math.MaxInt64
		if len(left) == 0 {
			n.state.Drop()
			return !n.out.Blocked()
		}
		for i := range left {
			n.schedule(l, &left[i])
		}
		if len(left) == 1 && n.only != nil {
			n.only.put(&left[0], l.Timer)
			n.state.Drop()
		}
		return !n.out.Blocked()
	})
}

// Watermark gives the sessions that are complete; at the end of input also those of processing time.
func (n *sessions) Watermark(t int64) bool {
	if !n.processing || t == batch.MaxTime {
		if !n.advance(t) {
			return false
		}
	}
	return n.passMark(t)
}

// ProcessingTime gives the sessions that are complete.
func (n *sessions) ProcessingTime(now int64) bool {
	if !n.processing {
		return true
	}
	n.armed = math.MaxInt64
	done := n.advance(now - 1)
	n.arm()
	return n.out.Flush() && done
}

func (n *sessions) arm() {
	if !n.processing {
		return
	}
	if at, ok := n.timers.Next(); ok && at < n.armed {
		n.armed = at
		n.task.WakeAt(at + 1)
	}
}
