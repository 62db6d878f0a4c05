package keyed

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/internal/lsm"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/storage"
)

// Checkpoints of a million values of 100 bytes, of which the tables hold an eighth: what is stored, and
// the CPU of the process for changes and checkpoint together, in canonical and in native form. A
// share of a value is noise, as it does not shrink.
func BenchmarkDiskCheckpoints(b *testing.B) {
	const keys = 1_000_000
	workloads := []struct {
		name    string
		changes int
		among   uint64
	}{
		{"hot 10 K of 200 K changes", 200_000, 10_000},
		{"uniform 20 K changes", 20_000, keys},
		{"uniform 200 K changes", 200_000, keys},
	}
	for _, w := range workloads {
		for _, native := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/native=%v", w.name, native), func(b *testing.B) {
				s := newStoredValues(b, native, 64<<20)
				for k := range uint64(keys) {
					s.change(k)
				}
				s.checkpoint(b)
				began, stored := cputime.Process(), s.stored(b)
				b.ResetTimer()
				for b.Loop() {
					for range w.changes {
						s.change(rand.Uint64N(w.among))
					}
					s.checkpoint(b)
				}
				n := float64(b.N)
				b.ReportMetric(float64(s.stored(b)-stored)/n/1e6, "MB/checkpoint")
				b.ReportMetric(float64(cputime.Process()-began)/n/float64(time.Millisecond), "cpu-ms/checkpoint")
			})
		}
	}
}

// storedValues is a state on disk whose checkpoints are stored in a directory.
type storedValues struct {
	*Values[[100]byte]
	native bool
	dir    string
	store  *storage.Store
	id     int64
	n      int
}

func newStoredValues(b *testing.B, native bool, memory int64) *storedValues {
	c, err := codec.For[[100]byte](nil)
	if err != nil {
		b.Fatal(err)
	}
	space := &lsm.Space{Bytes: memory, Dir: b.TempDir()}
	backend := &Backend{IsWord: true, MaxParallelism: 128, First: 0, Last: 127}
	backend.cold = &cold{open: space.Open, native: native, fail: func(err error) { b.Fatal(err) }}
	s := &storedValues{Values: NewValues(backend, c), native: native, dir: b.TempDir()}
	s.store = storage.New(blob.NewDir(s.dir), "bench", storage.Options{})
	backend.Add("values", s.Values)
	b.Cleanup(func() {
		s.plain.finish()
		if err := backend.cold.store.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

func (s *storedValues) change(k uint64) {
	s.b.Set(codec.HashWord(k), k, nil)
	v, _ := s.Current()
	for i := range 6 { // half of it
		x := rand.Uint64()
		for j := range 8 {
			v[8*i+j] = byte(x >> (8 * j))
		}
	}
	if s.n++; s.n%1024 == 0 {
		s.b.cold.trim()
	}
}

func (s *storedValues) checkpoint(b *testing.B) {
	s.id++
	target := s.store.Checkpoint(s.id, 0)
	part := target.Part(context.Background(), "0")
	w := &operator.Snapshot{Checkpoint: s.id, Native: s.native}
	s.b.Snapshot(w)
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, f := range w.Frozen {
		for !f.Step(func(section operator.Section) {
			data, _ := section.Data.Load()
			_, err := part.Append(data)
			check(err)
		}) {
		}
		if c := w.AddTree(f); c != nil {
			check(c.Store(func(name string) (operator.TreeWriter, error) {
				return benchFile{target.File(context.Background(), name)}, nil
			}))
		}
	}
	check(part.Close())
	check(s.b.Completed(s.id))
}

type benchFile struct{ *storage.Writer }

func (f benchFile) Append(part []byte) (operator.Blob, error) { return f.Writer.Append(part) }

// stored is the number of bytes of all checkpoints.
func (s *storedValues) stored(b *testing.B) (n int64) {
	err := filepath.WalkDir(s.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}
