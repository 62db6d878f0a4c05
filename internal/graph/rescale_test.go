package graph

import (
	"slices"
	"strings"
	"testing"
)

// rescalable is a source, an operator one to one after it in another chain, a keyed one, and windows over
// all records.
func rescalable(t *testing.T) *Plan {
	t.Helper()
	g := &Graph{Parallelism: 2, MaxParallelism: 8}
	source, check, count, all := g.Add("Source"), g.Add("Check"), g.Add("Count"), g.Add("All")
	source.Source = true
	check.NoChain = true
	count.KeySchema = "BIGINT"
	all.Parallelism, all.Fixed = 1, true
	g.Connect(&Edge{From: source, To: check})
	g.Connect(&Edge{From: check, To: count, Strategy: Keyed})
	g.Connect(&Edge{From: count, To: all, Strategy: Global})
	p, err := g.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRescaledPlan(t *testing.T) {
	p := rescalable(t)
	r, err := p.Rescaled([]int{3, 3, 5, 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.JobGraph().Parallelism(); !slices.Equal(got, []int{3, 3, 5, 1}) {
		t.Errorf("parallelism %v", got)
	}
	if got := p.JobGraph().Parallelism(); !slices.Equal(got, []int{2, 2, 2, 1}) {
		t.Errorf("the plan itself has changed: %v", got)
	}
	if d := p.JobGraph().Difference(r.JobGraph()); d != "" {
		t.Errorf("it differs: %s", d)
	}
	for _, n := range r.Nodes {
		for _, e := range n.Out {
			if e.From != n || !slices.Contains(e.To.In, e) || !slices.Contains(r.Order, e.To) || slices.Contains(p.Nodes, e.To) {
				t.Errorf("the edge from %q to %q is not within the new plan", e.From.Name, e.To.Name)
			}
		}
	}
}

func TestRescaledRefuses(t *testing.T) {
	g := rescalable(t).JobGraph()
	for _, c := range []struct {
		parallelism []int
		want        string
	}{
		{[]int{2, 2, 2}, "a parallelism for 3 vertices, the job has 4"},
		{[]int{0, 0, 2, 1}, `vertex "Source": parallelism 0 is below 1`},
		{[]int{2, 2, 9, 1}, `vertex "Count": parallelism 9 is above its maximum parallelism 8`},
		{[]int{2, 3, 2, 1}, `vertices "Source" and "Check" are connected one to one and have the same parallelism, not 2 and 3`},
		{[]int{2, 2, 2, 2}, `vertex "All": its parallelism is 1 and cannot be changed`},
	} {
		if _, err := g.Rescaled(c.parallelism); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.parallelism, err, c.want)
		}
	}
	if got := g.Alike(); !slices.Equal(got, []int{0, 0, 2, 3}) {
		t.Errorf("alike %v", got)
	}
}
