package exec

import (
	"math"

	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/sql/internal/agg"
)

// groupTTL drops groups that have not changed for a time. The time of the last change is in the accumulator; a group has
// a timer, which is set anew when it fires too early.
type groupTTL struct {
	millis int64 // 0 is for ever
	due    *keyed.Timers[struct{}]
	armed  int64
}

// openTTL adds the timers.
func (n *groupAggregate) openTTL() {
	t := &n.ttl
	t.millis, t.armed = n.op.TTL.Milliseconds(), math.MaxInt64
	if t.millis > 0 {
		t.due = keyed.NewTimers(n.keys.backend, mustCodec[struct{}]())
		n.keys.backend.Add("expiry", t.due)
	}
}

// startTTL sets timers for groups that were restored without, and has the task wake the operator.
func (n *groupAggregate) startTTL() {
	t := &n.ttl
	if t.millis == 0 {
		return
	}
	if _, ok := t.due.Next(); !ok {
		now := n.task.NowMillis()
		n.table.each(func(hash, word uint64, key []byte, _ agg.Acc) {
			n.keys.backend.Set(hash, word, key)
			t.due.Set(now+t.millis, struct{}{})
		})
	}
	n.arm()
}

// refresh notes that the groups of a batch change now. One that has expired begins anew.
func (n *groupAggregate) refresh() {
	t := &n.ttl
	if t.millis == 0 {
		return
	}
	now := n.task.NowMillis()
	for g, a := range n.accs {
		at := agg.TimeOf(a)
		if !n.fresh[g] && *at > 0 && now-*at >= t.millis {
			clear(agg.Words(a, n.set.Words()))
			if n.side != nil {
				n.batch.setGroup(g)
				n.side.Forget()
			}
			n.fresh[g] = true
		}
		*at = now
	}
}

// watch sets timers for groups that are new and stay.
func (n *groupAggregate) watch() {
	t := &n.ttl
	if t.millis == 0 {
		return
	}
	for g, a := range n.accs {
		if n.fresh[g] && *agg.RowsOf(a) != 0 {
			n.batch.setGroup(g)
			t.due.Set(*agg.TimeOf(a)+t.millis, struct{}{})
		}
	}
	n.arm()
}

func (n *groupAggregate) arm() {
	t := &n.ttl
	if at, ok := t.due.Next(); ok && at < t.armed {
		t.armed = at
		n.task.WakeAt(at)
	}
}

// ProcessingTime drops groups that have expired.
func (n *groupAggregate) ProcessingTime(now int64) bool {
	t := &n.ttl
	if t.millis == 0 {
		return true
	}
	t.armed = math.MaxInt64
	t.due.Fire(now, func(int64, struct{}) bool {
		a := n.table.lookup()
		if a == nil {
			return true
		}
		if end := *agg.TimeOf(a) + t.millis; end > now {
			t.due.Set(end, struct{}{})
			return true
		}
		n.table.Drop()
		if n.side != nil {
			n.side.Forget()
		}
		return true
	})
	n.arm()
	return true
}
