package keyed

// Next returns the index of the entry after index i in iteration order, -1 after the last one.
// It starts with -1:
//
//	for i := m.Next(-1); i >= 0; i = m.Next(i) {
//		hash, word, key, v := m.At(i)
//	}
//
// The order depends only on the calls that built the Map. On the way the current entry may be
// deleted and values may be written; any other Upsert or Delete ends the iteration.
func (m *Map[V]) Next(i int) int {
	if m.n == 0 {
		return m.words.next(i)
	}
	if i < 0 {
		i = len(m.slots)
	}
	for i--; i >= 0; i-- {
		if m.slots[i].hash != 0 {
			return i
		}
	}
	return -1
}

// At returns the entry at an index that Next returned. The key is nil for word keys, and the word
// is 0 for byte keys. Key and value are valid until the next Upsert, Delete or Clear.
func (m *Map[V]) At(i int) (hash, word uint64, key []byte, v *V) {
	if m.n == 0 {
		hash, word, v = m.words.at(i)
		return hash, word, nil, v
	}
	s := &m.slots[i]
	return s.hash, 0, record(m.log, s.off), &s.v
}

// DeleteAt removes the entry at an index that Next returned.
func (m *Map[V]) DeleteAt(i int) {
	if m.n == 0 {
		m.words.deleteAt(i)
		return
	}
	m.removeSlot(i)
}

// Range calls f for all entries in the order of Next, until f returns false. f may delete the
// entry that it was called for.
func (m *Map[V]) Range(f func(hash, word uint64, key []byte, v *V) bool) {
	for i := m.Next(-1); i >= 0; i = m.Next(i) {
		if !f(m.At(i)) {
			return
		}
	}
}
