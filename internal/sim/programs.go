package sim

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/internal/coltest"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// event is a record with a time, out of order by less than lateness.
type event struct {
	N    int64
	Name string
}

const lateness = 5 * time.Second

func (e event) at() time.Time { return time.Unix(e.N+e.N*7%4, 0) }

func (e event) key() string { return e.Name }

func events(env *stream.Env, n int64, prefix string) *stream.Stream[event] {
	s := stream.From(env, slice.Func(n, func(i int64) event {
		return event{i, prefix + fmt.Sprint(i*i%5)}
	}))
	return s.Watermarks(watermark.Bounded(lateness, event.at))
}

func text[T any](s *stream.Stream[T]) *stream.Stream[string] {
	return stream.Map(s, func(v T) string { return fmt.Sprint(v) })
}

// Programs are the jobs that are simulated. What they commit does not depend on the order in which
// records of different sources and subtasks meet.
func Programs() []Program {
	return []Program{
		{"counts", counts},
		{"churn", churn(120, 480, 2)},
		{"drift", churn(160, 420, 5)},
		{"windows", windows},
		{"sessions", sessions},
		{"joins", joins},
		{"timers", timers},
		{"broadcast", broadcast},
		{"async", async},
		{"loop", loop},
		{"columns", columns(false)},
		{"columns by text", columns(true)},
	}
}

// inOrder are the numbers below n without event times, in many splits.
func inOrder(env *stream.Env, n int64) *stream.Stream[int64] {
	return stream.From(env, manySplits{slice.Func(n, func(i int64) int64 { return i }), n})
}

// manySplits is a source of the numbers below n whose enumerator is asked again and again.
type manySplits struct {
	connect.Source[int64]
	n int64
}

const splitRecords = 7

func (s manySplits) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	if state != nil {
		left, err := connect.DecodeSplits(state)
		return connect.NewQueue(ctx, left), err
	}
	var splits []connect.Split
	for from := int64(0); from < s.n; from += splitRecords {
		to := min(from+splitRecords, s.n)
		splits = append(splits, connect.Split{
			ID: fmt.Sprint("to ", to), Data: binary.AppendVarint(binary.AppendVarint(nil, from), to),
		})
	}
	return connect.NewQueue(ctx, splits), nil
}

// churn changes few of many keys, so that increments pay, and deletes some that have been seen most
// times.
func churn(keys, records int64, most int) func(env *stream.Env, sink *collect.Sink[string]) {
	return func(env *stream.Env, sink *collect.Sink[string]) { churning(env, sink, keys, records, most) }
}

func churning(env *stream.Env, sink *collect.Sink[string], keys, records int64, most int) {
	text(stream.Scan(stream.KeyBy(inOrder(env, records), func(n int64) int64 {
		if n < keys {
			return n
		}
		return n * 37 % keys
	}), func(c *stream.Ctx[int64, string], s *string, n int64) error {
		*s += "+"
		c.Emit(fmt.Sprint(c.Key(), *s))
		if len(*s) == most && n%3 == 0 {
			c.Clear()
		}
		return nil
	})).To(sink)
}

func counts(env *stream.Env, sink *collect.Sink[string]) {
	text(stream.Scan(stream.KeyBy(events(env, 60, "k"), event.key),
		func(c *stream.Ctx[string, string], n *int64, _ event) error {
			*n++
			c.Emit(fmt.Sprint(c.Key(), *n))
			if *n%4 == 0 {
				c.Clear()
			}
			return nil
		})).To(sink)
}

func windows(env *stream.Env, sink *collect.Sink[string]) {
	keyed := stream.KeyBy(events(env, 60, "k"), event.key)
	tumbling := stream.Aggregate(keyed.Window(window.Tumbling(10*time.Second)), agg.Count[event]())
	sliding := stream.Aggregate(keyed.Window(window.Sliding(20*time.Second, 5*time.Second)), agg.Count[event]())
	text(tumbling).Union(text(sliding)).To(sink)
}

func sessions(env *stream.Env, sink *collect.Sink[string]) {
	keyed := stream.KeyBy(events(env, 60, "k"), event.key)
	text(stream.Aggregate(keyed.Window(window.Session(4*time.Second)), agg.Count[event]())).To(sink)
}

func joins(env *stream.Env, sink *collect.Sink[string]) {
	left := stream.KeyBy(events(env, 30, "k"), event.key)
	right := stream.KeyBy(events(env, 30, "k"), event.key)
	text(stream.IntervalJoin(left, right, -3*time.Second, 3*time.Second,
		func(c *stream.Ctx[string, string], l, r *event) error {
			if l != nil && r != nil {
				c.Emit(fmt.Sprint(l.N, "-", r.N))
			}
			return nil
		}, stream.IntervalOptions[event, event]{})).To(sink)
}

var (
	seen  = state.NewList[int64]("seen")
	open  = state.NewMap[int64, string]("open")
	total = state.NewReducing("total", func(a, b int64) int64 { return a + b })
	alarm = stream.NewTimer[int64]("alarm")
)

// timers sets an alarm for each record, which must find the record's entry and take it away.
func timers(env *stream.Env, sink *collect.Sink[string]) {
	text(stream.Process(stream.KeyBy(events(env, 60, "k"), event.key),
		func(c *stream.Ctx[string, string], e event) error {
			seen.Add(c, e.N)
			open.Put(c, e.N, fmt.Sprint("entry ", e.N))
			total.Add(c, 1)
			alarm.Set(c, e.at().Add(time.Duration(e.N%7)*time.Second), e.N)
			if n, _ := total.Get(c); int(n) != len(seen.Get(c)) {
				return fmt.Errorf("%d records, but %d are listed", n, len(seen.Get(c)))
			}
			return nil
		},
		stream.Uses(seen, open, total),
		stream.On(alarm, func(c *stream.Ctx[string, string], n int64) error {
			entry, ok := open.Get(c, n)
			open.Remove(c, n)
			c.Emit(fmt.Sprint(c.Key(), " alarm ", n, entry, ok))
			return nil
		}))).To(sink)
}

func broadcast(env *stream.Env, sink *collect.Sink[string]) {
	rules := inOrder(env, 25).Parallelism(1)
	known := stream.WithBroadcast(events(env, 40, "k"), rules,
		func(c *stream.Emitter[string], rules *stream.Rules[int64, int64], e event) error {
			if v, ok := rules.Get(e.N % 12); ok && v != e.N%12 {
				return fmt.Errorf("rule %d is %d", e.N%12, v)
			}
			c.Emit(fmt.Sprint("record ", e.N))
			return nil
		},
		func(c *stream.Emitter[string], rules *stream.RulesWriter[int64, int64], n int64) error {
			rules.Put(n, n)
			if c.Subtask() == 0 { // what all of them know
				c.Emit(fmt.Sprint("rule ", n, " of ", rules.Len()))
			}
			return nil
		})
	known.To(sink)
}

func async(env *stream.Env, sink *collect.Sink[string]) {
	double := func(_ context.Context, n int64) (int64, error) { return 2 * n, nil }
	ordered := stream.Async(inOrder(env, 30), double, stream.AsyncOptions[int64, int64]{Capacity: 3, Ordered: true})
	unordered := stream.Async(inOrder(env, 30), double, stream.AsyncOptions[int64, int64]{Capacity: 5})
	text(ordered).Union(text(unordered)).To(sink)
}

func loop(env *stream.Env, sink *collect.Sink[string]) {
	type walk struct{ Start, At, Steps int64 }
	starts := stream.Map(stream.From(env, slice.Sequence(1, 12)), func(v int64) walk { return walk{v, v, 0} })
	text(stream.Iterate(starts, func(loop *stream.Stream[walk]) (_, _ *stream.Stream[walk]) {
		running := loop.Filter(func(w walk) bool { return w.At != 1 })
		step := stream.Map(running.Rebalance(), func(w walk) walk {
			if w.At%2 == 0 {
				return walk{w.Start, w.At / 2, w.Steps + 1}
			}
			return walk{w.Start, 3*w.At + 1, w.Steps + 1}
		})
		return step, loop.Filter(func(w walk) bool { return w.At == 1 })
	})).To(sink)
}

// columns counts rows in columns by a key that is a word, or a text.
func columns(texts bool) func(env *stream.Env, sink *collect.Sink[string]) {
	return func(env *stream.Env, sink *collect.Sink[string]) { coltest.Job(env.Graph(), 60, texts, 2, sink) }
}
