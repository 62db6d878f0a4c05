package keyed

import (
	"math/bits"

	"github.com/flott-dev/flott/internal/fault"
)

// marks are bitmaps beside the slots of a Map: which entries have changed. They move along with the
// entries.
//
//	          freeze          freeze            now
//	────────────┼───────────────┼────────────────▶
//	   older          recent        changed, born
//	└── not confirmed: what the next increment has to hold ──┘
//
// A stamp in the slot would spare the second memory access of a write, but make slots larger by half:
// one bit for each slot of a table of ten million keys is two megabytes, which stay in the cache.
//
// A new entry gets two marks, changed and born. These two stand side by side, so that the second costs no
// cache miss: look-ups in batches read the first ahead (Touch).
type marks struct {
	fresh [][2]uint64         // changed and born: a bit for each slot and one more, for the largest word
	bits  [markKinds][]uint64 // the other kinds
	track *track              // nil until the first freeze: nothing is marked before
}

const (
	markChanged  = iota // since the last freeze
	markBorn            // made since the last freeze
	markRecent          // changed between the last freeze and the one before
	markOlder           // changed before that
	markWritten         // already in the section that is being written: see scan.go
	markUsed            // looked up since evict came by; this and the rest: only in front of the disk
	markDirty           // differs from what is on disk
	markBacked          // is on disk
	markAppendix        // what is on disk comes before it: see coldappend.go
	markKinds
)

// track is what else is known of a Map's changes.
type track struct {
	owner  tracker
	group  int
	some   [markKinds]bool   // a bitmap that is not in here is zero, or nil
	always [markKinds]bool   // what is always in some
	graves [markKinds]graves // keys of deleted entries, by the time of the delete
	scan   scanKind          // what is still to be written of the last freeze
	begun  bool              // the scan has
	cursor int               // the entries from here on are written
	parts  int               // sections that are written
	bytes  int               // of these
	saved  []byte            // what the next one has so far: what has changed since, then the scan's
}

// scanKind is what is to be written of a Map that is frozen.
type scanKind uint8

const (
	scanNothing scanKind = iota
	scanFull             // all entries
	scanDelta            // what is marked as recent or older
	scanDirty            // what differs from what is on disk, for a native snapshot
)

// graves are keys of deleted entries, as Backend.AppendKey writes them. A key is in there once for
// each freeze at most: see Map.bury.
type graves struct {
	keys []byte
	n    int
}

// tracker is the tracked table that a Map belongs to.
type tracker interface {
	// save keeps an entry as it is, since it is about to change.
	save(group, i int)
	// bury adds the key of an entry to the graves.
	bury(group, i int)
}

// isFirst reports whether the entry at i is tracked and not marked as changed.
func (k *marks) isFirst(i int) bool {
	b := k.fresh
	w := uint(i) >> 6
	return w < uint(len(b)) && b[w][markChanged]>>(uint(i)&63)&1 == 0
}

// firstChange marks an entry that changes for the first time since the freeze.
//
//go:noinline
func (m *Map[V]) firstChange(i int) {
	k := &m.marks
	t := k.track
	if fault.Seeded(fault.SkipPreImage) {
		k.set(markChanged, i)
		return
	}
	if k.isFrozen(i) {
		t.owner.save(t.group, i)
	}
	k.set(markChanged, i)
}

// isFrozen reports whether the entry at i, not changed since the freeze, is still to be written.
func (k *marks) isFrozen(i int) bool {
	switch k.track.scan {
	case scanFull:
		return !k.isWritten(i)
	case scanDelta:
		return (k.has(markRecent, i) || k.has(markOlder, i)) && !k.isWritten(i)
	case scanDirty:
		return k.has(markDirty, i)
	}
	return false
}

// bury prepares the deletion of an entry. What was made since the freeze needs no grave: either
// its key did not exist then, or the delete that came before has dug one.
func (m *Map[V]) bury(i int) {
	k := &m.marks
	if k.isFirst(i) {
		m.firstChange(i)
	}
	if !k.has(markBorn, i) {
		k.track.owner.bury(k.track.group, i)
	}
}

// create marks an entry that has just been made.
func (k *marks) create(i int) {
	k.track.some[markChanged], k.track.some[markBorn] = true, true
	w, bit := &k.fresh[i>>6], uint64(1)<<(uint(i)&63)
	w[markChanged] |= bit
	w[markBorn] |= bit
}

// word is the word of a bitmap.
func (k *marks) word(kind, w int) *uint64 {
	if kind <= markBorn {
		return &k.fresh[w][kind]
	}
	return &k.bits[kind][w]
}

func (k *marks) has(kind, i int) bool {
	if kind <= markBorn {
		return i>>6 < len(k.fresh) && k.fresh[i>>6][kind]>>(uint(i)&63)&1 != 0
	}
	b, w := k.bits[kind], i>>6
	return w < len(b) && b[w]>>(uint(i)&63)&1 != 0
}

func (k *marks) set(kind, i int) {
	*k.word(kind, i>>6) |= 1 << (uint(i) & 63)
	k.track.some[kind] = true
}

func (k *marks) unset(kind, i int) { *k.word(kind, i>>6) &^= 1 << (uint(i) & 63) }

// move moves the marks of an entry that moves to a slot whose marks are of no use any more.
func (k *marks) move(from, to int) {
	if k.track == nil {
		return
	}
	k.leaveWritten(from, to)
	for kind, some := range &k.track.some {
		if some {
			b, bit := k.word(kind, to>>6), *k.word(kind, from>>6)>>(uint(from)&63)&1
			*b = *b&^(1<<(uint(to)&63)) | bit<<(uint(to)&63)
		}
	}
}

// drop clears the marks of a slot.
func (k *marks) drop(i int) {
	if k.track == nil {
		return
	}
	for kind, some := range &k.track.some {
		if some {
			k.unset(kind, i)
		}
	}
}

// resize makes new bitmaps for a number of slots.
func (k *marks) resize(slots int) {
	if k.track == nil {
		return
	}
	k.fresh = make([][2]uint64, slots>>6+1)
	for kind := markBorn + 1; kind < markKinds; kind++ {
		if k.track.some[kind] {
			k.bits[kind] = make([]uint64, slots>>6+1)
		} else {
			k.bits[kind] = nil
		}
	}
}

// carry takes over the marks of a slot from those before resize.
func (k *marks) carry(from *marks, i, j int) {
	for kind, some := range &k.track.some {
		if some && *from.word(kind, i>>6)>>(uint(i)&63)&1 != 0 {
			*k.word(kind, j>>6) |= 1 << (uint(j) & 63)
		}
	}
}

// any are the slots 64w to 64w+63 that have marks.
func (k *marks) any(w int) (slots uint64) {
	if k.track == nil {
		return 0
	}
	for kind, some := range &k.track.some {
		if some {
			slots |= *k.word(kind, w)
		}
	}
	return slots
}

// clear forgets all, for a number of slots.
func (k *marks) clear(slots int) {
	if t := k.track; t != nil {
		k.endScan()
		t.some, t.graves = t.always, [markKinds]graves{}
		k.resize(slots)
	}
}

// freeze makes the changes so far recent, and what was recent older.
func (k *marks) freeze() {
	t := k.track
	if t.some[markRecent] {
		if t.some[markOlder] {
			for w, x := range k.bits[markRecent] {
				k.bits[markOlder][w] |= x
			}
			clear(k.bits[markRecent])
		} else {
			k.bits[markOlder], k.bits[markRecent] = k.bits[markRecent], k.bits[markOlder]
		}
		t.some[markOlder], t.some[markRecent] = true, false
		o, r := &t.graves[markOlder], &t.graves[markRecent]
		o.keys, o.n = append(o.keys, r.keys...), o.n+r.n
		*r = graves{}
	}
	if t.some[markChanged] {
		if k.bits[markRecent] == nil {
			k.bits[markRecent] = make([]uint64, len(k.fresh))
		}
		for w := range k.fresh {
			k.bits[markRecent][w] = k.fresh[w][markChanged]
		}
		clear(k.fresh)
		t.some[markRecent] = true
		t.some[markChanged], t.some[markBorn] = false, false
		t.graves[markRecent], t.graves[markChanged] = t.graves[markChanged], graves{}
	}
}

// confirm forgets changes that a complete checkpoint holds.
func (k *marks) confirm(kind int) {
	if t := k.track; t.some[kind] {
		t.some[kind], t.graves[kind] = false, graves{}
		clear(k.bits[kind])
	}
}

// confirmed forgets what the freeze that many freezes ago holds, as far as it can be told apart.
func (k *marks) confirmed(age uint64) {
	if age <= 1 {
		k.confirm(markOlder)
	}
	if age == 0 {
		k.confirm(markRecent)
	}
}

// changes are the bits of a word of the bitmaps whose entries were changed before the freeze, but not
// since, and are still to be written.
func (k *marks) changes(w int) uint64 {
	if k.track.scan == scanDirty {
		return k.bits[markDirty][w] &^ k.fresh[w][markChanged]
	}
	x := uint64(0)
	for _, kind := range [...]int{markRecent, markOlder} {
		if k.track.some[kind] {
			x |= k.bits[kind][w]
		}
	}
	if k.track.some[markWritten] {
		x &^= k.bits[markWritten][w]
	}
	return x &^ k.fresh[w][markChanged]
}

// countChanges is the number of bits of all words of changes.
func (k *marks) countChanges() (n int) {
	for w := range k.fresh {
		n += bits.OnesCount64(k.changes(w))
	}
	return n
}

// eachBit calls f for the indexes of the bits of a word.
func eachBit(w int, x uint64, f func(i int)) {
	for ; x != 0; x &= x - 1 {
		f(w<<6 + bits.TrailingZeros64(x))
	}
}
