package jobmanager_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/stream"
)

// held makes numbers at a rate, and keeps the last of them back until it is released, so that a job runs as long as
// a test needs it, however slow the machine is.
type held struct {
	connect.Source[int64]
	n, limit int64
	made     atomic.Int64 // numbers, as seen by who has made most
	released chan struct{}
}

// heldBack is more than what four readers make by one Poll each.
const heldBack = 1 << 13

func hold(t *testing.T, n, perSecond int64) *held {
	h := &held{n: n, limit: n - heldBack, released: make(chan struct{})}
	h.Source = datagen.Source(func(n int64) int64 {
		for made := h.made.Load(); made < n && !h.made.CompareAndSwap(made, n); made = h.made.Load() {
		}
		return n
	}, datagen.Options{Count: n, PerSecond: perSecond})
	if h.limit <= 0 {
		t.Fatalf("%d numbers can all be made by one Poll", n)
	}
	return h
}

// release lets the job come to its end.
func (h *held) release() { close(h.released) }

// counting counts the numbers by key.
func (h *held) counting(out *collect.Sink[string]) func(env *stream.Env) {
	return func(env *stream.Env) { count(stream.From(env, h), out) }
}

// Reader makes a reader that waits for the release.
func (h *held) Reader(ctx connect.ReaderContext) (connect.Reader[int64], error) {
	inner, err := h.Source.Reader(ctx)
	if err != nil {
		return nil, err
	}
	r := &heldReader{Reader: inner, held: h, closed: make(chan struct{})}
	r.wakers.Go(func() {
		select {
		case <-h.released:
			ctx.Wake()
		case <-r.closed:
		}
	})
	return r, nil
}

type heldReader struct {
	connect.Reader[int64]
	held   *held
	closed chan struct{}
	wakers sync.WaitGroup
}

// Poll makes numbers unless only the last are left.
func (r *heldReader) Poll(out *connect.Output[int64]) (connect.Status, error) {
	if r.held.made.Load() >= r.held.limit {
		select {
		case <-r.held.released:
		default:
			return connect.Waiting, nil
		}
	}
	if most := heldBack / 4; out.Room() > most {
		return 0, fmt.Errorf("%d numbers are made at once, more than %d", out.Room(), most)
	}
	return r.Reader.Poll(out)
}

// Close releases what waits.
func (r *heldReader) Close() error {
	close(r.closed)
	r.wakers.Wait()
	return r.Reader.Close()
}
