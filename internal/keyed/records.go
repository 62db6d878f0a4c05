package keyed

import (
	"encoding/binary"
	"fmt"
	"math"
)

// records is a tracked table whose values are bytes. They stand in a byte log for each key group, so
// that no number of them is a pointer; a slot holds where.
//
//	log    ┌─────┬─────┬──────────────┬──────┬─────┬──────
//	       │ len │ cap │ len bytes    │ free │ len │ …
//	       └─────┴─────┴──────────────┴──────┴─────┴──────
//	       4     4     cap
//
// A value that grows stays where it is as long as it fits; then it moves to the end of the log and
// gets some room to grow again.
type records struct {
	tracked[uint64] // the offset in the log plus one; 0 is a value that is not written yet
	logs            []byteLog
	// slack is what a value gets that does not fit any more, as a part of its length: 1/slack.
	slack int
}

type byteLog struct {
	buf  []byte
	dead int // bytes that belong to no value
}

const (
	recordHead = 8
	// A value's record up to this byte is read ahead.
	valueTouched = 63
)

// init makes r empty. appendValue appends a value as sections have it.
func (r *records) init(b *Backend, slack int, appendValue func(dst, value []byte) []byte) {
	r.logs, r.slack = make([]byteLog, b.Last-b.First+1), slack
	r.tracked = newTracked(b, func(dst []byte, group int, ref *uint64) []byte {
		return appendValue(dst, r.data(group, *ref))
	})
	r.tracked.readAhead = r.readAhead
}

// readAhead reads the values of slots.
func (r *records) readAhead(group, w int, slots []uint64) (sink uint64) {
	m, buf := &r.groups[group], r.logs[group].buf
	var refs [64]uint64 // collected first, as in Touch
	n := 0
	for k, x := range slots {
		eachBit(w+k, x, func(i int) {
			if ref := *m.valueAt(i); ref != 0 {
				refs[n] = ref
				if n++; n == len(refs) {
					sink ^= readEnds(buf, refs[:])
					n = 0
				}
			}
		})
	}
	return sink ^ readEnds(buf, refs[:n])
}

// readEnds reads the beginnings of values, and what often is on the next cache line.
func readEnds(buf []byte, refs []uint64) (sink uint64) {
	for _, ref := range refs {
		sink ^= uint64(buf[ref-1]) ^ uint64(buf[min(ref+valueTouched, uint64(len(buf)-1))])
	}
	return sink
}

// data is the value that a slot of a group refers to, valid until a value of the group is written.
func (r *records) data(group int, ref uint64) []byte {
	if ref == 0 {
		return nil
	}
	b := r.logs[group].buf[ref-1:]
	n := binary.LittleEndian.Uint32(b)
	return b[recordHead : recordHead+n : recordHead+n]
}

// set writes the value of the slot at an index of a group.
func (r *records) set(group, i int, value []byte) {
	l, slot := &r.logs[group], r.groups[group].valueAt(i)
	if *slot != 0 {
		if room := l.buf[*slot-1:]; len(value) <= capOf(room) {
			binary.LittleEndian.PutUint32(room, uint32(len(value)))
			copy(room[recordHead:], value)
			return
		}
	}
	r.move(group, slot, len(value))
	copy(r.data(group, *slot), value)
}

// extend appends to the value of the slot at an index of a group.
func (r *records) extend(group, i int, more []byte) {
	l, slot := &r.logs[group], r.groups[group].valueAt(i)
	old := len(r.data(group, *slot))
	n := old + len(more)
	if *slot != 0 && n <= capOf(l.buf[*slot-1:]) {
		binary.LittleEndian.PutUint32(l.buf[*slot-1:], uint32(n))
	} else {
		r.move(group, slot, n)
	}
	copy(r.data(group, *slot)[old:], more)
}

// empty makes the value of the slot at an index of a group empty. The record keeps its room.
func (r *records) empty(group, i int) {
	ref := *r.groups[group].valueAt(i)
	binary.LittleEndian.PutUint32(r.logs[group].buf[ref-1:], 0)
}

func capOf(record []byte) int { return int(binary.LittleEndian.Uint32(record[4:])) }

// move gives the value of a slot a new record of n bytes that begins with the old value.
func (r *records) move(group int, slot *uint64, n int) {
	l := &r.logs[group]
	room := n
	if *slot != 0 {
		room += n / r.slack
	}
	room = (room + recordHead - 1) &^ (recordHead - 1)
	if room > math.MaxUint32 {
		panic(fmt.Errorf("the state of a key takes %d bytes; no more than 4 GiB are possible", n))
	}
	if l.dead > len(l.buf)/2 && l.dead >= logDeadMin {
		r.compact(group)
	}
	at := len(l.buf)
	l.buf = grow(l.buf, recordHead+room)
	binary.LittleEndian.PutUint32(l.buf[at:], uint32(n))
	binary.LittleEndian.PutUint32(l.buf[at+4:], uint32(room))
	if *slot != 0 {
		old := r.data(group, *slot)
		copy(l.buf[at+recordHead:][:n], old)
		r.free(group, *slot)
	}
	*slot = uint64(at) + 1
}

// grow is b with n more bytes, which are not cleared.
func grow(b []byte, n int) []byte {
	if len(b)+n <= cap(b) {
		return b[:len(b)+n]
	}
	return append(b, make([]byte, n)...)
}

// free gives up the record of a slot.
func (r *records) free(group int, ref uint64) {
	if ref != 0 {
		l := &r.logs[group]
		l.dead += recordHead + capOf(l.buf[ref-1:])
	}
}

// compact copies the values of a group to a new log, in slot order.
func (r *records) compact(group int) {
	l, m := &r.logs[group], &r.groups[group]
	old := l.buf
	buf := make([]byte, 0, 2*(len(old)-l.dead))
	for i := m.Next(-1); i >= 0; i = m.Next(i) {
		slot := m.valueAt(i)
		if *slot == 0 {
			continue
		}
		b := old[*slot-1:]
		*slot = uint64(len(buf)) + 1
		buf = append(buf, b[:recordHead+capOf(b)]...)
	}
	*l = byteLog{buf: buf}
}

// remove deletes the entry at an index of a group.
func (r *records) remove(group, i int) {
	ref := *r.groups[group].valueAt(i)
	r.deleteAt(group, i) // which may still need the value
	r.free(group, ref)
	if l := &r.logs[group]; r.groups[group].Len() == 0 {
		*l = byteLog{buf: l.buf[:0]}
	}
}

// Clear drops all entries.
func (r *records) Clear() {
	r.tracked.Clear()
	clear(r.logs)
}
