//go:build clockjump || invariants

package clock_test

import (
	"os"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

// TestJump: a clock that is set says another time, and goes on evenly.
func TestJump(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(clock.OffsetDir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	go clock.Follow(dir) // to the end of the process, as in others
	steady := clock.Steady(clock.System{})
	for _, d := range []time.Duration{time.Hour, -time.Hour, 0} {
		before, at := clock.System{}.Now(), steady()
		if err := os.WriteFile(clock.OffsetFile(dir, os.Getpid()), []byte(d.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		set := func() bool {
			now := clock.System{}.Now().Round(0) // the wall clock's part alone
			return (time.Until(now) - d).Abs() < time.Minute
		}
		late := time.Now().Add(time.Minute)
		for !set() {
			if time.Now().After(late) {
				t.Fatalf("set by %v, the clock does not follow", d)
			}
		}
		went := clock.System{}.Now().Sub(before)
		if went < 0 || went > time.Minute {
			t.Errorf("%v later", went)
		}
		if went = time.Duration(steady() - at); went < 0 || went > time.Minute {
			t.Errorf("evenly, %v later", went)
		}
	}
}
