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

func ExampleList() {
	fmt.Println(fold(agg.List[string](), "b", "a"))
	// Output: [b a]
}
