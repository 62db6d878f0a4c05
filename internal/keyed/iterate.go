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
		if m.slots[i].ref != 0 {
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
	hash, key = record(m.log, s.ref)
	return hash, 0, key, &s.v
}

// valueAt is the value of At.
func (m *Map[V]) valueAt(i int) *V {
	switch {
	case m.n > 0:
		return &m.slots[i].v
	case i < len(m.words.slots):
		return &m.words.slots[i].v
	}
	return m.words.top
}

// keyAt is the key of At.
func (m *Map[V]) keyAt(i int) (word uint64, key []byte) {
	switch {
	case m.n > 0:
		_, key = record(m.log, m.slots[i].ref)
		return 0, key
	case i < len(m.words.slots):
		return m.words.slots[i].key - 1, nil
	}
	return ^uint64(0), nil
}

// isAt reports whether the entry of a key stands at an index, which may be any number.
func (m *Map[V]) isAt(i int, k *Current, isWord bool) bool {
	if isWord {
		return uint(i) < uint(len(m.words.slots)) && m.words.slots[i].key == k.Word+1 && k.Word+1 != 0
	}
	return uint(i) < uint(len(m.slots)) && m.slots[i].ref.isOf(k.Hash) &&
		recordIs(m.log, m.slots[i].ref, asString(k.Bytes))
}

// DeleteAt removes the entry at an index that Next returned.
func (m *Map[V]) DeleteAt(i int) {
	if m.n == 0 {
		m.deleteWord(i)
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
