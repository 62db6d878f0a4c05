package launch_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// where is a record and the subtask that saw it.
type where struct {
	V       int64
	Subtask int
}

// seenBy notes the subtask that processes each record, with parallelism p.
func seenBy(s *stream.Stream[int64], p int) *stream.Stream[where] {
	return stream.Open(s, func(t *stream.Task) (func(int64) (where, error), error) {
		return func(v int64) (where, error) { return where{v, t.Subtask}, nil }, nil
	}).Parallelism(p)
}

// spread runs a job and returns how many records each of p subtasks saw.
func spread(t *testing.T, n int64, sourceP, p int,
	by func(*stream.Stream[int64]) *stream.Stream[int64],
) ([]int, []where) {
	t.Helper()
	env := stream.NewEnv(stream.Parallelism(p))
	out := collect.To[where]()
	seenBy(by(numbers(env, n).Parallelism(sourceP)), p).To(out)
	if err := launch.Run(context.Background(), env, "spread"); err != nil {
		t.Fatal(err)
	}
	counts := make([]int, p)
	for _, w := range out.Results() {
		counts[w.Subtask]++
	}
	return counts, out.Results()
}

func TestPartitioners(t *testing.T) {
	type stream1 = *stream.Stream[int64]
	cases := map[string]struct {
		by     func(stream1) stream1
		source int
		check  func(counts []int) bool
	}{
		"rebalance":        {stream1.Rebalance, 1, func(c []int) bool { return slices.Max(c)-slices.Min(c) <= 1024 }},
		"rescale":          {stream1.Rescale, 2, func(c []int) bool { return slices.Min(c) > 2000 }},
		"shuffle":          {stream1.Shuffle, 1, func(c []int) bool { return slices.Min(c) > 2200 && slices.Max(c) < 2800 }},
		"global":           {stream1.Global, 3, func(c []int) bool { return c[0] == 10000 }},
		"forward":          {stream1.Forward, 4, func(c []int) bool { return slices.Min(c) == 2500 }},
		"auto rebalances":  {func(s stream1) stream1 { return s }, 3, func(c []int) bool { return slices.Min(c) > 700 }},
		"broadcast to all": {stream1.Broadcast, 1, func(c []int) bool { return slices.Min(c) == 10000 }},
		"custom": {
			func(s stream1) stream1 {
				return s.PartitionCustom(func(v int64, n int) int { return int(v%2) * (n - 1) })
			}, 2,
			func(c []int) bool { return c[0] == 5000 && c[3] == 5000 },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			counts, _ := spread(t, 10000, c.source, 4, c.by)
			if !c.check(counts) {
				t.Errorf("the four subtasks saw %v", counts)
			}
		})
	}
}

func TestRebalanceSpreadsFewRecordsEvenly(t *testing.T) {
	counts, _ := spread(t, 8, 1, 4, (*stream.Stream[int64]).Rebalance)
	if !slices.Equal(counts, []int{2, 2, 2, 2}) {
		t.Errorf("the four subtasks saw %v", counts)
	}
}

func TestCustomPartitionerOutOfRangeFails(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(2))
	seenBy(numbers(env, 10).Parallelism(1).PartitionCustom(func(int64, int) int { return 7 }), 2).
		To(discard.To[where]())
	wantError(t, launch.Run(context.Background(), env, "wild"), "returned channel 7 of 2", "record 1")
}

func TestOneKeyIsSeenByOneSubtaskInOrder(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(4))
	out := collect.To[string]()
	keys := stream.KeyBy(numbers(env, 5000).Parallelism(1), func(v int64) int64 { return v % 13 })
	stream.Scan(keys, func(c *stream.Ctx[int64, string], last *int64, v int64) error {
		if v <= *last {
			return fmt.Errorf("%d after %d", v, *last)
		}
		*last = v
		c.Emit(fmt.Sprint(c.Key(), " ", c.Subtask()))
		return nil
	}).To(out)
	if err := launch.Run(context.Background(), env, "keys"); err != nil {
		t.Fatal(err)
	}
	places := slices.Compact(slices.Sorted(slices.Values(out.Results())))
	if len(places) != 13 {
		t.Errorf("13 keys were seen at %d places: %q", len(places), places)
	}
}

func TestUnionAndSeveralConsumers(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(3))
	a, b := numbers(env, 100), numbers(env, 100)
	both := a.Union(b.Rebalance(), numbers(env, 50))
	doubled := stream.Map(both, func(v int64) int64 { return 2 * v })
	odd := both.Filter(func(v int64) bool { return v%2 == 1 })
	one, two, three := collect.To[int64](), collect.To[int64](), collect.To[int64]()
	doubled.To(one)
	odd.To(two)
	both.To(three)
	if err := launch.Run(context.Background(), env, "union"); err != nil {
		t.Fatal(err)
	}
	sum := func(s *collect.Sink[int64]) (n int, total int64) {
		for _, v := range s.Results() {
			n++
			total += v
		}
		return n, total
	}
	for i, c := range []struct {
		sink  *collect.Sink[int64]
		n     int
		total int64
	}{{one, 250, 2 * (5050 + 5050 + 1275)}, {two, 125, 2500 + 2500 + 625}, {three, 250, 11375}} {
		if n, total := sum(c.sink); n != c.n || total != c.total {
			t.Errorf("output %d: %d records with sum %d, want %d with %d", i+1, n, total, c.n, c.total)
		}
	}
}

func TestExplainShowsChainsAndExchanges(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(2))
	src := numbers(env, 10).Name("numbers").UID("n")
	m := stream.Map(src, func(v int64) int64 { return v }).Name("chained").UID("m")
	own := m.Filter(func(int64) bool { return true }).Name("alone").UID("f").DisableChaining()
	head := stream.Map(own, func(v int64) int64 { return v }).Name("new chain").UID("h").StartNewChain()
	other := stream.Map(head, func(v int64) int64 { return v }).Name("other slot").UID("o").
		SlotSharingGroup("big")
	stream.Reduce(stream.KeyBy(other, func(v int64) string { return "k" }),
		func(a, b int64) int64 { return a + b }).Name("sum").UID("s").To(discard.To[int64]()).UID("d")
	text, err := env.Explain("text")
	if err != nil {
		t.Fatal(err)
	}
	want := `task 1, parallelism 2
  ├─ numbers (Source)  uid n
  └─ chained (Map)  uid m
       ──FORWARD──▶ task 2
task 2, parallelism 2
  └─ alone (Filter)  uid f
       ──FORWARD──▶ task 3
task 3, parallelism 2
  └─ new chain (Map)  uid h
       ──FORWARD──▶ task 4
task 4, parallelism 2, slot group big
  └─ other slot (Map)  uid o
       ──HASH──▶ task 5
task 5, parallelism 2
  ├─ sum (Reduce)  uid s  key string
  └─ Sink  uid d
`
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	svg, err := env.Explain("svg")
	if err != nil || !strings.HasPrefix(svg, "<svg") || !strings.Contains(svg, "other slot") {
		t.Errorf("svg: %v\n%.200s", err, svg)
	}
	if _, err := env.Explain("png"); err == nil {
		t.Error("an unknown format is accepted")
	}
}

func TestBackpressureStopsTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		env := stream.NewEnv()
		slow := stream.Map(endless(env).Name("source").Rebalance(), func(v int64) int64 {
			<-release
			return v
		}).StartNewChain()
		slow.To(discard.To[int64]())
		j, err := launch.Start(t.Context(), env, "slow", launch.Clock(clock.NewManual(time.Unix(0, 0))))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := j.Status().Vertices[0].Subtasks[0].RecordsOut
		synctest.Wait()
		after := j.Status().Vertices[0].Subtasks[0].RecordsOut
		if before == 0 || before != after || before > 200_000 {
			t.Errorf("a blocked consumer lets the source send %d, then %d records", before, after)
		}
		j.Cancel()
		close(release)
		j.Wait()
	})
}

func TestBufferTimeout(t *testing.T) {
	for _, c := range []struct {
		timeout time.Duration
		seen    int // after ten records, while the source waits
	}{{0, 10}, {5 * time.Millisecond, 10}, {-1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			env := stream.NewEnv(stream.BufferTimeout(c.timeout))
			out := collect.To[int64]()
			src := stream.From(env, datagen.Source(func(n int64) int64 { return n },
				datagen.Options{PerSecond: 10, Start: time.Unix(0, 0)}))
			stream.Map(src.Rebalance(), func(v int64) int64 { return v }).To(out)
			clk := clock.NewManual(time.Unix(0, 0))
			j, err := launch.Start(t.Context(), env, "timeout", launch.Clock(clk))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for range 9 {
				clk.Advance(100 * time.Millisecond)
				synctest.Wait()
			}
			if n := len(out.Seen()); n != c.seen {
				t.Errorf("buffer timeout %v: %d records have arrived, want %d", c.timeout, n, c.seen)
			}
			j.Stop()
			if err := j.Wait(); err != nil {
				t.Fatal(err)
			}
			if n := len(out.Results()); n != 10 {
				t.Errorf("buffer timeout %v: %d results at the end", c.timeout, n)
			}
		})
	}
}

func TestTimesAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv()
		src := stream.From(env, datagen.Source(func(n int64) int64 { return n },
			datagen.Options{PerSecond: 10, Start: time.Unix(60, 0)}))
		stream.Map(src.Rebalance(), func(v int64) int64 { return v }).To(discard.To[int64]())
		clk := clock.NewManual(time.Unix(60, 0))
		j, err := launch.Start(t.Context(), env, "times", launch.Clock(clk))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		clk.Advance(10 * time.Second)
		synctest.Wait()
		st := j.Status()
		for _, v := range st.Vertices {
			s := v.Subtasks[0]
			if sum := s.Busy + s.Idle + s.Backpressured; sum != st.Uptime || s.Idle < 9*time.Second {
				t.Errorf("%s: busy %v, idle %v, backpressured %v of %v", v.Name, s.Busy, s.Idle,
					s.Backpressured, st.Uptime)
			}
		}
		if in := st.Vertices[1].Subtasks[0]; in.RecordsIn < 99 || in.BytesIn == 0 {
			t.Errorf("%d records and %d bytes came in", in.RecordsIn, in.BytesIn)
		}
		j.Cancel()
		j.Wait()
	})
}

// timedSource is a paced source of records whose value is their time in milliseconds.
func timedSource(env *stream.Env, perSecond int64, s watermark.Strategy[int64]) *stream.Stream[int64] {
	return stream.From(env, datagen.Source(func(n int64) int64 { return n * 1000 / perSecond },
		datagen.Options{PerSecond: perSecond, Start: time.Unix(0, 0)})).Watermarks(s)
}

func millis(v *int64) int64 { return *v }

func TestIdleSourcesAreNotWaitedFor(t *testing.T) {
	for _, idle := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			env := stream.NewEnv()
			live := timedSource(env, 10, watermark.BoundedMillis(0, millis))
			quiet := watermark.BoundedMillis(0, millis)
			if idle {
				quiet = quiet.Idle(5 * time.Second)
			}
			// Its second record comes after 1000 s.
			silent := stream.From(env, datagen.Source(func(n int64) int64 { return 0 },
				datagen.Options{Count: 1_000_000, PerSecond: 1, Start: time.Unix(500, 0)})).Watermarks(quiet)
			out := collect.To[int64]()
			counts := stream.Aggregate(live.Union(silent).WindowAll(window.Tumbling(time.Second)),
				agg.Count[int64]())
			stream.Map(counts, func(r stream.Result[stream.All, int64]) int64 { return r.Value }).To(out)
			clk := clock.NewManual(time.Unix(0, 0))
			j, err := launch.Start(t.Context(), env, "idle", launch.Clock(clk))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for range 20 {
				clk.Advance(time.Second)
				synctest.Wait()
			}
			if n := len(out.Seen()); (n > 10) != idle {
				t.Errorf("idle timeout %v: %d windows have fired", idle, n)
			}
			j.Cancel()
			j.Wait()
		})
	}
}

func TestAlignmentHoldsTheFastSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv()
		strategy := watermark.BoundedMillis(0, millis).Align("both", 2*time.Second, 100*time.Millisecond)
		slow := timedSource(env, 10, strategy)
		// As fast as it is read, ten records a second of event time, one batch at a time.
		fast := stream.From(env, slice.Func(100_000, func(n int64) int64 { return n * 100 })).
			Watermarks(strategy)
		ahead := collect.To[int64]()
		fast.To(ahead)
		slow.To(discard.To[int64]())
		clk := clock.NewManual(time.Unix(0, 0))
		j, err := launch.Start(t.Context(), env, "aligned", launch.Clock(clk), launch.BatchRows(1))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for second := range 30 {
			for range 10 {
				clk.Advance(100 * time.Millisecond)
				synctest.Wait()
			}
			newest := slices.Max(ahead.Seen())
			limit := int64(second+1)*1000 + 2000 + 200
			if newest > limit || second > 3 && newest < limit-1500 {
				t.Errorf("after %d s the fast source is at %d ms", second+1, newest)
			}
		}
		j.Cancel()
		j.Wait()
	})
}

func TestAccumulatorsAndParams(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(3), stream.Params(map[string]string{"limit": "50"}))
	closed := make(chan int, 10)
	stream.Open(numbers(env, 100), func(task *stream.Task) (func(int64) (int64, error), error) {
		big := task.Accumulator("big")
		task.OnClose(func() error {
			closed <- task.Subtask
			return nil
		})
		if task.Param("limit") != "50" || task.Parallelism != 3 || task.Attempt != 1 {
			return nil, fmt.Errorf("task %+v", task)
		}
		return func(v int64) (int64, error) {
			if v > 50 {
				big.Add(1)
			}
			return v, nil
		}, nil
	}).To(discard.To[int64]())
	j, err := launch.Start(context.Background(), env, "accumulators")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := j.Accumulators()["big"]; got != 50 {
		t.Errorf("accumulator is %d", got)
	}
	if len(closed) != 3 {
		t.Errorf("%d of 3 subtasks were closed", len(closed))
	}
}
