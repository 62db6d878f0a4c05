package keyed

import (
	"math/rand/v2"
	"testing"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/lsm"
	"github.com/flott-dev/flott/internal/operator"
)

// coldCounts are counts of so many keys, in front of a disk.
func coldCounts(b testing.TB, bytes int64, keys uint64) *Values[int64] {
	c, err := codec.For[int64](nil)
	if err != nil {
		b.Fatal(err)
	}
	space := &lsm.Space{Bytes: bytes, Dir: b.TempDir()}
	backend := &Backend{IsWord: true, MaxParallelism: 128, First: 0, Last: 127}
	backend.cold = &cold{open: space.Open, fail: func(err error) { b.Fatal(err) }}
	s := NewValues(backend, c)
	backend.Add("counts", s)
	b.Cleanup(func() {
		s.plain.finish()
		if err := backend.cold.store.Close(); err != nil {
			b.Error(err)
		}
	})
	for k := range keys {
		count(s, k)
		if k%1024 == 0 {
			backend.cold.trim()
		}
	}
	return s
}

func count(s *Values[int64], k uint64) {
	s.b.Set(codec.HashWord(k), k, nil)
	v, _ := s.Current()
	*v++
}

// Counts of a hundred thousand keys that stay in the table, of half a million that there are.
func BenchmarkDiskHot(b *testing.B) {
	s := coldCounts(b, 32<<20, 500_000)
	b.ReportAllocs()
	n := 0
	for k := range uint64(100_000) {
		count(s, k)
	}
	inBatches(b, 100_000, true, s.Touch, func(_, word uint64, _ []byte) {
		count(s, word)
		if n++; n%1024 == 0 {
			s.b.cold.trim()
		}
	})
}

// Counts of half a million keys, of which few are in the table: a read, and a write when it leaves.
func BenchmarkDiskCold(b *testing.B) {
	s := coldCounts(b, 16<<20, 500_000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		count(s, rand.Uint64N(500_000))
		if n++; n%1024 == 0 {
			s.b.cold.trim()
		}
	}
}

// The base of a million counts, and the restore of it, for each entry.
func BenchmarkDiskSnapshot(b *testing.B) {
	const keys = 1_000_000
	s := coldCounts(b, 16<<20, keys)
	var from operator.State
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			w := &operator.Snapshot{Checkpoint: 1, Full: true}
			s.b.Snapshot(w)
			w.Finish()
			from = w.State
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*keys), "ns/entry")
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			fresh := coldCounts(b, 16<<20, 0)
			if err := fresh.b.Restore(&from); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*keys), "ns/entry")
	})
}
