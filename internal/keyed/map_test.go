package keyed

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/codec"
	"pgregory.net/rapid"
)

// mix is the hash of words.
func mix(x uint64) uint64 { return codec.HashWord(x) }

// hashes are the ways to place keys: well, and as badly as possible.
var hashes = map[string]func(uint64) uint64{
	"mixed":      mix,
	"all-equal":  func(uint64) uint64 { return 7 },
	"all-zero":   func(uint64) uint64 { return 0 },
	"low-equal":  func(x uint64) uint64 { return mix(x) &^ 0xffff },
	"last-home":  func(x uint64) uint64 { return x<<32 | 0xffffffff },
	"sequential": func(x uint64) uint64 { return x },
	"top-only":   func(x uint64) uint64 { return bits.Reverse64(x) },
}

func TestMapAgainstModel(t *testing.T) {
	for name, hash := range hashes {
		t.Run("word/"+name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkModel(t, newWordMap(hash)) })
		})
		t.Run("bytes/"+name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkModel(t, &bytesMap{hash: hash}) })
		})
	}
}

// subject is a Map with keys made from small numbers.
type subject interface {
	Upsert(k uint64) (*int64, bool)
	Get(k uint64) *int64
	Delete(k uint64) bool
	Key(word uint64, key []byte) uint64
	Hash(k uint64) uint64
	Map() *Map[int64]
}

type wordMap struct {
	m    Map[int64]
	hash func(uint64) uint64
}

func newWordMap(hash func(uint64) uint64) *wordMap {
	w := &wordMap{hash: hash}
	w.m.words.hashOf = func(word uint64) uint64 { return hash(uint64(^word)) }
	return w
}

func (w *wordMap) Upsert(k uint64) (*int64, bool)   { return w.m.Upsert(w.hash(k), ^k) }
func (w *wordMap) Get(k uint64) *int64              { return w.m.Get(w.hash(k), ^k) }
func (w *wordMap) Delete(k uint64) bool             { return w.m.Delete(w.hash(k), ^k) }
func (w *wordMap) Key(word uint64, _ []byte) uint64 { return ^word }
func (w *wordMap) Hash(k uint64) uint64             { return w.hash(k) }
func (w *wordMap) Map() *Map[int64]                 { return &w.m }

type bytesMap struct {
	m    Map[int64]
	hash func(uint64) uint64
}

// text makes keys of many lengths, the empty one and some above 127 bytes among them.
func text(k uint64) string {
	if k == 0 {
		return ""
	}
	s := fmt.Sprintf("%d.", k)
	return s + strings.Repeat("x", int(k*k%200))
}

func (b *bytesMap) Upsert(k uint64) (*int64, bool) {
	if k%2 == 0 {
		return b.m.UpsertBytes(b.hash(k), []byte(text(k)))
	}
	return b.m.UpsertString(b.hash(k), text(k))
}

func (b *bytesMap) Get(k uint64) *int64 {
	if k%2 == 0 {
		return b.m.GetString(b.hash(k), text(k))
	}
	return b.m.GetBytes(b.hash(k), []byte(text(k)))
}

func (b *bytesMap) Delete(k uint64) bool {
	if k%2 == 0 {
		return b.m.DeleteString(b.hash(k), text(k))
	}
	return b.m.DeleteBytes(b.hash(k), []byte(text(k)))
}

func (b *bytesMap) Key(_ uint64, key []byte) uint64 {
	var k uint64
	if len(key) > 0 {
		fmt.Sscanf(string(key), "%d.", &k)
	}
	return k
}

func (b *bytesMap) Hash(k uint64) uint64 { return b.hash(k) }
func (b *bytesMap) Map() *Map[int64]     { return &b.m }

func checkModel(t *rapid.T, s subject) {
	model := map[uint64]int64{}
	keys := rapid.Uint64Range(0, rapid.SampledFrom([]uint64{5, 60, 400}).Draw(t, "domain"))
	var next int64
	t.Repeat(map[string]func(*rapid.T){
		"upsert": func(t *rapid.T) {
			for range rapid.IntRange(1, 40).Draw(t, "times") {
				k := keys.Draw(t, "key")
				v, fresh := s.Upsert(k)
				want, had := model[k]
				if fresh == had || *v != want {
					t.Fatalf("upsert %d: got %d, fresh %v; want %d, %v", k, *v, fresh, want, !had)
				}
				next++
				*v, model[k] = next, next
			}
		},
		"delete": func(t *rapid.T) {
			for range rapid.IntRange(1, 40).Draw(t, "times") {
				k := keys.Draw(t, "key")
				_, had := model[k]
				if got := s.Delete(k); got != had {
					t.Fatalf("delete %d: got %v, want %v", k, got, had)
				}
				delete(model, k)
			}
		},
		"delete while iterating": func(t *rapid.T) {
			keep := rapid.Uint64Range(1, 5).Draw(t, "keep")
			seen := map[uint64]bool{}
			m := s.Map()
			for i := m.Next(-1); i >= 0; i = m.Next(i) {
				hash, word, key, v := m.At(i)
				k := s.Key(word, key)
				if seen[k] || model[k] != *v {
					t.Fatalf("entry %d: value %d, seen before %v", k, *v, seen[k])
				}
				if hash != s.Hash(k) {
					t.Fatalf("entry %d: hash %x, want %x", k, hash, s.Hash(k))
				}
				seen[k] = true
				switch k % keep {
				case 1:
					m.DeleteAt(i)
				case 2:
					s.Delete(k)
				}
			}
			if len(seen) != len(model) {
				t.Fatalf("iterated over %d entries of %d", len(seen), len(model))
			}
			for k := range model {
				if k%keep == 1 || k%keep == 2 {
					delete(model, k)
				}
			}
		},
		"clear": func(t *rapid.T) {
			s.Map().Clear()
			clear(model)
		},
		"reserve": func(t *rapid.T) {
			s.Map().Reserve(rapid.IntRange(0, 600).Draw(t, "entries"))
		},
		"": func(t *rapid.T) {
			if got := s.Map().Len(); got != len(model) {
				t.Fatalf("length %d, want %d", got, len(model))
			}
			for k, want := range model {
				if v := s.Get(k); v == nil || *v != want {
					t.Fatalf("get %d: got %v, want %d", k, v, want)
				}
			}
			checkInvariants(t, s.Map())
		},
	})
}

// checkInvariants looks at what must hold between calls, whatever the entries are.
func checkInvariants(t *rapid.T, m *Map[int64]) {
	n, records := 0, 0
	for i := range m.slots {
		s := &m.slots[i]
		if s.ref == 0 {
			if s.v != 0 {
				t.Fatalf("free slot %d is not clear", i)
			}
			continue
		}
		n++
		records += recordBytes(m.log[s.ref.off():])
		for j := int(s.ref.hash() & m.mask); j < i; j++ {
			if m.slots[j].ref == 0 {
				t.Fatalf("slot %d is out of reach: slot %d is free", i, j)
			}
		}
	}
	if n != m.n {
		t.Fatalf("%d slots are taken, the length is %d", n, m.n)
	}
	if n > 0 {
		records += len(logHead)
	}
	if records+m.dead != len(m.log) {
		t.Fatalf("log of %d bytes: %d live and %d dead", len(m.log), records, m.dead)
	}
	checkWordInvariants(t, &m.words)
}

func checkWordInvariants(t *rapid.T, w *words[int64]) {
	n := 0
	for i := range w.slots {
		s := &w.slots[i]
		if s.key == 0 {
			if s.v != 0 {
				t.Fatalf("free slot %d is not clear", i)
			}
			continue
		}
		n++
		for j := int(w.hash(s.key) & w.mask); j < i; j++ {
			if w.slots[j].key == 0 {
				t.Fatalf("slot %d is out of reach: slot %d is free", i, j)
			}
		}
	}
	if n != w.n {
		t.Fatalf("%d slots are taken, the length is %d", n, w.n)
	}
}

// A slot leads to a log of 16 GiB; one that would get longer says so.
func TestRef(t *testing.T) {
	const last = 1<<34 - recordAlign
	if r := refOf(0xfedcba98_76543210, last); r.off() != last || r.hash() != 0x76543210 || !r.isOf(0x76543210) {
		t.Errorf("%x leads to %d with hash %x", uint64(r), r.off(), r.hash())
	}
	if ref(0).isOf(0) {
		t.Error("a free slot has the hash 0")
	}
	defer func() {
		if text := fmt.Sprint(recover()); !strings.Contains(text, "16 GiB") {
			t.Errorf("a record that is too far away: %s", text)
		}
	}()
	refOf(0, 1<<34)
}

func TestMapReplaysInTheSameOrder(t *testing.T) {
	var a, b Map[int64]
	for _, m := range []*Map[int64]{&a, &b} {
		for k := range uint64(5000) {
			m.Upsert(mix(k), k)
			if k%3 == 0 {
				m.Delete(mix(k/2), k/2)
			}
		}
	}
	i, j := a.Next(-1), b.Next(-1)
	for i >= 0 && j >= 0 {
		_, x, _, _ := a.At(i)
		_, y, _, _ := b.At(j)
		if x != y {
			t.Fatalf("key %d in one map, %d in the other", x, y)
		}
		i, j = a.Next(i), b.Next(j)
	}
	if i != j {
		t.Fatal("one iteration ends before the other")
	}
}

// Deletes and inserts in turn must leave the table as it was: same capacity, no longer clusters,
// and a byte log of bounded length.
func TestMapChurnStaysBounded(t *testing.T) {
	var m Map[int64]
	const live, rounds = 1000, 30
	for k := range uint64(live) {
		m.UpsertString(mix(k), text(k))
	}
	capacity := len(m.slots)
	logMax := 0
	for k := uint64(live); k < live*rounds; k++ {
		if !m.DeleteString(mix(k-live), text(k-live)) {
			t.Fatalf("key %d is gone", k-live)
		}
		m.UpsertString(mix(k), text(k))
		logMax = max(logMax, len(m.log))
	}
	if len(m.slots) != capacity {
		t.Errorf("%d slots, began with %d", len(m.slots), capacity)
	}
	if most := 3 * live * 110; logMax > most {
		t.Errorf("the log reached %d bytes, want at most %d", logMax, most)
	}
}

func TestMapShrinks(t *testing.T) {
	var m Map[int64]
	const n = 100_000
	for k := range uint64(n) {
		m.Upsert(mix(k), k)
	}
	for k := range uint64(n - 10) {
		m.Delete(mix(k), k)
	}
	m.Upsert(mix(n), n)
	if m.Len() != 11 || len(m.words.slots) > 100 {
		t.Fatalf("%d entries in %d slots", m.Len(), len(m.words.slots))
	}
	for k := range uint64(n) {
		m.Upsert(mix(k), k)
	}
	m.Clear()
	if len(m.words.slots) < n {
		t.Fatalf("a full table lost its capacity: %d slots", len(m.words.slots))
	}
	m.Upsert(1, 1)
	m.Clear()
	if len(m.words.slots) > 100 {
		t.Fatalf("clearing one entry swept %d slots", len(m.words.slots))
	}
}

func TestMapReserve(t *testing.T) {
	for _, n := range []int{0, 1, 6, 7, 12, 13, 1000, 1 << 16} {
		var m Map[int64]
		m.Reserve(n)
		slots := len(m.words.slots)
		for k := range uint64(n) {
			m.Upsert(mix(k), k)
		}
		if len(m.words.slots) != slots {
			t.Errorf("reserved %d: rebuilt from %d to %d slots", n, slots, len(m.words.slots))
		}
	}
}

func TestMapRefusesTwoKindsOfKeys(t *testing.T) {
	var m Map[int64]
	m.Upsert(mix(1), 1)
	defer func() {
		if recover() == nil {
			t.Error("want a panic")
		}
	}()
	m.UpsertString(mix(2), "2")
}

func TestMapReleasesValues(t *testing.T) {
	var m Map[*int]
	for k := range uint64(100) {
		v, _ := m.Upsert(mix(k), k)
		*v = new(int)
	}
	for k := range uint64(50) {
		m.Delete(mix(k), k)
	}
	held := func() (n int) {
		for i := range m.words.slots {
			if m.words.slots[i].v != nil {
				n++
			}
		}
		return n
	}
	if got := held(); got != 50 {
		t.Errorf("%d values held after deletes, want 50", got)
	}
	m.Clear()
	if got := held(); got != 0 {
		t.Errorf("%d values held after clear", got)
	}
}

func TestMapAllocatesNothing(t *testing.T) {
	var words, texts Map[int64]
	keys := make([]string, 2000)
	for k := range keys {
		keys[k] = text(uint64(k))
		words.Upsert(mix(uint64(k)), uint64(k))
		texts.UpsertString(mix(uint64(k)), keys[k])
	}
	var k uint64
	got := testing.AllocsPerRun(1000, func() {
		k = (k + 1) % uint64(len(keys))
		h, s := mix(k), keys[k]
		v, _ := words.Upsert(h, k)
		*v++
		words.Delete(h, k)
		words.Upsert(h, k)
		v, _ = texts.UpsertString(h, s)
		*v += *words.Get(h, k)
		*v += *texts.GetString(h, s)
		for i := words.Next(-1); i >= 0; i = words.Next(i) {
			_, _, _, v := words.At(i)
			*v++
			if i%8 == 0 {
				break
			}
		}
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
	churn := testing.AllocsPerRun(1000, func() {
		k = (k + 1) % uint64(len(keys))
		texts.DeleteString(mix(k), keys[k])
		texts.UpsertString(mix(k), keys[k])
	})
	if churn != 0 { // AllocsPerRun rounds down: a compaction now and then is allowed
		t.Errorf("%v allocations for each deleted and inserted key", churn)
	}
}
