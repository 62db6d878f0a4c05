package timer

import (
	"maps"
	"testing"
)

// What a freeze holds is what was there, in increments too, also where all hashes are the same.
func TestFrozenHoldsTheLastOperations(t *testing.T) {
	for name, hash := range map[string]func(key uint64) uint64{
		"mixed": mix, "all the same": func(uint64) uint64 { return 5 },
	} {
		t.Run(name, func(t *testing.T) {
			const keys = 5000
			p := &pair{m: model{}}
			change := func(n, seed int) {
				for i := range n {
					key := mix(uint64(i+seed)) % keys
					if k := (timerKey{1000, hash(key), key}); i%3 == 0 {
						p.delete(k)
					} else {
						p.set(k, i)
					}
				}
			}
			change(20_000, 0)
			all, want := p.q.Freeze(0), maps.Clone(p.m)
			since, restored := all.Op, model{}
			change(2000, 1)
			p.q.Advance(2000, func(e *Entry[uint64, int]) bool { // after the first freeze
				delete(p.m, timerKey{e.At, e.Hash, e.Key})
				return len(p.m)%500 != 0
			})
			restored.apply(t, all)
			if !maps.Equal(restored, want) {
				t.Fatalf("%d timers, want the %d at the freeze", len(restored), len(want))
			}
			if p.q.Lost() {
				t.Fatal("it is not known what has gone")
			}
			p.q.Confirm(since)
			more, want := p.q.Freeze(since), maps.Clone(p.m)
			change(20_000, 2)
			restored.apply(t, more)
			if !maps.Equal(restored, want) {
				t.Fatalf("%d timers after the increment, want %d", len(restored), len(want))
			}
		})
	}
}

// apply writes a frozen queue over what a model holds.
func (m model) apply(t *testing.T, f *Frozen[uint64, int]) {
	t.Helper()
	defer f.Release()
	var entries []*Entry[uint64, int]
	for f.Next(100, func(e *Entry[uint64, int]) { entries = append(entries, e) }) <= 0 {
	}
	var last Last[uint64, int]
	last.Reset(len(entries))
	for _, e := range entries {
		last.Add(e)
	}
	ops, deleted := last.All()
	for _, e := range ops {
		k := timerKey{e.At, e.Hash, e.Key}
		if m[k] = e.Payload; e.Deleted() {
			delete(m, k)
			deleted--
		}
	}
	if deleted != 0 {
		t.Errorf("the number of deletions is %d too high", deleted)
	}
}
