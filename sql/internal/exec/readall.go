package exec

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
)

// readAll reads a source that ends, as a job with one reader would, and gives each batch to f, which does not keep it.
func readAll(ctx connect.ReaderContext, env *lookupEnv, source connect.ColumnSource, f func(b *batch.Columns) error) (err error) {
	inside, cancel := context.WithCancel(env.ctx)
	r := &reading{env: &lookupEnv{inside, env.clock}, wake: make(chan struct{}, 1)}
	defer func() {
		cancel()
		r.work.Wait()
		if r.reader != nil {
			err = errors.Join(err, r.reader.Close())
		}
		if r.enumerator != nil {
			err = errors.Join(err, r.enumerator.Close())
		}
	}()
	request := func() { r.post(func() error { r.enumerator.Request(0); return nil }) }
	ctx.Context, ctx.Subtask, ctx.Parallelism = inside, 0, 1
	ctx.Wake, ctx.Request = r.notify, request
	ctx.WakeAt = func(t time.Time) { env.clock.AfterFunc(t.Sub(env.clock.Now()), r.notify) }
	if r.reader, err = source.Reader(ctx); err != nil {
		return err
	}
	if r.enumerator, err = source.Enumerator(r, nil); err != nil {
		return err
	}
	request()
	return r.run(source, f)
}

// reading is the enumerator and the only reader of a source, on one goroutine: what they send each other is mail.
type reading struct {
	env        *lookupEnv
	reader     connect.ColumnReader
	enumerator connect.Enumerator
	wake       chan struct{}
	work       sync.WaitGroup // what the enumerator has others do
	mu         struct {
		sync.Mutex
		mail []func() error
	}
}

func (r *reading) run(source connect.ColumnSource, f func(b *batch.Columns) error) error {
	pool, out := batch.NewColumnPool(source.Schema(), 0), connect.NewColumnOutput()
	for {
		if err := r.deliver(); err != nil {
			return err
		}
		b := pool.Get()
		out.Reset(b)
		status, err := r.reader.Poll(out)
		if err == nil && b.N > 0 {
			err = f(b)
		}
		b.Release()
		if err != nil || status == connect.Ended {
			return err
		}
		if status == connect.More && r.env.ctx.Err() == nil {
			continue
		}
		select {
		case <-r.wake:
		case <-r.env.ctx.Done():
			return r.env.ctx.Err()
		}
	}
}

func (r *reading) post(f func() error) {
	r.mu.Lock()
	r.mu.mail = append(r.mu.mail, f)
	r.mu.Unlock()
	r.notify()
}

func (r *reading) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reading) deliver() error {
	for {
		r.mu.Lock()
		mail := r.mu.mail
		r.mu.mail = nil
		r.mu.Unlock()
		if len(mail) == 0 {
			return nil
		}
		for _, f := range mail {
			if err := f(); err != nil {
				return err
			}
		}
	}
}

// What follows is the context of the enumerator.

func (r *reading) Context() context.Context { return r.env.ctx }
func (r *reading) Parallelism() int         { return 1 }
func (r *reading) Fail(err error)           { r.post(func() error { return err }) }

func (r *reading) Assign(_ int, splits ...connect.Split) {
	splits = slices.Clone(splits)
	r.post(func() error { return r.reader.Assign(splits) })
}

func (r *reading) NoMoreSplits(int) {
	r.post(func() error { r.reader.NoMoreSplits(); return nil })
}

func (r *reading) Go(work func(ctx context.Context) error, done func(error)) {
	r.work.Go(func() {
		err := work(r.env.ctx)
		r.post(func() error { done(err); return nil })
	})
}

func (r *reading) After(d time.Duration, f func()) {
	r.env.clock.AfterFunc(d, func() { r.post(func() error { f(); return nil }) })
}
