package exec

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
)

// Node makes the operator of a subtask.
func (w *WindowAggregate) Node() operator.Node {
	if w.Kind == "SESSION" && !w.Attached {
		return newSessionAggregate(w)
	}
	n := &windowAggregate{op: w, done: math.MinInt64, armed: math.MaxInt64}
	n.isLTZ = w.Out[len(w.Out)-1].Type.Kind == row.TimestampLTZ
	n.windows = newWindows(w.Windowing, w.Instants, w.Zone)
	n.set = agg.NewSet(w.In, w.Calls, w.Retract)
	n.whole = w.Attached || !merges(w.Calls)
	n.init(w.Out, w.Zone)
	n.ColumnInput.Init(n, &n.out)
	if w.Final {
		n.finish = func() { n.advance(math.MaxInt64) }
	}
	return n
}

// merges reports whether groups of all calls can be put together.
func merges(calls []agg.Call) bool {
	for _, c := range calls {
		if c.Func.Custom != nil && !c.Func.Merges {
			return false
		}
	}
	return true
}

// windowAggregate groups rows by windows that are the same for all keys. A slice of time is one table from keys to
// accumulators: a row is added once, to the table of its slice, which is nearly always that of the row before. A window
// is given by merging the tables of its slices, and a slice goes as a whole with its last window:
//
//	slices   [0 2)  [2 4)  [4 6)  [6 8)  [8 10) [10 12)
//	          ├──────────── complete at 10 ────┤
//	                 ├──────────── complete at 12 ─────┤      then [2 4) goes
//
// Where accumulators cannot be merged, and where rows come with their window, a table is that of a whole window.
//
// Times are those of the column, see windows, but for done, which is an instant as the watermark is. In processing time
// the clock takes the place of the watermark.
type windowAggregate struct {
	one
	op      *WindowAggregate
	windows *windows
	set     *agg.Set
	isLTZ   bool
	whole   bool

	tables sliceTables
	side   *agg.Side
	slices []*timeSlice // by end, then start
	spare  []*timeSlice
	last   *timeSlice // of the row before, unless tables are whole windows
	ends   []int64    // of windows that are to be given, ascending
	// When the first of ends is complete, where that was asked before.
	nextEnd, nextAt int64
	hasNext         bool
	done            int64 // the watermark up to which windows have been given
	groups          ops.GroupMarks
	armed           int64

	touched []*timeSlice // that rows of the batch at work are in
	rows    agg.Rows
	accs    []agg.Acc
	minus   []bool
	places  []int32
	counted []agg.Acc

	within []*timeSlice
	merged accTable
	firing []firingTable // windows that are being given
	space  []byte        // the namespace of merged
	keyOf  []int         // indexes of what is being given
	bound  windowBounds
}

// timeSlice is the accumulators of a slice, or of a window where these are whole.
type timeSlice struct {
	start, end int64
	lastEnd    int64 // of the windows over it
	table      sliceTable
	places     []int32 // rows of the batch at work
}

// firingTable is a cursor over the table of a window.
type firingTable struct {
	table      accTable
	start, end int64
	space      []byte // of its groups in the Side
	at         int
	isMerged   bool
}

func (n *windowAggregate) Open(ctx *operator.Context) (err error) {
	n.Ctx = ctx
	n.open(ctx)
	n.keys = newKeying(ctx, KeyTypes(n.op.In, n.op.Keys), n.op.Keys)
	b := n.keys.backend
	if n.tables, err = newSliceTables(b, n.set.Words(), n.restored, n.forget); err != nil {
		return err
	}
	b.Add("slices", n.tables)
	n.merged = n.tables.scratch()
	if n.set.HasSide() {
		if n.side, err = agg.NewSide(b); err != nil {
			return err
		}
		n.set.Bind(n.side)
		b.Add("values", n.side)
	}
	n.rows.Current = func(i int) { n.keys.set(int(n.rows.Places[i])) }
	if n.done, err = n.groups.Restore(ctx); err != nil {
		return err
	}
	if err := n.restore(); err != nil {
		return err
	}
	n.tables.restored()
	n.arm()
	return nil
}

// restored finds or makes the table of a slice, of which a key group has something.
func (n *windowAggregate) restored(group int, start, end int64) sliceTable {
	done := n.done
	defer func() { n.done, n.last = done, nil }()
	n.done, n.last = n.groups.OfGroup(group, done), nil
	if n.whole {
		return n.window(start, end).table
	}
	return n.enterSlice(start, end).table
}

func (n *windowAggregate) forget() {
	n.slices, n.ends, n.last, n.done = nil, nil, nil, math.MinInt64
}

// Snapshot writes the slices.
func (n *windowAggregate) Snapshot(w *operator.Snapshot) error {
	n.groups.Snapshot(w, n.task, n.done)
	return n.base.Snapshot(w)
}

// Resume goes on with windows that were being given: those of processing time have no batch that would bring them back.
func (n *windowAggregate) Resume() bool {
	return n.ColumnInput.Resume() && n.emitAll()
}

func (n *windowAggregate) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	n.keys.begin(b)
	if n.op.Processing {
		now := max(n.task.NowMillis(), n.done+1) // a clock may go back
		if !n.advance(now - 1) {
			return from
		}
		n.assignNow(b, from, to, n.windows.local(now))
		n.update(b)
		n.arm()
		return to
	}
	if !n.groups.Differ() {
		n.assign(b, from, to)
		n.update(b)
		return to
	}
	done := n.done
	for i := from; i < to; i++ {
		n.done, n.last = n.groups.Of(n.keys.hashes[b.Row(i)], done), nil
		n.assign(b, i, i+1)
	}
	n.done, n.last = done, nil
	n.update(b)
	return to
}

// assign deals rows out to slices.
func (n *windowAggregate) assign(b *batch.Columns, from, to int) {
	if n.op.Attached {
		n.assignAttached(b, from, to)
		return
	}
	times := b.Cols[n.op.Time]
	name := n.op.In[n.op.Time].Name
	late := int64(0)
	s := n.last
	for i := from; i < to; i++ {
		if s != nil && n.windows.zone == nil && times.Valid == nil {
			if i = n.addRun(s, b, times.I64, i, to); i == to {
				break
			}
		}
		p := b.Row(i)
		t := n.windows.local(n.timeOf(times, p, name))
		if s == nil || t < s.start || t >= s.end {
			if n.whole {
				late += n.addWhole(t, int32(p))
				continue
			}
			isLate := false
			if s, isLate = n.enter(t); s == nil {
				if isLate {
					late++
				}
				continue
			}
		}
		n.add(s, int32(p))
	}
	n.countLate(late)
}

// addRun adds the rows from one on that are in a slice, and returns the next one.
func (n *windowAggregate) addRun(s *timeSlice, b *batch.Columns, micros []int64, i, to int) int {
	start, width := s.start*1000, uint64(s.end-s.start)*1000
	at := len(s.places)
	places := s.places
	for ; i < to; i++ {
		p := b.Row(i)
		if uint64(micros[p]-start) >= width {
			break
		}
		places = append(places, int32(p))
	}
	s.places = places
	if at == 0 && len(places) > 0 {
		n.touched = append(n.touched, s)
	}
	return i
}

// assignNow puts rows into the windows of a time.
func (n *windowAggregate) assignNow(b *batch.Columns, from, to int, t int64) {
	for i := from; i < to; i++ {
		p := int32(b.Row(i))
		switch {
		case n.op.Attached:
			n.assignAttached(b, i, i+1)
		case n.whole:
			n.addWhole(t, p)
		default:
			if s, _ := n.enter(t); s != nil {
				n.add(s, p)
			}
		}
	}
}

// assignAttached puts rows into the windows that they come with.
func (n *windowAggregate) assignAttached(b *batch.Columns, from, to int) {
	starts, ends := b.Cols[n.op.Start], b.Cols[n.op.End]
	late := int64(0)
	s := n.last
	for i := from; i < to; i++ {
		p := b.Row(i)
		if starts.IsNull(p) || ends.IsNull(p) {
			n.task.Fail(fmt.Errorf("%s or %s is NULL in a row, which is in no window then; leave such rows out",
				n.op.In[n.op.Start].Name, n.op.In[n.op.End].Name), nil)
		}
		start, end := floorMillis(starts.I64[p]), floorMillis(ends.I64[p])
		if s == nil || s.start != start || s.end != end {
			if n.isComplete(end) {
				late++
				continue
			}
			s = n.window(start, end)
			n.last = s
		}
		n.add(s, int32(p))
	}
	n.countLate(late)
}

func (n *windowAggregate) add(s *timeSlice, p int32) {
	if len(s.places) == 0 {
		n.touched = append(n.touched, s)
	}
	s.places = append(s.places, p)
}

// addWhole adds a row to all of its windows that are not complete, where tables are whole windows. It returns 1 for a
// row that is late.
func (n *windowAggregate) addWhole(t int64, p int32) (late int64) {
	start, _ := n.windows.slice(t)
	first, last, step := n.windows.ends(start)
	if first <= last {
		late = 1
	}
	for end := first; end <= last; end += step {
		if !n.isComplete(end) {
			n.add(n.window(n.windows.start(end), end), p)
			late = 0
		}
	}
	return late
}

// isComplete reports whether the window that ends at end has been given.
func (n *windowAggregate) isComplete(end int64) bool { return n.windows.complete(end) <= n.done }

// enter finds or makes the slice of a time; nil if a row comes too late for its windows, or is in none.
func (n *windowAggregate) enter(t int64) (s *timeSlice, isLate bool) {
	if s := n.last; s != nil && t >= s.start && t < s.end {
		return s, false
	}
	start, end := n.windows.slice(t)
	first, last, _ := n.windows.ends(start)
	switch {
	case first > last:
		return nil, false
	case n.isComplete(last):
		return nil, true
	}
	n.last = n.enterSlice(start, end)
	return n.last, false
}

func (n *windowAggregate) enterSlice(start, end int64) *timeSlice {
	first, last, step := n.windows.ends(start)
	i, ok := n.find(start, end)
	if ok && !n.groups.Differ() {
		return n.slices[i]
	}
	for e := first; e <= last; e += step {
		n.schedule(e)
	}
	if ok {
		return n.slices[i]
	}
	return n.insert(i, timeSlice{start: start, end: end, lastEnd: last})
}

// window finds or makes the table of a whole window.
func (n *windowAggregate) window(start, end int64) *timeSlice {
	i, ok := n.find(start, end)
	if ok && !n.groups.Differ() {
		return n.slices[i]
	}
	n.schedule(end)
	if ok {
		return n.slices[i]
	}
	return n.insert(i, timeSlice{start: start, end: end, lastEnd: end})
}

func (n *windowAggregate) find(start, end int64) (i int, ok bool) {
	return slices.BinarySearchFunc(n.slices, end, func(s *timeSlice, end int64) int {
		if c := cmp.Compare(s.end, end); c != 0 {
			return c
		}
		return cmp.Compare(s.start, start)
	})
}

func (n *windowAggregate) insert(i int, of timeSlice) *timeSlice {
	s := &timeSlice{}
	if k := len(n.spare); k > 0 {
		s, n.spare = n.spare[k-1], n.spare[:k-1]
	}
	of.places, of.table = s.places[:0], n.tables.make(of.start, of.end)
	*s = of
	n.slices = slices.Insert(n.slices, i, s)
	return s
}

// schedule notes that the window that ends at end is to be given, unless it has been.
func (n *windowAggregate) schedule(end int64) {
	if n.isComplete(end) {
		return
	}
	if i, ok := slices.BinarySearch(n.ends, end); !ok {
		n.ends = slices.Insert(n.ends, i, end)
	}
}

// update adds the rows that were dealt out.
func (n *windowAggregate) update(b *batch.Columns) {
	for _, s := range n.touched {
		n.accs = sized(n.accs, len(s.places))
		s.table.upsertAll(n.keys, s.places, n.accs)
		r := &n.rows
		r.Cols, r.Places, r.Accs, r.Minus = b.Cols, s.places, n.accs, nil
		if n.op.Retract && b.Kinds != nil {
			n.choose(b)
		}
		if n.side != nil {
			n.side.Namespace(s.namespace(nil))
		}
		if err := n.set.Update(r); err != nil {
			n.fail(err, &b.Batch, n.op.In)
		}
		s.places = s.places[:0]
	}
	n.touched = n.touched[:0]
}

// choose leaves out what is taken away from a group without rows. The numbers of rows go along while it looks, and are
// set back.
func (n *windowAggregate) choose(b *batch.Columns) {
	r := &n.rows
	n.places, n.minus, n.counted = n.places[:0], n.minus[:0], n.counted[:0]
	for i, p := range r.Places {
		minus, rows := isMinus(b.Kinds[p]), agg.RowsOf(r.Accs[i])
		if minus && *rows == 0 {
			continue
		}
		*rows += signOf(minus)
		n.places, n.minus, n.counted = append(n.places, p), append(n.minus, minus), append(n.counted, r.Accs[i])
	}
	r.Places, r.Minus, r.Accs = n.places, n.minus, n.counted
	for i, a := range r.Accs {
		*agg.RowsOf(a) -= signOf(r.Minus[i])
	}
}

// namespace is the name of a slice in the Side.
func (s *timeSlice) namespace(dst []byte) []byte { return appendSpace(dst, s.start, s.end) }

func appendSpace(dst []byte, start, end int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, uint64(start)), uint64(end))
}

// Watermark gives the windows that are complete; at the end of input also those of processing time.
func (n *windowAggregate) Watermark(t int64) bool {
	if !n.op.Final && (!n.op.Processing || t == batch.MaxTime) && !n.advance(t) {
		return false
	}
	return n.passMark(t)
}

// ProcessingTime gives the windows that are complete.
func (n *windowAggregate) ProcessingTime(now int64) bool {
	if !n.op.Processing || n.op.Final {
		return true
	}
	n.armed = math.MaxInt64
	done := n.advance(now - 1)
	n.arm()
	return n.out.Flush() && done
}

// arm asks for the processing time at which the next window is complete.
func (n *windowAggregate) arm() {
	if !n.op.Processing || n.op.Final || len(n.ends) == 0 {
		return
	}
	if next := n.next() + 1; next < n.armed {
		n.armed = next
		n.task.WakeAt(next)
	}
}

// advance gives all windows that are complete at a time, and drops slices whose windows have all been given. It
// reports false when it was suspended for lack of room.
func (n *windowAggregate) advance(t int64) bool {
	if !n.emitAll() {
		return false
	}
	for len(n.ends) > 0 && n.next() <= t {
		end := n.ends[0]
		n.done = max(n.done, n.next())
		n.ends = slices.Delete(n.ends, 0, 1)
		n.fire(end)
		if !n.emitAll() {
			return false
		}
	}
	n.done = max(n.done, t)
	n.groups.Reached(n.done)
	return true
}

// next is when the next window is complete. There is one.
func (n *windowAggregate) next() int64 {
	if n.nextEnd != n.ends[0] || !n.hasNext {
		n.nextEnd, n.nextAt, n.hasNext = n.ends[0], n.windows.complete(n.ends[0]), true
	}
	return n.nextAt
}

// fire begins to give the windows that end at a time.
func (n *windowAggregate) fire(end int64) {
	if n.whole {
		for _, s := range n.slices {
			if s.end == end {
				n.firing = append(n.firing, firingTable{table: s.table, start: s.start, end: end, space: s.namespace(nil), at: -1})
			}
		}
		return
	}
	n.within = n.within[:0]
	start := n.windows.start(end)
	for _, s := range n.slices {
		if s.start >= start && s.end <= end {
			n.within = append(n.within, s)
		}
	}
	switch {
	case len(n.within) == 1:
		s := n.within[0]
		n.firing = append(n.firing, firingTable{table: s.table, start: start, end: end, space: s.namespace(nil), at: -1})
	case len(n.within) > 1:
		n.merge(start, end)
	}
}

// merge puts the slices of a window together.
func (n *windowAggregate) merge(start, end int64) {
	n.merged.clear()
	n.space = appendSpace(n.space[:0], start, end)
	b := n.keys.backend
	var from []byte
	if n.side != nil {
		n.side.Namespace(n.space)
	}
	for _, s := range n.within {
		from = s.namespace(from[:0])
		for i := s.table.next(-1); i >= 0; i = s.table.next(i) {
			hash, word, key, src := s.table.at(i)
			b.Set(hash, word, key)
			if err := n.set.MergeLent(n.merged.upsert(&b.Current), src, from); err != nil {
				n.fail(err, nil, nil)
			}
		}
	}
	n.firing = append(n.firing, firingTable{table: n.merged, start: start, end: end, space: n.space, at: -1, isMerged: true})
}

// emitAll gives the windows that are being given, and then drops the slices that no other window needs.
func (n *windowAggregate) emitAll() bool {
	if len(n.firing) == 0 {
		return true
	}
	for len(n.firing) > 0 {
		f := &n.firing[0]
		for f.at >= -1 {
			if n.out.Blocked() && !n.ended {
				return false
			}
			n.emit(f)
		}
		if f.isMerged && n.side != nil {
			n.forgetSide(f.table, f.space)
		}
		n.firing = slices.Delete(n.firing, 0, 1)
	}
	n.dropComplete()
	return true
}

// emit gives a batch of a window. It sets f.at to -2 behind the last group.
func (n *windowAggregate) emit(f *firingTable) {
	b := n.keys.backend
	out := n.out.Get()
	keys := len(n.op.Keys)
	n.accs, n.keyOf = n.accs[:0], n.keyOf[:0]
	complete := n.windows.complete(f.end)
	i := f.table.next(f.at)
	for ; i >= 0 && len(n.accs) < batch.MaxRows; i = f.table.next(i) {
		f.at = i
		hash, word, key, acc := f.table.at(i)
		if *agg.RowsOf(acc) == 0 || n.groups.Differ() && n.groups.Of(hash, batch.MinTime) >= complete {
			continue // without rows, or given before the restore
		}
		if keys > 0 {
			b.Set(hash, word, key)
			n.keys.appendKey(out.Cols[:keys])
		}
		n.accs, n.keyOf = append(n.accs, acc), append(n.keyOf, i)
	}
	if i < 0 {
		f.at = -2
	}
	if len(n.accs) == 0 {
		out.Release()
		return
	}
	if n.side != nil {
		n.side.Namespace(f.space)
	}
	calls := out.Cols[keys : keys+len(n.op.Calls)]
	err := n.set.Append(&agg.Groups{Accs: n.accs, Current: func(i int) {
		hash, word, key, _ := f.table.at(n.keyOf[i])
		b.Set(hash, word, key)
	}}, calls)
	if err != nil {
		n.fail(err, nil, nil)
	}
	n.bound = n.windows.bounds(f.start, f.end, n.isLTZ)
	appendSame(out.Cols[keys+len(calls):], &n.bound, len(n.accs))
	out.N = len(n.accs)
	n.out.Pass(out)
}

// appendSame appends the bounds of one window for some rows.
func appendSame(cols []*column.Vector, b *windowBounds, rows int) {
	for range rows {
		appendBound(cols, b)
	}
}

// forgetSide drops what the groups of a table have in the Side.
func (n *windowAggregate) forgetSide(t accTable, space []byte) {
	n.side.Namespace(space)
	for i := t.next(-1); i >= 0; i = t.next(i) {
		hash, word, key, _ := t.at(i)
		n.keys.backend.Set(hash, word, key)
		n.side.Forget()
	}
}

// dropComplete drops the slices whose last window has been given.
func (n *windowAggregate) dropComplete() {
	kept := n.slices[:0]
	for _, s := range n.slices {
		if !n.isComplete(s.lastEnd) {
			kept = append(kept, s)
			continue
		}
		if n.side != nil {
			n.forgetSide(s.table, s.namespace(nil))
		}
		s.table.drop()
		s.table = nil
		n.spare = append(n.spare, s)
	}
	clear(n.slices[len(kept):])
	n.slices, n.last = kept, nil
}
