package keyed

import "github.com/flott-dev/flott/internal/codec"

// words is the part of a Map that holds word keys: open addressing with linear probing, 16 bytes a
// slot for a value of eight. It needs no hash in its slots, since the hash of a word is cheap to
// compute again where entries move.
type words[V any] struct {
	slots    []wordSlot[V] // capacity home slots, then the slack
	mask     uint64        // capacity - 1
	n        int           // entries in slots
	limit    int           // an insertion at n >= limit rebuilds the table first
	shrinkAt int           // a delete below this sets limit to 0
	top      *V            // of the word that is no key of a slot: the largest
	hashOf   func(word uint64) uint64
}

// A slot is free when its key is 0: the key is the word plus one.
type wordSlot[V any] struct {
	v   V
	key uint64
}

// Upsert returns the value of a word key, and whether the key is fresh: it was absent and has now
// the zero value. The hash is codec.HashWord(word).
//
//flott:hot
func (m *Map[V]) Upsert(hash, word uint64) (v *V, fresh bool) {
	w, key := &m.words, word+1
	if key == 0 {
		return m.upsertTop()
	}
	i := int(hash & w.mask)
	for ; i < len(w.slots); i++ {
		s := &w.slots[i]
		if s.key == key {
			if m.marks.isFirst(i) {
				m.firstChange(i)
			}
			return &s.v, false
		}
		if s.key == 0 {
			break
		}
	}
	if w.n >= w.limit || i >= len(w.slots) {
		i = m.makeWordRoom(hash)
	}
	w.n++
	s := &w.slots[i]
	s.key = key
	if m.marks.track != nil {
		m.marks.create(i)
	}
	return &s.v, true
}

// Get returns the value of a word key, nil if it is absent.
//
//flott:hot
func (m *Map[V]) Get(hash, word uint64) *V {
	w, key := &m.words, word+1
	if key == 0 {
		return w.top
	}
	if i := w.find(hash, key); i >= 0 {
		return &w.slots[i].v
	}
	return nil
}

// findWord returns the index of a word key as Next does, -1 if it is absent.
func (m *Map[V]) findWord(hash, word uint64) int {
	w, key := &m.words, word+1
	if key == 0 {
		if w.top == nil {
			return -1
		}
		return len(w.slots)
	}
	return w.find(hash, key)
}

// Delete removes a word key and reports whether it was there.
//
//flott:hot
func (m *Map[V]) Delete(hash, word uint64) bool {
	i := m.findWord(hash, word)
	if i >= 0 {
		m.deleteWord(i)
	}
	return i >= 0
}

func (m *Map[V]) deleteWord(i int) {
	if m.marks.track != nil {
		m.bury(i)
	}
	w := &m.words
	if i < len(w.slots) {
		w.remove(i, &m.marks)
		return
	}
	w.top = nil
	m.marks.drop(i)
}

func (w *words[V]) find(hash, key uint64) int {
	for i := int(hash & w.mask); i < len(w.slots); i++ {
		switch w.slots[i].key {
		case key:
			return i
		case 0:
			return -1
		}
	}
	return -1
}

func (m *Map[V]) upsertTop() (v *V, fresh bool) {
	if m.n > 0 {
		panicMixed()
	}
	i := len(m.words.slots)
	if fresh = m.words.top == nil; fresh {
		m.words.top = new(V)
		if m.marks.track != nil {
			m.marks.create(i)
		}
	} else if m.marks.isFirst(i) {
		m.firstChange(i)
	}
	return m.words.top, fresh
}

func (w *words[V]) len() int {
	if w.top != nil {
		return w.n + 1
	}
	return w.n
}

func (w *words[V]) hash(key uint64) uint64 {
	if w.hashOf != nil {
		return w.hashOf(key - 1)
	}
	return codec.HashWord(key - 1)
}

// makeWordRoom rebuilds the table for one more entry if needed and returns the free slot for the
// hash.
func (m *Map[V]) makeWordRoom(hash uint64) int {
	if m.n > 0 {
		panicMixed()
	}
	w := &m.words
	if w.n >= w.limit {
		w.rebuild(capacityFor(w.n+1), 0, &m.marks)
	}
	i := w.free(hash)
	for i < 0 {
		capacity := int(w.mask) + 1
		w.rebuild(capacity, 2*(len(w.slots)-capacity), &m.marks)
		i = w.free(hash)
	}
	return i
}

// free returns the first free slot from the home of the hash, -1 if the slack is full.
func (w *words[V]) free(hash uint64) int {
	for i := int(hash & w.mask); i < len(w.slots); i++ {
		if w.slots[i].key == 0 {
			return i
		}
	}
	return -1
}

// rebuild moves all entries to a new slot array: see Map.rebuild.
func (w *words[V]) rebuild(capacity, slack int, k *marks) {
	k.keepWritten(len(w.slots))
	old, oldMarks := w.slots, *k
	w.set(capacity, slack)
	k.resize(len(w.slots))
	for !w.fill(old, k, &oldMarks) {
		w.set(capacity, 2*(len(w.slots)-capacity))
		k.resize(len(w.slots))
	}
	if k.track != nil && w.top != nil {
		k.carry(&oldMarks, len(old), len(w.slots))
	}
}

func (w *words[V]) set(capacity, slack int) {
	if slack == 0 {
		slack = min(capacity/2, slackMax)
	}
	w.slots = make([]wordSlot[V], capacity+slack)
	w.mask = uint64(capacity - 1)
	w.limit, w.shrinkAt = limits(capacity)
}

func (w *words[V]) fill(src []wordSlot[V], k, from *marks) bool {
	marked := uint64(0)
	for i := range src {
		if i&63 == 0 {
			marked = from.any(i >> 6)
		}
		s := &src[i]
		if s.key == 0 {
			continue
		}
		j := w.free(w.hash(s.key))
		if j < 0 {
			return false
		}
		w.slots[j] = *s
		if marked>>(uint(i)&63)&1 != 0 {
			k.carry(from, i, j)
		}
	}
	return true
}

// remove frees a slot and closes the gap: see Map.removeSlot.
func (w *words[V]) remove(i int, k *marks) {
	gap := i
	for j := i + 1; j < len(w.slots); j++ {
		s := &w.slots[j]
		if s.key == 0 {
			break
		}
		if int(w.hash(s.key)&w.mask) <= gap {
			w.slots[gap] = *s
			k.move(j, gap)
			gap = j
		}
	}
	w.slots[gap] = wordSlot[V]{}
	k.drop(gap)
	w.n--
	if w.n < w.shrinkAt {
		w.limit = 0
	}
}

func (w *words[V]) clear() {
	switch {
	case w.n == 0:
	case w.n*clearRatio < len(w.slots):
		w.set(capacityFor(w.n), 0)
	default:
		clear(w.slots)
	}
	w.n, w.top = 0, nil
}

func (w *words[V]) reserve(n int, k *marks) {
	w.rebuild(capacityOf(max(n, w.n)), 0, k)
}

// next is Map.Next. The entry of the largest word stands behind the slots.
func (w *words[V]) next(i int) int {
	if i < 0 {
		if w.top != nil {
			return len(w.slots)
		}
		i = len(w.slots)
	}
	if w.n == 0 {
		return -1
	}
	for i--; i >= 0; i-- {
		if w.slots[i].key != 0 {
			return i
		}
	}
	return -1
}

func (w *words[V]) at(i int) (hash, word uint64, v *V) {
	if i == len(w.slots) {
		return w.hash(0), ^uint64(0), w.top
	}
	s := &w.slots[i]
	return w.hash(s.key), s.key - 1, &s.v
}

func panicMixed() { panic("keyed: a map has word keys or byte keys, not both") }
