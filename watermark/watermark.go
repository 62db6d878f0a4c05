// Package watermark has the strategies that give records their event time and streams their
// watermarks.
//
// A watermark with time t says that no more records with a time up to t are expected. A source
// makes watermarks for each of its splits and passes on the least of them.
//
// Data flow: stream.Watermarks hands a Strategy to the source operator, which makes a Generator for
// each split and asks it after each batch.
package watermark

import (
	"math"
	"time"
)

// Strategy says how event times and watermarks are made. Its methods return changed copies.
type Strategy[T any] struct {
	// Millis gives the event time of a record in milliseconds; nil keeps the source's time.
	Millis func(v *T, source int64) int64
	// New makes the generator of one split or subtask; nil makes none, so no watermarks.
	New func() Generator[T]
	// IdleTimeout is the processing time without records after which a split or subtask is not
	// waited for; 0 means never.
	IdleTimeout time.Duration
	// Group, MaxDrift and UpdateInterval: see Align.
	Group          string
	MaxDrift       time.Duration
	UpdateInterval time.Duration
	// Delay is, for bounded out-of-orderness, how far the watermark follows the largest time; it
	// is negative for other generators. The engine makes watermarks by itself where it knows it.
	Delay time.Duration
}

// Generator makes the watermarks of one split.
type Generator[T any] interface {
	// Record sees a record and its event time in milliseconds. It may return a watermark; ok tells
	// whether it did.
	Record(v *T, millis int64) (watermark int64, ok bool)
	// Periodic is asked at the end of each batch and at the automatic watermark interval.
	Periodic() (watermark int64, ok bool)
}

// Restorer is a Generator that can go on from a watermark that a snapshot holds.
type Restorer interface {
	Restore(watermark int64)
}

// Monotonous is for event times that never fall within a split.
func Monotonous[T any](at func(v T) time.Time) Strategy[T] { return Bounded(0, at) }

// Bounded is for event times that are at most delay behind the largest seen so far.
func Bounded[T any](delay time.Duration, at func(v T) time.Time) Strategy[T] {
	return BoundedMillis(delay, func(v *T) int64 { return at(*v).UnixMilli() })
}

// BoundedMillis is Bounded for records that hold their time in milliseconds since the Unix epoch.
func BoundedMillis[T any](delay time.Duration, millis func(v *T) int64) Strategy[T] {
	return Strategy[T]{
		Millis: func(v *T, _ int64) int64 { return millis(v) },
		New:    func() Generator[T] { return &bounded[T]{delay: delay.Milliseconds(), max: math.MinInt64} },
		Delay:  delay,
	}
}

// SourceTime keeps the event time that the source gave the records, such as the timestamp of a
// message, and lets the watermark follow by delay.
func SourceTime[T any](delay time.Duration) Strategy[T] {
	s := BoundedMillis[T](delay, nil)
	s.Millis = nil
	return s
}

// Ingestion gives records the processing time at which the source read them.
func Ingestion[T any](now func() time.Time) Strategy[T] {
	return Bounded(0, func(T) time.Time { return now() })
}

// Custom is for watermarks that the user's own generator makes.
func Custom[T any](at func(v T) time.Time, newGenerator func() Generator[T]) Strategy[T] {
	return Strategy[T]{
		Millis: func(v *T, _ int64) int64 { return at(*v).UnixMilli() },
		New:    newGenerator,
		Delay:  -1,
	}
}

// None gives event times without watermarks.
func None[T any](at func(v T) time.Time) Strategy[T] {
	return Strategy[T]{
		Millis: func(v *T, _ int64) int64 { return at(*v).UnixMilli() },
		Delay:  -1,
	}
}

// Idle is s with an idleness timeout: a split without records for so long is not waited for.
func (s Strategy[T]) Idle(timeout time.Duration) Strategy[T] {
	s.IdleTimeout = timeout
	return s
}

// Align is s in an alignment group: splits whose watermark is more than maxDrift ahead of the least
// watermark of the group are paused. The group's least watermark is updated every interval; 0 means
// every second.
func (s Strategy[T]) Align(group string, maxDrift, interval time.Duration) Strategy[T] {
	if interval == 0 {
		interval = time.Second
	}
	s.Group, s.MaxDrift, s.UpdateInterval = group, maxDrift, interval
	return s
}

// bounded follows the largest time. A watermark is one less than the least time that may still
// come.
type bounded[T any] struct{ delay, max int64 }

func (b *bounded[T]) Record(_ *T, millis int64) (int64, bool) {
	b.max = max(b.max, millis)
	return 0, false
}

func (b *bounded[T]) Periodic() (int64, bool) {
	if b.max == math.MinInt64 {
		return 0, false
	}
	return b.max - b.delay - 1, true
}

func (b *bounded[T]) Restore(watermark int64) {
	if watermark != math.MinInt64 {
		b.max = watermark + b.delay + 1
	}
}
