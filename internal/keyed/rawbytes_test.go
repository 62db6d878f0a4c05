package keyed

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestBytesAgainstModel(t *testing.T) {
	checkMerged(t, func(t *rapid.T, n *accesses) {
		b := newTestBackend(rapid.Bool().Draw(t, "word"))
		defer putOnDisk(b, rapid.Bool().Draw(t, "disk"))()
		n.count(b)
		s := NewBytes(b)
		h := newHistory(b, s, func(b *Backend) State { return NewBytes(b) })
		h.dump = func(st State) map[string]string {
			got, s := map[string]string{}, st.(*Bytes)
			for k := range h.domain + 1 {
				h.setKeyTo(k)
				s.b.Current = h.b.Current
				if v := s.Get(); v != nil {
					got[h.key] = string(v)
				}
			}
			if len(got) != s.Len() && b.cold == nil {
				panic("bytes that are of no key")
			}
			return got
		}
		set := func(v []byte) {
			if h.model[h.key] = string(v); len(v) == 0 {
				delete(h.model, h.key)
			}
		}
		some := rapid.SliceOfN(rapid.Byte(), 1, 40)
		h.run(t, map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "times") {
					h.setKey(t)
					more := some.Draw(t, "more")
					if fresh := s.Append(more); !fresh && h.model[h.key] == "" || fresh && h.model[h.key] != "" && b.cold == nil {
						t.Fatalf("fresh: %v", fresh)
					}
					set(slices.Concat([]byte(h.model[h.key]), more))
				}
			},
			"put": func(t *rapid.T) {
				h.setKey(t)
				v := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value")
				if fresh := s.Put(v); fresh != (len(v) > 0 && h.model[h.key] == "") {
					t.Fatalf("fresh: %v", fresh)
				}
				set(v)
			},
			"change": func(t *rapid.T) {
				h.setKey(t)
				v := s.Change()
				for i := range v {
					v[i]++
				}
				set(bytes.Clone(v))
			},
			"cut": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "times") {
					h.setKey(t)
					v := []byte(h.model[h.key])
					if len(v) == 0 {
						continue
					}
					from := rapid.IntRange(0, len(v)-1).Draw(t, "from")
					to := rapid.IntRange(from+1, len(v)).Draw(t, "to")
					s.Cut(from, to)
					set(slices.Delete(v, from, to))
				}
			},
			"read": func(t *rapid.T) {
				h.setKey(t)
				if got := s.Get(); string(got) != h.model[h.key] {
					t.Fatalf("key %s: got %q, want %q", h.key, got, h.model[h.key])
				}
			},
		})
	})
}
