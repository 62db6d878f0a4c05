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

// t stands for the test's argument.
var t = &testing.T{}

func ExampleHarness() {
	in := flotttest.NewInput[string]()
	h := flotttest.New(t, func(env *stream.Env) *stream.Stream[string] {
		k := stream.KeyBy(in.Stream(env), func(s string) string { return s })
		w := k.Window(window.Tumbling(10 * time.Second))
		return stream.AggregateProcess(w, agg.Count[string](),
			func(c *stream.WindowCtx[string, string], n int64) error {
				c.Emit(fmt.Sprint(c.Key(), " ", n))
				return nil
			})
	})
	in.Push("a", 1000)
	in.Push("a", 2000)
	h.Restore(h.Snapshot(), 2)
	h.Watermark(9998)
	fmt.Println(h.Out.Take())
	h.Watermark(9999)
	fmt.Println(h.Out.Take())
	// Output:
	// []
	// [{a 2 9999}]
}

func ExampleCollect() {
	env := stream.NewEnv()
	doubled := stream.Map(stream.From(env, slice.Of(1, 2, 3)), func(n int) int { return 2 * n })
	fmt.Println(flotttest.Collect(t, env, doubled))
	// Output: [2 4 6]
}

// Without an output it is compiled only: what it does needs a test.
func ExampleCheckRestore() {
	_ = func(t *testing.T) {
		flotttest.CheckRestore(t, func(env *stream.Env, sink *collect.Sink[int]) {
			stream.From(env, slice.Of(1, 2, 3)).To(sink)
		}, flotttest.RestoreOptions{})
	}
}

func ExampleCheckBatch() {
	_ = func(t *testing.T) {
		flotttest.CheckBatch(t, func(env *stream.Env, sink *collect.Sink[int]) {
			stream.From(env, slice.Of(1, 2, 3)).To(sink)
		}, flotttest.BatchOptions{})
	}
}
