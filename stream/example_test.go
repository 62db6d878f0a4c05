package stream_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// printAll runs a job that prints s.
func printAll[T any](env *stream.Env, s *stream.Stream[T]) {
	s.To(print.Sink[T]())
	if err := launch.Run(context.Background(), env, "example"); err != nil {
		fmt.Println(err)
	}
}

// sale is a record of the examples. Its time is in seconds.
type sale struct {
	Shop   string
	Euros  int
	Second int64
}

// sales are in event time: the watermark follows each record.
func sales(env *stream.Env, values ...sale) *stream.Stream[sale] {
	return stream.From(env, slice.Of(values...)).Watermarks(
		watermark.Monotonous(func(s sale) time.Time { return time.Unix(s.Second, 0) }))
}

func shop(s sale) string { return s.Shop }

func ExampleMap() {
	env := stream.NewEnv()
	printAll(env, stream.Map(stream.From(env, slice.Sequence(1, 3)), func(n int64) string {
		return strings.Repeat("*", int(n))
	}))
	// Output:
	// *
	// **
	// ***
}

func ExampleTryMap() {
	env := stream.NewEnv()
	numbers := stream.From(env, slice.Of(6, 3, 0))
	printAll(env, stream.TryMap(numbers, func(n int) (int, error) {
		if n == 0 {
			return 0, errors.New("nothing to divide by")
		}
		return 12 / n, nil
	}).Name("divide"))
	// Output:
	// job "example": operator "divide" (subtask 1 of 1): nothing to divide by
	//   record: 0
}

func ExampleStream_Filter() {
	env := stream.NewEnv()
	printAll(env, stream.From(env, slice.Sequence(1, 5)).Filter(func(n int64) bool { return n%2 == 1 }))
	// Output:
	// 1
	// 3
	// 5
}

func ExampleFlatMap() {
	env := stream.NewEnv()
	lines := stream.From(env, slice.Of("so much depends", "upon"))
	printAll(env, stream.FlatMap(lines, func(line string, emit func(string)) {
		for w := range strings.FieldsSeq(line) {
			emit(w)
		}
	}))
	// Output:
	// so
	// much
	// depends
	// upon
}

// Select works on pointers, for records that are wide.
func ExampleSelect() {
	env := stream.NewEnv()
	printAll(env, stream.Select(sales(env, sale{"a", 3, 0}, sale{"b", 90, 0}), func(in *sale, out *string) bool {
		*out = in.Shop
		return in.Euros > 10
	}))
	// Output: b
}

func ExampleStream_Union() {
	env := stream.NewEnv()
	a, b := stream.From(env, slice.Of(1, 2)), stream.From(env, slice.Of(30, 40))
	sum := stream.Reduce(stream.KeyBy(a.Union(b), func(int) bool { return true }),
		func(a, b int) int { return a + b })
	printAll(env, sum.Filter(func(n int) bool { return n == 1+2+30+40 }))
	// Output: 73
}

func ExampleReduce() {
	env := stream.NewEnv()
	all := sales(env, sale{"a", 3, 0}, sale{"b", 5, 0}, sale{"a", 4, 0})
	printAll(env, stream.Reduce(stream.KeyBy(all, shop), func(a, b sale) sale {
		return sale{a.Shop, a.Euros + b.Euros, 0}
	}))
	// Output:
	// {a 3 0}
	// {b 5 0}
	// {a 7 0}
}

func ExampleScan() {
	env := stream.NewEnv()
	all := sales(env, sale{"a", 3, 0}, sale{"b", 5, 0}, sale{"a", 4, 0})
	printAll(env, stream.Scan(stream.KeyBy(all, shop),
		func(c *stream.Ctx[string, string], largest *int, s sale) error {
			if *largest = max(*largest, s.Euros); s.Euros == *largest {
				c.Emit(fmt.Sprint(c.Key(), " has a new largest sale: ", s.Euros))
			}
			return nil
		}))
	// Output:
	// a has a new largest sale: 3
	// b has a new largest sale: 5
	// a has a new largest sale: 4
}

// A shop that sells nothing for a minute is asked why.
func ExampleProcess() {
	env := stream.NewEnv()
	last, quiet := state.NewValue[sale]("last"), stream.NewTimer[string]("quiet")
	all := sales(env, sale{"a", 3, 0}, sale{"b", 5, 10}, sale{"a", 4, 50}, sale{"b", 1, 80})
	printAll(env, stream.Process(stream.KeyBy(all, shop),
		func(c *stream.Ctx[string, string], s sale) error {
			if p, ok := last.Get(c); ok {
				quiet.Delete(c, time.Unix(p.Second+60, 0))
			}
			last.Set(c, s)
			quiet.Set(c, c.Time().Add(time.Minute), "why so quiet?")
			return nil
		},
		stream.Uses(last),
		stream.On(quiet, func(c *stream.Ctx[string, string], question string) error {
			c.Emit(fmt.Sprint(c.Time().Unix(), " ", c.Key(), ": ", question))
			return nil
		})))
	// Output:
	// 110 a: why so quiet?
	// 140 b: why so quiet?
}

func ExampleSide() {
	env := stream.NewEnv()
	refunds := stream.NewTag[int]("refunds")
	all := sales(env, sale{"a", 3, 0}, sale{"a", -2, 0})
	sold := stream.Process(stream.KeyBy(all, shop), func(c *stream.Ctx[string, int], s sale) error {
		if s.Euros < 0 {
			refunds.Emit(c, -s.Euros)
		} else {
			c.Emit(s.Euros)
		}
		return nil
	})
	sold.To(print.Sink[int](print.Format("sold for %d")))
	stream.Side(sold, refunds).To(print.Sink[int](print.Format("gave back %d")))
	if err := launch.Run(context.Background(), env, "example"); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// sold for 3
	// gave back 2
}

// What a subtask owns is made and released by itself.
func ExampleOpen() {
	env := stream.NewEnv()
	printAll(env, stream.Open(stream.From(env, slice.Of("a", "b")),
		func(t *stream.Task) (func(string) (string, error), error) {
			seen := t.Counter("seen")
			t.OnClose(func() error { fmt.Println("closed after", seen.Value()); return nil })
			return func(s string) (string, error) {
				seen.Add(1)
				return strings.ToUpper(s), nil
			}, nil
		}))
	// Output:
	// A
	// B
	// closed after 2
}

func ExampleProcessEach() {
	env := stream.NewEnv()
	printAll(env, stream.ProcessEach(sales(env, sale{"a", 3, 7}),
		func(*stream.Task) (func(*stream.Emitter[string], sale) error, error) {
			return func(c *stream.Emitter[string], s sale) error {
				c.Emit(fmt.Sprint(s.Shop, " at ", c.Time().Unix()))
				return nil
			}, nil
		}))
	// Output: a at 7
}

func ExampleCoMap() {
	env := stream.NewEnv()
	both := stream.Connect(stream.From(env, slice.Of(1)), stream.From(env, slice.Of("one")))
	printAll(env, stream.CoMap(both, func(n int) string { return fmt.Sprint(n) }, strings.ToUpper))
	// Unordered output:
	// 1
	// ONE
}

// Two streams with the same keys share the state of a key.
func ExampleScanBoth() {
	type budget struct {
		Shop  string
		Euros int
	}
	env := stream.NewEnv()
	budgets := stream.KeyBy(stream.From(env, slice.Of(budget{"a", 10})),
		func(b budget) string { return b.Shop })
	spent := stream.KeyBy(sales(env, sale{"a", 4, 0}, sale{"a", 3, 0}), shop)
	left := stream.ScanBoth(stream.ConnectKeyed(budgets, spent),
		func(c *stream.Ctx[string, int], left *int, b *budget) error {
			*left += b.Euros
			c.Emit(*left)
			return nil
		},
		func(c *stream.Ctx[string, int], left *int, s *sale) error {
			*left -= s.Euros
			c.Emit(*left)
			return nil
		})
	printAll(env, left.Filter(func(n int) bool { return n == 10-4-3 }))
	// Output: 3
}

// Every subtask has all rules.
func ExampleWithBroadcast() {
	env := stream.NewEnv(stream.Parallelism(2))
	words := stream.From(env, slice.Of[string]()).Parallelism(1)
	rules := stream.From(env, slice.Of("hello", "good day")).Parallelism(1)
	printAll(env, stream.WithBroadcast(words, rules,
		func(c *stream.Emitter[string], rules *stream.Rules[string, int], word string) error {
			if n, ok := rules.Get(word); ok {
				c.Emit(fmt.Sprint(word, n))
			}
			return nil
		},
		func(c *stream.Emitter[string], rules *stream.RulesWriter[string, int], r string) error {
			rules.Put(r, len(r))
			c.Emit(fmt.Sprint("rule ", rules.Len(), " of subtask ", c.Subtask()))
			return nil
		}))
	// Unordered output:
	// rule 1 of subtask 0
	// rule 1 of subtask 1
	// rule 2 of subtask 0
	// rule 2 of subtask 1
}

func ExampleAggregateProcess() {
	env := stream.NewEnv()
	all := sales(env, sale{"a", 3, 0}, sale{"a", 4, 9}, sale{"a", 5, 40})
	printAll(env, stream.AggregateProcess(stream.KeyBy(all, shop).Window(window.Session(20*time.Second)),
		agg.Count[sale](),
		func(c *stream.WindowCtx[string, string], n int64) error {
			c.Emit(fmt.Sprint(c.Key(), ": ", n, " sales from ", c.Window().From().Second()))
			return nil
		}))
	// Output:
	// a: 2 sales from 0
	// a: 1 sales from 40
}

func ExampleStream_WindowAll() {
	env := stream.NewEnv(stream.Parallelism(2))
	all := sales(env, sale{"a", 3, 0}, sale{"b", 4, 1})
	total := stream.ReduceWindow(all.WindowAll(window.Tumbling(time.Minute)), func(a, b sale) sale {
		return sale{"all", a.Euros + b.Euros, 0}
	})
	printAll(env, stream.Map(total, func(r stream.Result[stream.All, sale]) sale { return r.Value }))
	// Output: {all 7 0}
}

func ExampleWindowed_LateTo() {
	env := stream.NewEnv(stream.WatermarkEachRow())
	late := stream.NewTag[sale]("late")
	all := sales(env, sale{"a", 3, 0}, sale{"a", 4, 25}, sale{"a", 5, 2})
	sums := stream.Aggregate(
		stream.KeyBy(all, shop).Window(window.Tumbling(10*time.Second)).LateTo(late),
		agg.Sum(func(s sale) int { return s.Euros }))
	printAll(env, stream.Side(sums, late))
	// Output: {a 5 2}
}

// Numbers go around until they are 1.
func ExampleIterate() {
	env := stream.NewEnv()
	printAll(env, stream.Iterate(stream.From(env, slice.Of(3)),
		func(loop *stream.Stream[int]) (feedback, out *stream.Stream[int]) {
			next := stream.Map(loop, func(n int) int {
				if n%2 == 0 {
					return n / 2
				}
				return 3*n + 1
			})
			return next.Filter(func(n int) bool { return n != 1 }), next
		}))
	// Output:
	// 10
	// 5
	// 16
	// 8
	// 4
	// 2
	// 1
}

// Counters go down by one in each round; the loop ends when none is left.
func ExampleIterateRounds() {
	env := stream.NewEnv()
	printAll(env, stream.IterateRounds(stream.From(env, slice.Of(3, 1)), 100,
		func(_ *stream.Rounds, vars *stream.Stream[int]) (next *stream.Stream[int], out *stream.Stream[string]) {
			next = stream.Map(vars, func(n int) int { return n - 1 }).Filter(func(n int) bool { return n > 0 })
			return next, stream.Map(vars, func(n int) string { return fmt.Sprint(n, " to go") })
		}))
	// Output:
	// 3 to go
	// 1 to go
	// 2 to go
	// 1 to go
}

func ExampleStream_PartitionCustom() {
	env := stream.NewEnv(stream.Parallelism(2))
	parts := stream.From(env, slice.Sequence(1, 4)).PartitionCustom(func(v int64, n int) int {
		return int(v) % n
	})
	printAll(env, stream.ProcessEach(parts,
		func(t *stream.Task) (func(*stream.Emitter[string], int64) error, error) {
			return func(c *stream.Emitter[string], v int64) error {
				c.Emit(fmt.Sprint(v, " in subtask ", t.Subtask))
				return nil
			}, nil
		}))
	// Unordered output:
	// 1 in subtask 1
	// 2 in subtask 0
	// 3 in subtask 1
	// 4 in subtask 0
}

// A list that belongs to a subtask, not to a key, and is dealt out again on a restore.
func ExampleOperatorList() {
	env := stream.NewEnv()
	printAll(env, stream.OpenFlatMap(stream.From(env, slice.Of("a", "b", "c", "d")),
		func(t *stream.Task) (func(string, func(string)) error, error) {
			held, err := stream.OperatorList[string](t, "held")
			return func(s string, emit func(string)) error {
				if held.Add(s); len(held.Get()) == 2 {
					emit(strings.Join(held.Get(), "+"))
					held.Set(nil)
				}
				return nil
			}, err
		}))
	// Output:
	// a+b
	// c+d
}

// An interface cannot be encoded by its fields; its program says how.
func ExampleWithCodec() {
	env := stream.NewEnv(stream.WithCodec("error text", func(dst []byte, v *error) []byte {
		text := (*v).Error()
		return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
	}, func(src []byte, v *error) ([]byte, error) {
		n, k := binary.Uvarint(src)
		*v = errors.New(string(src[k : k+int(n)]))
		return src[k+int(n):], nil
	}))
	problems := stream.From(env, slice.Of(errors.New("disk full")))
	printAll(env, stream.Reduce(stream.KeyBy(problems, func(error) int { return 0 }),
		func(a, b error) error { return errors.Join(a, b) }))
	// Output: disk full
}

func ExampleEnv_Explain() {
	env := stream.NewEnv(stream.Parallelism(2))
	sold := sales(env, sale{"a", 3, 0}).UID("sales").
		Filter(func(s sale) bool { return s.Euros > 0 }).Name("sold").UID("sold")
	stream.Reduce(stream.KeyBy(sold, shop), func(a, _ sale) sale { return a }).UID("first").
		To(print.Sink[sale]()).UID("print")
	text, err := env.Explain("text")
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(text)
	// Output:
	// task 1, parallelism 2
	//   ├─ Source  uid sales
	//   └─ sold (Filter)  uid sold
	//        ──HASH──▶ task 2
	// task 2, parallelism 2
	//   ├─ Reduce  uid first  key string
	//   └─ Sink  uid print
}

func ExampleParams() {
	env := stream.NewEnv(stream.Params(map[string]string{"greeting": "hello"}))
	printAll(env, stream.Open(stream.From(env, slice.Of("Ann")),
		func(t *stream.Task) (func(string) (string, error), error) {
			greeting := t.Param("greeting")
			return func(name string) (string, error) { return greeting + " " + name, nil }, nil
		}))
	// Output: hello Ann
}

func ExampleIntervalJoin() {
	env := stream.NewEnv()
	orders := sales(env, sale{"north", 10, 100}, sale{"south", 20, 110})
	refunds := sales(env, sale{"north", 4, 130}, sale{"north", 5, 900})
	printAll(env, stream.IntervalJoin(stream.KeyBy(orders, shop), stream.KeyBy(refunds, shop),
		0, time.Minute,
		func(c *stream.Ctx[string, string], order, refund *sale) error {
			c.Emit(fmt.Sprintf("%s: %d euros of %d came back", c.Key(), refund.Euros, order.Euros))
			return nil
		}, stream.IntervalOptions[sale, sale]{}))
	// Output:
	// north: 4 euros of 10 came back
}
