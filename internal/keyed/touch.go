package keyed

// A record's bytes up to this one are read ahead.
const recordTouched = 24

// Touch reads the home slots of hashes, so that the cache misses of a whole batch overlap: a loop
// that calls a user's function between look-ups waits for each miss by itself. The result has no
// meaning; using it keeps the loads alive.
//
// A byte key lies in a log, to which its slot leads. A second pass reads the heads of these, once the
// slots are there.
//
//flott:hot
func (t *Table[V]) Touch(hashes []uint64) (sink uint64) {
	groups, first, n := t.groups, t.first, t.maxParallelism
	bytes := false
	for _, h := range hashes {
		i := int((h>>32)*n>>32) - first
		if uint(i) >= uint(len(groups)) {
			continue
		}
		m := &groups[i]
		k := h & m.words.mask
		if k < uint64(len(m.words.slots)) {
			sink ^= m.words.slots[k].key
		} else if k = h & m.mask; k < uint64(len(m.slots)) {
			sink ^= m.slots[k].hash
			bytes = true
		}
		if b := m.marks.bits[markChanged]; k>>6 < uint64(len(b)) {
			sink ^= b[k>>6]
		}
	}
	if !bytes {
		return sink
	}
	for _, h := range hashes {
		i := int((h>>32)*n>>32) - first
		if uint(i) < uint(len(groups)) {
			sink ^= groups[i].touchRecord(stored(h))
		}
	}
	return sink
}

// touchRecord reads the head of the log's record that a hash leads to.
func (m *Map[V]) touchRecord(hash uint64) uint64 {
	for i := hash & m.mask; i < uint64(len(m.slots)); i++ {
		s := &m.slots[i]
		switch {
		case s.hash == hash && s.off < uint64(len(m.log)):
			end := min(s.off+recordTouched, uint64(len(m.log)-1)) // often on the next cache line
			return uint64(m.log[s.off]) ^ uint64(m.log[end])
		case s.hash == hash || s.hash == 0:
			return 0
		}
	}
	return 0
}

// aheadOf is what a scan of a group reads ahead: the records of byte keys, and what the slots refer to.
func (t *tracked[S]) aheadOf(group int) ahead {
	m := &t.groups[group]
	if len(m.log) == 0 && t.readAhead == nil {
		return nil
	}
	return func(w int, slots uint64) {
		if len(m.log) > 0 {
			eachBit(w, slots, func(i int) {
				if i < len(m.slots) {
					t.touched ^= uint64(m.log[m.slots[i].off])
				}
			})
		}
		if t.readAhead != nil {
			t.touched ^= t.readAhead(group, w, slots)
		}
	}
}
