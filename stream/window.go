package stream

import (
	"errors"
	"fmt"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/window"
)

// Windowed is a keyed stream whose records are put into windows.
type Windowed[K, T any] struct {
	keys     *Keyed[K, T]
	assigner window.Assigner
	lateness time.Duration
	late     *Tag[T]
	trigger  window.Trigger[T]
	evictor  window.Evictor[T]
	single   bool // WindowAll
}

// Window puts the records of each key into windows.
func (k *Keyed[K, T]) Window(a window.Assigner) *Windowed[K, T] {
	return &Windowed[K, T]{keys: k, assigner: a}
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
	w.late = tag
	return w
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
	return Aggregate(w, agg.Reduce(f))
}

// AggregateProcess folds the records of each window and calls f with the result when the window
// fires.
func AggregateProcess[K, T, A, V, O any](w *Windowed[K, T], a agg.Aggregate[T, A, V],
	f func(c *WindowCtx[K, O], v V) error, options ...WindowOption,
) *Stream[O] {
	fire := func(c *WindowCtx[K, O], acc *A) error { return f(c, a.Result(acc)) }
	if w.trigger != nil || w.evictor != nil || !w.sliced() || len(options) > 0 {
		return generalWindow(w, a, fire, nil, options)
	}
	n := w.node("Window")
	acc := codecOf[A](w.env(), n)
	if acc != nil {
		n.States = append(n.States, "window: aggregating "+acc.Schema().String())
	}
	if a.Add == nil || a.Result == nil {
		n.Fail(errors.New("the aggregate has no Add or no Result"))
	}
	if w.assigner.Kind() == window.KindSession {
		if a.Merge == nil {
			n.Fail(errors.New("session windows need an aggregate with Merge"))
		}
		all := codecOf[sessions[A]](w.env(), n)
		n.New = func() operator.Node { return newSessionOp(n, w, a, fire, all) }
	} else {
		n.New = func() operator.Node { return newAlignedOp(n, w, a, fire, acc) }
	}
	w.keys.into(n, 0)
	return newStream[O](w.env(), n)
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
		n.Parallelism = 1
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
	if w.late != nil {
		n.Sides = append(n.Sides, sideMaker(w.late))
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
