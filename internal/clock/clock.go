// Package clock is the engine's only source of processing time.
//
// Production uses System; tests use a Manual clock that moves when they say so. No other package of
// the engine reads the wall clock for decisions.
//
// Data flow: launch hands one Clock to a job; tasks read it once a step and arm timers on it.
package clock

import (
	"container/heap"
	"sync"
	"time"
)

// Clock tells the time and arms timers.
type Clock interface {
	// Now is the current time.
	Now() time.Time
	// AfterFunc calls f, on a goroutine of the clock's, once d has passed. The returned function
	// disarms it.
	AfterFunc(d time.Duration, f func()) (stop func())
}

// System is the machine's clock.
type System struct{}

// Now is time.Now. In a build with the tag clockjump or invariants, for tests, the wall clock may be set for this process alone: see OffsetFile.
func (System) Now() time.Time { return now() }

// AfterFunc is time.AfterFunc.
func (System) AfterFunc(d time.Duration, f func()) func() {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}

// Steady returns the time of c in nanoseconds since 1970 for what waits and times out: as it was at the call of Steady, and evenly from
// then on, also when the machine's clock is set.
func Steady(c Clock) func() int64 {
	began := c.Now()
	at := began.UnixNano()
	return func() int64 { return at + int64(c.Now().Sub(began)) }
}

// Manual is a clock that stands still until it is advanced. The zero value starts at the Unix
// epoch. It is safe for concurrent use.
type Manual struct {
	mu struct {
		sync.Mutex
		now    time.Time
		timers timerHeap
		seq    int
	}
}

// NewManual returns a clock that stands at now.
func NewManual(now time.Time) *Manual {
	m := &Manual{}
	m.mu.now = now
	return m
}

// Now is the time the clock was last set to.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.now.IsZero() {
		m.mu.now = time.Unix(0, 0)
	}
	return m.mu.now
}

// AfterFunc arms a timer; f runs on the goroutine that advances the clock.
func (m *Manual) AfterFunc(d time.Duration, f func()) func() {
	now := m.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.seq++
	t := &manualTimer{at: now.Add(d), seq: m.mu.seq, f: f}
	heap.Push(&m.mu.timers, t)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		t.f = nil
	}
}

// Next is when the next timer is due; ok is false when there is none.
func (m *Manual) Next() (at time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.mu.timers) > 0 && m.mu.timers[0].f == nil {
		heap.Pop(&m.mu.timers)
	}
	if len(m.mu.timers) == 0 {
		return at, false
	}
	return m.mu.timers[0].at, true
}

// Advance moves the clock by d and runs the timers that became due, in order of their time.
func (m *Manual) Advance(d time.Duration) {
	end := m.Now().Add(d)
	for {
		m.mu.Lock()
		if len(m.mu.timers) == 0 || m.mu.timers[0].at.After(end) {
			m.mu.now = end
			m.mu.Unlock()
			return
		}
		t := heap.Pop(&m.mu.timers).(*manualTimer)
		if t.at.After(m.mu.now) {
			m.mu.now = t.at
		}
		f := t.f
		m.mu.Unlock()
		if f != nil {
			f()
		}
	}
}

type manualTimer struct {
	at  time.Time
	seq int
	f   func()
}

type timerHeap []*manualTimer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)   { *h = append(*h, x.(*manualTimer)) }
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	*h = old[:len(old)-1]
	return t
}
