package exec

import (
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Node makes the operator of a subtask.
func (j *IntervalJoin) Node() operator.Node {
	n := &intervalJoin{op: j}
	n.init(j.Out, j.Zone)
	n.TwoColumnInputs.Init(n, &n.out)
	n.low, n.high = [2]int64{j.Lower, -j.Upper}, [2]int64{j.Upper, -j.Lower}
	n.delay = max(0, j.Upper, -j.Lower) + 1
	n.decodes = true
	return n
}

func (j *IntervalJoin) outer(side int) bool {
	return j.Kind == logical.Full || j.Kind == logical.Left && side == 0 || j.Kind == logical.Right && side == 1
}

// intervalJoin joins rows whose times are near each other.
//
//	left   ──────●────────────────▶     a left row at t has partners in [t+Lower, t+Upper] on the right,
//	right  ───[──┼────────]───────▶     and is done when the watermark is behind t+Upper;
//	             t                      a right row at t when it is behind t-Lower
//
// A row is kept until it is done; a late one is joined with those that are not. An outer row without a partner
// comes when it is done, or at once if it is when it comes. So that it is not late then, watermarks are passed on
// later by the longest time that rows are kept.
//
// In processing time the clock takes the place of the watermark, and of the times of rows.
type intervalJoin struct {
	two
	op *IntervalJoin
	prober
	// due is when rows are done: each of an outer side, for others one of each key.
	due       [2]*keyed.Timers[struct{}]
	low, high [2]int64 // a row of a side at t has partners from t+low up to t+high
	delay     int64    // of the watermark
	times     []int64  // of the batch's rows
	changes   pairs
	matched   bool // the row at work
	groups    ops.GroupMarks
	woken     int64
}

func (n *intervalJoin) Open(ctx *operator.Context) (err error) {
	n.Ctx = ctx
	n.open(ctx)
	j := n.op
	n.keys = newKeying(ctx, JoinKeyTypes(j.Left, j.LeftKeys, j.Right, j.RightKeys), j.LeftKeys)
	n.sides[0] = newJoinSide(joinSideSpec{
		fields: j.Left, keys: j.LeftKeys, nullSafe: j.NullSafe, timed: true, counts: j.outer(0),
	}, n.keys, keyed.NewBytes(n.keys.backend))
	n.sides[1] = newJoinSide(joinSideSpec{
		fields: j.Right, keys: j.RightKeys, nullSafe: j.NullSafe, timed: true, counts: j.outer(1),
	}, n.keys.other(j.RightKeys), keyed.NewBytes(n.keys.backend))
	for s, name := range []string{"left", "right"} {
		n.due[s] = keyed.NewTimers(n.keys.backend, mustCodec[struct{}]())
		n.keys.backend.Add(name, n.sides[s].rows)
		n.keys.backend.Add(name+" due", n.due[s])
	}
	n.pair.init(j.Left, j.Right, j.Cond)
	if n.mark, err = n.groups.Restore(ctx); err != nil {
		return err
	}
	if err := n.restore(); err != nil {
		return err
	}
	n.wake()
	return nil
}

// Snapshot writes the rows.
func (n *intervalJoin) Snapshot(w *operator.Snapshot) error {
	n.groups.Snapshot(w, n.task, n.mark)
	return n.base.Snapshot(w)
}

func (n *intervalJoin) Left(b *batch.Columns, from, to int) int { return n.rows(0, b, from, to) }

func (n *intervalJoin) Right(b *batch.Columns, from, to int) int { return n.rows(1, b, from, to) }

// isDone reports whether no row that is not late can be a partner of a row of a side at a time, which has the current
// key.
func (n *intervalJoin) isDone(s int, t int64) bool {
	mark := n.markOfKey()
	return mark == batch.MaxTime || timePlus(t, n.high[s]) < mark
}

// markOfKey is the watermark for the current key.
func (n *intervalJoin) markOfKey() int64 { return n.groups.Of(n.keys.backend.Hash, n.mark) }

// timePlus is t + d, kept in the range of times.
func timePlus(t, d int64) int64 {
	s := t + d
	switch {
	case d > 0 && s < t:
		return batch.MaxTime
	case d < 0 && s > t:
		return batch.MinTime
	}
	return s
}

// rows joins rows of a side.
func (n *intervalJoin) rows(s int, b *batch.Columns, from, to int) int {
	n.begin(s, b, from)
	now := n.now().Now.UnixMilli()
	if n.op.Processing {
		n.mark = now
	}
	n.timesOf(s, b, from, to)
	other := n.sides[1-s]
	near := func(place int, rows []byte, at int) bool {
		t, mine := other.time(rows, at), n.times[place]
		return t >= timePlus(mine, n.low[s]) && t <= timePlus(mine, n.high[s]) && !n.isDone(1-s, t)
	}
	for from < to {
		if n.out.Blocked() {
			return from
		}
		end, isWhole := n.find(s, b, from, to, near)
		n.apply(s, b, from, n.matches(&n.base), isWhole)
		n.pair.emit(&n.out, &n.changes)
		from = end
	}
	n.wake()
	return to
}

// timesOf notes the times of rows that have a key.
func (n *intervalJoin) timesOf(s int, b *batch.Columns, from, to int) {
	if len(n.times) < b.N {
		n.times = make([]int64, max(b.N, batch.MaxRows))
	}
	c, fields := n.op.LeftTime, n.op.Left
	if s == 1 {
		c, fields = n.op.RightTime, n.op.Right
	}
	for i := from; i < to; i++ {
		switch place := b.Row(i); {
		case n.op.Processing:
			n.times[place] = n.mark
		case !n.sides[s].isLonely(place):
			n.times[place] = n.timeOf(b.Cols[c], place, fields[c].Name)
		}
	}
}

// apply gives the joined rows, and keeps the rows whose partners are all known.
func (n *intervalJoin) apply(s int, b *batch.Columns, from int, yes []bool, isWhole bool) {
	n.changes.reset()
	own, other := n.sides[s], n.sides[1-s]
	k := int32(0)
	for r, end := range n.ends {
		place := b.Row(from + r)
		var rows []byte
		for ; k < end; k++ {
			if yes != nil && !yes[k] {
				continue
			}
			n.matched = true
			n.changes.add(int32(place), k, row.Insert)
			if !other.counts {
				continue
			}
			if rows == nil {
				own.keys.set(place)
				rows = other.rows.Change()
			}
			other.setPartners(rows, int(n.at[k]), 1, 0)
		}
		if r == len(n.ends)-1 && !isWhole {
			return
		}
		n.keep(s, place)
		n.matched = false
	}
}

// keep keeps a row as long as a partner may come.
func (n *intervalJoin) keep(s, place int) {
	own, t := n.sides[s], n.times[place]
	own.keys.set(place)
	if own.isLonely(place) || n.markOfKey() >= timePlus(t, n.high[s]) {
		if own.counts && !n.matched {
			n.changes.addOwn(int32(place), row.Insert)
		}
		return
	}
	partners := int32(0)
	if n.matched {
		partners = 1
	}
	if fresh := own.add(place, partners, t); fresh || own.counts {
		n.due[s].Set(n.dueAt(s, t), struct{}{})
	}
}

// dueAt is when a row is dropped. Where nobody sees it, that is done for the rows of some time together.
func (n *intervalJoin) dueAt(s int, t int64) int64 {
	at := timePlus(timePlus(t, n.high[s]), 1)
	if !n.sides[s].counts {
		at = timePlus(at, (n.op.Upper-n.op.Lower)/2)
	}
	return at
}

// Watermark drops the rows that are done, and passes the watermark on, later. At the end of input those of processing
// time are done too.
func (n *intervalJoin) Watermark(t int64) bool {
	if n.op.Processing && t != batch.MaxTime {
		n.out.Mark(t)
		return true
	}
	n.noteMark(t)
	if !n.drop() {
		return false
	}
	n.groups.Reached(t)
	if t != batch.MaxTime {
		t = timePlus(t, -n.delay)
	}
	n.out.Mark(t)
	return true
}

// ProcessingTime drops the rows that are done.
func (n *intervalJoin) ProcessingTime(now int64) bool {
	n.mark, n.woken = now, 0
	done := n.drop()
	n.wake()
	return n.out.Flush() && done
}

// wake asks for the processing time at which the next row is done.
func (n *intervalJoin) wake() {
	if !n.op.Processing {
		return
	}
	for _, due := range n.due {
		if at, ok := due.Next(); ok && (n.woken == 0 || at < n.woken) {
			n.woken = at
			n.task.WakeAt(at)
		}
	}
}

// drop drops the rows that are done. It reports whether there was room for what they make.
func (n *intervalJoin) drop() bool {
	for s, d := range n.sides {
		if n.out.Blocked() {
			return false
		}
		n.changes.reset()
		d.reset()
		cols, by := n.pair.side(s)
		d.whole(cols, by, ofOther)
		_, by = n.pair.side(1 - s)
		clear(by)
		give := func() {
			n.pair.emit(&n.out, &n.changes)
			n.changes.reset()
			d.reset()
		}
		done := n.due[s].Fire(n.mark, func(int64, struct{}) bool {
			n.dropKey(s)
			if n.changes.len() >= pairMax {
				give()
			}
			return !n.out.Blocked()
		})
		if give(); !done {
			return false
		}
	}
	return true
}

// dropKey drops the rows of the current key that are done.
func (n *intervalJoin) dropKey(s int) {
	d := n.sides[s]
	rows := d.rows.Get()
	left := d.left[:0]
	first := int64(batch.MaxTime)
	for at := 0; at < len(rows); {
		from, to := d.next(rows, at)
		if t := d.time(rows, at); !n.isDone(s, t) {
			left = append(left, rows[at:to]...)
			first = min(first, t)
		} else if d.counts && d.partners(rows, at) == 0 {
			n.changes.addAt(-1, int32(n.changes.len()), -1, row.Insert)
			d.decodeWhole(rows[from:to])
		}
		at = to
	}
	if d.left = left; len(left) < len(rows) {
		d.rows.Put(left)
	}
	if !d.counts && len(left) > 0 {
		n.due[s].Set(n.dueAt(s, first), struct{}{})
	}
}
