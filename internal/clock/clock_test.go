package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

// TestSteady: it goes as its clock does while nobody sets that.
func TestSteady(t *testing.T) {
	manual := clock.NewManual(time.UnixMilli(1_700_000_000_000))
	now := clock.Steady(manual)
	if got := now(); got != 1_700_000_000_000_000_000 {
		t.Errorf("begins at %d", got)
	}
	manual.Advance(3 * time.Second)
	if got := now(); got != 1_700_000_003_000_000_000 {
		t.Errorf("3 s later it is %d", got)
	}
	synctest.Test(t, func(t *testing.T) {
		began, now := time.Now().UnixNano(), clock.Steady(clock.System{})
		time.Sleep(time.Minute)
		if got := now() - began; got != int64(time.Minute) {
			t.Errorf("a minute takes %v", time.Duration(got))
		}
	})
}
