package window

import (
	"slices"
	"time"
)

// none has the answers of a trigger that does nothing.
type none[T any] struct{}

func (none[T]) Element(TriggerContext, *T, int64, Window) Decision    { return Continue }
func (none[T]) EventTime(TriggerContext, int64, Window) Decision      { return Continue }
func (none[T]) ProcessingTime(TriggerContext, int64, Window) Decision { return Continue }
func (none[T]) Clear(TriggerContext, Window)                          {}
func (none[T]) Merge(MergeContext, Window)                            {}

// Never is a trigger that never fires: the default of Global.
func Never[T any]() Trigger[T] { return none[T]{} }

// EventTime fires when the watermark reaches the window's end, and again for every record that is
// late but allowed. It is the default of windows of event time.
func EventTime[T any]() Trigger[T] { return eventTime[T]{} }

type eventTime[T any] struct{ none[T] }

func (eventTime[T]) Element(c TriggerContext, _ *T, _ int64, w Window) Decision {
	if w.Max() <= c.Watermark() {
		return Fire
	}
	c.SetEventTimer(w.Max())
	return Continue
}

func (eventTime[T]) EventTime(_ TriggerContext, t int64, w Window) Decision {
	if t == w.Max() {
		return Fire
	}
	return Continue
}

func (eventTime[T]) Clear(c TriggerContext, w Window) { c.DeleteEventTimer(w.Max()) }

func (eventTime[T]) Merge(c MergeContext, w Window) {
	// A window that is over already is fired by the record that made it.
	if w.Max() > c.Watermark() {
		c.SetEventTimer(w.Max())
	}
}

// ProcessingTime fires when the clock has passed the window's end. It is the default of windows of
// processing time.
func ProcessingTime[T any]() Trigger[T] { return processingTime[T]{} }

type processingTime[T any] struct{ none[T] }

func (processingTime[T]) Element(c TriggerContext, _ *T, _ int64, w Window) Decision {
	c.SetProcessingTimer(w.Max())
	return Continue
}

func (processingTime[T]) ProcessingTime(TriggerContext, int64, Window) Decision { return Fire }

func (processingTime[T]) Clear(c TriggerContext, w Window) { c.DeleteProcessingTimer(w.Max()) }

func (processingTime[T]) Merge(c MergeContext, w Window) {
	if w.Max() > c.Now() {
		c.SetProcessingTimer(w.Max())
	}
}

// Count fires when a window has got n records since it fired last.
func Count[T any](n int64) Trigger[T] { return &count[T]{n: n, seen: NewMemory[int64]("count")} }

type count[T any] struct {
	none[T]
	n    int64
	seen *Memory[int64]
}

func (t *count[T]) Uses() []Handle { return []Handle{t.seen} }

func (t *count[T]) Element(c TriggerContext, _ *T, _ int64, _ Window) Decision {
	n, _ := t.seen.Get(c)
	if n++; n >= t.n {
		t.seen.Clear(c)
		return Fire
	}
	t.seen.Set(c, n)
	return Continue
}

func (t *count[T]) Clear(c TriggerContext, _ Window) { t.seen.Clear(c) }

func (t *count[T]) Merge(c MergeContext, _ Window) {
	sum := int64(0)
	c.Merged(func(c TriggerContext, _ Window) {
		n, _ := t.seen.Get(c)
		sum += n
	})
	if sum > 0 {
		t.seen.Set(c, sum)
	}
}

// ContinuousEventTime fires at every multiple of interval that the watermark reaches while the
// window has records, and at the window's end like EventTime.
func ContinuousEventTime[T any](interval time.Duration) Trigger[T] {
	return &continuousEvent[T]{interval: interval.Milliseconds(), next: NewMemory[int64]("next")}
}

type continuousEvent[T any] struct {
	none[T]
	interval int64
	next     *Memory[int64]
}

func (t *continuousEvent[T]) Uses() []Handle { return []Handle{t.next} }

func (t *continuousEvent[T]) Element(c TriggerContext, _ *T, at int64, w Window) Decision {
	if w.Max() <= c.Watermark() {
		return Fire
	}
	c.SetEventTimer(w.Max())
	if _, ok := t.next.Get(c); !ok {
		t.set(c, at-at%t.interval, w)
	}
	return Continue
}

func (t *continuousEvent[T]) set(c TriggerContext, from int64, w Window) {
	at := min(from+t.interval, w.Max())
	t.next.Set(c, at)
	c.SetEventTimer(at)
}

func (t *continuousEvent[T]) EventTime(c TriggerContext, at int64, w Window) Decision {
	if at == w.Max() {
		return Fire
	}
	if next, ok := t.next.Get(c); ok && next == at {
		t.set(c, at, w)
		return Fire
	}
	return Continue
}

func (t *continuousEvent[T]) Clear(c TriggerContext, w Window) {
	c.DeleteEventTimer(w.Max())
	if next, ok := t.next.Get(c); ok {
		c.DeleteEventTimer(next)
		t.next.Clear(c)
	}
}

func (t *continuousEvent[T]) Merge(c MergeContext, w Window) {
	if next, ok := earliest(t.next, c); ok {
		t.next.Set(c, next)
		c.SetEventTimer(next)
	}
}

// earliest is the least of what is remembered for the merged windows.
func earliest(m *Memory[int64], c MergeContext) (least int64, some bool) {
	c.Merged(func(c TriggerContext, _ Window) {
		if t, ok := m.Get(c); ok && (!some || t < least) {
			least, some = t, true
		}
	})
	return least, some
}

// ContinuousProcessingTime fires at every multiple of interval that the clock passes while the
// window has records, and at the window's end.
func ContinuousProcessingTime[T any](interval time.Duration) Trigger[T] {
	return &continuousProcessing[T]{interval: interval.Milliseconds(), next: NewMemory[int64]("next")}
}

type continuousProcessing[T any] struct {
	none[T]
	interval int64
	next     *Memory[int64]
}

func (t *continuousProcessing[T]) Uses() []Handle { return []Handle{t.next} }

func (t *continuousProcessing[T]) Element(c TriggerContext, _ *T, _ int64, w Window) Decision {
	if _, ok := t.next.Get(c); !ok {
		now := c.Now()
		t.set(c, now-now%t.interval, w)
	}
	return Continue
}

func (t *continuousProcessing[T]) set(c TriggerContext, from int64, w Window) {
	at := min(from+t.interval, w.Max())
	t.next.Set(c, at)
	c.SetProcessingTimer(at)
}

func (t *continuousProcessing[T]) ProcessingTime(c TriggerContext, at int64, w Window) Decision {
	next, ok := t.next.Get(c)
	if !ok || next != at {
		return Continue
	}
	if at < w.Max() {
		t.set(c, at, w)
	} else {
		t.next.Clear(c)
	}
	return Fire
}

func (t *continuousProcessing[T]) Clear(c TriggerContext, _ Window) {
	if next, ok := t.next.Get(c); ok {
		c.DeleteProcessingTimer(next)
		t.next.Clear(c)
	}
}

func (t *continuousProcessing[T]) Merge(c MergeContext, _ Window) {
	if next, ok := earliest(t.next, c); ok {
		t.next.Set(c, next)
		c.SetProcessingTimer(next)
	}
}

// Delta fires when a record differs by more than threshold from the one at which the window fired
// last, or from its first. It is not for windows that merge.
func Delta[T any](threshold float64, difference func(last, v T) float64) Trigger[T] {
	return &delta[T]{threshold, difference, NewMemory[T]("last")}
}

type delta[T any] struct {
	threshold  float64
	difference func(last, v T) float64
	last       *Memory[T]
}

func (t *delta[T]) Uses() []Handle { return []Handle{t.last} }

func (t *delta[T]) Element(c TriggerContext, v *T, _ int64, _ Window) Decision {
	last, ok := t.last.Get(c)
	if !ok {
		t.last.Set(c, *v)
		return Continue
	}
	if t.difference(last, *v) > t.threshold {
		t.last.Set(c, *v)
		return Fire
	}
	return Continue
}

func (*delta[T]) EventTime(TriggerContext, int64, Window) Decision      { return Continue }
func (*delta[T]) ProcessingTime(TriggerContext, int64, Window) Decision { return Continue }
func (t *delta[T]) Clear(c TriggerContext, _ Window)                    { t.last.Clear(c) }

// Purging makes a trigger drop the window's contents whenever it fires.
func Purging[T any](t Trigger[T]) Trigger[T] {
	p := purging[T]{t}
	if m, ok := t.(Merger); ok {
		return mergingTrigger[T]{p, m}
	}
	return p
}

type purging[T any] struct{ Trigger[T] }

// mergingTrigger is a trigger around one that can merge.
type mergingTrigger[T any] struct {
	Trigger[T]
	Merger
}

// Uses are those of the trigger inside.
func (t mergingTrigger[T]) Uses() []Handle { return usesOf(t.Trigger) }

func usesOf[T any](t Trigger[T]) []Handle {
	if s, ok := t.(Stateful); ok {
		return s.Uses()
	}
	return nil
}

func purge(d Decision) Decision {
	if d.Fires() {
		return FirePurge
	}
	return d
}

func (p purging[T]) Uses() []Handle { return usesOf(p.Trigger) }

func (p purging[T]) Element(c TriggerContext, v *T, t int64, w Window) Decision {
	return purge(p.Trigger.Element(c, v, t, w))
}

func (p purging[T]) EventTime(c TriggerContext, t int64, w Window) Decision {
	return purge(p.Trigger.EventTime(c, t, w))
}

func (p purging[T]) ProcessingTime(c TriggerContext, t int64, w Window) Decision {
	return purge(p.Trigger.ProcessingTime(c, t, w))
}

// Timeout is how ProcessingTimeout works. The zero value starts the timeout with the first record
// and clears the trigger inside at the timeout.
type Timeout struct {
	// Renew starts the timeout anew with every record.
	Renew bool
	// Keep leaves the trigger inside as it is at the timeout, instead of clearing it.
	Keep bool
}

// ProcessingTimeout fires when t does, and else when timeout has passed, by the clock, since the
// first record after it fired last. It is not for windows that merge.
func ProcessingTimeout[T any](t Trigger[T], timeout time.Duration, how ...Timeout) Trigger[T] {
	p := &processingTimeout[T]{inside: t, timeout: timeout.Milliseconds()}
	if len(how) > 0 {
		p.how = how[0]
	}
	name := "timeout"
	for slices.ContainsFunc(usesOf(t), func(h Handle) bool { return h.StateName() == name }) {
		name = "outer " + name
	}
	p.at = NewMemory[int64](name)
	return p
}

type processingTimeout[T any] struct {
	inside  Trigger[T]
	timeout int64
	how     Timeout
	at      *Memory[int64] // the timer
}

func (p *processingTimeout[T]) Uses() []Handle { return append(usesOf(p.inside), p.at) }

func (p *processingTimeout[T]) Element(c TriggerContext, v *T, t int64, w Window) Decision {
	d := p.inside.Element(c, v, t, w)
	if d.Fires() {
		p.Clear(c, w)
		return d
	}
	at, set := p.at.Get(c)
	if set && p.how.Renew {
		c.DeleteProcessingTimer(at)
		set = false
	}
	if !set {
		at = c.Now() + p.timeout
		p.at.Set(c, at)
		c.SetProcessingTimer(at)
	}
	return d
}

func (p *processingTimeout[T]) EventTime(c TriggerContext, t int64, w Window) Decision {
	return p.timedOut(c, w, p.inside.EventTime(c, t, w))
}

func (p *processingTimeout[T]) ProcessingTime(c TriggerContext, t int64, w Window) Decision {
	return p.timedOut(c, w, p.inside.ProcessingTime(c, t, w))
}

func (p *processingTimeout[T]) timedOut(c TriggerContext, w Window, d Decision) Decision {
	if !p.how.Keep {
		p.Clear(c, w)
	}
	return d | Fire
}

func (p *processingTimeout[T]) Clear(c TriggerContext, w Window) {
	if at, ok := p.at.Get(c); ok {
		c.DeleteProcessingTimer(at)
		p.at.Clear(c)
	}
	p.inside.Clear(c, w)
}
