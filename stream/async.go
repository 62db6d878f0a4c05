package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
)

// Defaults of AsyncOptions.
const (
	DefaultAsyncCapacity = 100
	DefaultAsyncTimeout  = 10 * time.Second
)

// AsyncOptions are the settings of Async and AsyncFlatMap.
type AsyncOptions[T, O any] struct {
	// Ordered emits results in the order of their records. The default is the order in which they
	// come; records then never pass a watermark in either direction.
	Ordered bool
	// Capacity is how many records of a subtask may be in flight, and how many calls it runs at
	// once. When it is used up the input waits. 0 means DefaultAsyncCapacity.
	Capacity int
	// Timeout is how long a record may take, with all its attempts and the delays between them.
	// The context of the call is then done. 0 means DefaultAsyncTimeout, a negative timeout none.
	Timeout time.Duration
	// OnTimeout makes the result of a record whose time is up. It is called on the subtask's
	// goroutine and must not block. nil fails the job.
	OnTimeout func(v T) (O, error)
	// Retry says whether a failed call is repeated. The zero value does not.
	Retry AsyncRetry
}

// AsyncRetry is a strategy for failed calls.
type AsyncRetry struct {
	// Attempts is the number of calls in all. 0 means 1: no repetition.
	Attempts int
	// Delay is the time between the first call's failure and the second call. 0 means none.
	Delay time.Duration
	// Backoff is the factor by which the delay grows from one attempt to the next. 0 means 1.
	Backoff float64
	// MaxDelay bounds the delay. 0 means without bound.
	MaxDelay time.Duration
	// If says which errors are worth another attempt. nil means all.
	If func(error) bool
}

func (o *AsyncOptions[T, O]) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Capacity < 0 {
		bad("AsyncOptions.Capacity is %d, want 0 (the default) or more", o.Capacity)
	}
	r := &o.Retry
	if r.Attempts < 0 {
		bad("AsyncOptions.Retry.Attempts is %d, want 0 (one call) or more", r.Attempts)
	}
	if r.Delay < 0 || r.MaxDelay < 0 {
		bad("AsyncOptions.Retry.Delay is %v and MaxDelay %v, want 0 or more", r.Delay, r.MaxDelay)
	}
	if r.Backoff != 0 && !(r.Backoff >= 1) {
		bad("AsyncOptions.Retry.Backoff is %v, want 0 (the default) or at least 1", r.Backoff)
	}
	return errors.Join(errs...)
}

// Async calls f for each record on goroutines of its own, so that many calls to another system are
// under way at once, and emits what f returns with the time of the record. ctx is done when the
// record's time is up or the job ends; a call that ignores it holds up the end of the job.
// f must not change what v refers to.
//
// Records in flight are part of snapshots: after a restore f is called for them again. An error of
// f fails the job unless Retry says otherwise.
func Async[T, O any](s *Stream[T], f func(ctx context.Context, v T) (O, error),
	options AsyncOptions[T, O],
) *Stream[O] {
	call := func(ctx context.Context, v T, emit func(O)) error {
		out, err := f(ctx, v)
		if err == nil {
			emit(out)
		}
		return err
	}
	return addAsync(s, "Async", call, options)
}

// AsyncFlatMap is Async with a function that emits any number of records. It calls emit before it
// returns, from one goroutine at a time; what a failed call emitted is dropped.
func AsyncFlatMap[T, O any](s *Stream[T],
	f func(ctx context.Context, v T, emit func(O)) error, options AsyncOptions[T, O],
) *Stream[O] {
	return addAsync(s, "AsyncFlatMap", f, options)
}

func addAsync[T, O any](s *Stream[T], kind string,
	call func(ctx context.Context, v T, emit func(O)) error, options AsyncOptions[T, O],
) *Stream[O] {
	cfg := options.config()
	cfg.Call = call
	enc, codecErr := codec.For[T](&s.env.codecs)
	cfg.Codec = enc
	out := add[T, O](s, kind, func() operator.Node { return ops.NewAsync(cfg) })
	if err := errors.Join(codecErr, options.validate()); err != nil {
		out.node().Fail(err)
	} else {
		out.node().States = []string{"in flight: list " + enc.Schema().String()}
	}
	return out
}

// config fills in the defaults.
func (o *AsyncOptions[T, O]) config() *ops.AsyncConfig[T, O] {
	cfg := &ops.AsyncConfig[T, O]{
		Ordered: o.Ordered, Capacity: o.Capacity, Timeout: o.Timeout,
		Retry: ops.AsyncRetry(o.Retry),
	}
	if cfg.Capacity == 0 {
		cfg.Capacity = DefaultAsyncCapacity
	}
	switch {
	case cfg.Timeout == 0:
		cfg.Timeout = DefaultAsyncTimeout
	case cfg.Timeout < 0:
		cfg.Timeout = 0
	}
	cfg.Retry.Attempts = max(1, cfg.Retry.Attempts)
	cfg.Retry.Backoff = max(1, cfg.Retry.Backoff)
	if f := o.OnTimeout; f != nil {
		cfg.OnTimeout = func(v T, emit func(O)) error {
			out, err := f(v)
			if err == nil {
				emit(out)
			}
			return err
		}
	}
	return cfg
}
