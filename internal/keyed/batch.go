package keyed

import "fmt"

// UpsertAll sets out to the values of word keys, made where there are none, and fresh to whether
// they were. A key that is there twice has one value, which is fresh the first time. The pointers are
// valid until a value is made or deleted. V must have no pointers: others are not all there at once.
//
//	keys ──UpsertAll──▶ pointers ──▶ a loop for each aggregate, over columns
func (s *Values[V]) UpsertAll(hashes, words []uint64, out []*V, fresh []bool) {
	s.upsertAll(hashes, out, fresh, func(i int) (*V, bool) {
		if s.plain.front != nil {
			return s.plain.upsertCold(&Current{Hash: hashes[i], Word: words[i]})
		}
		return s.plain.Upsert(hashes[i], words[i])
	}, func(i int) *V { return s.plain.Get(hashes[i], words[i]) })
}

// UpsertAllBytes is UpsertAll for keys that are bytes.
func (s *Values[V]) UpsertAllBytes(hashes []uint64, keys [][]byte, out []*V, fresh []bool) {
	s.upsertAll(hashes, out, fresh, func(i int) (*V, bool) {
		if s.plain.front != nil {
			return s.plain.upsertCold(&Current{Hash: hashes[i], Bytes: keys[i]})
		}
		return s.plain.UpsertBytes(hashes[i], keys[i])
	}, func(i int) *V { return s.plain.GetBytes(hashes[i], keys[i]) })
}

// upsertAll makes values first. That may move those that came before, to which the pointers are then
// found in a second pass; it needs none when all keys were there, in memory.
func (s *Values[V]) upsertAll(hashes []uint64, out []*V, fresh []bool,
	upsert func(i int) (*V, bool), get func(i int) *V,
) {
	if !s.isPlain {
		panic(fmt.Errorf("keyed: values of type %T have pointers", *new(V)))
	}
	s.plain.Touch(hashes)
	some := s.plain.front != nil
	for i := range hashes {
		out[i], fresh[i] = upsert(i)
		some = some || fresh[i]
	}
	if some {
		for i := range hashes {
			out[i] = get(i)
		}
	}
}
