package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

func openArtifacts(t *testing.T, dir string, sizeMax int64, c clock.Clock) *Artifacts {
	t.Helper()
	a, err := OpenArtifacts(dir, sizeMax, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func hashOf(t testing.TB, content string) Hash {
	t.Helper()
	h, err := HashOf(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func put(t *testing.T, a *Artifacts, content string) *Artifact {
	t.Helper()
	f, err := a.Put(hashOf(t, content), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func filesIn(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestArtifact(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "artifacts")
	a := openArtifacts(t, dir, 0, clock.System{})
	content := "#!/bin/sh\necho run\n"
	h := hashOf(t, content)
	if _, err := a.Get(h); !errors.Is(err, ErrNoArtifact) {
		t.Errorf("got what was not put: %v", err)
	}
	f := put(t, a, content)
	if out, err := exec.Command(f.Path).CombinedOutput(); err != nil || string(out) != "run\n" {
		t.Errorf("%s, %v", out, err)
	}
	again, err := a.Put(h, iotest.ErrReader(errors.New("was read")))
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	got, err := a.Get(h)
	if err != nil || got.Path != f.Path {
		t.Errorf("got %v, %v; want %s", got, err, f.Path)
	}
	got.Close()
	if parsed, err := ParseHash(h.String()); err != nil || parsed != h {
		t.Errorf("hash %v, %v", parsed, err)
	}
	for _, text := range []string{"", "ab", h.String() + "00", strings.Repeat("x", 64)} {
		if _, err := ParseHash(text); err == nil {
			t.Errorf("%q is a hash", text)
		}
	}
}

// TestArtifactRefused: content that is not what it should be, or does not come whole, leaves nothing.
func TestArtifactRefused(t *testing.T) {
	dir := t.TempDir()
	a := openArtifacts(t, dir, 0, clock.System{})
	h := hashOf(t, "right")
	_, err := a.Put(h, strings.NewReader("wrong"))
	if err == nil || !strings.Contains(err.Error(), h.String()) || !strings.Contains(err.Error(), hashOf(t, "wrong").String()) {
		t.Errorf("wrong content: %v", err)
	}
	cut := errors.New("connection reset")
	if _, err := a.Put(h, io.MultiReader(strings.NewReader("ri"), iotest.ErrReader(cut))); !errors.Is(err, cut) {
		t.Errorf("cut content: %v", err)
	}
	if n := filesIn(t, dir); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// TestArtifactDamaged: a file that has changed on disk is not given out.
func TestArtifactDamaged(t *testing.T) {
	dir := t.TempDir()
	a := openArtifacts(t, dir, 0, clock.System{})
	f := put(t, a, "content")
	if err := os.Chmod(f.Path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Path, []byte("contend"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := hashOf(t, "content")
	if _, err := a.Get(h); err == nil || !strings.Contains(err.Error(), "damaged, and in use") {
		t.Errorf("got %v", err)
	}
	f.Close()
	if _, err := a.Get(h); !errors.Is(err, ErrNoArtifact) || !strings.Contains(err.Error(), "damaged, and is removed") {
		t.Errorf("got %v", err)
	}
	put(t, a, "content")
}

// TestArtifactEviction: the least recently used go, those in use stay.
func TestArtifactEviction(t *testing.T) {
	dir, now := t.TempDir(), clock.NewManual(time.Unix(1000, 0))
	a := openArtifacts(t, dir, 25, now)
	content := func(n int) string { return fmt.Sprintf("content %02d", n) } // 10 bytes
	there := func() string {
		var all []string
		for n := range 10 {
			if _, err := os.Stat(a.path(hashOf(t, content(n)))); err == nil {
				all = append(all, fmt.Sprint(n))
			}
		}
		return strings.Join(all, " ")
	}
	use := func(n int) *Artifact {
		now.Advance(time.Second)
		return put(t, a, content(n))
	}
	steps := []struct {
		put  int
		keep bool
		want string
	}{
		{0, true, "0"},
		{1, false, "0 1"},
		{2, false, "0 2"},     // 1 is the oldest that is not in use
		{3, false, "0 3"},     // then 2
		{0, false, "0 3"},     // used again
		{4, true, "0 4"},      //
		{5, true, "0 4 5"},    // all in use
		{6, false, "0 4 5 6"}, // also the new one, while it is put
		{7, false, "0 4 5 7"}, //
	}
	for _, s := range steps {
		f := use(s.put)
		if !s.keep {
			f.Close()
		}
		if got := there(); got != s.want {
			t.Errorf("after %d: %s, want %s", s.put, got, s.want)
		}
	}
}

// TestArtifactAborted: what a dead process has left is removed, what one is writing is not.
func TestArtifactAborted(t *testing.T) {
	dir := t.TempDir()
	a := openArtifacts(t, dir, 0, clock.System{})
	if err := os.WriteFile(filepath.Join(dir, "dead"+partSuffix), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		f, err := a.Put(hashOf(t, "slow"), r)
		if err == nil {
			err = f.Close()
		}
		done <- err
	}()
	if _, err := w.Write([]byte("sl")); err != nil { // the file is there when this is read
		t.Fatal(err)
	}
	openArtifacts(t, dir, 0, clock.System{})
	if n := filesIn(t, dir); n != 1 {
		t.Errorf("%d files, want that which is being written", n)
	}
	if _, err := w.Write([]byte("ow")); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := filesIn(t, dir); n != 1 {
		t.Errorf("%d files, want 1", n)
	}
}

// TestArtifactsAtOnce: several put, get and execute the same files and others at once, in a directory with
// room for two, over two openings as of two processes.
func TestArtifactsAtOnce(t *testing.T) {
	program, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	const puts, workers = 40, 8
	var all sync.WaitGroup
	for worker := range workers {
		a := openArtifacts(t, dir, int64(2*len(program)+2*workers), clock.System{})
		all.Go(func() {
			for n := range puts {
				content := append(bytes.Clone(program), byte(n)) // an executable ends where its header says
				if worker%2 == 0 {
					content = append(content, byte(worker))
				}
				h, err := HashOf(bytes.NewReader(content))
				if err != nil {
					t.Error(err)
					return
				}
				f, err := a.Put(h, bytes.NewReader(content))
				if err != nil {
					t.Error(err)
					return
				}
				if err := exec.Command(f.Path).Run(); err != nil {
					t.Error(err)
				}
				f.Close()
			}
		})
	}
	all.Wait()
	last := put(t, openArtifacts(t, dir, int64(2*len(program)), clock.System{}), "last")
	if n := filesIn(t, dir); n > 2 {
		t.Errorf("%d files are left, besides %s", n, last.Path)
	}
}

func TestArtifactsOfStrangers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o775); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenArtifacts(dir, 0, clock.System{}); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Error(err)
	}
}
