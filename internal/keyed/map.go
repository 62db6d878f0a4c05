package keyed

import "math/bits"

const (
	capacityMin = 8
	// A table grows when loadNum/loadDen of its home slots are taken. See
	// docs/rationale/002-key-tables-and-timers.md for the alternatives.
	loadNum, loadDen = 3, 4
	// A table that is emptier than 1/shrinkRatio is rebuilt smaller by the next insertion.
	shrinkRatio = 16
	// Clear sweeps the slots unless fewer than 1/clearRatio of them are taken; then it replaces
	// the table by one that fits what was in it.
	clearRatio = 16
	slackMax   = 64
)

// A slot is free when its ref is 0. The value comes first, so that an empty V costs nothing.
type slot[V any] struct {
	v   V
	ref ref
}

// Map is an open-addressing hash table with values of type V inline. Its keys are either words
// (Upsert, Get, Delete) or bytes (the methods ending in Bytes and String), never both in one Map.
// The zero value is an empty Map. A Map belongs to one goroutine.
//
// A returned *V is valid until the next Upsert, Delete or Clear of any key.
type Map[V any] struct {
	words words[V] // word keys; the rest holds byte keys

	slots    []slot[V] // capacity home slots, then the slack
	mask     uint64    // capacity - 1
	n        int       // entries
	limit    int       // an insertion at n >= limit rebuilds the table first
	shrinkAt int       // a delete below this sets limit to 0
	log      []byte    // records of byte keys: see bytes.go
	dead     int       // bytes of the log that belong to deleted keys

	marks marks // of changes, for snapshots
}

// Len returns the number of entries.
func (m *Map[V]) Len() int { return m.n + m.words.len() }

// Clear removes all entries and lets go of what their values point to. It keeps the capacity,
// unless only a small part of it was in use: the cost follows the entries, not the capacity.
//
// What it removes is not remembered as deleted: see tracked.Clear.
func (m *Map[V]) Clear() {
	m.words.clear()
	switch {
	case m.n == 0:
	case m.n*clearRatio < len(m.slots):
		m.setSlots(capacityFor(m.n), 0)
		m.log = nil
	default:
		clear(m.slots)
	}
	m.n, m.dead = 0, 0
	m.log = m.log[:0]
	m.marks.clear(max(len(m.slots), len(m.words.slots)))
}

// Reserve makes room for n entries in all, so that filling a table of known size does not rebuild it
// on the way. An empty table is taken for one of word keys.
func (m *Map[V]) Reserve(n int) {
	switch {
	case m.n > 0 && n > m.limit:
		m.rebuild(capacityOf(n), 0)
	case m.n == 0 && n > m.words.limit:
		m.words.reserve(n, &m.marks)
	}
}

// capacityOf returns the capacity of the smallest table that n entries do not make grow.
func capacityOf(n int) int {
	slots := (n*loadDen + loadNum - 1) / loadNum
	return max(capacityMin, 1<<bits.Len(uint(slots-1)))
}

// capacityFor returns the capacity of a table that is at most half full with n entries.
func capacityFor(n int) int {
	if n <= capacityMin/2 {
		return capacityMin
	}
	return 1 << bits.Len(uint(2*n-1))
}

// makeRoom rebuilds the table for one more entry if needed and returns the free slot for the hash.
func (m *Map[V]) makeRoom(hash uint64) int {
	if m.words.len() > 0 {
		panicMixed()
	}
	if m.n >= m.limit {
		m.rebuild(capacityFor(m.n+1), 0)
	}
	i := freeSlot(m.slots, hash, m.mask)
	for i < 0 {
		capacity := int(m.mask) + 1
		m.rebuild(capacity, 2*(len(m.slots)-capacity))
		i = freeSlot(m.slots, hash, m.mask)
	}
	return i
}

// rebuild moves all entries to a new slot array. The slack is a wish: the usual one if 0, and
// doubled as often as the entries need it.
func (m *Map[V]) rebuild(capacity, slack int) {
	m.marks.keepWritten(len(m.slots))
	old, oldMarks := m.slots, m.marks
	m.setSlots(capacity, slack)
	m.marks.resize(len(m.slots))
	for !m.moveSlots(old, &oldMarks) {
		m.setSlots(capacity, 2*(len(m.slots)-capacity))
		m.marks.resize(len(m.slots))
	}
}

func (m *Map[V]) setSlots(capacity, slack int) {
	if slack == 0 {
		slack = min(capacity/2, slackMax)
	}
	m.slots = make([]slot[V], capacity+slack)
	m.mask = uint64(capacity - 1)
	m.limit, m.shrinkAt = limits(capacity)
}

// limits are the numbers of entries at which a table is rebuilt larger and smaller.
func limits(capacity int) (limit, shrinkAt int) {
	if capacity > capacityMin*shrinkRatio {
		shrinkAt = capacity / shrinkRatio
	}
	return capacity * loadNum / loadDen, shrinkAt
}

// moveSlots fills the slots, which are empty, with the entries of src. It reports false if a cluster
// does not fit into the slack.
func (m *Map[V]) moveSlots(src []slot[V], from *marks) bool {
	marked := uint64(0)
	for i := range src {
		if i&63 == 0 {
			marked = from.any(i >> 6)
		}
		s := &src[i]
		if s.ref == 0 {
			continue
		}
		j := freeSlot(m.slots, s.ref.hash(), m.mask)
		if j < 0 {
			return false
		}
		m.slots[j] = *s
		if marked>>(uint(i)&63)&1 != 0 {
			m.marks.carry(from, i, j)
		}
	}
	return true
}

// freeSlot returns the first free slot from the home of the hash, -1 if the slack is full.
func freeSlot[V any](slots []slot[V], hash, mask uint64) int {
	for i := int(hash & mask); i < len(slots); i++ {
		if slots[i].ref == 0 {
			return i
		}
	}
	return -1
}

// removeSlot frees a slot and closes the gap.
//
// A free slot ends a search, so it must not stand between the home and the place of an entry. A
// tombstone would do, but tombstones pile up and make every later search longer. Instead, entries
// of the same cluster that are away from home move back into the gap; then there is nothing left
// to clean up.
func (m *Map[V]) removeSlot(i int) {
	if m.marks.track != nil {
		m.bury(i)
	}
	m.closeGap(i)
}

func (m *Map[V]) closeGap(i int) {
	m.dead += recordBytes(m.log[m.slots[i].ref.off():])
	gap := i
	for j := i + 1; j < len(m.slots); j++ {
		s := &m.slots[j]
		if s.ref == 0 {
			break
		}
		if int(s.ref.hash()&m.mask) <= gap {
			m.slots[gap] = *s
			m.marks.move(j, gap)
			gap = j
		}
	}
	m.slots[gap] = slot[V]{}
	m.marks.drop(gap)
	m.n--
	if m.n < m.shrinkAt {
		m.limit = 0
	}
	if m.n == 0 {
		m.log, m.dead = m.log[:0], 0
	}
}
