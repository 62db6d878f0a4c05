//go:build seededbugs

package schedule

import (
	"errors"
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/fault"
)

// TestSeededBugs: each seeded bug in what decides about slots makes some schedule go wrong.
func TestSeededBugs(t *testing.T) {
	for bug := fault.Bugs + 1; bug < fault.SlotBugs; bug++ {
		t.Run(bug.String(), func(t *testing.T) {
			fault.Active = bug
			defer func() { fault.Active = fault.None }()
			for seed := range uint64(10_000) {
				if err := found(seed); err != nil {
					t.Logf("found by seed %d: %v", seed, err)
					return
				}
			}
			t.Error("not found by 10,000 schedules")
		})
	}
}

// found runs a schedule of the pool, one of a cluster, and a job under several loads; a panic is an error, too.
func found(seed uint64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	if _, err = runPool(seed); err != nil {
		return err
	}
	if err = newCluster(seed).run(); err != nil || fault.Active < fault.NoDeadZone {
		return err
	}
	_, err = boundedLoad(seed)
	return errors.Join(err, constantLoad(seed), stepLoad(seed))
}
