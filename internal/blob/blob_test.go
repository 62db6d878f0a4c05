package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/blob"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newS3(t *testing.T) blob.Store {
	t.Helper()
	fake := gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithAutoBucket(true))
	server := httptest.NewServer(fake.Server())
	t.Cleanup(server.Close)
	s, err := blob.NewS3(t.Context(), blob.S3Options{
		Bucket: "state", Prefix: "flott/jobs", Endpoint: server.URL, Region: "us-east-1",
		AccessKey: "key", SecretKey: "secret", PartBytes: 5 << 20, Retries: 1,
		Transport: server.Client().Transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// each runs a test against every implementation, and through a Sub and a Faulty.
func each(t *testing.T, test func(t *testing.T, s blob.Store)) {
	kinds := map[string]func(t *testing.T) blob.Store{
		"memory": func(*testing.T) blob.Store {
			return blob.NewMemory(blob.MemoryOptions{ObjectMax: 64 << 20})
		},
		"dir": func(t *testing.T) blob.Store { return blob.NewDir(filepath.Join(t.TempDir(), "a", "b")) },
		"s3":  newS3,
		"sub": func(t *testing.T) blob.Store { return blob.Sub(blob.NewDir(t.TempDir()), "x/y") },
		"faulty": func(*testing.T) blob.Store {
			return &blob.Faulty{
				Store: blob.NewMemory(blob.MemoryOptions{ObjectMax: 64 << 20}),
				Hook:  func(blob.Op, string, bool) error { return nil },
			}
		},
	}
	for name, open := range kinds {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func names(t *testing.T, s blob.Store, prefix string) string {
	t.Helper()
	list, err := s.List(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range list {
		out = append(out, fmt.Sprintf("%s:%d", i.Name, i.Size))
	}
	return strings.Join(out, " ")
}

func wantErr(t *testing.T, err, want error, name string) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(fmt.Sprint(err), name) {
		t.Errorf("got error %v, want %v naming %q", err, want, name)
	}
}

func TestObjects(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		ctx := t.Context()
		if got := names(t, s, ""); got != "" {
			t.Errorf("an empty store has %s", got)
		}
		_, err := s.Get(ctx, "a/one")
		wantErr(t, err, blob.ErrNotFound, "a/one")
		_, err = s.Stat(ctx, "a/one")
		wantErr(t, err, blob.ErrNotFound, "a/one")
		wantErr(t, s.ReadAt(ctx, "a/one", make([]byte, 1), 0), blob.ErrNotFound, "a/one")
		if err := s.Delete(ctx, "a/one"); err != nil {
			t.Errorf("delete what is not there: %v", err)
		}
		for name, text := range map[string]string{
			"a/one": "hello", "a/two": "", "ab": "x", "b/c/d e=1": "deep",
		} {
			if err := blob.Put(ctx, s, name, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		wantErr(t, blob.Put(ctx, s, "a/one", []byte("other")), blob.ErrExists, "a/one")
		if got, err := s.Get(ctx, "a/one"); string(got) != "hello" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if n, err := s.Stat(ctx, "a/one"); n != 5 || err != nil {
			t.Errorf("size %d, %v", n, err)
		}
		p := make([]byte, 3)
		if err := s.ReadAt(ctx, "a/one", p, 1); string(p) != "ell" || err != nil {
			t.Errorf("got %q, %v", p, err)
		}
		for _, offset := range []int64{3, 5, 9} {
			wantErr(t, s.ReadAt(ctx, "a/one", p, offset), io.ErrUnexpectedEOF, "a/one")
		}
		if got, want := names(t, s, ""), "a/one:5 a/two:0 ab:1 b/c/d e=1:4"; got != want {
			t.Errorf("all: %s, want %s", got, want)
		}
		for prefix, want := range map[string]string{
			"a": "a/one:5 a/two:0 ab:1", "a/": "a/one:5 a/two:0", "a/t": "a/two:0",
			"b/c/": "b/c/d e=1:4", "zz/z": "",
		} {
			if got := names(t, s, prefix); got != want {
				t.Errorf("below %q: %s, want %s", prefix, got, want)
			}
		}
		for range 2 {
			if err := s.Delete(ctx, "b/c/d e=1"); err != nil {
				t.Error(err)
			}
		}
		if got := names(t, s, "b"); got != "" {
			t.Errorf("after delete: %s", got)
		}
		for _, bad := range []string{"", "/a", "a/", "a//b", "../a", "a/.hidden", "a\x00", `a\b`} {
			if err := blob.Put(ctx, s, bad, nil); err == nil {
				t.Errorf("name %q is accepted", bad)
			}
		}
	})
}

func TestWriterIsAtomic(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		ctx := t.Context()
		piece := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
		for _, end := range []string{"abort", "crash", "commit"} {
			w, err := s.Create(ctx, "big")
			if err != nil {
				t.Fatal(err)
			}
			for range 12 {
				if n, err := w.Write(piece); n != len(piece) || err != nil {
					t.Fatal(n, err)
				}
			}
			if got := names(t, s, ""); got != "" {
				t.Errorf("before %s: %s", end, got)
			}
			switch end {
			case "abort":
				w.Abort()
			case "commit":
				if err := w.Commit(); err != nil {
					t.Fatal(err)
				}
				w.Abort()
			}
		}
		got, err := s.Get(ctx, "big")
		if err != nil || !bytes.Equal(got, bytes.Repeat(piece, 12)) {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
		if c, ok := s.(blob.Cleaner); ok {
			var seen []string
			for _, remove := range []bool{false, true, true} {
				err := c.Clean(ctx, "", func(name string) bool {
					seen = append(seen, name)
					return remove
				})
				if err != nil {
					t.Error(err)
				}
			}
			if _, memory := s.(*blob.Faulty); !memory && !slices.Equal(seen, []string{"big", "big"}) {
				t.Errorf("cleaned %q, want the crashed object seen twice", seen)
			}
		}
		if got := names(t, s, ""); got != fmt.Sprintf("big:%d", 12<<20) {
			t.Errorf("in the end: %s", got)
		}
	})
}

func TestCreateOnceAmongMany(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		var won atomic.Int32
		var winner atomic.Value
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				data := fmt.Sprint("written by ", i)
				err := blob.Put(t.Context(), s, "one/manifest", []byte(data))
				switch {
				case err == nil:
					won.Add(1)
					winner.Store(data)
				case !errors.Is(err, blob.ErrExists):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got, err := s.Get(t.Context(), "one/manifest")
		if won.Load() != 1 || string(got) != winner.Load() || err != nil {
			t.Errorf("%d won, the object is %q, %v", won.Load(), got, err)
		}
	})
}

func TestSwap(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		ctx := t.Context()
		wantErr(t, s.Swap(ctx, "p/pointer", []byte("x"), []byte("y")), blob.ErrConflict, "pointer")
		if err := s.Swap(ctx, "p/pointer", nil, []byte("0")); err != nil {
			t.Fatal(err)
		}
		wantErr(t, s.Swap(ctx, "p/pointer", nil, []byte("1")), blob.ErrConflict, "pointer")
		wantErr(t, s.Swap(ctx, "p/pointer", []byte("x"), []byte("1")), blob.ErrConflict, "pointer")
		const rounds, swappers = 5, 4
		var wg sync.WaitGroup
		for range swappers {
			wg.Go(func() { // each counts to rounds, so that a lost swap makes the sum too small
				for done := 0; done < rounds; {
					old, err := s.Get(ctx, "p/pointer")
					if err != nil {
						t.Error(err)
						return
					}
					var n int
					fmt.Sscan(string(old), &n)
					err = s.Swap(ctx, "p/pointer", old, []byte(fmt.Sprint(n+1)))
					if err == nil {
						done++
					} else if !errors.Is(err, blob.ErrConflict) {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		got, err := s.Get(ctx, "p/pointer")
		if string(got) != fmt.Sprint(rounds*swappers) || err != nil {
			t.Errorf("got %s, %v", got, err)
		}
		if got := names(t, s, ""); got != "p/pointer:2" {
			t.Errorf("left: %s", got)
		}
	})
}

func TestContext(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		ctx, cancel := context.WithCancelCause(t.Context())
		w, err := s.Create(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		cancel(errors.New("the job was cancelled"))
		if w.Commit() == nil {
			t.Error("commit is not cancelled")
		}
		if _, err := s.Get(ctx, "a"); err == nil || errors.Is(err, blob.ErrNotFound) {
			t.Errorf("get: %v", err)
		}
		if _, err := s.List(ctx, ""); err == nil {
			t.Error("list is not cancelled")
		}
		if s.Swap(ctx, "p", nil, nil) == nil {
			t.Error("swap is not cancelled")
		}
		if got := names(t, s, ""); got != "" {
			t.Errorf("left: %s", got)
		}
	})
}

func TestMemoryLimits(t *testing.T) {
	m := blob.NewMemory(blob.MemoryOptions{ObjectMax: 10, TotalMax: 15})
	err := blob.Put(t.Context(), m, "part", make([]byte, 11))
	wantErr(t, err, blob.ErrFull, "part")
	wantErr(t, err, blob.ErrFull, "10 bytes")
	wantErr(t, err, blob.ErrFull, "set a checkpoint directory")
	if err := blob.Put(t.Context(), m, "one", make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	wantErr(t, blob.Put(t.Context(), m, "two", make([]byte, 6)), blob.ErrFull, "15 bytes")
	if err := m.Delete(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if err := blob.Put(t.Context(), m, "two", make([]byte, 6)); err != nil {
		t.Error(err)
	}
}

func TestDirSaysWhenTheDiskIsFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	s := &blob.Faulty{Store: blob.NewDir(t.TempDir()), Hook: func(op blob.Op, _ string, _ bool) error {
		if op != blob.Writing {
			return nil
		}
		return fmt.Errorf("%w: %w", blob.ErrFull, syscall.ENOSPC)
	}}
	err := blob.Put(t.Context(), s, "chk-1/part", []byte("x"))
	wantErr(t, err, blob.ErrFull, "chk-1/part")
	wantErr(t, err, syscall.ENOSPC, "free some space")
}

func TestFaulty(t *testing.T) {
	m := blob.NewMemory(blob.MemoryOptions{})
	boom := errors.New("boom")
	var fail func(op blob.Op, name string, after bool) error
	s := &blob.Faulty{Store: m, Hook: func(op blob.Op, name string, after bool) error {
		return fail(op, name, after)
	}}
	at := func(op blob.Op, after bool, err error) {
		fail = func(o blob.Op, _ string, a bool) error {
			if o == op && a == after {
				return err
			}
			return nil
		}
	}
	at(blob.Committing, false, boom)
	wantErr(t, blob.Put(t.Context(), s, "before", nil), boom, "before")
	at(blob.Committing, true, boom)
	wantErr(t, blob.Put(t.Context(), s, "after", nil), boom, "after")
	at(blob.Committing, false, &blob.Torn{Keep: 2, Err: boom})
	wantErr(t, blob.Put(t.Context(), s, "torn", []byte("1234")), boom, "torn")
	at(blob.Committing, false, &blob.Torn{Keep: 3})
	if err := blob.Put(t.Context(), s, "lost", []byte("1234")); err != nil {
		t.Error(err)
	}
	if got := names(t, m, ""); got != "after:0 lost:3 torn:2" {
		t.Error(got)
	}
	first, second := blob.Rate(7, 10, boom), blob.Rate(7, 10, boom)
	failed := 0
	for range 2000 {
		a, b := first("", "", false), second("", "", false)
		if a != b {
			t.Fatal("one seed, two ways")
		}
		if a != nil {
			failed++
		}
	}
	if failed < 50 || failed > 200 {
		t.Errorf("%d of 2000 failed, want about 100", failed)
	}
}

func TestOpen(t *testing.T) {
	for uri, want := range map[string]string{
		"/a/b/": "file:///a/b", "file:///a/b": "file:///a/b", "memory://": "memory://process",
		"s3://bucket/a/b?region=x": "s3://bucket/a/b", "s3a://bucket": "s3://bucket/",
	} {
		s, err := blob.Open(t.Context(), uri)
		if err != nil || s.URI() != want {
			t.Errorf("open %s: %v, %v", uri, s, err)
		}
	}
	for uri, want := range map[string]string{
		"":                     "write a path",
		"hdfs://host/x":        `scheme "hdfs" is not known; write a path`,
		"file://data/x":        "file:///data/x",
		"s3:///x":              "no name",
		"s3://b?endpoint=xxx":  "not a URL",
		"file:///a%zz":         "file:///a%zz",
		"s3://bucket/%zz/%%..": "s3://bucket",
	} {
		if _, err := blob.Open(t.Context(), uri); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open %q: %v, want %q in it", uri, err, want)
		}
	}
}

// TestSwapAfterCrash: what a process has left that was killed while it swapped a pointer goes with the next swap.
func TestSwapAfterCrash(t *testing.T) {
	root := t.TempDir()
	d := blob.NewDir(root)
	for i, next := range []string{"a", "bb"} {
		if err := os.WriteFile(filepath.Join(root, ".p~"), []byte("what was written until then, and is longer"), 0o644); err != nil {
			t.Fatal(err)
		}
		var old []byte
		if i > 0 {
			old = []byte("a")
		}
		if err := d.Swap(t.Context(), "p", old, []byte(next)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Get(t.Context(), "p"); err != nil || string(got) != next {
			t.Errorf("%q, %v; want %q", got, err, next)
		}
		entries, err := os.ReadDir(root)
		if err != nil || len(entries) != 2 { // p and .lock
			t.Errorf("%v, %v", entries, err)
		}
	}
}
