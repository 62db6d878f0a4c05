// Package window has the assigners that put records into windows.
//
// An Assigner is a value: Tumbling, Sliding, Cumulating and Session windows over event time, or,
// by its ProcessingTime method, over processing time; Global, the one window of everything; and
// Custom. Times are milliseconds since the Unix epoch; a window holds the times from Start up to,
// and without, End.
//
//	Tumbling(10s)        [0 10) [10 20) [20 30)
//	Sliding(10s, 5s)     [0 10) [5 15) [10 20)
//	Cumulating(10s, 5s)  [0 5) [0 10) [10 15) [10 20)
//	Session(5s)          from the first record to 5 s after the last, for each key
//
// A Trigger decides when a window fires, instead of its end: EventTime, ProcessingTime, Count,
// ContinuousEventTime, ContinuousProcessingTime, Delta, Never, and around another trigger Purging
// and ProcessingTimeout. An Evictor takes records out of a window before or after its function sees
// them: CountEvictor, TimeEvictor, DeltaEvictor. Both are interfaces for users to implement. A
// Trigger may also be a Merger, for windows that merge, and Stateful.
//
// Data flow: stream.Window hands an Assigner to a window operator, which keeps, for aligned windows,
// one table for each slice that its windows share.
package window

import (
	"fmt"
	"math"
	"time"
)

// Window is a span of time. The global window is [math.MinInt64, math.MaxInt64).
type Window struct {
	Start, End int64 // in milliseconds since the Unix epoch; End is not included
}

// Max is the largest time in the window, which is the time of its results.
func (w Window) Max() int64 {
	if w.End == math.MaxInt64 {
		return math.MaxInt64
	}
	return w.End - 1
}

// From is Start as a time.
func (w Window) From() time.Time { return time.UnixMilli(w.Start).UTC() }

// Until is End as a time.
func (w Window) Until() time.Time { return time.UnixMilli(w.End).UTC() }

// Whole is the global window.
var Whole = Window{math.MinInt64, math.MaxInt64}

// String shows the window in UTC.
func (w Window) String() string {
	if w == Whole {
		return "[global)"
	}
	const layout = "2006-01-02T15:04:05.999"
	return "[" + w.From().Format(layout) + " " + w.Until().Format(layout) + ")"
}

// Kind tells assigners apart.
type Kind uint8

// The kinds.
const (
	KindTumbling Kind = iota + 1
	KindSliding
	KindCumulating
	KindSession
	KindGlobal
	KindCustom
)

// Assigner says which windows a record belongs to. Its methods return changed copies.
type Assigner struct {
	kind       Kind
	size       int64 // of a window; the gap of sessions; the largest of cumulating windows
	slide      int64 // between starts; the step of cumulating windows
	offset     int64
	zone       *time.Location
	processing bool
	custom     any // Custom[T], or the gap function of dynamic sessions
	err        error
}

// Tumbling windows of one size follow each other without gap.
func Tumbling(size time.Duration) Assigner {
	return Assigner{kind: KindTumbling}.sized(size, size)
}

// Sliding windows of one size start every slide. A record belongs to size/slide windows.
func Sliding(size, slide time.Duration) Assigner {
	return Assigner{kind: KindSliding}.sized(size, slide)
}

// Cumulating windows grow by step until they have the largest size, then begin again.
func Cumulating(largest, step time.Duration) Assigner {
	a := Assigner{kind: KindCumulating}.sized(largest, step)
	if a.err == nil && largest%step != 0 {
		a.err = fmt.Errorf("window.Cumulating(%v, %v): the size must be a multiple of the step",
			largest, step)
	}
	return a
}

// Session windows of a key end when more than gap passes without a record: a record exactly gap after
// the last one still belongs to its session.
func Session(gap time.Duration) Assigner {
	return Assigner{kind: KindSession}.sized(gap, gap)
}

// DynamicSession windows have a gap that depends on the record.
func DynamicSession[T any](gap func(v T) time.Duration) Assigner {
	return Assigner{kind: KindSession, custom: GapFunc[T](gap)}
}

// GapFunc is the gap of a dynamic session after a record.
type GapFunc[T any] func(v T) time.Duration

// Global is one window for each key. It never ends, so it needs a trigger to fire.
func Global() Assigner { return Assigner{kind: KindGlobal} }

// Custom is an assigner of the user's own.
type Custom[T any] interface {
	// Assign appends the windows of a record to dst. t is its event time or, in processing time,
	// the time now.
	Assign(dst []Window, v *T, t int64) []Window
	// Merging reports whether overlapping windows of a key are merged, as those of sessions are.
	Merging() bool
}

// Of is an assigner made of the user's own.
func Of[T any](c Custom[T]) Assigner { return Assigner{kind: KindCustom, custom: c} }

func (a Assigner) sized(size, slide time.Duration) Assigner {
	a.size, a.slide = size.Milliseconds(), slide.Milliseconds()
	if a.size < 1 || a.slide < 1 {
		a.err = fmt.Errorf("window of %v every %v: both must be at least a millisecond", size, slide)
	}
	return a
}

// Offset shifts the starts of the windows: tumbling windows of an hour with an offset of 15 minutes
// start at a quarter past.
func (a Assigner) Offset(d time.Duration) Assigner {
	a.offset = d.Milliseconds()
	return a
}

// In aligns the windows with the local time of a zone: tumbling windows of 24 hours become days,
// also those of 23 and 25 hours.
func (a Assigner) In(zone *time.Location) Assigner {
	a.zone = zone
	return a
}

// ProcessingTime makes windows of the time at which records are processed.
func (a Assigner) ProcessingTime() Assigner {
	a.processing = true
	return a
}

// Kind is what the assigner was made as.
func (a Assigner) Kind() Kind { return a.kind }

// IsProcessingTime reports whether windows are of processing time.
func (a Assigner) IsProcessingTime() bool { return a.processing }

// Err is a mistake in the assigner's arguments.
func (a Assigner) Err() error {
	switch {
	case a.kind == 0:
		return fmt.Errorf("the zero window.Assigner: use window.Tumbling or another constructor")
	case a.zone != nil && a.kind > KindCumulating:
		return fmt.Errorf("only tumbling, sliding and cumulating windows have a time zone")
	}
	return a.err
}

// Gap is the gap of sessions after v.
func Gap[T any](a Assigner, v *T) int64 {
	if f, ok := a.custom.(GapFunc[T]); ok {
		return max(1, f(*v).Milliseconds())
	}
	return a.size
}

// CustomOf is the user's own assigner, nil for others or when it is for another type than T.
func CustomOf[T any](a Assigner) Custom[T] {
	c, _ := a.custom.(Custom[T])
	return c
}

// DynamicFor reports whether the assigner fits records of type T.
func DynamicFor[T any](a Assigner) bool {
	switch a.custom.(type) {
	case nil, GapFunc[T], Custom[T]:
		return true
	}
	return false
}

// Name describes the assigner in graphs.
func (a Assigner) Name() string {
	ms := func(v int64) string { return (time.Duration(v) * time.Millisecond).String() }
	switch a.kind {
	case KindTumbling:
		return "Tumbling(" + ms(a.size) + ")"
	case KindSliding:
		return "Sliding(" + ms(a.size) + ", " + ms(a.slide) + ")"
	case KindCumulating:
		return "Cumulating(" + ms(a.size) + ", " + ms(a.slide) + ")"
	case KindSession:
		if a.custom != nil {
			return "Session(dynamic)"
		}
		return "Session(" + ms(a.size) + ")"
	case KindGlobal:
		return "Global"
	}
	return "Window"
}
