package stream

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/metric"
)

// Task is a subtask of an operator as a factory of functions sees it: see Open.
type Task struct {
	Subtask        int // from 0
	Parallelism    int
	MaxParallelism int
	Attempt        int // from 1, counts restarts

	ctx    *operator.Context
	codecs *codec.Registry
	closes []func() error
	saves  []func(w *operator.Snapshot)
}

// Context is done when the job is to stop; what may wait should watch it.
func (t *Task) Context() context.Context { return t.ctx.Cancelled }

// Logger writes to the log of the process that the subtask runs in. On a cluster its lines have the job, the vertex, the subtask
// and the attempt as attributes, and their format and level are those of the process: env.log.format, env.log.level. In a program
// that runs its job itself they are those of slog.Default, with the same attributes. A line costs microseconds: log rarely, not
// for each record.
func (t *Task) Logger() *slog.Logger { return t.ctx.Logger() }

// Param is a value of Params, "" when there is none.
func (t *Task) Param(name string) string { return t.ctx.Params[name] }

// Now is the processing time.
func (t *Task) Now() time.Time { return t.ctx.Clock.Now() }

// OnClose has f called when the subtask ends, however it ends. Functions are called in reverse
// order.
func (t *Task) OnClose(f func() error) { t.closes = append(t.closes, f) }

// Counter is a metric that is added to.
func (t *Task) Counter(name string) *metric.Counter { return t.ctx.Metrics.Counter(name) }

// Gauge is a metric that is set.
func (t *Task) Gauge(name string) *metric.Gauge { return t.ctx.Metrics.Gauge(name) }

// Accumulator is a counter whose sum over all subtasks is part of the job's result.
func (t *Task) Accumulator(name string) *metric.Counter {
	return t.ctx.Metrics.Counter(metric.AccumulatorPrefix + name)
}

// Listed is operator state: items that are dealt out among the subtasks when the job is restored.
type Listed[E any] struct{ items []E }

// OperatorList returns the subtask's part of a list state. Its items are saved with each snapshot.
func OperatorList[E any](t *Task, name string) (*Listed[E], error) {
	return operatorState[E](t, name, false)
}

// OperatorUnion is OperatorList, but on restore every subtask gets all items of all subtasks.
func OperatorUnion[E any](t *Task, name string) (*Listed[E], error) {
	return operatorState[E](t, name, true)
}

func operatorState[E any](t *Task, name string, union bool) (*Listed[E], error) {
	c, err := codec.For[E](t.codecs)
	if err != nil {
		return nil, err
	}
	l, kind := &Listed[E]{}, operator.ListItems
	if union {
		kind = operator.UnionItems
	}
	if r := t.ctx.Restored; r != nil {
		items := r.List[name]
		if union {
			items = r.Union[name]
		}
		decode, err := operator.Decoding(t.ctx, operator.Items{Kind: kind, Name: name}, c)
		if err != nil {
			return nil, err
		}
		for _, b := range items {
			var v E
			if _, err := decode(b, &v); err != nil {
				return nil, err
			}
			l.items = append(l.items, v)
		}
	}
	t.saves = append(t.saves, func(w *operator.Snapshot) {
		w.DescribeItems(kind, name, c.Schema())
		for i := range l.items {
			item := c.Append(nil, &l.items[i])
			if union {
				w.Union(name, item)
			} else {
				w.List(name, item)
			}
		}
	})
	return l, nil
}

// Get is the items. The caller must not change the slice.
func (l *Listed[E]) Get() []E { return l.items }

// Set replaces the items; the state owns the slice from then on.
func (l *Listed[E]) Set(items []E) { l.items = items }

// Add appends items.
func (l *Listed[E]) Add(items ...E) { l.items = append(l.items, items...) }

// Open maps records by a function that a factory makes for each subtask: the rich function. What
// the function owns (a client, a buffer, a random source, a counter) is made by the factory, used
// without locks, and released by Task.OnClose, which runs on every exit.
func Open[T, O any](s *Stream[T], factory func(t *Task) (func(v T) (O, error), error)) *Stream[O] {
	return OpenFlatMap(s, func(t *Task) (func(v T, emit func(O)) error, error) {
		f, err := factory(t)
		if err != nil || f == nil {
			return nil, err
		}
		return func(v T, emit func(O)) error {
			o, err := f(v)
			if err != nil {
				return err
			}
			emit(o)
			return nil
		}, nil
	})
}

// OpenFlatMap is Open for functions that emit any number of records.
func OpenFlatMap[T, O any](s *Stream[T],
	factory func(t *Task) (func(v T, emit func(O)) error, error),
) *Stream[O] {
	return ProcessEach(s, func(t *Task) (func(c *Emitter[O], v T) error, error) {
		f, err := factory(t)
		if err != nil || f == nil {
			return nil, err
		}
		var emit func(O)
		return func(c *Emitter[O], v T) error {
			if emit == nil {
				emit = c.Emit
			}
			return f(v, emit)
		}, nil
	})
}

// ProcessEach calls a function, made by a factory for each subtask, for each record of a stream
// that need not be keyed. Its context emits, also to side outputs, and tells the time.
func ProcessEach[T, O any](s *Stream[T],
	factory func(t *Task) (func(c *Emitter[O], v T) error, error),
) *Stream[O] {
	n := s.env.graph.Add("Process")
	n.New = func() operator.Node {
		o := &eachOp[T, O]{factory: factory, codecs: &s.env.codecs}
		addSides(n, &o.Out)
		o.InitStep(o)
		return o
	}
	s.into(n, 0)
	return newStream[O](s.env, n)
}

type eachOp[T, O any] struct {
	ops.Step[T, O]
	codecs  *codec.Registry
	factory func(t *Task) (func(c *Emitter[O], v T) error, error)
	f       func(c *Emitter[O], v T) error
	ctx     Emitter[O]
	task    *Task
}

func (o *eachOp[T, O]) Open(ctx *operator.Context) error {
	o.Ctx = ctx
	o.ctx = newEmitter(&o.Out, ctx)
	o.task = &Task{
		Subtask: ctx.Subtask, Parallelism: ctx.Parallelism, MaxParallelism: ctx.MaxParallelism,
		Attempt: ctx.Attempt, ctx: ctx, codecs: o.codecs,
	}
	var err error
	o.f, err = o.factory(o.task)
	if err == nil && o.f == nil {
		err = errors.New("the factory returned no function")
	}
	return err
}

//flott:hot
func (o *eachOp[T, O]) Rows(b *batch.Rows[T], from, to int) int {
	for i := from; i < to; i++ {
		o.At(i)
		o.ctx.time = b.Times[i]
		if err := o.f(&o.ctx, b.Vals[i]); err != nil {
			o.Ctx.Fail(err, b.Vals[i])
		}
		if o.Out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (o *eachOp[T, O]) Watermark(t int64) bool {
	o.ctx.mark = t
	return o.Step.Watermark(t)
}

func (o *eachOp[T, O]) Snapshot(w *operator.Snapshot) error {
	for _, save := range o.task.saves {
		save(w)
	}
	return nil
}

func (o *eachOp[T, O]) Close() error {
	if o.task == nil {
		return nil
	}
	var errs []error
	for i := len(o.task.closes) - 1; i >= 0; i-- {
		errs = append(errs, o.task.closes[i]())
	}
	return errors.Join(errs...)
}
