package keyed

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTableAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const groups, first, last = 128, 32, 63
		table := NewTable[int64](groups, first, last)
		model := map[uint64]int64{}
		// A hash inside the range: key groups 32 to 63 of 128 are the second quarter.
		hash := func(k uint64) uint64 { return mix(k)>>2 | 1<<62 }
		for i := range table.groups {
			table.groups[i].words.hashOf = hash
		}
		for range rapid.IntRange(0, 500).Draw(t, "operations") {
			k := rapid.Uint64Range(0, 200).Draw(t, "key")
			switch rapid.IntRange(0, 3).Draw(t, "operation") {
			case 0, 1:
				v, fresh := table.Upsert(hash(k), k)
				if _, had := model[k]; had == fresh {
					t.Fatalf("key %d: fresh %v", k, fresh)
				}
				*v++
				model[k]++
			case 2:
				_, had := model[k]
				if table.Delete(hash(k), k) != had {
					t.Fatalf("key %d: delete is not %v", k, had)
				}
				delete(model, k)
			case 3:
				if v, want := table.Get(hash(k), k), model[k]; v != nil && *v != want {
					t.Fatalf("key %d: got %d, want %d", k, *v, want)
				}
			}
		}
		if table.Len() != len(model) {
			t.Fatalf("length %d, want %d", table.Len(), len(model))
		}
		seen := 0
		for kg := first; kg <= last; kg++ {
			table.RangeGroup(kg, func(h, word uint64, key []byte, v *int64) bool {
				if got := int((h >> 32) * groups >> 32); got != kg || model[word] != *v {
					t.Fatalf("key %d of key group %d in %d, value %d", word, got, kg, *v)
				}
				seen++
				return true
			})
		}
		if seen != len(model) {
			t.Fatalf("the key groups hold %d entries, want %d", seen, len(model))
		}
		table.Range(func(h, word uint64, _ []byte, v *int64) bool {
			seen--
			return table.Delete(h, word)
		})
		if seen != 0 || table.Len() != 0 {
			t.Fatalf("%d entries not reached, %d left", seen, table.Len())
		}
	})
}

func TestTableByteKeys(t *testing.T) {
	table := NewTable[int64](16, 0, 15)
	for k := range uint64(1000) {
		v, _ := table.UpsertString(mix(k), text(k))
		*v = int64(k)
		if w, fresh := table.UpsertBytes(mix(k), []byte(text(k))); fresh || w != v {
			t.Fatalf("key %d is not the same as bytes", k)
		}
	}
	for k := range uint64(1000) {
		v, w := table.GetBytes(mix(k), []byte(text(k))), table.GetString(mix(k), text(k))
		if *v != int64(k) || v != w {
			t.Fatalf("key %d has value %d", k, *v)
		}
		if k%2 == 0 && !table.DeleteString(mix(k), text(k)) {
			t.Fatalf("key %d is not there", k)
		}
	}
	if table.Len() != 500 || table.DeleteBytes(mix(0), nil) {
		t.Fatalf("%d entries", table.Len())
	}
	table.Clear()
	if table.Len() != 0 || table.Group(3).Next(-1) >= 0 {
		t.Fatalf("%d entries after clear", table.Len())
	}
}

func TestTableRefusesForeignKeyGroups(t *testing.T) {
	for _, hash := range []uint64{0, 1 << 62, 1<<63 - 1, 1<<64 - 1} {
		func() {
			defer func() {
				if got, want := recover() == nil, hash>>62 == 1; got != want {
					t.Errorf("hash %x: accepted %v, want %v", hash, got, want)
				}
			}()
			NewTable[int64](4, 1, 1).Upsert(hash, 1)
		}()
	}
}

// A table that has room for its entries is not rebuilt while they come.
func TestReserve(t *testing.T) {
	const n = 10_000
	for _, words := range []bool{true, false} {
		var m Map[int64]
		put := func(k uint64) {
			if words {
				v, _ := m.Upsert(mix(k), k)
				*v = int64(k)
				return
			}
			v, _ := m.UpsertString(mix(k), text(k))
			*v = int64(k)
		}
		put(0)
		m.Reserve(n)
		before := len(m.words.slots) + len(m.slots)
		for k := range uint64(n) {
			put(k)
		}
		if after := len(m.words.slots) + len(m.slots); after != before || m.Len() != n {
			t.Errorf("words %v: %d slots grew to %d for %d entries", words, before, after, m.Len())
		}
		m.Reserve(1) // does not shrink it
		if after := len(m.words.slots) + len(m.slots); after != before {
			t.Errorf("words %v: %d slots became %d", words, before, after)
		}
	}
}
