package s3

import (
	"bytes"
	"context"
	encoding "encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/format/parquet"
	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/metric"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("got the error %v, want one with %q", err, p)
		}
	}
}

func text(s string) string { return s }

// put writes an object.
func put(t *testing.T, files filesystem.FileSystem, path string, content []byte) {
	t.Helper()
	root, name := filesystem.Split(path)
	w, err := files.Create(t.Context(), root, strings.TrimPrefix(name, "/"), "")
	must(t, err)
	_, err = w.Write(content)
	must(t, err)
	p, err := w.Finish()
	must(t, err)
	must(t, files.Commit(t.Context(), root, []filesystem.Pending{p}))
}

// compressed is what the sink writes with an encoder.
func compressed(t *testing.T, e file.Encoder[string], lines []string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := e.Bulk(&b)
	must(t, err)
	must(t, w.Write(lines))
	must(t, w.Close())
	return b.Bytes()
}

func read[T any](t *testing.T, source connect.Source[T]) ([]T, error) {
	t.Helper()
	return connecttest.NewDriver(t, source, 1, nil).Read(0)
}

// TestSource reads lines of files that are cut into ranges, or compressed, in directories and by patterns.
func TestSource(t *testing.T) {
	s := newStore(t)
	s.env(t)
	files, dir := s.open(t), s.dir(t)
	var want []string
	for f := range 3 {
		var lines []string
		for i := range 6 {
			lines = append(lines, fmt.Sprintf("file %d line %d %s", f, i, strings.Repeat("x", i*i)))
		}
		want = append(want, lines...)
		content, ending := []byte(strings.Join(lines, "\n")+"\n"), ""
		switch f {
		case 1:
			content, ending = compressed(t, file.Gzip(file.EncodeLines(text)), lines), ".gz"
		case 2:
			content, ending = compressed(t, file.Zstd(file.EncodeLines(text)), lines), ".zst"
		}
		put(t, files, fmt.Sprintf("%s/day=%d/f.txt%s", dir, f, ending), content)
	}
	put(t, files, dir+"/_hidden/f.txt", []byte("not read\n"))
	put(t, files, dir+"/day=1/.f.txt", []byte("not read\n"))
	for _, open := range []func() connect.Source[string]{
		func() connect.Source[string] { return file.Lines(dir, file.Recursive(), file.SplitBytes(40)) },
		func() connect.Source[string] { return file.Lines(dir + "/day=?/*.txt*") },
	} {
		connecttest.Source(t, open, connecttest.Options[string]{Want: want})
	}
	_, err := read(t, file.Lines(dir+"/*.json"))
	wantError(t, err, "no file matches", dir)
	_, err = read(t, file.Lines(dir+"/day=9"))
	wantError(t, err, dir+`/day=9" does not exist`)
}

// TestWatch takes up objects as they come.
func TestWatch(t *testing.T) {
	s := newStore(t)
	s.env(t)
	files, dir := s.open(t), s.dir(t)
	d := connecttest.NewDriver(t, file.Lines(dir, file.Watch(time.Second)), 1, nil)
	for i := range 3 {
		put(t, files, fmt.Sprintf("%s/%d", dir, i), fmt.Appendf(nil, "line %d\n", i))
		got, err := d.Read(1)
		if want := fmt.Sprintf("line %d", i); err != nil || !slices.Equal(got, []string{want}) {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
}

// content is the lines of all objects of a directory.
func content(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filesystem.For(dir)
	must(t, err)
	if _, err := files.Stat(t.Context(), dir); err != nil { // nothing is written yet
		return nil
	}
	lines, err := read(t, file.Lines(dir, file.Recursive()))
	must(t, err)
	return lines
}

func TestSink(t *testing.T) {
	s := newStore(t)
	s.env(t)
	for name, tc := range map[string]struct {
		enc     file.Encoder[string]
		compact *file.Compaction
	}{
		"lines":  {file.EncodeLines(text), nil},
		"gzip":   {file.Gzip(file.EncodeLines(text)), nil},
		"merged": {file.EncodeLines(text), &file.Compaction{Bytes: 60}},
	} {
		t.Run(name, func(t *testing.T) {
			connecttest.Sink(t, func(t *testing.T) connecttest.SinkTarget[string] {
				dir := s.dir(t)
				return connecttest.SinkTarget[string]{
					Sink:    file.Sink(dir, tc.enc, file.SinkOptions[string]{PartBytes: 40, Compact: tc.compact}),
					Visible: func() []string { return content(t, dir) },
				}
			}, connecttest.SinkOptions[string]{Record: func(n int) string { return fmt.Sprint("record ", n) }, Seeds: 6})
		})
	}
	if left := s.uploading(t); left != nil {
		t.Errorf("uploads of %q are left", left)
	}
}

// run is a sink of one subtask, which is stopped at any request.
type run struct {
	sink      connect.Sink[string]
	attempt   int
	state     []byte   // of the last complete checkpoint
	prepared  [][]byte // what that had prepared
	committed int      // records of it
}

const runRecords = 6

// open makes the writer and the committer of the next attempt.
func (r *run) open(ctx context.Context) (connect.Writer[string], connect.Committer, error) {
	r.attempt++
	wc := connect.WriterContext{
		Context: ctx, Parallelism: 1, Attempt: r.attempt, Metrics: &metric.Group{},
		Now: func() time.Time { return time.Unix(1_700_000_000, 0) }, WakeAt: func(time.Time) {},
	}
	var states [][]byte
	if r.state != nil {
		states = [][]byte{r.state}
	}
	w, err := r.sink.Writer(wc, states)
	if err != nil {
		return nil, nil, err
	}
	c, err := r.sink.(connect.TwoPhase).Committer(wc)
	return w, c, err
}

// try writes and takes checkpoints until all records are committed, or an error stops it. What it leaves is
// what a process leaves that dies.
func (r *run) try(t *testing.T) (err error) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w, committer, err := r.open(ctx)
	if err != nil {
		return err
	}
	if err := committer.Commit(r.prepared); err != nil {
		return err
	}
	for n := r.committed; n < runRecords; {
		for range 3 {
			if err := w.Write([]string{fmt.Sprintf("record %d of the run", n)}, []int64{math.MinInt64}); err != nil {
				return err
			}
			n++
		}
		if err := w.Flush(n == runRecords); err != nil {
			return err
		}
		items, err := w.(connect.Preparer).Prepare(1)
		if err != nil {
			return err
		}
		state, err := w.Snapshot()
		if err != nil {
			return err
		}
		r.state, r.prepared, r.committed = state, items, n // the checkpoint is complete
		if err := committer.Commit(items); err != nil {
			return err
		}
	}
	return w.Close()
}

// TestDiesAtEachRequest has each request be the last one of its process: before it has an effect, and after.
func TestDiesAtEachRequest(t *testing.T) {
	s := newStore(t)
	s.env(t)
	small, err := filesystem.For("s3://bucket/")
	must(t, err)
	files := small.(*system)
	files.bucket = s.open(t).(*system).bucket // tries once
	for _, tc := range []struct {
		kind      string
		o         file.SinkOptions[string]
		partBytes int
	}{
		{"several parts of one object", file.SinkOptions[string]{}, 10},
		{"a part and a tail", file.SinkOptions[string]{}, 80},
		{"objects that end in the middle", file.SinkOptions[string]{PartBytes: 40}, 30},
		{"objects without an upload", file.SinkOptions[string]{PartBytes: 20}, 1000},
	} {
		files.partBytes, files.smallBytes = tc.partBytes, tc.partBytes-1
		request := 0
		for alive := false; !alive; {
			if request++; request > 100 {
				t.Fatalf("%s: there is no end of requests", tc.kind)
			}
			for _, effect := range []bool{false, true} {
				if alive = s.dies(t, tc.o, request, effect); t.Failed() {
					t.Fatalf("%s: request %d was the last, with an effect: %v", tc.kind, request, effect)
				}
			}
		}
		if request < 5 {
			t.Errorf("%s: there were %d requests only", tc.kind, request)
		}
	}
}

// dies has one request be the last of a run, and the next attempt do the rest. It reports whether the run ended before.
func (s *store) dies(t *testing.T, o file.SinkOptions[string], request int, effect bool) (alive bool) {
	t.Helper()
	dir := s.dir(t)
	var requests atomic.Int64
	var dead atomic.Bool
	s.hook(func(w http.ResponseWriter, r *http.Request) bool {
		n := requests.Add(1)
		r.Header.Set("Number", fmt.Sprint(n))
		if n == int64(request) && !effect {
			dead.Store(true)
		}
		return dead.Load() && answer(w, http.StatusBadRequest, "Dead")
	}, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Number") == fmt.Sprint(request) {
			dead.Store(true)
		}
		return dead.Load() && answer(w, http.StatusBadRequest, "Dead")
	})
	r := run{sink: file.Sink(dir, file.EncodeLines(text), o)}
	err := r.try(t)
	s.hook(nil, nil)
	if (err != nil) != dead.Load() {
		t.Errorf("the run ended with the error %v", err)
	}
	begun := r.state != nil
	for range 2 { // and once more, as if the end had not been noted
		must(t, r.try(t))
	}
	var want []string
	for n := range runRecords {
		want = append(want, fmt.Sprintf("record %d of the run", n))
	}
	if got := content(t, dir); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("the objects have %q", got)
	}
	if left := s.uploading(t); begun && left != nil {
		t.Errorf("uploads of %q are left", left)
	}
	must(t, s.open(t).(*system).AbortUploads(t.Context(), dir, func(string) bool { return true }))
	return !dead.Load()
}

// TestMerging merges files that are uploads, and files that are written with one request.
func TestMerging(t *testing.T) {
	s := newStore(t)
	s.env(t)
	opened, err := filesystem.For("s3://bucket/")
	must(t, err)
	files := opened.(*system)
	files.bucket = s.open(t).(*system).bucket // tries once
	for _, tc := range []struct {
		format    format.Factory
		partBytes int
	}{{json.Factory, 10_000}, {json.Factory, 20}, {parquet.Factory, 100}} {
		files.partBytes, files.smallBytes = tc.partBytes, tc.partBytes-1
		t.Run(fmt.Sprint(tc.format.Name, " ", tc.partBytes), func(t *testing.T) {
			connecttest.Merging(t, connecttest.FileSystemOptions{
				Open: func(*testing.T) filesystem.FileSystem { return files }, Dir: s.dir,
			}, connecttest.MergingTable(t, file.Table, tc.format))
		})
	}
	files.partBytes, files.smallBytes = 20, 19
	t.Run("in Go", func(t *testing.T) {
		type record = connecttest.MergedRecord
		connecttest.Merging(t, connecttest.FileSystemOptions{
			Open: func(*testing.T) filesystem.FileSystem { return files }, Dir: s.dir,
		}, connecttest.MergingTarget{
			Sink: func(dir string, bytes int64) connect.Sink[record] {
				return file.Sink(dir, file.EncodeJSON[record](), file.SinkOptions[record]{
					Bucket:  func(v *record, _ time.Time) string { return fmt.Sprint("p=", v.P) },
					Compact: &file.Compaction{Bytes: bytes, Parallelism: 1}, PartitionCommit: &file.PartitionCommit{},
				})
			},
			Visible: func(dir string) (records []record) {
				for _, line := range content(t, dir) {
					var r record
					must(t, encoding.Unmarshal([]byte(line), &r))
					records = append(records, r)
				}
				return records
			},
		})
	})
	if left := s.uploading(t); left != nil {
		t.Errorf("uploads of %q are left", left)
	}
}

// TestFilesEndTogether has the last parts of several files be on their way at the same time, and so their completions.
func TestFilesEndTogether(t *testing.T) {
	const together = 5
	s := newStore(t)
	s.env(t)
	var mu sync.Mutex
	arrived := map[string]int{}
	full := map[string]chan struct{}{http.MethodPut: make(chan struct{}), http.MethodPost: make(chan struct{})}
	s.hook(func(w http.ResponseWriter, r *http.Request) bool {
		if !r.URL.Query().Has("uploadId") {
			return false
		}
		mu.Lock()
		if arrived[r.Method]++; arrived[r.Method] == together {
			close(full[r.Method])
		}
		mu.Unlock()
		select {
		case <-full[r.Method]:
			return false
		case <-time.After(10 * time.Second):
			return answer(w, http.StatusBadRequest, "Alone")
		}
	}, nil)
	dir := s.dir(t)
	long := file.EncodeLines(func(s string) string { return strings.Repeat(s, smallBytes/len(s)+1) })
	r := run{sink: file.Sink(dir, long, file.SinkOptions[string]{Bucket: func(v *string, _ time.Time) string { return *v }})}
	w, c, err := r.open(t.Context())
	must(t, err)
	for i := range together {
		must(t, w.Write([]string{fmt.Sprint("bucket", i)}, []int64{math.MinInt64}))
	}
	must(t, w.Flush(true))
	items, err := w.(connect.Preparer).Prepare(1)
	must(t, err)
	must(t, c.Commit(items))
	if got := content(t, dir); len(got) != together {
		t.Errorf("%d lines are there", len(got))
	}
}

// TestErrorsSayWhatToChange reads and writes where that is not possible.
func TestErrorsSayWhatToChange(t *testing.T) {
	s := newStore(t)
	dir := "s3://bucket/dir"
	away := httptest.NewServer(nil)
	away.Close()
	nobody := &store{Server: away}
	put(t, s.open(t), dir+"/a", []byte("a\n"))
	for _, tc := range []struct {
		name  string
		files filesystem.FileSystem
		want  []string
	}{
		{"credentials", s.with(t, "bucket", "other"), []string{"InvalidAccessKeyId", "see AWS_ACCESS_KEY_ID", "s3://bucket"}},
		{"bucket", s.with(t, "typo", "key"), []string{"there is no bucket typo at " + s.URL, "s3://typo"}},
		{"server", nobody.with(t, "bucket", "key"), []string{away.URL, "AWS_ENDPOINT_URL", "refused"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, root := t.Context(), tc.files.(*system).root
			_, err := tc.files.ReadDir(ctx, root+"/dir")
			wantError(t, err, tc.want...)
			_, err = tc.files.Stat(ctx, root)
			wantError(t, err, tc.want...)
			wantError(t, tc.files.MkdirAll(ctx, root, "dir"), tc.want...)
			wantError(t, tc.files.Commit(ctx, root, []filesystem.Pending{{Name: "a", Bytes: 1, Token: "\x00\x00a"}}), tc.want...)
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the job was cancelled"))
	_, err := s.open(t).ReadDir(ctx, dir)
	wantError(t, err, "list "+dir, "the job was cancelled")
	_, err = newSystem("s3://bucket", blob.S3Options{Endpoint: "minio:9000"})
	wantError(t, err, "AWS_ENDPOINT_URL", "minio:9000")

	gone := []filesystem.Pending{{Name: "b", Bytes: 1, Token: "\x011\x00b"}}
	wantError(t, s.open(t).Commit(t.Context(), dir, gone), dir+"/b", "its upload is gone")
	gone[0].Name = "a"
	wantError(t, s.open(t).Commit(t.Context(), dir, gone), dir+"/a", "another program or job has written")
	for _, p := range []filesystem.Pending{{Name: "a", Token: "\x05"}, {Name: "../a", Token: "\x00\x00"}, {Name: "a", Token: "\x00\x01\x01e"}} {
		wantError(t, s.open(t).Commit(t.Context(), dir, []filesystem.Pending{p}), "in the sink's state is broken")
	}
}

// TestAnswersBreakOff reads on where an answer was cut off, and goes on when the store was away.
func TestAnswersBreakOff(t *testing.T) {
	s := newStore(t)
	path, content := "s3://bucket/dir/a", bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB
	put(t, s.open(t), path, content)
	cut := 0
	s.hook(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || cut == 3 {
			return false
		}
		cut++
		half := httptest.NewRecorder()
		s.uploads.ServeHTTP(half, r)
		maps.Copy(w.Header(), half.Header())
		w.WriteHeader(half.Code)
		_, _ = w.Write(half.Body.Bytes()[:half.Body.Len()/2])
		return refuse(w)
	}, nil)
	f, err := s.open(t).Open(t.Context(), path)
	must(t, err)
	defer f.Close()
	if got, err := io.ReadAll(f); !bytes.Equal(got, content) || err != nil || cut != 3 {
		t.Errorf("%d bytes are read, %v; %d answers were cut off", len(got), err, cut)
	}
	cut = 0
	got := make([]byte, len(content)-10)
	if _, err := f.(io.ReaderAt).ReadAt(got, 10); !bytes.Equal(got, content[10:]) || err != nil || cut != 3 {
		t.Errorf("ReadAt: %v; %d answers were cut off", err, cut)
	}

	s.hook(func(w http.ResponseWriter, _ *http.Request) bool {
		return answer(w, http.StatusServiceUnavailable, "SlowDown")
	}, nil)
	w, err := s.short(t).Create(t.Context(), "s3://bucket/dir", "b", "")
	must(t, err)
	_, err = w.Write(content)
	wantError(t, err, "s3://bucket/dir/b", "SlowDown")
	s.hook(nil, nil)
	_, err = w.Write([]byte("y"))
	must(t, err)
	must(t, w.Abort())

	// What is read is of one version.
	put(t, s.open(t), "s3://bucket/dir/c", content)
	f, err = s.open(t).Open(t.Context(), "s3://bucket/dir/c")
	must(t, err)
	must(t, s.open(t).Remove(t.Context(), "s3://bucket/dir/c"))
	put(t, s.open(t), "s3://bucket/dir/c", []byte("other"))
	_, err = f.Read(got)
	wantError(t, err, "s3://bucket/dir/c", "it was replaced while it was read")
}

func FuzzToken(f *testing.F) {
	f.Add((&token{upload: "1", etags: []string{"a", "b"}, tail: []byte("tail")}).encode())
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := decodeToken(text)
		if err != nil {
			return
		}
		if b, err := decodeToken(a.encode()); err != nil || b.encode() != a.encode() {
			t.Errorf("%+v, then %+v, %v", a, b, err)
		}
	})
}
