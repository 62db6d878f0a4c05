package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/stream"
)

// byLength is a bucket of texts.
func byLength(v *string, _ time.Time) string { return fmt.Sprint("length=", len(*v)) }

// TestSinkWithCompactionIsASink is about failures between the calls of an engine; TestSinkIsMergedOverKills about those between
// the steps of a commit.
func TestSinkWithCompactionIsASink(t *testing.T) {
	for name, o := range map[string]SinkOptions[string]{
		"merged":                {PartBytes: 40, Compact: &Compaction{Bytes: 100, Parallelism: 2}},
		"merged and committed":  {Bucket: byLength, Compact: &Compaction{}, PartitionCommit: &PartitionCommit{}},
		"committed":             {Bucket: byLength, PartBytes: 40, PartitionCommit: &PartitionCommit{Delay: time.Hour}},
		"committed by the time": {Bucket: byLength, PartitionCommit: &PartitionCommit{Time: BucketTime("length=2")}},
	} {
		t.Run(name, func(t *testing.T) {
			connecttest.Sink(t, func(t *testing.T) connecttest.SinkTarget[string] {
				dir := t.TempDir()
				return connecttest.SinkTarget[string]{
					Sink: Sink(dir, EncodeLines(text), o),
					Visible: func() []string {
						lines, err := read(t, Lines(dir, Recursive()))
						must(t, err)
						return lines
					},
				}
			}, connecttest.SinkOptions[string]{Record: func(n int) string { return fmt.Sprint("record ", n) }, Seeds: 10})
		})
	}
}

// TestSinkIsMergedOverKills has each step on a disk be the last one of the process that commits. Package s3 has a test of the same.
func TestSinkIsMergedOverKills(t *testing.T) {
	type record = connecttest.MergedRecord
	for name, tc := range map[string]struct {
		enc  Encoder[record]
		read func(dir string) connect.Source[record]
	}{
		"JSON": {EncodeJSON[record](), func(dir string) connect.Source[record] { return JSONLines[record](dir, Recursive()) }},
		"CSV with a header, compressed": {
			Gzip(EncodeCSV[record](true)), func(dir string) connect.Source[record] { return CSV[record](dir, Recursive(), Header()) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time is that of the disk
			connecttest.Merging(t, connecttest.FileSystemOptions{
				Open: func(*testing.T) filesystem.FileSystem { return filesystem.Local },
				Dir:  func(t *testing.T) string { return t.TempDir() },
			}, connecttest.MergingTarget{
				Sink: func(dir string, bytes int64) connect.Sink[record] {
					return Sink(dir, tc.enc, SinkOptions[record]{
						Bucket:  func(v *record, _ time.Time) string { return fmt.Sprint("p=", v.P) },
						Compact: &Compaction{Bytes: bytes, Parallelism: 1}, PartitionCommit: &PartitionCommit{},
					})
				},
				Visible: func(dir string) []record {
					records, err := read(t, tc.read(dir))
					must(t, err)
					return records
				},
			})
		})
	}
}

// merged writes records by three subtasks, and returns what is visible when they are committed.
func merged(t *testing.T, enc Encoder[string], o SinkOptions[string], records ...string) (files []string, err error) {
	t.Helper()
	dir := t.TempDir()
	s := Sink(dir, enc, o)
	wc := connect.WriterContext{Context: t.Context(), Metrics: &metric.Group{}, Now: time.Now, WakeAt: func(time.Time) {}, Parallelism: 3}
	var p connect.Prepared
	for wc.Subtask = range 3 {
		w, err := s.Writer(wc, nil)
		must(t, err)
		for i := wc.Subtask; i < len(records); i += 3 {
			must(t, w.Write(records[i:i+1], []int64{math.MinInt64}))
		}
		must(t, w.Flush(false))
		items, err := w.(connect.Preparer).Prepare(1)
		must(t, err)
		p.Committables = append(p.Committables, items...)
		must(t, w.Close())
	}
	c, err := s.(connect.GlobalTwoPhase).GlobalCommitter(wc, nil)
	must(t, err)
	if err := c.Commit(&p); err != nil {
		return nil, err
	}
	must(t, c.Close())
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		f, err := disk{filesystem.All(), t.Context()}.openAt(filepath.Join(dir, e.Name()), 0)
		must(t, err)
		content, err := io.ReadAll(f)
		must(t, errors.Join(err, f.Close()))
		files = append(files, string(content))
	}
	slices.Sort(files)
	return files, nil
}

// TestSinkMerges is about what is in files that were made of others.
func TestSinkMerges(t *testing.T) {
	headed := EncodeLines(text)
	headed.Header = []byte("# header\n")
	bulk := brackets(nil)
	bulk.Merge = func(to io.Writer) (Merger, error) { return &bracketsMerger{to: to}, nil }
	for name, tc := range map[string]struct {
		enc  Encoder[string]
		o    SinkOptions[string]
		want []string
	}{
		"all":                  {EncodeLines(text), SinkOptions[string]{Compact: &Compaction{}}, []string{"a\nd\nb\ne\nc\n"}},
		"up to a size":         {EncodeLines(text), SinkOptions[string]{Compact: &Compaction{Bytes: 6}}, []string{"a\nd\nc\n", "b\ne\n"}},
		"up to that of parts":  {EncodeLines(text), SinkOptions[string]{PartBytes: 4, Compact: &Compaction{}}, []string{"a\nd\n", "b\ne\n", "c\n"}},
		"one header":           {headed, SinkOptions[string]{Compact: &Compaction{}}, []string{"# header\na\nd\nb\ne\nc\n"}},
		"gzip":                 {Gzip(EncodeLines(text)), SinkOptions[string]{Compact: &Compaction{}}, []string{"a\nd\nb\ne\nc\n"}},
		"zstd with one header": {Zstd(headed), SinkOptions[string]{Compact: &Compaction{}}, []string{"# header\na\nd\nb\ne\nc\n"}},
		"by the bulk encoder":  {bulk, SinkOptions[string]{Compact: &Compaction{}}, []string{"[a;d;b;e;c;]"}},
	} {
		got, err := merged(t, tc.enc, tc.o, "a", "b", "c", "d", "e")
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: the files are %q, %v; want %q", name, got, err, tc.want)
		}
	}
}

// bracketsMerger merges what brackets encodes.
type bracketsMerger struct {
	to    io.Writer
	begun bool
}

func (m *bracketsMerger) Add(f filesystem.File, _ string, bytes int64) error {
	b := make([]byte, bytes)
	if _, err := io.ReadFull(f, b); err != nil {
		return err
	}
	if m.begun {
		b = b[1:]
	}
	m.begun = true
	_, err := m.to.Write(b[:len(b)-1])
	return err
}

func (m *bracketsMerger) Close() error {
	_, err := io.WriteString(m.to, "]")
	return err
}

func TestMergeErrors(t *testing.T) {
	dir := t.TempDir()
	headed := EncodeLines(text)
	headed.Header = []byte("# of before\n")
	o := SinkOptions[string]{Compact: &Compaction{}}
	var items [][]byte
	for subtask := range 2 {
		w, err := Sink(dir, headed, o).Writer(connect.WriterContext{
			Context: t.Context(), Subtask: subtask, Parallelism: 2, Now: time.Now, WakeAt: func(time.Time) {}, Metrics: &metric.Group{},
		}, nil)
		must(t, err)
		must(t, w.Write([]string{"a"}, []int64{0}))
		must(t, w.Flush(false))
		prepared, err := w.(connect.Preparer).Prepare(1)
		must(t, err)
		items = append(items, prepared...)
		must(t, w.Close())
	}
	commit := func(enc Encoder[string]) error {
		c, err := Sink(dir, enc, o).(connect.GlobalTwoPhase).GlobalCommitter(connect.WriterContext{Context: t.Context(), Now: time.Now}, nil)
		must(t, err)
		return c.Commit(&connect.Prepared{Committables: items})
	}
	other := EncodeLines(text)
	other.Header = []byte("# of today\n")
	wantError(t, commit(other), "merge 2 files", `begins with "# of before`, `not with the header of the encoder, "# of today`, "stop with a savepoint")
	wantError(t, commit(Gzip(other)), "merge 2 files", "gzip")
	must(t, commit(headed))
	lines, err := read(t, Lines(dir))
	if want := []string{"# of before", "a", "a"}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("after errors there are %q, %v; want %q", lines, err, want)
	}
}

// TestMergedJobWritesEachRecordOnce stops a job whose files are merged, from some time on and up to some time, at a snapshot, lets
// it lose what came after, and goes on with another parallelism.
func TestMergedJobWritesEachRecordOnce(t *testing.T) {
	dir := t.TempDir()
	start := func(parallelism int, from *launch.Snapshot, compact *Compaction) *launch.Job {
		t.Helper()
		env := stream.NewEnv(stream.Parallelism(parallelism))
		numbers := datagen.Source(func(n int64) int64 { return n }, datagen.Options{})
		stream.From(env, numbers).UID("numbers").To(Sink(dir, EncodeJSON[int64](), SinkOptions[int64]{
			PartBytes: 5000, Compact: compact, Bucket: func(v *int64, _ time.Time) string { return fmt.Sprint("third=", *v%3) },
		})).UID("files")
		job, err := launch.Start(t.Context(), env, "once", launch.Restore(from))
		must(t, err)
		return job
	}
	merge := &Compaction{Bytes: 20_000}
	var last *launch.Snapshot
	for i, compact := range []*Compaction{nil, merge, merge, merge} {
		job := start(1+i*2%3, last, compact)
		for range 2 {
			_, err := job.Checkpoint(t.Context())
			must(t, err)
			last, err = job.Snapshot(t.Context())
			must(t, err)
		}
		job.Cancel()
		if err := job.Wait(); !errors.Is(err, launch.ErrCanceled) {
			t.Fatal(err)
		}
	}
	names := func() map[string]int { return prefixes(t, filepath.Join(dir, "third=?", "*")) }
	before := names()
	job := start(2, last, &Compaction{Disabled: true})
	_, err := job.Checkpoint(t.Context())
	must(t, err)
	job.Stop()
	must(t, job.Wait())
	got, err := read(t, JSONLines[int64](dir, Recursive()))
	must(t, err)
	expectNumbers(t, got)
	after := names() // of ".part" are those that were not committed when a job was cancelled
	if after["part"] <= before["part"] || before["part"] == 0 || after["compacted"] == 0 || after[".uncompacted"] > 0 {
		t.Errorf("there were %v, and are %v", before, after)
	}
}

// prefixes counts files by what their names begin with.
func prefixes(t *testing.T, pattern string) map[string]int {
	t.Helper()
	names, err := filepath.Glob(pattern)
	must(t, err)
	count := map[string]int{}
	for _, name := range names {
		prefix, _, _ := strings.Cut(filepath.Base(name), "-")
		count[prefix]++
	}
	return count
}

// TestMergingOptionsAreValidated: each option that cannot be is named, with what can.
func TestMergingOptionsAreValidated(t *testing.T) {
	run := func(enc Encoder[string], o SinkOptions[string]) error {
		env := stream.NewEnv()
		stream.From(env, slice.Of("a")).To(Sink(t.TempDir(), enc, o))
		return launch.Run(context.Background(), env, "bad")
	}
	wantError(t, run(EncodeLines(text), SinkOptions[string]{
		Compact:         &Compaction{Bytes: -1, Parallelism: -2},
		PartitionCommit: &PartitionCommit{Delay: -time.Second, SuccessFile: "a/b", NoSuccessFile: true},
	}), "Compact.Bytes is -1", "Compact.Parallelism is -2", "PartitionCommit.Delay is -1s", `PartitionCommit.SuccessFile is "a/b"`,
		"PartitionCommit does nothing: it has NoSuccessFile, so set Do")
	for _, enc := range []Encoder[string]{brackets(nil), Gzip(Encoder[string]{
		Append: EncodeLines(text).Append, Merge: func(io.Writer) (Merger, error) { return nil, nil },
	})} {
		wantError(t, run(enc, SinkOptions[string]{Compact: &Compaction{}}), "the encoder is a bulk one without Merge", "set it, or leave Compact out")
	}
	// A committer that was made by options of before names them, too.
	_, err := (&globalSink[string]{&sink[string]{dir: "x", enc: brackets(nil), o: SinkOptions[string]{Compact: &Compaction{}}}}).
		GlobalCommitter(connect.WriterContext{}, nil)
	wantError(t, err, "without Merge")
	if _, err := (&Encoder[string]{Bulk: brackets(nil).Bulk}).newMerger(&bytes.Buffer{}); err == nil {
		t.Error("files of a bulk encoder without Merge are merged")
	}
}

// TestCompactionEnds has files of a snapshot of a time when files were merged be merged still.
func TestCompactionEnds(t *testing.T) {
	for name, o := range map[string]SinkOptions[string]{
		"disabled":  {Compact: &Compaction{Disabled: true}},
		"committed": {PartitionCommit: &PartitionCommit{}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			wc := connect.WriterContext{Context: t.Context(), Metrics: &metric.Group{}, Now: time.Now, WakeAt: func(time.Time) {}, Parallelism: 1}
			w, err := Sink(dir, EncodeLines(text), SinkOptions[string]{Compact: &Compaction{}}).Writer(wc, nil)
			must(t, err)
			must(t, w.Write([]string{"a"}, []int64{0}))
			must(t, w.Flush(false))
			state, err := w.Snapshot()
			must(t, err)
			must(t, w.Close())
			s := Sink(dir, EncodeLines(text), o)
			w, err = s.Writer(wc, [][]byte{state})
			must(t, err)
			must(t, w.Write([]string{"b"}, []int64{0}))
			must(t, w.Flush(true))
			items, err := w.(connect.Preparer).Prepare(1)
			must(t, err)
			must(t, w.Close())
			c, err := s.(connect.GlobalTwoPhase).GlobalCommitter(wc, nil)
			must(t, err)
			must(t, c.Commit(&connect.Prepared{Committables: items}))
			lines, err := read(t, Lines(dir))
			slices.Sort(lines)
			if err != nil || !slices.Equal(lines, []string{"a", "b"}) {
				t.Errorf("visible are %q, %v", lines, err)
			}
		})
	}
}
