package state_test

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
)

// run calls f for each word, with the state of the word's first letter, and prints what f emits.
func run(handle state.Handle, f func(c *stream.Ctx[string, string], word string) error) {
	env := stream.NewEnv()
	words := stream.From(env, slice.Of("apple", "avocado", "banana", "apple"))
	letters := stream.KeyBy(words, func(w string) string { return w[:1] })
	stream.Process(letters, f, stream.Uses(handle)).To(print.Sink[string]())
	if err := launch.Run(context.Background(), env, "example"); err != nil {
		fmt.Println(err)
	}
}

func ExampleValue() {
	before := state.NewValue[string]("before")
	run(before, func(c *stream.Ctx[string, string], word string) error {
		if b, ok := before.Get(c); ok {
			c.Emit(b + ", then " + word)
		}
		before.Set(c, word)
		return nil
	})
	// Output:
	// apple, then avocado
	// avocado, then apple
}

// The first version of a job keeps prices as texts, the second one in cents. It goes on from a snapshot
// of the first.
func ExampleMigrate() {
	type priceV1 struct{ Text string }
	type price struct{ Cents int64 }
	prices := func() (*stream.Env, *stream.Keyed[string, string]) {
		env := stream.NewEnv()
		texts := stream.From(env, slice.Of("12.50", "9.99"))
		return env, stream.KeyBy(texts, func(string) string { return "lamp" })
	}

	env, texts := prices()
	v1 := state.NewValue[priceV1]("last")
	stream.Process(texts, func(c *stream.Ctx[string, string], text string) error {
		v1.Set(c, priceV1{text})
		return nil
	}, stream.Uses(v1)).To(print.Sink[string]())
	var snapshot *launch.Snapshot
	ctx, cancel := context.WithCancel(context.Background())
	_ = launch.Run(ctx, env, "prices", launch.BatchRows(1),
		launch.SnapshotAtBatch(1, func(s *launch.Snapshot, _ error) { snapshot = s; cancel() }))

	env, texts = prices()
	v2 := state.NewValue[price]("last", state.Migrate("cents", func(old priceV1) (price, error) {
		euros, err := strconv.ParseFloat(old.Text, 64)
		return price{int64(math.Round(euros * 100))}, err
	}))
	stream.Process(texts, func(c *stream.Ctx[string, string], text string) error {
		last, _ := v2.Get(c)
		c.Emit(fmt.Sprint(text, " comes after ", last.Cents, " cents"))
		return nil
	}, stream.Uses(v2)).To(print.Sink[string]())
	if err := launch.Run(context.Background(), env, "prices", launch.Restore(snapshot)); err != nil {
		fmt.Println(err)
	}
	// Output: 9.99 comes after 1250 cents
}

func ExampleList() {
	all := state.NewList[string]("all")
	run(all, func(c *stream.Ctx[string, string], word string) error {
		all.Add(c, word)
		c.Emit(fmt.Sprint(c.Key(), " ", all.Get(c)))
		return nil
	})
	// Output:
	// a [apple]
	// a [apple avocado]
	// b [banana]
	// a [apple avocado apple]
}

func ExampleMap() {
	counts := state.NewMap[string, int]("counts")
	run(counts, func(c *stream.Ctx[string, string], word string) error {
		n, _ := counts.Get(c, word)
		counts.Put(c, word, n+1)
		c.Emit(fmt.Sprint(word, " ", n+1, " of ", counts.Len(c), " words in ", c.Key()))
		return nil
	})
	// Output:
	// apple 1 of 1 words in a
	// avocado 1 of 2 words in a
	// banana 1 of 1 words in b
	// apple 2 of 2 words in a
}

func ExampleReducing() {
	longest := state.NewReducing("longest", func(a, b string) string {
		if len(b) > len(a) {
			return b
		}
		return a
	})
	run(longest, func(c *stream.Ctx[string, string], word string) error {
		longest.Add(c, word)
		w, _ := longest.Get(c)
		c.Emit(w)
		return nil
	})
	// Output:
	// apple
	// avocado
	// banana
	// avocado
}

func ExampleAggregating() {
	letters := state.NewAggregating("letters",
		func(acc *int, word string) { *acc += len(word) },
		func(acc *int) string { return fmt.Sprint(*acc, " letters") })
	run(letters, func(c *stream.Ctx[string, string], word string) error {
		letters.Add(c, word)
		text, _ := letters.Get(c)
		c.Emit(text)
		return nil
	})
	// Output:
	// 5 letters
	// 12 letters
	// 6 letters
	// 17 letters
}

// A handle that was not declared is an error that names it.
func ExampleHandle() {
	declared, forgotten := state.NewValue[int]("declared"), state.NewValue[int]("forgotten")
	run(declared, func(c *stream.Ctx[string, string], _ string) error {
		forgotten.Set(c, 1)
		return nil
	})
	// Output: job "example": operator "Process" (subtask 1 of 1): state "forgotten" is used but not declared; add stream.Uses(…) to the operator
}
