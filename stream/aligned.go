package stream

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/window"
)

// alignedOp keeps windows that are the same for all keys: tumbling, sliding and cumulating ones.
//
// The simple solution is an accumulator and a timer for each key and window. It adds a record to
// every window over it, and a timer for each costs more than the record. Here time is cut into
// slices (window.Slices); a slice is one table from keys to accumulators. A record is added once,
// to the table of its slice, which is nearly always that of the record before. A window fires by
// merging the tables of its slices, and a slice goes as a whole with its last window:
//
//	slices   [0 2)  [2 4)  [4 6)  [6 8)  [8 10) [10 12)
//	          ├──────────── fires at 10 ───────┤
//	                 ├──────────── fires at 12 ────────┤      then [2 4) goes
//
// Without Merge, a "slice" is a whole window, and a record is added to each window over it.
//
// In processing time the clock takes the place of the watermark.
type alignedOp[K, T, A, O any] struct {
	operator.OneInput[T]
	out   operator.Outputs[O]
	w     *Windowed[K, T]
	f     *windowFunc[K, T, A, O]
	codec *codec.Codec[A]
	ctx   WindowCtx[K, O]
	keys  windowKeys[K, T]
	drops *metric.Counter

	slicing  window.Slices
	merging  bool // slices are shared and merged
	lateness int64

	state  *keyed.Slices[A]
	slices []*slice[A]    // by start
	spare  []*slice[A]    // dropped ones, without a table
	within []*slice[A]    // scratch of contents
	whole  slice[A]       // what last points to where windows are kept whole
	last   *slice[A]      // of the record before
	ends   []int64        // of windows that are to fire, ascending, in the slices' time
	done   int64          // the watermark up to which windows have fired
	groups ops.GroupMarks // of which some may have come further before a restore
	armed  int64          // processing time that was asked for
	firing *firing[A]     // a window that was suspended while it fired: cursor, or nil
	cursor firing[A]
	merged keyed.Map[A] // of the window that fires
}

var errNoEventTime = errors.New("the record has no event time, which windows of event time need; " +
	"call Watermarks before, or use ProcessingTime windows")

// slice is the accumulators of one slice of time, or of one window where there is no Merge.
type slice[A any] struct {
	start, end int64 // in the slices' time
	lastEnd    int64 // of the windows over the slice
	table      *keyed.Slice[A]
}

// firing is a cursor over the table of the window that fires.
type firing[A any] struct {
	end   int64
	table *keyed.Map[A]
	at    int // of the last entry that was emitted
}

func newAlignedOp[K, T, A, O any](n *graph.Node, w *Windowed[K, T], f *windowFunc[K, T, A, O],
	c *codec.Codec[A],
) *alignedOp[K, T, A, O] {
	o := &alignedOp[K, T, A, O]{w: w, f: f, codec: c, done: math.MinInt64, armed: math.MaxInt64}
	o.slicing, _ = window.SlicesOf(w.assigner)
	o.merging = o.slicing.Shared() && f.merge != nil
	if !w.assigner.IsProcessingTime() {
		o.lateness = w.lateness.Milliseconds()
	}
	addSides(n, &o.out)
	o.out.Init(nil)
	o.OneInput.Init(o, &o.out)
	return o
}

func (o *alignedOp[K, T, A, O]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	o.keys.backend, o.keys.sel = o.w.keys.open(ctx)
	o.ctx = WindowCtx[K, O]{Emitter: newEmitter(&o.out, ctx), key: o.keys.sel.Value}
	o.drops = ctx.Metrics.Counter("numLateRecordsDropped")
	o.state = keyed.NewSlices(o.keys.backend, o.codec)
	o.keys.backend.Add("slices", sliceState[K, T, A, O]{o.state, o})
	var err error
	if o.done, err = o.groups.Restore(ctx); err != nil {
		return err
	}
	if err = o.keys.backend.Restore(ctx.Restored); err != nil {
		return err
	}
	o.state.Restored()
	return nil
}

// Resume goes on with what was suspended. A firing by the clock has no pending batch that would
// bring it back, and it must not be left open when a barrier comes.
func (o *alignedOp[K, T, A, O]) Resume() bool {
	if !o.OneInput.Resume() {
		return false
	}
	return o.firing == nil || o.emitAll()
}

func (o *alignedOp[K, T, A, O]) Connect(tag string, receiver any) error {
	return o.out.ConnectTag(tag, receiver)
}

//flott:hot
func (o *alignedOp[K, T, A, O]) Rows(b *batch.Rows[T], from, to int) int {
	if o.w.assigner.IsProcessingTime() {
		return o.rowsNow(b, from, to)
	}
	if o.groups.Differ() {
		return o.rowsByGroup(b, from, to)
	}
	return o.rows(b, from, to)
}

// rowsByGroup puts a run into slices while key groups differ in how far they have fired.
func (o *alignedOp[K, T, A, O]) rowsByGroup(b *batch.Rows[T], from, to int) int {
	next := o.groups.Each(&o.done, from, to, func(i int) uint64 {
		o.keys.sel.Select(&b.Vals[i], b.Keys[i])
		return o.keys.backend.Hash
	}, func(i int) bool {
		o.last = nil // may be gone for this group
		o.rows(b, i, i+1)
		return !o.out.Blocked()
	})
	o.last = nil
	return next
}

//flott:hot
func (o *alignedOp[K, T, A, O]) rows(b *batch.Rows[T], from, to int) int {
	s := o.last
	for i := from; i < to; i++ {
		o.At(i)
		t := b.Times[i]
		if o.slicing.Zoned() {
			t = o.slicing.Local(t)
		}
		if s == nil || t < s.start || t >= s.end {
			if s = o.enter(t, &b.Vals[i], b.Times[i]); s == nil {
				continue
			}
		}
		o.add(s, &b.Vals[i], b.Keys[i])
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

// rowsNow puts a run into the windows of the processing time now.
func (o *alignedOp[K, T, A, O]) rowsNow(b *batch.Rows[T], from, to int) int {
	now := max(o.Ctx.NowMillis(), o.done+1) // a clock may go back
	if o.groups.Differ() {
		now = max(now, o.groups.High()+1)
	}
	if !o.advance(now - 1) {
		return from
	}
	t := o.slicing.Local(now)
	for i := from; i < to; i++ {
		o.At(i)
		s := o.last
		if s == nil || t < s.start || t >= s.end {
			if s = o.enter(t, &b.Vals[i], now); s == nil {
				continue
			}
		}
		o.add(s, &b.Vals[i], b.Keys[i])
	}
	return to
}

// add adds a record to its slice, and without Merge to the other windows over it.
func (o *alignedOp[K, T, A, O]) add(s *slice[A], v *T, column uint64) {
	o.keys.sel.Select(v, column)
	if o.merging || !o.slicing.Shared() {
		o.f.add(o.accumulator(s), v)
	} else {
		first, last, step := o.slicing.Ends(s.start)
		for end := first; end <= last; end += step {
			if !o.expired(end) {
				o.f.add(o.accumulator(o.windowTable(end)), v)
			}
		}
	}
	if o.lateness > 0 && o.hasFired(s) {
		o.fireLate(s)
	}
}

func (o *alignedOp[K, T, A, O]) accumulator(s *slice[A]) *A {
	b := o.keys.backend
	var acc *A
	if b.IsWord {
		acc, _ = s.table.Upsert(b.Hash, b.Word)
	} else {
		acc, _ = s.table.UpsertBytes(b.Hash, b.Bytes)
	}
	return acc
}

// expired reports whether the window that ends at end is gone.
func (o *alignedOp[K, T, A, O]) expired(end int64) bool {
	return o.slicing.UTC(end)-1+o.lateness <= o.done
}

// fired reports whether the window that ends at end has fired at its time.
func (o *alignedOp[K, T, A, O]) fired(end int64) bool { return o.slicing.UTC(end)-1 <= o.done }

func (o *alignedOp[K, T, A, O]) hasFired(s *slice[A]) bool {
	first, last, _ := o.slicing.Ends(s.start)
	return first <= last && o.fired(first)
}

// enter finds or makes the slice of a record with local time t. It returns nil when the record is
// late for all windows, or belongs to none.
func (o *alignedOp[K, T, A, O]) enter(t int64, v *T, utc int64) *slice[A] {
	start, end := o.slicing.Slice(t)
	first, last, step := o.slicing.Ends(start)
	if utc == batch.NoTime {
		o.Ctx.Fail(errNoEventTime, *v)
	}
	if first > last { // between two windows
		if utc+o.lateness <= o.done {
			o.w.emitLate(&o.out, o.drops, v, utc)
		}
		return nil
	}
	if o.expired(last) {
		o.w.emitLate(&o.out, o.drops, v, utc)
		return nil
	}
	if o.slicing.Shared() && !o.merging {
		o.scheduleAll(first, last, step)
		o.whole = slice[A]{start: start, end: end, lastEnd: last}
		o.last = &o.whole
		return o.last
	}
	if i, ok := o.find(start); ok {
		o.last = o.slices[i]
		if o.groups.Differ() { // made for a group for which some of the windows have fired
			o.scheduleAll(first, last, step)
		}
	} else {
		o.insert(i, start, end)
	}
	return o.last
}

func (o *alignedOp[K, T, A, O]) find(start int64) (i int, ok bool) {
	return slices.BinarySearchFunc(o.slices, start, func(s *slice[A], t int64) int {
		return cmp.Compare(s.start, t)
	})
}

// insert makes a slice at position i.
func (o *alignedOp[K, T, A, O]) insert(i int, start, end int64) *slice[A] {
	first, last, step := o.slicing.Ends(start)
	o.scheduleAll(first, last, step)
	o.last = o.newSlice(start, end, last)
	o.slices = slices.Insert(o.slices, i, o.last)
	return o.last
}

func (o *alignedOp[K, T, A, O]) scheduleAll(first, last, step int64) {
	for end := first; end <= last; end += step {
		if !o.fired(end) {
			o.schedule(end)
		}
	}
}

// windowTable is the table of the window that ends at end, where windows are kept whole.
func (o *alignedOp[K, T, A, O]) windowTable(end int64) *slice[A] {
	i, ok := slices.BinarySearchFunc(o.slices, end, func(s *slice[A], t int64) int {
		return cmp.Compare(s.end, t)
	})
	if ok {
		return o.slices[i]
	}
	s := o.newSlice(o.slicing.Start(end), end, end)
	o.slices = slices.Insert(o.slices, i, s)
	return s
}

// newSlice makes an empty slice, of one that was dropped where there is one.
func (o *alignedOp[K, T, A, O]) newSlice(start, end, lastEnd int64) *slice[A] {
	var s *slice[A]
	if n := len(o.spare); n > 0 {
		s = o.spare[n-1]
		o.spare = o.spare[:n-1]
	} else {
		s = &slice[A]{}
	}
	*s = slice[A]{start, end, lastEnd, o.state.Make(start, end)}
	return s
}

// schedule notes that the window that ends at end is to fire.
func (o *alignedOp[K, T, A, O]) schedule(end int64) {
	i, ok := slices.BinarySearch(o.ends, end)
	if ok {
		return
	}
	o.ends = slices.Insert(o.ends, i, end)
	if i == 0 {
		o.arm()
	}
}

// arm asks for the processing time at which the next window ends.
func (o *alignedOp[K, T, A, O]) arm() {
	if !o.w.assigner.IsProcessingTime() {
		return
	}
	next := int64(math.MaxInt64)
	if len(o.ends) > 0 {
		next = o.slicing.UTC(o.ends[0])
	} else if len(o.slices) > 0 {
		next = o.slicing.UTC(o.slices[0].lastEnd) + o.lateness
	}
	if next < o.armed {
		o.armed = next
		o.Ctx.WakeAt(next)
	}
}

// ProcessingTime fires the windows that have ended.
func (o *alignedOp[K, T, A, O]) ProcessingTime(now int64) bool {
	if !o.w.assigner.IsProcessingTime() {
		return true
	}
	o.armed = math.MaxInt64
	done := o.advance(now - 1)
	o.arm()
	return o.out.Flush() && done
}

// Watermark fires the windows that are complete.
func (o *alignedOp[K, T, A, O]) Watermark(t int64) bool {
	o.ctx.mark = t
	switch {
	case !o.w.assigner.IsProcessingTime():
		if !o.advance(t) {
			return false
		}
	case t == batch.MaxTime:
		// The input ends: what is open fires now.
		if !o.advance(math.MaxInt64) {
			return false
		}
	}
	o.out.MarkAll(t)
	return true
}

// advance fires all windows whose largest time is not after t, and drops slices whose windows are
// gone. It reports false when it was suspended for lack of room.
func (o *alignedOp[K, T, A, O]) advance(t int64) bool {
	if o.firing != nil && !o.emitAll() {
		return false
	}
	for len(o.ends) > 0 && o.slicing.UTC(o.ends[0])-1 <= t {
		end := o.ends[0]
		o.done = max(o.done, o.slicing.UTC(end)-1)
		o.ends = slices.Delete(o.ends, 0, 1) // few; cutting it off would lose its room
		o.cursor = firing[A]{end: end, table: o.contents(end), at: -1}
		o.firing = &o.cursor
		if !o.emitAll() {
			return false
		}
	}
	o.done = max(o.done, t)
	o.groups.Reached(o.done)
	o.dropExpired()
	return true
}

// contents is the table of a window: that of its only slice, or all of its slices merged.
func (o *alignedOp[K, T, A, O]) contents(end int64) *keyed.Map[A] {
	start := o.slicing.Start(end)
	within := o.within[:0]
	for _, s := range o.slices {
		if !o.merging && s.end == end || o.merging && s.start >= start && s.end <= end {
			within = append(within, s)
		}
	}
	o.within = within
	switch len(within) {
	case 0:
		return nil
	case 1:
		return &within[0].table.Map
	}
	o.merged.Clear()
	word := o.keys.backend.IsWord
	for _, s := range within {
		for i := s.table.Next(-1); i >= 0; i = s.table.Next(i) {
			hash, w, key, from := s.table.At(i)
			var into *A
			if word {
				into, _ = o.merged.Upsert(hash, w)
			} else {
				into, _ = o.merged.UpsertBytes(hash, key)
			}
			o.f.merge(into, from)
		}
	}
	return &o.merged
}

// emitAll calls the window function for all keys of the window that fires.
func (o *alignedOp[K, T, A, O]) emitAll() bool {
	f := o.firing
	if f.table == nil {
		o.firing = nil
		return true
	}
	o.ctx.begin(bounds(&o.slicing, f.end))
	for i := f.table.Next(f.at); i >= 0; i = f.table.Next(i) {
		hash, word, key, acc := f.table.At(i)
		if o.groups.Differ() && o.groups.Of(hash, batch.MinTime) >= o.slicing.UTC(f.end)-1 {
			continue // has fired before the restore
		}
		o.keys.backend.Set(hash, word, key)
		o.emit(acc)
		if o.out.Blocked() {
			f.at = i
			return false
		}
	}
	o.firing = nil
	return true
}

// bounds is the window that ends at end, in the slices' time.
func bounds(s *window.Slices, end int64) window.Window {
	return window.Window{Start: s.UTC(s.Start(end)), End: s.UTC(end)}
}

func (o *alignedOp[K, T, A, O]) emit(acc *A) {
	if err := o.f.fire(&o.ctx, acc); err != nil {
		o.Ctx.Fail(fmt.Errorf("window %v of key %v: %w", o.ctx.window, o.ctx.Key(), err), nil)
	}
}

// fireLate fires, for the current key, the windows over s that have fired before.
func (o *alignedOp[K, T, A, O]) fireLate(s *slice[A]) {
	b := o.keys.backend
	first, last, step := o.slicing.Ends(s.start)
	for end := first; end <= last && o.fired(end); end += step {
		if o.expired(end) {
			continue
		}
		var acc A
		start := o.slicing.Start(end)
		for _, part := range o.slices {
			if !o.merging && part.end != end || part.start < start || part.end > end {
				continue
			}
			var from *A
			if b.IsWord {
				from = part.table.Get(b.Hash, b.Word)
			} else {
				from = part.table.GetBytes(b.Hash, b.Bytes)
			}
			switch {
			case from == nil:
			case o.merging:
				o.f.merge(&acc, from)
			default:
				acc = *from
			}
		}
		o.ctx.begin(bounds(&o.slicing, end))
		o.emit(&acc)
	}
}

// dropExpired drops the slices whose last window is gone.
func (o *alignedOp[K, T, A, O]) dropExpired() {
	kept := o.slices[:0]
	for _, s := range o.slices {
		if !o.expired(s.lastEnd) {
			kept = append(kept, s)
			continue
		}
		if o.last == s {
			o.last = nil
		}
		o.state.Drop(s.table)
		s.table = nil
		o.spare = append(o.spare, s)
	}
	clear(o.slices[len(kept):])
	o.slices = kept
	if o.last != nil && o.expired(o.last.lastEnd) {
		o.last = nil
	}
}

// Control fires everything at the end of a key, in batch mode.
func (o *alignedOp[K, T, A, O]) Control(c operator.Control) {
	switch c.Kind {
	case operator.EndOfKey:
		o.ctx.mark = batch.MaxTime
		for !o.advance(math.MaxInt64) {
		}
		o.ctx.mark = batch.MinTime
		o.done = math.MinInt64
		o.out.Flush()
	}
}

func (o *alignedOp[K, T, A, O]) Close() error { return nil }

func (o *alignedOp[K, T, A, O]) Snapshot(w *operator.Snapshot) error {
	o.groups.Snapshot(w, o.Ctx, o.done)
	o.keys.backend.Snapshot(w)
	return nil
}
