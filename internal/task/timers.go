package task

import "container/heap"

// timerEntry asks for a processing-time call of a node.
type timerEntry struct {
	at   int64 // in nanoseconds
	node int
}

// timerHeap holds the wake-up times of a task's nodes, the earliest first. A node has few: it asks
// for its own earliest only.
type timerHeap []timerEntry

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is for container/heap.
func (h *timerHeap) Push(x any) { *h = append(*h, x.(timerEntry)) }

// Pop is for container/heap.
func (h *timerHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

func (h *timerHeap) add(e timerEntry) {
	for _, o := range *h {
		if o == e {
			return
		}
	}
	heap.Push(h, e)
}

func (h timerHeap) due(nanos int64) bool {
	return len(h) > 0 && h[0].at <= nanos
}

// removeUntil takes out the entries of node up to nanos.
func (h *timerHeap) removeUntil(node int, nanos int64) {
	kept := (*h)[:0]
	for _, e := range *h {
		if e.node != node || e.at > nanos {
			kept = append(kept, e)
		}
	}
	*h = kept
	heap.Init(h)
}
