package stream

import (
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
)

// ScanBoth keeps one plain Go value for each key of two connected streams: fa is called with it for
// the records of the first stream, fb for those of the second. The zero value is the state of a
// new key. All pointers are valid during the call only.
func ScanBoth[K, A, B, S, O any](c *ConnectedKeyed[K, A, B],
	fa func(c *Ctx[K, O], s *S, v *A) error, fb func(c *Ctx[K, O], s *S, v *B) error,
) *Stream[O] {
	env := c.a.stream.env
	n := env.graph.Add("Scan")
	enc := codecOf[S](env, n)
	if enc != nil {
		n.States = []string{"state: value " + enc.Schema().String()}
	}
	n.New = func() operator.Node {
		o := &scanBothOp[K, A, B, S, O]{fa: fa, fb: fb, both: c, codec: enc}
		addSides(n, &o.out)
		o.out.Init(nil)
		o.Init(o, &o.out)
		return o
	}
	c.a.into(n, 0)
	c.b.into(n, 1)
	checkSameKeys(n, c.a.stream.env == c.b.stream.env)
	return newStream[O](env, n)
}

type scanBothOp[K, A, B, S, O any] struct {
	operator.TwoInput[A, B]
	out     operator.Outputs[O]
	both    *ConnectedKeyed[K, A, B]
	codec   *codec.Codec[S]
	ctx     Ctx[K, O]
	backend *keyed.Backend
	selA    *keyed.Selector[K, A]
	selB    *keyed.Selector[K, B]
	key     func() K
	state   *keyed.Values[S]
	touched uint64
	fa      func(c *Ctx[K, O], s *S, v *A) error
	fb      func(c *Ctx[K, O], s *S, v *B) error
}

func (o *scanBothOp[K, A, B, S, O]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	o.backend, o.selA = o.both.a.open(ctx)
	o.selB = keyed.NewSelector(o.backend, o.both.b.key, o.both.b.of)
	o.key = o.selA.Value
	o.state = keyed.NewValues(o.backend, o.codec)
	o.backend.Add("state", o.state)
	o.ctx = Ctx[K, O]{Emitter: newEmitter(&o.out, ctx), key: func() K { return o.key() }}
	return o.backend.Restore(ctx.Restored)
}

//flott:hot
func (o *scanBothOp[K, A, B, S, O]) Left(b *batch.Rows[A], from, to int) int {
	o.key = o.selA.Value
	o.touched ^= o.state.Touch(o.selA.Hashes(b.Keys[from:to]))
	for i := from; i < to; i++ {
		o.LeftIn.At(i)
		v := &b.Vals[i]
		o.selA.Select(v, b.Keys[i])
		s := o.begin(b.Times[i])
		if err := o.fa(&o.ctx, s, v); err != nil {
			o.Ctx.Fail(err, *v)
		}
		if o.end() {
			return i + 1
		}
	}
	return to
}

//flott:hot
func (o *scanBothOp[K, A, B, S, O]) Right(b *batch.Rows[B], from, to int) int {
	o.key = o.selB.Value
	o.touched ^= o.state.Touch(o.selB.Hashes(b.Keys[from:to]))
	for i := from; i < to; i++ {
		o.RightIn.At(i)
		v := &b.Vals[i]
		o.selB.Select(v, b.Keys[i])
		s := o.begin(b.Times[i])
		if err := o.fb(&o.ctx, s, v); err != nil {
			o.Ctx.Fail(err, *v)
		}
		if o.end() {
			return i + 1
		}
	}
	return to
}

// begin sets the context to a record and returns the state of its key.
func (o *scanBothOp[K, A, B, S, O]) begin(t int64) *S {
	o.ctx.time = t
	s, fresh := o.state.Current()
	o.ctx.fresh = fresh
	return s
}

// end drops the state if it was cleared, and reports whether the output is blocked.
func (o *scanBothOp[K, A, B, S, O]) end() bool {
	if o.ctx.drop {
		o.ctx.drop = false
		o.state.Drop()
	}
	return o.out.Blocked()
}

func (o *scanBothOp[K, A, B, S, O]) Watermark(t int64) bool {
	o.ctx.mark = t
	o.out.MarkAll(t)
	return true
}

func (o *scanBothOp[K, A, B, S, O]) Control(c operator.Control) {
	if c.Kind == operator.EndOfKey {
		o.backend.Clear()
	}
}

func (o *scanBothOp[K, A, B, S, O]) Connect(tag string, receiver any) error {
	return o.out.ConnectTag(tag, receiver)
}

func (o *scanBothOp[K, A, B, S, O]) Snapshot(w *operator.Snapshot) error {
	o.backend.Snapshot(w)
	return nil
}

func (o *scanBothOp[K, A, B, S, O]) Close() error { return nil }
