package ops

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/metric"
)

// asyncBench runs an Async as a task would, and notes what it emits: values, and watermarks as
// negative numbers.
type asyncBench struct {
	t    *testing.T
	a    *Async[int, int]
	mail struct {
		sync.Mutex
		queue []func()
	}
	out    []int
	refuse func() bool // the consumer is blocked
}

func (b *asyncBench) Push(r *batch.Rows[int]) bool {
	row := 0
	for _, m := range r.Marks {
		b.out = append(b.out, r.Vals[row:m.Row]...)
		b.out = append(b.out, -int(m.Time))
		row = m.Row
	}
	b.out = append(b.out, r.Vals[row:]...)
	r.Release()
	return b.refuse == nil || !b.refuse()
}

func newAsyncBench(t *testing.T, cfg AsyncConfig[int, int], restored *operator.State) *asyncBench {
	b := &asyncBench{t: t}
	if cfg.Codec == nil {
		cfg.Codec, _ = codec.For[int](nil)
	}
	cfg.Capacity = max(1, cfg.Capacity)
	cfg.Retry.Attempts, cfg.Retry.Backoff = max(1, cfg.Retry.Attempts), max(1, cfg.Retry.Backoff)
	b.a = NewAsync(&cfg)
	if err := b.a.Connect("", batch.Receiver[int](b)); err != nil {
		t.Fatal(err)
	}
	err := b.a.Open(&operator.Context{
		Operator: "call", Parallelism: 1, MaxParallelism: 1, Clock: clock.System{},
		Metrics: &metric.Group{}, Cancelled: t.Context(), Restored: restored,
		Mail: func(f func()) {
			b.mail.Lock()
			defer b.mail.Unlock()
			b.mail.queue = append(b.mail.queue, f)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// step does what a task does between two inputs.
func (b *asyncBench) step() bool {
	b.mail.Lock()
	mail := b.mail.queue
	b.mail.queue = nil
	b.mail.Unlock()
	for _, f := range mail {
		f()
	}
	return b.a.Resume()
}

// until steps, letting time pass, until the operator has no pending work.
func (b *asyncBench) until() {
	for !b.step() {
		time.Sleep(time.Millisecond)
	}
}

var asyncPoolOfInts = batch.NewPool[int](0)

// feed pushes vals, of which a negative one is a watermark.
func (b *asyncBench) feed(vals ...int) bool {
	r := asyncPoolOfInts.Get()
	for _, v := range vals {
		if v < 0 {
			r.Mark(int64(-v))
		} else {
			r.Add(v, int64(v))
		}
	}
	return b.a.Push(r)
}

// end drains the operator and returns all it has emitted.
func (b *asyncBench) end() []int {
	b.until()
	b.a.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
	b.until()
	if err := b.a.Close(); err != nil {
		b.t.Fatal(err)
	}
	return b.out
}

// sleepy takes v milliseconds for v.
func sleepy(ctx context.Context, v int, emit func(int)) error {
	select {
	case <-time.After(time.Duration(v) * time.Millisecond):
		emit(v)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func TestAsyncOrder(t *testing.T) {
	input := []int{35, 20, 10, -1, 5, -2, -3, 50, 40, -4, 1}
	for _, c := range []struct {
		ordered  bool
		capacity int
		want     []int
	}{
		{true, 100, []int{35, 20, 10, -1, 5, -3, 50, 40, -4, 1}},
		{true, 1, []int{35, 20, 10, -1, 5, -3, 50, 40, -4, 1}},
		{false, 100, []int{10, 20, 35, -1, 5, -3, 40, 50, -4, 1}},
		{false, 2, []int{20, 10, 35, -1, 5, -3, 40, 50, -4, 1}},
		{false, 1, []int{35, 20, 10, -1, 5, -3, 50, 40, -4, 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newAsyncBench(t, AsyncConfig[int, int]{
				Call: sleepy, Ordered: c.ordered, Capacity: c.capacity,
			}, nil)
			b.feed(input...)
			if got := b.end(); !slices.Equal(got, c.want) {
				t.Errorf("ordered %v, capacity %d: got %v, want %v", c.ordered, c.capacity, got, c.want)
			}
		})
	}
}

func TestAsyncRetries(t *testing.T) {
	transient, fatal := errors.New("try again"), errors.New("never")
	run := func(retry AsyncRetry, fails int, err error) (at time.Duration, calls int, failed error) {
		synctest.Test(t, func(t *testing.T) {
			b := newAsyncBench(t, AsyncConfig[int, int]{
				Capacity: 4, Retry: retry,
				Call: func(_ context.Context, v int, emit func(int)) error {
					emit(v) // dropped when the call fails
					if calls++; calls <= fails {
						return err
					}
					return nil
				},
			}, nil)
			start := time.Now()
			defer func() {
				at = time.Since(start)
				if r := recover(); r != nil {
					failed = r.(error)
					b.a.Close()
				}
			}()
			b.feed(7)
			if got := b.end(); !slices.Equal(got, []int{7}) {
				t.Errorf("got %v", got)
			}
		})
		return at, calls, failed
	}
	r := AsyncRetry{
		Attempts: 5, Delay: 100 * time.Millisecond, Backoff: 2, MaxDelay: 300 * time.Millisecond,
		If: func(err error) bool { return errors.Is(err, transient) },
	}
	at, calls, err := run(r, 4, transient)
	if calls != 5 || err != nil || at.Round(10*time.Millisecond) != 1000*time.Millisecond-100*time.Millisecond {
		t.Errorf("100+200+300+300 ms: %v, %d calls, %v", at, calls, err)
	}
	_, calls, err = run(r, 5, transient)
	if calls != 5 || !errors.Is(err, transient) {
		t.Errorf("attempts used up: %d calls, %v", calls, err)
	}
	var e *operator.Error
	if !errors.As(err, &e) || e.Record != "7" || e.Operator != "call" {
		t.Errorf("the error does not show the record: %v", err)
	}
	_, calls, err = run(r, 1, fatal)
	if calls != 1 || !errors.Is(err, fatal) {
		t.Errorf("refused error: %d calls, %v", calls, err)
	}
}

func TestAsyncTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newAsyncBench(t, AsyncConfig[int, int]{
			Call: sleepy, Capacity: 10, Timeout: 20 * time.Millisecond, Ordered: true,
			OnTimeout: func(v int, emit func(int)) error {
				emit(v + 1000)
				return nil
			},
		}, nil)
		b.feed(10, 30, 15, 500)
		if got := b.end(); !slices.Equal(got, []int{10, 1030, 15, 1500}) {
			t.Errorf("got %v", got)
		}
		if n := b.a.Ctx.Metrics.Counter("timeouts").Value(); n != 2 {
			t.Errorf("%d timeouts are counted, want 2", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newAsyncBench(t, AsyncConfig[int, int]{
			Call: sleepy, Capacity: 1, Timeout: 20 * time.Millisecond,
		}, nil)
		defer func() {
			err, _ := recover().(error)
			var e *operator.Error
			if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) || e.Record != "30" {
				t.Errorf("got %v", err)
			}
			b.a.Close()
		}()
		b.feed(30)
		b.end()
	})
}

// TestAsyncStubborn has calls that ignore their context: they hold goroutines, not records.
func TestAsyncStubborn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newAsyncBench(t, AsyncConfig[int, int]{
			Capacity: 2, Timeout: 10 * time.Millisecond,
			Call: func(_ context.Context, v int, emit func(int)) error {
				time.Sleep(time.Hour)
				return nil
			},
			OnTimeout: func(v int, emit func(int)) error {
				emit(v)
				return nil
			},
		}, nil)
		for i := range 50 {
			b.feed(i)
			b.until()
		}
		b.until()
		if n := len(b.a.pool.mu.queue); n > 2*2+1 {
			t.Errorf("%d records that timed out are kept", n)
		}
		b.a.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
		b.until()
		if len(b.out) != 50 {
			t.Errorf("%d results, want 50", len(b.out))
		}
		start := time.Now()
		b.a.Close()
		if time.Since(start) < 50*time.Minute {
			t.Error("Close did not wait for the calls")
		}
	})
}

func TestAsyncPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newAsyncBench(t, AsyncConfig[int, int]{
			Capacity: 2, Retry: AsyncRetry{Attempts: 3},
			Call: func(context.Context, int, func(int)) error { panic("oops") },
		}, nil)
		defer func() {
			e, ok := recover().(*operator.Error)
			if !ok || e.Record != "3" || e.Stack == "" || e.Err.Error() != "panic: oops" {
				t.Errorf("got %v", e)
			}
			b.a.Close()
		}()
		b.feed(3)
		b.end()
	})
}

// TestAsyncBarrier emits nothing between a barrier and its snapshot, which has what is in flight.
func TestAsyncBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newAsyncBench(t, AsyncConfig[int, int]{Call: sleepy, Capacity: 10}, nil)
		b.feed(5, 1)
		b.until()
		b.a.Control(operator.Control{Kind: operator.Barrier, ID: 1})
		time.Sleep(2 * time.Millisecond)
		if !b.step() || len(b.out) != 0 {
			t.Fatalf("emitted %v after the barrier", b.out)
		}
		var s operator.Snapshot
		if err := b.a.Snapshot(&s); err != nil {
			t.Fatal(err)
		}
		if !b.step() || !slices.Equal(b.out, []int{1}) {
			t.Errorf("after the snapshot: %v", b.out)
		}
		b.end()
		again := newAsyncBench(t, AsyncConfig[int, int]{Call: sleepy, Capacity: 1}, &s.State)
		if got := again.end(); !slices.Equal(got, []int{5, 1}) {
			t.Errorf("restored: %v", got)
		}
	})
}

// TestAsyncRandom takes random programs, with snapshots and restores at random points and a
// consumer that is blocked at random, and checks the order of all that comes out.
func TestAsyncRandom(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) { asyncRandom(t, seed) })
	}
}

func asyncRandom(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	cfg := AsyncConfig[int, int]{
		Ordered: rng.IntN(2) == 0, Capacity: 1 + rng.IntN(8),
		Call: func(ctx context.Context, v int, emit func(int)) error {
			time.Sleep(time.Duration(v*7919%13) * time.Millisecond)
			if v%3 > 0 {
				emit(v)
			}
			if v%3 > 1 {
				emit(v)
			}
			return nil
		},
	}
	b := newAsyncBench(t, cfg, nil)
	blockEvery := 1 + rng.IntN(4)
	b.refuse = func() bool { return rng.IntN(blockEvery) > 0 }
	var fed, out []int
	next := 0
	for range 30 {
		var vals []int
		for range rng.IntN(20) {
			next++
			if rng.IntN(6) == 0 {
				vals = append(vals, -next)
			} else {
				vals = append(vals, next)
			}
		}
		fed = append(fed, vals...)
		b.feed(vals...)
		if rng.IntN(4) > 0 {
			time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
			b.step()
		}
		b.until()
		if rng.IntN(5) > 0 {
			continue
		}
		b.a.Control(operator.Control{Kind: operator.Barrier})
		for range rng.IntN(3) {
			time.Sleep(time.Millisecond)
			b.step()
		}
		for !b.step() {
			continue
		}
		var s operator.Snapshot
		if err := b.a.Snapshot(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, b.out...) // what was emitted until here is with the consumer
		b.a.Close()
		fresh := newAsyncBench(t, cfg, &s.State)
		fresh.refuse = b.refuse
		b = fresh
	}
	out = append(out, b.end()...)
	if err := checkAsync(fed, out, cfg.Ordered); err != nil {
		t.Fatalf("seed %d: %v\n in %v\nout %v", seed, err, fed, out)
	}
}

// checkAsync compares what came out with what came in: each record as often as it must, none after
// a watermark that it preceded nor before one that it followed, and in order if ordered. Watermarks
// may be missing, as they are not restored.
func checkAsync(in, out []int, ordered bool) error {
	want := map[int]int{}
	var inOrder []int
	for _, v := range in {
		if v >= 0 {
			for range v % 3 {
				want[v]++
				inOrder = append(inOrder, v)
			}
		}
	}
	low, high := 0, 0 // values are numbered, so that a watermark -w divides those below and above w
	var vals []int
	for _, v := range out {
		if v < 0 {
			if high > -v {
				return fmt.Errorf("%d was emitted before watermark %d", high, -v)
			}
			low = -v
			continue
		}
		if v < low {
			return fmt.Errorf("%d was emitted after watermark %d", v, low)
		}
		high = max(high, v)
		want[v]--
		vals = append(vals, v)
	}
	for v, n := range want {
		if n != 0 {
			return fmt.Errorf("%d is missing %d times", v, n)
		}
	}
	if ordered && !slices.Equal(vals, inOrder) {
		return errors.New("not in order")
	}
	return nil
}

// BenchmarkAsync is the cost of a record whose call returns at once.
func BenchmarkAsync(b *testing.B) {
	b.ReportAllocs()
	cfg := &AsyncConfig[int, int]{
		Capacity: 100, Timeout: time.Second, Retry: AsyncRetry{Attempts: 1, Backoff: 1},
		Call: func(_ context.Context, v int, emit func(int)) error {
			emit(v)
			return nil
		},
	}
	a := NewAsync(cfg)
	mail := make(chan func(), 1000)
	if err := a.Open(&operator.Context{
		Clock: clock.System{}, Metrics: &metric.Group{}, Cancelled: b.Context(),
		Mail: func(f func()) { mail <- f },
	}); err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	pool := batch.NewPool[int](0)
	for n := 0; n < b.N; n += batch.MaxRows {
		r := pool.Get()
		for i := range batch.MaxRows {
			r.Add(i, 0)
		}
		for ok := a.Push(r); !ok; ok = a.Resume() {
			(<-mail)()
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
