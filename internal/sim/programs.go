package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
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
		{"counts", counts}, {"windows", windows}, {"sessions", sessions}, {"joins", joins},
		{"timers", timers}, {"broadcast", broadcast}, {"async", async}, {"loop", loop},
	}
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
	rules := stream.From(env, slice.Func(12, func(i int64) int64 { return i }))
	none := stream.NewTag[int64]("no rule")
	known := stream.WithBroadcast(events(env, 40, "k"), rules,
		func(c *stream.Emitter[int64], rules *stream.Rules[int64, int64], e event) error {
			if v, ok := rules.Get(e.N % 12); ok && v != e.N%12 {
				return fmt.Errorf("rule %d is %d", e.N%12, v)
			} else if !ok {
				none.Emit(c, e.N)
				return nil
			}
			c.Emit(e.N)
			return nil
		},
		func(_ *stream.Emitter[int64], rules *stream.RulesWriter[int64, int64], n int64) error {
			rules.Put(n, n)
			return nil
		})
	text(known.Union(stream.Side(known, none))).To(sink)
}

func async(env *stream.Env, sink *collect.Sink[string]) {
	double := func(_ context.Context, e event) (int64, error) { return 2 * e.N, nil }
	ordered := stream.Async(events(env, 30, "k"), double, stream.AsyncOptions[event, int64]{Capacity: 3, Ordered: true})
	unordered := stream.Async(events(env, 30, "k"), double,
		stream.AsyncOptions[event, int64]{Capacity: 5})
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
