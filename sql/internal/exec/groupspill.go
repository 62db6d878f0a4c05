package exec

import (
	"cmp"

	"github.com/flott-dev/flott/internal/batch"
)

// groupSpill is what an aggregate with Final does when its groups have no room in memory: from then on rows of other
// groups wait on disk. They are grouped when those in memory were given, a file at a time, in the same way:
//
//	rows ──of a group in memory──▶ accumulators ──at the end──▶ result
//	  └────of another one──▶ file file file … ──▶ rows of the next level
//
// One group has to fit in memory with all that it keeps, such as its distinct values.
type groupSpill struct {
	pool    *batch.ColumnPool
	memory  int64
	level   int
	waiting *dealt // nil while all groups are in memory

	known, others []int32 // places of rows
	isKnown       []bool  // groups of a batch
}

func (n *groupAggregate) openSpill() {
	n.spill.pool, n.spill.memory = poolOf(n.op.In), cmp.Or(n.op.Memory, DefaultMemory)
	n.task.OnClose(func() error {
		if n.spill.waiting != nil {
			n.spill.waiting.close()
		}
		return nil
	})
}

// gather computes rows of a batch for the end, or has them wait.
func (n *groupAggregate) gather(b *batch.Columns, from, to int) {
	s := &n.spill
	if s.waiting == nil {
		n.run(b, from, to)
		if !n.batch.isGlobal && n.keys.backend.Size() > s.memory {
			s.waiting = newDealt(n.task, s.pool, s.level)
		}
		return
	}
	n.batch.find(b, from, to)
	s.isKnown = sized(s.isKnown, len(n.batch.firsts))
	for g := range s.isKnown {
		n.batch.setGroup(g)
		s.isKnown[g] = n.table.lookup() != nil
	}
	s.known, s.others = s.known[:0], s.others[:0]
	for i, g := range n.batch.of {
		p := int32(b.Row(from + i))
		if s.isKnown[g] {
			s.known = append(s.known, p)
		} else {
			s.others = append(s.others, p)
		}
	}
	s.waiting.add(b, s.others, n.keys.hashes)
	if len(s.known) > 0 {
		h := b.Share()
		h.Keep(s.known)
		n.run(h, 0, h.Len())
		h.Release()
	}
}

// giveAll gives the groups in memory, then those that wait.
func (n *groupAggregate) giveAll() {
	n.emitAll()
	s := &n.spill
	d := s.waiting
	if d == nil {
		return
	}
	d.end()
	defer d.close()
	for i := range d.parts {
		if d.parts[i].rows == 0 {
			continue
		}
		n.keys.backend.Clear()
		s.waiting, s.level = nil, d.level+1
		d.each(i, func(b *batch.Columns) {
			n.keys.begin(b)
			n.gather(b, 0, b.Len())
			b.Release()
		})
		n.giveAll()
	}
}
