package timer

import (
	"math"
	"math/bits"
)

// Key is the canonical form of a key. Its order breaks ties between timers of equal time and hash.
type Key interface{ ~uint64 | ~string }

// Entry is one timer.
type Entry[K Key, P any] struct {
	At      int64  // when it is due, in the unit of the queue's user
	Hash    uint64 // hash of Key; orders timers of equal time
	Key     K
	Payload P
	op      uint64 // number of the operation, in steps of opStep, and flags
}

const (
	opDeleted = 1 << iota // the operation is a deletion
	opStored              // it replaced what a snapshot may hold: see isStored
	opStep
)

func (e *Entry[K, P]) deleted() bool { return e.op&opDeleted != 0 }

// Deleted reports, of an entry of a Frozen, whether there is no such timer any more.
func (e *Entry[K, P]) Deleted() bool { return e.deleted() }

// Queue is a queue of timers, unique by time and key. The zero value is an empty queue. A Queue
// belongs to one goroutine.
//
// Timers fire in order of (At, Hash, Key), whatever the order in which they were set.
type Queue[K Key, P any] struct {
	wheel   wheel[K, P]
	run     []Entry[K, P] // sorted and unique; fired from cursor on
	cursor  int
	late    []Entry[K, P] // heap: what was set or deleted at or before the horizon
	lateMax int           // late is compacted when it reaches this length
	scratch []Entry[K, P]
	lastOp  uint64
	seen    uint64      // lastOp at the last freeze; 0: what goes is not noted
	gone    log[K, P]   // deletions of timers that snapshots may hold and the queue does not
	firing  Entry[K, P] // copy of the timer that is being fired
	busy    bool        // Advance or Range is on the way
}

const (
	lateMin = 64
	// A bucket with more entries is dealt out before it is sorted, so that sorting stays in the
	// cache.
	sortMax = 1 << 13
)

// Set sets a timer. A timer of the same time and key is replaced. A time at or before the one that
// the queue was advanced to is allowed: the timer fires at the next Advance, or during this one.
//
//flott:hot
func (q *Queue[K, P]) Set(at int64, hash uint64, key K, payload P) {
	q.lastOp += opStep
	u := unsigned(at)
	if u <= q.wheel.horizon {
		e := Entry[K, P]{At: at, Hash: hash, Key: key, Payload: payload, op: q.lastOp}
		q.pushLate(e)
		return
	}
	b := q.wheel.bucketFor(u)
	e := q.wheel.grow(b, q.lastOp)
	e.At, e.Hash, e.Key, e.Payload, e.op = at, hash, key, payload, q.lastOp
	b.min = min(b.min, u)
	if b.n >= b.limit {
		q.compactBucket(b)
	}
}

// Delete deletes the timer of this time and key, if there is one.
//
//flott:hot
func (q *Queue[K, P]) Delete(at int64, hash uint64, key K) {
	q.lastOp += opStep
	u := unsigned(at)
	if u <= q.wheel.horizon {
		if q.cursor < len(q.run) || len(q.late) > 0 {
			q.pushLate(Entry[K, P]{At: at, Hash: hash, Key: key, op: q.lastOp | opDeleted})
		}
		return
	}
	b := q.wheel.bucketFor(u)
	if b.n == 0 || u < b.min {
		return // there is no such timer
	}
	e := q.wheel.grow(b, q.lastOp|opDeleted)
	var none P
	e.At, e.Hash, e.Key, e.Payload, e.op = at, hash, key, none, q.lastOp|opDeleted
	if b.n >= b.limit {
		q.compactBucket(b)
	}
}

// Next returns a time at or before that of the earliest timer, and false if there is surely none.
// It is exact unless timers were deleted: then the time may be that of a deleted one. A user who
// sleeps until this time and advances to it makes progress in any case.
func (q *Queue[K, P]) Next() (at int64, ok bool) {
	at = math.MaxInt64
	if q.cursor < len(q.run) {
		at, ok = q.run[q.cursor].At, true
	}
	if len(q.late) > 0 {
		at, ok = min(at, q.late[0].At), true
	}
	if ok {
		return at, true
	}
	if b := q.wheel.first(); b != nil {
		return signed(b.min), true
	}
	return 0, false
}

// Advance fires all timers at or before to in order. fire may set and delete timers: those at or
// before to that were not yet fired are taken into account at once. The entry is valid during the
// call. If fire returns false, the timer it was called for counts as fired, Advance returns false,
// and the next Advance goes on with the timer after it. Advance returns true when no timer at or
// before to is left.
func (q *Queue[K, P]) Advance(to int64, fire func(e *Entry[K, P]) bool) (done bool) {
	q.enter()
	defer q.leave()
	for {
		for q.takeDue(to) {
			if !fire(&q.firing) {
				return false
			}
		}
		if !q.refill(to) {
			return true
		}
	}
}

// Len returns an upper bound of the number of timers: all that were set and not yet fired, with
// those that were deleted or set again and not yet noticed as such.
func (q *Queue[K, P]) Len() int { return q.wheel.n + len(q.run) - q.cursor + len(q.late) }

// Count returns the number of timers. It compacts all logs, so its cost is that of going through
// all of them.
func (q *Queue[K, P]) Count() int {
	q.Compact()
	return q.Len()
}

// Range calls f for all timers until f returns false. The order is not that of time, but depends
// only on the calls that built the queue. f must not use the queue.
func (q *Queue[K, P]) Range(f func(e *Entry[K, P]) bool) {
	q.Compact()
	q.enter()
	defer q.leave()
	for i := q.cursor; i < len(q.run); i++ {
		if !f(&q.run[i]) {
			return
		}
	}
	q.wheel.each(f)
}

// Clear removes all timers and releases the memory. What has gone is not noted: see Lost.
func (q *Queue[K, P]) Clear() {
	w := wheel[K, P]{horizon: q.wheel.horizon, held: q.wheel.held}
	*q = Queue[K, P]{lastOp: q.lastOp, busy: q.busy, wheel: w}
}

// Compact drops all that is deleted or replaced.
func (q *Queue[K, P]) Compact() {
	q.mergeLate()
	for _, l := range q.wheel.levels {
		if l == nil {
			continue
		}
		for taken := l.taken; taken != 0; taken &= taken - 1 {
			q.compactBucket(&l.buckets[bits.TrailingZeros64(taken)])
		}
	}
}

func (q *Queue[K, P]) enter() {
	if q.busy {
		panic("timer: Advance or Range called from a callback of the same queue")
	}
	q.busy = true
}

func (q *Queue[K, P]) leave() { q.busy = false }

// takeDue moves the earliest timer of run and late to q.firing, if it is due.
//
//flott:hot
func (q *Queue[K, P]) takeDue(to int64) bool {
	for {
		if len(q.late) > 0 {
			found, again := q.takeMerged(to)
			if again {
				continue
			}
			return found
		}
		if q.cursor == len(q.run) || q.run[q.cursor].At > to {
			return false
		}
		q.firing = q.run[q.cursor]
		q.cursor++
		q.drop(&q.firing)
		return true
	}
}

// takeMerged is takeDue while late has entries. again says that the entry found was deleted.
func (q *Queue[K, P]) takeMerged(to int64) (found, again bool) {
	fromRun := q.cursor < len(q.run)
	if fromRun {
		switch c := compareTimers(&q.run[q.cursor], &q.late[0]); {
		case c < 0:
			if q.run[q.cursor].At > to {
				return false, false
			}
			q.firing = q.run[q.cursor]
			q.cursor++
			q.drop(&q.firing)
			return true, false
		case c > 0:
			fromRun = false
		}
	}
	if q.late[0].At > to {
		return false, false
	}
	q.firing = popHeap(&q.late)
	if fromRun { // the same timer, which late has newer
		q.inherit(&q.run[q.cursor], &q.firing)
		q.cursor++
	}
	for len(q.late) > 0 && compareTimers(&q.late[0], &q.firing) == 0 {
		e := popHeap(&q.late) // entries of one timer come up oldest first
		q.replace(&q.firing, &e)
	}
	q.drop(&q.firing)
	return !q.firing.deleted(), q.firing.deleted()
}

// refill replaces the run, which is exhausted, by the next timers at or before to.
func (q *Queue[K, P]) refill(to int64) bool {
	if q.cursor < len(q.run) || len(q.late) > 0 {
		return false // what is left is after to
	}
	q.run, q.cursor = q.reuseRun(), 0
	for len(q.run) == 0 {
		b := q.wheel.first()
		if b == nil || b.min > unsigned(to) {
			return false
		}
		q.run = q.wheel.take(b, unsigned(to), q.run)
		q.run, q.scratch = sortTimers(q.run, q.scratch)
		q.run = q.unique(q.run, false)
	}
	return true
}

// pushLate adds an entry at or before the horizon.
func (q *Queue[K, P]) pushLate(e Entry[K, P]) {
	pushHeap(&q.late, e)
	if len(q.late) < max(q.lateMax, lateMin) {
		return
	}
	// Merging costs the length of the run, so it is done when late is a good part of it. Then
	// deletions can go as well.
	if rest := len(q.run) - q.cursor; len(q.late)*8 >= rest {
		q.mergeLate()
		return
	}
	q.late, q.scratch = sortTimers(q.late, q.scratch)
	q.late = q.unique(q.late, true) // sorted, so it is still a heap
	q.lateMax = 2 * len(q.late)
}

// mergeLate makes one run of late and the rest of the run.
func (q *Queue[K, P]) mergeLate() {
	if len(q.late) == 0 {
		return
	}
	q.late, q.scratch = sortTimers(q.late, q.scratch)
	merged := merge(q.scratch[:0], q.run[q.cursor:], q.late)
	spare := q.reuseRun()
	q.run, q.scratch, q.cursor = q.unique(merged, false), spare, 0
	q.late, q.lateMax = reuse(q.late), len(q.run)/4
}

// compactBucket drops what is deleted or replaced in a bucket.
func (q *Queue[K, P]) compactBucket(b *bucket[K, P]) {
	before := b.n
	flat := q.wheel.flatten(b, q.scratch[:0])
	live := q.dedupe(flat)
	q.wheel.refill(b, live)
	q.scratch = reuse(flat)
	switch {
	case b.n == before:
		b.limit = max(bucketMin, 8*b.n) // nothing repeats here
	case b.n > before-before/4:
		b.limit = max(bucketMin, 4*b.n)
	default:
		b.limit = max(bucketMin, 2*b.n)
	}
}

// reuseRun is reuse of the run, which a freeze may hold.
func (q *Queue[K, P]) reuseRun() []Entry[K, P] {
	if q.wheel.held > 0 {
		return nil
	}
	return reuse(q.run)
}

// reuse empties a slice, and lets go of it if it is large.
func reuse[K Key, P any](a []Entry[K, P]) []Entry[K, P] {
	if cap(a) > scratchMax {
		return nil
	}
	clear(a)
	return a[:0]
}

func unsigned(at int64) uint64 { return uint64(at) ^ 1<<63 }

func signed(u uint64) int64 { return int64(u ^ 1<<63) }
