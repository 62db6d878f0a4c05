package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var (
	seeds = flag.Int("seeds", 1000, "the `number` of schedules")
	from  = flag.Int("from", 0, "the first `seed`")
)

// TestSchedules runs the programs in turn, each with the faults of a seed.
func TestSchedules(t *testing.T) {
	defer goleak.VerifyNone(t) // also what a killed process had open is closed
	programs := Programs()
	var want []*Outcome
	for _, p := range programs {
		o, err := Undisturbed(p)
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		if len(o.Committed) == 0 {
			t.Fatalf("%s commits nothing", p.Name)
		}
		t.Logf("%s: %d records, %d steps, %d checkpoints", p.Name, len(o.Committed), o.Steps, o.Completed)
		want = append(want, o)
	}
	var hits [faults][phases]int
	restarts, processes, completed, overtaken, failed, rescales := 0, 0, 0, 0, 0, 0
	var trees treeUse
	for seed := *from; seed < *from+*seeds; seed++ {
		i := seed % len(programs)
		o, err := Run(programs[i], uint64(seed), want[i].Steps)
		if err == nil && !slices.Equal(o.Committed, want[i].Committed) {
			err = fmt.Errorf("committed: %s", difference(want[i].Committed, o.Committed))
		}
		if err != nil {
			t.Errorf("%s: %v\n  replay: go test ./internal/sim -seeds 1 -from %d", programs[i].Name, err, seed)
			if failed++; failed > 10 {
				t.Fatal("too many failures")
			}
		}
		restarts, processes, completed = restarts+o.Restarts, processes+o.Processes, completed+o.Completed
		overtaken += o.Overtaken
		rescales += o.Rescales
		trees.Opened += o.Trees.Opened
		trees.Found += o.Trees.Found
		trees.Restored += o.Trees.Restored
		trees.Captured += o.Trees.Captured
		trees.Adopted += o.Trees.Adopted
		for f := range faults {
			for p := range phases {
				hits[f][p] += o.Hits[f][p]
			}
		}
	}
	t.Logf("seeds %d to %d: %d processes, %d restarts, %d rescales, %d checkpoints, %d or more with records in flight, trees %+v\n%s",
		*from, *from+*seeds-1, processes, restarts, rescales, completed, overtaken, trees, table(hits))
	if *seeds < 1000 {
		return
	}
	if rescales == 0 {
		t.Error("no job was rescaled")
	}
	if overtaken == 0 {
		t.Error("no checkpoint was complete that had records in flight")
	}
	if trees.Found == 0 || trees.Restored == 0 || trees.Captured == 0 || trees.Adopted == 0 {
		t.Errorf("trees are not used in each way: %+v", trees)
	}
	for f := range faults {
		for p := range phases {
			if hits[f][p] == 0 && !cannot(f, p) {
				t.Errorf("%s never hit %s", faultNames[f], phaseNames[p])
			}
		}
	}
}

// TestReplay: a seed decides everything.
func TestReplay(t *testing.T) {
	for i, p := range Programs() {
		for _, onDisk := range []bool{false, true} {
			again := func() string {
				rng := rand.New(rand.NewPCG(uint64(i), 1))
				disks := rand.New(rand.NewPCG(uint64(i), 2))
				if !onDisk {
					disks = nil
				}
				o, err := run(p, rng, newPlan(rng, faultsMax, 3000), disks)
				return fmt.Sprintf("%+v %v", o, err)
			}
			if a, b := again(), again(); a != b {
				t.Errorf("%s: two runs of seed %d differ:\n%s\n%s", p.Name, i, a, b)
			}
		}
	}
}

func table(hits [faults][phases]int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s", "")
	for _, p := range phaseNames {
		fmt.Fprintf(&b, "%11s", p)
	}
	for f, name := range faultNames {
		fmt.Fprintf(&b, "\n%-16s", name)
		for p := range phases {
			if cannot(Fault(f), p) {
				fmt.Fprintf(&b, "%11s", "·")
				continue
			}
			fmt.Fprintf(&b, "%11d", hits[f][p])
		}
	}
	return b.String()
}

func difference(want, got []string) string {
	count := map[string]int{}
	for _, w := range want {
		count[w]++
	}
	for _, g := range got {
		count[g]--
	}
	var missing, extra []string
	for k, n := range count {
		if n > 0 {
			missing = append(missing, k)
		} else if n < 0 {
			extra = append(extra, k)
		}
	}
	slices.Sort(missing)
	slices.Sort(extra)
	const most = 5
	return fmt.Sprintf("%d records instead of %d, missing %q, too many %q", len(got), len(want),
		missing[:min(most, len(missing))], extra[:min(most, len(extra))])
}
