package keyed

import (
	"math"

	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
)

// tracked is a Table with change tracking, and its side of the Freezer protocol. S is what slots
// hold: a value or where to find it.
//
//	Freeze ──▶ frozen ──Step, Step, …──▶ sections ─ ─ ▶ Confirm
//	   │          ▲ entries as they were
//	   └─ writes ─┘ (marks, saved)
//
// Nothing is tracked before the first freeze.
type tracked[S any] struct {
	Table[S]
	b *Backend
	// appendValue appends the encoding of a slot of a group.
	appendValue func(dst []byte, group int, v *S) []byte
	// readAhead reads what slots of a group refer to, nil if that is nothing.
	readAhead func(group, w int, slots []uint64) (sink uint64)
	touched   uint64 // has no meaning
	// keep says which entries a full section holds; nil is all.
	keep func(group int, v *S) bool

	now *frozen[S] // what is not written yet of the last freeze
	ledger
	front *front[S] // nil if there is no disk behind the table
}

func newTracked[S any](b *Backend, appendValue func([]byte, int, *S) []byte) tracked[S] {
	return tracked[S]{
		Table: *NewTable[S](b.MaxParallelism, b.First, b.Last), b: b, appendValue: appendValue,
	}
}

// upsert is Upsert for the current key of b.
//
//flott:hot
func (t *tracked[S]) upsert(b *Backend) (v *S, fresh bool) {
	if t.front != nil {
		return t.upsertCold(&b.Current)
	}
	if b.IsWord {
		return t.groupOf(b.Hash).Upsert(b.Hash, b.Word)
	}
	return t.groupOf(b.Hash).UpsertString(b.Hash, asString(b.Bytes))
}

// get is Get for the current key of b.
//
//flott:hot
func (t *tracked[S]) get(b *Backend) *S {
	if t.front != nil {
		if g, i := t.find(&b.Current); i >= 0 {
			return t.groups[g].valueAt(i)
		}
		return nil
	}
	if b.IsWord {
		return t.groupOf(b.Hash).Get(b.Hash, b.Word)
	}
	return t.groupOf(b.Hash).GetString(b.Hash, asString(b.Bytes))
}

// find is the group and the index of a key, -1 if it is absent.
func (t *tracked[S]) find(k *Current) (group, i int) {
	group, i = t.seek(k)
	if t.front != nil {
		i = t.found(group, i, k)
	}
	return group, i
}

// seek is find in the table.
func (t *tracked[S]) seek(k *Current) (group, i int) {
	group = t.indexOf(k.Hash)
	m := &t.groups[group]
	if t.b.IsWord {
		return group, m.findWord(k.Hash, k.Word)
	}
	return group, m.findString(k.Hash, asString(k.Bytes))
}

// deleteAt deletes the entry at an index of a group.
func (t *tracked[S]) deleteAt(group, i int) {
	if t.front != nil {
		if m := &t.groups[group]; m.marks.isFirst(i) {
			m.firstChange(i) // which may put it on disk
		}
		t.unback(group, i)
	}
	t.groups[group].DeleteAt(i)
}

// change marks the entry at an index as changed, before it is.
func (t *tracked[S]) change(group, i int) *S {
	m := &t.groups[group]
	if m.marks.isFirst(i) {
		m.firstChange(i)
	}
	if t.front != nil {
		m.marks.set(markDirty, i)
	}
	return m.valueAt(i)
}

// Freeze freezes the table for a checkpoint; it costs a few words for each 64 slots.
func (t *tracked[S]) Freeze(name string, checkpoint int64, full bool) operator.Frozen {
	t.finish()
	f := &frozen[S]{t: t, name: name, full: full}
	if t.chains == nil {
		t.track()
	}
	record := t.begin(checkpoint)
	if t.front != nil {
		t.front.freeze()
	}
	for g := range t.groups {
		k := &t.groups[g].marks
		k.freeze()
		c := &record.chains[g]
		changed := k.track.some[markRecent] || k.track.some[markOlder]
		changed = changed || t.front != nil && t.front.hasRest(g, scanDelta)
		switch {
		case full || !c.has || changed && c.isLong(t.groups[g].Len()):
			k.beginScan(scanFull)
		case changed:
			k.beginScan(scanDelta)
		}
	}
	t.now = f
	return f
}

// track begins to track.
func (t *tracked[S]) track() {
	t.chains = make([]chain, len(t.groups))
	tracks := make([]track, len(t.groups))
	for g := range t.groups {
		m := &t.groups[g]
		tracks[g] = track{owner: t, group: g}
		m.marks.track = &tracks[g]
		m.marks.resize(max(len(m.slots), len(m.words.slots)))
	}
}

// Confirm makes deltas stand on a checkpoint. While a freeze is being written this has to wait, since
// what is written stands on an earlier checkpoint.
func (t *tracked[S]) Confirm(checkpoint int64) {
	if t.now != nil {
		t.waiting = max(t.waiting, checkpoint)
		return
	}
	f, ok := t.confirm(checkpoint)
	if !ok {
		return
	}
	if t.front != nil && t.freezeN-f.number <= 1 { // as below
		t.front.confirm(f.number)
	}
	// Changes are told apart by two freezes; those before an older one stay with what came after.
	for g := range t.groups {
		t.groups[g].marks.confirmed(t.freezeN - f.number)
	}
}

// finish writes what is left of the last freeze into memory, or to disk for a native snapshot. A task
// does not freeze before it has written the last one: this is for Clear.
func (t *tracked[S]) finish() {
	t.finishDirty()
	if t.now == nil {
		return
	}
	for f := t.now; !f.scan(math.MaxInt); {
	}
}

// done lets go of the freeze that has been written.
func (t *tracked[S]) done() {
	t.now = nil
	if t.front != nil {
		t.front.end()
	}
	if c := t.takeWaiting(); c != 0 {
		t.Confirm(c)
	}
}

// discard lets go of the last freeze, unwritten.
func (t *tracked[S]) discard() {
	t.takeBack()
	for g := range t.groups {
		t.groups[g].marks.endScan()
	}
	t.done()
}

// Clear drops all entries. They get no graves: what is written next of each group is full.
func (t *tracked[S]) Clear() {
	t.finish()
	t.Table.Clear()
	if t.front != nil {
		t.front.clearCold()
	}
	t.forget()
}

// save keeps an entry as it is for the section of its group.
func (t *tracked[S]) save(group, i int) {
	k := t.groups[group].marks.track
	if k.scan == scanDirty {
		t.putDirty(group, i)
		return
	}
	t.written(group, i)
	if k.scan == scanFull && !t.isKept(group, i) {
		return
	}
	k.saved = t.appendEntry(k.saved, group, i)
}

// bury remembers that a key is deleted.
func (t *tracked[S]) bury(group, i int) {
	if t.freezeN == 0 || t.front != nil && t.front.cold.native {
		return // what is written first is written whole; neither are keys noted that leave for the disk
	}
	if fault.Seeded(fault.SkipGraves) {
		return
	}
	m := &t.groups[group]
	word, key := m.keyAt(i)
	g := &m.marks.track.graves[markChanged]
	g.keys = t.b.AppendKey(g.keys, word, key)
	g.n++
}

func (t *tracked[S]) appendEntry(dst []byte, group, i int) []byte {
	m := &t.groups[group]
	word, key := m.keyAt(i)
	dst = t.b.AppendKey(dst, word, key)
	if m.marks.has(markAppendix, i) {
		return t.appendWhole(dst, group, i)
	}
	return t.appendValue(dst, group, m.valueAt(i))
}

// isKept reports whether a full section holds the entry at an index.
func (t *tracked[S]) isKept(group, i int) bool {
	switch {
	case t.keep == nil || t.keep(group, t.groups[group].valueAt(i)):
		return true
	case t.isAppendix(group, i): // what comes before it may be newer, if the clock went back
		ttl := t.front.ttl
		return len(ttl.live(t.asFrozen(group, i), ttl.ttl.asOf)) > 0
	}
	return false
}

// frozen is a table as it was at a freeze.
type frozen[S any] struct {
	t     *tracked[S]
	name  string
	full  bool               // the state is not written on top of an earlier checkpoint
	ready []operator.Section // that are not passed yet
	next  int                // group
}

// Discard lets go of what has not been passed.
func (f *frozen[S]) Discard() {
	if f.t.now == f {
		f.t.discard()
	}
	f.ready = nil
}
