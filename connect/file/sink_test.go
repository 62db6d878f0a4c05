package file

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/stream"
)

var epoch = time.Unix(1_700_000_000, 0)

// sinkDriver calls a writer and its committer as the engine does.
type sinkDriver struct {
	*writer[string]
	connect.Committer
	t     *testing.T
	now   time.Time
	wakes []time.Time
	items [][]byte
}

func drive(t *testing.T, s connect.Sink[string], subtask, attempt int, states ...[]byte) *sinkDriver {
	t.Helper()
	d, err := tryDrive(t, s, subtask, attempt, states...)
	must(t, err)
	return d
}

func tryDrive(t *testing.T, s connect.Sink[string], subtask, attempt int, states ...[]byte,
) (*sinkDriver, error) {
	t.Helper()
	d := &sinkDriver{t: t, now: epoch}
	ctx := connect.WriterContext{
		Context: context.Background(), Subtask: subtask, Parallelism: 2, Attempt: attempt,
		Metrics: &metric.Group{}, Now: func() time.Time { return d.now },
		WakeAt: func(at time.Time) { d.wakes = append(d.wakes, at) },
	}
	w, err := s.Writer(ctx, states)
	if err != nil {
		return nil, err
	}
	d.writer = w.(*writer[string])
	d.Committer, err = s.(connect.TwoPhase).Committer(ctx)
	must(t, err)
	t.Cleanup(func() { _ = d.writer.Close() })
	return d, nil
}

func (d *sinkDriver) add(records ...string) {
	d.t.Helper()
	times := make([]int64, len(records))
	for i := range times {
		times[i] = math.MinInt64
	}
	must(d.t, d.Write(records, times))
}

// checkpoint returns the writer's state; what was prepared is in items.
func (d *sinkDriver) checkpoint() []byte {
	d.t.Helper()
	must(d.t, d.Flush(false))
	items, err := d.Prepare(1)
	must(d.t, err)
	d.items = append(d.items, items...)
	state, err := d.Snapshot()
	must(d.t, err)
	return state
}

func (d *sinkDriver) commit() {
	d.t.Helper()
	must(d.t, d.Commit(d.items))
	must(d.t, d.Commit(d.items)) // again, as after a recovery
	d.items = nil
}

// shown lists a directory and what its files hold.
func shown(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out = append(out, name+": "+strings.ReplaceAll(string(content), "\n", "|"))
		return err
	}))
	return strings.Join(out, "\n")
}

func expect(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := shown(t, dir); got != strings.Join(want, "\n") {
		t.Errorf("the directory has\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func text(s string) string { return s }

func TestSinkRollsAndCommits(t *testing.T) {
	dir := t.TempDir()
	d := drive(t, Sink(dir, EncodeLines(text), SinkOptions[string]{PartBytes: 4}), 1, 7)
	d.add("a", "b", "c")
	d.checkpoint()
	expect(t, dir, ".part-1-0.inprogress.7: a|b|", ".part-1-1.inprogress.7: c|")
	d.commit()
	expect(t, dir, ".part-1-1.inprogress.7: c|", "part-1-0: a|b|")
	d.add("d", "e")
	must(t, d.Flush(true))
	items, err := d.Prepare(0)
	must(t, err)
	d.items = items
	d.commit()
	must(t, d.writer.Close())
	expect(t, dir, "part-1-0: a|b|", "part-1-1: c|d|", "part-1-2: e|")
}

func TestSinkRollsByTime(t *testing.T) {
	for _, tc := range []struct {
		o    SinkOptions[string]
		gaps []time.Duration // between records
		want []time.Duration // ticks that end a part
	}{
		{
			SinkOptions[string]{Rollover: 10 * time.Second, Inactivity: -1},
			[]time.Duration{0, 4 * time.Second, 4 * time.Second},
			[]time.Duration{10 * time.Second},
		},
		{
			SinkOptions[string]{Rollover: -1, Inactivity: 5 * time.Second},
			[]time.Duration{0, 4 * time.Second, 4 * time.Second},
			[]time.Duration{13 * time.Second},
		},
		{SinkOptions[string]{}, []time.Duration{0, 30 * time.Second}, []time.Duration{time.Minute}},
		{SinkOptions[string]{Rollover: -1, Inactivity: -1}, []time.Duration{0, time.Hour}, nil},
	} {
		d := drive(t, Sink(t.TempDir(), EncodeLines(text), tc.o), 0, 0)
		var got []time.Duration
		tick := func(until time.Time) {
			for len(d.wakes) > 0 && !d.wakes[0].After(until) {
				d.now = d.wakes[0]
				d.wakes = d.wakes[1:]
				before := len(d.ended)
				must(t, d.Tick(d.now))
				if len(d.ended) > before {
					got = append(got, d.now.Sub(epoch))
				}
			}
			d.now = until
		}
		for _, g := range tc.gaps {
			tick(d.now.Add(g))
			d.add("x")
		}
		tick(d.now.Add(24 * time.Hour))
		if !slices.Equal(got, tc.want) {
			t.Errorf("%+v: parts ended at %v, want %v", tc.o, got, tc.want)
		}
	}
}

func TestSinkBuckets(t *testing.T) {
	dir := t.TempDir()
	by := ByTime[string]("2006/01-02")
	s := Sink(dir, EncodeLines(text), SinkOptions[string]{Bucket: by, Suffix: ".txt"})
	d := drive(t, s, 0, 0)
	day := int64(24 * 3600 * 1000)
	must(t, d.Write([]string{"a", "b", "c", "d"}, []int64{0, day, math.MinInt64, 5}))
	d.now = d.now.Add(time.Hour)
	must(t, d.Tick(d.now))
	d.checkpoint()
	d.commit()
	expect(t, dir, "1970/01-01/part-0-0.txt: a|d|", "1970/01-02/part-0-1.txt: b|",
		"undated/part-0-2.txt: c|")
	for _, bad := range []string{"../x", "/x"} {
		s := Sink(dir, EncodeLines(text), SinkOptions[string]{
			Bucket: func(*string, time.Time) string { return bad },
		})
		wantError(t, drive(t, s, 0, 0).Write([]string{"a"}, []int64{0}), bad, "not a path below")
	}
}

func TestSinkRestores(t *testing.T) {
	dir := t.TempDir()
	s := Sink(dir, EncodeLines(text), SinkOptions[string]{PartBytes: 6})
	d := drive(t, s, 0, 0)
	d.add("a", "b", "c", "d") // ends a part, which the checkpoint prepares
	state := d.checkpoint()
	prepared := d.items
	d.add("lost, with its part", "lost too")
	must(t, d.Flush(false))
	must(t, d.writer.Close())
	expect(t, dir, ".part-0-0.inprogress.0: a|b|c|", ".part-0-1.inprogress.0: d|lost, with its part|")

	d = drive(t, s, 1, 1, state) // by another subtask
	must(t, d.Commit(prepared))
	d.add("e")
	d.checkpoint()
	d.commit()
	expect(t, dir, ".part-1-0.inprogress.1: e|", "part-0-0: a|b|c|", "part-0-1: d|")

	// A new subtask 0 knows nothing of the numbers its predecessor has used.
	d = drive(t, s, 0, 2)
	d.add("f")
	expect(t, dir, ".part-0-2.inprogress.2: ", ".part-1-0.inprogress.1: e|", "part-0-0: a|b|c|",
		"part-0-1: d|")

	_, err := tryDrive(t, s, 0, 3, state)
	wantError(t, err, "part-0-1", "the snapshot is older than the output")
	must(t, os.Remove(filepath.Join(dir, "part-0-1")))
	_, err = tryDrive(t, s, 0, 3, state)
	wantError(t, err, ".part-0-1.inprogress.0", "is gone")
	must(t, os.WriteFile(filepath.Join(dir, ".part-0-1.inprogress.0"), nil, 0o666))
	_, err = tryDrive(t, s, 0, 3, state)
	wantError(t, err, "has 0 bytes, but the snapshot knows 2")
	for n := range len(state) {
		if _, err := tryDrive(t, s, 0, 4, state[:n]); err == nil && n != 2 {
			t.Errorf("%d of %d bytes of state are restored without an error", n, len(state))
		}
	}
}

// TestEncodingOfStates holds what savepoints have.
func TestEncodingOfStates(t *testing.T) {
	dir := tree(t, map[string]string{"a=1/.part-2-5.inprogress.3": "a\n", "a=1/.part-2-6.inprogress.3": "b\n"})
	const (
		committable = "\x02\x1aa=1/.part-2-5.inprogress.3\x0ca=1/part-2-5"
		state       = "\x07\x02" + "\x02\x1aa=1/.part-2-6.inprogress.3\x0ca=1/part-2-6"
	)
	d := drive(t, Sink(dir, EncodeLines(text), SinkOptions[string]{}), 2, 4, []byte(state))
	must(t, d.Commit([][]byte{[]byte(committable)}))
	if got, err := d.Snapshot(); string(got) != state || err != nil {
		t.Errorf("the state is %q, %v; want %q", got, err, state)
	}
	must(t, d.Flush(false))
	d.checkpoint()
	if want := strings.ReplaceAll(committable, "2-5", "2-6"); string(d.items[0]) != want {
		t.Errorf("the committable is %q, want %q", d.items, want)
	}
	d.commit()
	expect(t, dir, "a=1/part-2-5: a|", "a=1/part-2-6: b|")
}

func TestSinkPassesOverForeignFiles(t *testing.T) {
	dir := tree(t, map[string]string{
		"part-0-0": "x", ".part-0-3.inprogress.9": "y", "part-0-x": "", "part-1-8": "", "other": "",
	})
	s := Sink(dir, EncodeLines(text), SinkOptions[string]{})
	a, b := drive(t, s, 0, 0), drive(t, s, 0, 0)
	a.add("a")
	b.buckets[""] = true // it listed the directory before
	b.next = 4
	b.add("b")
	if got := a.open[""].name + " " + b.open[""].name; got != "part-0-4 part-0-5" {
		t.Errorf("the parts are %s", got)
	}
	// Somebody takes the visible name before the commit.
	write(t, filepath.Join(dir, "part-0-4"), "foreign")
	must(t, a.Flush(true))
	items, err := a.Prepare(1)
	must(t, err)
	wantError(t, a.Commit(items), "part-0-4", "a file of that name exists")
	must(t, os.Remove(filepath.Join(dir, "part-0-4")))
	must(t, os.Remove(filepath.Join(dir, ".part-0-4.inprogress.0")))
	wantError(t, a.Commit(items), "part-0-4", "neither it nor", "was it deleted?")
	wantError(t, a.Commit([][]byte{{1, 2}}), "broken")
}

// faulty fails at one of its calls.
type faulty struct {
	filesystem.FileSystem
	create, write, sync error
}

func (f *faulty) Create(ctx context.Context, dir, name, hidden string) (filesystem.Writer, error) {
	if f.create != nil {
		return nil, f.create
	}
	w, err := f.FileSystem.Create(ctx, dir, name, hidden)
	return faultyFile{w, f.write, f.sync}, err
}

type faultyFile struct {
	filesystem.Writer
	write, sync error
}

func (f faultyFile) Write(b []byte) (int, error) {
	if f.write != nil {
		return 0, f.write
	}
	return f.Writer.Write(b)
}

func (f faultyFile) Persist() (filesystem.Pending, error) {
	if f.sync != nil {
		return filesystem.Pending{}, f.sync
	}
	return f.Writer.Persist()
}

func TestSinkErrorsStay(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "p", Err: syscall.ENOSPC}
	for _, tc := range []struct {
		name string
		disk faulty
		want string
	}{
		{"disk full", faulty{write: full}, "no space left on device; make room"},
		{"sync", faulty{sync: errors.New("input/output error")}, "part-0-0.inprogress.0\": input/output error"},
		{"create", faulty{create: full}, "make a part file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			s := Sink(dir, EncodeLines(text), SinkOptions[string]{}).(*sink[string])
			tc.disk.FileSystem = filesystem.Local
			s.open = func(string) (filesystem.FileSystem, error) { return &tc.disk, nil }
			d := drive(t, s, 0, 0)
			err := d.Write([]string{"a"}, []int64{0})
			if err == nil {
				err = d.Flush(false)
			}
			wantError(t, err, tc.want)
			_, prepareErr := d.Prepare(1)
			_, snapshotErr := d.Snapshot()
			for i, err := range []error{
				d.Write([]string{"b"}, []int64{0}), d.Flush(true), prepareErr, snapshotErr, d.Tick(d.now),
			} {
				if err == nil {
					t.Errorf("call %d after the error succeeds", i)
				}
			}
			must(t, d.writer.Close())
		})
	}
}

func TestSinkOptionsAreValidated(t *testing.T) {
	env := stream.NewEnv()
	stream.From(env, slice.Of("a")).To(Sink("", Encoder[string]{}, SinkOptions[string]{
		PartBytes: -1, Suffix: "a/b",
	}))
	err := launch.Run(context.Background(), env, "bad")
	wantError(t, err, "directory is empty", "encoder is empty", "PartBytes is -1", `Suffix is "a/b"`)
	env = stream.NewEnv()
	stream.From(env, slice.Of(1)).To(Sink(t.TempDir(), EncodeCSV[int](true), SinkOptions[int]{}))
	wantError(t, launch.Run(context.Background(), env, "bad"), "is a struct or []string, not int")
}

func TestEncoders(t *testing.T) {
	half := 0.5
	cities := []city{
		{Name: "a", People: 1, Area: &half, Since: epoch.UTC()},
		{Name: "b, \"c\"\r\nd"},
		{Name: " e"},
		{Name: `\.`},
	}
	e := EncodeCSV[city](true)
	b := e.Header
	for i := range cities {
		var err error
		b, err = e.Append(b, &cities[i])
		must(t, err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	want := [][]string{
		{"city", "People", "area", "since"},
		{"a", "1", "0.5", "2023-11-14T22:13:20Z"},
		{"b, \"c\"\nd", "0", "", "0001-01-01T00:00:00Z"},
		{" e", "0", "", "0001-01-01T00:00:00Z"},
		{`\.`, "0", "", "0001-01-01T00:00:00Z"},
	}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("%q reads as %q, %v", b, rows, err)
	}
	cells := []string{""}
	b, err = EncodeCSV[[]string](false).Append(nil, &cells)
	if err != nil || string(b) != "\"\"\n" {
		t.Errorf("an empty cell is %q, %v", b, err)
	}
	n := math.NaN()
	if _, err = EncodeJSON[float64]().Append(nil, &n); err == nil {
		t.Error("NaN is JSON")
	}
	s := Sink(t.TempDir(), Encoder[string]{Append: func(dst []byte, v *string) ([]byte, error) {
		return append(dst, "half"...), errors.New("no such letter")
	}}, SinkOptions[string]{})
	wantError(t, drive(t, s, 0, 0).Write([]string{"ä"}, []int64{0}), "encode record 1 of 1, ä",
		"no such letter")
}

// TestJobWritesEachRecordOnce stops a job at a snapshot, lets it lose what came after, and goes on
// with another parallelism.
func TestJobWritesEachRecordOnce(t *testing.T) {
	dir := t.TempDir()
	start := func(parallelism int, from *launch.Snapshot) *launch.Job {
		t.Helper()
		env := stream.NewEnv(stream.Parallelism(parallelism))
		numbers := datagen.Source(func(n int64) int64 { return n }, datagen.Options{})
		stream.From(env, numbers).UID("numbers").To(Sink(dir, EncodeLines(func(n int64) string {
			return fmt.Sprint(n)
		}), SinkOptions[int64]{PartBytes: 5000})).UID("files")
		job, err := launch.Start(context.Background(), env, "once", launch.Restore(from))
		must(t, err)
		return job
	}
	var last *launch.Snapshot
	for _, parallelism := range []int{2, 3, 1} {
		job := start(parallelism, last)
		for range 2 {
			s, err := job.Snapshot(context.Background())
			must(t, err)
			last = s
		}
		job.Cancel()
		if err := job.Wait(); !errors.Is(err, launch.ErrCanceled) {
			t.Fatal(err)
		}
	}
	job := start(2, last)
	_, err := job.Snapshot(context.Background())
	must(t, err)
	job.Stop()
	must(t, job.Wait())
	got, err := read(t, JSONLines[int64](dir))
	must(t, err)
	expectNumbers(t, got)
}

// expectNumbers checks that of both splits of a datagen source each number is there once, up to some.
func expectNumbers(t *testing.T, got []int64) {
	t.Helper()
	slices.Sort(got)
	next := [2]int64{0, 1} // of the two splits
	for _, n := range got {
		if n != next[n%2] {
			t.Fatalf("of %d records, %d comes instead of %d", len(got), n, next[n%2])
		}
		next[n%2] += 2
	}
	if len(got) == 0 {
		t.Error("no records")
	}
}

func BenchmarkSink(b *testing.B) {
	line := "some words of an ordinary line of text, to be written"
	b.ReportAllocs()
	b.SetBytes(int64(len(line)) + 1)
	env := stream.NewEnv()
	lines := slice.Func(int64(b.N), func(int64) string { return line })
	stream.From(env, lines).To(Sink(b.TempDir(), EncodeLines(text), SinkOptions[string]{}))
	if err := launch.Run(context.Background(), env, "write"); err != nil {
		b.Fatal(err)
	}
}
