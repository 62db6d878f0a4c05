//go:build seededbugs

package sim

import (
	"slices"
	"testing"

	"github.com/flott-dev/flott/internal/fault"
)

// bugSeeds is how many schedules a bug may escape.
const bugSeeds = 10_000

// TestSeededBugs: each seeded bug makes some schedule commit something wrong, fail or never end.
func TestSeededBugs(t *testing.T) {
	programs := Programs()
	var want []*Outcome
	for _, p := range programs {
		o, err := Undisturbed(p)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, o)
	}
	for bug := fault.None + 1; bug < fault.Bugs; bug++ {
		t.Run(bug.String(), func(t *testing.T) {
			fault.Active = bug
			defer func() { fault.Active = fault.None }()
			for seed := range bugSeeds {
				if found(programs[seed%len(programs)], want[seed%len(programs)], uint64(seed)) {
					t.Logf("found by seed %d in %s", seed, programs[seed%len(programs)].Name)
					return
				}
			}
			t.Errorf("not found by %d schedules", bugSeeds)
		})
	}
}

// found reports whether a run goes wrong, which may be a panic.
func found(p Program, want *Outcome, seed uint64) (wrong bool) {
	defer func() { wrong = wrong || recover() != nil }()
	o, err := Run(p, seed, want.Steps)
	return err != nil || !slices.Equal(o.Committed, want.Committed)
}
