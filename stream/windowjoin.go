package stream

import (
	"errors"
	"slices"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/window"
)

// Either is a record of one of two streams that share windows. Assigners of the user's own, dynamic
// sessions, triggers and evictors see such records.
type Either[A, B any] struct {
	Left    A
	Right   B
	IsRight bool
}

// CoGroup calls f for each key and window with the records of both streams: one of the slices may
// be empty, not both. Windows work as those of one stream with the records of both; sessions merge
// across the two.
func CoGroup[K, A, B, O any](a *Keyed[K, A], b *Keyed[K, B], assigner window.Assigner,
	f func(c *WindowCtx[K, O], left []A, right []B) error, options ...CoOption,
) *Stream[O] {
	return coWindows(a, b, assigner, "CoGroup", func(c *WindowCtx[K, O], p *sides[A, B]) error {
		return f(c, slices.Clone(p.Left), slices.Clone(p.Right))
	}, options)
}

// JoinWindow emits f of each pair of records that have a key and a window in common.
func JoinWindow[K, A, B, O any](a *Keyed[K, A], b *Keyed[K, B], assigner window.Assigner,
	f func(l A, r B) O, options ...CoOption,
) *Stream[O] {
	return coWindows(a, b, assigner, "JoinWindow", func(c *WindowCtx[K, O], p *sides[A, B]) error {
		for i := range p.Left {
			for j := range p.Right {
				c.Emit(f(p.Left[i], p.Right[j]))
			}
		}
		return nil
	}, options)
}

// JoinKind says what a join does with records that have no partner.
type JoinKind uint8

// The kinds of joins.
const (
	InnerJoin JoinKind = 0 // drops them
	LeftJoin  JoinKind = 1 // keeps those of the first stream
	RightJoin JoinKind = 2 // keeps those of the second stream
	FullJoin  JoinKind = LeftJoin | RightJoin
)

// JoinWindowOuter is JoinWindow for outer joins: f is also called for records without a partner in
// their window, with nil for the partner. The pointers are valid during the call only.
func JoinWindowOuter[K, A, B, O any](kind JoinKind, a *Keyed[K, A], b *Keyed[K, B],
	assigner window.Assigner, f func(l *A, r *B) O, options ...CoOption,
) *Stream[O] {
	return coWindows(a, b, assigner, "JoinWindow", func(c *WindowCtx[K, O], p *sides[A, B]) error {
		for i := range p.Left {
			for j := range p.Right {
				c.Emit(f(&p.Left[i], &p.Right[j]))
			}
			if len(p.Right) == 0 && kind&LeftJoin != 0 {
				c.Emit(f(&p.Left[i], nil))
			}
		}
		if len(p.Left) == 0 && kind&RightJoin != 0 {
			for j := range p.Right {
				c.Emit(f(nil, &p.Right[j]))
			}
		}
		return nil
	}, options)
}

// CoOption is a setting of windows over two streams. Each WindowOption is one.
type CoOption interface{ applyToCo(s *coSpec) }

type coOption func(s *coSpec)

func (f coOption) applyToCo(s *coSpec) { f(s) }

// coSpec is the collected options. What depends on types is checked by coWindows.
type coSpec struct {
	windows             []WindowOption
	lateness            time.Duration
	lateLeft, lateRight any // *Tag
	trigger, evictor    any
}

// Lateness is Windowed.AllowedLateness for windows over two streams.
func Lateness(d time.Duration) CoOption { return coOption(func(s *coSpec) { s.lateness = d }) }

// LateLeftTo is Windowed.LateTo for the first of two streams.
func LateLeftTo[A any](tag *Tag[A]) CoOption {
	return coOption(func(s *coSpec) { s.lateLeft = tag })
}

// LateRightTo is Windowed.LateTo for the second of two streams.
func LateRightTo[B any](tag *Tag[B]) CoOption {
	return coOption(func(s *coSpec) { s.lateRight = tag })
}

// WithTrigger is Windowed.Trigger for windows over two streams.
func WithTrigger[A, B any](t window.Trigger[Either[A, B]]) CoOption {
	return coOption(func(s *coSpec) { s.trigger = t })
}

// WithEvictor is Windowed.Evictor for windows over two streams.
func WithEvictor[A, B any](e window.Evictor[Either[A, B]]) CoOption {
	return coOption(func(s *coSpec) { s.evictor = e })
}

// sides is the contents of a window over two streams.
type sides[A, B any] struct {
	Left  []A
	Right []B
}

func (s *sides[A, B]) add(v *Either[A, B]) {
	if v.IsRight {
		s.Right = append(s.Right, v.Right)
	} else {
		s.Left = append(s.Left, v.Left)
	}
}

func (s *sides[A, B]) merge(from *sides[A, B]) {
	s.Left = append(s.Left, from.Left...)
	s.Right = append(s.Right, from.Right...)
}

// coWindows adds a window operator over two streams: the window operator of Either records, behind
// two inputs that make such records of their batches.
func coWindows[K, A, B, O any](a *Keyed[K, A], b *Keyed[K, B], assigner window.Assigner, kind string,
	fire func(c *WindowCtx[K, O], p *sides[A, B]) error, options []CoOption,
) *Stream[O] {
	spec := &coSpec{}
	for _, o := range options {
		o.applyToCo(spec)
	}
	keys := &Keyed[K, Either[A, B]]{stream: &Stream[Either[A, B]]{env: a.stream.env}, key: a.key}
	keys.of = func(v *Either[A, B]) K {
		if v.IsRight {
			return b.of(&v.Right)
		}
		return a.of(&v.Left)
	}
	w := keys.Window(assigner).AllowedLateness(spec.lateness)
	err := setCo(w, spec)
	w.inputs = func(n *graph.Node) {
		n.Kind = kind
		a.into(n, 0)
		b.into(n, 1)
		checkSameKeys(n, a.stream.env == b.stream.env)
		if err != nil {
			n.Fail(err)
		}
		inner := n.New
		n.New = func() operator.Node { return newCoWindowOp[A, B](inner()) }
	}
	return addWindows(w, &windowFunc[K, Either[A, B], sides[A, B], O]{
		add:   (*sides[A, B]).add,
		merge: (*sides[A, B]).merge, fire: fire,
	}, spec.windows)
}

// setCo sets what of the options depends on types.
func setCo[K, A, B any](w *Windowed[K, Either[A, B]], s *coSpec) error {
	var errs []error
	check := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what+" is for records of another type"))
		}
	}
	var ok bool
	if s.trigger != nil {
		w.trigger, ok = s.trigger.(window.Trigger[Either[A, B]])
		check(ok, "the trigger")
	}
	if s.evictor != nil {
		w.evictor, ok = s.evictor.(window.Evictor[Either[A, B]])
		check(ok, "the evictor")
	}
	left, ok := s.lateLeft.(*Tag[A])
	check(ok || s.lateLeft == nil, "the tag of LateLeftTo")
	right, ok := s.lateRight.(*Tag[B])
	check(ok || s.lateRight == nil, "the tag of LateRightTo")
	if left != nil {
		w.lateTags = append(w.lateTags, left)
	}
	if right != nil {
		w.lateTags = append(w.lateTags, right)
	}
	w.late = func(side func(tag string) operator.SideOutput, v *Either[A, B], t int64) bool {
		if v.IsRight {
			return right.emitTo(side, &v.Right, t)
		}
		return left.emitTo(side, &v.Left, t)
	}
	return errors.Join(errs...)
}

// emitTo emits v to the side output of the tag; it reports false when t is nil.
func (t *Tag[S]) emitTo(side func(tag string) operator.SideOutput, v *S, at int64) bool {
	if t == nil {
		return false
	}
	if out, ok := side(t.name).(*operator.Output[S]); ok {
		out.Emit(*v, at)
	}
	return true
}

// coWindowOp puts two inputs in front of a window operator. Copying the records that meet in
// windows costs less than window operators of their own kind for two inputs would.
type coWindowOp[A, B any] struct {
	operator.Node
	in   batch.Receiver[Either[A, B]]
	pool *batch.Pool[Either[A, B]]
}

func newCoWindowOp[A, B any](inner operator.Node) *coWindowOp[A, B] {
	return &coWindowOp[A, B]{
		Node: inner, in: inner.Receiver(0).(batch.Receiver[Either[A, B]]),
		pool: batch.NewPool[Either[A, B]](batch.MaxRows),
	}
}

func (o *coWindowOp[A, B]) Receiver(input int) any {
	if input == 0 {
		return batch.Receiver[A](leftWindowInput[A, B]{o})
	}
	return batch.Receiver[B](rightWindowInput[A, B]{o})
}

func (o *coWindowOp[A, B]) ProcessingTime(now int64) bool {
	return o.Node.(operator.TimeListener).ProcessingTime(now)
}

// Current is the record being processed, for error messages.
func (o *coWindowOp[A, B]) Current() any {
	v, ok := o.Node.(interface{ Current() any }).Current().(Either[A, B])
	switch {
	case !ok:
		return nil
	case v.IsRight:
		return v.Right
	}
	return v.Left
}

type leftWindowInput[A, B any] struct{ o *coWindowOp[A, B] }

func (r leftWindowInput[A, B]) Push(b *batch.Rows[A]) bool {
	e := r.o.pool.Get()
	for i := range b.Vals {
		e.Vals = append(e.Vals, Either[A, B]{Left: b.Vals[i]})
	}
	return pushEither(r.o.in, e, b)
}

type rightWindowInput[A, B any] struct{ o *coWindowOp[A, B] }

func (r rightWindowInput[A, B]) Push(b *batch.Rows[B]) bool {
	e := r.o.pool.Get()
	for i := range b.Vals {
		e.Vals = append(e.Vals, Either[A, B]{Right: b.Vals[i], IsRight: true})
	}
	return pushEither(r.o.in, e, b)
}

// pushEither pushes e, which has the values of b, with the other columns of b.
func pushEither[E, T any](to batch.Receiver[E], e *batch.Rows[E], b *batch.Rows[T]) bool {
	e.Times = append(e.Times, b.Times...)
	e.Marks = append(e.Marks, b.Marks...)
	if b.Keys != nil {
		copy(e.KeyColumn(), b.Keys)
	}
	b.Release()
	return to.Push(e)
}
