package launch_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func numbers(env *stream.Env, n int64) *stream.Stream[int64] {
	return stream.From(env, slice.Sequence(1, n))
}

// endless is a source without end, as fast as it is read.
func endless(env *stream.Env) *stream.Stream[int64] {
	return stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{}))
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q\ndoes not contain %q", err, p)
		}
	}
}

func TestErrorNamesOperatorSubtaskAndRecord(t *testing.T) {
	cause := errors.New("seven is not liked")
	env := stream.NewEnv()
	stream.TryMap(numbers(env, 10), func(v int64) (int64, error) {
		if v == 7 {
			return 0, cause
		}
		return v, nil
	}).Name("picky").To(discard.To[int64]())
	err := launch.Run(context.Background(), env, "failing")
	wantError(t, err, `job "failing"`, `operator "picky" (subtask 1 of 1)`, cause.Error(), "record: 7")
	if !errors.Is(err, cause) {
		t.Errorf("the cause is not wrapped: %v", err)
	}
}

func TestPanicFailsTheJobWithItsStack(t *testing.T) {
	for name, build := range map[string]func(s *stream.Stream[int64]) *stream.Stream[int64]{
		"in place": func(s *stream.Stream[int64]) *stream.Stream[int64] {
			return stream.Map(s, divideByZeroAt7)
		},
		"chained behind another": func(s *stream.Stream[int64]) *stream.Stream[int64] {
			return stream.FlatMap(s.Filter(func(int64) bool { return true }),
				func(v int64, emit func(int64)) { emit(divideByZeroAt7(v)) })
		},
		"keyed": func(s *stream.Stream[int64]) *stream.Stream[int64] {
			return stream.Scan(stream.KeyBy(s, func(v int64) int64 { return v % 3 }),
				func(c *stream.Ctx[int64, int64], _ *int64, v int64) error {
					c.Emit(divideByZeroAt7(v))
					return nil
				})
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := stream.NewEnv()
			build(numbers(env, 10)).Name("divide").To(discard.To[int64]())
			wantError(t, launch.Run(context.Background(), env, "panicking"), `operator "divide"`,
				"integer divide by zero", "record: 7", "divideByZeroAt7")
		})
	}
}

func divideByZeroAt7(v int64) int64 { return 1 / (v - 7) }

func TestBuildErrorsAreReportedTogether(t *testing.T) {
	cases := map[string]struct {
		build func(env *stream.Env)
		want  []string
	}{
		"nothing": {func(*stream.Env) {}, []string{"the job is empty"}},
		"parallelism": {func(env *stream.Env) {
			numbers(env, 1).Parallelism(0).Name("low").To(discard.To[int64]())
			numbers(env, 1).Parallelism(9).MaxParallelism(8).Name("high").To(discard.To[int64]())
		}, []string{`operator "low": parallelism -1 is below 1`, "parallelism 9 is above its maximum parallelism 8"}},
		"uid twice": {func(env *stream.Env) {
			numbers(env, 1).UID("a").Name("one").To(discard.To[int64]()).UID("a")
		}, []string{`have the same uid "a"`, `"one"`}},
		"type": {func(env *stream.Env) {
			type order struct {
				Items []struct{ Done chan int }
			}
			stream.Map(numbers(env, 1), func(int64) order { return order{} }).To(discard.To[order]())
		}, []string{"Items[].Done", "chan int"}},
		"pointer key": {func(env *stream.Env) {
			k := stream.KeyBy(numbers(env, 1), func(v int64) *int64 { return &v })
			stream.Reduce(k, func(a, _ int64) int64 { return a }).To(discard.To[int64]())
		}, []string{"*int64"}},
		"forward": {func(env *stream.Env) {
			stream.Map(numbers(env, 1).Forward(), func(v int64) int64 { return v }).
				Parallelism(2).Name("two").To(discard.To[int64]())
		}, []string{"FORWARD edge", `"two" (parallelism 2)`, "needs equal parallelism"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			env := stream.NewEnv()
			c.build(env)
			wantError(t, launch.Run(context.Background(), env, "wrong"), c.want...)
		})
	}
}

func TestBatchModeRefusesUnboundedSources(t *testing.T) {
	env := stream.NewEnv(stream.RuntimeMode(stream.Batch))
	endless(env).Name("forever").To(discard.To[int64]())
	wantError(t, launch.Run(context.Background(), env, "batch"), `source "forever" is unbounded`)
}

func TestCancelByContext(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(2))
	out := discard.To[int64]()
	stream.Reduce(stream.KeyBy(endless(env), func(v int64) int64 { return v % 10 }),
		func(a, b int64) int64 { return a + b }).To(out)
	ctx, cancel := context.WithCancel(context.Background())
	j, err := launch.Start(ctx, env, "endless")
	if err != nil {
		t.Fatal(err)
	}
	if s := j.Status().State; s != "RUNNING" {
		t.Errorf("state %v", s)
	}
	cancel()
	if err := j.Wait(); !errors.Is(err, launch.ErrCanceled) {
		t.Errorf("result %v", err)
	}
	if s := j.Status().State; s != "CANCELED" {
		t.Errorf("state %v", s)
	}
}

func TestCancelShowsWhereUserCodeIsStuck(t *testing.T) {
	var release chan struct{}
	synctest.Test(t, func(t *testing.T) {
		release = make(chan struct{})
		env := stream.NewEnv()
		stream.Map(numbers(env, 10), func(v int64) int64 {
			waitForEver(release)
			return v
		}).To(discard.To[int64]())
		c := clock.NewManual(time.Unix(0, 0))
		j, err := launch.Start(t.Context(), env, "stuck", launch.Clock(c),
			launch.CancelTimeout(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		j.Cancel()
		synctest.Wait()
		c.Advance(time.Second)
		wantError(t, j.Wait(), "the job was cancelled", "did not stop within 1s", "waitForEver")
		close(release)
	})
}

func waitForEver(c chan struct{}) { <-c }

func TestStopFinishesWhatWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv()
		out := collect.To[int64]()
		c := clock.NewManual(time.Unix(1000, 0))
		src := stream.From(env, datagen.Source(func(n int64) int64 { return n },
			datagen.Options{PerSecond: 10, Start: time.Unix(1000, 0)}))
		src.To(out)
		j, err := launch.Start(t.Context(), env, "stopped", launch.Clock(c))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c.Advance(time.Second)
		synctest.Wait()
		seen := len(out.Seen())
		if seen < 9 || seen > 11 || len(out.Results()) != 0 {
			t.Errorf("after a second: %d seen, %d committed", seen, len(out.Results()))
		}
		j.Stop()
		if err := j.Wait(); err != nil {
			t.Fatal(err)
		}
		if n := len(out.Results()); n != seen {
			t.Errorf("%d of %d records were committed", n, seen)
		}
	})
}

func TestManyJobsInOneProcess(t *testing.T) {
	var jobs []*launch.Job
	var sinks []*collect.Sink[int64]
	for range 20 {
		env := stream.NewEnv(stream.Parallelism(2))
		out := collect.To[int64]()
		stream.Reduce(stream.KeyBy(numbers(env, 1000), func(v int64) int64 { return v % 7 }),
			func(a, b int64) int64 { return a + b }).To(out)
		j, err := launch.Start(context.Background(), env, "one of many")
		if err != nil {
			t.Fatal(err)
		}
		jobs, sinks = append(jobs, j), append(sinks, out)
	}
	for i, j := range jobs {
		if err := j.Wait(); err != nil {
			t.Error(err)
		}
		if n := len(sinks[i].Results()); n != 1000 {
			t.Errorf("job %d: %d results", i, n)
		}
	}
}

func TestPeriodicSnapshotsCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv(stream.Checkpoint(time.Minute))
		out := collect.To[int64]()
		c := clock.NewManual(time.Unix(1000, 0))
		stream.From(env, datagen.Source(func(n int64) int64 { return n },
			datagen.Options{PerSecond: 1, Start: time.Unix(1000, 0)})).To(out)
		j, err := launch.Start(t.Context(), env, "periodic", launch.Clock(c))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for minute := 1; minute <= 3; minute++ {
			for range 60 {
				c.Advance(time.Second)
				synctest.Wait()
			}
			if n := len(out.Results()); n < 60*minute-2 || n > 60*minute+1 {
				t.Errorf("after minute %d: %d committed", minute, n)
			}
		}
		j.Cancel()
		if err := j.Wait(); !errors.Is(err, launch.ErrCanceled) {
			t.Error(err)
		}
	})
}
