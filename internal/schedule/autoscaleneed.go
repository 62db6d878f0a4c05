package schedule

import (
	"math"

	"github.com/flott-dev/flott/internal/fault"
)

// need is what a vertex is found to need, from the averages of the window.
type need struct {
	busy, rows float64
	backlog    float64 // rows that the source has to read, 0 if that is not known
	demand     float64 // rows per second that come, or would if nothing held them back
	catchUp    float64 // rows per second besides to work off the backlog in time
	exact      int     // the parallelism that it takes, without bounds
	wanted     int     // within bounds, and as it is while the vertex is near enough to the target
	inside     bool    // it is near enough
	catchesUp  bool    // exact is for the backlog
	inVain     bool    // it needs more, but the last time that did not help
}

// needs computes what each vertex needs. Where one cannot have it, those that are connected with it are
// held back: they need no more than it lets pass, or a source before it would get more subtasks for a
// backlog that only grows.
func (a *Autoscaler) needs() []need {
	mean := a.mean()
	needs := make([]need, len(a.vertices))
	for i, v := range mean.Vertices {
		needs[i].busy, needs[i].rows = v.Busy, v.Rows
		a.demand(i, mean, needs)
		a.capacity[i] = v.Rows / max(v.Busy, 1e-6)
	}
	regions := Regions(len(a.vertices), func(yield func(a, b int)) {
		for _, e := range a.edges {
			yield(e.From, e.To)
		}
	})
	passes := map[int]float64{} // the share of what comes, of a region
	for i := range needs {
		of := regions[i]
		if _, ok := passes[of]; !ok {
			passes[of] = 1
		}
		passes[of] = min(passes[of], a.passes(i, needs[i]))
	}
	for i := range needs {
		share := passes[regions[i]]
		if a.passes(i, needs[i]) <= share || fault.Seeded(fault.NotHeldBack) {
			share = 1 // it is the one that the others wait for, or nobody is
		}
		a.size(i, &needs[i], share)
	}
	return needs
}

// passes is the share of what comes to a vertex that it could process with as many subtasks as it can
// have, at most 1.
func (a *Autoscaler) passes(i int, n need) float64 {
	v := a.vertices[i]
	if a.capacity[i] <= 0 || n.demand <= 0 {
		return 1
	}
	most := a.capacity[i]
	if !a.inVain(i) {
		most *= v.effective(a.bounded(i, math.MaxInt32)) / v.effective(a.running[i])
	}
	return min(1, most/(n.demand+n.catchUp))
}

// mean averages the samples of the window.
func (a *Autoscaler) mean() ScaleSample {
	mean := ScaleSample{
		Vertices: make([]VertexSample, len(a.vertices)), Edges: make([]float64, len(a.edges)),
	}
	share := 1 / float64(len(a.samples))
	for _, s := range a.samples {
		for i, v := range s.Vertices {
			m := &mean.Vertices[i]
			m.Busy += v.Busy * share
			m.Backpressured += v.Backpressured * share
			m.Rows += v.Rows * share
		}
		for i, rows := range s.Edges {
			mean.Edges[i] += rows * share
		}
	}
	for i, v := range a.samples[len(a.samples)-1].Vertices {
		mean.Vertices[i].Backlog = v.Backlog
	}
	return mean
}

// demand computes how many rows come to a vertex: to a source, what it reads and by how much its
// backlog grows; to others, what the vertices before them make of theirs.
func (a *Autoscaler) demand(i int, mean ScaleSample, needs []need) {
	n, v := &needs[i], mean.Vertices[i]
	source, straight, looped := true, 0.0, 0.0
	for k, e := range a.edges {
		if e.To != i {
			continue
		}
		source = source && e.Kind == Loop
		if e.Kind == Loop {
			looped += mean.Edges[k]
			continue
		}
		straight += mean.Edges[k]
		if from := needs[e.From]; from.rows > 0 {
			n.demand += from.demand * mean.Edges[k] / from.rows
			n.catchUp += from.catchUp * mean.Edges[k] / from.rows
		}
	}
	if !source {
		if straight > 0 { // what comes back on loops comes with what goes in
			n.demand *= 1 + looped/straight
			n.catchUp *= 1 + looped/straight
		}
		return
	}
	if v.Backlog < 0 {
		// It would have read all the time that it was held back.
		n.demand = v.Rows / max(0.05, 1-v.Backpressured)
	} else {
		n.backlog = v.Backlog
		n.demand = max(0, v.Rows+a.growth(i))
	}
	if fault.Seeded(fault.ObservedRates) {
		n.demand = v.Rows
	}
	n.catchUp = (n.backlog + n.demand*float64(a.cfg.Downtime)/1e9) / (float64(a.cfg.CatchUp) / 1e9)
}

// growth is by how many rows per second the backlog of a source has grown in the window.
func (a *Autoscaler) growth(i int) float64 {
	first, last := a.samples[0], a.samples[len(a.samples)-1]
	if first.At == last.At || first.Vertices[i].Backlog < 0 {
		return 0
	}
	return (last.Vertices[i].Backlog - first.Vertices[i].Backlog) / (float64(last.At-first.At) / 1e9)
}

// size computes the parallelism that a vertex needs. It gets more for the share of what comes that the
// others let pass, and fewer only if they are enough for all.
func (a *Autoscaler) size(i int, n *need, share float64) {
	v, has := a.vertices[i], a.running[i]
	n.exact, n.wanted, n.inside = has, has, true
	if n.busy <= 0 && n.demand > 0 {
		return // nothing is known of what it can do
	}
	perSubtask := a.capacity[i] / v.effective(has)
	passing := sizeFor(n.demand*share, n.catchUp*share, perSubtask, a.cfg.Target)
	all := sizeFor(n.demand, n.catchUp, perSubtask, a.cfg.Target)
	subtasks := v.effective(has)
	up := passing.steady > subtasks*(a.cfg.Target+a.cfg.Boundary) || passing.hurried > subtasks
	// A vertex that is busy is not made smaller, even if that cannot come from what its inputs give.
	down := max(all.steady/subtasks, n.busy) < a.cfg.Target-a.cfg.Boundary
	size := passing
	if down {
		size = all
	}
	n.exact, n.catchesUp = v.atLeast(size.subtasks), size.hurried == size.subtasks && size.hurried > 0
	n.inVain = up && n.exact > has && a.inVain(i)
	up = up && !n.inVain
	n.wanted = a.bounded(i, has)
	if p := a.bounded(i, n.exact); up && p > has || down && p < has {
		n.wanted = p
	}
	n.inside = !up && !down && !n.inVain
	if fault.Seeded(fault.NoDeadZone) {
		n.wanted, n.inside = a.bounded(i, n.exact), false
	}
}

// sizes are numbers of subtasks, if they did nothing else: for what comes, for that and the backlog, and
// the one that is needed.
type sizes struct {
	steady, hurried, subtasks float64
}

func sizeFor(demand, catchUp, perSubtask, target float64) (s sizes) {
	if perSubtask > 0 {
		s.steady, s.hurried = demand/perSubtask, (demand+catchUp)/perSubtask
		s.subtasks = max(s.steady/target, s.hurried)
	}
	return s
}

// inVain reports whether a vertex got many more subtasks and can process hardly more: what it waits for
// is elsewhere, in a database for instance.
func (a *Autoscaler) inVain(i int) bool {
	const many, hardly = 0.2, 0.1
	g, v := a.grown[i], a.vertices[i]
	if g.from == 0 || g.capacity == 0 {
		return false
	}
	expected := v.effective(a.running[i])/v.effective(g.from) - 1
	return expected >= many && a.capacity[i]/g.capacity-1 < expected*hardly
}

// effective is how many subtasks do the work of p: of key groups the last ones may have one more than
// others, and hold them up.
func (v VertexBounds) effective(p int) float64 {
	if !v.Keyed || v.MaxParallelism <= p {
		return float64(p)
	}
	most := (v.MaxParallelism + p - 1) / p
	return float64(v.MaxParallelism) / float64(most)
}

// atLeast is the smallest parallelism that does the work of so many subtasks.
func (v VertexBounds) atLeast(subtasks float64) int {
	const exact = 1e-9 // what computing may add to a whole number
	p := max(1, int(math.Ceil(min(subtasks, math.MaxInt32)-exact)))
	if !v.Keyed || v.MaxParallelism <= p {
		return p
	}
	most := int(float64(v.MaxParallelism)/max(1, subtasks) + exact) // key groups of a subtask
	return (v.MaxParallelism + most - 1) / most
}
