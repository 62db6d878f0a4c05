package worker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/worker"
)

// TestBackground: Wait waits for all that may block, and not for ever.
func TestBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &worker.Background{Runner: worker.Goroutines{}}
		b.Wait(time.Hour) // for nothing
		began, done := time.Now(), 0
		waited := func() time.Duration { return time.Since(began) }
		b.Go(actor.Upload, func() {
			time.Sleep(time.Second)
			done++
			b.Go(actor.Sweep, func() {
				time.Sleep(time.Second)
				done++
			})
		})
		b.Wait(time.Minute)
		if done != 2 || waited() != 2*time.Second {
			t.Errorf("after %v %d of 2 are done", waited(), done)
		}
		b.Go(actor.Upload, func() { time.Sleep(time.Hour) })
		b.Wait(time.Second)
		if waited() != 3*time.Second {
			t.Errorf("it waits for ever: until %v", waited())
		}
		time.Sleep(time.Hour)
	})
}
