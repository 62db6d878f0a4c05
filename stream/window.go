package stream

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/window"
)

// Windowed is a keyed stream whose records are put into windows.
type Windowed[K, T any] struct {
	keys     *Keyed[K, T]
	assigner window.Assigner
	lateness time.Duration
	late     lateOutput[T] // nil: late records are counted only
	lateTags []sideMaker
	trigger  window.Trigger[T]
	evictor  window.Evictor[T]
	single   bool                // WindowAll
	inputs   func(n *graph.Node) // connects other inputs than keys
}

// Window puts the records of each key into windows.
func (k *Keyed[K, T]) Window(a window.Assigner) *Windowed[K, T] {
	return &Windowed[K, T]{keys: k, assigner: a}
}

// CountWindow puts every n records of a key into a window. What is left at the end does not fire.
func (k *Keyed[K, T]) CountWindow(n int64) *Windowed[K, T] {
	return k.Window(window.Global()).Trigger(window.Purging(window.Count[T](n)))
}

// CountWindowSliding fires, for every slide records of a key, a window of the last n.
func (k *Keyed[K, T]) CountWindowSliding(n int, slide int64) *Windowed[K, T] {
	return k.Window(window.Global()).
		Trigger(window.Count[T](slide)).Evictor(window.CountEvictor[T](n))
}

// CountWindowAll puts every n records of s into a window, in one subtask.
func (s *Stream[T]) CountWindowAll(n int64) *Windowed[All, T] {
	return s.WindowAll(window.Global()).Trigger(window.Purging(window.Count[T](n)))
}

// All is the key of windows over a whole stream.
type All uint8

// WindowAll puts all records of s into windows, in one subtask.
func (s *Stream[T]) WindowAll(a window.Assigner) *Windowed[All, T] {
	w := KeyByRef(s, func(*T) All { return 0 }).Window(a)
	w.single = true
	return w
}

// AllowedLateness keeps windows for so long after their end: a record that comes late by no more
// has its window fire again, with what it held before and the late record.
func (w *Windowed[K, T]) AllowedLateness(d time.Duration) *Windowed[K, T] {
	w.lateness = d
	return w
}

// LateTo sends records that come too late for all their windows to a side output, instead of only
// counting them (metric numLateRecordsDropped).
func (w *Windowed[K, T]) LateTo(tag *Tag[T]) *Windowed[K, T] {
	w.lateTags = []sideMaker{tag}
	w.late = tag.emitTo
	return w
}

// lateOutput emits a late record to a side output, or reports false.
type lateOutput[T any] func(side func(tag string) operator.SideOutput, v *T, t int64) bool

// emitLate sends a late record to the side output for such, or counts it.
func (w *Windowed[K, T]) emitLate(out interface {
	Side(tag string) operator.SideOutput
}, drops *metric.Counter, v *T, t int64,
) {
	if w.late == nil || !w.late(out.Side, v, t) {
		drops.Add(1)
	}
}

// Trigger decides when windows fire, instead of when the watermark, or the clock, has reached their
// end.
func (w *Windowed[K, T]) Trigger(t window.Trigger[T]) *Windowed[K, T] {
	w.trigger = t
	return w
}

// Evictor takes records out of windows before or after they fire. Records are then kept one by
// one.
func (w *Windowed[K, T]) Evictor(e window.Evictor[T]) *Windowed[K, T] {
	w.evictor = e
	return w
}

// Result is an aggregate of one key and window.
type Result[K, V any] struct {
	Key    K
	Window window.Window
	Value  V
}

// Aggregate folds the records of each window and emits the results. Their time is the window's
// largest.
func Aggregate[K, T, A, O any](w *Windowed[K, T], a agg.Aggregate[T, A, O]) *Stream[Result[K, O]] {
	return AggregateProcess(w, a, func(c *WindowCtx[K, Result[K, O]], v O) error {
		c.Emit(Result[K, O]{c.Key(), c.Window(), v})
		return nil
	})
}

// ReduceWindow folds the records of each window by f.
func ReduceWindow[K, T any](w *Windowed[K, T], f func(a, b T) T) *Stream[Result[K, T]] {
	return ReduceProcess(w, f, func(c *WindowCtx[K, Result[K, T]], v T) error {
		c.Emit(Result[K, T]{c.Key(), c.Window(), v})
		return nil
	})
}

// ReduceProcess folds the records of each window by reduce and calls f with the result when the
// window fires. A window whose evictor has left no record does not call f.
func ReduceProcess[K, T, O any](w *Windowed[K, T], reduce func(a, b T) T,
	f func(c *WindowCtx[K, O], v T) error, options ...WindowOption,
) *Stream[O] {
	a := agg.Reduce(reduce)
	return addWindows(w, &windowFunc[K, T, agg.Best[T], O]{
		add: a.Add, merge: a.Merge,
		fire: func(c *WindowCtx[K, O], acc *agg.Best[T]) error {
			if !acc.Some {
				return nil
			}
			return f(c, acc.Value)
		},
	}, options)
}

// AggregateProcess folds the records of each window and calls f with the result when the window
// fires. A window whose evictor has left no record gives the result of the zero accumulator.
func AggregateProcess[K, T, A, V, O any](w *Windowed[K, T], a agg.Aggregate[T, A, V],
	f func(c *WindowCtx[K, O], v V) error, options ...WindowOption,
) *Stream[O] {
	fn := &windowFunc[K, T, A, O]{add: a.Add, merge: a.Merge}
	if a.Add == nil || a.Result == nil {
		fn.err = errors.New("the aggregate has no Add or no Result")
	}
	fn.fire = func(c *WindowCtx[K, O], acc *A) error { return f(c, a.Result(acc)) }
	return addWindows(w, fn, options)
}

// ProcessWindow calls f with all records of a window when it fires: in order of arrival, but where
// windows overlap or merge, those of one slice of time or session after those of another. Keep
// accumulators instead (AggregateProcess) where that is possible: they are smaller.
func ProcessWindow[K, T, O any](w *Windowed[K, T], f func(c *WindowCtx[K, O], elements []T) error,
	options ...WindowOption,
) *Stream[O] {
	list := agg.List[T]()
	return addWindows(w, &windowFunc[K, T, []T, O]{
		add: list.Add, merge: list.Merge, process: f,
		fire: func(c *WindowCtx[K, O], acc *[]T) error { return f(c, slices.Clone(*acc)) },
	}, options)
}

// windowFunc is the function of a window operator.
type windowFunc[K, T, A, O any] struct {
	add   func(acc *A, v *T)
	merge func(into, from *A) // may be nil
	fire  func(c *WindowCtx[K, O], acc *A) error
	// process is called instead of fire where records are kept one by one; nil otherwise.
	process func(c *WindowCtx[K, O], elements []T) error
	err     error
}

// addWindows adds the operator that suits the windows.
func addWindows[K, T, A, O any](w *Windowed[K, T], f *windowFunc[K, T, A, O],
	options []WindowOption,
) *Stream[O] {
	n := w.node("Window")
	if f.err != nil {
		n.Fail(f.err)
	}
	spec := newWindowSpec(n, &w.env().codecs, options)
	session := w.assigner.Kind() == window.KindSession
	switch {
	case w.trigger != nil || w.evictor != nil || !w.sliced() || spec.general() ||
		session && f.merge == nil:
		addGeneral(n, w, f, spec)
	case session:
		all := codecOf[sessions[A]](w.env(), n)
		n.New = func() operator.Node { return newSessionOp(n, w, f, all) }
	default:
		acc := codecOf[A](w.env(), n)
		if acc != nil {
			n.States = append(n.States, "window: aggregating "+acc.Schema().String())
		}
		n.New = func() operator.Node { return newAlignedOp(n, w, f, acc) }
	}
	if w.inputs != nil {
		w.inputs(n)
	} else {
		w.keys.into(n, 0)
	}
	return newStream[O](w.env(), n)
}

// addGeneral completes the node of a generalOp.
func addGeneral[K, T, A, O any](n *graph.Node, w *Windowed[K, T], f *windowFunc[K, T, A, O],
	options *windowSpec,
) {
	codecs := &w.env().codecs
	s := &generalSpec[K, T, A, O]{
		w: w, options: options, codecs: codecs, trigger: w.trigger,
		add: f.add, merge: f.merge, fire: f.fire, process: f.process,
	}
	if s.trigger == nil {
		s.trigger = defaultTrigger[T](w.assigner)
	}
	if options.clear != nil {
		var ok bool
		if s.clear, ok = options.clear.(func(c *WindowCtx[K, O])); !ok {
			n.Fail(fmt.Errorf("the function of OnClear is a %T, not a %T", options.clear, s.clear))
		}
	}
	custom := window.CustomOf[T](w.assigner)
	if w.assigner.Kind() == window.KindSession || custom != nil && custom.Merging() {
		var ok bool
		if s.merger, ok = s.trigger.(window.Merger); !ok {
			n.Fail(fmt.Errorf("the windows merge, but the trigger %T does not", s.trigger))
		}
		if len(options.each) > 0 {
			n.Fail(errors.New("windows that merge cannot have states of their own (WindowStates)"))
		}
	}
	s.list = w.evictor != nil || f.process != nil || s.merger != nil && f.merge == nil
	s.pane = codecOf[pane[T, A]](w.env(), n)
	if s.pane != nil {
		n.States = append(n.States, "window: contents "+s.pane.Schema().String())
	}
	for _, h := range usesOf(s.trigger) {
		schema, err := schemaOf[T](h, codecs)
		if err != nil {
			n.Fail(fmt.Errorf("state %q of the trigger: %w", h.StateName(), err))
		}
		options.name(n, h.StateName(), "trigger "+schema)
	}
	n.New = func() operator.Node { return newGeneralOp(n, s) }
}

func defaultTrigger[T any](a window.Assigner) window.Trigger[T] {
	switch {
	case a.Kind() == window.KindGlobal:
		return window.Never[T]()
	case a.IsProcessingTime():
		return window.ProcessingTime[T]()
	}
	return window.EventTime[T]()
}

func (w *Windowed[K, T]) env() *Env { return w.keys.stream.env }

// sliced reports whether the windows are kept by slices or sessions, not one by one.
func (w *Windowed[K, T]) sliced() bool {
	_, aligned := window.SlicesOf(w.assigner)
	return aligned || w.assigner.Kind() == window.KindSession
}

// node adds the window operator's node and checks the windows.
func (w *Windowed[K, T]) node(kind string) *graph.Node {
	n := w.env().graph.Add(kind)
	n.Name = w.assigner.Name()
	if w.single {
		n.Parallelism, n.Fixed = 1, true
	}
	if err := w.assigner.Err(); err != nil {
		n.Fail(err)
	}
	if !window.DynamicFor[T](w.assigner) {
		n.Fail(fmt.Errorf("the assigner is for another type than %T", *new(T)))
	}
	if w.lateness < 0 {
		n.Fail(fmt.Errorf("allowed lateness %v is negative", w.lateness))
	}
	for _, tag := range w.lateTags {
		n.Sides = append(n.Sides, tag)
	}
	return n
}

// codecOf is the codec of T; the node fails when there is none.
func codecOf[T any](env *Env, n *graph.Node) *codec.Codec[T] {
	c, err := codec.For[T](&env.codecs)
	if err != nil {
		n.Fail(err)
		return nil
	}
	return c
}
