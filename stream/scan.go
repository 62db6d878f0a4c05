package stream

import (
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
)

// Scan keeps one plain Go value for each key and calls f with it for each record. The zero value
// is the state of a new key; the pointer is valid during the call only.
func Scan[K, T, S, O any](k *Keyed[K, T], f func(c *Ctx[K, O], s *S, v T) error) *Stream[O] {
	return ScanRef(k, func(c *Ctx[K, O], s *S, v *T) error { return f(c, s, *v) })
}

// ScanRef is Scan with a pointer to the record, which spares wide records a copy. The pointer is
// valid during the call only.
func ScanRef[K, T, S, O any](k *Keyed[K, T], f func(c *Ctx[K, O], s *S, v *T) error) *Stream[O] {
	return addScan(k, f, nil)
}

func addScan[K, T, S, O any](k *Keyed[K, T], f func(c *Ctx[K, O], s *S, v *T) error,
	last func(c *Ctx[K, O], s *S),
) *Stream[O] {
	env := k.stream.env
	stateCodec, err := codec.For[S](&env.codecs)
	out := addKeyed[K, T, O](k, "Scan", func() operator.Node {
		o := &scanOp[K, T, S, O]{keys: k, codec: stateCodec, f: f, last: last}
		o.InitStep(o)
		return o
	})
	if err != nil {
		out.node().Fail(err)
	} else {
		out.node().States = []string{"state: value " + stateCodec.Schema().String()}
	}
	return out
}

type scanOp[K, T, S, O any] struct {
	ops.Step[T, O]
	// last is called, if not nil, at the end of a key in batch mode.
	last    func(c *Ctx[K, O], s *S)
	keys    *Keyed[K, T]
	codec   *codec.Codec[S]
	f       func(c *Ctx[K, O], s *S, v *T) error
	ctx     Ctx[K, O]
	backend *keyed.Backend
	sel     *keyed.Selector[K, T]
	state   *keyed.Values[S]
	touched uint64
}

func (o *scanOp[K, T, S, O]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	o.backend, o.sel = o.keys.open(ctx)
	o.state = keyed.NewValues(o.backend, o.codec)
	o.backend.Add("state", o.state)
	o.ctx = Ctx[K, O]{Emitter: newEmitter(&o.Out, ctx), key: o.sel.Value}
	return o.backend.Restore(ctx.Restored)
}

func newEmitter[O any](out *operator.Outputs[O], task *operator.Context) Emitter[O] {
	return Emitter[O]{out: out, task: task, time: batch.NoTime, mark: batch.MinTime}
}

//flott:hot
func (o *scanOp[K, T, S, O]) Rows(b *batch.Rows[T], from, to int) int {
	o.touched ^= o.state.Touch(o.sel.Hashes(b.Keys[from:to]))
	for i := from; i < to; i++ {
		o.At(i)
		v := &b.Vals[i]
		o.sel.Select(v, b.Keys[i])
		o.ctx.time = b.Times[i]
		s, fresh := o.state.Current()
		o.ctx.fresh = fresh
		if err := o.f(&o.ctx, s, v); err != nil {
			o.Ctx.Fail(err, *v)
		}
		if o.ctx.drop {
			o.ctx.drop = false
			o.state.Drop()
		}
		if o.Out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *scanOp[K, T, S, O]) Watermark(t int64) bool {
	o.ctx.mark = t
	return o.Step.Watermark(t)
}

func (o *scanOp[K, T, S, O]) Control(c operator.Control) {
	if c.Kind != operator.EndOfKey {
		return
	}
	if s := o.state.Lookup(); s != nil && o.last != nil {
		o.last(&o.ctx, s)
	}
	o.backend.Clear()
	o.Out.Flush()
}

func (o *scanOp[K, T, S, O]) Snapshot(w *operator.Snapshot) error {
	o.backend.Snapshot(w)
	return nil
}

// Reduce folds the records of each key and emits the value so far after each record; in batch mode,
// once, the value of all records.
func Reduce[K, T any](k *Keyed[K, T], f func(a, b T) T) *Stream[T] {
	s := addScan(k, func(c *Ctx[K, T], acc *T, v *T) error {
		if c.Fresh() {
			*acc = *v
		} else {
			*acc = f(*acc, *v)
		}
		if !c.task.Batch {
			c.Emit(*acc)
		}
		return nil
	}, func(c *Ctx[K, T], acc *T) { c.Emit(*acc) })
	s.node().Kind, s.node().Name = "Reduce", "Reduce"
	return s
}
