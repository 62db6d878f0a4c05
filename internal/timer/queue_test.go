package timer

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

type timerKey struct {
	at   int64
	hash uint64
	key  uint64
}

// model is the obvious queue: a map, sorted whenever something fires.
type model map[timerKey]int

func (m model) due(to int64) (timerKey, bool) {
	var first timerKey
	found := false
	for k := range m {
		if k.at <= to && (!found || compareKeys(k, first) < 0) {
			first, found = k, true
		}
	}
	return first, found
}

func compareKeys(a, b timerKey) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.hash, b.hash), cmp.Compare(a.key, b.key))
}

// pair is a queue with its model; all operations go to both.
type pair struct {
	q Queue[uint64, int]
	m model
}

func (p *pair) set(k timerKey, payload int) {
	p.q.Set(k.at, k.hash, k.key, payload)
	p.m[k] = payload
}

func (p *pair) delete(k timerKey) {
	p.q.Delete(k.at, k.hash, k.key)
	delete(p.m, k)
}

func (p *pair) check(t *rapid.T) {
	if n := p.q.Len(); n < len(p.m) {
		t.Fatalf("length %d, but there are %d timers", n, len(p.m))
	}
	at, ok := p.q.Next()
	if first, some := p.m.due(math.MaxInt64); some && (!ok || at > first.at) {
		t.Fatalf("next is %d, %v; the earliest timer is at %d", at, ok, first.at)
	}
}

func (p *pair) checkRange(t *rapid.T) {
	seen := map[timerKey]bool{}
	p.q.Range(func(e *Entry[uint64, int]) bool {
		k := timerKey{e.At, e.Hash, e.Key}
		if want, ok := p.m[k]; !ok || want != e.Payload || seen[k] {
			t.Fatalf("range: timer %v with payload %d, want %d, %v", k, e.Payload, want, ok)
		}
		seen[k] = true
		return true
	})
	if len(seen) != len(p.m) || p.q.Count() != len(p.m) {
		t.Fatalf("range over %d, count %d, want %d", len(seen), p.q.Count(), len(p.m))
	}
}

// timesOf are the shapes of time that a test draws from.
var timesOf = map[string]*rapid.Generator[int64]{
	"dense":  rapid.Int64Range(-20, 20),
	"spread": rapid.Int64Range(-1_000_000, 1_000_000),
	"millis": rapid.Int64Range(1_700_000_000_000, 1_700_000_100_000),
	"all":    rapid.Int64(),
	"edges": rapid.SampledFrom([]int64{
		math.MinInt64, math.MinInt64 + 1, -64, -1, 0, 1, 63, 64, math.MaxInt64 - 1, math.MaxInt64,
	}),
}

func TestQueueAgainstModel(t *testing.T) {
	for name, times := range timesOf {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkQueue(t, times) })
		})
	}
}

func checkQueue(t *rapid.T, times *rapid.Generator[int64]) {
	p := &pair{m: model{}}
	keys := rapid.Custom(func(t *rapid.T) timerKey {
		key := rapid.Uint64Range(0, 9).Draw(t, "key")
		return timerKey{times.Draw(t, "at"), key / 2, key}
	})
	payload := 0
	var last *timerKey
	change := func(t *rapid.T) {
		k := keys.Draw(t, "timer")
		if last != nil && rapid.Bool().Draw(t, "again") {
			k = *last
		}
		last = &k
		if rapid.IntRange(0, 2).Draw(t, "delete at 0") == 0 {
			p.delete(k)
			return
		}
		payload++
		p.set(k, payload)
	}
	t.Repeat(map[string]func(*rapid.T){
		"change": func(t *rapid.T) {
			for range rapid.IntRange(1, 20).Draw(t, "times") {
				change(t)
			}
		},
		"advance": func(t *rapid.T) {
			to := times.Draw(t, "to")
			suspendIn := rapid.IntRange(0, 20).Draw(t, "suspend in")
			changes := rapid.IntRange(0, 30).Draw(t, "changes by callbacks")
			done := p.q.Advance(to, func(e *Entry[uint64, int]) bool {
				got := timerKey{e.At, e.Hash, e.Key}
				if want, ok := p.m.due(to); !ok || got != want || e.Payload != p.m[want] {
					t.Fatalf("fired %v with %d, want %v with %d", got, e.Payload, want, p.m[want])
				}
				delete(p.m, got)
				if changes > 0 {
					changes--
					change(t)
				}
				suspendIn--
				return suspendIn != 0
			})
			if left, some := p.m.due(to); done && some {
				t.Fatalf("advance to %d is done, but %v is left", to, left)
			}
			if !done && suspendIn != 0 {
				t.Fatal("advance is not done, but was not suspended")
			}
		},
		"range": p.checkRange,
		"compact": func(*rapid.T) {
			p.q.Compact()
		},
		"clear": func(t *rapid.T) {
			if rapid.IntRange(0, 5).Draw(t, "clear at 0") == 0 {
				p.q.Clear()
				clear(p.m)
			}
		},
		"": p.check,
	})
	p.checkRange(t)
}

// Buckets of more than sortMax entries, compaction and radix sort do not come up with the few
// timers of a random test.
func TestQueueMany(t *testing.T) {
	type shape struct {
		name string
		at   func(i int) int64
		hash func(i int) uint64
	}
	const n = 50_000
	mixed := func(i int) uint64 { return mix(uint64(i)) }
	shapes := []shape{
		{"one time", func(int) int64 { return 1000 }, mixed},
		{"one time and hash", func(int) int64 { return 1000 }, func(int) uint64 { return 5 }},
		{"few times", func(i int) int64 { return int64(i%7) * 10_000 }, mixed},
		{"one bucket", func(i int) int64 { return int64(mixed(i) % 1000) }, mixed},
		{"a day", func(i int) int64 { return int64(mixed(i) % 86_400_000) }, mixed},
		{"powers", func(i int) int64 { return 1 << (i % 62) }, mixed},
		{"falling", func(i int) int64 { return int64(-i) }, mixed},
		{"all times", func(i int) int64 { return int64(mixed(i)) }, mixed},
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			var q Queue[uint64, int]
			want := model{}
			for i := range n {
				k := timerKey{s.at(i), s.hash(i), uint64(i % (n / 2))}
				k.hash = s.hash(int(k.key))
				q.Set(k.at, k.hash, k.key, i)
				want[k] = i
				if i%5 == 0 {
					q.Delete(k.at, k.hash, k.key)
					delete(want, k)
				}
			}
			order := make([]timerKey, 0, len(want))
			for k := range want {
				order = append(order, k)
			}
			slices.SortFunc(order, compareKeys)
			if got := q.Len(); got < len(want) {
				t.Fatalf("length %d of %d", got, len(want))
			}
			i := 0
			for step := 10; ; step = 10 + step*3/2 {
				to := order[min(i+step, len(order)-1)].at
				q.Advance(to, func(e *Entry[uint64, int]) bool {
					got := timerKey{e.At, e.Hash, e.Key}
					if got != order[i] || e.Payload != want[got] {
						t.Fatalf("timer %d is %v with %d, want %v with %d",
							i, got, e.Payload, order[i], want[order[i]])
					}
					i++
					return true
				})
				if i == len(order) {
					break
				}
			}
			if n := q.Count(); n != 0 {
				t.Errorf("%d timers left", n)
			}
		})
	}
}

func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

func TestQueueStringKeys(t *testing.T) {
	var q Queue[string, string]
	q.Set(5, 1, "b", "first")
	q.Set(5, 1, "a", "second")
	q.Set(5, 1, "b", "third")
	q.Set(4, 9, "", "zero")
	var got []string
	q.Advance(5, func(e *Entry[string, string]) bool {
		got = append(got, e.Key+"="+e.Payload)
		return true
	})
	if want := []string{"=zero", "a=second", "b=third"}; !slices.Equal(got, want) {
		t.Errorf("fired %q, want %q", got, want)
	}
}

// Setting the same far timers again and again must not fill memory, before or behind the horizon.
func TestQueueRepeatedSetsStayBounded(t *testing.T) {
	for _, at := range []int64{1_000_000, -5} {
		var q Queue[uint64, uint64]
		q.Advance(0, nil)
		q.Set(0, 0, 0, 0)
		q.Advance(0, func(*Entry[uint64, uint64]) bool { return true })
		const keys = 100
		most := 0
		for i := range uint64(200_000) {
			q.Set(at, mix(i%keys), i%keys, i)
			most = max(most, q.Len())
		}
		if most > 8*bucketMin {
			t.Errorf("timers at %d: %d entries for %d timers", at, most, keys)
		}
		if got := q.Count(); got != keys {
			t.Errorf("timers at %d: count %d, want %d", at, got, keys)
		}
	}
}

// Timers that callbacks set in the past fire in the same Advance, one after the other.
func TestQueueCallbackChain(t *testing.T) {
	var q Queue[uint64, int]
	q.Set(0, 0, 0, 0)
	fired := 0
	done := q.Advance(100_000, func(e *Entry[uint64, int]) bool {
		if e.At != int64(fired) {
			t.Fatalf("timer at %d, want %d", e.At, fired)
		}
		fired++
		q.Set(e.At+1, e.Hash, e.Key, 0)
		return true
	})
	if at, ok := q.Next(); !done || fired != 100_001 || !ok || at != 100_001 {
		t.Errorf("done %v after %d timers, next %d %v", done, fired, at, ok)
	}
}

func TestQueueRefusesNestedAdvance(t *testing.T) {
	var q Queue[uint64, int]
	q.Set(0, 0, 0, 0)
	q.Advance(0, func(*Entry[uint64, int]) bool {
		defer func() {
			if recover() == nil {
				t.Error("want a panic")
			}
		}()
		return q.Advance(0, nil)
	})
}

func TestQueueReleasesPayloads(t *testing.T) {
	var q Queue[uint64, *int]
	for i := range uint64(100) {
		q.Set(int64(i), i, i, new(int))
	}
	q.Advance(50, func(*Entry[uint64, *int]) bool { return true })
	q.Compact()
	held := 0
	q.wheel.each(func(*Entry[uint64, *int]) bool { held++; return true })
	for _, a := range [][]Entry[uint64, *int]{q.run[:cap(q.run)], q.scratch[:cap(q.scratch)]} {
		for i := range a {
			if a[i].Payload != nil {
				t.Fatal("a fired timer is still held")
			}
		}
	}
	for c := q.wheel.free; c != nil; c = c.next {
		for i := range c.entries {
			if c.entries[i].Payload != nil {
				t.Fatal("a free chunk holds a payload")
			}
		}
	}
	if held != 49 {
		t.Errorf("%d timers held, want 49", held)
	}
}

func TestQueueAllocatesNothing(t *testing.T) {
	var q Queue[uint64, int64]
	now := int64(0)
	round := func() {
		for i := range uint64(1000) {
			q.Set(now+int64(mix(i)%10_000), mix(i), i, 0)
			q.Delete(now+int64(mix(i/2)%10_000), mix(i/2), i/2)
		}
		now += 100
		q.Advance(now, func(*Entry[uint64, int64]) bool { return true })
	}
	for range 200 {
		round()
	}
	if got := testing.AllocsPerRun(100, round); got > 1 {
		t.Errorf("%v allocations for 1000 timers", got)
	}
}
