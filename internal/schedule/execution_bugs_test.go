//go:build seededbugs

package schedule

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/fault"
)

// TestSeededExecutionBugs: each seeded bug in the execution of a job makes some schedule go wrong.
func TestSeededExecutionBugs(t *testing.T) {
	for bug := fault.SlotBugs + 1; bug < fault.ExecutionBugs; bug++ {
		t.Run(bug.String(), func(t *testing.T) {
			fault.Active = bug
			defer func() { fault.Active = fault.None }()
			for seed := range uint64(100_000) {
				if err := livesThrough(seed); err != nil {
					t.Logf("found by seed %d: %v", seed, err)
					return
				}
			}
			t.Error("not found by 100,000 schedules")
		})
	}
}

// livesThrough runs a schedule. A panic is an error, too.
func livesThrough(seed uint64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return newJobWorld(seed).run()
}
