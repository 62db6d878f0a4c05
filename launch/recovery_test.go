package launch_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

var errBroken = errors.New("broken")

// slowly is n numbers, ten in a second.
func slowly(env *stream.Env, n int64) *stream.Stream[int64] {
	return stream.From(env, datagen.Source(func(n int64) int64 { return n },
		datagen.Options{Count: n, PerSecond: 10}))
}

// failingAt passes numbers on, and fails the first times that it sees one of at.
func failingAt(s *stream.Stream[int64], times int, at ...int64) *stream.Stream[int64] {
	var failed atomic.Int64
	return stream.TryMap(s, func(v int64) (int64, error) {
		if slices.Contains(at, v) && failed.Add(1) <= int64(times) {
			return 0, errBroken
		}
		return v, nil
	})
}

// countsByKey counts numbers by their last digit, and emits each count.
func countsByKey(s *stream.Stream[int64]) *stream.Stream[[2]int64] {
	return stream.Scan(stream.KeyBy(s, func(v int64) int64 { return v % 10 }),
		func(c *stream.Ctx[int64, [2]int64], n *int64, _ int64) error {
			*n++
			c.Emit([2]int64{c.Key(), *n})
			return nil
		})
}

// wantCounts checks that each count of each of n numbers was emitted once.
func wantCounts(t *testing.T, got [][2]int64, n int64) {
	t.Helper()
	seen := map[[2]int64]int{}
	for _, g := range got {
		seen[g]++
	}
	if int64(len(got)) != n {
		t.Errorf("%d results, want %d", len(got), n)
	}
	for v := range n {
		if c := [2]int64{v % 10, v/10 + 1}; seen[c] != 1 {
			t.Fatalf("%v was committed %d times", c, seen[c])
		}
	}
}

func TestRestartsFromTheLastCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv(stream.Parallelism(2), stream.Checkpoint(3*time.Second),
			stream.Restart(stream.FixedDelay(3, time.Second)))
		out := collect.To[[2]int64]()
		countsByKey(failingAt(slowly(env, 400), 3, 77, 200, 333)).To(out)
		j, err := launch.Start(t.Context(), env, "restarted")
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Wait(); err != nil {
			t.Fatal(err)
		}
		wantCounts(t, out.Results(), 400)
		if j.Status().Restarts != 3 {
			t.Errorf("%d restarts, want 3", j.Status().Restarts)
		}
	})
}

// TestRestartWithoutCheckpointsBeginsAnew: nothing is committed before the end, so each result is
// there once even then.
func TestRestartWithoutCheckpointsBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv(stream.Parallelism(2), stream.Restart(stream.FixedDelay(1, time.Second)))
		out := collect.To[[2]int64]()
		countsByKey(failingAt(numbers(env, 100), 1, 50)).To(out)
		if err := launch.Run(t.Context(), env, "anew"); err != nil {
			t.Fatal(err)
		}
		if n := len(out.Results()); n != 100 {
			t.Errorf("%d results", n)
		}
	})
}

func TestStrategyGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			strategy stream.RestartStrategy
			want     string
			restarts int
		}{
			"none":        {stream.NoRestart(), "broken", 0},
			"fixed delay": {stream.FixedDelay(2, time.Second), "2 attempts", 2},
			"rate":        {stream.FailureRate(4, time.Hour, time.Second), "4 failures in 3600s", 4},
			"exponential": {stream.ExponentialDelay(time.Second, 4*time.Second, 5), "5 attempts", 5},
		} {
			env := stream.NewEnv(stream.Checkpoint(time.Second), stream.Restart(c.strategy))
			out := collect.To[int64]()
			failingAt(slowly(env, 100), 1000, 25).To(out)
			j, err := launch.Start(t.Context(), env, "hopeless")
			if err != nil {
				t.Fatal(err)
			}
			err = j.Wait()
			wantError(t, err, "broken", c.want, "record: 25")
			if !errors.Is(err, errBroken) {
				t.Errorf("%s: the cause is not wrapped: %v", name, err)
			}
			if st := j.Status(); st.Restarts != c.restarts || st.State != "FAILED" {
				t.Errorf("%s: %d restarts, %v", name, st.Restarts, st.State)
			}
			if n := len(out.Results()); n < 10 || n > 25 {
				t.Errorf("%s: %d records are committed", name, n)
			}
		}
	})
}

// TestRegionsRestartAlone: two pipelines that are not connected.
func TestRegionsRestartAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv(stream.Parallelism(2), stream.Checkpoint(2*time.Second),
			stream.Restart(stream.FixedDelay(2, time.Second)))
		var sound, broken atomic.Int64
		opened := func(s *stream.Stream[int64], n *atomic.Int64) *stream.Stream[int64] {
			return stream.Open(s, func(*stream.Task) (func(int64) (int64, error), error) {
				n.Add(1)
				return func(v int64) (int64, error) { return v, nil }, nil
			})
		}
		a, b := collect.To[[2]int64](), collect.To[[2]int64]()
		countsByKey(opened(slowly(env, 200), &sound)).To(a)
		countsByKey(failingAt(opened(slowly(env, 200), &broken), 2, 60, 120)).To(b)
		if err := launch.Run(t.Context(), env, "regions"); err != nil {
			t.Fatal(err)
		}
		wantCounts(t, a.Results(), 200)
		wantCounts(t, b.Results(), 200)
		if sound.Load() != 2 || broken.Load() != 6 {
			t.Errorf("the sound pipeline was opened %d times, the failing one %d times", sound.Load(), broken.Load())
		}
	})
}

// TestForwardPipelinesAreRegionsOfTheirOwn: one subtask of an embarrassingly parallel job fails.
func TestForwardPipelinesAreRegionsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv(stream.Parallelism(4), stream.Checkpoint(2*time.Second),
			stream.Restart(stream.FixedDelay(3, time.Second)))
		var opened atomic.Int64
		out := collect.To[int64]()
		stream.Open(failingAt(slowly(env, 300), 3, 33, 150, 290),
			func(*stream.Task) (func(int64) (int64, error), error) {
				opened.Add(1)
				return func(v int64) (int64, error) { return v, nil }, nil
			}).To(out)
		if err := launch.Run(t.Context(), env, "parallel"); err != nil {
			t.Fatal(err)
		}
		got := out.Results()
		slices.Sort(got)
		for i, v := range got {
			if v != int64(i) {
				t.Fatalf("result %d is %d", i, v)
			}
		}
		if len(got) != 300 || opened.Load() != 4+3 {
			t.Errorf("%d results, %d subtasks were opened", len(got), opened.Load())
		}
	})
}

func TestCancelDuringRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv(stream.Restart(stream.FixedDelay(1000, time.Hour)))
		failingAt(numbers(env, 100), 1000, 25).To(collect.To[int64]())
		j, err := launch.Start(t.Context(), env, "restarting")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := j.Status().State; s != "RESTARTING" {
			t.Errorf("the job is %v", s)
		}
		if _, err := j.Snapshot(t.Context()); err == nil {
			t.Error("a snapshot of a job that restarts")
		}
		j.Cancel()
		if err := j.Wait(); !errors.Is(err, launch.ErrCanceled) {
			t.Error(err)
		}
	})
}

// TestLastCheckpointCommits: after the end of the input a checkpoint is taken before anything is
// committed, so that a failure of the commit can be repeated.
func TestCommitIsRepeatedAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv(stream.Checkpoint(time.Hour), stream.Restart(stream.FixedDelay(2, time.Second)))
		out := &failingCommit{Sink: collect.To[int64](), times: 2}
		numbers(env, 100).To(out)
		j, err := launch.Start(context.Background(), env, "committing")
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Wait(); err != nil {
			t.Fatal(err)
		}
		if n := len(out.Results()); n != 100 {
			t.Errorf("%d results", n)
		}
		if r := j.Status().Restarts; r != 2 {
			t.Errorf("%d restarts", r)
		}
	})
}

// failingCommit fails the first commits.
type failingCommit struct {
	*collect.Sink[int64]
	times int64
	tried atomic.Int64
}

func (s *failingCommit) Committer(ctx connect.WriterContext) (connect.Committer, error) {
	c, err := s.Sink.Committer(ctx)
	return &failingCommitter{c, s}, err
}

type failingCommitter struct {
	connect.Committer
	sink *failingCommit
}

func (c *failingCommitter) Commit(committables [][]byte) error {
	if c.sink.tried.Add(1) <= c.sink.times {
		return errBroken
	}
	return c.Committer.Commit(committables)
}
