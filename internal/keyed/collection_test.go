package keyed

import (
	"fmt"
	"slices"
	"testing"

	"github.com/flott-dev/flott/internal/codec"
	"pgregory.net/rapid"
)

func TestListAgainstModel(t *testing.T) {
	checkList(t, "string", func(x int) string { return text(uint64(x % 30)) })
	checkList(t, "int64", func(x int) int64 { return int64(x) })
	checkList(t, "empty", func(int) struct{} { return struct{}{} })
}

func checkList[E any](t *testing.T, name string, item func(x int) E) {
	c, err := codec.For[E](nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Run(name, func(t *testing.T) {
		checkMerged(t, func(t *rapid.T, n *accesses) {
			b := newTestBackend(rapid.Bool().Draw(t, "word"))
			defer putOnDisk(b, rapid.Bool().Draw(t, "disk"))()
			n.count(b)
			l := NewList(b, c)
			lists := map[string][]E{}
			h := newHistory(l.b, l, func(b *Backend) State { return NewList(b, c) })
			h.dump = func(s State) map[string]string {
				got, l := map[string]string{}, s.(*List[E])
				for k := range h.domain + 1 {
					h.setKeyTo(k)
					l.b.Current = h.b.Current
					if items := l.Get(); items != nil {
						got[h.key] = fmt.Sprintf("%#v", items)
					}
				}
				if len(got) != l.Len() && l.b.cold == nil {
					panic("lists that are of no key")
				}
				return got
			}
			set := func(items []E) {
				lists[h.key] = items
				h.model[h.key] = fmt.Sprintf("%#v", items)
				if len(items) == 0 {
					delete(h.model, h.key)
				}
			}
			h.run(t, map[string]func(*rapid.T){
				"add": func(t *rapid.T) {
					for range rapid.IntRange(1, 20).Draw(t, "times") {
						h.setKey(t)
						if h.model[h.key] == "" {
							lists[h.key] = nil
						}
						e := item(rapid.IntRange(0, 1000).Draw(t, "x"))
						l.Add(e, e)
						set(append(slices.Clone(lists[h.key]), e, e))
					}
				},
				"set": func(t *rapid.T) {
					h.setKey(t)
					items := make([]E, rapid.IntRange(0, 5).Draw(t, "n"))
					l.Set(items)
					set(items)
				},
				"read": func(t *rapid.T) {
					h.setKey(t)
					got, want := l.Get(), h.model[h.key]
					if got == nil && want != "" || got != nil && fmt.Sprintf("%#v", got) != want {
						t.Fatalf("key %s: got %#v, want %s", h.key, got, want)
					}
				},
				"drop": func(t *rapid.T) {
					for range rapid.IntRange(1, 20).Draw(t, "times") {
						h.setKey(t)
						l.Drop()
						set(nil)
					}
				},
			})
		})
	})
}

func TestMapStateAgainstModel(t *testing.T) {
	mapKey, err := codec.KeyFor[string](nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := codec.For[[]int](nil)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		type maps = map[string]map[string][]int
		b := newTestBackend(rapid.Bool().Draw(t, "word"))
		defer putOnDisk(b, rapid.Bool().Draw(t, "disk"))()
		s := NewMapState(b, mapKey, c)
		model := maps{}
		h := newHistory(b, s, func(b *Backend) State { return NewMapState(b, mapKey, c) })
		h.dump = func(st State) map[string]string {
			got, s := map[string]string{}, st.(*MapState[string, []int])
			n := 0
			for k := range h.domain + 1 {
				h.setKeyTo(k)
				s.keys.Current = h.b.Current
				m := map[string][]int{}
				for mk, v := range s.All {
					m[mk] = v
				}
				if n += len(m); len(m) != s.Len() {
					panic(fmt.Sprintf("%d entries, the length is %d", len(m), s.Len()))
				}
				if len(m) > 0 {
					got[h.key] = fmt.Sprint(m)
				}
			}
			if b.cold == nil && (n != s.records.Len() || s.heads.Len() != len(got)) {
				panic("entries that are of no key")
			}
			return got
		}
		changed := func() {
			h.model[h.key] = fmt.Sprint(model[h.key])
			if len(model[h.key]) == 0 {
				delete(h.model, h.key)
			}
		}
		of := func() map[string][]int {
			if h.model[h.key] == "" {
				model[h.key] = map[string][]int{}
			}
			return model[h.key]
		}
		names := rapid.Map(rapid.IntRange(0, 6), func(x int) string { return text(uint64(x)) })
		h.run(t, map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "times") {
					h.setKey(t)
					mk, v := names.Draw(t, "name"), make([]int, rapid.IntRange(0, 9).Draw(t, "n"))
					old, ok := s.Get(mk)
					if want, had := of()[mk]; ok != had || len(old) != len(want) {
						t.Fatalf("key %q, %q: got %v (%v), want %v (%v)", h.key, mk, old, ok, want, had)
					}
					s.Put(mk, v)
					of()[mk] = v
					changed()
				}
			},
			"remove": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "times") {
					h.setKey(t)
					mk := names.Draw(t, "name")
					s.Remove(mk)
					delete(of(), mk)
					changed()
				}
			},
			"change in a loop": func(t *rapid.T) {
				h.setKey(t)
				seen := map[string]bool{}
				for mk := range s.All {
					if seen[mk] {
						t.Fatalf("%q twice", mk)
					}
					seen[mk] = true
					for _, other := range []string{mk, names.Draw(t, "other")} {
						s.Remove(other)
						delete(of(), other)
						changed()
					}
				}
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
