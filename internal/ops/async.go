package ops

import (
	"context"
	"fmt"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
)

// AsyncConfig is what an Async is made of. All fields are resolved: nothing stands for a default.
type AsyncConfig[T, O any] struct {
	Call     func(ctx context.Context, v T, emit func(O)) error
	Ordered  bool
	Capacity int           // records in flight
	Timeout  time.Duration // of a record with all its attempts; 0 is none
	// OnTimeout makes the results of a record whose time is up; nil fails the job.
	OnTimeout func(v T, emit func(O)) error
	Retry     AsyncRetry
	Codec     *codec.Codec[T] // of the records in flight, which are state
}

// Async calls a function for each record on other goroutines and emits the results: see Calls.
type Async[T, O any] struct {
	Step[T, O]
	Calls[asyncRecord[T], []O]
	cfg *AsyncConfig[T, O]
}

type asyncRecord[T any] struct {
	v    T
	time int64
}

const asyncState = "in flight"

// NewAsync returns the operator of one subtask.
func NewAsync[T, O any](cfg *AsyncConfig[T, O]) *Async[T, O] {
	a := &Async[T, O]{cfg: cfg}
	a.InitStep(a)
	return a
}

// Open issues the records that were in flight when the snapshot was taken.
func (a *Async[T, O]) Open(ctx *operator.Context) error {
	a.Ctx = ctx
	a.Calls.Open(ctx, a.calls())
	if ctx.Restored == nil {
		return nil
	}
	decode, err := operator.Decoding(ctx, operator.Items{Name: asyncState}, a.cfg.Codec)
	if err != nil {
		return err
	}
	var records []asyncRecord[T]
	for _, data := range ctx.Restored.List[asyncState] {
		for len(data) > 0 {
			t, rest, err := takeInt(data)
			if err != nil {
				return err
			}
			r := asyncRecord[T]{time: t}
			if data, err = decode(rest, &r.v); err != nil {
				return fmt.Errorf("restore a record in flight: %w", err)
			}
			records = append(records, r)
		}
	}
	a.Restore(records)
	return nil
}

// calls is the configuration of the calls.
func (a *Async[T, O]) calls() *CallsConfig[asyncRecord[T], []O] {
	return &CallsConfig[asyncRecord[T], []O]{
		Ordered: a.cfg.Ordered, Capacity: a.cfg.Capacity, Timeout: a.cfg.Timeout, Retry: a.cfg.Retry,
		Call: func(ctx context.Context, r *asyncRecord[T]) (out []O, err error) {
			err = a.cfg.Call(ctx, r.v, func(v O) { out = append(out, v) })
			return out, err
		},
		OnTimeout: func(r *asyncRecord[T]) (out []O, err error) {
			if a.cfg.OnTimeout == nil {
				return nil, fmt.Errorf("no result after %v: %w", a.cfg.Timeout, context.DeadlineExceeded)
			}
			err = a.cfg.OnTimeout(r.v, func(v O) { out = append(out, v) })
			return out, err
		},
		Emit: func(r *asyncRecord[T], out []O) {
			for _, v := range out {
				a.Out.Emit(v, r.time)
			}
		},
		Mark: a.Out.MarkAll, Blocked: a.Out.Blocked,
		Fail: func(r *asyncRecord[T], err error, stack string) {
			e := a.Ctx.NewError(err, r.v)
			e.Stack = stack
			panic(e)
		},
	}
}

// Rows issues a run, until the capacity is used up.
func (a *Async[T, O]) Rows(b *batch.Rows[T], from, to int) int {
	for i := from; i < to; i++ {
		a.At(i)
		if !a.Room() {
			return i
		}
		a.Add(asyncRecord[T]{b.Vals[i], b.Times[i]})
	}
	return to
}

// Watermark puts the watermark behind the records in flight.
func (a *Async[T, O]) Watermark(t int64) bool { return a.Calls.Watermark(t) }

// Resume emits what has been completed, then goes on with the pending batch. It reports false while
// a control element waits for what is in flight.
func (a *Async[T, O]) Resume() bool {
	if !a.Out.Drain() {
		return false
	}
	if a.Frozen() {
		return true
	}
	a.Emit()
	return a.Out.Flush() && a.OneInput.Resume() && a.Drained()
}

// Control holds the elements that must not overtake records back until nothing is in flight.
func (a *Async[T, O]) Control(c operator.Control) { a.Calls.Control(c) }

// Snapshot writes the records in flight, in order. They are one item, so that they stay together.
func (a *Async[T, O]) Snapshot(w *operator.Snapshot) error {
	a.Thaw()
	var data []byte
	a.Each(func(r *asyncRecord[T]) { data = a.cfg.Codec.Append(appendInt(data, r.time), &r.v) })
	if fault.Seeded(fault.SkipInFlightCalls) {
		return nil
	}
	w.DescribeItems(operator.ListItems, asyncState, a.cfg.Codec.Schema())
	w.List(asyncState, data)
	return nil
}

// Close cancels the calls and waits for them.
func (a *Async[T, O]) Close() error {
	a.Calls.Close()
	return nil
}
