package stream

import (
	"errors"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
)

// Connected are two streams of different types that one operator reads.
type Connected[A, B any] struct {
	a *Stream[A]
	b *Stream[B]
}

// Connect brings two streams together.
func Connect[A, B any](a *Stream[A], b *Stream[B]) *Connected[A, B] {
	return &Connected[A, B]{a, b}
}

// CoMap maps the records of either stream by its own function.
func CoMap[A, B, O any](c *Connected[A, B], fa func(A) O, fb func(B) O) *Stream[O] {
	s := CoProcess(c,
		func(c *Emitter[O], v A) error {
			c.Emit(fa(v))
			return nil
		},
		func(c *Emitter[O], v B) error {
			c.Emit(fb(v))
			return nil
		})
	s.node().Kind, s.node().Name = "CoMap", "CoMap"
	return s
}

// CoFlatMap emits any number of records for each record of either stream.
func CoFlatMap[A, B, O any](c *Connected[A, B], fa func(v A, emit func(O)),
	fb func(v B, emit func(O)),
) *Stream[O] {
	s := CoProcess(c,
		func(c *Emitter[O], v A) error {
			fa(v, c.Emit)
			return nil
		},
		func(c *Emitter[O], v B) error {
			fb(v, c.Emit)
			return nil
		})
	s.node().Kind, s.node().Name = "CoFlatMap", "CoFlatMap"
	return s
}

// CoProcess calls fa for the records of the first stream and fb for those of the second, on one
// goroutine for each subtask.
func CoProcess[A, B, O any](c *Connected[A, B], fa func(c *Emitter[O], v A) error,
	fb func(c *Emitter[O], v B) error,
) *Stream[O] {
	env := c.a.env
	n := env.graph.Add("CoProcess")
	n.New = func() operator.Node {
		o := &coProcessOp[A, B, O]{fa: fa, fb: fb}
		addSides(n, &o.out)
		o.out.Init(nil)
		o.Init(o, &o.out)
		return o
	}
	c.a.into(n, 0)
	c.b.into(n, 1)
	return newStream[O](env, n)
}

type coProcessOp[A, B, O any] struct {
	operator.TwoInput[A, B]
	out operator.Outputs[O]
	ctx Emitter[O]
	fa  func(c *Emitter[O], v A) error
	fb  func(c *Emitter[O], v B) error
}

func (o *coProcessOp[A, B, O]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	o.ctx = newEmitter(&o.out, ctx)
	return nil
}

func (o *coProcessOp[A, B, O]) Left(b *batch.Rows[A], from, to int) int {
	for i := from; i < to; i++ {
		o.LeftIn.At(i)
		o.ctx.time = b.Times[i]
		if err := o.fa(&o.ctx, b.Vals[i]); err != nil {
			o.Ctx.Fail(err, b.Vals[i])
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *coProcessOp[A, B, O]) Right(b *batch.Rows[B], from, to int) int {
	for i := from; i < to; i++ {
		o.RightIn.At(i)
		o.ctx.time = b.Times[i]
		if err := o.fb(&o.ctx, b.Vals[i]); err != nil {
			o.Ctx.Fail(err, b.Vals[i])
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *coProcessOp[A, B, O]) Watermark(t int64) bool {
	o.ctx.mark = t
	o.out.MarkAll(t)
	return true
}

func (o *coProcessOp[A, B, O]) Connect(tag string, receiver any) error {
	return o.out.ConnectTag(tag, receiver)
}

func (o *coProcessOp[A, B, O]) Control(operator.Control)          {}
func (o *coProcessOp[A, B, O]) Snapshot(*operator.Snapshot) error { return nil }
func (o *coProcessOp[A, B, O]) Close() error                      { return nil }

// ConnectedKeyed are two streams partitioned by keys of one type: records with equal keys meet in
// one subtask and share their state.
type ConnectedKeyed[K, A, B any] struct {
	a *Keyed[K, A]
	b *Keyed[K, B]
}

// ConnectKeyed brings two keyed streams together.
func ConnectKeyed[K, A, B any](a *Keyed[K, A], b *Keyed[K, B]) *ConnectedKeyed[K, A, B] {
	return &ConnectedKeyed[K, A, B]{a, b}
}

// ProcessBoth calls fa for the records of the first stream and fb for those of the second, with the
// states, timers and side outputs of the record's key: see Uses, On and Tag.
func ProcessBoth[K, A, B, O any](c *ConnectedKeyed[K, A, B], fa func(c *Ctx[K, O], v A) error,
	fb func(c *Ctx[K, O], v B) error, options ...ProcessOption,
) *Stream[O] {
	return ProcessBothRef(c,
		func(c *Ctx[K, O], v *A) error { return fa(c, *v) },
		func(c *Ctx[K, O], v *B) error { return fb(c, *v) }, options...)
}

// ProcessBothRef is ProcessBoth with pointers to the records, which spares wide records a copy. The
// pointers are valid during the call only.
func ProcessBothRef[K, A, B, O any](c *ConnectedKeyed[K, A, B], fa func(c *Ctx[K, O], v *A) error,
	fb func(c *Ctx[K, O], v *B) error, options ...ProcessOption,
) *Stream[O] {
	env := c.a.stream.env
	n := env.graph.Add("Process")
	spec := newSpec(n, &env.codecs, options)
	n.New = func() operator.Node {
		o := &keyedTwoOp[K, A, B, O]{fa: fa, fb: fb, both: c}
		o.spec, o.codecs = spec, &env.codecs
		addSides(n, &o.out)
		o.out.Init(nil)
		o.TwoInput.Init(o, &o.out)
		return o
	}
	c.a.into(n, 0)
	c.b.into(n, 1)
	checkSameKeys(n, c.a.stream.env == c.b.stream.env)
	return newStream[O](env, n)
}

func checkSameKeys(n *graph.Node, sameEnv bool) {
	if !sameEnv {
		n.Fail(errors.New("the two inputs belong to different environments"))
	}
}

type keyedTwoOp[K, A, B, O any] struct {
	operator.TwoInput[A, B]
	keyedCore[K, O]
	both *ConnectedKeyed[K, A, B]
	selA *keyed.Selector[K, A]
	selB *keyed.Selector[K, B]
	last func() K
	fa   func(c *Ctx[K, O], v *A) error
	fb   func(c *Ctx[K, O], v *B) error
}

func (o *keyedTwoOp[K, A, B, O]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	b, selA := o.both.a.open(ctx)
	o.selA, o.selB = selA, keyed.NewSelector(b, o.both.b.key, o.both.b.of)
	o.last = o.selA.Value
	return o.open(ctx, b, func() K { return o.last() })
}

//flott:hot
func (o *keyedTwoOp[K, A, B, O]) Left(b *batch.Rows[A], from, to int) int {
	o.last = o.selA.Value
	for i := from; i < to; i++ {
		o.LeftIn.At(i)
		v := &b.Vals[i]
		o.selA.Select(v, b.Keys[i])
		for _, r := range o.rounds {
			r.touch()
		}
		o.ctx.time = b.Times[i]
		if err := o.fa(&o.ctx, v); err != nil {
			o.Ctx.Fail(err, *v)
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

//flott:hot
func (o *keyedTwoOp[K, A, B, O]) Right(b *batch.Rows[B], from, to int) int {
	o.last = o.selB.Value
	for i := from; i < to; i++ {
		o.RightIn.At(i)
		v := &b.Vals[i]
		o.selB.Select(v, b.Keys[i])
		for _, r := range o.rounds {
			r.touch()
		}
		o.ctx.time = b.Times[i]
		if err := o.fb(&o.ctx, v); err != nil {
			o.Ctx.Fail(err, *v)
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}
