package stream_test

import (
	"context"
	"fmt"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// trips are some events with times in seconds.
func trips(env *stream.Env) *stream.Keyed[string, txn] {
	s := stream.From(env, slice.Of(
		txn{"ann", 3, 1000}, txn{"bob", 4, 2000}, txn{"ann", 5, 8000}, txn{"ann", 1, 12000}, txn{"bob", 2, 31000},
	)).Watermarks(watermark.Monotonous(txnTime))
	return stream.KeyBy(s, func(t txn) string { return t.User })
}

// printAll runs the job and prints its results, sorted.
func printSorted(env *stream.Env, s *stream.Stream[string]) {
	out := collect.To[string]()
	s.To(out)
	if err := launch.Run(context.Background(), env, "example"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(sortedLines(out.Results()))
}

func seconds(w window.Window) string { return fmt.Sprintf("%d-%d s", w.Start/1000, w.End/1000) }

func ExampleAggregate() {
	env := stream.NewEnv()
	w := trips(env).Window(window.Tumbling(10 * time.Second))
	sums := stream.Aggregate(w, agg.Sum(func(t txn) int64 { return t.Amount }))
	printSorted(env, stream.Map(sums, func(r stream.Result[string, int64]) string {
		return fmt.Sprint(r.Key, " ", seconds(r.Window), ": ", r.Value)
	}))
	// Output:
	// ann 0-10 s: 8
	// ann 10-20 s: 1
	// bob 0-10 s: 4
	// bob 30-40 s: 2
}

func ExampleProcessWindow() {
	env := stream.NewEnv()
	w := trips(env).Window(window.Session(5 * time.Second))
	printSorted(env, stream.ProcessWindow(w, func(c *stream.WindowCtx[string, string], ts []txn) error {
		c.Emit(fmt.Sprint(c.Key(), " ", seconds(c.Window()), ": ", len(ts)))
		return nil
	}))
	// Output:
	// ann 1-6 s: 1
	// ann 8-17 s: 2
	// bob 2-7 s: 1
	// bob 31-36 s: 1
}

func ExampleKeyed_CountWindow() {
	env := stream.NewEnv()
	longest := stream.ReduceWindow(trips(env).CountWindow(2), func(a, b txn) txn {
		if b.Amount > a.Amount {
			return b
		}
		return a
	})
	printSorted(env, stream.Map(longest, func(r stream.Result[string, txn]) string {
		return fmt.Sprint(r.Key, " ", r.Value.Amount)
	}))
	// Output:
	// ann 5
	// bob 4
}

func ExampleWindowed_Trigger() {
	env := stream.NewEnv()
	w := trips(env).Window(window.Tumbling(time.Minute)).Trigger(window.Purging(window.Count[txn](2)))
	printSorted(env, stream.ProcessWindow(w, func(c *stream.WindowCtx[string, string], ts []txn) error {
		c.Emit(fmt.Sprint(c.Key(), " ", ts[0].Amount, " ", ts[1].Amount))
		return nil
	}))
	// Output:
	// ann 3 5
	// bob 4 2
}

// ExampleWindowUses numbers the windows of each key.
func ExampleWindowUses() {
	env := stream.NewEnv()
	windows := state.NewValue[int]("windows")
	w := trips(env).Window(window.Tumbling(10 * time.Second))
	printSorted(env, stream.AggregateProcess(w, agg.Count[txn](),
		func(c *stream.WindowCtx[string, string], n int64) error {
			number, _ := windows.Get(c)
			windows.Set(c, number+1)
			c.Emit(fmt.Sprintf("%s: window %d has %d", c.Key(), number+1, n))
			return nil
		}, stream.WindowUses(windows)))
	// Output:
	// ann: window 1 has 2
	// ann: window 2 has 1
	// bob: window 1 has 1
	// bob: window 2 has 1
}

func ExampleJoinWindow() {
	env := stream.NewEnv()
	bids := stream.From(env, slice.Of(txn{"chair", 7, 2000}, txn{"chair", 9, 6000}, txn{"lamp", 3, 14000})).
		Watermarks(watermark.Monotonous(txnTime))
	names := stream.From(env, slice.Of(txn{"chair", 1, 1000}, txn{"lamp", 2, 2000})).
		Watermarks(watermark.Monotonous(txnTime))
	item := func(t txn) string { return t.User }
	printSorted(env, stream.JoinWindow(stream.KeyBy(names, item), stream.KeyBy(bids, item),
		window.Tumbling(10*time.Second), func(name, bid txn) string {
			return fmt.Sprintf("%s, item %d: %d", name.User, name.Amount, bid.Amount)
		}))
	// Output:
	// chair, item 1: 7
	// chair, item 1: 9
}

func ExampleCoGroup() {
	env := stream.NewEnv()
	left := stream.From(env, slice.Of("a1", "b1")).Watermarks(watermark.Monotonous(func(string) time.Time { return time.UnixMilli(0) }))
	right := stream.From(env, slice.Of("a2", "a3", "c1")).Watermarks(watermark.Monotonous(func(string) time.Time { return time.UnixMilli(5) }))
	printSorted(env, stream.CoGroup(stream.KeyBy(left, keyOf), stream.KeyBy(right, keyOf), window.Tumbling(time.Second),
		func(c *stream.WindowCtx[string, string], l, r []string) error {
			c.Emit(fmt.Sprint(c.Key(), ": ", l, " and ", r))
			return nil
		}))
	// Output:
	// a: [a1] and [a2 a3]
	// b: [b1] and []
	// c: [] and [c1]
}
