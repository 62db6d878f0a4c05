package dir_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/ha/dir"
	"github.com/flott-dev/flott/internal/ha/hatest"
)

// childVariable makes the test binary a child that leads in the directory it names.
const childVariable = "FLOTT_TEST_HA_DIR"

func TestMain(m *testing.M) {
	if d := os.Getenv(childVariable); d != "" {
		s, err := dir.Open(dir.Options{Dir: d, Poll: poll})
		if err != nil {
			panic(err)
		}
		hatest.ChildMain(s)
	}
	goleak.VerifyTestMain(m)
}

const poll = time.Millisecond

func open(t testing.TB, d string) *dir.Store {
	t.Helper()
	s, err := dir.Open(dir.Options{Dir: d, Poll: poll})
	hatest.Check(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func world(t *testing.T) hatest.World {
	d := filepath.Join(t.TempDir(), "ha", "of this")
	return hatest.World{
		Open: func(t testing.TB) ha.Store { return open(t, d) },
		// As on a file system whose server has forgotten the lock.
		Depose: func(t testing.TB, _ ha.Leadership) { hatest.Check(t, os.Remove(filepath.Join(d, "lock"))) },
	}
}

func TestStore(t *testing.T) { hatest.Run(t, world) }

// TestBlind: nothing depends on how soon a leader learns that it is deposed.
func TestBlind(t *testing.T) {
	hatest.Run(t, func(t *testing.T) hatest.World {
		w := world(t)
		w.Open = blind(w.Open)
		return w
	})
}

func blind(open func(testing.TB) ha.Store) func(testing.TB) ha.Store {
	return func(t testing.TB) ha.Store {
		s := open(t)
		s.(*dir.Store).Blind()
		return s
	}
}

// paused makes the next write of a store stop before its lock is taken, or while it is held, until it is
// told to go on.
func paused(s *dir.Store, locked bool) (reached <-chan struct{}, goOn func()) {
	r, g := make(chan struct{}), make(chan struct{})
	s.At(func(l bool) {
		if l == locked {
			s.At(func(bool) {})
			close(r)
			<-g
		}
	})
	return r, func() { close(g) }
}

// TestPausedBeforeLock: a leader that was stopped after it looked whether it leads writes nothing when another
// one leads meanwhile.
func TestPausedBeforeLock(t *testing.T) {
	ctx := hatest.Context(t)
	w := world(t)
	one, two := blind(w.Open)(t), w.Open(t)
	first := hatest.Lead(t, one, "one")
	v, err := first.Put(ctx, "a", []byte("x"))
	hatest.Check(t, err)
	reached, goOn := paused(one.(*dir.Store), false)
	written := make(chan error)
	go func() {
		_, err := first.Swap(ctx, "a", v, []byte("late"))
		written <- err
	}()
	<-reached
	w.Depose(t, first)
	second := hatest.Lead(t, two, "two")
	hatest.WantRecord(t, second, "a", "x", v)
	goOn()
	hatest.Want(t, <-written, ha.ErrDeposed)
	hatest.WantRecord(t, second, "a", "x", v)
}

// TestPausedUnderLock: nobody leads while a leader is stopped between its check and its write.
func TestPausedUnderLock(t *testing.T) {
	ctx := hatest.Context(t)
	w := world(t)
	one, two := blind(w.Open)(t), w.Open(t)
	first := hatest.Lead(t, one, "one")
	reached, goOn := paused(one.(*dir.Store), true)
	written := make(chan error)
	go func() {
		_, err := first.Put(ctx, "a", []byte("in time"))
		written <- err
	}()
	<-reached
	w.Depose(t, first)
	waits, begin := paused(two.(*dir.Store), false)
	seen := make(chan error)
	go func() {
		second, err := two.Campaign(ctx, ha.Contender{Name: "two"})
		if err == nil {
			_, err = second.Get(ctx, "a")
		}
		seen <- err
	}()
	<-waits
	begin()
	goOn()
	hatest.Check(t, <-written)
	hatest.Check(t, <-seen)
}

// TestKilledLeaders: SIGKILL at random instants.
func TestKilledLeaders(t *testing.T) {
	d := t.TempDir()
	s := open(t, d)
	kills := 40
	if testing.Short() {
		kills = 10
	}
	hatest.Kill(t, s, kills, childVariable+"="+d)
	for _, sub := range []string{"", "records"} {
		list, err := os.ReadDir(filepath.Join(d, sub))
		hatest.Check(t, err)
		for _, e := range list {
			if strings.HasPrefix(e.Name(), ".") {
				t.Errorf("%s is left behind", e.Name())
			}
		}
	}
}

// TestStandby: who waits leads as soon as the leader's process is gone, and not while it is stopped.
func TestStandby(t *testing.T) {
	d := t.TempDir()
	first := hatest.StartChild(t, childVariable+"="+d)
	if line := first.Line(t); line != "leads 1" {
		t.Fatal(line)
	}
	second := hatest.StartChild(t, childVariable+"="+d)
	s := open(t, d)
	hatest.Check(t, first.Process.Signal(syscall.SIGSTOP))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	_, err := s.Campaign(ctx, ha.Contender{Name: "third"})
	cancel()
	want := fmt.Sprintf("child at process:%d (process %d on ", first.Process.Pid, first.Process.Pid)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) ||
		!strings.Contains(err.Error(), "leads in epoch 1") || !strings.Contains(err.Error(), d) {
		t.Errorf("the error is %v, want %s", err, want)
	}
	first.Kill()
	if line := second.Line(t); line != "leads 2" {
		t.Fatal(line)
	}
	second.Kill()
	if l := hatest.Lead(t, s, "third"); l.Leader().Epoch != 3 {
		t.Errorf("%v leads", l.Leader())
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("the error is %v, want %s", err, p)
		}
	}
}

func TestErrors(t *testing.T) {
	ctx := t.Context()
	if _, err := dir.Open(dir.Options{}); err == nil {
		t.Error("there is a store without a directory")
	}
	d := t.TempDir()
	file := filepath.Join(d, "file")
	hatest.Check(t, os.WriteFile(file, nil, 0o600))
	_, err := open(t, filepath.Join(file, "ha")).Campaign(ctx, ha.Contender{Name: "one"})
	wantError(t, err, "campaign one in "+filepath.Join(file, "ha"), "not a directory")

	s := open(t, d)
	l := hatest.Lead(t, s, "one")
	_, err = l.Put(ctx, "a/b", []byte("value"))
	hatest.Check(t, err)
	record := filepath.Join(d, "records", "a+b")
	data, err := os.ReadFile(record)
	hatest.Check(t, err)
	for i := range data {
		damaged := append([]byte(nil), data...)
		damaged[i] ^= 1
		hatest.Check(t, os.WriteFile(record, damaged, 0o600))
		_, err = s.Get(ctx, "a/b")
		wantError(t, err, "read a/b in "+d, record+" is damaged")
	}
	for i := range len(data) {
		hatest.Check(t, os.WriteFile(record, data[:i], 0o600))
		if _, err = s.Get(ctx, "a/b"); err == nil {
			t.Errorf("%d bytes are a record", i)
		}
	}
	hatest.Check(t, os.WriteFile(record, data, 0o600))

	leader := filepath.Join(d, "leader")
	was, err := os.ReadFile(leader)
	hatest.Check(t, err)
	hatest.Check(t, l.Resign(ctx))
	for _, text := range []string{"", "{", "{}", "null"} {
		hatest.Check(t, os.WriteFile(leader, []byte(text), 0o600))
		_, err = s.Campaign(ctx, ha.Contender{Name: "two"})
		wantError(t, err, leader+" is damaged", "restore it, or use an empty directory")
		wantError(t, s.Watch(ctx, func(ha.Leader) {}), leader+" is damaged")
	}
	hatest.Check(t, os.WriteFile(leader, was, 0o600))
	if l = hatest.Lead(t, s, "two"); l.Leader().Epoch != 2 {
		t.Errorf("%v leads", l.Leader())
	}
}

func BenchmarkStore(b *testing.B) {
	d := b.TempDir()
	hatest.Bench(b, func(t testing.TB) ha.Store {
		s, err := dir.Open(dir.Options{Dir: d})
		hatest.Check(t, err)
		t.Cleanup(func() { s.Close() })
		return s
	})
}
