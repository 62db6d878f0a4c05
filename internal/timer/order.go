package timer

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

const (
	insertionMax = 24
	radixBitsMax = 11
	radixBitsFew = 6
)

// compareTimers compares by (At, Hash, Key): entries that compare equal are of one timer.
func compareTimers[K Key, P any](a, b *Entry[K, P]) int {
	switch {
	case a.At != b.At:
		return cmp.Compare(a.At, b.At)
	case a.Hash != b.Hash:
		return cmp.Compare(a.Hash, b.Hash)
	}
	return cmp.Compare(a.Key, b.Key)
}

// before orders by timer, and the entries of one timer by operation, the oldest first.
func before[K Key, P any](a, b *Entry[K, P]) bool {
	switch {
	case a.At != b.At:
		return a.At < b.At
	case a.Hash != b.Hash:
		return a.Hash < b.Hash
	case a.Key != b.Key:
		return a.Key < b.Key
	}
	return a.op < b.op
}

func compareEntries[K Key, P any](a, b Entry[K, P]) int {
	if c := compareTimers(&a, &b); c != 0 {
		return c
	}
	return cmp.Compare(a.op, b.op)
}

// sortTimers sorts a by (At, Hash, Key, op) and returns it together with scratch memory for the
// next call; either may have moved to the other's place.
//
// A comparison sort spends ten mispredicted branches on each entry of a thousand. Times in a
// bucket and hashes are spread evenly as a rule, so dealing the entries out once or twice by the
// leading bits of what differs leaves groups of about four for insertion sort.
func sortTimers[K Key, P any](a, scratch []Entry[K, P]) (sorted, spare []Entry[K, P]) {
	if len(a) <= insertionMax {
		insertionSort(a)
		return a, scratch
	}
	if cap(scratch) < len(a) {
		scratch = make([]Entry[K, P], len(a))
	}
	scratch = scratch[:len(a)]
	radixSort(a, scratch)
	return scratch, reuse(a)
}

func insertionSort[K Key, P any](a []Entry[K, P]) {
	for i := 1; i < len(a); i++ {
		if !before(&a[i], &a[i-1]) {
			continue
		}
		e := a[i]
		j := i
		for ; j > 0 && before(&e, &a[j-1]); j-- {
			a[j] = a[j-1]
		}
		a[j] = e
	}
}

// radixSort sorts src into dst. src is scratch afterwards.
func radixSort[K Key, P any](src, dst []Entry[K, P]) {
	radixBits := min(bits.Len(uint(len(src)))-2, radixBitsMax)
	if radixBits <= radixBitsFew {
		var ends [1 << radixBitsFew]uint32 // not to clear a large array for a few entries
		sortByDigit(src, dst, ends[:1<<radixBits])
		return
	}
	var ends [1 << radixBitsMax]uint32
	sortByDigit(src, dst, ends[:1<<radixBits])
}

// sortByDigit deals src out to as many groups as ends, which is all zero, has elements, and sorts
// the groups.
func sortByDigit[K Key, P any](src, dst []Entry[K, P], ends []uint32) {
	byHash, low, high := spread(src)
	if low == high {
		copy(dst, src)
		slices.SortFunc(dst, compareEntries)
		return
	}
	shift := max(bits.Len64(high-low)-bits.Len(uint(len(ends)-1)), 0)
	for i := range src {
		ends[digitOf(&src[i], byHash, low)>>shift]++
	}
	sum := uint32(0)
	for d, n := range ends {
		ends[d] = sum
		sum += n
	}
	for i := range src {
		d := digitOf(&src[i], byHash, low) >> shift
		dst[ends[d]] = src[i]
		ends[d]++
	}
	begin := uint32(0)
	for _, end := range ends {
		if group := dst[begin:end]; len(group) <= insertionMax {
			insertionSort(group)
		} else {
			radixSort(group, src[begin:end])
			copy(group, src[begin:end])
		}
		begin = end
	}
}

// spread returns the range of what the entries are to be dealt out by: the times, or the hashes if
// all times are equal.
func spread[K Key, P any](a []Entry[K, P]) (byHash bool, low, high uint64) {
	low, high = math.MaxUint64, 0
	for i := range a {
		u := unsigned(a[i].At)
		low, high = min(low, u), max(high, u)
	}
	if low < high {
		return false, low, high
	}
	low, high = math.MaxUint64, 0
	for i := range a {
		low, high = min(low, a[i].Hash), max(high, a[i].Hash)
	}
	return true, low, high
}

func digitOf[K Key, P any](e *Entry[K, P], byHash bool, low uint64) uint64 {
	if byHash {
		return e.Hash - low
	}
	return unsigned(e.At) - low
}

// merge appends two sorted lists to dst in order.
func merge[K Key, P any](dst, a, b []Entry[K, P]) []Entry[K, P] {
	for len(a) > 0 && len(b) > 0 {
		if before(&b[0], &a[0]) {
			dst, b = append(dst, b[0]), b[1:]
		} else {
			dst, a = append(dst, a[0]), a[1:]
		}
	}
	return append(append(dst, a...), b...)
}

func pushHeap[K Key, P any](heap *[]Entry[K, P], e Entry[K, P]) {
	h := append(*heap, e)
	*heap = h
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !before(&e, &h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
}

func popHeap[K Key, P any](heap *[]Entry[K, P]) Entry[K, P] {
	h := *heap
	top := h[0]
	n := len(h) - 1
	e := h[n]
	h[n] = Entry[K, P]{}
	h = h[:n]
	*heap = h
	i := 0
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && before(&h[child+1], &h[child]) {
			child++
		}
		if !before(&h[child], &e) {
			break
		}
		h[i] = h[child]
		i = child
	}
	if n > 0 {
		h[i] = e
	}
	return top
}
