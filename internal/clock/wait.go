package clock

import (
	"context"
	"time"
)

// Wait waits, on the wall clock, and reports whether there is time left: false when ctx is done.
func Wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
