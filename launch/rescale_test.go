package launch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// windowedJob counts numbers by key in windows of event time into files below dir. A number is its own time
// in milliseconds.
func windowedJob(env *stream.Env, dir string, records, perSecond int64) {
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n },
		datagen.Options{Count: records, PerSecond: perSecond})).Name("numbers").
		Watermarks(watermark.BoundedMillis(100, millis))
	keys := stream.KeyBy(numbers, func(v int64) int64 { return v % 31 })
	counts := stream.Aggregate(keys.Window(window.Tumbling(time.Second)), agg.Count[int64]())
	stream.Map(counts, func(r stream.Result[int64, int64]) string {
		return fmt.Sprintf("%d %d %d", r.Key, r.Window.Start, r.Value)
	}).To(file.Sink(filepath.Join(dir, "out"), file.EncodeLines(func(s string) string { return s }), file.SinkOptions[string]{}))
}

// windowCounts is what windowedJob writes, sorted.
func windowCounts(records int64) (lines []string) {
	counts := map[[2]int64]int64{}
	for v := range records {
		counts[[2]int64{v % 31, v / 1000 * 1000}]++
	}
	for k, n := range counts {
		lines = append(lines, fmt.Sprintf("%d %d %d", k[0], k[1], n))
	}
	slices.Sort(lines)
	return lines
}

// wantWindows checks that the visible files hold what windowedJob is to write, each line once.
func wantWindows(t *testing.T, dir string, records int64) {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(dir, "out", "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range parts {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")...)
	}
	slices.Sort(got)
	if want := windowCounts(records); !slices.Equal(got, want) {
		t.Errorf("%d lines in %d files, want %d; the first ones are %q", len(got), len(parts), len(want), got[:min(5, len(got))])
	}
}

// TestRescaleWindows: the output of a windowed job over exactly-once files is the same when it is rescaled
// up and down on the way, with checkpoints of all kinds.
func TestRescaleWindows(t *testing.T) {
	for name, options := range map[string][]stream.Option{
		"aligned": nil, "unaligned": {stream.Unaligned()}, "no periodic checkpoints": {stream.Checkpoint(0)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				env := durable(filepath.Join(dir, "checkpoints"), options...)
				const records = 20_000
				windowedJob(env, dir, records, 1000)
				j, err := launch.Start(t.Context(), env, "windows")
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range []int{4, 1, 3} {
					time.Sleep(3100 * time.Millisecond)
					if err := j.Rescale(t.Context(), n); err != nil {
						t.Fatal(err)
					}
					wantParallelism(t, j, n)
				}
				if err := j.RescaleVertices(t.Context(), map[string]int{"numbers": 1}); err != nil {
					t.Fatal(err)
				}
				if err := j.Wait(); err != nil {
					t.Fatal(err)
				}
				if n := j.Status().Restarts; n != 0 {
					t.Errorf("%d restarts", n)
				}
				wantWindows(t, dir, records)
			})
		})
	}
}

// wantParallelism checks with how many subtasks all vertices run.
func wantParallelism(t *testing.T, j *launch.Job, n int) {
	t.Helper()
	for _, v := range j.Status().Vertices {
		if len(v.Subtasks) != n {
			t.Errorf("vertex %q has %d subtasks, want %d", v.Name, len(v.Subtasks), n)
		}
	}
}

// TestRescaleReplaysNothing: a checkpoint is taken before, so that nothing is processed twice but what comes between it
// and the stop.
func TestRescaleReplaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := collect.To[[2]int64]()
		env := stream.NewEnv(stream.Parallelism(2), stream.MaxParallelism(16))
		countsByKey(slowly(env, 200)).To(out)
		j, err := launch.Start(t.Context(), env, "once")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{3, 1, 4} {
			time.Sleep(3*time.Second + 30*time.Millisecond) // when no record is due
			if err := j.Rescale(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.Wait(); err != nil {
			t.Fatal(err)
		}
		wantCounts(t, out.Results(), 200)
		if n := len(out.Seen()); n != 200 {
			t.Errorf("%d records were written, want 200", n)
		}
	})
}

func TestRescaleRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv(stream.Parallelism(2), stream.MaxParallelism(16))
		countsByKey(slowly(env, 200)).To(collect.To[[2]int64]())
		j, err := launch.Start(t.Context(), env, "refused")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		err = j.RescaleVertices(t.Context(), map[string]int{"nothing": 3})
		wantError(t, err, `the job has no vertex "nothing"; it has "Source`)
		err = j.RescaleVertices(t.Context(), map[string]int{j.Status().Vertices[1].Name: 17})
		wantError(t, err, "parallelism 17 is above its maximum parallelism 16")
		if err := j.Rescale(t.Context(), 100); err != nil {
			t.Error(err)
		}
		wantParallelism(t, j, 16)
		if err := j.Wait(); err != nil {
			t.Fatal(err)
		}
		wantError(t, j.Rescale(context.Background(), 1), "the job is ending")

		batch := stream.NewEnv(stream.RuntimeMode(stream.Batch))
		countsByKey(slowly(batch, 200)).To(collect.To[[2]int64]())
		j, err = launch.Start(t.Context(), batch, "batch")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		wantError(t, j.Rescale(t.Context(), 2), "a job in batch mode is not rescaled")
		j.Cancel()
		_ = j.Wait()
	})
}
