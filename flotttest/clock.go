package flotttest

import (
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

// Clock is a clock that stands still until the test advances it, for launch.Clock. What becomes due
// runs on the goroutine that calls Advance; with testing/synctest, synctest.Wait then waits until the
// job has done what there is to do.
type Clock = clock.Manual

// NewClock returns a clock that stands at now.
func NewClock(now time.Time) *Clock { return clock.NewManual(now) }
