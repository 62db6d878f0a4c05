package keyed

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/internal/lsm"
	"github.com/flott-dev/flott/internal/operator"
)

// A million lists of eight items of 16 bytes, of which a tenth fits into the table: any one of them gets an
// item more; any one is read, as they have become; or checkpoints are taken.
func BenchmarkDiskAppend(b *testing.B) {
	const keys, items = 1_000_000, 8
	space := &lsm.Space{Bytes: 64 << 20, Dir: b.TempDir()}
	backend := &Backend{IsWord: true, MaxParallelism: 128, First: 0, Last: 127}
	backend.cold = &cold{open: space.Open, fail: func(err error) { b.Fatal(err) }}
	l := NewList(backend, mustCodec[[16]byte](b))
	backend.Add("lists", l)
	b.Cleanup(func() {
		if err := backend.cold.store.Close(); err != nil {
			b.Error(err)
		}
	})
	n := 0
	at := func(k uint64) {
		l.b.Set(codec.HashWord(k), k, nil)
		if n++; n%1024 == 0 {
			backend.cold.trim()
		}
	}
	for k := range uint64(keys) {
		at(k)
		l.Add(make([][16]byte, items)...)
	}
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			began := cputime.Process()
			for b.Loop() {
				f()
			}
			spent := cputime.Process() - began
			b.ReportMetric(float64(spent)/float64(time.Microsecond)/float64(b.N), "cpu-µs/op")
		})
	}
	run("append", func() {
		at(rand.Uint64N(keys))
		l.Add([16]byte{1})
	})
	run("read", func() {
		at(rand.Uint64N(keys))
		if len(l.Get()) < items {
			b.Fatal("a list is too short")
		}
	})
	id := int64(0)
	checkpoint := func() {
		id++
		w := &operator.Snapshot{Checkpoint: id}
		backend.Snapshot(w)
		w.Finish()
		if err := backend.Completed(id); err != nil {
			b.Fatal(err)
		}
	}
	checkpoint() // a base
	run("20 K and a checkpoint", func() {
		for range 20_000 {
			at(rand.Uint64N(keys))
			l.Add([16]byte{2})
		}
		checkpoint()
	})
}
