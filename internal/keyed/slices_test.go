package keyed

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// sliceKey is an entry of a model of Slices.
type sliceKey struct {
	start int64
	key   uint64
}

// sliceRig drives Slices next to a model.
type sliceRig struct {
	t      testing.TB
	r      *rand.Rand
	b      *Backend
	s      *Slices[int64]
	tables map[int64]*Slice[int64]
	model  map[sliceKey]int64
	next   int64 // start of the next slice
}

func newSliceRig(t testing.TB, words bool, seed uint64) *sliceRig {
	c, err := codec.For[int64](nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &Backend{IsWord: words, MaxParallelism: 8, First: 2, Last: 6}
	return &sliceRig{
		t: t, r: rand.New(rand.NewPCG(seed, 0)), b: b, s: NewSlices(b, c),
		tables: map[int64]*Slice[int64]{}, model: map[sliceKey]int64{},
	}
}

// set makes a key of the backend's groups current.
func (g *sliceRig) set(key uint64) {
	for ; ; key += 1 << 20 {
		h, text := codec.HashWord(key), []byte(nil)
		if !g.b.IsWord {
			text = fmt.Append(nil, key)
			h = codec.HashBytes(text)
		}
		if kg := codec.KeyGroup(h, 8); kg >= 2 && kg <= 6 {
			g.b.Set(h, key, text)
			return
		}
	}
}

// change adds to some entries, and now and then makes or drops a slice, which may come again.
func (g *sliceRig) change(n int) {
	if len(g.tables) == 0 || g.r.IntN(3) == 0 {
		g.tables[g.next] = g.s.Make(g.next, g.next+10)
		g.next += 10
	}
	if len(g.tables) > 3 {
		oldest := g.next
		for start := range g.tables {
			oldest = min(oldest, start)
		}
		g.s.Drop(g.tables[oldest])
		delete(g.tables, oldest)
		maps.DeleteFunc(g.model, func(k sliceKey, _ int64) bool { return k.start == oldest })
		if g.r.IntN(3) == 0 { // it comes again
			g.tables[oldest] = g.s.Make(oldest, oldest+10)
		}
	}
	for start, table := range g.tables {
		for range g.r.IntN(n) {
			key := uint64(g.r.IntN(4000))
			g.set(key)
			*table.upsert(&g.b.Current, g.b.IsWord) += int64(key) + 1
			g.model[sliceKey{start, key}] += int64(key) + 1
		}
	}
}

// restore restores sections, and compares with a model.
func (g *sliceRig) restore(sections []operator.Section, want map[sliceKey]int64) {
	g.t.Helper()
	to := newSliceRig(g.t, g.b.IsWord, 0)
	for _, x := range sections {
		data, _ := x.Data.Load()
		if err := to.s.RestoreSection(x.Group, x.Delta, data, func(start, end int64) *Slice[int64] {
			if to.tables[start] == nil {
				to.tables[start] = to.s.Make(start, end)
			}
			return to.tables[start]
		}); err != nil {
			g.t.Fatal(err)
		}
	}
	to.s.Restored()
	got := map[sliceKey]int64{}
	for start, table := range to.tables {
		table.Range(func(_, word uint64, key []byte, v *int64) bool {
			if !g.b.IsWord {
				fmt.Sscan(string(key), &word)
			}
			got[sliceKey{start, word & (1<<20 - 1)}] = *v
			return true
		})
	}
	if !maps.Equal(got, want) {
		g.t.Fatalf("%d entries restored from %d sections differ from the %d at the barrier",
			len(got), len(sections), len(want))
	}
}

// TestSlicesSnapshots changes tables while they are being written, has checkpoints fail and be
// confirmed late, and restores each that is written.
func TestSlicesSnapshots(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := newSliceRig(t, seed%2 == 0, seed)
			var confirmed []operator.Section
			written := map[int64][]operator.Section{}
			full, deltas := false, 0
			for id := int64(1); id < 25; id++ {
				g.change(1500)
				want := maps.Clone(g.model)
				full = g.s.chains == nil || g.r.IntN(12) == 0
				base := confirmed
				f := g.s.Freeze("slices", id, full).(*frozenSlices[int64])
				if f.kind == scanDelta {
					deltas++
				}
				if g.r.IntN(8) == 0 {
					f.Discard()
					continue
				}
				sections := g.write(f, func() {
					if old := id - 1 - int64(g.r.IntN(2)); written[old] != nil && g.r.IntN(2) == 0 {
						g.s.Confirm(old) // while this one is being written
						confirmed = written[old]
						clear(written)
					}
				})
				all := resolve(base, sections, full)
				g.restore(all, want)
				if written[id] = all; g.r.IntN(2) == 0 {
					g.s.Confirm(id)
					confirmed = all
					clear(written)
				}
			}
			if deltas < 4 {
				t.Errorf("%d of 24 freezes were increments", deltas)
			}
		})
	}
}

// write steps through a freeze, with changes in between.
func (g *sliceRig) write(f *frozenSlices[int64], between func()) (sections []operator.Section) {
	between()
	for n := 0; ; n++ {
		f.scan(500)
		if n%4 == 0 {
			g.change(100)
		}
		if g.s.now != f {
			for !f.Step(func(x operator.Section) { sections = append(sections, x) }) {
			}
			return sections
		}
	}
}

// resolve is what sections on top of others are restored from.
func resolve(base, sections []operator.Section, full bool) (all []operator.Section) {
	replaced := map[int]bool{}
	for _, x := range sections {
		replaced[x.Group] = replaced[x.Group] || !x.Delta
	}
	for _, x := range base {
		if !full && !replaced[x.Group] {
			all = append(all, x)
		}
	}
	return append(all, sections...)
}

// TestSlicesGone drops a slice with many entries: the increment has a mark for it.
func TestSlicesGone(t *testing.T) {
	g := newSliceRig(t, true, 1)
	for start := int64(0); start < 40; start += 10 {
		g.tables[start] = g.s.Make(start, start+10)
		for key := range uint64(1000) {
			g.set(key)
			*g.tables[start].upsert(&g.b.Current, true) = 1
			g.model[sliceKey{start, key}] = 1
		}
	}
	f := g.s.Freeze("slices", 1, true)
	for !f.Step(func(operator.Section) {}) {
	}
	g.s.Confirm(1)
	g.s.Drop(g.tables[0])
	size := int64(0)
	f = g.s.Freeze("slices", 2, false)
	for !f.Step(func(x operator.Section) { size += x.Data.Size() }) {
	}
	if size == 0 || size > 100 {
		t.Errorf("the increment has %d bytes", size)
	}
}

// BenchmarkSlicesSnapshot is the stop at the barrier, and the steps, for a million entries.
func BenchmarkSlicesSnapshot(b *testing.B) {
	g := newSliceRig(b, true, 1)
	g.b.MaxParallelism, g.b.First, g.b.Last = 128, 0, 127
	table := g.s.Make(0, 10)
	add := func(n int) {
		for range n {
			key := uint64(g.r.IntN(1_000_000))
			g.b.Set(codec.HashWord(key), key, nil)
			*table.upsert(&g.b.Current, true) = 1
		}
	}
	add(4_000_000)
	for _, c := range []struct {
		name    string
		changes int
		full    bool
	}{{"base", 0, true}, {"delta-10000", 10_000, false}, {"delta-200000", 200_000, false}} {
		b.Run(c.name, func(b *testing.B) {
			var freeze, step, all time.Duration
			bytes := int64(0)
			for id := int64(1); b.Loop(); id++ {
				add(c.changes)
				if !c.full {
					g.s.chains[0].deltas, g.s.chains[0].deltaBytes = 0, 0
				}
				bytes = 0
				began := time.Now()
				f := g.s.Freeze("slices", id, c.full)
				freeze = max(freeze, time.Since(began))
				for done := false; !done; {
					at := time.Now()
					done = f.Step(func(x operator.Section) { bytes += x.Data.Size() })
					step = max(step, time.Since(at))
				}
				all += time.Since(began)
				g.s.Confirm(id)
			}
			b.ReportMetric(float64(freeze.Microseconds())/1000, "freeze-ms")
			b.ReportMetric(float64(step.Microseconds())/1000, "step-ms")
			b.ReportMetric(float64(all.Milliseconds())/float64(b.N), "all-ms")
			b.ReportMetric(float64(bytes), "bytes")
		})
	}
}
