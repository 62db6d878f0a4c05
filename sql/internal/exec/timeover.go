package exec

import (
	"bytes"
	"math"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// timeOver computes rows in order of time, each once. In event time rows wait for the watermark, and those at or before
// it are late and dropped; in processing time they are computed as they come.
//
// Each frame has an accumulator, to which rows are added, and from which those are taken away that the frame has left
// behind. So a row is kept until no frame has it, and where all frames begin with the first row, none is kept:
//
//	rows of a key   ──●──●──●──●──●──○──○──▶      ● computed, ○ waiting
//	                        ▲ first of a frame
type timeOver struct {
	one
	op     *Over
	plan   *overPlan
	sets   []*agg.Set
	side   *agg.Side
	order  int // the column of time
	isProc bool
	// lag is how many rows before a row are looked at; keeps says that computed rows are kept at all.
	lag   int
	keeps bool

	state  *keyed.Values[overKey] // nil with last
	last   *lastRows              // nil without Last
	rows   *entries
	timers *keyed.Timers[struct{}]
	groups ops.GroupMarks
	clock  int64
	expiry expiry

	cols   []*column.Vector // the rows of a time, and constants
	single []*column.Vector // a row
	subs   [][]byte
	by     []byte
	all    agg.Rows
	group  agg.Groups // of one
	first  []byte
	out1   []*column.Vector
}

// overKey is what is known of a key.
type overKey struct {
	Frames       []overKeyFrame
	Rows, Groups int64 // that were computed, and how many times they have
}

// overKeyFrame is the rows of a frame: their number, and the entry of the first where they are taken away.
type overKeyFrame struct {
	Acc   []uint64
	Rows  int64
	First []byte
}

func (n *timeOver) Open(ctx *operator.Context) (err error) {
	n.Ctx = ctx
	n.open(ctx)
	n.plan = newOverPlan(n.op)
	n.cols, n.single = n.plan.columns(), n.plan.columns()
	n.all.Current = func(int) {}
	n.group = agg.Groups{Accs: make([]agg.Acc, 1), Current: n.all.Current}
	n.order, n.isProc = n.op.Order[0].Column, n.op.Time == row.Proctime
	n.keys = newKeying(ctx, KeyTypes(n.op.In, n.op.Partition), n.op.Partition)
	b := n.keys.backend
	n.rows, n.timers = newEntries(b, n.op.In), keyed.NewTimers(b, mustCodec[struct{}]())
	b.Add("rows", n.rows)
	b.Add("timers", n.timers)
	if n.op.Last {
		n.last = newLastRows(n, b)
	} else {
		n.state = keyed.NewValues(b, mustCodec[overKey]())
		b.Add("frames", n.state)
		if err := n.makeSets(b); err != nil {
			return err
		}
	}
	if n.isProc {
		n.expiry.open(ctx, b, n.op.TTL.Milliseconds())
	}
	if n.clock, err = n.groups.Restore(ctx); err != nil {
		return err
	}
	if err := n.restore(); err != nil {
		return err
	}
	n.expiry.arm()
	return nil
}

func (n *timeOver) makeSets(b *keyed.Backend) (err error) {
	hasSide := false
	for i := range n.plan.frames {
		f := &n.plan.frames[i]
		set := agg.NewSet(n.plan.fields, f.calls, !f.UnboundedFrom)
		n.sets = append(n.sets, set)
		hasSide = hasSide || set.HasSide()
		n.keeps = n.keeps || !f.UnboundedFrom
	}
	for i := range n.plan.calls {
		if c := &n.plan.calls[i]; c.Func.Name == "LAG" {
			n.lag, n.keeps = max(n.lag, n.mostOf(c)), true
		}
	}
	if !hasSide {
		return nil
	}
	if n.side, err = agg.NewSide(b); err != nil {
		return err
	}
	for _, s := range n.sets {
		s.Bind(n.side)
	}
	b.Add("values", n.side)
	return nil
}

// mostOf is the number of rows that a LAG looks back.
func (n *timeOver) mostOf(c *logical.OverCall) int {
	if len(c.Args) < 2 {
		return 1
	}
	at := c.Args[1] - len(n.op.In)
	if at < 0 {
		return math.MaxInt // the rows say it
	}
	return int(wholeNumber(n.plan.consts[at], 0))
}

// Snapshot writes the rows and the frames.
func (n *timeOver) Snapshot(w *operator.Snapshot) error {
	n.groups.Snapshot(w, n.task, n.clock)
	return n.base.Snapshot(w)
}

func (n *timeOver) Rows(b *batch.Columns, from, to int) int {
	n.keys.begin(b)
	if n.isProc {
		return n.rowsNow(b, from, to)
	}
	times := b.Cols[n.order]
	late := int64(0)
	for i := from; i < to; i++ {
		p := b.Row(i)
		t := n.timeOf(times, p, n.op.In[n.order].Name)
		n.keys.set(p)
		if t <= n.groups.Of(n.keys.backend.Hash, n.clock) {
			late++
			continue
		}
		n.by = appendTime(n.by[:0], t)
		n.rows.add(n.by, b, p)
		n.timers.Set(t, struct{}{})
	}
	n.countLate(late)
	return to
}

// rowsNow computes rows at the time of the clock.
func (n *timeOver) rowsNow(b *batch.Columns, from, to int) int {
	now := max(n.task.NowMillis(), n.clock) // a clock may go back
	n.clock = now
	defer n.expiry.arm()
	for i := from; i < to; i++ {
		if n.out.Blocked() {
			return i
		}
		p := b.Row(i)
		n.keys.set(p)
		n.expiry.changed(now)
		n.by = appendTime(n.by[:0], now)
		n.subs = n.subs[:0]
		if n.last != nil { // which keeps the row itself
			n.rows.row = n.rows.layout.Append(n.rows.row[:0], b.Cols, p)
			n.copySub(n.rows.entry(n.by, 0, n.rows.row))
		} else {
			n.copySub(n.rows.add(n.by, b, p))
		}
		n.compute(now)
	}
	return to
}

// Watermark computes the rows up to it.
func (n *timeOver) Watermark(t int64) bool {
	if !n.isProc {
		n.clock = max(n.clock, t)
		done := n.timers.Fire(n.clock, func(at int64, _ struct{}) bool {
			n.subs = n.subs[:0]
			for sub := range n.rows.Ascend(appendTime(n.by[:0], at)) {
				if timeOfEntry(sub) != at {
					break
				}
				n.copySub(sub)
			}
			n.compute(at)
			return !n.out.Blocked()
		})
		if !done {
			return false
		}
		n.groups.Reached(n.clock)
	}
	return n.passMark(t)
}

// copySub adds a copy of an entry to subs, in the memory of one that was there.
func (n *timeOver) copySub(sub []byte) {
	if k := len(n.subs); k < cap(n.subs) {
		n.subs = n.subs[:k+1]
		n.subs[k] = append(n.subs[k][:0], sub...)
		return
	}
	n.subs = append(n.subs, bytes.Clone(sub))
}

// ProcessingTime drops what has expired.
func (n *timeOver) ProcessingTime(now int64) bool {
	n.expiry.expire(now, func() {
		n.rows.Drop()
		if n.last != nil {
			n.last.state.Drop()
			return
		}
		n.state.Drop()
		if n.side != nil {
			n.side.Drop()
		}
	})
	return true
}

// compute computes the rows of the current key that have a time, whose entries are in subs.
func (n *timeOver) compute(at int64) {
	if n.last != nil {
		n.last.compute()
		return
	}
	load(n.cols)
	for _, sub := range n.subs {
		n.rows.decode(rowOf(sub), n.cols[:len(n.op.In)])
	}
	n.plan.fill(n.cols, len(n.subs))
	k, fresh := n.state.Current()
	if fresh {
		for _, s := range n.sets {
			k.Frames = append(k.Frames, overKeyFrame{Acc: make([]uint64, s.Words())})
		}
	}
	for g := range n.plan.frames {
		if f := &n.plan.frames[g]; !f.Rows {
			n.leave(k, g, n.bound(f, at))
			n.add(k, g, 0, len(n.subs))
		}
	}
	k.Groups++
	before := k.Rows
	for i := range n.subs {
		for g := range n.plan.frames {
			if f := &n.plan.frames[g]; f.Rows {
				n.add(k, g, i, i+1)
				if !f.UnboundedFrom && k.Frames[g].Rows > f.From+1 {
					n.takeFirst(k, g)
				}
			}
		}
		k.Rows++
		n.emit(k, i, before)
	}
	n.forget(k, at)
}

// load empties columns.
func load(cols []*column.Vector) {
	for _, v := range cols {
		v.Reset()
	}
}

// bound is the time from which on rows are in a frame.
func (n *timeOver) bound(f *overFrame, at int64) int64 {
	switch {
	case f.UnboundedFrom:
		return math.MinInt64
	case f.Months:
		v := column.New(row.TimestampOf(3))
		v.AppendTimestamp(at*1000, 0)
		return floorMillis(int64(monthsBefore(v, 0, f.From).Lo))
	}
	return at - f.From
}

// leave takes the rows before a time away from a frame.
func (n *timeOver) leave(k *overKey, g int, bound int64) {
	for f := &k.Frames[g]; f.Rows > 0 && !n.plan.frames[g].UnboundedFrom && timeOfEntry(f.First) < bound; {
		n.takeFirst(k, g)
	}
}

// add adds the rows [from, to) of those at work to a frame.
func (n *timeOver) add(k *overKey, g, from, to int) {
	f := &k.Frames[g]
	if f.Rows == 0 && !n.plan.frames[g].UnboundedFrom {
		f.First = append(f.First[:0], n.subs[from]...)
	}
	f.Rows += int64(to - from)
	n.update(f, g, n.cols, from, to, false)
}

// takeFirst takes the first row away from a frame.
func (n *timeOver) takeFirst(k *overKey, g int) {
	f := &k.Frames[g]
	load(n.single)
	n.rows.decode(rowOf(f.First), n.single[:len(n.op.In)])
	n.plan.fill(n.single, 1)
	n.update(f, g, n.single, 0, 1, true)
	f.Rows--
	isFirst := true
	for sub := range n.rows.Ascend(f.First) {
		if !isFirst {
			f.First = append(f.First[:0], sub...)
			break
		}
		isFirst = false
	}
	if f.Rows == 0 {
		clear(f.Acc) // what rounding has left
		if n.side != nil {
			n.side.Forget()
		}
	}
}

// isTaken says of one row that it is taken away.
var isTaken = []bool{true}

// update adds rows to a frame, or takes one away.
func (n *timeOver) update(f *overKeyFrame, g int, cols []*column.Vector, from, to int, minus bool) {
	r := &n.all
	r.Cols, r.Places, r.Accs, r.Minus = cols, r.Places[:0], r.Accs[:0], nil
	for i := from; i < to; i++ {
		r.Places, r.Accs = append(r.Places, int32(i)), append(r.Accs, &f.Acc[0])
	}
	if minus {
		r.Minus = isTaken // one row
	}
	n.enter(g)
	if err := n.sets[g].Update(r); err != nil {
		n.fail(err, nil, nil)
	}
}

// enter makes the name of a frame the current one in the Side.
func (n *timeOver) enter(g int) {
	if n.side != nil {
		n.side.Namespace([]byte{byte(g)})
	}
}

// emit gives a row of those at work. before is the number of rows of earlier times.
func (n *timeOver) emit(k *overKey, i int, before int64) {
	cur := n.out.Cur
	width := len(n.op.In)
	for c := range n.op.In {
		cur.Cols[c].AppendFrom(n.cols[c], i)
	}
	for g := range n.plan.frames {
		n.out1 = n.out1[:0]
		for _, c := range n.plan.frames[g].at {
			n.out1 = append(n.out1, cur.Cols[width+c])
		}
		n.enter(g)
		n.group.Accs[0] = &k.Frames[g].Acc[0]
		if err := n.sets[g].Append(&n.group, n.out1); err != nil {
			n.fail(err, nil, nil)
		}
	}
	for c := range n.plan.calls {
		to := cur.Cols[width+c]
		switch call := &n.plan.calls[c]; call.Func.Name {
		case "ROW_NUMBER":
			to.AppendI64(k.Rows)
		case "RANK":
			to.AppendI64(before + 1)
		case "DENSE_RANK":
			to.AppendI64(k.Groups)
		case "LAG":
			n.appendLag(call, to)
		}
	}
	n.out.EndRow(row.Insert)
}

// appendLag appends the value of a row before. Rows of one time are added together in Flink: for each of them the last one
// is where LAG begins to count.
func (n *timeOver) appendLag(c *logical.OverCall, to *column.Vector) {
	i := len(n.subs) - 1
	left := offsetOf(c, n.cols, i)
	if left == 0 {
		to.AppendFrom(n.cols[c.Args[0]], i)
		return
	}
	for sub := range n.rows.Descend(n.subs[i]) {
		if left--; left == 0 {
			load(n.single)
			n.rows.decode(rowOf(sub), n.single[:len(n.op.In)])
			n.plan.fill(n.single, 1)
			to.AppendFrom(n.single[c.Args[0]], 0)
			return
		}
	}
	shift(c, n.cols, to, i, -1, 0)
}

// forget drops the computed rows that no frame has, and no LAG looks back at.
func (n *timeOver) forget(k *overKey, at int64) {
	if !n.keeps {
		for _, sub := range n.subs {
			n.rows.Delete(sub)
		}
		return
	}
	n.by = appendTime(n.by[:0], at)
	n.by = append(n.by, 0xff) // behind the rows of that time, of which there are not so many
	first := n.by             // of what is kept
	for g := range k.Frames {
		if f := &k.Frames[g]; !n.plan.frames[g].UnboundedFrom && f.Rows > 0 && bytes.Compare(f.First, first) < 0 {
			first = f.First
		}
	}
	if n.lag > 0 {
		left := n.lag
		var last []byte
		for sub := range n.rows.Descend(n.by) {
			last = sub
			if left--; left == 0 {
				break
			}
		}
		if last != nil && bytes.Compare(last, first) < 0 {
			first = last
		}
	}
	n.first = append(n.first[:0], first...)
	for {
		sub, ok := n.rows.FirstKey()
		if !ok || bytes.Compare(sub, n.first) >= 0 {
			return
		}
		n.by = append(n.by[:0], sub...)
		n.rows.Delete(n.by)
	}
}
