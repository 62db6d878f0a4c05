package keyed

import (
	"encoding/binary"
	"unsafe"
)

const (
	// A record's bytes up to this one are read ahead.
	recordTouched = 28
	// So many places are read ahead at a time.
	touchMax = 256
)

// Touch reads the home slots of hashes, so that the cache misses of a whole batch overlap: a loop
// that calls a user's function between look-ups waits for each miss by itself. The result has no
// meaning; using it keeps the loads alive.
//
// A byte key lies in a log, to which its slot leads. A second pass reads the heads of these, once the
// slots are there.
//
//	hashes ─▶ places of slots ─▶ load, load, … ─▶ places of records ─▶ load, load, …
//
// Where to read is collected before anything is read: a processor looks only a few hundred
// instructions ahead, and so sees all the more loads the less there is between them.
//
//flott:hot
func (t *Table[V]) Touch(hashes []uint64) (sink uint64) {
	var places [touchMax]*byte
	for len(hashes) > 0 {
		part := hashes[:min(len(hashes), touchMax/2)]
		hashes = hashes[len(part):]
		n, bytes := t.slotsOf(part, &places)
		sink ^= load(places[:n])
		if bytes {
			sink ^= load(places[:t.recordsOf(part, &places)])
		}
	}
	return sink
}

// load reads a byte at each place.
func load(places []*byte) (sink uint64) {
	for _, p := range places {
		sink ^= uint64(*p)
	}
	return sink
}

// slotsOf is where the home slots of hashes are, with the words that say whether they have changed, and
// whether some are of byte keys.
func (t *Table[V]) slotsOf(hashes []uint64, places *[touchMax]*byte) (n int, bytes bool) {
	for _, h := range hashes {
		m := t.mapOf(h)
		if m == nil {
			continue
		}
		k := h & m.words.mask
		if k < uint64(len(m.words.slots)) {
			places[n%touchMax] = (*byte)(unsafe.Pointer(&m.words.slots[k].key))
			n++
		} else if k = h & m.mask; k < uint64(len(m.slots)) {
			places[n%touchMax] = (*byte)(unsafe.Pointer(&m.slots[k].ref))
			n++
			bytes = true
		}
		if b := m.marks.fresh; k>>6 < uint64(len(b)) {
			places[n%touchMax] = (*byte)(unsafe.Pointer(&b[k>>6]))
			n++
		}
	}
	return n, bytes
}

// recordsOf is where the log's records are that hashes lead to, two places for each.
func (t *Table[V]) recordsOf(hashes []uint64, places *[touchMax]*byte) (n int) {
	for _, h := range hashes {
		m := t.mapOf(h)
		if m == nil {
			continue
		}
		for i := h & m.mask; i < uint64(len(m.slots)) && m.slots[i].ref != 0; i++ {
			if r := m.slots[i].ref; r.isOf(h) && r.off() < uint64(len(m.log)) {
				end := min(r.off()+recordTouched, uint64(len(m.log)-1)) // often on the next cache line
				places[n%touchMax], places[(n+1)%touchMax] = &m.log[r.off()], &m.log[end]
				n += 2
				break
			}
		}
	}
	return n
}

// Touch is Table.Touch, and reads the ends of the values too: where a value grows.
//
//flott:hot
func (s *Bytes) Touch(hashes []uint64) (sink uint64) {
	sink = s.tracked.Touch(hashes)
	var places [touchMax]*byte
	var blocks [touchMax][]byte
	for len(hashes) > 0 {
		part := hashes[:min(len(hashes), touchMax)]
		hashes = hashes[len(part):]
		n := s.blocksOf(part, &blocks)
		for i, b := range blocks[:n] {
			places[i] = &b[0]
		}
		sink ^= load(places[:n])
		for i, b := range blocks[:n] {
			end := uint64(recordHead) + uint64(binary.LittleEndian.Uint32(b))
			places[i] = &b[min(end, uint64(len(b)-1))]
		}
		sink ^= load(places[:n])
	}
	return sink
}

// blocksOf is the blocks that hashes lead to, some of which may be those of other keys.
func (s *Bytes) blocksOf(hashes []uint64, blocks *[touchMax][]byte) (n int) {
	for _, h := range hashes {
		m := s.mapOf(h)
		if m == nil {
			continue
		}
		ref := uint64(0)
		if k := h & m.words.mask; k < uint64(len(m.words.slots)) {
			ref = m.words.slots[k].v
		} else {
			for i := h & m.mask; i < uint64(len(m.slots)) && m.slots[i].ref != 0; i++ {
				if m.slots[i].ref.isOf(h) {
					ref = m.slots[i].v
					break
				}
			}
		}
		if ref != 0 {
			blocks[n%touchMax] = s.heaps[s.indexOf(h)].at(ref)
			n++
		}
	}
	return n
}

// mapOf is the Map of a hash, nil if its key group is not here.
func (t *Table[V]) mapOf(hash uint64) *Map[V] {
	i := int((hash>>32)*t.maxParallelism>>32) - t.first
	if uint(i) >= uint(len(t.groups)) {
		return nil
	}
	return &t.groups[i]
}

// aheadOf is what a scan of a group reads ahead: the records of byte keys, and what the slots refer to.
func (t *tracked[S]) aheadOf(group int) ahead {
	m := &t.groups[group]
	if len(m.log) == 0 && t.readAhead == nil {
		return nil
	}
	return func(w int, slots []uint64) {
		for k := 0; k < len(slots) && len(m.log) > 0; k++ {
			eachBit(w+k, slots[k], func(i int) {
				if i < len(m.slots) {
					t.touched ^= uint64(m.log[m.slots[i].ref.off()])
				}
			})
		}
		if t.readAhead != nil {
			t.touched ^= t.readAhead(group, w, slots)
		}
	}
}
