package launch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/window"

	"github.com/flott-dev/flott/agg"
)

// durable is an environment whose checkpoints are in dir.
func durable(dir string, options ...stream.Option) *stream.Env {
	return stream.NewEnv(append([]stream.Option{
		stream.Parallelism(2), stream.MaxParallelism(16), stream.Checkpoint(2 * time.Second),
		stream.CheckpointDir(dir),
	}, options...)...)
}

// runFor runs the job for a time and cancels it.
func runFor(t *testing.T, env *stream.Env, d time.Duration, options ...launch.Option) *launch.Job {
	t.Helper()
	j, err := launch.Start(t.Context(), env, "durable", options...)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(d)
	j.Cancel()
	if err := j.Wait(); !errors.Is(err, launch.ErrCanceled) {
		t.Fatal(err)
	}
	return j
}

func mustRun(t *testing.T, env *stream.Env, options ...launch.Option) {
	t.Helper()
	if err := launch.Run(t.Context(), env, "durable", options...); err != nil {
		t.Fatal(err)
	}
}

// files are the files below dir without the pointer and its lock.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasPrefix(d.Name(), "pointer") &&
			!strings.HasPrefix(d.Name(), ".") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestLaterRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		out := collect.To[[2]int64]()
		for run := range 5 {
			env := durable(dir, stream.Parallelism(1+run%3))
			countsByKey(slowly(env, 400)).To(out)
			runFor(t, env, 7*time.Second+300*time.Millisecond)
		}
		if n := len(out.Results()); n < 200 || n >= 400 {
			t.Errorf("%d results before the last run", n)
		}
		env := durable(dir)
		countsByKey(slowly(env, 400)).To(out)
		mustRun(t, env)
		wantCounts(t, out.Results(), 400)
		if left := files(t, dir); len(left) > 0 {
			t.Errorf("files are left of a job that has finished: %v", left)
		}
		// It has finished: the next run begins anew.
		again := collect.To[[2]int64]()
		env = durable(dir)
		countsByKey(slowly(env, 30)).To(again)
		mustRun(t, env)
		wantCounts(t, again.Results(), 30)
	})
}

func TestFreshIgnoresEarlierRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		env := durable(dir)
		countsByKey(slowly(env, 400)).To(collect.To[[2]int64]())
		runFor(t, env, 9*time.Second)
		out := collect.To[[2]int64]()
		env = durable(dir)
		countsByKey(slowly(env, 100)).To(out)
		mustRun(t, env, launch.Fresh())
		wantCounts(t, out.Results(), 100)
	})
}

func TestDeleteCheckpointsOnCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, deleted := range []bool{false, true} {
			dir := t.TempDir()
			env := durable(dir)
			if deleted {
				env = durable(dir, stream.DeleteCheckpointsOnCancel())
			}
			countsByKey(slowly(env, 400)).To(collect.To[[2]int64]())
			runFor(t, env, 9*time.Second)
			left := files(t, dir)
			if (len(left) == 0) != deleted {
				t.Errorf("deleted on cancel: %v, but there is %v", deleted, left)
			}
		}
	})
}

func TestSavepointRestoresAtAnotherParallelism(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		out := collect.To[[2]int64]()
		env := stream.NewEnv(stream.Parallelism(2), stream.MaxParallelism(16), stream.SavepointDir(dir))
		countsByKey(slowly(env, 200)).To(out)
		j, err := launch.Start(t.Context(), env, "savepoint")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5*time.Second + 50*time.Millisecond)
		path, err := j.Savepoint(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		j.Cancel()
		_ = j.Wait()
		if n := len(out.Results()); n != 0 {
			t.Errorf("a savepoint that the job outlives has committed %d records", n)
		}
		// The directory can be moved.
		moved := filepath.Join(t.TempDir(), "moved")
		if err := os.Rename(strings.TrimPrefix(path, "file://"), moved); err != nil {
			t.Fatal(err)
		}
		for _, parallelism := range []int{1, 3} {
			out := collect.To[[2]int64]()
			env := stream.NewEnv(stream.Parallelism(parallelism), stream.MaxParallelism(16))
			countsByKey(slowly(env, 200)).To(out)
			if err := launch.Run(t.Context(), env, "restored", launch.RestoreFrom(moved, launch.NoClaim)); err != nil {
				t.Fatal(err)
			}
			got := out.Results()
			if n := len(got); n < 140 || n > 150 {
				t.Errorf("parallelism %d: %d results after the savepoint", parallelism, n)
			}
			for k := range int64(10) {
				if !slices.Contains(got, [2]int64{k, 20}) {
					t.Errorf("parallelism %d: key %d was not counted to 20", parallelism, k)
				}
			}
		}
		env = stream.NewEnv(stream.MaxParallelism(32))
		countsByKey(slowly(env, 200)).To(discard.To[[2]int64]())
		err = launch.Run(t.Context(), env, "restored", launch.RestoreFrom(moved, launch.NoClaim))
		wantError(t, err, "16 key groups", "set MaxParallelism to 16")
		if err := launch.DisposeSavepoint(t.Context(), moved); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(moved); !os.IsNotExist(err) {
			t.Errorf("a disposed savepoint is still there: %v", err)
		}
		err = launch.Run(t.Context(), env, "restored", launch.RestoreFrom(moved, launch.NoClaim))
		wantError(t, err, moved, "neither a savepoint nor a checkpoint")
	})
}

func TestStopWithSavepoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		out := collect.To[[2]int64]()
		build := func(env *stream.Env) { countsByKey(slowly(env, 200)).To(out) }
		env := stream.NewEnv(stream.Parallelism(2), stream.SavepointDir(dir))
		build(env)
		j, err := launch.Start(t.Context(), env, "stopped")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(8 * time.Second)
		path, err := j.StopWithSavepoint(t.Context(), "", false)
		if err != nil {
			t.Fatal(err)
		}
		if s := j.Status().State; s != "FINISHED" {
			t.Errorf("the job is %v", s)
		}
		if seen, committed := len(out.Seen()), len(out.Results()); seen != committed || seen == 0 {
			t.Errorf("%d records were written, %d are committed", seen, committed)
		}
		env = stream.NewEnv(stream.Parallelism(3))
		build(env)
		if err := launch.Run(t.Context(), env, "goes on", launch.RestoreFrom(path, launch.NoClaim)); err != nil {
			t.Fatal(err)
		}
		wantCounts(t, out.Results(), 200)
	})
}

// TestDrain: with drain the open window fires before the savepoint, without it does not.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, drain := range []bool{false, true} {
			dir := t.TempDir()
			out := collect.To[int64]()
			env := stream.NewEnv(stream.Parallelism(2))
			counts := stream.Aggregate(slowly(env, 1000).WindowAll(window.Tumbling(time.Hour).ProcessingTime()),
				agg.Count[int64]())
			stream.Map(counts, func(r stream.Result[stream.All, int64]) int64 { return r.Value }).To(out)
			j, err := launch.Start(t.Context(), env, "drained")
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(8 * time.Second)
			if _, err := j.StopWithSavepoint(t.Context(), dir, drain); err != nil {
				t.Fatal(err)
			}
			if got := out.Results(); (len(got) == 1) != drain {
				t.Errorf("drain %v: windows %v", drain, got)
			}
		}
	})
}

func TestSavepointErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv()
		slowly(env, 100).To(discard.To[int64]())
		j, err := launch.Start(t.Context(), env, "erring")
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.Savepoint(t.Context(), "")
		wantError(t, err, "no directory for savepoints", "execution.checkpointing.savepoint-dir")
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err = j.Savepoint(t.Context(), filepath.Join(file, "below"))
		wantError(t, err, "file", "not a directory")
		if s := j.Status().State; s != "RUNNING" {
			t.Errorf("after a failed savepoint the job is %v", s)
		}
		_, err = j.StopWithSavepoint(t.Context(), filepath.Join(file, "below"), false)
		wantError(t, err, "not a directory")
		if err := j.Wait(); err != nil { // it goes on to its end
			t.Fatal(err)
		}
		_, err = j.Savepoint(context.Background(), t.TempDir())
		wantError(t, err, "the job is FINISHED")
		env = stream.NewEnv()
		slowly(env, 100).To(discard.To[int64]())
		err = launch.Run(t.Context(), env, "erring", launch.RestoreFrom("/does/not/exist", launch.NoClaim))
		wantError(t, err, "/does/not/exist", "neither a savepoint nor a checkpoint")
	})
}

// TestClaim: a claimed snapshot goes when it is not needed any more, another stays.
func TestClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, mode := range []launch.RestoreMode{launch.NoClaim, launch.Claim} {
			dir := t.TempDir()
			out := collect.To[[2]int64]()
			env := stream.NewEnv(stream.Parallelism(2), stream.MaxParallelism(16))
			countsByKey(slowly(env, 200)).To(out)
			j, err := launch.Start(t.Context(), env, "claimed")
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			path, err := j.StopWithSavepoint(t.Context(), dir, false)
			if err != nil {
				t.Fatal(err)
			}
			env = durable(t.TempDir())
			countsByKey(slowly(env, 200)).To(out)
			mustRun(t, env, launch.RestoreFrom(path, mode))
			wantCounts(t, out.Results(), 200)
			if left := files(t, dir); (len(left) == 0) != (mode == launch.Claim) {
				t.Errorf("mode %v: left of the savepoint: %v", mode, left)
			}
		}
	})
}

// TestDamagedCheckpoint: each file of the newest checkpoint is damaged in each way; the job goes on
// from the one before.
func TestDamagedCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		damages := map[string]func(path string) error{
			"deleted":   os.Remove,
			"truncated": func(path string) error { return os.Truncate(path, 10) },
			"flipped": func(path string) error {
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				data[len(data)/2] ^= 1
				return os.WriteFile(path, data, 0o666)
			},
		}
		build := func(env *stream.Env, out *collect.Sink[[2]int64]) {
			wideCounts(slowly(env, 300)).To(out)
		}
		for name, damage := range damages {
			for which := range 4 {
				dir := t.TempDir()
				out := collect.To[[2]int64]()
				env := durable(dir, stream.CheckpointsRetained(3))
				build(env, out)
				runFor(t, env, 11*time.Second)
				newest, all := "", files(t, dir)
				for _, f := range all {
					newest = max(newest, filepath.Dir(f))
				}
				all = slices.DeleteFunc(all, func(f string) bool { return filepath.Dir(f) != newest })
				if which >= len(all) {
					continue
				}
				if err := damage(all[which]); err != nil {
					t.Fatal(err)
				}
				env = durable(dir, stream.CheckpointsRetained(3),
					stream.Restart(stream.FixedDelay(5, time.Second)))
				build(env, out)
				j, err := launch.Start(t.Context(), env, "durable")
				if err != nil {
					t.Fatalf("%s %s: %v", name, filepath.Base(all[which]), err)
				}
				if err := j.Wait(); err != nil {
					t.Fatalf("%s %s: %v", name, filepath.Base(all[which]), err)
				}
				seen := map[[2]int64]bool{}
				for _, r := range out.Results() {
					seen[r] = true
				}
				for v := range int64(300) {
					if want := [2]int64{v % 10, v/10 + 1}; !seen[want] {
						t.Fatalf("%s %s: %v is missing", name, filepath.Base(all[which]), want)
					}
				}
				if len(seen) != 300 {
					t.Errorf("%s %s: %d different results", name, filepath.Base(all[which]), len(seen))
				}
			}
		}
	})
}

func TestDeposedRunFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		start := func() *launch.Job {
			env := durable(dir)
			countsByKey(slowly(env, 400)).To(discard.To[[2]int64]())
			j, err := launch.Start(t.Context(), env, "durable")
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
		first := start()
		time.Sleep(3 * time.Second)
		second := start()
		wantError(t, first.Wait(), "another run of this job")
		if err := second.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestCheckpointStatistics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := durable(t.TempDir())
		countsByKey(slowly(env, 95)).To(discard.To[[2]int64]())
		j, err := launch.Start(t.Context(), env, "durable")
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Wait(); err != nil {
			t.Fatal(err)
		}
		last, completed, failed := j.Checkpoints()
		if completed != 5 || failed != 0 || len(last) != 5 {
			t.Fatalf("%d completed, %d failed, %d known", completed, failed, len(last))
		}
		for i, c := range last {
			if c.ID != int64(i+1) || c.Status != "COMPLETED" || len(c.Subtasks) == 0 {
				t.Errorf("checkpoint %+v", c)
			}
			if c.FullSize < c.Size || c.Size == 0 {
				t.Errorf("checkpoint %d: size %d of %d", c.ID, c.Size, c.FullSize)
			}
		}
	})
}
