package window

import (
	"math"
	"time"
)

// Element is a record in a window. Time is its event time or, in windows of processing time, the
// time at which it was added.
type Element[T any] struct {
	Value T
	Time  int64
}

// Evictor takes records out of windows. The slices are the engine's, in order of arrival: an
// evictor may reorder and shorten them in place, and returns what is to stay.
type Evictor[T any] interface {
	// Before is called before the window's function.
	Before(elements []Element[T], w Window, watermark int64) []Element[T]
	// After is called after the window's function.
	After(elements []Element[T], w Window, watermark int64) []Element[T]
}

// Moment says when a built-in evictor works.
type Moment uint8

// The moments.
const (
	// BeforeFunction takes records out before the window's function sees them: the default.
	BeforeFunction Moment = iota
	// AfterFunction takes them out once the function has seen them.
	AfterFunction
)

// evict is an evictor by a function that works at one moment.
type evict[T any] struct {
	keep   func(elements []Element[T]) []Element[T]
	moment Moment
}

func newEvictor[T any](keep func([]Element[T]) []Element[T], moment []Moment) Evictor[T] {
	e := evict[T]{keep: keep}
	if len(moment) > 0 {
		e.moment = moment[0]
	}
	return e
}

func (e evict[T]) Before(elements []Element[T], _ Window, _ int64) []Element[T] {
	if e.moment == BeforeFunction && len(elements) > 0 {
		return e.keep(elements)
	}
	return elements
}

func (e evict[T]) After(elements []Element[T], _ Window, _ int64) []Element[T] {
	if e.moment == AfterFunction && len(elements) > 0 {
		return e.keep(elements)
	}
	return elements
}

// CountEvictor keeps the last n records.
func CountEvictor[T any](n int, moment ...Moment) Evictor[T] {
	return newEvictor(func(elements []Element[T]) []Element[T] {
		if out := len(elements) - n; out > 0 {
			elements = elements[:copy(elements, elements[out:])]
		}
		return elements
	}, moment)
}

// TimeEvictor keeps the records that are less than d older than the newest one in the window.
func TimeEvictor[T any](d time.Duration, moment ...Moment) Evictor[T] {
	return newEvictor(func(elements []Element[T]) []Element[T] {
		newest := int64(math.MinInt64)
		for i := range elements {
			newest = max(newest, elements[i].Time)
		}
		if newest == math.MinInt64 {
			return elements // no record has a time
		}
		return filter(elements, func(e *Element[T]) bool {
			return e.Time > newest-d.Milliseconds()
		})
	}, moment)
}

// DeltaEvictor keeps the records that differ from the last one by less than threshold.
func DeltaEvictor[T any](threshold float64, difference func(v, last T) float64,
	moment ...Moment,
) Evictor[T] {
	return newEvictor(func(elements []Element[T]) []Element[T] {
		last := elements[len(elements)-1].Value
		return filter(elements, func(e *Element[T]) bool {
			return difference(e.Value, last) < threshold
		})
	}, moment)
}

// filter keeps elements in place.
func filter[T any](elements []Element[T], keep func(e *Element[T]) bool) []Element[T] {
	n := 0
	for i := range elements {
		if keep(&elements[i]) {
			elements[n] = elements[i]
			n++
		}
	}
	return elements[:n]
}
