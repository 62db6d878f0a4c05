package launch_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func ExampleRun() {
	env := stream.NewEnv()
	stream.From(env, slice.Of("hello")).To(print.Sink[string]())
	fmt.Println(launch.Run(context.Background(), env, "greeting"))
	// Output:
	// hello
	// <nil>
}

// Mistakes in the shape of a job are reported together, before anything runs.
func ExampleRun_mistakes() {
	env := stream.NewEnv()
	a := stream.From(env, slice.Of(1)).UID("same")
	a.Filter(func(int) bool { return true }).UID("same").Parallelism(-1).To(collect.To[int]())
	fmt.Println(launch.Run(context.Background(), env, "wrong"))
	// Output:
	// job "wrong": operator "Filter": parallelism -1 is below 1
	// operators "Source" and "Filter" have the same uid "same"
}

// unending is a job without end.
func unending() *stream.Env {
	env := stream.NewEnv()
	made := datagen.Source(func(n int64) int64 { return n }, datagen.Options{PerSecond: 1000})
	stream.From(env, made).To(discard.To[int64]())
	return env
}

// A job ends with its context; ErrCanceled tells that from a failure.
func ExampleErrCanceled() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err := launch.Run(ctx, unending(), "numbers")
	fmt.Println(errors.Is(err, launch.ErrCanceled))
	// Output: true
}

// Stop ends the input, so that the job finishes what it has begun.
func ExampleJob_Stop() {
	j, err := launch.Start(context.Background(), unending(), "numbers")
	if err != nil {
		fmt.Println(err)
	}
	j.Stop()
	fmt.Println(j.Wait(), j.Status().State)
	// Output: <nil> FINISHED
}

// A job goes on from a snapshot with another parallelism; nothing is counted twice.
func ExampleRestore() {
	sum := func(parallelism int, sink *collect.Sink[int64], perSecond int64) *stream.Env {
		env := stream.NewEnv(stream.Parallelism(parallelism))
		made := datagen.Source(func(n int64) int64 { return n },
			datagen.Options{Count: 1000, PerSecond: perSecond})
		all := stream.KeyBy(stream.From(env, made).UID("numbers"), func(int64) bool { return true })
		stream.Scan(all, func(c *stream.Ctx[bool, int64], sum *int64, n int64) error {
			*sum += n
			c.Emit(*sum)
			return nil
		}).UID("sum").To(sink).UID("sink")
		return env
	}
	ctx := context.Background()
	sink := collect.To[int64]()
	j, err := launch.Start(ctx, sum(1, sink, 1), "slow") // would take a quarter of an hour
	if err != nil {
		fmt.Println(err)
	}
	snapshot, err := j.Snapshot(ctx)
	if err != nil {
		fmt.Println(err)
	}
	j.Cancel()
	_ = j.Wait()
	err = launch.Run(ctx, sum(3, sink, 0), "fast", launch.Restore(snapshot))
	results := sink.Results()
	fmt.Println(len(results), results[len(results)-1], err)
	// Output: 1000 499500 <nil>
}

func ExampleJob_Accumulators() {
	env := stream.NewEnv(stream.Parallelism(2))
	numbers := stream.From(env, slice.Sequence(1, 10))
	stream.Open(numbers, func(t *stream.Task) (func(int64) (int64, error), error) {
		even := t.Accumulator("even numbers")
		return func(n int64) (int64, error) {
			even.Add(1 - n%2)
			return n, nil
		}, nil
	}).To(discard.To[int64]())
	j, err := launch.Start(context.Background(), env, "count")
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(j.Wait(), j.Accumulators())
	// Output: <nil> map[even numbers:5]
}
