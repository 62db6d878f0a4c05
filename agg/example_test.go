package agg_test

import (
	"fmt"

	"github.com/flott-dev/flott/agg"
)

// fold is what a window does.
func fold[In, Acc, Out any](a agg.Aggregate[In, Acc, Out], values ...In) Out {
	var acc Acc
	for i := range values {
		a.Add(&acc, &values[i])
	}
	return a.Result(&acc)
}

func length(s string) int { return len(s) }

func ExampleCount() {
	fmt.Println(fold(agg.Count[string](), "a", "b"))
	// Output: 2
}

func ExampleSum() {
	fmt.Println(fold(agg.Sum(length), "one", "three"))
	// Output: 8
}

func ExampleAvg() {
	fmt.Println(fold(agg.Avg(length), "one", "three"))
	// Output: 4
}

func ExampleMin() {
	fmt.Println(fold(agg.Min(length), "three", "one"))
	// Output: 3
}

func ExampleMax() {
	fmt.Println(fold(agg.Max(length), "three", "one"))
	// Output: 5
}

func ExampleMinBy() {
	fmt.Println(fold(agg.MinBy(length), "three", "one", "two"))
	// Output: one
}

func ExampleMaxBy() {
	fmt.Println(fold(agg.MaxBy(length), "three", "one", "eight"))
	// Output: three
}

func ExampleReduce() {
	fmt.Println(fold(agg.Reduce(func(a, b string) string { return a + "-" + b }), "a", "b", "c"))
	// Output: a-b-c
}

func ExampleList() {
	fmt.Println(fold(agg.List[string](), "b", "a"))
	// Output: [b a]
}

func ExampleTopN() {
	shortest := agg.TopN(2, func(a, b string) int { return len(a) - len(b) })
	fmt.Println(fold(shortest, "three", "one", "four", "two"))
	// Output: [one two]
}

// An aggregate of one's own: the range of numbers.
func ExampleAggregate() {
	type span struct {
		Min, Max float64
		Some     bool
	}
	join := func(into, from *span) {
		if !into.Some {
			*into = *from
		} else if from.Some {
			into.Min, into.Max = min(into.Min, from.Min), max(into.Max, from.Max)
		}
	}
	spread := agg.Aggregate[float64, span, float64]{
		Add:    func(acc *span, v *float64) { join(acc, &span{*v, *v, true}) },
		Merge:  join,
		Result: func(acc *span) float64 { return acc.Max - acc.Min },
	}
	fmt.Println(fold(spread, 3, 8, 5))
	// Output: 5
}
