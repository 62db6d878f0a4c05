package exec

import (
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Node makes the operator of a subtask.
func (j *WindowJoin) Node() operator.Node {
	left, right := slices.Concat(j.LeftKeys, []int{j.LeftStart, j.LeftEnd}), slices.Concat(j.RightKeys, []int{j.RightStart, j.RightEnd})
	nullSafe := slices.Concat(j.NullSafe, []bool{false, false})
	if j.Final {
		return (&Join{
			Session: j.Session, Kind: j.Kind, Left: j.Left, Right: j.Right, LeftKeys: left, RightKeys: right, NullSafe: nullSafe,
			Cond: j.Cond, Out: j.Out, Final: true, Memory: j.Memory,
		}).Node()
	}
	n := &windowJoin{op: j, at: [2][]int{left, right}, nullSafe: nullSafe, clock: batch.MinTime}
	n.windows = newWindows(logical.Windowing{}, j.Instants, j.Zone)
	n.init(j.Out, j.Zone)
	n.TwoColumnInputs.Init(n, &n.out)
	return n
}

func (j *WindowJoin) outer(side int) bool {
	return j.Kind == logical.Full || j.Kind == logical.Left && side == 0 || j.Kind == logical.Right && side == 1
}

// windowJoin keeps the rows of each key and window, and joins them when the window is complete.
//
// The key of its state is that of the join and the window, so that a window goes as a whole. As rows are dealt out by
// the key of the join alone, it is this that decides the key group: the high half of a key's hash is that of the join's.
type windowJoin struct {
	two
	windowTimes
	op       *WindowJoin
	at       [2][]int // the columns of keys, with those of the window
	nullSafe []bool
	windows  *windows
	pair     joiner
	sides    [2]*joinSide
	groups   ops.GroupMarks
	clock    int64

	key    *colcodec.Key // of the join
	part   []uint64
	hashes [2][]uint64
	decks  []*column.Vector

	found, changes pairs
	matched        [2][]bool // which of the rows that are decoded have a partner
}

func (n *windowJoin) Open(ctx *operator.Context) (err error) {
	n.Ctx = ctx
	n.open(ctx)
	j := n.op
	types := JoinKeyTypes(j.Left, n.at[0], j.Right, n.at[1])
	n.key = colcodec.NewKey(types[:len(j.LeftKeys)])
	n.keys = newKeying(ctx, types, n.at[0])
	b := n.keys.backend
	b.HashOf = n.hashOf
	for _, t := range types {
		n.decks = append(n.decks, column.New(t))
	}
	n.sides[0] = newJoinSide(joinSideSpec{fields: j.Left, keys: n.at[0], nullSafe: n.nullSafe}, n.keys, keyed.NewBytes(b))
	n.sides[1] = newJoinSide(joinSideSpec{fields: j.Right, keys: n.at[1], nullSafe: n.nullSafe}, n.keys.other(n.at[1]), keyed.NewBytes(b))
	n.windowTimes = newWindowTimes(&n.base, n.op.Processing, n.advance)
	b.Add("left", n.sides[0].rows)
	b.Add("right", n.sides[1].rows)
	b.Add("timers", n.timers)
	n.pair.init(j.Left, j.Right, j.Cond)
	if n.clock, err = n.groups.Restore(ctx); err != nil {
		return err
	}
	if err := n.restore(); err != nil {
		return err
	}
	n.arm()
	return nil
}

// Snapshot writes the rows.
func (n *windowJoin) Snapshot(w *operator.Snapshot) error {
	n.groups.Snapshot(w, n.task, n.clock)
	return n.base.Snapshot(w)
}

const lowHalf = 1<<32 - 1

// hashOf is the hash of a key of the state.
func (n *windowJoin) hashOf(key []byte) uint64 {
	for _, v := range n.decks {
		v.Reset()
	}
	var join, whole [1]uint64
	if _, err := n.keys.key.Decode(key, n.decks); err != nil {
		return n.keys.key.HashOf(key)
	}
	if len(n.op.LeftKeys) > 0 {
		n.key.Hashes(join[:], n.decks[:len(n.op.LeftKeys)])
	}
	n.keys.key.Hashes(whole[:], n.decks)
	return join[0]&^lowHalf | whole[0]&lowHalf
}

// begin prepares the keys of a batch.
func (n *windowJoin) begin(s int, b *batch.Columns) {
	d := n.sides[s]
	d.begin(b)
	join := b.Hashes
	switch {
	case len(n.op.LeftKeys) == 0: // all rows are in the first key group; hashes are those of an operator before
		n.part = resized(n.part, b.N)
		join = n.part
		clear(join)
	case join == nil:
		n.part = resized(n.part, b.N)
		join = n.part
		n.key.Hashes(join, d.keys.cols[:len(n.op.LeftKeys)])
	}
	h := resized(n.hashes[s], b.N)
	d.keys.key.Hashes(h, d.keys.cols)
	for i := range h {
		h[i] = join[i]&^lowHalf | h[i]&lowHalf
	}
	n.hashes[s], d.keys.hashes = h, h
	d.rows.Touch(h)
}

func (n *windowJoin) Left(b *batch.Columns, from, to int) int {
	return n.rows(0, b, from, to, n.op.LeftEnd)
}

func (n *windowJoin) Right(b *batch.Columns, from, to int) int {
	return n.rows(1, b, from, to, n.op.RightEnd)
}

// rows keeps rows whose window is not complete.
func (n *windowJoin) rows(s int, b *batch.Columns, from, to, end int) int {
	if from == 0 {
		n.begin(s, b)
	}
	if n.op.Processing && !n.advance(max(n.task.NowMillis(), n.clock+1)-1) {
		return from
	}
	own, other := n.sides[s], n.sides[1-s]
	name := n.op.Left[n.op.LeftEnd].Name
	late := int64(0)
	for i := from; i < to; i++ {
		place := b.Row(i)
		complete := n.windows.complete(n.timeOf(b.Cols[end], place, name))
		own.keys.set(place)
		if complete <= n.groups.Of(n.keys.backend.Hash, n.clock) {
			late++
			continue
		}
		if own.add(place, 0, 0) && other.rows.Get() == nil {
			n.timers.Set(complete, struct{}{})
		}
	}
	n.countLate(late)
	n.arm()
	return to
}

// advance joins the windows that are complete at a time.
func (n *windowJoin) advance(t int64) bool {
	if n.out.Blocked() {
		return false
	}
	n.clock = max(n.clock, t)
	n.now()
	for s, d := range n.sides {
		cols, by := n.pair.side(s)
		d.whole(cols, by, uint8(s)) // ofOwn, ofOther
	}
	n.reset()
	done := n.timers.Fire(n.clock, func(int64, struct{}) bool {
		if n.joinKey(); len(n.matched[0])+len(n.matched[1]) >= pairMax {
			n.give()
		}
		return !n.out.Blocked()
	})
	if n.give(); done {
		n.groups.Reached(n.clock)
	}
	return done
}

func (n *windowJoin) reset() {
	n.found.reset()
	for s, d := range n.sides {
		d.reset()
		n.matched[s] = n.matched[s][:0]
	}
}

// joinKey joins the rows of the current key and window.
func (n *windowJoin) joinKey() {
	var from [2]int
	for s, d := range n.sides {
		from[s] = len(n.matched[s])
		rows := d.rows.Get()
		for at := 0; at < len(rows); {
			columns, to := d.next(rows, at)
			d.decodeWhole(rows[columns:to])
			n.matched[s] = append(n.matched[s], false)
			at = to
		}
		if rows != nil {
			d.rows.Drop()
		}
	}
	left, right := n.matched[0][from[0]:], n.matched[1][from[1]:]
	switch {
	case len(left) == 0 || len(right) == 0 || n.isLonely(from[0]):
	case n.pair.cond == nil && (n.op.Kind == logical.Semi || n.op.Kind == logical.Anti):
		for i := range left {
			left[i] = true
		}
	default:
		for i := range left {
			for k := range right {
				n.found.add(int32(from[0]+i), int32(from[1]+k), row.Insert)
				if n.found.len() >= pairMax {
					n.join()
				}
			}
		}
	}
}

// isLonely reports whether the key of a row of the left side that is decoded equals no other.
func (n *windowJoin) isLonely(i int) bool {
	for c, v := range n.sides[0].keyCols {
		if !n.nullSafe[c] && v.IsNull(i) {
			return true
		}
	}
	return false
}

// join gives the pairs that match.
func (n *windowJoin) join() {
	var yes []bool
	if n.pair.cond != nil {
		yes = n.pair.matches(&n.base, &n.found)
	}
	isSemi := n.op.Kind == logical.Semi || n.op.Kind == logical.Anti
	n.changes.reset()
	for k, left := range n.found.at[ofOwn] {
		if yes != nil && !yes[k] {
			continue
		}
		right := n.found.at[ofOther][k]
		n.matched[0][left], n.matched[1][right] = true, true
		if !isSemi {
			n.changes.add(left, right, row.Insert)
		}
	}
	n.pair.emit(&n.out, &n.changes)
	n.found.reset()
}

// give gives what is left of the windows that were joined: rows with and without partners.
func (n *windowJoin) give() {
	n.join()
	n.changes.reset()
	for i, yes := range n.matched[0] {
		switch {
		case yes && n.op.Kind == logical.Semi, !yes && (n.op.Kind == logical.Anti || n.op.outer(0)):
			n.changes.addOwn(int32(i), row.Insert)
		}
	}
	if n.op.outer(1) {
		for i, yes := range n.matched[1] {
			if !yes {
				n.changes.addOther(-1, int32(i), row.Insert)
			}
		}
	}
	n.pair.emit(&n.out, &n.changes)
	n.reset()
}
