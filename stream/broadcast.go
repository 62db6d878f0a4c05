package stream

import (
	"fmt"
	"iter"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
)

// Rules is broadcast state: a map that is the same in every subtask, because every subtask sees all
// records of the broadcast stream and changes it in the same way.
type Rules[MK comparable, V any] struct{ m map[MK]V }

// Get is an entry.
func (r *Rules[MK, V]) Get(k MK) (v V, ok bool) {
	v, ok = r.m[k]
	return v, ok
}

// Len is the number of entries.
func (r *Rules[MK, V]) Len() int { return len(r.m) }

// All iterates over the entries, in no particular order.
func (r *Rules[MK, V]) All() iter.Seq2[MK, V] {
	return func(yield func(MK, V) bool) {
		for k, v := range r.m {
			if !yield(k, v) {
				return
			}
		}
	}
}

// RulesWriter is Rules that can be changed: what the function for the broadcast side gets.
type RulesWriter[MK comparable, V any] struct{ Rules[MK, V] }

// Put sets an entry.
func (r *RulesWriter[MK, V]) Put(k MK, v V) { r.m[k] = v }

// Remove deletes an entry.
func (r *RulesWriter[MK, V]) Remove(k MK) { delete(r.m, k) }

// WithBroadcast sends every record of rules to all subtasks that process s: on records of rules,
// update changes the broadcast state; on records of s, f reads it. Records of the two streams come
// in no particular order relative to each other.
func WithBroadcast[T, B, O any, MK comparable, V any](s *Stream[T], rules *Stream[B],
	f func(c *Emitter[O], rules *Rules[MK, V], v T) error,
	update func(c *Emitter[O], rules *RulesWriter[MK, V], b B) error,
) *Stream[O] {
	n := s.env.graph.Add("Broadcast")
	enc := rulesCodec[MK, V](n, &s.env.codecs)
	n.New = func() operator.Node {
		o := &broadcastOp[T, B, O, MK, V]{f: f, update: update, codec: enc}
		addSides(n, &o.out)
		o.out.Init(nil)
		o.Init(o, &o.out)
		return o
	}
	s.into(n, 0)
	rules.Broadcast().into(n, 1)
	return newStream[O](s.env, n)
}

func rulesCodec[MK comparable, V any](n *graph.Node, r *codec.Registry) *codec.Codec[map[MK]V] {
	enc, err := codec.For[map[MK]V](r)
	if err != nil {
		n.Fail(fmt.Errorf("broadcast state: %w", err))
		return nil
	}
	n.States = append(n.States, "broadcast: broadcast "+enc.Schema().String())
	return enc
}

const broadcastState = "broadcast"

// restoreRules reads the broadcast state of a subtask.
func restoreRules[MK comparable, V any](ctx *operator.Context, enc *codec.Codec[map[MK]V],
	into *RulesWriter[MK, V],
) error {
	into.m = map[MK]V{}
	if ctx.Restored == nil || fault.Seeded(fault.SkipBroadcast) {
		return nil
	}
	data := ctx.Restored.Broadcast[broadcastState]
	if data == nil {
		return nil
	}
	items := operator.Items{Kind: operator.BroadcastItems, Name: broadcastState}
	decode, err := operator.Decoding(ctx, items, enc)
	if err == nil {
		_, err = decode(data, &into.m)
	}
	return err
}

// save writes the broadcast state of a subtask.
func (r *Rules[MK, V]) save(w *operator.Snapshot, enc *codec.Codec[map[MK]V]) {
	w.Broadcast(broadcastState, enc.Append(nil, &r.m))
	w.DescribeItems(operator.BroadcastItems, broadcastState, enc.Schema())
}

type broadcastOp[T, B, O any, MK comparable, V any] struct {
	operator.TwoInput[T, B]
	out    operator.Outputs[O]
	ctx    Emitter[O]
	codec  *codec.Codec[map[MK]V]
	rules  RulesWriter[MK, V]
	f      func(c *Emitter[O], rules *Rules[MK, V], v T) error
	update func(c *Emitter[O], rules *RulesWriter[MK, V], b B) error
}

func (o *broadcastOp[T, B, O, MK, V]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	o.ctx = newEmitter(&o.out, ctx)
	return restoreRules(ctx, o.codec, &o.rules)
}

func (o *broadcastOp[T, B, O, MK, V]) Left(b *batch.Rows[T], from, to int) int {
	for i := from; i < to; i++ {
		o.LeftIn.At(i)
		o.ctx.time = b.Times[i]
		if err := o.f(&o.ctx, &o.rules.Rules, b.Vals[i]); err != nil {
			o.Ctx.Fail(err, b.Vals[i])
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *broadcastOp[T, B, O, MK, V]) Right(b *batch.Rows[B], from, to int) int {
	for i := from; i < to; i++ {
		o.RightIn.At(i)
		o.ctx.time = b.Times[i]
		if err := o.update(&o.ctx, &o.rules, b.Vals[i]); err != nil {
			o.Ctx.Fail(err, b.Vals[i])
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *broadcastOp[T, B, O, MK, V]) Watermark(t int64) bool {
	o.ctx.mark = t
	o.out.MarkAll(t)
	return true
}

func (o *broadcastOp[T, B, O, MK, V]) Connect(tag string, receiver any) error {
	return o.out.ConnectTag(tag, receiver)
}

func (o *broadcastOp[T, B, O, MK, V]) Control(operator.Control) {}

func (o *broadcastOp[T, B, O, MK, V]) Snapshot(w *operator.Snapshot) error {
	o.rules.save(w, o.codec)
	return nil
}

func (o *broadcastOp[T, B, O, MK, V]) Close() error { return nil }

// KeyedWithBroadcast is WithBroadcast for a keyed stream: f has the states, timers and side outputs
// of the record's key as well.
func KeyedWithBroadcast[K, T, B, O any, MK comparable, V any](k *Keyed[K, T], rules *Stream[B],
	f func(c *Ctx[K, O], rules *Rules[MK, V], v T) error,
	update func(c *Emitter[O], rules *RulesWriter[MK, V], b B) error,
	options ...ProcessOption,
) *Stream[O] {
	env := k.stream.env
	n := env.graph.Add("Broadcast")
	enc := rulesCodec[MK, V](n, &env.codecs)
	spec := newSpec(n, &env.codecs, options)
	n.New = func() operator.Node {
		o := &keyedBroadcastOp[K, T, B, O, MK, V]{f: f, update: update, codec: enc, keys: k}
		o.spec, o.codecs = spec, &env.codecs
		addSides(n, &o.out)
		o.out.Init(nil)
		o.TwoInput.Init(o, &o.out)
		return o
	}
	k.into(n, 0)
	rules.Broadcast().into(n, 1)
	return newStream[O](env, n)
}

type keyedBroadcastOp[K, T, B, O any, MK comparable, V any] struct {
	operator.TwoInput[T, B]
	keyedCore[K, O]
	keys   *Keyed[K, T]
	sel    *keyed.Selector[K, T]
	codec  *codec.Codec[map[MK]V]
	rules  RulesWriter[MK, V]
	f      func(c *Ctx[K, O], rules *Rules[MK, V], v T) error
	update func(c *Emitter[O], rules *RulesWriter[MK, V], b B) error
}

func (o *keyedBroadcastOp[K, T, B, O, MK, V]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	if err := restoreRules(ctx, o.codec, &o.rules); err != nil {
		return err
	}
	b, sel := o.keys.open(ctx)
	o.sel = sel
	return o.open(ctx, b, sel.Value)
}

func (o *keyedBroadcastOp[K, T, B, O, MK, V]) Left(b *batch.Rows[T], from, to int) int {
	for i := from; i < to; i++ {
		o.LeftIn.At(i)
		o.sel.Select(&b.Vals[i], b.Keys[i])
		for _, r := range o.rounds {
			r.touch()
		}
		o.ctx.time = b.Times[i]
		if err := o.f(&o.ctx, &o.rules.Rules, b.Vals[i]); err != nil {
			o.Ctx.Fail(err, b.Vals[i])
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *keyedBroadcastOp[K, T, B, O, MK, V]) Right(b *batch.Rows[B], from, to int) int {
	for i := from; i < to; i++ {
		o.RightIn.At(i)
		o.ctx.time = b.Times[i]
		if err := o.update(&o.ctx.Emitter, &o.rules, b.Vals[i]); err != nil {
			o.Ctx.Fail(err, b.Vals[i])
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *keyedBroadcastOp[K, T, B, O, MK, V]) Snapshot(w *operator.Snapshot) error {
	o.rules.save(w, o.codec)
	return o.keyedCore.Snapshot(w)
}
