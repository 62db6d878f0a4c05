package keyed

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"pgregory.net/rapid"
)

func mustCodec[V any](t testing.TB) *codec.Codec[V] {
	c, err := codec.For[V](nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// State with TTL in snapshots and deltas, with sweeps in between. What is restored may hold what has
// expired since; what has not must be there.
func TestTTLValuesAgainstModel(t *testing.T) {
	checkTTLValues(t, "int64", func(x int) int64 { return int64(x) })
	checkTTLValues(t, "string", func(x int) string { return text(uint64(x)) })
}

func checkTTLValues[V any](t *testing.T, name string, value func(x int) V) {
	c, bare := mustCodec[Timed[V]](t), mustCodec[V](t)
	t.Run(name, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			const ttl = 50
			b := newTestBackend(rapid.Bool().Draw(t, "word"))
			now := int64(0)
			b.Now = func() int64 { return now }
			defer putOnDisk(b, rapid.Bool().Draw(t, "disk"))()
			with := TTL{Millis: ttl, Sweep: rapid.SampledFrom([]int{-1, 1, 100}).Draw(t, "sweep")}
			s := NewTTLValues(b, c, bare, with)
			h := newHistory(b, s, func(b *Backend) State {
				b.Now = func() int64 { return now }
				return NewTTLValues(b, c, bare, with)
			})
			h.isAlive = func(v string) bool { return now-timeOf([]byte(v)) < ttl }
			h.dump = func(s State) map[string]string {
				m := dumpValues(s.(*TTLValues[V]).Values)
				for k, v := range m {
					if !h.isAlive(v) {
						delete(m, k)
					}
				}
				return m
			}
			h.run(t, map[string]func(*rapid.T){
				"set": func(t *rapid.T) {
					for range rapid.IntRange(1, 30).Draw(t, "times") {
						h.setKey(t)
						v, fresh := s.Current()
						if old, had := h.model[h.key]; fresh == (had && h.isAlive(old)) {
							t.Fatalf("key %s: fresh %v", h.key, fresh)
						}
						timed := Timed[V]{now, value(rapid.IntRange(0, 99).Draw(t, "x"))}
						*v = timed.V
						h.model[h.key] = string(c.Append(nil, &timed))
						now += rapid.Int64Range(0, 2).Draw(t, "ms")
					}
				},
				"read": func(t *rapid.T) {
					h.setKey(t)
					v, had := s.Lookup(), h.isAlive(h.model[h.key]+"\x00\x00\x00\x00\x00\x00\x00\x00")
					if _, ok := h.model[h.key]; (v != nil) != (ok && had) {
						t.Fatalf("key %s: got %v", h.key, v)
					}
				},
				"drop": func(t *rapid.T) {
					h.setKey(t)
					s.Drop()
					delete(h.model, h.key)
				},
			})
		})
	})
}

// What is never accessed again goes while other keys are.
func TestTTLSweepShrinksState(t *testing.T) {
	type ttlState interface {
		State
		Len() int
	}
	var now int64
	ttl := TTL{Millis: 1000, Sweep: 4}
	str, timed := mustCodec[string](t), mustCodec[Timed[string]](t)
	word, timedWord := mustCodec[int64](t), mustCodec[Timed[int64]](t)
	mapKey, err := codec.KeyFor[int64](nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(b *Backend) (ttlState, func() int, func()){
		"words": func(b *Backend) (ttlState, func() int, func()) {
			s := NewTTLValues(b, timedWord, word, ttl)
			return s, s.Len, func() { s.Current() }
		},
		"texts": func(b *Backend) (ttlState, func() int, func()) {
			s := NewTTLValues(b, timed, str, ttl)
			return s, s.Len, func() { s.Current() }
		},
		"list": func(b *Backend) (ttlState, func() int, func()) {
			s := NewTTLList(b, timed, str, ttl)
			return s, s.Len, func() { s.Add("x") }
		},
		"map": func(b *Backend) (ttlState, func() int, func()) {
			s := NewTTLMap(b, mapKey, timed, str, ttl)
			return s, s.records.Len, func() { s.Put(7, "x") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			now = 0
			b := newTestBackend(false)
			b.Now = func() int64 { return now }
			s, count, put := open(b)
			b.Add("state", s)
			set := func(k string) { b.Set(codec.HashString(k), 0, []byte(k)) }
			const n = 1000
			for i := range n {
				set(fmt.Sprint("old ", i))
				put()
			}
			set("new")
			now = 999
			for range 2 * n {
				put()
			}
			if count() != n+1 {
				t.Fatalf("%d entries are left before their time", count())
			}
			now = 1000
			if put(); count() < n-sweepMin {
				t.Errorf("%d entries are left after one access", count())
			}
			for range n/ttl.Sweep + sweepMin {
				put()
			}
			if count() != 1 {
				t.Errorf("%d entries are left", count())
			}
			w := &operator.Snapshot{Checkpoint: 1}
			now = 1999
			b.Snapshot(w)
			now = 9999 // which does not matter
			if w.Finish(); len(w.State.Keyed) == 0 {
				t.Error("an entry that was not expired at the freeze is left out")
			}
		})
	}
}

// What is expired and only on disk goes with the batches, a bounded part with each, also if no key is
// ever accessed again; and no base has it.
func TestTTLSweepsDisk(t *testing.T) {
	const n, ttlMillis = 1000, 1000
	ttl := TTL{Millis: ttlMillis, Sweep: 4}
	str, timed := mustCodec[string](t), mustCodec[Timed[string]](t)
	word, timedWord := mustCodec[int64](t), mustCodec[Timed[int64]](t)
	mapKey, err := codec.KeyFor[int64](nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(b *Backend) (s State, put func(), inTable func() int){
		"words": func(b *Backend) (State, func(), func() int) {
			s := NewTTLValues(b, timedWord, word, ttl)
			return s, func() { s.Current() }, func() int { return s.plain.Len() }
		},
		"texts": func(b *Backend) (State, func(), func() int) {
			s := NewTTLValues(b, timed, str, ttl)
			return s, func() { s.Current() }, func() int { return s.packed.Len() }
		},
		"list": func(b *Backend) (State, func(), func() int) {
			s := NewTTLList(b, timed, str, ttl)
			return s, func() { s.Add("x") }, func() int { return s.records.Len() }
		},
		"map": func(b *Backend) (State, func(), func() int) {
			s := NewTTLMap(b, mapKey, timed, str, ttl)
			return s, func() { s.Put(7, "x") }, func() int { return s.records.Len() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := int64(0)
			b := newTestBackend(false)
			b.Now = func() int64 { return now }
			defer putOnDisk(b, true)()
			s, put, _ := open(b)
			b.Add("state", s)
			for i := range 2 * n {
				if i == n {
					now = ttlMillis / 2
				}
				key := fmt.Sprint("key ", i)
				b.Set(codec.HashString(key), 0, []byte(key))
				put()
			}
			for _, table := range b.cold.tables {
				table.evict(1)
			}
			b.cold.sweep()
			if left := onDisk(t, b); left != 2*n {
				t.Fatalf("%d entries are on disk before their time", left)
			}
			now = ttlMillis
			w := &operator.Snapshot{Checkpoint: 1, Full: true}
			b.Snapshot(w)
			w.Finish()
			plain := newTestBackend(false)
			plain.Now = b.Now
			restored, _, count := open(plain)
			plain.Add("state", restored)
			if err := plain.Restore(&w.State); err != nil || count() != n {
				t.Errorf("a base has %d entries, want %d: %v", count(), n, err)
			}
			const each = diskSweep * 4
			if b.cold.sweep(); onDisk(t, b) < 2*n-each {
				t.Errorf("%d entries are on disk after one batch", onDisk(t, b))
			}
			for range 2 * (2*n/each + 1) { // the end of a pass, and one more
				b.cold.sweep()
			}
			if left := onDisk(t, b); left != n {
				t.Errorf("%d entries are on disk, want %d", left, n)
			}
		})
	}
}

// onDisk is the number of entries on disk.
func onDisk(t *testing.T, b *Backend) (n int) {
	scan, err := b.cold.store.Scan([]byte("v"), []byte("w"))
	if err != nil {
		t.Fatal(err)
	}
	for scan.Next() {
		n++
	}
	if err := scan.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}
