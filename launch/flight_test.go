package launch_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// The records of three versions of a program: the second gained, lost, moved, renamed and widened fields;
// nothing becomes of the first in the third.
type (
	flyingV1 struct {
		Gone string
		N    int32
		Old  int8
		Rest [64]int64
	}
	flyingV2 struct {
		Rest [64]int64
		N    int64
		Note string
		New  int8 `flott:"New,was=Old"`
	}
	flyingV3 struct {
		N    string
		Rest [64]int64
	}
)

// flying is pressed with records that of makes.
func flying[E any](sink connect.Sink[int64], of func(int64) E, number func(E) int64, options ...stream.Option,
) *stream.Env {
	env := stream.NewEnv(options...)
	in := stream.From(env, slice.Func(wideRecords, of)).UID("in")
	seen := stream.Scan(stream.KeyBy(in, number), func(c *stream.Ctx[int64, E], seen *int64, e E) error {
		*seen++
		if *seen > 1 {
			return fmt.Errorf("%d is processed twice", number(e))
		}
		c.Emit(e)
		return nil
	}).UID("seen").Name("Seen")
	stream.Map(seen.Global(), number).UID("out").To(sink).UID("sink")
	return env
}

func flyingNumberV2(converted *atomic.Int64) func(e flyingV2) int64 {
	return func(e flyingV2) int64 {
		if e.Note == "" {
			converted.Add(1)
		}
		if e.Rest[63] != e.N || int64(e.New) != e.N%100 {
			return -1
		}
		return e.N
	}
}

// TestFlightsEvolve restores a checkpoint with records on the way into programs with another type of
// records.
func TestFlightsEvolve(t *testing.T) {
	v1 := func(n int64) flyingV1 { return flyingV1{"x", int32(n), int8(n % 100), [64]int64{63: n}} }
	v2 := func(n int64) flyingV2 { return flyingV2{[64]int64{63: n}, n, "x", int8(n % 100)} }
	v3 := func(n int64) flyingV3 { return flyingV3{N: fmt.Sprint(n)} }
	for _, parallelism := range []int{2, 3} {
		dir, out := t.TempDir(), collect.To[int64]()
		options := []stream.Option{stream.Parallelism(2), stream.CheckpointDir(dir), stream.Unaligned()}
		synctest.Test(t, func(t *testing.T) {
			sink := &tokenSink{out, make(chan struct{})}
			env := flying(sink, v1, func(e flyingV1) int64 { return int64(e.N) }, options...)
			j, err := launch.Start(t.Context(), env, "flying")
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			taken := make(chan error, 1)
			go func() {
				_, err := j.Checkpoint(context.Background())
				taken <- err
			}()
			for range 2 {
				synctest.Wait()
				sink.tokens <- struct{}{}
			}
			synctest.Wait()
			select {
			case err := <-taken:
				if err != nil {
					t.Fatal(err)
				}
			default:
				t.Fatal("the checkpoint is not complete")
			}
			j.Cancel()
			j.Wait()
		})
		options = append(options, stream.Parallelism(parallelism))
		err := launch.Run(t.Context(), flying(out, v3, func(e flyingV3) int64 { return 0 }, options...), "flying")
		wantError(t, err, `on the way to`, `from "`, "flyingV3.N cannot change from int32 to string", "take one with")

		var converted atomic.Int64
		if err := launch.Run(t.Context(), flying(out, v2, flyingNumberV2(&converted), options...), "flying"); err != nil {
			t.Fatal(err)
		}
		if converted.Load() < 1000 {
			t.Errorf("%d records of the old type, the channels hold more", converted.Load())
		}
		all := slices.Sorted(slices.Values(out.Results()))
		if len(all) != wideRecords || all[0] != 0 || all[wideRecords-1] != wideRecords-1 {
			t.Errorf("%d results from %d on, want %d from 0 on", len(all), all[0], wideRecords)
		}
	}
}

// looping is a job whose loop keeps values of type E. isOld sees each of them.
func looping[E any](kind string, of func(int64) E, number func(E) int64, isOld func(E)) upgradeJob {
	const lap = 1000
	return func(env *stream.Env, out *collect.Sink[string]) {
		starts := stream.Map(upgradeNumbers(env), func(n int64) E { return of(n + 5*lap) }).UID("starts")
		step := func(e E) E {
			isOld(e)
			if kind == "feedback" {
				time.Sleep(20 * time.Millisecond) // so that some are on their way around
			}
			return of(number(e) - lap)
		}
		body := func(loop *stream.Stream[E]) (_, _ *stream.Stream[E]) {
			running := loop.Filter(func(e E) bool { return number(e) >= lap }).UID("running")
			return stream.Map(running.Rebalance(), step).UID("step"),
				loop.Filter(func(e E) bool { return number(e) < lap }).UID("done")
		}
		var done *stream.Stream[E]
		if kind == "feedback" {
			done = stream.Iterate(starts, body)
		} else {
			done = stream.IterateRounds(starts, 10, func(_ *stream.Rounds, loop *stream.Stream[E]) (_, _ *stream.Stream[E]) {
				return body(loop)
			})
		}
		stream.Map(done, func(e E) string { return fmt.Sprint(number(e)) }).UID("text").To(out).UID("out")
	}
}

// TestLoopStateEvolves: what a loop logs while a barrier goes around, and what it keeps for the next round,
// is converted.
func TestLoopStateEvolves(t *testing.T) {
	for _, kind := range []string{"feedback", "rounds"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path, before := halfway(t, looping(kind, readingV1Of, numberOfV1, func(readingV1) {}))
				var converted atomic.Int64
				after, err := goOn(t, path, looping(kind, readingV2Of, numberOfV2, func(r readingV2) {
					if r.Note == "" {
						converted.Add(1)
					}
				}))
				if err != nil {
					t.Fatal(err)
				}
				if converted.Load() == 0 {
					t.Error("nothing was in the loop")
				}
				var want []string
				for n := range upgradeRecords {
					want = append(want, fmt.Sprint(n))
				}
				slices.Sort(want)
				if got := slices.Sorted(slices.Values(slices.Concat(before, after))); !slices.Equal(got, want) {
					t.Errorf("%d results before the savepoint and %d after it, want %d", len(before), len(after), len(want))
				}
				_, err = goOn(t, path, looping(kind, func(n int64) flyingV3 { return flyingV3{N: fmt.Sprint(n)} },
					func(e flyingV3) (n int64) { fmt.Sscan(e.N, &n); return n }, func(flyingV3) {}))
				wantError(t, err, `list state "loop"`, "flyingV3.N cannot change from int32 to string")
			})
		})
	}
}
