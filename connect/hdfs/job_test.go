package hdfs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
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

// numbers is how many that job writes, in two seconds or more.
const numbers = 20_000

// numbersJob goes on where one before it was.
func numbersJob(dir, checkpoints string) *stream.Env {
	env := stream.NewEnv(stream.Parallelism(2), stream.Checkpoint(20*time.Millisecond), stream.CheckpointDir(checkpoints),
		stream.Restart(stream.FixedDelay(1000, 10*time.Millisecond)))
	source := datagen.Source(func(n int64) string { return fmt.Sprint(n) }, datagen.Options{Count: numbers, PerSecond: numbers / 2})
	stream.From(env, source).UID("numbers").To(file.Sink(dir, file.EncodeLines(text), file.SinkOptions[string]{PartBytes: 6000})).UID("files")
	return env
}

// writeNumbers runs the job; without a directory for checkpoints it begins a file and waits.
func writeNumbers(dirs string) {
	dir, checkpoints, _ := strings.Cut(dirs, "|")
	if checkpoints == "" {
		beginAndWait(dir)
		return
	}
	if err := launch.Run(context.Background(), numbersJob(dir, checkpoints), "numbers"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// beginAndWait writes a file, and more than it persists of it. It prints what it has persisted.
func beginAndWait(dir string) {
	f, err := filesystem.For(dir)
	if err != nil {
		panic(err)
	}
	w, err := f.Create(context.Background(), dir, "part", ".part")
	if err != nil {
		panic(err)
	}
	_, err = w.Write(noise(1000))
	p, persistErr := w.Persist()
	_, moreErr := w.Write(noise(200_000))
	fmt.Println(p.Token, p.Bytes, errors.Join(err, persistErr, moreErr))
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// TestDataNodesStartAnew: all DataNodes have started anew when a file is taken up that a killed process had open.
func TestDataNodesStartAnew(t *testing.T) {
	s, dir := newDir(t)
	f := system(t, dir)
	job := exec.Command(os.Args[0])
	job.Env = append(os.Environ(), writerVariable+"="+dir)
	job.Stderr = os.Stderr
	in, err := job.StdinPipe()
	must(t, err)
	defer in.Close()
	out, err := job.StdoutPipe()
	must(t, err)
	must(t, job.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	must(t, job.Process.Kill())
	_ = job.Wait()
	token := segments{".part", 1}.token()
	if want := token + " 1000 <nil>\n"; line != want {
		t.Fatalf("the process says %q, want %q", line, want)
	}
	for range 2 { // of two
		s.StopDataNode(t)
		s.StartDataNode(t)
	}
	p, err := f.Recover(t.Context(), dir, filesystem.Pending{Name: "part", Token: token, Bytes: 1000})
	must(t, err)
	must(t, f.Commit(t.Context(), dir, []filesystem.Pending{p}))
	if got := content(t, f, dir+"/part"); !bytes.Equal(got, noise(1000)) {
		t.Errorf("%d bytes are visible, other than what was persisted", len(got))
	}
	if got := names(t, f, dir); got != "part" {
		t.Errorf("there is %s", got)
	}
}

// wantNumbers: each is there once.
func wantNumbers(t testing.TB, dir string) {
	t.Helper()
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

// awaitParts waits until some more parts are visible, each of a thousand numbers or more, or the job has ended.
func awaitParts(t testing.TB, f fileSystem, dir string, more int, ended <-chan struct{}) {
	t.Helper()
	parts := func() int {
		paths, err := f.Glob(t.Context(), dir+"/part-*")
		must(t, err)
		return len(paths)
	}
	for before := parts(); parts() < before+more; {
		select {
		case <-ended:
			return
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(time.Millisecond):
		}
	}
}

// TestKilledWriter kills a job again and again while it writes, and has servers go and come back meanwhile.
func TestKilledWriter(t *testing.T) {
	s, dir := newDir(t)
	f, checkpoints, killed := system(t, dir), t.TempDir(), 0
	for kills := range 5 {
		if kills == 1 {
			s.StopNameNode(t)
		}
		job := exec.Command(os.Args[0])
		job.Env = append(os.Environ(), writerVariable+"="+dir+"|"+checkpoints)
		job.Stderr = os.Stderr
		must(t, job.Start())
		var failed error
		ended := make(chan struct{})
		go func() {
			failed = job.Wait()
			close(ended)
		}()
		switch kills {
		case 1:
			s.StartNameNode(t)
		case 3:
			awaitParts(t, f, dir, 1, ended)
			s.StopDataNode(t)
			s.StartDataNode(t)
		case 4:
			<-ended
			must(t, failed)
			wantNumbers(t, dir)
			if killed == 0 {
				t.Error("no job was killed before it had ended")
			}
			return
		}
		awaitParts(t, f, dir, 2, ended)
		if job.Process.Kill() == nil { // else it has ended
			killed++
		}
		<-ended
	}
}
