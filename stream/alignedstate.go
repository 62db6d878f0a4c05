package stream

import (
	"math"

	"github.com/flott-dev/flott/internal/keyed"
)

// sliceState is the keyed state of an alignedOp: see keyed.Slices. What it restores becomes slices of
// the operator.
type sliceState[K, T, A, O any] struct {
	*keyed.Slices[A]
	o *alignedOp[K, T, A, O]
}

// RestoreGroup applies a section of a key group.
func (s sliceState[K, T, A, O]) RestoreGroup(kg int, delta bool, src []byte) error {
	o := s.o
	done := o.done
	defer func() { o.done, o.last = done, nil }()
	// What is to fire depends on how far the group has come.
	o.done, o.last = o.groups.OfGroup(kg, done), nil
	return s.RestoreSection(kg, delta, src, func(start, end int64) *keyed.Slice[A] {
		return o.restored(start, end).table
	})
}

// restored finds or makes a slice, or a window that is kept whole.
func (o *alignedOp[K, T, A, O]) restored(start, end int64) *slice[A] {
	if !o.merging && o.slicing.Shared() {
		if !o.fired(end) {
			o.schedule(end)
		}
		return o.windowTable(end)
	}
	if o.last != nil && o.last.start == start {
		return o.last
	}
	i, ok := o.find(start)
	if ok {
		first, last, step := o.slicing.Ends(start)
		o.scheduleAll(first, last, step)
		o.last = o.slices[i]
		return o.last
	}
	return o.insert(i, start, end)
}

// Clear drops all slices.
func (s sliceState[K, T, A, O]) Clear() {
	s.Slices.Clear()
	s.o.slices, s.o.ends, s.o.last, s.o.done = nil, nil, nil, math.MinInt64
}

var (
	_ keyed.State   = sliceState[int, int, int, int]{}
	_ keyed.Freezer = sliceState[int, int, int, int]{}
)
