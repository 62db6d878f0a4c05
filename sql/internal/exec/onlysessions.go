package exec

import (
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/sql/internal/agg"
)

// onlySessions are the sessions of keys that have one, as nearly all have. They stand in the slots of a table, where a
// batch of rows finds them at once; the key's list is needed when a second session opens, until one is left:
//
//	accumulators of the calls │ start │ end │ time of the key's timer
type onlySessions struct {
	table groupTable
	words int // of the accumulators
}

// onlyWords are the words behind the accumulators.
const onlyWords = 3

// onlyBatch is what addBatch knows of the keys of a batch.
type onlyBatch struct {
	accs   []agg.Acc
	fresh  []bool
	places []onlyPlace
	later  []laterRow
}

// onlyPlace says where the sessions of a key are.
type onlyPlace uint8

const (
	inSlot onlyPlace = iota // one, in the slot
	inNone                  // none, and the slot is to be dropped
	inList                  // the list, and the slot is to be dropped
	toList                  // one, in the slot, which is to be moved to the list
)

// laterRow is a row of a key whose sessions are in the list.
type laterRow struct{ place, group int32 }

// openOnly adds the state.
func (n *sessions) openOnly(words int) error {
	table, err := newGroupTable(n.keys.backend, words+onlyWords)
	if err != nil {
		return err
	}
	n.only = &onlySessions{table: table, words: words}
	n.keys.backend.Add("only", table)
	return nil
}

// of is the start, the end and the timer of a slot.
func (o *onlySessions) of(a agg.Acc) *[onlyWords]uint64 {
	return (*[onlyWords]uint64)(agg.Words(a, o.words+onlyWords)[o.words:])
}

// session is the session of a slot, whose accumulators are those of the slot.
func (o *onlySessions) session(a agg.Acc) session {
	bounds := o.of(a)
	return session{Start: int64(bounds[0]), End: int64(bounds[1]), Acc: agg.Words(a, o.words)}
}

// put makes a session the only one of the current key.
func (o *onlySessions) put(s *session, timer int64) {
	a := o.table.make()
	copy(agg.Words(a, o.words), s.Acc)
	*o.of(a) = [onlyWords]uint64{uint64(s.Start), uint64(s.End), uint64(timer)}
}

// fireOnly gives the only session of the current key if it is complete, and else sets the timer again. It reports false
// if the key has none.
func (n *sessions) fireOnly(at int64) bool {
	a := n.only.table.change()
	if a == nil {
		return false
	}
	s := n.only.session(a)
	if end := n.windows.complete(s.End); end > at {
		n.only.of(a)[2] = uint64(end)
		n.timers.Set(end, struct{}{})
		return true
	}
	n.fire(&s)
	n.only.table.Drop()
	return true
}

// addBatch adds the rows [from, to) of a batch, and returns how many come too late. Those that extend the only session
// of their key are added together; the others follow one by one.
func (n *sessionAggregate) addBatch(b *batch.Columns, from, to int) (late int64) {
	f, o, times := &n.found, n.only, b.Cols[n.time]
	n.findOnly(b, from, to)
	r := &n.rows
	r.Cols, r.Minus = b.Cols, nil
	r.Places, r.Accs, f.later = r.Places[:0], r.Accs[:0], f.later[:0]
	for i, g := range n.batch.of {
		p := b.Row(from + i)
		if f.places[g] >= inList {
			f.later = append(f.later, laterRow{int32(p), g})
			continue
		}
		start := n.timeAt(times, p)
		end, bounds := start+n.windows.Size, o.of(f.accs[g])
		switch {
		case f.places[g] == inNone:
			n.batch.setGroup(int(g))
			if n.isComplete(end) {
				late++
				continue
			}
			timer := n.windows.complete(end)
			n.timers.Set(timer, struct{}{})
			*bounds = [onlyWords]uint64{uint64(start), uint64(end), uint64(timer)}
			f.places[g] = inSlot
		case start <= int64(bounds[1]) && int64(bounds[0]) <= end:
			bounds[0] = uint64(min(start, int64(bounds[0])))
			bounds[1] = uint64(max(end, int64(bounds[1])))
		default:
			f.places[g] = toList
			f.later = append(f.later, laterRow{int32(p), g})
			continue
		}
		r.Places, r.Accs = append(r.Places, int32(p)), append(r.Accs, f.accs[g])
	}
	if err := n.set.Update(r); err != nil {
		n.fail(err, &b.Batch, n.op.In)
	}
	n.moveToLists()
	for _, row := range f.later {
		n.batch.setGroup(int(row.group))
		if !n.addRow(b, times, int(row.place)) {
			late++
		}
	}
	return late
}

// findOnly finds the slots of the keys of a batch.
func (n *sessionAggregate) findOnly(b *batch.Columns, from, to int) {
	n.batch.find(b, from, to)
	f, groups := &n.found, len(n.batch.firsts)
	f.accs, f.fresh, f.places = sized(f.accs, groups), sized(f.fresh, groups), sized(f.places, groups)
	n.only.table.upsertAll(n.batch.hashes, n.batch.words, n.batch.keys, f.accs, f.fresh)
	for g, isFresh := range f.fresh {
		f.places[g] = inSlot
		if !isFresh {
			continue
		}
		f.places[g] = inNone
		n.batch.setGroup(g)
		if n.state.Lookup() != nil {
			f.places[g] = inList
		}
	}
}

// moveToLists moves the sessions to the lists of the keys that need one, and drops the slots without one. Slots move
// when one is dropped: so that comes last.
func (n *sessionAggregate) moveToLists() {
	f := &n.found
	for g, place := range f.places {
		if place != toList {
			continue
		}
		n.batch.setGroup(g)
		l, _ := n.state.Current()
		s := n.only.session(f.accs[g])
		s.Acc = append([]uint64(nil), s.Acc...)
		l.Next, l.Open, l.Timer = 1, append(l.Open[:0], s), int64(n.only.of(f.accs[g])[2])
	}
	for g, place := range f.places {
		if place != inSlot {
			n.batch.setGroup(g)
			n.only.table.Drop()
		}
	}
}
