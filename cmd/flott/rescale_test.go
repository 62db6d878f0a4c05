package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// windowsVariable makes the test binary the program of a job with windows, in the directory it names.
const (
	windowsVariable = "FLOTT_TEST_WINDOWS"
	windowRecords   = 120_000
)

// windowsJob counts numbers by key in windows of event time, in which a number is its own time in
// milliseconds, into files.
func windowsJob(dir string) error {
	env := stream.NewEnv(stream.Parallelism(2), stream.MaxParallelism(16), stream.Checkpoint(time.Second),
		stream.CheckpointDir(filepath.Join(dir, "checkpoints")))
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n },
		datagen.Options{Count: windowRecords, PerSecond: 10_000})).Name("numbers").
		Watermarks(watermark.BoundedMillis(100, func(v *int64) int64 { return *v }))
	keys := stream.KeyBy(numbers, func(v int64) int64 { return v % 31 })
	counts := stream.Aggregate(keys.Window(window.Tumbling(time.Second)), agg.Count[int64]())
	stream.Map(counts, func(r stream.Result[int64, int64]) string {
		return fmt.Sprintf("%d %d %d", r.Key, r.Window.Start, r.Value)
	}).To(file.Sink(filepath.Join(dir, "out"), file.EncodeLines(func(s string) string { return s }), file.SinkOptions[string]{}))
	return launch.Run(context.Background(), env, "windows", launch.PassEnvironment(windowsVariable))
}

// TestRescaleOnCluster: a windowed job over exactly-once files, on processes of a cluster, gives the same with
// rescales up and down on its way.
func TestRescaleOnCluster(t *testing.T) {
	f := flott{t, t.TempDir()}
	dir := t.TempDir()
	f.run("cluster", "start", "--taskmanagers", "2", "-D", "taskmanager.numberOfTaskSlots=2",
		"-D", "rest.port=0", "-D", "jobmanager.rpc.port=0")
	defer func() {
		f.run("cluster", "stop")
		if left := processesOf(t, f.dir); len(left) > 0 {
			t.Errorf("processes %v are left", left)
		}
	}()
	job := f.command(windowsVariable, dir)
	job.Env = append(job.Env, launch.JobManagerVariable+"="+f.url())
	var said strings.Builder
	job.Stdout, job.Stderr = &said, &said
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	f.until("a checkpoint", func() bool { return f.checkpoints() > 0 })
	for _, args := range [][]string{{"-p", "4"}, {"-p", "1"}, {"-p", "numbers=3"}} {
		out := f.run(append([]string{"rescale", "windows"}, args...)...)
		t.Log(out)
		if !strings.Contains(out, "runs so after") {
			t.Errorf("it says %q", out)
		}
	}
	info := f.run("info", "windows")
	t.Log(info)
	if !strings.Contains(info, "restarts 0, rescales 3") {
		t.Errorf("info says %q", info)
	}
	refused := f.command(flottVariable, "1", "rescale", "windows", "-p", "nothing=3")
	if out, err := refused.CombinedOutput(); err == nil || !strings.Contains(string(out), `the job has no vertex "nothing"`) {
		t.Errorf("%v: %s", err, out)
	}
	if err := job.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	wantWindowCounts(t, filepath.Join(dir, "out"))
}

func wantWindowCounts(t *testing.T, dir string) {
	t.Helper()
	counts := map[[2]int64]int64{}
	for v := range int64(windowRecords) {
		counts[[2]int64{v % 31, v / 1000 * 1000}]++
	}
	want := map[string]int{}
	for k, n := range counts {
		want[fmt.Sprintf("%d %d %d\n", k[0], k[1], n)] = 1
	}
	got := map[string]int{}
	parts, _ := filepath.Glob(filepath.Join(dir, "part-*"))
	for _, p := range parts {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			got[line]++
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("%d different lines, want %d; the first ones are %q", len(got), len(want), slices.Sorted(maps.Keys(got))[:min(5, len(got))])
	}
}

func TestParallelismOf(t *testing.T) {
	n, vertices, err := parallelismOf([]string{"3", "a=b -> c=4", "d=5"})
	if err != nil || n != 3 || !maps.Equal(vertices, map[string]int{"a=b -> c": 4, "d": 5}) {
		t.Errorf("%d, %v, %v", n, vertices, err)
	}
	for _, bad := range []string{"", "0", "x", "a=", "a=0"} {
		if _, _, err := parallelismOf([]string{bad}); err == nil {
			t.Errorf("-p %q is taken", bad)
		}
	}
}
