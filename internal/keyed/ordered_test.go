package keyed

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/codec"
	"pgregory.net/rapid"
)

func TestOrderedAgainstModel(t *testing.T) {
	c := mustCodec[string](t)
	rapid.Check(t, func(t *rapid.T) {
		b := newTestBackend(rapid.Bool().Draw(t, "word"))
		s := NewOrdered(b, c)
		model := map[string]map[string]string{}
		h := newHistory(b, s, func(b *Backend) State { return NewOrdered(b, c) })
		h.dump = func(st State) map[string]string {
			got, s, n := map[string]string{}, st.(*Ordered[string]), 0
			for k := range h.domain + 1 {
				h.setKeyTo(k)
				s.keys.Current = h.b.Current
				m := map[string]string{}
				last := "-"
				for sub, v := range s.Ascend(nil) {
					if last != "-" && string(sub) <= last {
						panic(fmt.Sprintf("%q after %q", sub, last))
					}
					last = string(sub)
					m[last] = v
				}
				if n += len(m); s.Len() != len(m) {
					panic("a wrong length")
				}
				if len(m) > 0 {
					got[h.key] = fmt.Sprint(m)
				}
			}
			if n != s.records.Len() || s.heads.Len() != len(got) {
				panic("entries that are of no key")
			}
			return got
		}
		of := func() map[string]string {
			if h.model[h.key] == "" {
				model[h.key] = map[string]string{}
			}
			return model[h.key]
		}
		changed := func() {
			if h.model[h.key] = fmt.Sprint(of()); len(model[h.key]) == 0 {
				delete(h.model, h.key)
			}
		}
		subs := rapid.Custom(func(t *rapid.T) string { // with and without common prefixes
			return strings.Repeat("same", rapid.IntRange(0, 3).Draw(t, "prefix")) +
				rapid.SampledFrom([]string{"", "\x00", "a", "ab", "b", "\xff", "zz"}).Draw(t, "rest")
		})
		h.run(t, map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "times") {
					h.setKey(t)
					sub, v := subs.Draw(t, "sub"), text(rapid.Uint64Range(0, 30).Draw(t, "v"))
					old, ok := s.Get([]byte(sub))
					if want, had := of()[sub]; ok != had || old != want {
						t.Fatalf("%q of %q: got %q, %v", sub, h.key, old, ok)
					}
					s.Put([]byte(sub), v)
					m := of()
					m[sub], h.model[h.key] = v, "some"
					changed()
				}
			},
			"delete": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "times") {
					h.setKey(t)
					sub := subs.Draw(t, "sub")
					if _, had := of()[sub]; s.Delete([]byte(sub)) != had {
						t.Fatalf("%q of %q was there: %v", sub, h.key, had)
					}
					delete(of(), sub)
					changed()
				}
			},
			"scan": func(t *rapid.T) {
				h.setKey(t)
				from, n := subs.Draw(t, "from"), 0
				var up, down, want []string
				for sub := range s.Ascend([]byte(from)) {
					up = append(up, string(sub))
				}
				for sub := range of() {
					want = append(want, sub)
				}
				slices.Sort(want)
				n, _ = slices.BinarySearch(want, from)
				if !slices.Equal(up, want[n:]) {
					t.Fatalf("from %q upwards: got %q, want %q", from, up, want[n:])
				}
				for sub := range s.Descend([]byte(from)) {
					down = append(down, string(sub))
				}
				below := slices.Clone(want[:n])
				if slices.Reverse(below); from != "" && !slices.Equal(down, below) {
					t.Fatalf("from %q downwards: got %q, want %q", from, down, below)
				}
				first, _, ok := s.First()
				last, _, _ := s.Last()
				if key, hasKey := s.LastKey(); hasKey != ok || string(key) != string(last) {
					t.Fatalf("the last key is %q, of %q", key, want)
				}
				if ok != (len(want) > 0) || ok && (string(first) != want[0] || string(last) != want[len(want)-1]) {
					t.Fatalf("first %q, last %q of %q", first, last, want)
				}
			},
			"drop the first": func(t *rapid.T) {
				h.setKey(t)
				n := rapid.IntRange(0, 3).Draw(t, "n")
				for sub := range s.Ascend(nil) {
					if n--; n < 0 {
						break
					}
					delete(of(), string(sub))
					s.Delete(sub)
				}
				changed()
			},
			"drop": func(t *rapid.T) {
				h.setKey(t)
				s.Drop()
				clear(of())
				changed()
			},
		})
	})
}

func TestMultiset(t *testing.T) {
	b := newTestBackend(true)
	s, err := NewMultiset(b)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{}
	x := xorshift(1)
	for range 2000 {
		k := x.next() % 3
		row, n := text(x.next()%9), int64(x.next()%5)-2
		key := fmt.Sprint(k, row)
		want[key] += n
		b.Set(codec.HashWord(k), k, nil)
		counts := make([]int64, 1)
		s.AddAll([]uint64{codec.HashWord(k)}, []uint64{k}, nil, [][]byte{[]byte(row)}, []int64{n}, counts)
		if counts[0] != want[key] {
			t.Fatalf("%s: %d, want %d", key, counts[0], want[key])
		}
	}
	for k := range uint64(3) {
		b.Set(codec.HashWord(k), k, nil)
		for row, n := range s.Ascend(nil) {
			key := fmt.Sprint(k, string(row))
			if want[key] != n || n == 0 {
				t.Errorf("%s: %d, want %d", key, n, want[key])
			}
			want[key] = 0
		}
	}
	for key, n := range want {
		if n != 0 {
			t.Errorf("%s is not there; want %d", key, n)
		}
	}
}

func TestUpsertAll(t *testing.T) {
	for i := range 4 {
		isWord, onDisk := i%2 == 0, i/2 != 0
		b := newTestBackend(isWord)
		defer putOnDisk(b, onDisk)()
		s := NewValues(b, mustCodec[int64](t))
		want := map[uint64]int64{}
		x := xorshift(1)
		for range 50 {
			const n = 100
			if onDisk {
				b.cold.tables[0].evict(0.5)
			}
			var hashes, words []uint64
			var keys [][]byte
			for range n {
				k := x.next()%500 - 1
				words, keys = append(words, k), append(keys, []byte(text(k)))
				if isWord {
					hashes = append(hashes, codec.HashWord(k))
				} else {
					hashes = append(hashes, codec.HashString(text(k)))
				}
			}
			out, fresh := make([]*int64, n), make([]bool, n)
			if isWord {
				s.UpsertAll(hashes, words, out, fresh)
			} else {
				s.UpsertAllBytes(hashes, keys, out, fresh)
			}
			for i, v := range out {
				if _, had := want[words[i]]; fresh[i] == had {
					t.Fatalf("fresh %v, had %v", fresh[i], had)
				}
				*v += int64(i)
				if want[words[i]] += int64(i); *v != want[words[i]] {
					t.Fatalf("key %d: %d, want %d", words[i], *v, want[words[i]])
				}
			}
		}
		if s.Len() != len(want) {
			t.Errorf("%d keys, want %d", s.Len(), len(want))
		}
	}
}

// BenchmarkOrdered puts, reads and deletes the oldest of as many entries as keys, at random.
func BenchmarkOrdered(b *testing.B) {
	const keys, each = 10_000, 10
	s := NewOrdered(&Backend{IsWord: true, MaxParallelism: 128, Last: 127}, mustCodec[int64](b))
	x, sub := xorshift(88172645463325252), make([]byte, 8)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		k := x.next() % keys
		s.keys.Set(mix(k), k, nil)
		for j := range sub {
			sub[7-j] = byte(i >> (8 * j))
		}
		s.Put(sub, int64(i))
		if s.Len() > each {
			first, _ := s.FirstKey()
			s.Delete(first)
		}
	}
}
