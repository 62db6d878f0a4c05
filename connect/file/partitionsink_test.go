package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
)

func TestBucketTime(t *testing.T) {
	const layout = "2006/01/02/15"
	at := time.Date(2024, 5, 1, 7, 8, 9, 0, time.UTC)
	of := BucketTime(layout)
	if got, err := of(ByTime[string](layout)(nil, at)); err != nil || !got.Equal(at.Truncate(time.Hour)) {
		t.Errorf("the time of a bucket is %v, %v", got, err)
	}
	if got, err := of(ByTime[string](layout)(nil, time.Time{})); err != nil || !got.IsZero() {
		t.Errorf("the time of the bucket without is %v, %v", got, err)
	}
	c := PartitionCommit{Time: of}
	_, err := c.due("today", 0, 0, 1)
	wantError(t, err, `file: the time of the partition "today"`, "cannot parse")
}

// TestPartitionsAreCommittedByAFunction: it is called when all files are visible, and the file comes after it.
func TestPartitionsAreCommittedByAFunction(t *testing.T) {
	type call struct {
		p     Partition
		names []string
	}
	var calls []call
	var fails error
	do := func(ctx context.Context, p Partition) error {
		entries, err := p.Files.ReadDir(ctx, p.Path)
		var names []string
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				names = append(names, e.Name())
			}
		}
		calls = append(calls, call{p, names})
		return errors.Join(err, fails)
	}
	commit := func(c PartitionCommit) (*commitJob, error) {
		calls, fails = nil, nil
		j := &commitJob{t: t, dir: t.TempDir(), clock: clock.NewManual(epoch)}
		j.sink = sinkOfHours(j.dir, SinkOptions[hourRow]{PartitionCommit: &c})
		j.start(2, nil)
		j.write(0, 3)
		j.write(1, 3)
		j.barrier(false)
		fails = errors.New("the table is away")
		err := j.committer.Commit(&j.portions[0].Prepared)
		fails = nil
		must(t, j.committer.Commit(&j.portions[0].Prepared))
		t.Cleanup(j.stop)
		return j, err
	}
	for _, tc := range []struct {
		c    PartitionCommit
		want []string
	}{
		{PartitionCommit{Do: do}, []string{"_SUCCESS", "part-0-0", "part-1-0"}},
		{PartitionCommit{Do: do, SuccessFile: "_DONE"}, []string{"_DONE", "part-0-0", "part-1-0"}},
		{PartitionCommit{Do: do, NoSuccessFile: true}, []string{"part-0-0", "part-1-0"}},
	} {
		j, err := commit(tc.c)
		wantError(t, err, `file: commit the partition "dt=1970-01-01/hour=3": the table is away`)
		dir := filepath.Join(j.dir, bucketOfHour(3))
		want := Partition{"dt=1970-01-01/hour=3", dir, filesystem.Local}
		if len(calls) != 2 || calls[0].p != want || calls[1].p != want {
			t.Fatalf("it was called with %+v", calls)
		}
		for _, c := range calls {
			if !slices.Equal(c.names, []string{"part-0-0", "part-1-0"}) {
				t.Errorf("when it was called there were %q", c.names)
			}
		}
		entries, err := os.ReadDir(dir)
		must(t, err)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if !slices.Equal(names, tc.want) {
			t.Errorf("%+v: there are %q, want %q", tc.c, names, tc.want)
		}
	}
}

// TestJobCommitsPartitions has a job write records of hours, whose commit fails at first, so that it starts again: when an hour
// is committed by the watermark all of its records can be read, and each is there once.
func TestJobCommitsPartitions(t *testing.T) {
	const layout, enough = "2006-01-02T15", 5
	dir := t.TempDir()
	var mu sync.Mutex
	committed := map[string]int{} // records
	fails, stopping := true, false
	done := make(chan struct{})
	do := func(_ context.Context, p Partition) error {
		mu.Lock()
		defer mu.Unlock()
		if fails {
			fails = false
			return errors.New("not yet")
		}
		if stopping {
			return nil
		}
		lines, err := connecttest.NewDriver(t, Lines(p.Path), 1, nil).Read(0)
		if committed[p.Bucket] = len(lines); len(committed) == enough {
			close(done)
		}
		return err
	}
	env := stream.NewEnv(stream.Parallelism(2), stream.Checkpoint(2*time.Millisecond), stream.Restart(stream.FixedDelay(3, time.Millisecond)))
	minute := func(n int64) time.Time { return epoch.Add(time.Duration(n) * time.Minute) }
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{PerSecond: 2000})).
		Watermarks(watermark.Monotonous(minute))
	numbers.To(Sink(dir, EncodeJSON[int64](), SinkOptions[int64]{
		Bucket: ByTime[int64](layout), Compact: &Compaction{},
		PartitionCommit: &PartitionCommit{Time: BucketTime(layout), Delay: time.Hour, Do: do},
	}))
	job, err := launch.Start(t.Context(), env, "hours")
	must(t, err)
	select {
	case <-done:
	case <-job.Done():
	case <-time.After(time.Minute):
		t.Error("the hours are not committed")
	}
	mu.Lock()
	stopping = true
	mu.Unlock()
	job.Stop()
	must(t, job.Wait())
	first := ByTime[int64](layout)(nil, epoch)
	for bucket, n := range committed {
		if want := 60; n != want && bucket != first {
			t.Errorf("%s was committed with %d records, want %d", bucket, n, want)
		}
	}
	got, err := read(t, JSONLines[int64](dir, Recursive()))
	must(t, err)
	expectNumbers(t, got)
	buckets, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	if len(buckets) < enough || fails {
		t.Errorf("there are %d hours; the commit failed: %v", len(buckets), !fails)
	}
	for _, b := range buckets {
		if _, err := os.Stat(filepath.Join(b, DefaultSuccessFile)); err != nil {
			t.Error(err)
		}
	}
}

// TestBoundedJobCommitsItsDirectory: without buckets there is one partition, and at the end of the input it is complete.
func TestBoundedJobCommitsItsDirectory(t *testing.T) {
	dir := t.TempDir()
	env := stream.NewEnv(stream.Parallelism(3))
	numbers := stream.From(env, slice.Func(1000, func(n int64) int64 { return n }))
	numbers.To(Sink(dir, Gzip(EncodeLines(func(n int64) string { return fmt.Sprint(n) })), SinkOptions[int64]{
		Suffix: ".txt", Compact: &Compaction{}, PartitionCommit: &PartitionCommit{Delay: time.Hour},
	}))
	must(t, launch.Run(t.Context(), env, "once"))
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	if len(names) != 2 || filepath.Base(names[0]) != DefaultSuccessFile {
		t.Fatalf("there are %q, want _SUCCESS and one file", names)
	}
	if ok, err := path.Match("compacted-part-?-?-*.txt.gz", filepath.Base(names[1])); err != nil || !ok {
		t.Errorf("the file is %s", names[1])
	}
	got, err := read(t, JSONLines[int64](dir))
	must(t, err)
	slices.Sort(got)
	if len(got) != 1000 || got[0] != 0 || got[999] != 999 {
		t.Errorf("there are %d records", len(got))
	}
}
