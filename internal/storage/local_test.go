package storage

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/flott-dev/flott/internal/blob"
)

// TestLocalCopiesAreRead: what this process has written is read without the store, unless the copy is
// damaged or gone; copies go when the checkpoint does.
func TestLocalCopiesAreRead(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	reads := 0
	faulty := &blob.Faulty{
		Store: blob.NewMemory(blob.MemoryOptions{}),
		Hook: func(op blob.Op, _ string, after bool) error {
			if op == blob.Reading && !after {
				reads++
			}
			return nil
		},
	}
	s := New(faulty, "job", Options{})
	s.CopyTo(blob.NewDir(dir))
	if _, err := s.Lead(ctx); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 100<<10)
	rng := rand.NewChaCha8([32]byte{})
	_, _ = rng.Read(data)
	p := writePart(t, s, 1, data)
	load := func(what string, from int) {
		t.Helper()
		reads = 0
		got, err := p.Load()
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%s: %d bytes, %v", what, len(got), err)
		}
		if reads != from {
			t.Errorf("%s: %d reads of the store, want %d", what, reads, from)
		}
	}
	load("intact", 0)
	names, err := filepath.Glob(filepath.Join(dir, "chk-1", "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("the copies are %v, %v", names, err)
	}
	copied, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	copied[70<<10] ^= 1
	if err := os.WriteFile(names[0], copied, 0o666); err != nil {
		t.Fatal(err)
	}
	load("damaged", 1)
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	load("gone", 1)

	writePart(t, s, 2, data)
	s.Abort(1)
	s.Abort(2)
	if err := s.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "chk-*", "*")); len(names) > 0 {
		t.Errorf("copies that nobody needs are left: %v", names)
	}
}

// TestLocalCopiesMayFail: a full local disk costs the copies, not the checkpoint.
func TestLocalCopiesMayFail(t *testing.T) {
	for _, fails := range []blob.Op{blob.Creating, blob.Writing, blob.Committing} {
		s := New(blob.NewMemory(blob.MemoryOptions{}), "job", Options{})
		s.CopyTo(&blob.Faulty{
			Store: blob.NewMemory(blob.MemoryOptions{}),
			Hook: func(op blob.Op, _ string, after bool) error {
				if op == fails && !after {
					return blob.ErrFull
				}
				return nil
			},
		})
		data := bytes.Repeat([]byte("some state "), 10_000)
		p := writePart(t, s, 1, data)
		if got, err := p.Load(); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s fails: %d bytes, %v", fails, len(got), err)
		}
	}
}

func writePart(t *testing.T, s *Store, id int64, data []byte) *Piece {
	t.Helper()
	ctx := context.Background()
	err := s.Begin(ctx, id, 0)
	w := s.Checkpoint(id, 0).Part(ctx, "part")
	p, appendErr := w.Append(data)
	if err := errors.Join(err, appendErr, w.Close()); err != nil {
		t.Fatal(err)
	}
	return p
}
