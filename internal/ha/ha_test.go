package ha_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/ha/hatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handle is one process's view of a Memory: Close ends only what was won by it.
type handle struct {
	ha.Store
	ctx   context.Context
	close context.CancelCauseFunc
}

func (h *handle) Campaign(ctx context.Context, c ha.Contender) (ha.Leadership, error) {
	if h.ctx.Err() != nil {
		return nil, context.Cause(h.ctx)
	}
	l, err := h.Store.Campaign(ctx, c)
	if err == nil {
		context.AfterFunc(h.ctx, func() { l.(interface{ Lose(error) }).Lose(ha.ErrClosed); _ = l.Resign(ctx) })
	}
	return l, err
}

func (h *handle) Close() error {
	h.close(ha.ErrClosed)
	return nil
}

func memoryWorld(t *testing.T) hatest.World {
	m := ha.NewMemory()
	t.Cleanup(func() { m.Close() })
	return hatest.World{
		Open: func(t testing.TB) ha.Store {
			h := &handle{Store: m}
			h.ctx, h.close = context.WithCancelCause(t.Context())
			return h
		},
		Depose: func(testing.TB, ha.Leadership) { m.Depose() },
	}
}

func TestMemory(t *testing.T) { hatest.Run(t, memoryWorld) }

// largeWorld has a Large in a store that is not asked to take large values.
func largeWorld(t *testing.T) hatest.World {
	w := memoryWorld(t)
	blobs := blob.NewMemory(blob.MemoryOptions{})
	open := w.Open
	w.Open = func(t testing.TB) ha.Store { return &ha.Large{Store: small{t, open(t)}, Blobs: blobs, InlineMax: 100} }
	return w
}

type small struct {
	t testing.TB
	ha.Store
}

type smallTerm struct {
	t testing.TB
	ha.Leadership
}

func (s small) Campaign(ctx context.Context, c ha.Contender) (ha.Leadership, error) {
	l, err := s.Store.Campaign(ctx, c)
	if err != nil {
		return nil, err
	}
	return smallTerm{s.t, l}, nil
}

func (s smallTerm) check(value []byte) {
	if len(value) > 300 {
		s.t.Errorf("a value has %d bytes", len(value))
	}
}

func (s smallTerm) Put(ctx context.Context, key string, value []byte) (ha.Version, error) {
	s.check(value)
	return s.Leadership.Put(ctx, key, value)
}

func (s smallTerm) Swap(ctx context.Context, key string, v ha.Version, value []byte) (ha.Version, error) {
	s.check(value)
	return s.Leadership.Swap(ctx, key, v, value)
}

func TestLarge(t *testing.T) { hatest.Run(t, largeWorld) }

// TestLargeLeavesNothing: objects are there as long as a record names them; Sweep takes what was left.
func TestLargeLeavesNothing(t *testing.T) {
	ctx := t.Context()
	m := ha.NewMemory()
	defer m.Close()
	mem := blob.NewMemory(blob.MemoryOptions{})
	broken := ""
	blobs := &blob.Faulty{Store: mem, Hook: func(op blob.Op, name string, after bool) error {
		if string(op) == broken && !after {
			return errors.New("out of order")
		}
		return nil
	}}
	s := &ha.Large{Store: m, Blobs: blobs, InlineMax: 10}
	objects := func(want ...string) {
		t.Helper()
		list, err := mem.List(ctx, "")
		hatest.Check(t, err)
		var names []string
		for _, i := range list {
			names = append(names, i.Name)
		}
		if strings.Join(names, " ") != strings.Join(want, " ") {
			t.Errorf("there are %v, want %v", names, want)
		}
	}
	text := func(c string) []byte { return []byte(strings.Repeat(c, 100)) }
	l := hatest.Lead(t, s, "one")
	v, err := l.Put(ctx, "a", text("a"))
	hatest.Check(t, err)
	_, err = l.Put(ctx, "a", text("b"))
	hatest.Want(t, err, ha.ErrExists)
	_, err = l.Swap(ctx, "a", "none", text("b"))
	hatest.Want(t, err, ha.ErrConflict)
	objects("a-1-1")
	v, err = l.Swap(ctx, "a", v, text("c"))
	hatest.Check(t, err)
	objects("a-1-4")
	small, err := l.Swap(ctx, "a", v, []byte("c"))
	hatest.Check(t, err)
	objects()
	v, err = l.Swap(ctx, "a", small, text("d"))
	hatest.Check(t, err)
	objects("a-1-5")

	broken = string(blob.Deleting)
	v, err = l.Swap(ctx, "a", v, text("e"))
	hatest.Check(t, err)
	_, err = l.Put(ctx, "b/c", text("f"))
	hatest.Check(t, err)
	objects("a-1-5", "a-1-6", "b/c-1-7")
	hatest.Check(t, l.Resign(ctx))
	_, err = l.Swap(ctx, "a", v, text("z"))
	hatest.Want(t, err, ha.ErrDeposed)
	objects("a-1-5", "a-1-6", "a-1-8", "b/c-1-7")
	broken = ""
	next := hatest.Lead(t, s, "two")
	_, err = next.Put(ctx, "d", text("g"))
	hatest.Check(t, err)
	hatest.Check(t, blob.Put(ctx, mem, "other", nil)) // not of a record
	hatest.Check(t, next.(ha.Sweeper).Sweep(ctx))
	objects("a-1-6", "b/c-1-7", "d-2-1", "other")
	hatest.WantRecord(t, s, "a", string(text("e")), v)
	hatest.Check(t, next.Delete(ctx, "a", v))
	objects("b/c-1-7", "d-2-1", "other")
}

// TestLargeDamaged: what is wrong with an object is said.
func TestLargeDamaged(t *testing.T) {
	ctx := t.Context()
	m := ha.NewMemory()
	defer m.Close()
	root := t.TempDir()
	s := &ha.Large{Store: m, Blobs: blob.NewDir(root), InlineMax: 10}
	l := hatest.Lead(t, s, "one")
	v, err := l.Put(ctx, "a", []byte(strings.Repeat("a", 100)))
	hatest.Check(t, err)
	file := filepath.Join(root, "a-1-1")
	hatest.Check(t, os.WriteFile(file, []byte(strings.Repeat("b", 100)), 0o600))
	if _, err = s.Get(ctx, "a"); err == nil || !strings.Contains(err.Error(), file+" is damaged: its checksum is wrong") {
		t.Errorf("the error is %v", err)
	}
	hatest.Check(t, os.Remove(file))
	_, err = s.Get(ctx, "a")
	if errors.Is(err, ha.ErrNotFound) || err == nil || !strings.Contains(err.Error(), file+" is missing") {
		t.Errorf("the error is %v", err)
	}
	v, err = l.Swap(ctx, "a", v, []byte("new"))
	hatest.Check(t, err)
	hatest.WantRecord(t, s, "a", "new", v)
}
