package timer

import (
	"math"
	"math/bits"
	"slices"
)

// unique keeps the last operation of each timer of a sorted list, in place. It drops deletions
// unless they are still needed.
func (q *Queue[K, P]) unique(a []Entry[K, P], keepDeleted bool) []Entry[K, P] {
	kept := 0
	for i := range a {
		if i+1 < len(a) && compareTimers(&a[i], &a[i+1]) == 0 {
			q.inherit(&a[i], &a[i+1])
			continue
		}
		if a[i].deleted() {
			if q.drop(&a[i]); !keepDeleted {
				continue
			}
		}
		if kept != i {
			a[kept] = a[i]
		}
		kept++
	}
	clear(a[kept:])
	return a[:kept]
}

// dedupe keeps the last operation of each timer in a log, in place, and drops deletions.
//
// Sorting would do, but costs as much as sorting for firing, and a log in which nothing repeats
// would pay it at each doubling. A hash table of positions is several times cheaper. Only when
// hashes collide by the hundred does it give up and sort.
func (q *Queue[K, P]) dedupe(log []Entry[K, P]) []Entry[K, P] {
	w := &q.wheel
	size := 1 << bits.Len(uint(2*len(log)))
	if cap(w.index) < size {
		w.index = make([]uint64, size)
	}
	index := w.index[:size] // 32 bits of hash, then position + 1; 0 is free
	clear(index)
	if size > 2*scratchMax {
		w.index = nil
	}
	kept, probes := 0, 0
	for i := range log {
		if probes > 16*(i+bucketMin) {
			rest := log[:kept+copy(log[kept:], log[i:])]
			slices.SortFunc(rest, compareEntries)
			return q.unique(rest, false)
		}
		e := &log[i]
		h := hashTimer(e)
		at := int(h >> 32 & uint64(size-1))
		for {
			x := index[at]
			if x == 0 {
				index[at] = h<<32 | uint64(kept+1)
				log[kept] = *e
				kept++
				break
			}
			if x>>32 == h&math.MaxUint32 && compareTimers(&log[uint32(x)-1], e) == 0 {
				q.replace(&log[uint32(x)-1], e)
				break
			}
			at = (at + 1) & (size - 1)
			probes++
		}
	}
	live := 0
	for i := range kept {
		if log[i].deleted() {
			q.drop(&log[i])
			continue
		}
		log[live] = log[i]
		live++
	}
	return log[:live]
}

func hashTimer[K Key, P any](e *Entry[K, P]) uint64 {
	return (e.Hash ^ uint64(e.At)*0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
}
