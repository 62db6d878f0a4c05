package timer

import (
	"math"
	"math/bits"
	"slices"

	"github.com/flott-dev/flott/internal/fault"
)

// Frozen is what a queue held at a freeze, for a snapshot that is written while the queue goes on.
//
// Nothing is copied but what is late: logs are append-only, so where one begins and how long it was
// is enough, as long as none of its chunks is used again. What the snapshot makes of an entry is in
// the number of its operation. That is later than the freeze of an earlier snapshot if the timer was
// set or deleted since; timers that have fired since are in the log of those that are gone.
//
//	              freeze            freeze               now
//	────────────────┼─────────────────┼───────────────────▶
//	  op < since    │ since < op < Op │ Op < op
//	  in the base   │ in the increment│ not in there
type Frozen[K Key, P any] struct {
	// Op tells the freeze apart from others. Entries of earlier operations have lower numbers.
	Op    uint64
	since uint64
	q     *Queue[K, P]
	n     int
	lists [][]Entry[K, P]
	logs  []log[K, P] // of each, n entries; the tail is of no use
}

// Freeze freezes the queue; it costs a few words for each bucket, and a copy of what is late. since is
// the Op of the freeze on top of which the snapshot is written, 0 for none. Release must be called.
func (q *Queue[K, P]) Freeze(since uint64) *Frozen[K, P] {
	q.lastOp += opStep
	q.seen = q.lastOp
	q.wheel.held++
	f := &Frozen[K, P]{Op: q.lastOp, since: since, q: q, n: q.Len()}
	f.lists = [][]Entry[K, P]{q.run[q.cursor:], slices.Clone(q.late)}
	if since > 0 {
		f.logs, f.n = append(f.logs, q.gone), f.n+q.gone.n
	}
	for _, l := range q.wheel.levels {
		if l == nil {
			continue
		}
		for taken := l.taken; taken != 0; taken &= taken - 1 {
			f.logs = append(f.logs, l.buckets[bits.TrailingZeros64(taken)].log)
		}
	}
	return f
}

// Release lets the queue use the memory again. Entries must not be used any more.
func (f *Frozen[K, P]) Release() {
	if f.q != nil {
		f.q.wheel.held--
		*f = Frozen[K, P]{Op: f.Op}
	}
}

// Len is an upper bound of the number of entries that Next passes.
func (f *Frozen[K, P]) Len() int { return f.n }

// Next passes more entries to f: what was set or deleted since the earlier freeze, or all. Those of
// one timer come in any order; the one of the last operation holds: see Last. cost bounds the work,
// which is one for each entry. What is left of it is 0 or less, unless all have been passed.
//
// Entries are valid until Release and must not be changed.
func (f *Frozen[K, P]) Next(cost int, pass func(e *Entry[K, P])) (left int) {
	for ; len(f.lists) > 0 && cost > 0; f.lists = f.lists[1:] {
		l := f.lists[0]
		n := min(len(l), cost)
		f.passNew(l[:n], pass)
		cost -= n
		if n < len(l) {
			f.lists[0] = l[n:]
			return cost
		}
	}
	for ; len(f.logs) > 0 && cost > 0; f.logs = f.logs[1:] {
		l := &f.logs[0]
		for l.n > 0 && cost > 0 {
			n := min(l.n, chunkLen)
			if c := l.head; c.newest > f.since {
				f.passNew(c.entries[:n], pass)
				cost -= n
			}
			l.n -= n
			l.head = l.head.next
			cost--
		}
		if l.n > 0 {
			return cost
		}
	}
	return cost
}

func (f *Frozen[K, P]) passNew(a []Entry[K, P], pass func(e *Entry[K, P])) {
	for i := range a {
		if a[i].op > f.since {
			pass(&a[i])
		}
	}
}

// Lost reports whether it is not known what has gone since the last freeze: the next snapshot has to
// hold all timers.
func (q *Queue[K, P]) Lost() bool { return q.seen == 0 }

// Confirm forgets what has gone before a freeze, since no increment will be written on top of an
// earlier one.
func (q *Queue[K, P]) Confirm(op uint64) {
	g := &q.gone
	for g.head != nil && g.head.newest < op {
		g.n -= g.head.n
		g.head = q.wheel.recycle(g.head)
	}
	if g.head == nil {
		*g = log[K, P]{}
	}
}

// isStored reports whether a snapshot may hold the timer of an entry that has been set.
func (q *Queue[K, P]) isStored(e *Entry[K, P]) bool {
	return e.op&opStored != 0 || e.op < q.seen && !e.deleted()
}

// inherit tells an entry that takes the place of an old one of the same timer.
func (q *Queue[K, P]) inherit(old, e *Entry[K, P]) {
	if q.isStored(old) {
		e.op |= opStored
	}
}

// replace overwrites an entry by a later one of the same timer.
func (q *Queue[K, P]) replace(old, e *Entry[K, P]) {
	stored := old.op & opStored
	if q.isStored(old) {
		stored = opStored
	}
	*old = *e
	old.op |= stored
}

// drop notes that an entry has fired, or has been a deletion that nothing is left for.
func (q *Queue[K, P]) drop(e *Entry[K, P]) {
	if q.isStored(e) {
		if e.deleted() || !fault.Seeded(fault.SkipFired) {
			q.bury(e)
		}
		e.op &^= opStored
	}
}

const goneMin = 1 << 10

// bury adds to what has gone. If that gets too much, a snapshot of all timers is better.
//
//go:noinline
func (q *Queue[K, P]) bury(e *Entry[K, P]) {
	if q.seen == 0 {
		return
	}
	g := &q.gone
	c := g.tail
	if c == nil || c.n == chunkLen {
		if g.n > q.Len()/2+goneMin {
			q.seen, q.gone = 0, log[K, P]{}
			return
		}
		c = q.wheel.addChunk(g)
	}
	x := &c.entries[c.n]
	x.At, x.Hash, x.Key, x.op = e.At, e.Hash, e.Key, q.lastOp|opDeleted
	c.newest = x.op
	c.n++
	g.n++
}

// Last keeps the last operation of each timer among the entries that it is given. The zero value is
// not ready: see Reset.
type Last[K Key, P any] struct {
	entries []*Entry[K, P]
	index   []uint64 // 32 bits of hash, then position + 1; 0 is free
	probes  int
	deleted int
	collide bool // hashes do, by the hundred: All sorts
}

// Reset makes l empty, for a number of entries.
func (l *Last[K, P]) Reset(n int) {
	size := 1 << bits.Len(uint(2*n))
	if cap(l.index) < size || cap(l.index) > 4*size {
		l.index, l.entries = make([]uint64, size), make([]*Entry[K, P], 0, n)
	}
	clear(l.entries)
	*l = Last[K, P]{index: l.index[:size], entries: l.entries[:0]}
	clear(l.index)
}

// Add adds an entry.
func (l *Last[K, P]) Add(e *Entry[K, P]) {
	if l.collide {
		l.entries = append(l.entries, e)
		return
	}
	h := hashTimer(e)
	at := int(h >> 32 & uint64(len(l.index)-1))
	for ; ; at = (at + 1) & (len(l.index) - 1) {
		x := l.index[at]
		if x == 0 {
			l.entries = append(l.entries, e)
			l.count(e, 1)
			l.index[at] = h<<32 | uint64(len(l.entries))
			break
		}
		if x>>32 == h&math.MaxUint32 {
			if o := &l.entries[uint32(x)-1]; compareTimers(*o, e) == 0 {
				if e.op > (*o).op {
					l.count(*o, -1)
					l.count(e, 1)
					*o = e
				}
				break
			}
		}
		l.probes++
	}
	l.collide = l.probes > 16*(len(l.entries)+bucketMin)
}

func (l *Last[K, P]) count(e *Entry[K, P], n int) {
	if e.deleted() {
		l.deleted += n
	}
}

// All is the last operations, and how many of them are deletions. It is valid until Reset.
func (l *Last[K, P]) All() (last []*Entry[K, P], deleted int) {
	if l.collide {
		slices.SortFunc(l.entries, func(a, b *Entry[K, P]) int { return -compareEntries(*a, *b) })
		l.entries = slices.CompactFunc(l.entries, func(a, b *Entry[K, P]) bool {
			return compareTimers(a, b) == 0
		})
		l.collide, l.deleted = false, 0
		for _, e := range l.entries {
			l.count(e, 1)
		}
	}
	return l.entries, l.deleted
}
