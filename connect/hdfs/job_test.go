package hdfs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func text(s string) string { return s }

func read(t testing.TB, source connect.Source[string]) []string {
	t.Helper()
	records, err := connecttest.NewDriver(t, source, 2, nil).Read(0)
	must(t, err)
	return records
}

func TestSource(t *testing.T) {
	_, dir := newDir(t)
	f := system(t, dir)
	must(t, f.MkdirAll(t.Context(), dir, "a"))
	var want []string
	for _, name := range []string{"x", "a/y", "a/z"} {
		w := begin(t, f, dir, name)
		for i := range 40 {
			line := fmt.Sprintf("%s %d", name, i)
			want = append(want, line)
			write(t, w, []byte(line+"\n"))
		}
		p, err := w.Finish()
		must(t, err)
		must(t, f.Commit(t.Context(), dir, []filesystem.Pending{p}))
	}
	connecttest.Source(t, func() connect.Source[string] {
		return file.Lines(dir, file.Recursive(), file.SplitBytes(100))
	}, connecttest.Options[string]{Want: want})
	if got := read(t, file.Lines(dir+"/a/[xz]*")); len(got) != 40 {
		t.Errorf("a pattern has %d lines", len(got))
	}
	for _, path := range []string{dir + "/missing", dir + "/missing/*"} {
		_, err := connecttest.NewDriver(t, file.Lines(path), 1, nil).Read(0)
		wantError(t, err, dir+"/missing", "does not exist")
	}
}

func TestSink(t *testing.T) {
	connecttest.Sink(t, func(t *testing.T) connecttest.SinkTarget[string] {
		_, dir := newDir(t)
		return connecttest.SinkTarget[string]{
			Sink: file.Sink(dir+"/out", file.EncodeLines(text), file.SinkOptions[string]{
				PartBytes: 60, Bucket: func(v *string, _ time.Time) string { return "b" + (*v)[len(*v)-1:] },
			}),
			Visible: func() []string {
				if paths, err := system(t, dir).Glob(t.Context(), dir+"/out/*/part-*"); err != nil || len(paths) == 0 {
					must(t, err)
					return nil
				}
				return read(t, file.Lines(dir+"/out/*/*"))
			},
		}
	}, connecttest.SinkOptions[string]{Record: func(n int) string { return fmt.Sprint("row ", n, " ", n%2) }, Seeds: 6})
}

// writerVariable has the test's program be a job that writes to the directory.
const writerVariable = "FLOTT_TEST_HDFS_WRITER"

// numbers is how many that job writes, in about a second.
const numbers = 20_000

// writeNumbers runs the job, which goes on where one before it was.
func writeNumbers(dirs string) {
	dir, checkpoints, _ := strings.Cut(dirs, "|")
	env := stream.NewEnv(stream.Parallelism(2), stream.Checkpoint(20*time.Millisecond), stream.CheckpointDir(checkpoints))
	source := datagen.Source(func(n int64) string { return fmt.Sprint(n) }, datagen.Options{Count: numbers, PerSecond: numbers})
	stream.From(env, source).UID("numbers").To(file.Sink(dir, file.EncodeLines(text), file.SinkOptions[string]{PartBytes: 6000})).UID("files")
	if err := launch.Run(context.Background(), env, "numbers"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestKilledWriter kills a job again and again while it writes. In the end each record is there once, and nothing else.
func TestKilledWriter(t *testing.T) {
	_, dir := newDir(t)
	f, checkpoints := system(t, dir), t.TempDir()
	for kills := 0; ; kills++ {
		job := exec.Command(os.Args[0])
		job.Env = append(os.Environ(), writerVariable+"="+dir+"|"+checkpoints)
		job.Stderr = os.Stderr
		must(t, job.Start())
		if kills == 4 {
			must(t, job.Wait())
			break
		}
		before := visible(t, f, dir)
		for visible(t, f, dir) < before+2 { // each is 1000 lines or more
			select {
			case <-t.Context().Done():
				return
			case <-time.After(time.Millisecond):
			}
		}
		must(t, job.Process.Kill())
		_ = job.Wait()
	}
	var got []int
	for _, line := range read(t, file.Lines(dir)) {
		n, err := strconv.Atoi(line)
		must(t, err)
		got = append(got, n)
	}
	slices.Sort(got)
	for i, n := range got {
		if i != n {
			t.Fatalf("record %d is %d", i, n)
		}
	}
	if len(got) != numbers {
		t.Errorf("%d records, want %d", len(got), numbers)
	}
}

func visible(t testing.TB, f fileSystem, dir string) int {
	t.Helper()
	paths, err := f.Glob(t.Context(), filesystem.Join(dir, "part-*"))
	must(t, err)
	return len(paths)
}
