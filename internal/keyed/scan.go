package keyed

import (
	"encoding/binary"
	"math"

	"github.com/flott-dev/flott/internal/operator"
)

const (
	// stepMax is what one Step may cost: a slot costs one, and costBytes bytes of a section one more.
	stepMax   = 1 << 14
	costBytes = 64
	// A bitmap is looked at this much faster than the slots; to go to a slot from there costs more.
	bitmapSpeed = 8
	bitCost     = 3
	// The values of so many slots are read ahead, so that their cache misses overlap.
	aheadSlots = 512
)

// A section that gets longer than this is passed as it is, and another one begun. Tests change it.
var partBytesMax = 4 << 20

// The scan of a group goes from its last slot to the first, as iteration does, and stops in between:
//
//	0            cursor                  slots
//	├──────────────┼──────────────────────┤
//	  to be written      written
//
// An entry that is written needs not be saved when it changes. Entries move meanwhile. A delete moves
// them towards the first slot: one that thereby leaves the written part gets a mark that says so. A
// rebuild deals all entries out anew: what is written gets the mark, and the scan begins again, past
// the marked ones. The marks are in no use otherwise, and cost nothing then.

// beginScan marks a frozen group as to be written.
func (k *marks) beginScan(kind scanKind) {
	t := k.track
	t.scan, t.begun, t.cursor, t.parts, t.bytes = kind, false, math.MaxInt, 0, 0
}

// endScan forgets what is left to be written.
func (k *marks) endScan() {
	t := k.track
	t.scan, t.saved = scanNothing, nil
	t.some[markWritten], k.bits[markWritten] = false, nil
}

// isWritten reports whether the entry at i, of a group that is being written, already is.
func (k *marks) isWritten(i int) bool {
	return i >= k.track.cursor || k.track.some[markWritten] && k.has(markWritten, i)
}

// leaveWritten marks an entry that is about to leave the written part.
func (k *marks) leaveWritten(from, to int) {
	if t := k.track; t.scan != scanNothing && from >= t.cursor && to < t.cursor {
		k.needWritten()
		k.set(markWritten, from)
	}
}

// keepWritten marks the entries that are written, before those of a number of slots are dealt out
// anew.
func (k *marks) keepWritten(slots int) {
	t := k.track
	if t == nil || t.scan == scanNothing || t.cursor == math.MaxInt {
		return
	}
	k.needWritten()
	for i := t.cursor; i <= slots; i++ {
		k.set(markWritten, i)
	}
	t.cursor = math.MaxInt
}

func (k *marks) needWritten() {
	if k.bits[markWritten] == nil {
		k.bits[markWritten] = make([]uint64, len(k.fresh))
	}
}

// Step writes groups, or a part of one, until about a millisecond has gone.
func (f *frozen[S]) Step(emit func(operator.Section)) (done bool) {
	return f.step(stepMax, emit)
}

func (f *frozen[S]) step(cost int, emit func(operator.Section)) (done bool) {
	f.scan(cost)
	for _, s := range f.ready {
		emit(s)
	}
	f.ready = nil
	return f.t.now != f
}

// scan writes at a given cost. It reports whether all is written.
func (f *frozen[S]) scan(cost int) (done bool) {
	t := f.t
	if t.now != f {
		return true
	}
	for f.next < len(t.groups) && cost > 0 {
		if cost = t.scanGroup(f.next, cost); t.groups[f.next].marks.track.scan == scanNothing {
			f.next++
			cost--
		}
	}
	if f.next < len(t.groups) || t.front != nil && (cost <= 0 || !t.stream()) {
		return false
	}
	t.done()
	return true
}

// scanGroup writes what is frozen of a group at a given cost, and returns what is left of that.
func (t *tracked[S]) scanGroup(g, cost int) int {
	k := &t.groups[g].marks
	if k.track.scan == scanNothing {
		return cost
	}
	if !k.track.begun {
		t.headOf(g)
	}
	if k.track.scan == scanFull {
		cost = t.scanFull(g, cost)
	} else {
		cost = t.scanDelta(g, cost)
	}
	if k.track.cursor == 0 {
		t.endGroup(g)
	} else if len(k.track.saved) > partBytesMax {
		t.pass(g)
	}
	return cost
}

// writeGroup writes what is left of a group.
func (t *tracked[S]) writeGroup(g int) {
	for t.groups[g].marks.track.scan != scanNothing {
		t.scanGroup(g, math.MaxInt)
	}
}

// headOf puts what comes before the scan into the first section of a group.
func (t *tracked[S]) headOf(g int) {
	k := t.groups[g].marks.track
	data := make([]byte, 0, min(t.expect(g), partBytesMax))
	if k.scan == scanDelta {
		older, recent := &k.graves[markOlder], &k.graves[markRecent]
		data = binary.AppendUvarint(data, uint64(older.n+recent.n))
		data = append(append(data, older.keys...), recent.keys...)
	}
	k.saved, k.begun = append(data, k.saved...), true
}

// expect is about how many bytes the section of a group will have.
func (t *tracked[S]) expect(g int) int {
	c, k := &t.last().chains[g], &t.groups[g].marks
	entryBytes := 24
	if c.entries > 0 {
		entryBytes = c.base/c.entries + c.base/c.entries/8
	}
	switch {
	case k.track.scan == scanDelta:
		return k.countChanges()*entryBytes + len(k.track.saved)
	case c.has && (t.front == nil || t.front.view == nil):
		return c.base + c.base/8 + c.deltaBytes
	}
	return t.groups[g].Len() * entryBytes
}

// scanFull goes on with a full section. When all is written the cursor is 0.
func (t *tracked[S]) scanFull(g, cost int) int {
	return t.groups[g].scanAll(cost, t.aheadOf(g), func(i int) (bytes int, more bool) {
		if t.isOnDisk(g, i) {
			return 0, true
		}
		t.written(g, i)
		if !t.isKept(g, i) {
			return 0, true
		}
		return t.scanEntry(g, i)
	})
}

// scanDelta goes on with a delta. When all is written the cursor is 0.
func (t *tracked[S]) scanDelta(g, cost int) int {
	return t.groups[g].marks.scanChanges(cost, t.aheadOf(g), func(i int) (bytes int, more bool) {
		t.written(g, i)
		return t.scanEntry(g, i)
	})
}

// scanEntry writes the entry at an index.
func (t *tracked[S]) scanEntry(g, i int) (bytes int, more bool) {
	k := t.groups[g].marks.track
	n := len(k.saved)
	k.saved = t.appendEntry(k.saved, g, i)
	if bytes = len(k.saved) - n; t.isAppendix(g, i) {
		bytes += readBytes
	}
	return bytes, len(k.saved) <= partBytesMax
}

// ahead reads what slots refer to: those whose bits are set in words of a bitmap, of which w is the first.
type ahead func(w int, slots []uint64)

// before calls a with the words of a bitmap up to w that it is now the time for. It returns the first.
func (a ahead) before(w int, word func(w int) uint64) (first int) {
	var slots [aheadSlots / 64]uint64
	first = max(0, w+1-len(slots))
	for i := first; i <= w; i++ {
		slots[i-first] = word(i)
	}
	a(first, slots[:w+1-first])
	return first
}

// scanAll goes on with a scan of all entries, at a given cost, and returns what is left of that. It
// calls write for each that is still to be written, until that wants no more. At the end the cursor is 0.
func (m *Map[V]) scanAll(cost int, ahead ahead, write func(i int) (bytes int, more bool)) int {
	k := m.marks.track
	i, read := k.cursor, math.MaxInt
	if i == math.MaxInt {
		i = -1
	}
	for more := true; more && cost > 0 && k.cursor > 0; {
		before := i
		if i = m.Next(i); i < 0 {
			k.cursor = 0
			break
		}
		k.cursor = i
		if ahead != nil && i < read {
			read = ahead.before(i>>6, m.taken) << 6
		}
		cost -= max(before-i, 1)
		if m.marks.has(markChanged, i) || m.marks.has(markWritten, i) {
			continue
		}
		var bytes int
		bytes, more = write(i)
		cost -= bytes / costBytes
	}
	return cost
}

// taken is which of the slots 64w to 64w+63 have entries.
func (m *Map[V]) taken(w int) (slots uint64) {
	from := w << 6
	if m.n > 0 {
		for i, s := range m.slots[min(from, len(m.slots)):min(from+64, len(m.slots))] {
			if s.ref != 0 {
				slots |= 1 << i
			}
		}
		return slots
	}
	for i, s := range m.words.slots[min(from, len(m.words.slots)):min(from+64, len(m.words.slots))] {
		if s.key != 0 {
			slots |= 1 << i
		}
	}
	return slots
}

// scanChanges is scanAll for what has changed.
func (m *marks) scanChanges(cost int, ahead ahead, write func(i int) (bytes int, more bool)) int {
	k := m.track
	w := min(k.cursor, len(m.fresh)<<6) >> 6
	read := w
	for more := true; more && cost > 0 && w > 0; cost -= 64 / bitmapSpeed {
		w--
		if ahead != nil && w < read {
			read = ahead.before(w, m.changes)
		}
		bytes := 0
		eachBit(w, m.changes(w), func(i int) {
			var n int
			n, more = write(i)
			bytes += n
			cost -= bitCost
		})
		cost -= bytes / costBytes
		k.cursor = w << 6
	}
	if w == 0 {
		k.cursor = 0
	}
	return cost
}

// endGroup passes the last section of a group.
func (t *tracked[S]) endGroup(g int) {
	k := t.groups[g].marks.track
	record := &t.last().chains[g]
	hasRest := t.front != nil && t.front.hasRest(g, k.scan)
	if hasRest {
		t.front.rest[g] = k.scan
	}
	switch {
	case k.parts > 0 && len(k.saved) == 1: // no entries
	case len(k.saved) == 0 && t.now.full && !hasRest: // there is nothing that an empty section had to replace
	default:
		t.pass(g)
	}
	first := !record.has
	record.add(k.scan, k.bytes)
	if k.scan == scanFull && t.front == nil {
		record.entries = t.groups[g].Len()
	}
	if first {
		// So that the groups do not all get their next base at one time.
		record.deltas = g % deltasMax
	}
	t.groups[g].marks.endScan()
}

// pass passes what has been written of a group so far.
func (t *tracked[S]) pass(g int) {
	k := t.groups[g].marks.track
	data := k.saved
	t.now.ready = append(t.now.ready, operator.Section{
		State: t.now.name, Group: t.first + g, Delta: k.scan == scanDelta || k.parts > 0,
		Data: operator.Bytes(data),
	})
	k.bytes += len(data)
	k.parts++
	k.saved = binary.AppendUvarint(nil, 0) // no deleted keys
}
