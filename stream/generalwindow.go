package stream

import (
	"fmt"
	"math"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/window"
)

// generalOp keeps windows one by one: those that alignedOp and sessionOp cannot keep because of a
// trigger, an evictor, states or an assigner of the user's own.
//
// It has two backends. That of the keys has what belongs to a key: the states that the window
// function uses, and the open windows of a key where windows merge. That of the windows has what
// belongs to a key and window: contents, timers and the trigger's states (windowBackend).
//
//	record ─▶ assign ─▶ merge with open windows ─▶ add to contents ─▶ trigger.Element ─┐
//	                                                                                   ├─▶ decide
//	watermark, clock ─▶ timers ─▶ trigger.EventTime, ProcessingTime ───────────────────┘
//	                       └─ at the window's end plus lateness ─▶ clear
//
// The rules are those of Apache Flink's window operator, with one exception: a trigger cannot
// delete the timer at which the window is cleared.
type generalOp[K, T, A, O any] struct {
	operator.OneInput[T]
	out   operator.Outputs[O]
	spec  *generalSpec[K, T, A, O]
	ctx   WindowCtx[K, O]
	keys  windowKeys[K, T]
	drops *metric.Counter

	windows  *windowBackend
	contents *keyed.Values[pane[T, A]]
	open     *keyed.Values[[]window.Window] // of a key, where windows merge; they do not touch
	events   *keyed.Timers[struct{}]
	clock    *keyed.Timers[struct{}]
	trigger  triggerContext
	memory   []dropper // the trigger's states
	each     perWindow

	slicing    window.Slices
	custom     window.Custom[T]
	processing bool
	lateness   int64
	armed      int64
	groups     ops.GroupMarks  // of which some may have come further before a restore
	ending     bool            // the input, or the key, ends
	timer      *paneTimer      // of the current window, while the trigger is asked about a record
	assigned   []window.Window // of the record at work
	old        []window.Window // that are being merged
}

// generalSpec is what the subtasks of a generalOp share.
type generalSpec[K, T, A, O any] struct {
	w       *Windowed[K, T]
	trigger window.Trigger[T]
	merger  window.Merger // nil where windows do not merge
	options *windowSpec
	clear   func(c *WindowCtx[K, O])
	codecs  *codec.Registry
	pane    *codec.Codec[pane[T, A]]

	// list keeps the records one by one; else they are added to an accumulator.
	list  bool
	add   func(acc *A, v *T)
	merge func(into, from *A)
	// fire and process are the window's function; one of them is nil.
	fire    func(c *WindowCtx[K, O], acc *A) error
	process func(c *WindowCtx[K, O], elements []T) error
}

// pane is the contents of one window of a key: Acc or Elements.
type pane[T, A any] struct {
	Acc      A
	Elements []window.Element[T]
	// Timer is the timer that the trigger set last, if it is still set. Most triggers set the same
	// one for every record, and a timer costs more than the record.
	Timer paneTimer
}

type paneTimer struct {
	At         int64
	Processing bool
	Some       bool
}

// dropper is a state that can be dropped for the current key and window.
type dropper interface{ Drop() }

func newGeneralOp[K, T, A, O any](n *graph.Node, s *generalSpec[K, T, A, O],
) *generalOp[K, T, A, O] {
	a := s.w.assigner
	o := &generalOp[K, T, A, O]{
		spec: s, processing: a.IsProcessingTime(), armed: math.MaxInt64,
		lateness: s.w.lateness.Milliseconds(), custom: window.CustomOf[T](a),
	}
	o.slicing, _ = window.SlicesOf(a)
	addSides(n, &o.out)
	o.out.Init(nil)
	o.OneInput.Init(o, &o.out)
	return o
}

func (o *generalOp[K, T, A, O]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	o.drops = ctx.Metrics.Counter("numLateRecordsDropped")
	o.keys.backend, o.keys.sel = o.spec.w.keys.open(ctx)
	o.windows = newWindowBackend(ctx, o.keys.backend)
	if err := o.bind(); err != nil {
		return err
	}
	if err := o.keys.backend.Restore(ctx.Restored); err != nil {
		return err
	}
	if err := o.windows.Restore(ctx.Restored); err != nil {
		return err
	}
	var err error
	if o.ctx.mark, err = o.groups.Restore(ctx); err != nil {
		return err
	}
	o.arm()
	return nil
}

// bind makes the states.
func (o *generalOp[K, T, A, O]) bind() error {
	s, b := o.spec, o.windows.Backend
	o.ctx = WindowCtx[K, O]{Emitter: newEmitter(&o.out, o.Ctx), key: o.keys.sel.Value}
	o.each.task = o.Ctx
	o.ctx.each = &o.each
	var err error
	if o.ctx.states, err = bind(s.options.uses, o.keys.backend, s.codecs); err != nil {
		return err
	}
	if o.each.states, err = bind(s.options.each, b, s.codecs); err != nil {
		return err
	}
	none, err := codec.For[struct{}](nil)
	if err != nil {
		return err
	}
	o.contents = keyed.NewValues(b, s.pane)
	o.events, o.clock = keyed.NewTimers(b, none), keyed.NewTimers(b, none)
	b.Add("window contents", o.contents)
	b.Add("window event timers", o.events)
	b.Add("window processing timers", o.clock)
	if s.merger != nil {
		list, err := codec.For[[]window.Window](nil)
		if err != nil {
			return err
		}
		o.open = keyed.NewValues(o.keys.backend, list)
		o.keys.backend.Add("open windows", o.open)
	}
	o.trigger = triggerContext{task: o.Ctx, timers: o}
	if o.trigger.states, err = bindTrigger(s.trigger, b, s.codecs); err != nil {
		return err
	}
	for _, st := range o.trigger.states {
		o.memory = append(o.memory, st.state.(dropper))
	}
	return nil
}

func (o *generalOp[K, T, A, O]) Connect(tag string, receiver any) error {
	return o.out.ConnectTag(tag, receiver)
}

// Rows puts a run of records into their windows.
func (o *generalOp[K, T, A, O]) Rows(b *batch.Rows[T], from, to int) int {
	now := int64(0)
	if o.processing {
		now = o.Ctx.NowMillis()
		if !o.fireClock(now - 1) {
			return from
		}
	}
	if o.groups.Differ() {
		return o.groups.Each(&o.ctx.mark, from, to, func(i int) uint64 {
			o.keys.sel.Select(&b.Vals[i], b.Keys[i])
			return o.keys.backend.Hash
		}, func(i int) bool { return o.rows(b, i, i+1, now) == i+1 && !o.out.Blocked() })
	}
	return o.rows(b, from, to, now)
}

func (o *generalOp[K, T, A, O]) rows(b *batch.Rows[T], from, to int, now int64) int {
	for i := from; i < to; i++ {
		o.At(i)
		v, t := &b.Vals[i], b.Times[i]
		switch {
		case o.processing:
			t = now
		case t == batch.NoTime && o.spec.w.assigner.Kind() != window.KindGlobal:
			o.Ctx.Fail(errNoEventTime, *v)
		}
		o.keys.sel.Select(v, b.Keys[i])
		o.record(v, t)
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

// record adds a record to its windows.
func (o *generalOp[K, T, A, O]) record(v *T, t int64) {
	skipped := true
	o.assign(v, t)
	for _, w := range o.assigned {
		merged := false
		if o.open != nil {
			w, merged = o.join(w)
		}
		if o.isLate(w) {
			if o.open != nil {
				o.retire(w)
			}
			continue
		}
		skipped = false
		o.windows.enter(w)
		fresh := o.add(v, t)
		d := o.spec.trigger.Element(&o.trigger, v, t, w)
		o.timer = nil
		o.decide(d, w)
		if fresh || merged {
			o.scheduleClear(w)
		}
	}
	if skipped && !o.processing && o.spec.w.assigner.Kind() != window.KindGlobal &&
		t+o.lateness <= o.ctx.mark {
		o.spec.w.emitLate(&o.out, o.drops, v, t)
	}
}

// assign sets assigned to the windows of a record.
func (o *generalOp[K, T, A, O]) assign(v *T, t int64) {
	o.assigned = o.assigned[:0]
	switch a := o.spec.w.assigner; a.Kind() {
	case window.KindSession:
		o.assigned = append(o.assigned, window.Window{Start: t, End: t + window.Gap(a, v)})
	case window.KindGlobal:
		o.assigned = append(o.assigned, window.Whole)
	case window.KindCustom:
		o.assigned = o.custom.Assign(o.assigned, v, t)
	default:
		start, _ := o.slicing.Slice(o.slicing.Local(t))
		first, last, step := o.slicing.Ends(start)
		for end := first; end <= last; end += step {
			o.assigned = append(o.assigned, bounds(&o.slicing, end))
		}
	}
}

// add adds a record to the current window. It reports whether the window held nothing before.
func (o *generalOp[K, T, A, O]) add(v *T, t int64) (fresh bool) {
	p, fresh := o.contents.Current()
	o.timer = &p.Timer
	if o.spec.list {
		p.Elements = append(p.Elements, window.Element[T]{Value: *v, Time: t})
	} else {
		o.spec.add(&p.Acc, v)
	}
	return fresh
}

// decide does what the trigger said about the current window.
func (o *generalOp[K, T, A, O]) decide(d window.Decision, w window.Window) {
	if d.Fires() {
		if p := o.contents.Change(); p != nil { // an evictor changes it, a function may
			o.emit(p, w)
		}
	}
	if d.Purges() {
		o.contents.Drop()
	}
}

// emit calls the window's function, and the evictor.
func (o *generalOp[K, T, A, O]) emit(p *pane[T, A], w window.Window) {
	o.ctx.begin(w)
	if !o.spec.list {
		o.check(o.spec.fire(&o.ctx, &p.Acc))
		return
	}
	e := o.spec.w.evictor
	if e != nil {
		o.evict(p, e.Before(p.Elements, w, o.ctx.mark))
	}
	o.check(o.call(p.Elements))
	if e == nil {
		return
	}
	if o.evict(p, e.After(p.Elements, w, o.ctx.mark)); len(p.Elements) == 0 {
		o.contents.Drop()
	}
}

// evict replaces the records of a window by what an evictor left.
func (o *generalOp[K, T, A, O]) evict(p *pane[T, A], left []window.Element[T]) {
	if n := len(left); n < len(p.Elements) && n > 0 && &left[0] == &p.Elements[0] {
		clear(p.Elements[n:]) // lets go of what the values point to
	}
	p.Elements = left
}

// call calls the window's function for records that were kept one by one.
func (o *generalOp[K, T, A, O]) call(elements []window.Element[T]) error {
	if o.spec.process != nil {
		values := make([]T, len(elements))
		for i := range elements {
			values[i] = elements[i].Value
		}
		return o.spec.process(&o.ctx, values)
	}
	var acc A
	for i := range elements {
		v := elements[i].Value
		o.spec.add(&acc, &v)
	}
	return o.spec.fire(&o.ctx, &acc)
}

func (o *generalOp[K, T, A, O]) check(err error) {
	if err != nil {
		o.Ctx.Fail(fmt.Errorf("window %v of key %v: %w", o.ctx.window, o.ctx.Key(), err), nil)
	}
}

// end is the time at which w is cleared; MaxInt64 is never.
func (o *generalOp[K, T, A, O]) end(w window.Window) int64 {
	t := w.Max()
	if o.processing || t > math.MaxInt64-o.lateness {
		return t
	}
	return t + o.lateness
}

func (o *generalOp[K, T, A, O]) isLate(w window.Window) bool {
	return !o.processing && w != window.Whole && o.end(w) <= o.ctx.mark
}

func (o *generalOp[K, T, A, O]) scheduleClear(w window.Window) {
	switch at := o.end(w); {
	case at == math.MaxInt64:
	case o.processing:
		o.clock.Set(at, struct{}{})
		o.wakeAfter(at)
	default:
		o.events.Set(at, struct{}{})
	}
}

// clearWindow drops all that belongs to the current window, which is over.
func (o *generalOp[K, T, A, O]) clearWindow(w window.Window) {
	o.contents.Drop()
	o.spec.trigger.Clear(&o.trigger, w)
	o.forget()
	if o.spec.clear != nil {
		o.ctx.begin(w)
		o.spec.clear(&o.ctx)
	}
	o.each.drop()
	if o.open != nil {
		o.retire(w)
	}
}

// forget drops the trigger's states of the current window.
func (o *generalOp[K, T, A, O]) forget() {
	for _, m := range o.memory {
		m.Drop()
	}
}

// onTimer asks the trigger about a timer of the current window, and clears the window at its end.
func (o *generalOp[K, T, A, O]) onTimer(at int64, processing bool) bool {
	w, err := o.windows.current()
	if err != nil {
		o.Ctx.Fail(err, nil)
	}
	if o.open != nil && !o.isOpen(w) {
		return true // a trigger has left the timer behind when w was merged
	}
	o.forgetTimer(paneTimer{at, processing, true})
	var d window.Decision
	if processing {
		d = o.spec.trigger.ProcessingTime(&o.trigger, at, w)
	} else {
		d = o.spec.trigger.EventTime(&o.trigger, at, w)
	}
	o.decide(d, w)
	if processing == o.processing && at == o.end(w) && at != math.MaxInt64 {
		o.clearWindow(w)
	}
	return !o.out.Blocked()
}

// forgetTimer notes that a timer of the current window is not set any more.
func (o *generalOp[K, T, A, O]) forgetTimer(t paneTimer) {
	if p := o.contents.Lookup(); p != nil && p.Timer == t {
		o.contents.Change().Timer.Some = false
	}
}

// fireEvents fires the event timers up to t.
func (o *generalOp[K, T, A, O]) fireEvents(t int64) bool {
	return o.events.Fire(t, func(at int64, _ struct{}) bool { return o.onTimer(at, false) })
}

// fireClock fires the processing timers up to t.
func (o *generalOp[K, T, A, O]) fireClock(t int64) bool {
	if at, ok := o.clock.Next(); !ok || at > t {
		return true
	}
	return o.clock.Fire(t, func(at int64, _ struct{}) bool { return o.onTimer(at, true) })
}

// Watermark fires the event timers and passes the watermark on.
func (o *generalOp[K, T, A, O]) Watermark(t int64) bool {
	o.ctx.mark = max(o.ctx.mark, t) // may be less than before a restore
	if !o.fireEvents(t) {
		return false
	}
	o.groups.Reached(o.ctx.mark)
	if t == batch.MaxTime && o.processing && !o.fireRest() {
		return false
	}
	o.out.MarkAll(t)
	return true
}

// fireRest fires the processing timers that are left when the input ends. Triggers that set them
// again and again in a window without an end get none anew.
func (o *generalOp[K, T, A, O]) fireRest() bool {
	o.ending = true
	done := o.fireClock(batch.MaxTime)
	o.ending = false
	return done
}

// ProcessingTime fires the processing timers.
func (o *generalOp[K, T, A, O]) ProcessingTime(now int64) bool {
	o.armed = math.MaxInt64
	done := o.fireClock(now - 1)
	o.arm()
	return o.out.Flush() && done
}

func (o *generalOp[K, T, A, O]) arm() {
	if at, ok := o.clock.Next(); ok {
		o.wakeAfter(at)
	}
}

// wakeAfter asks to be called when the clock has passed at.
func (o *generalOp[K, T, A, O]) wakeAfter(at int64) {
	if at < o.armed && at < math.MaxInt64 {
		o.armed = at
		o.Ctx.WakeAt(at + 1)
	}
}

// Control ends the key in batch mode: its timers fire, its state goes.
func (o *generalOp[K, T, A, O]) Control(c operator.Control) {
	if c.Kind != operator.EndOfKey {
		return
	}
	o.ctx.mark = batch.MaxTime
	for !o.fireEvents(batch.MaxTime) {
	}
	for !o.fireRest() {
	}
	o.keys.backend.Clear()
	o.windows.Clear()
	o.ctx.mark = batch.MinTime
	o.out.Flush()
}

func (o *generalOp[K, T, A, O]) Snapshot(w *operator.Snapshot) error {
	o.groups.Snapshot(w, o.Ctx, o.ctx.mark)
	o.keys.backend.Snapshot(w)
	o.windows.Snapshot(w)
	return nil
}

func (o *generalOp[K, T, A, O]) Close() error { return nil }
