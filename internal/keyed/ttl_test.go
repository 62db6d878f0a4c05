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
			isAlive := func(v string) bool { return now-timeOf([]byte(v)) < ttl }
			h.live = func(v string) string {
				if isAlive(v) {
					return v
				}
				return ""
			}
			h.dump = func(s State) map[string]string {
				m := dumpValues(s.(*TTLValues[V]).Values)
				for k, v := range m {
					if !isAlive(v) {
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
						if old, had := h.model[h.key]; fresh == (had && isAlive(old)) {
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
					v, had := s.Lookup(), isAlive(h.model[h.key]+"\x00\x00\x00\x00\x00\x00\x00\x00")
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

// As above, for lists, whose items expire one by one.
func TestTTLListAgainstModel(t *testing.T) {
	timed, bare := mustCodec[Timed[string]](t), mustCodec[string](t)
	checkMerged(t, func(t *rapid.T, n *accesses) {
		const ttl = 50
		b := newTestBackend(rapid.Bool().Draw(t, "word"))
		now := int64(0)
		b.Now = func() int64 { return now }
		defer putOnDisk(b, rapid.Bool().Draw(t, "disk"))()
		n.count(b)
		with := TTL{
			Millis: ttl, OnRead: rapid.Bool().Draw(t, "on read"),
			Sweep: rapid.SampledFrom([]int{-1, 1, 100}).Draw(t, "sweep"),
		}
		l := NewTTLList(b, timed, bare, with)
		h := newHistory(b, l, func(b *Backend) State {
			b.Now = func() int64 { return now }
			return NewTTLList(b, timed, bare, TTL{Millis: ttl})
		})
		h.live = func(v string) string {
			rest := []byte(v)
			for len(rest) > 0 && now-timeOf(rest) >= ttl {
				var e Timed[string]
				rest, _ = timed.Decode(rest, &e)
			}
			return string(rest)
		}
		encode := func(dst string, items ...Timed[string]) string {
			raw := []byte(dst)
			for i := range items {
				raw = timed.Append(raw, &items[i])
			}
			return string(raw)
		}
		h.dump = func(s State) map[string]string {
			got, l := map[string]string{}, s.(*TTLList[string])
			for k := range h.domain + 1 {
				h.setKeyTo(k)
				l.b.Current = h.b.Current
				if v := h.live(encode("", l.List.Get()...)); v != "" {
					got[h.key] = v
				}
			}
			return got
		}
		h.run(t, map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(t, "times") {
					h.setKey(t)
					item := text(rapid.Uint64Range(0, 30).Draw(t, "x"))
					l.Add(item)
					h.model[h.key] = encode(h.model[h.key], Timed[string]{now, item})
					now += rapid.Int64Range(0, 2).Draw(t, "ms")
				}
			},
			"read": func(t *rapid.T) {
				h.setKey(t)
				h.expire(h.model)
				want := h.model[h.key]
				var items []Timed[string]
				for _, item := range l.Get() {
					e := Timed[string]{now, item}
					rest, err := timed.Decode([]byte(want), &e)
					if err != nil || e.V != item {
						t.Fatalf("key %s: got %q, want %q: %v", h.key, item, e.V, err)
					}
					if want = string(rest); with.OnRead {
						e.At = now
					}
					items = append(items, e)
				}
				if want != "" {
					t.Fatalf("key %s: %q is missing", h.key, want)
				}
				if len(items) > 0 {
					h.model[h.key] = encode("", items...)
				}
			},
			"drop": func(t *rapid.T) {
				h.setKey(t)
				l.Drop()
				delete(h.model, h.key)
			},
		})
	})
}

// An item whose time is after those of later ones, since the clock went back, is there for its time to live,
// also when the others are an appendix that is swept or left out of a base.
func TestTTLListAfterClockWentBack(t *testing.T) {
	timed, bare := mustCodec[Timed[string]](t), mustCodec[string](t)
	now := int64(100)
	b := newTestBackend(true)
	b.Now = func() int64 { return now }
	defer putOnDisk(b, true)()
	l := NewTTLList(b, timed, bare, TTL{Millis: 50, Sweep: sweepMin})
	b.Add("state", l)
	at := func(b *Backend, k uint64) { b.Set(codec.HashWord(k), k, nil) }
	at(b, 1)
	l.Add("late")
	l.evict(1)
	now = 50
	at(b, 1)
	l.Add("early")
	now = 120
	w := &operator.Snapshot{Checkpoint: 1, Full: true}
	b.Snapshot(w)
	w.Finish()
	restored := newTestBackend(true)
	restored.Now = b.Now
	r := NewTTLList(restored, timed, bare, TTL{Millis: 50})
	restored.Add("state", r)
	if err := restored.Restore(&w.State); err != nil {
		t.Fatal(err)
	}
	l.sweeper.next = 0 // a pass begins
	at(b, 2)
	l.Add("sweeps")
	at(b, 1)
	at(restored, 1)
	for name, l := range map[string]*TTLList[string]{"swept": l, "restored": r} {
		if got := l.Get(); len(got) != 1 || got[0] != "late" {
			t.Errorf("%s: %q", name, got)
		}
	}
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
			return s, func() { s.Current() }, func() int { return s.packed.records.Len() }
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
