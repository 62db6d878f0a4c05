//go:build seededbugs

package jobmanager

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/fault"
)

// TestSeededBugs: each seeded bug in the Manager makes some schedule go wrong.
func TestSeededBugs(t *testing.T) {
	for bug := fault.ExecutionBugs + 1; bug < fault.ManagerBugs; bug++ {
		t.Run(bug.String(), func(t *testing.T) {
			fault.Active = bug
			defer func() { fault.Active = fault.None }()
			for seed := range uint64(40_000) {
				if err := found(seed); err != nil {
					t.Logf("found by seed %d: %v", seed, err)
					return
				}
			}
			t.Error("not found by 40,000 schedules")
		})
	}
}

// found runs a schedule. A panic is an error, too.
func found(seed uint64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return newSimWorld(seed).run()
}
