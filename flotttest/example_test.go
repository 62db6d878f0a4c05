package flotttest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/window"
)

var t = &testing.T{} // the test's own

func double(s *stream.Stream[int]) *stream.Stream[int] {
	return stream.Map(s, func(n int) int { return 2 * n })
}

func ExampleCollect() {
	env := stream.NewEnv()
	fmt.Println(flotttest.Collect(t, env, double(stream.From(env, slice.Of(1, 2)))))
	// Output: [2 4]
}

// The window fires when the watermark passes its end.
func ExampleNew() {
	in := flotttest.NewInput[string]()
	h := flotttest.New(t, func(env *stream.Env) *stream.Stream[stream.Result[string, int64]] {
		words := stream.KeyBy(in.Stream(env), func(w string) string { return w })
		return stream.Aggregate(words.Window(window.Tumbling(time.Second)), agg.Count[string]())
	})
	in.Push("be", 10)
	in.Push("be", 20)
	h.Watermark(998)
	fmt.Println(len(h.Out.Values()))
	h.Watermark(999)
	fmt.Println(h.Out.Values()[0].Value)
	// Output:
	// 0
	// 2
}

// Without an output it is compiled only: what it does needs a test.
func ExampleCheckRestore() {
	_ = func(t *testing.T) {
		flotttest.CheckRestore(t, func(env *stream.Env, sink *collect.Sink[int]) {
			double(stream.From(env, slice.Of(1, 2, 3))).To(sink)
		}, flotttest.RestoreOptions{})
	}
}

func ExampleCheckBatch() {
	_ = func(t *testing.T) {
		flotttest.CheckBatch(t, func(env *stream.Env, sink *collect.Sink[int]) {
			double(stream.From(env, slice.Of(1, 2, 3))).To(sink)
		}, flotttest.BatchOptions{})
	}
}
