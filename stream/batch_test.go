package stream_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// smallMemory makes batch mode spill early.
func smallMemory(spill, sort int64) launch.Option {
	return func(o *job.Options) { o.SpillBytes, o.SortBytes = spill, sort }
}

// bothPrograms are programs whose results do not depend on the mode.
func bothPrograms(rng *rand.Rand) map[string]func(env *stream.Env) *stream.Stream[string] {
	var txns []txn
	for i := range 400 {
		txns = append(txns, txn{fmt.Sprint("u", rng.IntN(9)), int64(rng.IntN(50)), int64(i * 10)})
	}
	source := func(env *stream.Env) *stream.Stream[txn] {
		return stream.From(env, slice.Of(txns...)).Parallelism(1).
			Watermarks(watermark.Monotonous(txnTime))
	}
	byUser := func(s *stream.Stream[txn]) *stream.Keyed[string, txn] {
		return stream.KeyBy(s, func(t txn) string { return t.User })
	}
	join := randomJoin(rng)
	text := func(v txn) string { return fmt.Sprint(v) }
	return map[string]func(env *stream.Env) *stream.Stream[string]{
		"stateless": func(env *stream.Env) *stream.Stream[string] {
			s := source(env).Rebalance().Filter(func(t txn) bool { return t.Amount%2 == 0 })
			return stream.Map(s.Union(source(env)).Shuffle(), text).Global()
		},
		"scan": func(env *stream.Env) *stream.Stream[string] {
			return stream.Scan(byUser(source(env)), func(c *stream.Ctx[string, string], n *int64, t txn) error {
				*n += t.Amount
				c.Emit(fmt.Sprint(c.Key(), *n, c.Millis()))
				return nil
			})
		},
		"timers and sides": func(env *stream.Env) *stream.Stream[string] {
			sum, quiet := state.NewValue[int64]("sum"), stream.NewTimer[int64]("quiet")
			odd := stream.NewTag[string]("odd")
			s := stream.Process(byUser(source(env)), func(c *stream.Ctx[string, string], t txn) error {
				n, _ := sum.Get(c)
				sum.Set(c, n+t.Amount)
				quiet.SetMillis(c, t.At/500*500+500, t.At)
				if t.Amount%2 == 1 {
					odd.Emit(c, text(t))
				}
				return nil
			}, stream.Uses(sum), stream.On(quiet, func(c *stream.Ctx[string, string], at int64) error {
				c.Emit(fmt.Sprint(c.Key(), c.Millis()))
				return nil
			}))
			return s.Union(stream.Side(s, odd))
		},
		"join": func(env *stream.Env) *stream.Stream[string] { return join.build(env, 0) },
		"connected": func(env *stream.Env) *stream.Stream[string] {
			sum := state.NewValue[int64]("sum")
			return stream.ProcessBoth(stream.ConnectKeyed(byUser(source(env)), byUser(source(env))),
				func(c *stream.Ctx[string, string], t txn) error {
					n, _ := sum.Get(c)
					sum.Set(c, n+t.Amount)
					return nil
				}, func(c *stream.Ctx[string, string], t txn) error {
					c.Emit(text(t))
					return nil
				}, stream.Uses(sum))
		},
		"tumbling": func(env *stream.Env) *stream.Stream[string] {
			return sumWindow(byUser(source(env)).Window(window.Tumbling(300 * time.Millisecond)))
		},
		"sliding": func(env *stream.Env) *stream.Stream[string] {
			return sumWindow(byUser(source(env)).Window(window.Sliding(400*time.Millisecond, 100*time.Millisecond)))
		},
		"session": func(env *stream.Env) *stream.Stream[string] {
			return sumWindow(byUser(source(env)).Window(window.Session(70 * time.Millisecond)))
		},
		"window join": func(env *stream.Env) *stream.Stream[string] {
			return stream.JoinWindow(byUser(source(env)), byUser(source(env)),
				window.Tumbling(200*time.Millisecond),
				func(a, b txn) string { return fmt.Sprint(a, b) })
		},
		"async": func(env *stream.Env) *stream.Stream[string] {
			return stream.Async(source(env).Rebalance(),
				func(_ context.Context, t txn) (string, error) { return text(t), nil },
				stream.AsyncOptions[txn, string]{})
		},
		"loop": func(env *stream.Env) *stream.Stream[string] {
			starts := stream.Scan(byUser(source(env)), func(c *stream.Ctx[string, int64], n *int64, t txn) error {
				*n++
				c.Emit(*n)
				return nil
			})
			return stream.Map(stream.Iterate(starts, func(loop *stream.Stream[int64]) (_, _ *stream.Stream[int64]) {
				half := stream.Map(loop.Rebalance(), func(v int64) int64 { return v / 2 })
				return half.Filter(func(v int64) bool { return v > 0 }), half
			}), func(v int64) string { return fmt.Sprint(v) })
		},
	}
}

// sumWindow adds up a window's amounts.
func sumWindow(w *stream.Windowed[string, txn]) *stream.Stream[string] {
	return stream.ProcessWindow(w, func(c *stream.WindowCtx[string, string], txns []txn) error {
		var sum int64
		for _, t := range txns {
			sum += t.Amount
		}
		c.Emit(fmt.Sprint(c.Key(), len(txns), sum, c.Millis()))
		return nil
	})
}

func TestBatchEqualsStreaming(t *testing.T) {
	defer goleak.VerifyNone(t)
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 8))
		for name, build := range bothPrograms(rng) {
			var results [][]string
			for _, mode := range []stream.Mode{stream.Streaming, stream.Batch, stream.Batch} {
				env := stream.NewEnv(stream.Parallelism(1+int(seed)%3), stream.RuntimeMode(mode),
					stream.WatermarkEachRow())
				out := collect.To[string]()
				build(env).To(out)
				dir := t.TempDir()
				options := []launch.Option{launch.TempDir(dir)}
				if len(results) == 2 {
					options = append(options, smallMemory(1, 1000))
				}
				if err := launch.Run(context.Background(), env, name, options...); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				checkEmpty(t, dir)
				results = append(results, sorted(out.Results()))
			}
			for i, got := range results[1:] {
				if !slices.Equal(got, results[0]) {
					t.Errorf("seed %d, %s, %d: streaming has %d results, batch %d:\n%v\n%v", seed, name, i,
						len(results[0]), len(got), results[0], got)
				}
			}
		}
	}
}

func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 0 {
		t.Errorf("left over in the temporary directory: %v %v", files, err)
	}
}

func TestBatchReduceEmitsOnce(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(2), stream.RuntimeMode(stream.Batch))
	out := collect.To[int64]()
	stream.Reduce(stream.KeyBy(stream.From(env, slice.Sequence(1, 1000)),
		func(v int64) int64 { return v % 3 }), func(a, b int64) int64 { return a + b }).To(out)
	if err := launch.Run(context.Background(), env, "reduce"); err != nil {
		t.Fatal(err)
	}
	if got := sorted(out.Results()); !slices.Equal(got, []int64{166_500, 166_833, 167_167}) {
		t.Errorf("got %v", got)
	}
}

// TestBatchOrder checks that a keyed operator sees one key at a time, each in the order of time and
// arrival, from a sort much larger than its memory.
func TestBatchOrder(t *testing.T) {
	for _, sortBytes := range []int64{0, 1 << 20, 20_000} {
		const n = 100_000
		dir := t.TempDir()
		env := stream.NewEnv(stream.RuntimeMode(stream.Batch))
		rows := stream.From(env, slice.Func(n, func(i int64) txn {
			return txn{fmt.Sprint("user ", i*7919%5003), i, i * 31 % 50}
		})).Watermarks(watermark.Monotonous(txnTime))
		type last struct{ At, N, Seen int64 }
		state := state.NewValue[last]("last")
		over := map[string]bool{}
		var current string
		out := collect.To[string]()
		stream.Process(stream.KeyBy(rows, func(v txn) string { return v.User }),
			func(c *stream.Ctx[string, string], v txn) error {
				if current != c.Key() {
					over[current], current = true, c.Key()
					if over[current] {
						return errors.New("the key comes twice")
					}
				}
				l, seen := state.Get(c)
				if seen && (v.At < l.At || v.At == l.At && v.Amount <= l.N) {
					return fmt.Errorf("after %+v", l)
				}
				state.Set(c, last{v.At, v.Amount, l.Seen + 1})
				c.Emit(c.Key())
				return nil
			}, stream.Uses(state)).To(out)
		start := time.Now()
		if err := launch.Run(context.Background(), env, "order", launch.TempDir(dir),
			smallMemory(1<<20, sortBytes)); err != nil {
			t.Fatal(err)
		}
		if len(out.Results()) != n || len(over) != 5003 {
			t.Errorf("%d rows of %d keys", len(out.Results()), len(over))
		}
		checkEmpty(t, dir)
		t.Logf("sort memory %d: %v", sortBytes, time.Since(start))
	}
}

func TestBatchEnds(t *testing.T) {
	defer goleak.VerifyNone(t)
	build := func(f func(c *stream.Ctx[int64, int64], v int64) error) *stream.Env {
		env := stream.NewEnv(stream.Parallelism(2), stream.RuntimeMode(stream.Batch))
		stream.Process(stream.KeyBy(stream.From(env, slice.Sequence(1, 20_000)),
			func(v int64) int64 { return v }), f).To(collect.To[int64]())
		return env
	}
	dir := t.TempDir()
	spilling := []launch.Option{launch.TempDir(dir), smallMemory(1, 10_000)}
	err := launch.Run(context.Background(), build(func(_ *stream.Ctx[int64, int64], v int64) error {
		if v == 77 {
			return errors.New("seven")
		}
		return nil
	}), "failing", spilling...)
	if err == nil || !strings.Contains(err.Error(), "seven") {
		t.Errorf("got %v", err)
	}
	checkEmpty(t, dir)

	reached, release := make(chan struct{}), make(chan struct{})
	j, err := launch.Start(context.Background(), build(func(c *stream.Ctx[int64, int64], v int64) error {
		if v == 77 {
			close(reached)
			<-release
		}
		return nil
	}), "cancelled", spilling...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Snapshot(context.Background()); err == nil {
		t.Error("a job in batch mode has taken a snapshot")
	}
	<-reached
	j.Cancel()
	close(release)
	if err := j.Wait(); !errors.Is(err, launch.ErrCanceled) {
		t.Errorf("got %v", err)
	}
	checkEmpty(t, dir)

	none := func(*stream.Ctx[int64, int64], int64) error { return nil }
	err = launch.Run(context.Background(), build(none), "no disk",
		launch.TempDir(dir+"/missing"), smallMemory(1, 10_000))
	if err == nil || !strings.Contains(err.Error(), "make a temporary directory") ||
		!strings.Contains(err.Error(), "launch.TempDir") || strings.Contains(err.Error(), "stack:") {
		t.Errorf("got %v", err)
	}
}

// TestBatchBroadcastFirst has rules that are all known before the first record.
func TestBatchBroadcastFirst(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(2), stream.RuntimeMode(stream.Batch))
	numbers := stream.From(env, slice.Sequence(1, 1000))
	rules := stream.From(env, slice.Of[int64](3, 5))
	check := func(c *stream.Emitter[int64], rules *stream.Rules[int64, bool], v int64) error {
		if rules.Len() != 2 {
			return errors.New("a rule is missing")
		}
		c.Emit(v)
		return nil
	}
	put := func(_ *stream.Emitter[int64], rules *stream.RulesWriter[int64, bool], v int64) error {
		rules.Put(v, true)
		return nil
	}
	plain := stream.WithBroadcast(numbers, rules, check, put)
	keyed := stream.KeyedWithBroadcast(stream.KeyBy(numbers, func(v int64) int64 { return v % 7 }), rules,
		func(c *stream.Ctx[int64, int64], rules *stream.Rules[int64, bool], v int64) error {
			return check(&c.Emitter, rules, v)
		}, put)
	out := collect.To[int64]()
	plain.Union(keyed).To(out)
	if err := launch.Run(context.Background(), env, "rules"); err != nil {
		t.Fatal(err)
	}
	if len(out.Results()) != 2000 {
		t.Errorf("%d results", len(out.Results()))
	}
}

// TestBatchShuffleMode: operators that take one key at a time wait for all of their input.
func TestBatchShuffleMode(t *testing.T) {
	plan := func(mode stream.Mode) (stream.Settings, error) {
		var c config.Configuration
		if err := c.Set("execution.batch-shuffle-mode", "ALL_EXCHANGES_PIPELINED"); err != nil {
			t.Fatal(err)
		}
		env := stream.NewEnv(stream.RuntimeMode(mode))
		numbers := stream.KeyBy(stream.From(env, slice.Of(1, 2, 3)), func(n int) int { return n })
		stream.Reduce(numbers, func(a, b int) int { return a + b }).To(collect.To[int]())
		env.Configure(&c)
		_, settings, err := env.Plan()
		return settings, err
	}
	if _, err := plan(stream.Batch); err == nil || !strings.Contains(err.Error(), "'execution.batch-shuffle-mode' = 'ALL_EXCHANGES_PIPELINED' is for SQL") {
		t.Errorf("in batch mode it gives %v", err)
	}
	if _, err := plan(stream.Streaming); err != nil {
		t.Errorf("in streaming mode it gives %v", err)
	}
}
