package keyed

import "slices"

const (
	// A base is followed by at most this many deltas of its key group.
	deltasMax = 64
	// Freezes that are neither confirmed nor followed by a confirmed one; later ones are forgotten
	// first come first.
	freezesMax = 16
)

// ledger is the account of a state's freezes: what a restore would be made of if the last checkpoint
// of each were confirmed, which decides between a base and a delta.
type ledger struct {
	freezes []freeze // that may be confirmed, oldest first
	chains  []chain  // of each group, or of the state, as of the last confirmed checkpoint
	freezeN uint64   // how many freezes there were
	waiting int64    // a checkpoint to be confirmed when the last freeze is written, 0 for none
}

// chain is the sections that a group is restored from.
type chain struct {
	has        bool // there is a full section
	deltas     int
	base       int // bytes
	entries    int // there were with the base, 0 if nobody knows
	deltaBytes int
}

// freeze is what becomes of the chains when a checkpoint is confirmed.
type freeze struct {
	checkpoint int64
	number     uint64
	chains     []chain
	op         uint64 // of timers: timer.Frozen.Op
}

// isLong reports whether a base is better than another delta, now that there are so many entries. A
// restore reads, and the storage keeps, no more than about twice what there is; what is written of a
// state that only grows is written once.
func (c *chain) isLong(entries int) bool {
	live := c.base
	if c.entries > 0 && entries > c.entries {
		live = int(float64(live) / float64(c.entries) * float64(entries))
	}
	return c.deltas >= deltasMax || c.base+c.deltaBytes > 2*live
}

// add adds what has been written.
func (c *chain) add(kind scanKind, bytes int) {
	if kind == scanFull {
		*c = chain{has: true, base: bytes}
		return
	}
	c.deltas++
	c.deltaBytes += bytes
}

// begin records a freeze, which counts as if it had written nothing.
func (l *ledger) begin(checkpoint int64) *freeze {
	l.freezeN++
	if len(l.freezes) >= freezesMax {
		l.freezes = slices.Delete(l.freezes, 0, 1)
	}
	l.freezes = append(l.freezes, freeze{
		checkpoint: checkpoint, number: l.freezeN, chains: slices.Clone(l.chains),
	})
	return l.last()
}

// last is the last freeze.
func (l *ledger) last() *freeze { return &l.freezes[len(l.freezes)-1] }

// find is a freeze that may be confirmed, nil if it is forgotten.
func (l *ledger) find(number uint64) *freeze {
	i := slices.IndexFunc(l.freezes, func(f freeze) bool { return f.number == number })
	if i < 0 {
		return nil
	}
	return &l.freezes[i]
}

// confirm makes what comes stand on a checkpoint, and returns its freeze.
func (l *ledger) confirm(checkpoint int64) (f freeze, ok bool) {
	i := slices.IndexFunc(l.freezes, func(f freeze) bool { return f.checkpoint == checkpoint })
	if i < 0 {
		return freeze{}, false
	}
	f = l.freezes[i]
	l.chains = f.chains
	l.freezes = slices.Delete(l.freezes, 0, i+1)
	return f, true
}

// takeBack forgets the last freeze, which was not written.
func (l *ledger) takeBack() { l.freezes = l.freezes[:len(l.freezes)-1] }

// abandon forgets any freeze.
func (l *ledger) abandon(number uint64) {
	l.freezes = slices.DeleteFunc(l.freezes, func(f freeze) bool { return f.number == number })
}

// forget makes what is written next full, whatever is confirmed.
func (l *ledger) forget() {
	clear(l.chains)
	for _, f := range l.freezes {
		clear(f.chains)
	}
}

// takeWaiting is the checkpoint that waited for the end of a freeze.
func (l *ledger) takeWaiting() int64 {
	c := l.waiting
	l.waiting = 0
	return c
}
