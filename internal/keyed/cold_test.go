package keyed

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/lsm"
	"github.com/flott-dev/flott/internal/operator"
)

// putOnDisk puts a disk behind the states that are made of b, if really. What it returns ends that.
func putOnDisk(b *Backend, really bool) (end func()) {
	if !really {
		return func() {}
	}
	space := &lsm.Space{Bytes: 1, FS: vfs.NewMem()}
	b.cold = &cold{open: space.Open, fail: func(err error) { panic(err) }}
	return func() {
		if b.cold.store == nil {
			return
		}
		for _, t := range b.cold.tables {
			if e, ok := t.(interface{ finish() }); ok {
				e.finish()
			}
		}
		if err := b.cold.store.Close(); err != nil {
			panic(err)
		}
	}
}

// accesses are those of the stores of some backends.
type accesses struct {
	reads       int
	merges      int
	mergesBelow int // of native snapshots
}

// count counts the accesses of the states that are made of b afterwards.
func (n *accesses) count(b *Backend) {
	if b.cold == nil {
		return
	}
	open := b.cold.open
	b.cold.open = func() operator.Cold { return countedStore{open(), n} }
}

// checkMerged is rapid.Check until there were merges, by the store and below: few random histories take a native snapshot
// at the right moment.
func checkMerged(t *testing.T, check func(t *rapid.T, n *accesses)) {
	t.Helper()
	var n accesses
	for range 20 {
		rapid.Check(t, func(t *rapid.T) { check(t, &n) })
		if n.merges > 0 && n.mergesBelow > 0 || t.Failed() {
			return
		}
	}
	t.Errorf("%d values were appended to on disk, %d for a native snapshot", n.merges, n.mergesBelow)
}

type countedStore struct {
	operator.Cold
	n *accesses
}

func (s countedStore) Get(dst, key []byte) ([]byte, bool, error) {
	s.n.reads++
	return s.Cold.Get(dst, key)
}

func (s countedStore) Scan(first, end []byte) (operator.ColdScan, error) {
	s.n.reads++
	return s.Cold.Scan(first, end)
}

func (s countedStore) View() (operator.ColdView, error) {
	s.n.reads++
	return s.Cold.View()
}

func (s countedStore) Batch() operator.ColdBatch { return countedBatch{s.Cold.Batch(), s.n} }

func (s countedStore) Capture() operator.ColdCapture { return countedCapture{s.Cold.Capture(), s.n} }

type countedBatch struct {
	operator.ColdBatch
	n *accesses
}

func (b countedBatch) Merge(key, more []byte) {
	b.n.merges++
	b.ColdBatch.Merge(key, more)
}

type countedCapture struct {
	operator.ColdCapture
	n *accesses
}

func (c countedCapture) Merge(key, more []byte) {
	c.n.mergesBelow++
	c.ColdCapture.Merge(key, more)
}

// Lists that are only on disk are appended to without being read, whether they are there or not, again and
// again, and for a native snapshot.
func TestAppendsReadNothing(t *testing.T) {
	const keys = 10_000
	b := newTestBackend(true)
	defer putOnDisk(b, true)()
	var n accesses
	n.count(b)
	l := NewList(b, mustCodec[int64](t))
	b.Add("lists", l)
	at := func(k uint64) { b.Set(codec.HashWord(k), k, nil) }
	add := func(round int64) {
		for k := range uint64(keys) {
			at(k * uint64(round))
			l.Add(round)
		}
		l.evict(1)
		if l.records.Len() != 0 {
			t.Fatalf("%d lists are in the table", l.records.Len())
		}
	}
	want := map[uint64][]int64{}
	for round := range int64(4) {
		add(round + 1)
		for k := range uint64(keys) {
			want[k*uint64(round+1)] = append(want[k*uint64(round+1)], round+1)
		}
	}
	w := &operator.Snapshot{Checkpoint: 1, Native: true}
	at(1)
	l.Add(5)
	b.Snapshot(w)
	l.Add(6)
	if n.reads != 0 || n.merges != 3*keys {
		t.Errorf("%d reads and %d merges", n.reads, n.merges)
	}
	w.Finish()
	at(1)
	if l.Add(7); n.reads != 0 || n.mergesBelow != 1 {
		t.Errorf("%d reads, %d merges for a native snapshot", n.reads, n.mergesBelow)
	}
	want[1] = append(want[1], 5, 6, 7)
	for k, want := range want {
		if at(k); !slices.Equal(l.Get(), want) {
			t.Fatalf("key %d has %d, want %d", k, l.Get(), want)
		}
	}
}

// evict takes a part of the entries out of the tables.
func (h *history) evict(t *rapid.T) {
	part := rapid.SampledFrom([]float64{0, 0.3, 1}).Draw(t, "part")
	for _, table := range h.b.cold.tables {
		table.evict(part)
	}
	h.b.cold.sweep()
}
