package keyed

import (
	"encoding/binary"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/timer"
)

// frozenTimers is the timers as they were at a freeze. First references to the entries are dealt out to
// their key groups; then the groups are written one after the other, each in three passes: the last
// operation of each timer is found, what is deleted is written, and then what is set.
//
//	logs ──deal──▶ entries of a group ──Last──▶ deleted, set ──▶ sections
//
// Several freezes may be on their way at a time: none of them changes the queue.
type frozenTimers[K timer.Key, P any] struct {
	timersWriter
	t         *Timers[P]
	view      *timer.Frozen[K, P]
	appendKey func(dst []byte, e *timer.Entry[K, P]) []byte

	groups [][]*timer.Entry[K, P]
	dealt  bool
	next   int // group
	latest timer.Last[K, P]
	pass   timersPass // of the group
	at     int        // entry, in the pass
}

// timersWriter is what is known of a freeze of Timers, and what has been written of it.
type timersWriter struct {
	name   string
	full   bool // the state is not written on top of an earlier checkpoint
	kind   scanKind
	number uint64 // of the freeze
	bytes  int    // of all sections

	data  []byte // of the section that is being written
	parts int    // sections before it, of its group
}

type timersPass uint8

const (
	passBegin timersPass = iota
	passFind
	passDeleted
	passSet
)

// lastCost is what it costs to find the last operation of a timer: to go to an entry, mostly.
const lastCost = 3

func newFrozenTimers[K timer.Key, P any](t *Timers[P], view *timer.Frozen[K, P], w timersWriter,
	appendKey func(dst []byte, e *timer.Entry[K, P]) []byte,
) *frozenTimers[K, P] {
	return &frozenTimers[K, P]{
		timersWriter: w, t: t, view: view, appendKey: appendKey,
		groups: make([][]*timer.Entry[K, P], t.b.Last-t.b.First+1),
	}
}

// Step writes a part of the timers.
func (f *frozenTimers[K, P]) Step(emit func(operator.Section)) (done bool) {
	return f.step(stepMax, emit)
}

func (f *frozenTimers[K, P]) step(cost int, emit func(operator.Section)) (done bool) {
	if !f.dealt {
		if cost = f.deal(cost); cost <= 0 {
			return false
		}
		f.dealt = true
	}
	for f.next < len(f.groups) && cost > 0 {
		cost = f.writeGroup(cost, emit)
	}
	if f.next < len(f.groups) {
		return false
	}
	f.end()
	return true
}

// deal deals entries out to their groups.
func (f *frozenTimers[K, P]) deal(cost int) (left int) {
	b := f.t.b
	room := f.view.Len() / len(f.groups)
	room += room / 8
	return f.view.Next(cost, func(e *timer.Entry[K, P]) {
		g := &f.groups[codec.KeyGroup(e.Hash, b.MaxParallelism)-b.First]
		if *g == nil && f.kind == scanFull {
			*g = make([]*timer.Entry[K, P], 0, room)
		}
		*g = append(*g, e)
	})
}

// writeGroup goes on with a group at a given cost, and returns what is left of that.
func (f *frozenTimers[K, P]) writeGroup(cost int, emit func(operator.Section)) int {
	entries := f.groups[f.next]
	switch f.pass {
	case passBegin:
		cost--
		if len(entries) == 0 && (f.kind == scanDelta || f.full) {
			f.next++ // nothing has changed, or there is nothing that an empty section had to replace
			return cost
		}
		f.latest.Reset(len(entries))
	case passFind:
		for ; f.at < len(entries) && cost > 0; f.at++ {
			f.latest.Add(entries[f.at])
			cost -= lastCost
		}
		if f.at < len(entries) {
			return cost
		}
		if f.kind == scanDelta {
			_, deleted := f.latest.All()
			f.data = binary.AppendUvarint(nil, uint64(deleted))
		}
	case passDeleted:
		all, _ := f.latest.All()
		for ; f.at < len(all) && f.kind == scanDelta; f.at++ {
			if cost <= 0 {
				return cost
			}
			cost--
			if all[f.at].Deleted() {
				f.append(all[f.at])
				cost--
			}
		}
	case passSet:
		all, _ := f.latest.All()
		for ; f.at < len(all); f.at++ {
			if cost <= 0 {
				return cost
			}
			cost--
			if e := all[f.at]; !e.Deleted() {
				n := len(f.data)
				f.append(e)
				f.data = f.t.codec.Append(f.data, &e.Payload)
				if cost -= (len(f.data) - n) / costBytes; len(f.data) > partBytesMax {
					f.emit(emit)
				}
			}
		}
		f.endGroup(emit)
		return cost
	}
	f.pass, f.at = f.pass+1, 0
	return cost
}

// append appends what tells a timer from others.
func (f *frozenTimers[K, P]) append(e *timer.Entry[K, P]) {
	f.data = f.appendKey(binary.AppendVarint(f.data, e.At), e)
}

// endGroup passes the last section of a group.
func (f *frozenTimers[K, P]) endGroup(emit func(operator.Section)) {
	switch {
	case f.parts > 0 && len(f.data) == 1: // no entries
	case len(f.data) == 0 && f.full: // nothing is set
	default:
		f.emit(emit)
	}
	f.groups[f.next] = nil
	f.next++
	f.pass, f.at, f.data, f.parts = passBegin, 0, nil, 0
}

// emit passes what has been written of a group so far.
func (f *frozenTimers[K, P]) emit(emit func(operator.Section)) {
	emit(operator.Section{
		State: f.name, Group: f.t.b.First + f.next, Delta: f.kind == scanDelta || f.parts > 0,
		Data: operator.Bytes(f.data),
	})
	f.bytes += len(f.data)
	f.parts++
	f.data = binary.AppendUvarint(nil, 0) // no deleted timers
}

// end accounts for what has been written.
func (f *frozenTimers[K, P]) end() {
	if f.view == nil {
		return
	}
	if r := f.t.find(f.number); r != nil && f.number > f.t.forgotten &&
		(f.kind == scanFull || f.bytes > 0) {
		r.chains[0].add(f.kind, f.bytes)
	}
	f.release()
}

// Discard lets go of what has not been passed.
func (f *frozenTimers[K, P]) Discard() {
	if f.view != nil {
		f.t.abandon(f.number)
		f.release()
	}
}

func (f *frozenTimers[K, P]) release() {
	f.view.Release()
	f.view, f.groups, f.latest = nil, nil, timer.Last[K, P]{}
}
