package stream

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
)

// IntervalOptions are the settings of an interval join.
type IntervalOptions[L, R any] struct {
	// Kind is the kind of join. The default is InnerJoin.
	Kind JoinKind
	// LowerExclusive and UpperExclusive exclude the bounds, which are included by default.
	LowerExclusive, UpperExclusive bool
	// LeftLate and RightLate are the side outputs of records that come too late: at or before the
	// watermark. nil drops them. They are counted in any case, as numLateRecordsDropped.
	LeftLate  *Tag[L]
	RightLate *Tag[R]
}

// IntervalJoin calls f for each pair of records with equal keys in which the right record's event
// time is in [left + lower, left + upper]. Bounds may be negative; they are in milliseconds. The
// pointers are valid during the call only and must not be written through. What f emits has the
// later of both times.
//
// With an outer join f is also called for a record that found no partner, once the watermark says
// that none can come; the other pointer is then nil and the time that of the record. So that such
// records are not late, the watermark is passed on later, by the longest time that a record waits.
//
// Records are kept as long as a partner may come, and no longer.
func IntervalJoin[K, L, R, O any](left *Keyed[K, L], right *Keyed[K, R], lower, upper time.Duration,
	f func(c *Ctx[K, O], l *L, r *R) error, options IntervalOptions[L, R],
) *Stream[O] {
	env := left.stream.env
	n := env.graph.Add("IntervalJoin")
	cfg := &joinConfig[K, L, R, O]{left: left, right: right, f: f, options: options}
	cfg.bounds(n, lower, upper)
	cfg.declare(n, &env.codecs)
	n.New = func() operator.Node {
		o := &joinOp[K, L, R, O]{cfg: cfg}
		o.spec, o.codecs = &processSpec{timers: []timerDecl{o}}, &env.codecs
		addSides(n, &o.out)
		o.out.Init(nil)
		o.TwoInput.Init(o, &o.out)
		return o
	}
	left.into(n, 0)
	right.into(n, 1)
	checkSameKeys(n, env == right.stream.env)
	return newStream[O](env, n)
}

type joinConfig[K, L, R, O any] struct {
	left         *Keyed[K, L]
	right        *Keyed[K, R]
	f            func(c *Ctx[K, O], l *L, r *R) error
	options      IntervalOptions[L, R]
	lower, upper int64 // both included
	delay        int64 // of the watermark
	leftRows     *codec.Codec[[]joinRow[L]]
	rightRows    *codec.Codec[[]joinRow[R]]
}

func (c *joinConfig[K, L, R, O]) bounds(n *graph.Node, lower, upper time.Duration) {
	c.lower, c.upper = lower.Milliseconds(), upper.Milliseconds()
	if lower%time.Millisecond != 0 || upper%time.Millisecond != 0 {
		n.Fail(fmt.Errorf("the bounds %v and %v are not whole milliseconds", lower, upper))
	}
	if c.options.LowerExclusive {
		c.lower++
	}
	if c.options.UpperExclusive {
		c.upper--
	}
	if c.lower > c.upper {
		n.Fail(fmt.Errorf("no time lies between the bounds %v and %v", lower, upper))
	}
	if c.options.Kind > FullJoin {
		n.Fail(fmt.Errorf("there is no join of kind %d", c.options.Kind))
	}
	if c.keepsLeft() {
		c.delay = max(c.delay, c.upper)
	}
	if c.keepsRight() {
		c.delay = max(c.delay, -c.lower)
	}
}

func (c *joinConfig[K, L, R, O]) declare(n *graph.Node, r *codec.Registry) {
	var errL, errR error
	c.leftRows, errL = codec.For[[]joinRow[L]](r)
	c.rightRows, errR = codec.For[[]joinRow[R]](r)
	if err := errors.Join(errL, errR); err != nil {
		n.Fail(err)
		return
	}
	n.States = []string{
		"left: list " + c.leftRows.Schema().String(), "right: list " + c.rightRows.Schema().String(),
	}
}

func (c *joinConfig[K, L, R, O]) keepsLeft() bool {
	return c.options.Kind&LeftJoin != 0
}

func (c *joinConfig[K, L, R, O]) keepsRight() bool {
	return c.options.Kind&RightJoin != 0
}

// joinRow is a record that waits for partners.
type joinRow[V any] struct {
	V       V
	Time    int64
	Matched bool
}

// joinOp is an interval join. For each key it keeps the rows of both sides in order of time, those
// of one time in order of arrival.
//
//	left   ──────●────────────────▶     a left row at t matches right rows in [t+lower, t+upper]
//	right  ───[──┼────────]───────▶     and is done when the watermark reaches t+upper;
//	             t                      a right row at t is done at t-lower
type joinOp[K, L, R, O any] struct {
	operator.TwoInput[L, R]
	keyedCore[K, O]
	cfg   *joinConfig[K, L, R, O]
	selL  *keyed.Selector[K, L]
	selR  *keyed.Selector[K, R]
	last  func() K
	left  *keyed.Values[[]joinRow[L]]
	right *keyed.Values[[]joinRow[R]]
	done  *keyed.Timers[struct{}]

	groups ops.GroupMarks // of which some may have come further before a restore
}

func (o *joinOp[K, L, R, O]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	b, sel := o.cfg.left.open(ctx)
	o.selL, o.selR = sel, keyed.NewSelector(b, o.cfg.right.key, o.cfg.right.of)
	o.last = o.selL.Value
	if err := o.open(ctx, b, func() K { return o.last() }); err != nil {
		return err
	}
	var err error
	o.ctx.mark, err = o.groups.Restore(ctx)
	return err
}

func (o *joinOp[K, L, R, O]) Snapshot(w *operator.Snapshot) error {
	o.groups.Snapshot(w, o.Ctx, o.ctx.mark)
	return o.keyedCore.Snapshot(w)
}

// bind makes the operator's states; the operator is its own timer.
func (o *joinOp[K, L, R, O]) bind(_ any, b *keyed.Backend, r *codec.Registry) (timerRunner, error) {
	none, err := codec.For[struct{}](r)
	if err != nil {
		return nil, err
	}
	o.left, o.right = keyed.NewValues(b, o.cfg.leftRows), keyed.NewValues(b, o.cfg.rightRows)
	o.done = keyed.NewTimers(b, none)
	b.Add("left", o.left)
	b.Add("right", o.right)
	b.Add("done", o.done)
	return o, nil
}

func (o *joinOp[K, L, R, O]) handle() any            { return o }
func (o *joinOp[K, L, R, O]) queue() any             { return o.done }
func (o *joinOp[K, L, R, O]) inProcessingTime() bool { return false }
func (o *joinOp[K, L, R, O]) next() (int64, bool)    { return o.done.Next() }

func (o *joinOp[K, L, R, O]) fire(to int64) bool {
	return o.done.Fire(to, func(at int64, _ struct{}) bool {
		o.drop(at)
		return !o.out.Blocked()
	})
}

// drop drops the current key's rows that are done at a watermark, and emits them if they have to be
// and found no partner.
func (o *joinOp[K, L, R, O]) drop(at int64) {
	if rows := o.left.Change(); rows != nil {
		n := 0
		for ; n < len(*rows) && addTime((*rows)[n].Time, o.cfg.upper) <= at; n++ {
			if r := &(*rows)[n]; !r.Matched && o.cfg.keepsLeft() {
				o.call(&r.V, nil, r.Time)
			}
		}
		if *rows = slices.Delete(*rows, 0, n); len(*rows) == 0 {
			o.left.Drop()
		}
	}
	if rows := o.right.Change(); rows != nil {
		n := 0
		for ; n < len(*rows) && addTime((*rows)[n].Time, -o.cfg.lower) <= at; n++ {
			if r := &(*rows)[n]; !r.Matched && o.cfg.keepsRight() {
				o.call(nil, &r.V, r.Time)
			}
		}
		if *rows = slices.Delete(*rows, 0, n); len(*rows) == 0 {
			o.right.Drop()
		}
	}
}

func (o *joinOp[K, L, R, O]) call(l *L, r *R, t int64) {
	o.ctx.time = t
	if err := o.cfg.f(&o.ctx, l, r); err != nil {
		var record any
		if l != nil {
			record = *l
		} else {
			record = *r
		}
		o.Ctx.Fail(err, record)
	}
}

// Watermark drops what is done and passes the watermark on, later by what outer rows wait.
func (o *joinOp[K, L, R, O]) Watermark(t int64) bool {
	o.ctx.mark = max(o.ctx.mark, t) // may be less than before a restore
	if !fireTimers(o.ctx.timers, false, t) {
		return false
	}
	o.groups.Reached(o.ctx.mark)
	if t != batch.MaxTime {
		t = addTime(t, -o.cfg.delay)
	}
	o.out.MarkAll(t)
	return true
}

// late reports whether a row comes too late.
func (o *joinOp[K, L, R, O]) late(t int64, record any) bool {
	if t == batch.NoTime {
		o.Ctx.Fail(errors.New("an interval join needs event times; add Watermarks before it"), record)
	}
	o.ctx.time = t
	if t > o.ctx.mark {
		return false
	}
	o.Ctx.Metrics.Counter("numLateRecordsDropped").Add(1)
	return true
}

func (o *joinOp[K, L, R, O]) Left(b *batch.Rows[L], from, to int) int {
	if o.groups.Differ() {
		return o.groups.Each(&o.ctx.mark, from, to, func(i int) uint64 {
			o.selL.Select(&b.Vals[i], b.Keys[i])
			return o.backend.Hash
		}, func(i int) bool {
			o.leftRows(b, i, i+1)
			return !o.out.Blocked()
		})
	}
	return o.leftRows(b, from, to)
}

func (o *joinOp[K, L, R, O]) leftRows(b *batch.Rows[L], from, to int) int {
	o.last = o.selL.Value
	for i := from; i < to; i++ {
		o.LeftIn.At(i)
		v, t := &b.Vals[i], b.Times[i]
		o.selL.Select(v, b.Keys[i])
		if !o.late(t, *v) {
			o.joinLeft(v, t)
		} else if tag := o.cfg.options.LeftLate; tag != nil {
			tag.Emit(&o.ctx, *v)
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *joinOp[K, L, R, O]) joinLeft(v *L, t int64) {
	matched := false
	if rows := partners(o.right, o.cfg.keepsRight()); rows != nil {
		high := addTime(t, o.cfg.upper)
		for i := searchRows(*rows, addTime(t, o.cfg.lower)); i < len(*rows); i++ {
			r := &(*rows)[i]
			if r.Time > high {
				break
			}
			matched = true
			if o.cfg.keepsRight() {
				r.Matched = true
			}
			o.call(v, &r.V, max(t, r.Time))
		}
	}
	done := addTime(t, o.cfg.upper)
	if done <= o.ctx.mark {
		if !matched && o.cfg.keepsLeft() {
			o.call(v, nil, t)
		}
		return
	}
	rows, _ := o.left.Current()
	*rows = insertRow(*rows, joinRow[L]{*v, t, matched})
	o.done.Set(done, struct{}{})
}

func (o *joinOp[K, L, R, O]) Right(b *batch.Rows[R], from, to int) int {
	if o.groups.Differ() {
		return o.groups.Each(&o.ctx.mark, from, to, func(i int) uint64 {
			o.selR.Select(&b.Vals[i], b.Keys[i])
			return o.backend.Hash
		}, func(i int) bool {
			o.rightRows(b, i, i+1)
			return !o.out.Blocked()
		})
	}
	return o.rightRows(b, from, to)
}

func (o *joinOp[K, L, R, O]) rightRows(b *batch.Rows[R], from, to int) int {
	o.last = o.selR.Value
	for i := from; i < to; i++ {
		o.RightIn.At(i)
		v, t := &b.Vals[i], b.Times[i]
		o.selR.Select(v, b.Keys[i])
		if !o.late(t, *v) {
			o.joinRight(v, t)
		} else if tag := o.cfg.options.RightLate; tag != nil {
			tag.Emit(&o.ctx, *v)
		}
		if o.out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *joinOp[K, L, R, O]) joinRight(v *R, t int64) {
	matched := false
	if rows := partners(o.left, o.cfg.keepsLeft()); rows != nil {
		high := addTime(t, -o.cfg.lower)
		for i := searchRows(*rows, addTime(t, -o.cfg.upper)); i < len(*rows); i++ {
			l := &(*rows)[i]
			if l.Time > high {
				break
			}
			matched = true
			if o.cfg.keepsLeft() {
				l.Matched = true
			}
			o.call(&l.V, v, max(t, l.Time))
		}
	}
	done := addTime(t, -o.cfg.lower)
	if done <= o.ctx.mark {
		if !matched && o.cfg.keepsRight() {
			o.call(nil, v, t)
		}
		return
	}
	rows, _ := o.right.Current()
	*rows = insertRow(*rows, joinRow[R]{*v, t, matched})
	o.done.Set(done, struct{}{})
}

// partners are the current key's rows of the other side. Where rows without partners are emitted in
// the end, the caller marks those that have one.
func partners[V any](rows *keyed.Values[[]joinRow[V]], marks bool) *[]joinRow[V] {
	if marks {
		return rows.Change()
	}
	return rows.Lookup()
}

// searchRows is the position of the first row at or after t.
func searchRows[V any](rows []joinRow[V], t int64) int {
	return sort.Search(len(rows), func(i int) bool { return rows[i].Time >= t })
}

// insertRow puts r behind the rows of its time; most rows come at the end.
func insertRow[V any](rows []joinRow[V], r joinRow[V]) []joinRow[V] {
	if n := len(rows); n == 0 || rows[n-1].Time <= r.Time {
		return append(rows, r)
	}
	at := sort.Search(len(rows), func(i int) bool { return rows[i].Time > r.Time })
	return slices.Insert(rows, at, r)
}

// addTime is t + d, kept in the range of times.
func addTime(t, d int64) int64 {
	s := t + d
	switch {
	case d > 0 && s < t:
		return batch.MaxTime
	case d < 0 && s > t:
		return batch.MinTime
	}
	return s
}
