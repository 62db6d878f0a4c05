// Package agg has aggregate functions for windows.
//
// An aggregate folds records into an accumulator. Its Merge lets overlapping windows share the
// work: each record is added once, to the slice of time it belongs to, and windows merge slices.
//
// Data flow: stream.Aggregate hands an aggregate to a window operator, which keeps an accumulator
// for each key and slice, or window.
package agg

import (
	"cmp"
	"slices"
)

// Aggregate folds values of type In. The zero Acc is the accumulator of no value. It must be
// encodable, since it is state.
type Aggregate[In, Acc, Out any] struct {
	// Add adds a value. The pointers are valid during the call only.
	Add func(acc *Acc, v *In)
	// Merge adds what from holds to into, which may be the zero Acc. into must not refer to memory
	// of from afterwards. Without Merge the aggregate works, but every window over a record adds
	// it again, and session windows need it.
	Merge func(into, from *Acc)
	// Result is the aggregate's value.
	Result func(acc *Acc) Out
}

// Number is what can be summed.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 |
		~float32 | ~float64
}

// Count counts values.
func Count[In any]() Aggregate[In, int64, int64] {
	return Aggregate[In, int64, int64]{
		Add:    func(acc *int64, _ *In) { *acc++ },
		Merge:  func(into, from *int64) { *into += *from },
		Result: func(acc *int64) int64 { return *acc },
	}
}

// Sum sums a number of each value.
func Sum[In any, N Number](of func(v In) N) Aggregate[In, N, N] {
	return Aggregate[In, N, N]{
		Add:    func(acc *N, v *In) { *acc += of(*v) },
		Merge:  func(into, from *N) { *into += *from },
		Result: func(acc *N) N { return *acc },
	}
}

// Mean is the accumulator of Avg.
type Mean struct {
	Sum float64
	N   int64
}

// Avg is the arithmetic mean of a number of each value.
func Avg[In any, N Number](of func(v In) N) Aggregate[In, Mean, float64] {
	return Aggregate[In, Mean, float64]{
		Add: func(acc *Mean, v *In) {
			acc.Sum += float64(of(*v))
			acc.N++
		},
		Merge: func(into, from *Mean) {
			into.Sum += from.Sum
			into.N += from.N
		},
		Result: func(acc *Mean) float64 { return acc.Sum / float64(acc.N) },
	}
}

// Best is the accumulator of aggregates that keep one of the values.
type Best[V any] struct {
	Value V
	Some  bool
}

func (b *Best[V]) offer(v V, better bool) {
	if !b.Some || better {
		b.Value, b.Some = v, true
	}
}

// best keeps the first of the values that is not worse than another.
func best[In, V any](of func(v *In) V, better func(a, b V) bool) Aggregate[In, Best[V], V] {
	return Aggregate[In, Best[V], V]{
		Add: func(acc *Best[V], v *In) {
			x := of(v)
			acc.offer(x, better(x, acc.Value))
		},
		Merge: func(into, from *Best[V]) {
			if from.Some {
				into.offer(from.Value, better(from.Value, into.Value))
			}
		},
		Result: func(acc *Best[V]) V { return acc.Value },
	}
}

// Min is the least of a property of the values.
func Min[In any, V cmp.Ordered](of func(v In) V) Aggregate[In, Best[V], V] {
	return best(func(v *In) V { return of(*v) }, func(a, b V) bool { return cmp.Less(a, b) })
}

// Max is the greatest of a property of the values.
func Max[In any, V cmp.Ordered](of func(v In) V) Aggregate[In, Best[V], V] {
	return best(func(v *In) V { return of(*v) }, func(a, b V) bool { return cmp.Less(b, a) })
}

// MinBy is the value with the least property; of equal ones the first.
func MinBy[In any, V cmp.Ordered](of func(v In) V) Aggregate[In, Best[In], In] {
	return best(func(v *In) In { return *v }, func(a, b In) bool { return cmp.Less(of(a), of(b)) })
}

// MaxBy is the value with the greatest property; of equal ones the first.
func MaxBy[In any, V cmp.Ordered](of func(v In) V) Aggregate[In, Best[In], In] {
	return best(func(v *In) In { return *v }, func(a, b In) bool { return cmp.Less(of(b), of(a)) })
}

// TopN is the n first values in the order of compare; equal ones in order of arrival.
func TopN[In any](n int, compare func(a, b In) int) Aggregate[In, []In, []In] {
	add := func(acc *[]In, v In) {
		i, _ := slices.BinarySearchFunc(*acc, v, func(a, b In) int {
			if c := compare(a, b); c != 0 {
				return c
			}
			return -1 // behind those that are equal
		})
		if i >= n {
			return
		}
		if *acc = slices.Insert(*acc, i, v); len(*acc) > n {
			*acc = (*acc)[:n]
		}
	}
	return Aggregate[In, []In, []In]{
		Add: func(acc *[]In, v *In) { add(acc, *v) },
		Merge: func(into, from *[]In) {
			for _, v := range *from {
				add(into, v)
			}
		},
		Result: func(acc *[]In) []In { return slices.Clone(*acc) },
	}
}

// List is all values in order of arrival.
func List[In any]() Aggregate[In, []In, []In] {
	return Aggregate[In, []In, []In]{
		Add:    func(acc *[]In, v *In) { *acc = append(*acc, *v) },
		Merge:  func(into, from *[]In) { *into = append(*into, *from...) },
		Result: func(acc *[]In) []In { return slices.Clone(*acc) },
	}
}

// Reduce folds values of one type.
func Reduce[In any](f func(a, b In) In) Aggregate[In, Best[In], In] {
	add := func(acc *Best[In], v In) {
		if acc.Some {
			v = f(acc.Value, v)
		}
		acc.Value, acc.Some = v, true
	}
	return Aggregate[In, Best[In], In]{
		Add: func(acc *Best[In], v *In) { add(acc, *v) },
		Merge: func(into, from *Best[In]) {
			if from.Some {
				add(into, from.Value)
			}
		},
		Result: func(acc *Best[In]) In { return acc.Value },
	}
}
