package slice_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func read[T any](source connect.Source[T]) {
	env := stream.NewEnv()
	stream.From(env, source).To(print.Sink[T]())
	if err := launch.Run(context.Background(), env, "read"); err != nil {
		fmt.Println(err)
	}
}

func ExampleOf() {
	read(slice.Of("a", "b"))
	// Output:
	// a
	// b
}

func ExampleFunc() {
	read(slice.Func(3, func(i int64) int64 { return i * i }))
	// Output:
	// 0
	// 1
	// 4
}

func ExampleSequence() {
	read(slice.Sequence(5, 6))
	// Output:
	// 5
	// 6
}

func ExampleIter() {
	read(slice.Iter(slices.Values([]string{"x", "y"})))
	// Output:
	// x
	// y
}
