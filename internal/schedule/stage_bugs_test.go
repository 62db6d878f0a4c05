//go:build seededbugs

package schedule

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/fault"
)

// TestSeededStageBugs: each seeded bug in running a job in stages makes some schedule go wrong.
func TestSeededStageBugs(t *testing.T) {
	for bug := fault.ManagerBugs + 1; bug < fault.StageBugs; bug++ {
		t.Run(bug.String(), func(t *testing.T) {
			fault.Active = bug
			defer func() { fault.Active = fault.None }()
			for seed := range uint64(10_000) {
				if err := stageFound(seed); err != nil {
					t.Logf("found by seed %d: %v", seed, err)
					return
				}
			}
			t.Error("not found by 10,000 schedules")
		})
	}
}

// stageFound runs a schedule; a panic is an error, too.
func stageFound(seed uint64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return newStageWorld(seed).run()
}
