package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
)

// OnRound has f called at the end of each round of the loop that the operator is in, for each key
// that had a record in the round. What f emits has no event time.
func OnRound[K, O any](f func(c *Ctx[K, O], round int) error) ProcessOption {
	return processOption(func(s *processSpec) {
		s.rounds = append(s.rounds, roundDecl(onRound[K, O]{f: f}))
	})
}

// OnLastRound has f called at the end of the loop that the operator is in, for each key that had
// a record in it.
func OnLastRound[K, O any](f func(c *Ctx[K, O]) error) ProcessOption {
	return processOption(func(s *processSpec) {
		s.rounds = append(s.rounds, roundDecl(onRound[K, O]{
			f:    func(c *Ctx[K, O], _ int) error { return f(c) },
			last: true,
		}))
	})
}

// roundDecl is a declared function for the end of rounds.
type roundDecl interface {
	bindRound(ctx any, b *keyed.Backend) (roundRunner, error)
}

// roundRunner is a function for the end of rounds in one subtask.
type roundRunner interface {
	// touch notes the current key.
	touch()
	// begin tells the number of the round that has begun.
	begin(round int64)
	// end calls the function for the keys that were noted, at the end of a round or of the loop.
	end(round int, last bool)
}

type onRound[K, O any] struct {
	f    func(c *Ctx[K, O], round int) error
	last bool
}

func (d onRound[K, O]) bindRound(ctx any, b *keyed.Backend) (roundRunner, error) {
	c, ok := ctx.(*Ctx[K, O])
	if !ok {
		return nil, fmt.Errorf("the function for the end of a round takes a %T, but the operator has a %T",
			(*Ctx[K, O])(nil), ctx)
	}
	enc, err := codec.For[struct{}](nil)
	if err != nil {
		return nil, err
	}
	name := "keys of the round"
	if d.last {
		name = "keys of the loop"
	}
	r := &roundKeys[K, O]{decl: d, c: c, keys: keyed.NewTimers(b, enc)}
	if d.last {
		r.at = math.MaxInt64
	}
	b.Add(name, r.keys)
	return r, nil
}

// roundKeys is the set of keys that had a record: timers that are all set for one time, which is the
// round's number, or for the end.
type roundKeys[K, O any] struct {
	decl onRound[K, O]
	c    *Ctx[K, O]
	keys *keyed.Timers[struct{}]
	at   int64
}

func (r *roundKeys[K, O]) touch() { r.keys.Set(r.at, struct{}{}) }

func (r *roundKeys[K, O]) begin(round int64) {
	if !r.decl.last {
		r.at = round
	}
}

func (r *roundKeys[K, O]) end(round int, last bool) {
	if last != r.decl.last {
		return
	}
	r.c.time = batch.NoTime
	r.keys.Fire(r.at, func(int64, struct{}) bool {
		if err := r.decl.f(r.c, round); err != nil {
			r.c.task.Fail(fmt.Errorf("end of round %d, key %s: %w", round,
				operator.Render(r.c.Key()), err), nil)
		}
		return true
	})
}

// endRound calls the functions for the end of a round or of the loop. An epoch that comes again
// after a restore finds no keys.
func (k *keyedCore[K, O]) endRound(c operator.Control) {
	switch {
	case c.Kind == operator.Epoch && c.Input == k.task.Loop:
		for _, r := range k.rounds {
			r.end(int(c.ID), false)
		}
		k.beginRound(c.ID + 1)
	case c.Kind == operator.EndOfInput && c.Input < 0:
		for _, r := range k.rounds {
			r.end(-1, true)
		}
	default:
		return
	}
	k.out.Flush()
}

const keyedRoundState = "round"

func (k *keyedCore[K, O]) beginRound(round int64) {
	k.round = round
	for _, r := range k.rounds {
		r.begin(round)
	}
}

func (k *keyedCore[K, O]) snapshotRound(w *operator.Snapshot) {
	w.Union(keyedRoundState, binary.AppendVarint(binary.AppendVarint(nil, int64(k.task.Subtask)), k.round))
}

// restoreRound finds the round of this subtask: barriers may have reached the subtasks in different
// rounds. With another parallelism they are all the same, or the loop's head refuses.
func (k *keyedCore[K, O]) restoreRound(s *operator.State) {
	if s == nil {
		return
	}
	var round int64
	for _, item := range s.Union[keyedRoundState] {
		subtask, n := binary.Varint(item)
		r, _ := binary.Varint(item[n:])
		if int(subtask) == k.task.Subtask {
			round = r
			break
		}
		round = max(round, r)
	}
	k.beginRound(round)
}

// RoundHooks are what an operator in a loop with rounds does at the ends. Each subtask has a state
// of type S, a plain Go value that begins as the zero value.
type RoundHooks[S, O any] struct {
	// Round is called at the end of each round. nil does nothing.
	Round func(c *Emitter[O], s *S, round int) error
	// Last is called at the end of the loop. nil does nothing.
	Last func(c *Emitter[O], s *S) error
	// Merge adds the state of another subtask, when a job is restored with less parallelism. Without
	// it that is an error.
	Merge func(s *S, other S)
}

// RoundProcess calls f for each record, with the subtask's state, and hooks at the ends of rounds.
// It is the way to compute one value for a subtask and round, such as the sum of gradients. What
// hooks emit has no event time.
func RoundProcess[S, T, O any](s *Stream[T], f func(c *Emitter[O], s *S, v T) error,
	hooks RoundHooks[S, O],
) *Stream[O] {
	n := s.env.graph.Add("RoundProcess")
	enc := roundCodec[S](n, &s.env.codecs)
	n.New = func() operator.Node {
		o := &roundOp[S, T, O]{f: f}
		o.core = roundCore[S, O]{hooks: hooks, codec: enc, out: &o.Out}
		addSides(n, &o.Out)
		o.InitStep(o)
		return o
	}
	s.into(n, 0)
	return newStream[O](s.env, n)
}

// RoundProcessBoth is RoundProcess for two streams, such as data that comes in from outside and is
// kept in the state, and variables that change with the rounds.
func RoundProcessBoth[S, A, B, O any](c *Connected[A, B], fa func(c *Emitter[O], s *S, v A) error,
	fb func(c *Emitter[O], s *S, v B) error, hooks RoundHooks[S, O],
) *Stream[O] {
	env := c.a.env
	n := env.graph.Add("RoundProcess")
	enc := roundCodec[S](n, &env.codecs)
	n.New = func() operator.Node {
		o := &roundTwoOp[S, A, B, O]{fa: fa, fb: fb}
		o.core = roundCore[S, O]{hooks: hooks, codec: enc, out: &o.out}
		addSides(n, &o.out)
		o.out.Init(nil)
		o.Init(o, &o.out)
		return o
	}
	c.a.into(n, 0)
	c.b.into(n, 1)
	return newStream[O](env, n)
}

func roundCodec[S any](n *graph.Node, r *codec.Registry) *codec.Codec[S] {
	enc, err := codec.For[S](r)
	if err != nil {
		n.Fail(fmt.Errorf("state of rounds: %w", err))
		return nil
	}
	n.States = append(n.States, roundState+": list "+enc.Schema().String())
	return enc
}

const roundState = "rounds"

// roundCore is the state and the hooks of one subtask.
type roundCore[S, O any] struct {
	hooks RoundHooks[S, O]
	codec *codec.Codec[S]
	out   *operator.Outputs[O]
	task  *operator.Context
	ctx   Emitter[O]
	state S
	over  int64 // number of rounds that are over
}

func (r *roundCore[S, O]) open(task *operator.Context) error {
	r.task = task
	r.ctx = newEmitter(r.out, task)
	if task.Restored == nil {
		return nil
	}
	decode, err := operator.Decoding(task, operator.Items{Name: roundState}, r.codec)
	if err != nil {
		return err
	}
	for i, item := range task.Restored.List[roundState] {
		over, n := binary.Varint(item)
		if n <= 0 {
			return errors.New("the state of rounds is cut off")
		}
		var s S
		if _, err := decode(item[n:], &s); err != nil {
			return err
		}
		r.over = max(r.over, over)
		switch {
		case i == 0:
			r.state = s
		case r.hooks.Merge == nil:
			return errors.New("a restore with less parallelism needs RoundHooks.Merge")
		default:
			r.hooks.Merge(&r.state, s)
		}
	}
	return nil
}

func (r *roundCore[S, O]) control(c operator.Control) {
	var err error
	r.ctx.time = batch.NoTime
	switch {
	case c.Kind == operator.Epoch && c.Input == r.task.Loop:
		if c.ID < r.over {
			return // comes again after a restore
		}
		r.over = c.ID + 1
		if r.hooks.Round != nil {
			err = r.hooks.Round(&r.ctx, &r.state, int(c.ID))
		}
	case c.Kind == operator.EndOfInput && c.Input < 0:
		if r.hooks.Last != nil {
			err = r.hooks.Last(&r.ctx, &r.state)
		}
	default:
		return
	}
	if err != nil {
		r.task.Fail(fmt.Errorf("end of round %d: %w", r.over-1, err), nil)
	}
	r.out.Flush()
}

func (r *roundCore[S, O]) snapshot(w *operator.Snapshot) {
	w.DescribeItems(operator.ListItems, roundState, r.codec.Schema())
	w.List(roundState, r.codec.Append(binary.AppendVarint(nil, r.over), &r.state))
}

type roundOp[S, T, O any] struct {
	ops.Step[T, O]
	core roundCore[S, O]
	f    func(c *Emitter[O], s *S, v T) error
}

func (o *roundOp[S, T, O]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	return o.core.open(ctx)
}

func (o *roundOp[S, T, O]) Rows(b *batch.Rows[T], from, to int) int {
	for i := from; i < to; i++ {
		o.At(i)
		o.core.ctx.time = b.Times[i]
		if err := o.f(&o.core.ctx, &o.core.state, b.Vals[i]); err != nil {
			o.Ctx.Fail(err, b.Vals[i])
		}
		if o.Out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *roundOp[S, T, O]) Watermark(t int64) bool {
	o.core.ctx.mark = t
	return o.Step.Watermark(t)
}

func (o *roundOp[S, T, O]) Control(c operator.Control) { o.core.control(c) }

func (o *roundOp[S, T, O]) Snapshot(w *operator.Snapshot) error {
	o.core.snapshot(w)
	return nil
}

type roundTwoOp[S, A, B, O any] struct {
	operator.TwoInput[A, B]
	out  operator.Outputs[O]
	core roundCore[S, O]
	fa   func(c *Emitter[O], s *S, v A) error
	fb   func(c *Emitter[O], s *S, v B) error
}

func (o *roundTwoOp[S, A, B, O]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	return o.core.open(ctx)
}

func (o *roundTwoOp[S, A, B, O]) Left(b *batch.Rows[A], from, to int) int {
	for i := from; i < to; i++ {
		o.LeftIn.At(i)
		o.core.ctx.time = b.Times[i]
		if err := o.fa(&o.core.ctx, &o.core.state, b.Vals[i]); err != nil {
			o.Ctx.Fail(err, b.Vals[i])
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *roundTwoOp[S, A, B, O]) Right(b *batch.Rows[B], from, to int) int {
	for i := from; i < to; i++ {
		o.RightIn.At(i)
		o.core.ctx.time = b.Times[i]
		if err := o.fb(&o.core.ctx, &o.core.state, b.Vals[i]); err != nil {
			o.Ctx.Fail(err, b.Vals[i])
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *roundTwoOp[S, A, B, O]) Watermark(t int64) bool {
	o.core.ctx.mark = t
	o.out.MarkAll(t)
	return true
}

func (o *roundTwoOp[S, A, B, O]) Connect(tag string, receiver any) error {
	return o.out.ConnectTag(tag, receiver)
}

func (o *roundTwoOp[S, A, B, O]) Control(c operator.Control) { o.core.control(c) }

func (o *roundTwoOp[S, A, B, O]) Snapshot(w *operator.Snapshot) error {
	o.core.snapshot(w)
	return nil
}

func (o *roundTwoOp[S, A, B, O]) Close() error { return nil }
