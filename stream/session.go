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

// sessionOp keeps session windows: for each key the sessions that are open, nearly always one.
//
// The simple solution moves a session's timer with every record that extends it. Here a key has one
// timer, set for the end of a session as it was when the timer was set; when it fires and the
// session has been extended meanwhile, it is set again. So a record costs one look-up.
type sessionOp[K, T, A, O any] struct {
	operator.OneInput[T]
	out   operator.Outputs[O]
	w     *Windowed[K, T]
	f     *windowFunc[K, T, A, O]
	codec *codec.Codec[sessions[A]]
	ctx   WindowCtx[K, O]
	keys  windowKeys[K, T]
	drops *metric.Counter

	state    *keyed.Values[sessions[A]]
	timers   *keyed.Timers[struct{}]
	lateness int64
	clock    int64          // the watermark or, in processing time, the last millisecond that is over
	groups   ops.GroupMarks // of which some may have come further before a restore
	armed    int64
	touched  uint64
}

// session is an open session. It ends a gap after its last record.
type session[A any] struct {
	Start, End int64
	Fired      bool // it is kept for late records only
	Acc        A
}

// sessions are those of one key; First is used when N > 0, the others are in More.
type sessions[A any] struct {
	First session[A]
	More  []session[A]
	N     int32
	Timer int64 // the earliest time at which a timer is set
}

func newSessionOp[K, T, A, O any](n *graph.Node, w *Windowed[K, T], f *windowFunc[K, T, A, O],
	c *codec.Codec[sessions[A]],
) *sessionOp[K, T, A, O] {
	o := &sessionOp[K, T, A, O]{
		w: w, f: f, codec: c, clock: batch.MinTime,
		armed: math.MaxInt64,
	}
	if !w.assigner.IsProcessingTime() {
		o.lateness = w.lateness.Milliseconds()
	}
	addSides(n, &o.out)
	o.out.Init(nil)
	o.OneInput.Init(o, &o.out)
	return o
}

func (o *sessionOp[K, T, A, O]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	o.keys.backend, o.keys.sel = o.w.keys.open(ctx)
	o.ctx = WindowCtx[K, O]{Emitter: newEmitter(&o.out, ctx), key: o.keys.sel.Value}
	o.drops = ctx.Metrics.Counter("numLateRecordsDropped")
	none, err := codec.For[struct{}](nil)
	if err != nil {
		return err
	}
	o.state = keyed.NewValues(o.keys.backend, o.codec)
	o.timers = keyed.NewTimers(o.keys.backend, none)
	o.keys.backend.Add("sessions", o.state)
	o.keys.backend.Add("timers", o.timers)
	if err := o.keys.backend.Restore(ctx.Restored); err != nil {
		return err
	}
	if o.clock, err = o.groups.Restore(ctx); err != nil {
		return err
	}
	o.arm()
	return nil
}

func (o *sessionOp[K, T, A, O]) Connect(tag string, receiver any) error {
	return o.out.ConnectTag(tag, receiver)
}

//flott:hot
func (o *sessionOp[K, T, A, O]) Rows(b *batch.Rows[T], from, to int) int {
	processing := o.w.assigner.IsProcessingTime()
	now := int64(0)
	if processing {
		now = max(o.Ctx.NowMillis(), o.clock+1) // a clock may go back
		if !o.advance(now - 1) {
			return from
		}
	} else if o.groups.Differ() {
		return o.rowsByGroup(b, from, to)
	}
	o.touched ^= o.state.Touch(o.keys.sel.Hashes(b.Keys[from:to]))
	for i := from; i < to; i++ {
		o.At(i)
		v, t := &b.Vals[i], b.Times[i]
		if processing {
			t = now
		} else if t == batch.NoTime {
			o.Ctx.Fail(errNoEventTime, *v)
		}
		o.keys.sel.Select(v, b.Keys[i])
		o.record(v, t, t+window.Gap(o.w.assigner, v))
		if o.out.Blocked() {
			return i + 1
		}
	}
	if processing {
		o.arm()
	}
	return to
}

// rowsByGroup is Rows while key groups differ in how far the watermark has come.
func (o *sessionOp[K, T, A, O]) rowsByGroup(b *batch.Rows[T], from, to int) int {
	return o.groups.Each(&o.clock, from, to, func(i int) uint64 {
		o.keys.sel.Select(&b.Vals[i], b.Keys[i])
		return o.keys.backend.Hash
	}, func(i int) bool {
		o.At(i)
		v, t := &b.Vals[i], b.Times[i]
		if t == batch.NoTime {
			o.Ctx.Fail(errNoEventTime, *v)
		}
		o.record(v, t, t+window.Gap(o.w.assigner, v))
		return !o.out.Blocked()
	})
}

// record adds a record to the session that it extends, starts or joins.
func (o *sessionOp[K, T, A, O]) record(v *T, start, end int64) {
	st, fresh := o.state.Current()
	if !fresh && st.N == 1 {
		if s := &st.First; start <= s.End && end >= s.Start {
			o.extend(st, s, v, start, end)
			return
		}
	}
	s := o.join(st, start, end)
	if s == nil {
		if o.tooOld(end) {
			o.w.emitLate(&o.out, o.drops, v, start)
			if fresh {
				o.state.Drop()
			}
			return
		}
		s = st.open(start, end)
	}
	o.extend(st, s, v, start, end)
}

// extend adds v to s.
func (o *sessionOp[K, T, A, O]) extend(st *sessions[A], s *session[A], v *T, start, end int64) {
	if o.tooOld(max(s.End, end)) {
		o.w.emitLate(&o.out, o.drops, v, start)
		return
	}
	s.Start, s.End = min(s.Start, start), max(s.End, end)
	o.f.add(&s.Acc, v)
	if s.End-1 <= o.clock {
		o.emit(s) // late, but allowed: the session fires again
		s.Fired = true
	} else {
		s.Fired = false
	}
	o.setTimer(st, s)
}

func (o *sessionOp[K, T, A, O]) setTimer(st *sessions[A], s *session[A]) {
	at := s.End - 1
	if s.Fired {
		at += o.lateness
	}
	if st.Timer == 0 || at < st.Timer {
		st.Timer = at
		o.timers.Set(at, struct{}{})
	}
}

// tooOld reports whether a session that ends at end would be gone.
func (o *sessionOp[K, T, A, O]) tooOld(end int64) bool {
	return !o.w.assigner.IsProcessingTime() && o.clock >= end-1+o.lateness
}

// open adds a session.
func (st *sessions[A]) open(start, end int64) *session[A] {
	st.N++
	if st.N == 1 {
		st.First = session[A]{Start: start, End: end}
		return &st.First
	}
	st.More = append(st.More, session[A]{Start: start, End: end})
	return &st.More[len(st.More)-1]
}

func (st *sessions[A]) at(i int) *session[A] {
	if i == 0 {
		return &st.First
	}
	return &st.More[i-1]
}

// remove takes session i out.
func (st *sessions[A]) remove(i int) {
	for ; i < int(st.N)-1; i++ {
		*st.at(i) = *st.at(i + 1)
	}
	*st.at(i) = session[A]{}
	if i > 0 {
		st.More = st.More[:i-1]
	}
	st.N--
}

// join merges the sessions that a record from start to end touches into the one that starts first,
// and returns it; nil when there is none.
func (o *sessionOp[K, T, A, O]) join(st *sessions[A], start, end int64) *session[A] {
	into := -1
	for i := 0; i < int(st.N); i++ {
		s := st.at(i)
		if start > s.End || end < s.Start {
			continue
		}
		start, end = min(start, s.Start), max(end, s.End)
		if into < 0 {
			into = i
			continue
		}
		first := st.at(into)
		if s.Start < first.Start {
			// Accumulators are merged in order of time.
			*first, *s = *s, *first
		}
		o.f.merge(&first.Acc, &s.Acc)
		first.End, first.Fired = max(first.End, s.End), first.Fired && s.Fired
		st.remove(i)
		i = into // what now touches may stand before
	}
	if into < 0 {
		return nil
	}
	return st.at(into)
}

// emit fires a session.
func (o *sessionOp[K, T, A, O]) emit(s *session[A]) {
	o.ctx.begin(window.Window{Start: s.Start, End: s.End})
	if err := o.f.fire(&o.ctx, &s.Acc); err != nil {
		o.Ctx.Fail(fmt.Errorf("window %v of key %v: %w", o.ctx.window, o.ctx.Key(), err), nil)
	}
}

// advance fires the sessions that have ended by t, in order of their ends.
func (o *sessionOp[K, T, A, O]) advance(t int64) bool {
	o.clock = max(o.clock, t)
	o.groups.Reached(o.clock)
	return o.timers.Fire(t, func(at int64, _ struct{}) bool {
		st := o.state.Change()
		if st == nil {
			return true
		}
		st.Timer = 0
		for i := 0; i < int(st.N); i++ {
			s := st.at(i)
			if s.End-1 > at {
				continue
			}
			if !s.Fired {
				s.Fired = true
				o.emit(s)
			}
			if s.End-1+o.lateness <= at {
				st.remove(i)
				i--
			}
		}
		for i := range int(st.N) {
			o.setTimer(st, st.at(i))
		}
		if st.N == 0 {
			o.state.Drop()
		}
		return !o.out.Blocked()
	})
}

// Watermark fires the sessions that are complete.
func (o *sessionOp[K, T, A, O]) Watermark(t int64) bool {
	o.ctx.mark = t
	if !o.w.assigner.IsProcessingTime() || t == batch.MaxTime {
		if !o.advance(t) {
			return false
		}
	}
	o.out.MarkAll(t)
	return true
}

// ProcessingTime fires the sessions that have ended.
func (o *sessionOp[K, T, A, O]) ProcessingTime(now int64) bool {
	if !o.w.assigner.IsProcessingTime() {
		return true
	}
	o.armed = math.MaxInt64
	done := o.advance(now - 1) // the last millisecond of a session must be over
	o.arm()
	return o.out.Flush() && done
}

func (o *sessionOp[K, T, A, O]) arm() {
	if !o.w.assigner.IsProcessingTime() {
		return
	}
	if at, ok := o.timers.Next(); ok && at < o.armed {
		o.armed = at
		o.Ctx.WakeAt(at + 1)
	}
}

// Control fires everything at the end of a key, in batch mode.
func (o *sessionOp[K, T, A, O]) Control(c operator.Control) {
	if c.Kind != operator.EndOfKey {
		return
	}
	o.ctx.mark = batch.MaxTime
	for !o.advance(batch.MaxTime) {
	}
	o.keys.backend.Clear()
	o.ctx.mark, o.clock = batch.MinTime, batch.MinTime
	o.out.Flush()
}

func (o *sessionOp[K, T, A, O]) Snapshot(w *operator.Snapshot) error {
	o.groups.Snapshot(w, o.Ctx, o.clock)
	o.keys.backend.Snapshot(w)
	return nil
}

func (o *sessionOp[K, T, A, O]) Close() error { return nil }
