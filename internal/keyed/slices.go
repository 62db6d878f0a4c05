package keyed

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
)

const (
	// A section of slices that gets longer than this is passed, and another one begun: there is one
	// for each key group at a time.
	sliceBytesMax = 256 << 10
	// What one Step passes at most, but for the last section.
	passBytesMax = 1 << 20
	// With more slices that are gone and in no confirmed checkpoint, a base is cheaper.
	goneMax = 1 << 12
)

// Slices is a set of tables, one for each slice of time: see Slice. A table goes as a whole, and then
// takes one mark in an increment, however many entries it had:
//
//	          frozen: marks beside the slots       gone, but not written yet
//	               ▼                                        ▼
//	[0 2)  [2 4)  [4 6) ─ ─ Step, Step, … ─ ─▶ sections ◀─ [0 2)
//	  └ Drop ────────────────────────────────▶ gone
//
// A table has entries of all key groups, so that a record costs no more than a look-up in it; a
// scan deals them out to the sections of their groups.
type Slices[A any] struct {
	ledger // with one chain for all groups, which one table holds
	b      *Backend
	codec  *codec.Codec[A]
	open   []*Slice[A]
	spare  []*Slice[A]      // dropped ones, empty
	gone   []goneSlice      // since the last confirmed checkpoint
	now    *frozenSlices[A] // what is not written yet of the last freeze
}

// Slice is the table of one slice of time. Entries are not deleted one by one.
type Slice[A any] struct {
	Map[A]
	of         *Slices[A]
	start, end int64
	made       uint64   // after so many freezes
	isGone     bool     // to be emptied when it is written
	past       []uint64 // in a restore: a bit for each key group that has dropped the slice
	tracked    track
}

type goneSlice struct {
	start, end int64
	freeze     uint64 // the first that holds it as gone
}

// NewSlices returns an empty set of tables of b.
func NewSlices[A any](b *Backend, c *codec.Codec[A]) *Slices[A] {
	return &Slices[A]{b: b, codec: c}
}

// Make makes an empty table, of one that was dropped where there is one.
func (s *Slices[A]) Make(start, end int64) *Slice[A] {
	var sl *Slice[A]
	if n := len(s.spare); n > 0 {
		sl = s.spare[n-1]
		s.spare = s.spare[:n-1]
	} else {
		sl = &Slice[A]{of: s}
	}
	sl.start, sl.end, sl.made, sl.isGone = start, end, s.freezeN, false
	if s.freezeN > 0 {
		sl.track()
	}
	s.open = append(s.open, sl)
	return sl
}

// Drop gives up a table. It must not be used any more.
func (s *Slices[A]) Drop(sl *Slice[A]) {
	i := slices.Index(s.open, sl)
	s.open = slices.Delete(s.open, i, i+1)
	if sl.made < s.freezeN && !fault.Seeded(fault.SkipGraves) {
		s.gone = append(s.gone, goneSlice{sl.start, sl.end, s.freezeN + 1})
	}
	if len(s.gone) > goneMax && s.now == nil {
		s.forget()
		s.gone = nil
	}
	sl.isGone = true
	if sl.tracked.scan == scanNothing {
		s.release(sl)
	}
}

// release empties a table that is gone.
func (s *Slices[A]) release(sl *Slice[A]) {
	sl.Map.Clear()
	s.spare = append(s.spare, sl)
}

// Clear drops all tables.
func (s *Slices[A]) Clear() {
	s.finish()
	s.open, s.spare, s.gone = nil, nil, nil
	s.forget()
}

// track begins to mark what changes.
func (sl *Slice[A]) track() {
	if sl.marks.track == nil {
		sl.tracked = track{owner: sl}
		sl.marks.track = &sl.tracked
		sl.marks.resize(max(len(sl.slots), len(sl.words.slots)))
	}
}

// save writes an entry that is about to change.
func (sl *Slice[A]) save(_, i int) { sl.of.now.write(sl, i) }

func (sl *Slice[A]) bury(_, _ int) { panic("keyed: an entry of a slice is deleted") }

// Freeze freezes all tables for a checkpoint; it costs a few words for each 64 slots.
func (s *Slices[A]) Freeze(name string, checkpoint int64, full bool) operator.Frozen {
	s.finish()
	if s.chains == nil {
		s.chains = make([]chain, 1)
	}
	chain := &s.begin(checkpoint).chains[0]
	f := &frozenSlices[A]{s: s, name: name, full: full, parts: make([]slicePart, s.b.Last-s.b.First+1)}
	f.kind = scanDelta
	if full || !chain.has || chain.isLong(0) {
		f.kind = scanFull
	}
	for _, sl := range s.open {
		sl.track()
		sl.marks.freeze()
		t := &sl.tracked
		if sl.Len() > 0 && (f.kind == scanFull || t.some[markRecent] || t.some[markOlder]) {
			sl.marks.beginScan(f.kind)
			f.slices = append(f.slices, sl)
		}
	}
	if f.kind == scanDelta {
		f.head = s.appendGone(nil)
	}
	s.now = f
	return f
}

// appendGone appends what a delta begins with.
func (s *Slices[A]) appendGone(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s.gone)))
	for _, g := range s.gone {
		dst = binary.AppendVarint(binary.AppendVarint(dst, g.start), g.end)
	}
	return dst
}

// Confirm is tracked.Confirm.
func (s *Slices[A]) Confirm(checkpoint int64) {
	if s.now != nil {
		s.waiting = max(s.waiting, checkpoint)
		return
	}
	f, ok := s.confirm(checkpoint)
	if !ok {
		return
	}
	for _, sl := range s.open {
		sl.marks.confirmed(s.freezeN - f.number)
	}
	s.gone = slices.DeleteFunc(s.gone, func(g goneSlice) bool { return g.freeze <= f.number })
}

// finish writes what is left of the last freeze into memory. A task does not freeze before it has
// written the last one: this is for Clear.
func (s *Slices[A]) finish() {
	if s.now != nil {
		s.now.scan(math.MaxInt)
	}
}

// done lets go of the freeze that has been written.
func (s *Slices[A]) done() {
	s.now = nil
	if c := s.takeWaiting(); c != 0 {
		s.Confirm(c)
	}
}

// frozenSlices is the tables as they were at a freeze.
type frozenSlices[A any] struct {
	s      *Slices[A]
	name   string
	full   bool     // the state is not written on top of an earlier checkpoint
	kind   scanKind // of all tables
	slices []*Slice[A]
	head   []byte      // of the first section of each group
	parts  []slicePart // by key group
	bytes  int         // of all sections
	ready  []operator.Section
}

// slicePart is the section of a key group that is being written.
type slicePart struct {
	data  []byte // nil if it is not begun
	parts int    // sections before it
}

// Step writes a part of the tables.
func (f *frozenSlices[A]) Step(emit func(operator.Section)) (done bool) {
	if len(f.ready) == 0 {
		f.scan(stepMax)
	}
	for bytes := int64(0); len(f.ready) > 0 && bytes < passBytesMax; f.ready = f.ready[1:] {
		bytes += f.ready[0].Data.Size()
		emit(f.ready[0])
	}
	return f.s.now != f && len(f.ready) == 0
}

// scan writes at a given cost.
func (f *frozenSlices[A]) scan(cost int) {
	if f.s.now != f {
		return
	}
	for len(f.slices) > 0 && cost > 0 {
		sl := f.slices[0]
		write := func(i int) (bytes int, more bool) { return f.write(sl, i), true }
		if f.kind == scanFull {
			cost = sl.scanAll(cost, nil, write)
		} else {
			cost = sl.marks.scanChanges(cost, nil, write)
		}
		if sl.tracked.cursor == 0 {
			f.endSlice()
		}
	}
	if len(f.slices) == 0 {
		f.end()
	}
}

// endSlice ends the scan of the first table.
func (f *frozenSlices[A]) endSlice() {
	sl := f.slices[0]
	f.slices = f.slices[1:]
	sl.marks.endScan()
	if sl.isGone {
		f.s.release(sl)
	}
}

// write appends an entry to the section of its group.
func (f *frozenSlices[A]) write(sl *Slice[A], i int) (bytes int) {
	b := f.s.b
	hash, word, key, acc := sl.At(i)
	g := codec.KeyGroup(hash, b.MaxParallelism) - b.First
	p := &f.parts[g]
	if p.data == nil {
		f.begin(p)
	}
	n := len(p.data)
	p.data = binary.AppendVarint(binary.AppendVarint(p.data, sl.start), sl.end)
	p.data = f.s.codec.Append(b.AppendKey(p.data, word, key), acc)
	bytes = len(p.data) - n
	if len(p.data) > sliceBytesMax {
		f.pass(g)
	}
	return bytes
}

// begin begins a section.
func (f *frozenSlices[A]) begin(p *slicePart) {
	if p.parts > 0 {
		p.data = append(make([]byte, 0, sliceBytesMax+sliceBytesMax/8), 0) // nothing is gone
		return
	}
	p.data = append([]byte{}, f.head...)
}

// pass passes the section of a group.
func (f *frozenSlices[A]) pass(g int) {
	p := &f.parts[g]
	f.ready = append(f.ready, operator.Section{
		State: f.name, Group: f.s.b.First + g, Delta: f.kind == scanDelta || p.parts > 0,
		Data: operator.Bytes(p.data),
	})
	f.bytes += len(p.data)
	p.data = nil
	p.parts++
}

// end passes the last sections.
func (f *frozenSlices[A]) end() {
	// Without entries, a full section replaces what there was, and a delta tells what is gone.
	needed := f.kind == scanFull && !f.full || f.kind == scanDelta && f.head[0] != 0
	for g := range f.parts {
		p := &f.parts[g]
		if needed && p.data == nil && p.parts == 0 {
			f.begin(p)
		}
		if p.data != nil {
			f.pass(g)
		}
	}
	if f.kind == scanFull || f.bytes > 0 {
		f.s.last().chains[0].add(f.kind, f.bytes)
	}
	f.s.done()
}

// Discard lets go of what has not been passed.
func (f *frozenSlices[A]) Discard() {
	f.ready = nil
	if f.s.now != f {
		return
	}
	f.s.takeBack()
	for len(f.slices) > 0 {
		f.endSlice()
	}
	f.s.done()
}

// Describe is the form of the entries.
func (s *Slices[A]) Describe() operator.Description {
	return operator.Description{Kind: "slice", Value: s.codec.Schema()}
}

// RestoreSection applies a section of a key group. enter finds or makes the table of a slice. When all
// sections are applied, Restored has to be called.
//
// A table holds all key groups: what a group has dropped is deleted at the end, in one go for all of
// them, or before the slice comes again, which windows do not make it do.
func (s *Slices[A]) RestoreSection(kg int, delta bool, src []byte,
	enter func(start, end int64) *Slice[A],
) error {
	if delta {
		n, used := binary.Uvarint(src)
		if used <= 0 {
			return fmt.Errorf("the number of dropped slices is cut off")
		}
		src = src[used:]
		for range n {
			start, end, rest, err := takeSlice(src)
			if err != nil {
				return err
			}
			enter(start, end).drop(kg - s.b.First)
			src = rest
		}
	}
	for len(src) > 0 {
		start, end, rest, err := takeSlice(src)
		if err != nil {
			return err
		}
		k, rest, err := s.b.TakeKey(rest)
		if err != nil {
			return err
		}
		var acc A
		if src, err = s.codec.Decode(rest, &acc); err != nil {
			return err
		}
		sl := enter(start, end)
		sl.again(kg - s.b.First)
		*sl.upsert(&k, s.b.IsWord) = acc
	}
	return nil
}

func takeSlice(src []byte) (start, end int64, rest []byte, err error) {
	start, n := binary.Varint(src)
	end, m := binary.Varint(src[max(n, 0):])
	if n <= 0 || m <= 0 {
		return 0, 0, nil, fmt.Errorf("a slice is cut off")
	}
	return start, end, src[n+m:], nil
}

func (sl *Slice[A]) upsert(k *Current, isWord bool) (v *A) {
	if isWord {
		v, _ = sl.Upsert(k.Hash, k.Word)
	} else {
		v, _ = sl.UpsertBytes(k.Hash, k.Bytes)
	}
	return v
}

// drop notes that a key group has dropped the slice.
func (sl *Slice[A]) drop(group int) {
	if sl.past == nil {
		sl.past = make([]uint64, (sl.of.b.Last-sl.of.b.First)>>6+1)
	}
	sl.past[group>>6] |= 1 << (group & 63)
}

// again deletes at once what a key group has dropped, if it has: the slice has come again.
func (sl *Slice[A]) again(group int) {
	if sl.past != nil && sl.past[group>>6]>>(group&63)&1 != 0 {
		sl.purge()
	}
}

// purge deletes what key groups have dropped.
func (sl *Slice[A]) purge() {
	b := sl.of.b
	for i := sl.Next(-1); i >= 0; i = sl.Next(i) {
		hash, _, _, _ := sl.At(i)
		g := codec.KeyGroup(hash, b.MaxParallelism) - b.First
		if sl.past[g>>6]>>(g&63)&1 != 0 {
			sl.DeleteAt(i)
		}
	}
	sl.past = nil
}

// Restored deletes what was dropped from the restored tables.
func (s *Slices[A]) Restored() {
	for _, sl := range s.open {
		if sl.past != nil {
			sl.purge()
		}
	}
}
