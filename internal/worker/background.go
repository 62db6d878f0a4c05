package worker

import (
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/actor"
)

// Background is a Runner that knows how much runs that may block, so that who ends can wait for it: what is stored later is
// stored where nobody expects it any more. Its methods may be called by several goroutines.
type Background struct {
	Runner

	mu      sync.Mutex
	running int
	none    chan struct{} // closed when there is none; nil if nobody waits
}

// Go runs work of a kind.
func (b *Background) Go(kind actor.Work, work func()) {
	b.add(1)
	b.Runner.Go(kind, func() {
		defer b.add(-1)
		work()
	})
}

func (b *Background) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running += n
	if b.running == 0 && b.none != nil {
		close(b.none)
		b.none = nil
	}
}

// Wait waits until nothing runs that may block, for a while at most.
func (b *Background) Wait(most time.Duration) {
	b.mu.Lock()
	if b.running == 0 {
		b.mu.Unlock()
		return
	}
	if b.none == nil {
		b.none = make(chan struct{})
	}
	none := b.none
	b.mu.Unlock()
	select {
	case <-none:
	case <-time.After(most):
	}
}
