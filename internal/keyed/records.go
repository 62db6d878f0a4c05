package keyed

import (
	"encoding/binary"
	"fmt"
	"math"
)

// records is a tracked table whose values are bytes. They stand in a heap for each key group, so that no number of
// them is a pointer; a slot holds where.
//
//	block  ┌─────┬─────┬──────────────┬──────┐
//	       │ len │ cap │ len bytes    │ room │
//	       └─────┴─────┴──────────────┴──────┘
//	       4     4     cap
//
// A value that grows stays where it is as long as it fits; then it moves to a larger block and has some room to grow
// again.
type records struct {
	tracked[uint64] // the block; 0 is a value that is not written yet
	heaps           []heap
}

const (
	recordHead = 8
	// A value's record up to this byte is read ahead.
	valueTouched = 63
)

// init makes r empty. appendValue appends a value as sections have it.
func (r *records) init(b *Backend, appendValue func(dst, value []byte) []byte) {
	r.heaps = make([]heap, b.Last-b.First+1)
	r.tracked = newTracked(b, func(dst []byte, group int, ref *uint64) []byte {
		return appendValue(dst, r.data(group, *ref))
	})
	r.tracked.readAhead = r.readAhead
}

// readAhead reads the values of slots.
func (r *records) readAhead(group, w int, slots []uint64) (sink uint64) {
	m, h := &r.groups[group], &r.heaps[group]
	var refs [64]uint64 // collected first, as in Touch
	n := 0
	for k, x := range slots {
		eachBit(w+k, x, func(i int) {
			if ref := *m.valueAt(i); ref != 0 {
				refs[n] = ref
				if n++; n == len(refs) {
					sink ^= readEnds(h, refs[:])
					n = 0
				}
			}
		})
	}
	return sink ^ readEnds(h, refs[:n])
}

// readEnds reads the beginnings of values, and what often is on the next cache line.
func readEnds(h *heap, refs []uint64) (sink uint64) {
	for _, ref := range refs {
		b := h.at(ref)
		sink ^= uint64(b[0]) ^ uint64(b[min(valueTouched, len(b)-1)])
	}
	return sink
}

// data is the value that a slot of a group refers to, valid until a value of the group is written.
func (r *records) data(group int, ref uint64) []byte {
	if ref == 0 {
		return nil
	}
	b := r.heaps[group].at(ref)
	n := binary.LittleEndian.Uint32(b)
	return b[recordHead : recordHead+n : recordHead+n]
}

// set writes the value of the slot at an index of a group.
func (r *records) set(group, i int, value []byte) {
	slot := r.groups[group].valueAt(i)
	if *slot == 0 || len(value) > capOf(r.heaps[group].at(*slot)) {
		r.move(group, slot, len(value))
	}
	r.resize(group, i, len(value))
	copy(r.data(group, *slot), value)
}

// extend appends to the value of the slot at an index of a group.
func (r *records) extend(group, i int, more []byte) {
	slot := r.groups[group].valueAt(i)
	old, room := 0, 0
	if *slot != 0 {
		block := r.heaps[group].at(*slot)
		old, room = int(binary.LittleEndian.Uint32(block)), capOf(block)
	}
	n := old + len(more)
	if *slot == 0 || n > room {
		r.move(group, slot, n)
	}
	block := r.heaps[group].at(*slot)
	binary.LittleEndian.PutUint32(block, uint32(n))
	copy(block[recordHead+old:], more)
}

// resize sets the length of the value of the slot at an index of a group, which its block has room for.
func (r *records) resize(group, i, n int) {
	ref := *r.groups[group].valueAt(i)
	binary.LittleEndian.PutUint32(r.heaps[group].at(ref), uint32(n))
}

func capOf(block []byte) int { return int(binary.LittleEndian.Uint32(block[4:])) }

// move gives the value of a slot a block with room for n bytes, which begins with the old value.
func (r *records) move(group int, slot *uint64, n int) {
	h := &r.heaps[group]
	size := sizeOf(recordHead + n)
	if *slot != 0 {
		size = grownSizeOf(recordHead + n + n/8)
	}
	if size > math.MaxUint32 {
		panic(fmt.Errorf("the state of a key takes %d bytes; no more than 3 GiB are possible", n))
	}
	if h.isSparse() {
		r.compact(group)
	}
	ref := h.alloc(size)
	block := h.at(ref)
	binary.LittleEndian.PutUint32(block, 0)
	binary.LittleEndian.PutUint32(block[4:], uint32(size-recordHead))
	if *slot != 0 {
		old := r.data(group, *slot)
		copy(block[recordHead:], old)
		r.free(group, *slot)
	}
	*slot = ref
}

// free gives up the block of a slot.
func (r *records) free(group int, ref uint64) {
	if ref != 0 {
		h := &r.heaps[group]
		h.release(ref, recordHead+capOf(h.at(ref)))
	}
}

// compact copies the values of a group to a new heap, in slot order.
func (r *records) compact(group int) {
	old, m := r.heaps[group], &r.groups[group]
	h := heap{}
	for i := m.Next(-1); i >= 0; i = m.Next(i) {
		slot := m.valueAt(i)
		if *slot == 0 {
			continue
		}
		b := old.at(*slot)
		b = b[:recordHead+capOf(b)]
		*slot = h.alloc(len(b))
		copy(h.at(*slot), b)
	}
	r.heaps[group] = h
}

// remove deletes the entry at an index of a group.
func (r *records) remove(group, i int) {
	ref := *r.groups[group].valueAt(i)
	r.deleteAt(group, i) // which may still need the value
	r.free(group, ref)
	if r.groups[group].Len() == 0 {
		r.heaps[group].reset()
	}
}

// Clear drops all entries.
func (r *records) Clear() {
	r.tracked.Clear()
	clear(r.heaps)
}
