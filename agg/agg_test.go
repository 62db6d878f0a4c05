package agg_test

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/agg"
)

// apply folds values as a window does.
func apply[In, Acc, Out any](a agg.Aggregate[In, Acc, Out], values ...In) Out {
	var acc Acc
	for i := range values {
		a.Add(&acc, &values[i])
	}
	return a.Result(&acc)
}

func same[T any](v T) T { return v }

func ExampleAvg() {
	length := agg.Avg(func(s string) int { return len(s) })
	fmt.Println(apply(length, "a", "bcd"))
	// Output: 2
}

func ExampleMaxBy() {
	longest := agg.MaxBy(func(s string) int { return len(s) })
	fmt.Println(apply(longest, "a", "bcd", "efg"))
	// Output: bcd
}

func ExampleTopN() {
	top := agg.TopN(2, func(a, b int) int { return cmp.Compare(b, a) })
	fmt.Println(apply(top, 3, 9, 1, 7))
	// Output: [9 7]
}

func ExampleReduce() {
	joined := agg.Reduce(func(a, b string) string { return a + "-" + b })
	fmt.Println(apply(joined, "x", "y", "z"))
	// Output: x-y-z
}

// ExampleAggregate is an aggregate of one's own: the span of some numbers.
func ExampleAggregate() {
	type span struct {
		Low, High int
		Some      bool
	}
	widen := func(s *span, low, high int) {
		if !s.Some {
			s.Low, s.High, s.Some = low, high, true
		}
		s.Low, s.High = min(s.Low, low), max(s.High, high)
	}
	a := agg.Aggregate[int, span, int]{
		Add: func(s *span, v *int) { widen(s, *v, *v) },
		Merge: func(into, from *span) {
			if from.Some {
				widen(into, from.Low, from.High)
			}
		},
		Result: func(s *span) int { return s.High - s.Low },
	}
	fmt.Println(apply(a, 5, 2, 11))
	// Output: 9
}

// checkMerge compares slices of time that are merged with adding all values to one accumulator, and
// sees that merging leaves what is merged as it was.
func checkMerge[Acc, Out any](t *rapid.T, name string, a agg.Aggregate[int, Acc, Out], values []int) {
	want := apply(a, values...)
	var into Acc
	for rest := values; ; {
		n := rapid.IntRange(0, len(rest)).Draw(t, "slice")
		var part Acc
		for i := range rest[:n] {
			a.Add(&part, &rest[i])
		}
		before := fmt.Sprint(part)
		a.Merge(&into, &part)
		if v := 1000; n > 0 {
			a.Add(&part, &v) // must not show in into
			part = *new(Acc)
			for i := range rest[:n] {
				a.Add(&part, &rest[i])
			}
		}
		if after := fmt.Sprint(part); after != before {
			t.Fatalf("%s: merging changed %s to %s", name, before, after)
		}
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
	}
	if got := a.Result(&into); !reflect.DeepEqual(got, want) && fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%s of %v: merged %v, want %v", name, values, got, want)
	}
}

func TestMergedIsAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.IntRange(-9, 9), 0, 20).Draw(t, "values")
		mod := func(v int) int { return v % 3 }
		checkMerge(t, "Count", agg.Count[int](), values)
		checkMerge(t, "Sum", agg.Sum(same[int]), values)
		checkMerge(t, "Avg", agg.Avg(same[int]), values)
		checkMerge(t, "Min", agg.Min(same[int]), values)
		checkMerge(t, "Max", agg.Max(same[int]), values)
		checkMerge(t, "MinBy", agg.MinBy(mod), values)
		checkMerge(t, "MaxBy", agg.MaxBy(mod), values)
		checkMerge(t, "TopN", agg.TopN(3, func(a, b int) int { return cmp.Compare(mod(a), mod(b)) }), values)
		checkMerge(t, "List", agg.List[int](), values)
		checkMerge(t, "Reduce", agg.Reduce(func(a, b int) int { return a - b*0 + b }), values)
	})
}

func TestAgainstSlices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.IntRange(-9, 9), 1, 20).Draw(t, "values")
		if got, want := apply(agg.Min(same[int]), values...), slices.Min(values); got != want {
			t.Errorf("Min %d, want %d", got, want)
		}
		if got, want := apply(agg.Max(same[int]), values...), slices.Max(values); got != want {
			t.Errorf("Max %d, want %d", got, want)
		}
		by := func(a, b int) int { return cmp.Compare(a%3, b%3) }
		if got, want := apply(agg.MinBy(func(v int) int { return v % 3 }), values...), slices.MinFunc(values, by); got != want {
			t.Errorf("MinBy %d, want %d", got, want)
		}
		sorted := slices.Clone(values)
		slices.SortStableFunc(sorted, by)
		if got, want := apply(agg.TopN(4, by), values...), sorted[:min(4, len(sorted))]; !slices.Equal(got, want) {
			t.Errorf("TopN %d, want %d", got, want)
		}
	})
}
