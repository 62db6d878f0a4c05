package timer

import (
	"math"
	"math/bits"
	"slices"
)

const (
	digitBits = 6
	digits    = 1 << digitBits
	levels    = (64 + digitBits - 1) / digitBits
	chunkLen  = 64
	// A bucket's log is not compacted while it is shorter than this.
	bucketMin = 1024
	// Scratch memory for more entries than this is given back after use.
	scratchMax = 1 << 16
)

// wheel keeps the entries after the horizon in buckets; doc.go explains which.
type wheel[K Key, P any] struct {
	horizon uint64
	n       int    // entries in all buckets
	taken   uint16 // levels with entries, one bit each
	levels  [levels]*level[K, P]
	free    *chunk[K, P]
	held    int      // freezes that are still to be written: no chunk is used again
	index   []uint64 // scratch of dedupe
}

type level[K Key, P any] struct {
	taken   uint64 // buckets with entries, one bit each
	buckets [digits]bucket[K, P]
}

// log is a list of operations, the newest last, in chunks that the logs of a wheel share. What has
// been appended is not changed any more.
type log[K Key, P any] struct {
	head, tail *chunk[K, P]
	n          int
}

type bucket[K Key, P any] struct {
	log[K, P]
	limit int    // compacted when n reaches it
	min   uint64 // earliest set; an entry before it would be a deletion without effect
	level uint8
	digit uint8
}

type chunk[K Key, P any] struct {
	next    *chunk[K, P]
	n       int
	newest  uint64 // no operation in here is later
	entries [chunkLen]Entry[K, P]
}

// bucketFor returns the bucket of a time after the horizon.
func (w *wheel[K, P]) bucketFor(u uint64) *bucket[K, P] {
	l := (bits.Len64(u^w.horizon) - 1) / digitBits
	d := u >> (digitBits * l) & (digits - 1)
	if w.levels[l] == nil {
		w.levels[l] = new(level[K, P])
	}
	b := &w.levels[l].buckets[d]
	if b.n == 0 {
		b.level, b.digit = uint8(l), uint8(d)
		b.min, b.limit = math.MaxUint64, bucketMin
	}
	return b
}

// first returns the bucket with the earliest entries, nil if there are none.
func (w *wheel[K, P]) first() *bucket[K, P] {
	if w.taken == 0 {
		return nil
	}
	l := w.levels[bits.TrailingZeros16(w.taken)]
	return &l.buckets[bits.TrailingZeros64(l.taken)]
}

// grow appends an entry of an operation to a bucket and returns it, for the caller to fill.
func (w *wheel[K, P]) grow(b *bucket[K, P], op uint64) *Entry[K, P] {
	c := b.tail
	if c == nil || c.n == chunkLen {
		if c == nil {
			w.taken |= 1 << b.level
			w.levels[b.level].taken |= 1 << b.digit
		}
		c = w.addChunk(&b.log)
	}
	c.newest = max(c.newest, op)
	c.n++
	b.n++
	w.n++
	return &c.entries[c.n-1]
}

func (w *wheel[K, P]) addChunk(l *log[K, P]) *chunk[K, P] {
	c := w.free
	if c != nil {
		w.free, c.next = c.next, nil
	} else {
		c = new(chunk[K, P])
	}
	if l.tail != nil {
		l.tail.next = c
	} else {
		l.head = c
	}
	l.tail = c
	return c
}

// detach empties a bucket and returns its log.
func (w *wheel[K, P]) detach(b *bucket[K, P]) *chunk[K, P] {
	c := b.head
	w.n -= b.n
	b.head, b.tail, b.n = nil, nil, 0
	l := w.levels[b.level]
	l.taken &^= 1 << b.digit
	if l.taken == 0 {
		w.taken &^= 1 << b.level
	}
	return c
}

// recycle clears a chunk, keeps it for reuse and returns the next one. A chunk that a freeze may
// hold is left to the garbage collector.
func (w *wheel[K, P]) recycle(c *chunk[K, P]) (next *chunk[K, P]) {
	next = c.next
	if w.held > 0 {
		return next
	}
	clear(c.entries[:c.n])
	c.n, c.newest, c.next = 0, 0, w.free
	w.free = c
	return next
}

// take moves entries at or before to, unsorted, from the first bucket b to the end of run, and
// moves the horizon up to them. It takes all of them if they are few. Of a large bucket it takes
// those of the earliest time and deals the others out to lower levels.
func (w *wheel[K, P]) take(b *bucket[K, P], to uint64, run []Entry[K, P]) []Entry[K, P] {
	last := b.min | (1<<(digitBits*b.level) - 1) // the bucket's last time
	upTo := min(to, last)
	if b.n > sortMax {
		upTo = b.min
	}
	c := w.detach(b)
	w.horizon = upTo
	for c != nil {
		if upTo == last {
			run = append(run, c.entries[:c.n]...)
		} else {
			run = w.deal(c.entries[:c.n], upTo, run)
		}
		c = w.recycle(c)
	}
	return run
}

// deal appends the entries up to a time to run, and the others to their buckets.
func (w *wheel[K, P]) deal(from []Entry[K, P], upTo uint64, run []Entry[K, P]) []Entry[K, P] {
	for i := range from {
		e := &from[i]
		u := unsigned(e.At)
		if u <= upTo {
			run = append(run, *e)
			continue
		}
		b := w.bucketFor(u)
		if e.deleted() && u < b.min {
			continue // what it deleted would come before it
		}
		*w.grow(b, e.op) = *e
		if !e.deleted() {
			b.min = min(b.min, u)
		}
		b.limit = max(b.limit, 2*b.n)
	}
	return run
}

// flatten moves the log of a bucket to the end of dst.
func (w *wheel[K, P]) flatten(b *bucket[K, P], dst []Entry[K, P]) []Entry[K, P] {
	dst = slices.Grow(dst, b.n)
	for c := w.detach(b); c != nil; c = w.recycle(c) {
		dst = append(dst, c.entries[:c.n]...)
	}
	return dst
}

// refill puts entries into a bucket that flatten emptied.
func (w *wheel[K, P]) refill(b *bucket[K, P], entries []Entry[K, P]) {
	b.min = math.MaxUint64
	for i := range entries {
		*w.grow(b, entries[i].op) = entries[i]
		b.min = min(b.min, unsigned(entries[i].At))
	}
}

// each calls f for all entries until f returns false.
func (w *wheel[K, P]) each(f func(e *Entry[K, P]) bool) {
	for _, l := range w.levels {
		if l == nil {
			continue
		}
		for d := range l.buckets {
			for c := l.buckets[d].head; c != nil; c = c.next {
				for i := range c.n {
					if !f(&c.entries[i]) {
						return
					}
				}
			}
		}
	}
}
