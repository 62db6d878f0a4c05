package keyed

// Touch reads the home slots of hashes, so that the cache misses of a whole batch overlap: a loop
// that calls a user's function between look-ups waits for each miss by itself. The result has no
// meaning; using it keeps the loads alive.
//
//flott:hot
func (t *Table[V]) Touch(hashes []uint64) (sink uint64) {
	groups, first, n := t.groups, t.first, t.maxParallelism
	for _, h := range hashes {
		i := int((h>>32)*n>>32) - first
		if uint(i) >= uint(len(groups)) {
			continue
		}
		m := &groups[i]
		if k := h & m.words.mask; k < uint64(len(m.words.slots)) {
			sink ^= m.words.slots[k].key
		} else if k := h & m.mask; k < uint64(len(m.slots)) {
			sink ^= m.slots[k].hash
		}
	}
	return sink
}
