package stream

import (
	"fmt"
	"math"
	"slices"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/state"
)

// ProcessOption declares what a process function uses.
type ProcessOption interface{ applyTo(s *processSpec) }

type processOption func(s *processSpec)

func (f processOption) applyTo(s *processSpec) { f(s) }

// processSpec is the declared states and timers of an operator.
type processSpec struct {
	uses   []state.Handle
	timers []timerDecl
	names  []string // of timers
	rounds []roundDecl
}

// Uses declares the states that a function uses.
func Uses(handles ...state.Handle) ProcessOption {
	return processOption(func(s *processSpec) { s.uses = append(s.uses, handles...) })
}

// On has f called when a timer of t fires, with the context set to the timer's key and time. A timer in
// event time fires when the watermark passes it, and watermarks stand at the ends of batches: records
// that are later than the timer may be processed before it (see WatermarkEachRow).
func On[K, O, P any](t *Timer[P], f func(c *Ctx[K, O], payload P) error) ProcessOption {
	return processOption(func(s *processSpec) {
		s.timers = append(s.timers, onTimer[K, O, P]{t, f})
		s.names = append(s.names, t.name)
	})
}

// newSpec collects the options and checks the names.
func newSpec(n *graph.Node, r *codec.Registry, options []ProcessOption) *processSpec {
	s := &processSpec{}
	for _, o := range options {
		o.applyTo(s)
	}
	names := stateNames{}
	s.uses = declare(n, r, names, s.uses, "")
	timers := map[string]bool{}
	for _, name := range s.names {
		if timers[name] {
			n.Fail(fmt.Errorf("two timers are named %q", name))
		}
		timers[name] = true
		names.add(n, timerState+name, "timer")
	}
	return s
}

// stateNames are the names of an operator's states, with what each is.
type stateNames map[string]string

// add adds a state, which is a mistake if there is another one of the name.
func (s stateNames) add(n *graph.Node, name, what string) {
	switch old, ok := s[name]; {
	case ok && old == what:
		n.Fail(fmt.Errorf("two states are named %q, both %s; declare one handle and use it wherever "+
			"the state is meant", name, what))
	case ok:
		n.Fail(fmt.Errorf("two states are named %q: %s and %s", name, old, what))
	}
	s[name] = what
}

// declare adds the states of handles to the names and to what n has. A handle that is there more than
// once is left out of the result.
func declare(n *graph.Node, r *codec.Registry, names stateNames, handles []state.Handle, of string,
) (once []state.Handle) {
	for _, h := range handles {
		if slices.Contains(once, h) {
			continue
		}
		once = append(once, h)
		schema, err := h.Schema(r)
		if err != nil {
			n.Fail(fmt.Errorf("state %q: %w", h.StateName(), err))
			continue
		}
		what := h.Kind() + " " + schema + of
		names.add(n, h.StateName(), what)
		n.States = append(n.States, h.StateName()+": "+what)
	}
	return once
}

// Process calls f for each record, with the states, timers and side outputs of the record's key:
// see Uses, On and Tag.
func Process[K, T, O any](k *Keyed[K, T], f func(c *Ctx[K, O], v T) error,
	options ...ProcessOption,
) *Stream[O] {
	env := k.stream.env
	n := env.graph.Add("Process")
	spec := newSpec(n, &env.codecs, options)
	n.New = func() operator.Node {
		o := &processOp[K, T, O]{f: f, keys: k}
		o.spec, o.codecs = spec, &env.codecs
		addSides(n, &o.out)
		o.out.Init(nil)
		o.OneInput.Init(o, &o.out)
		return o
	}
	k.into(n, 0)
	return newStream[O](env, n)
}

// keyedCore is what all keyed operators with user-declared states and timers share.
type keyedCore[K, O any] struct {
	out     operator.Outputs[O]
	spec    *processSpec
	codecs  *codec.Registry
	ctx     Ctx[K, O]
	backend *keyed.Backend
	task    *operator.Context
	armed   int64 // earliest processing time that was asked for
	rounds  []roundRunner
	round   int64 // that has begun, in a loop
}

func (k *keyedCore[K, O]) open(task *operator.Context, b *keyed.Backend, key func() K) error {
	k.task, k.backend, k.armed = task, b, math.MaxInt64
	k.ctx = Ctx[K, O]{Emitter: newEmitter(&k.out, task), key: key, wake: k.wakeAt}
	var err error
	if k.ctx.states, err = bind(k.spec.uses, b, k.codecs); err != nil {
		return err
	}
	for _, d := range k.spec.timers {
		r, err := d.bind(&k.ctx, b, k.codecs)
		if err != nil {
			return err
		}
		k.ctx.timers = append(k.ctx.timers, r)
	}
	for _, d := range k.spec.rounds {
		r, err := d.bindRound(&k.ctx, b)
		if err != nil {
			return err
		}
		k.rounds = append(k.rounds, r)
	}
	if err := b.Restore(task.Restored); err != nil {
		return err
	}
	if len(k.rounds) > 0 {
		k.restoreRound(task.Restored)
	}
	k.rearm()
	return nil
}

func (k *keyedCore[K, O]) wakeAt(millis int64) {
	if millis < k.armed {
		k.armed = millis
		k.task.WakeAt(millis)
	}
}

func (k *keyedCore[K, O]) rearm() {
	k.armed = math.MaxInt64
	if at, ok := nextTimer(k.ctx.timers, true); ok {
		k.wakeAt(at)
	}
}

// Watermark fires the event-time timers and passes the watermark on.
func (k *keyedCore[K, O]) Watermark(t int64) bool {
	k.ctx.mark = t
	if !fireTimers(k.ctx.timers, false, t) {
		return false
	}
	k.out.MarkAll(t)
	return true
}

// ProcessingTime fires the processing-time timers.
func (k *keyedCore[K, O]) ProcessingTime(now int64) bool {
	if !fireTimers(k.ctx.timers, true, now) {
		k.out.Flush()
		return false
	}
	k.rearm()
	return k.out.Flush()
}

// Control ends the key in batch mode: its timers fire, its state goes.
func (k *keyedCore[K, O]) Control(c operator.Control) {
	if len(k.rounds) > 0 {
		k.endRound(c)
	}
	if c.Kind != operator.EndOfKey {
		return
	}
	k.ctx.mark = batch.MaxTime
	for !fireTimers(k.ctx.timers, false, batch.MaxTime) {
	}
	k.backend.Clear()
	k.ctx.mark = batch.MinTime
	k.out.Flush()
}

func (k *keyedCore[K, O]) Connect(tag string, receiver any) error {
	return k.out.ConnectTag(tag, receiver)
}

func (k *keyedCore[K, O]) Snapshot(w *operator.Snapshot) error {
	k.backend.Snapshot(w)
	if len(k.rounds) > 0 {
		k.snapshotRound(w)
	}
	return nil
}

func (k *keyedCore[K, O]) Close() error { return nil }

type processOp[K, T, O any] struct {
	operator.OneInput[T]
	keyedCore[K, O]
	keys *Keyed[K, T]
	sel  *keyed.Selector[K, T]
	f    func(c *Ctx[K, O], v T) error
}

func (o *processOp[K, T, O]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	b, sel := o.keys.open(ctx)
	o.sel = sel
	return o.open(ctx, b, sel.Value)
}

//flott:hot
func (o *processOp[K, T, O]) Rows(b *batch.Rows[T], from, to int) int {
	o.backend.HoldClock()
	to = o.rows(b, from, to)
	o.backend.ReleaseClock()
	return to
}

//flott:hot
func (o *processOp[K, T, O]) rows(b *batch.Rows[T], from, to int) int {
	for i := from; i < to; i++ {
		o.At(i)
		v := &b.Vals[i]
		o.sel.Select(v, b.Keys[i])
		for _, r := range o.rounds {
			r.touch()
		}
		o.ctx.time = b.Times[i]
		if err := o.f(&o.ctx, *v); err != nil {
			o.Ctx.Fail(err, *v)
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}
