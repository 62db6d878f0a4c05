package schedule

import (
	"fmt"
	"math"
	"slices"
)

// AutoscaleConfig says what an Autoscaler aims at. Times are in nanoseconds; 0 takes the default, which
// is for jobs that restart within seconds.
type AutoscaleConfig struct {
	// Target is the share of its time that a vertex is to be busy; 0.7 by default.
	Target float64
	// Boundary is how far a vertex may be off the target, up or down, before anything is done; 0.2 by
	// default.
	Boundary float64
	// CatchUp is the time within which the backlog of sources is to be worked off; 5 minutes by default.
	CatchUp int64
	// Downtime is how long a rescale is expected to stop the job; 5 seconds by default. What comes in
	// that time is to be caught up, too.
	Downtime int64
	// Window is over what time samples are averaged; nothing is decided before it is full; 1 minute by
	// default.
	Window int64
	// Stabilization is for how long after a rescale samples do not count; 30 seconds by default.
	Stabilization int64
	// Cooldown is the least time from a rescale to the next decision, and between two decisions; 2 minutes by
	// default.
	Cooldown int64
	// DownDelay is how long fewer subtasks must have been enough before a vertex gets fewer: as many as
	// were needed at most in that time; 10 minutes by default.
	DownDelay int64
	// DownMax is the largest share of its subtasks that a vertex loses at once; 0.6 by default.
	DownMax float64
}

func (c *AutoscaleConfig) defaults() {
	const minute = int64(60e9)
	for _, f := range []struct {
		value *float64
		def   float64
	}{{&c.Target, 0.7}, {&c.Boundary, 0.2}, {&c.DownMax, 0.6}} {
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	for _, f := range []struct {
		value *int64
		def   int64
	}{
		{&c.CatchUp, 5 * minute},
		{&c.Downtime, minute / 12},
		{&c.Window, minute},
		{&c.Stabilization, minute / 2},
		{&c.Cooldown, 2 * minute},
		{&c.DownDelay, 10 * minute},
	} {
		if *f.value == 0 {
			*f.value = f.def
		}
	}
}

// ScaleSample is what the vertices of a job have done in a time that ends at At.
type ScaleSample struct {
	At       int64
	Vertices []VertexSample
	// Edges is the rows per second on each edge.
	Edges []float64
}

// VertexSample is what a vertex has done.
type VertexSample struct {
	// Busy and Backpressured are shares of the time of its subtasks, on average; the rest is idle.
	Busy, Backpressured float64
	// Rows is how many it has taken in per second; what it has read, for a source.
	Rows float64
	// Backlog is how many rows a source has still to read; negative if that is not known.
	Backlog float64
}

// ScaleDecision is a parallelism for each vertex, and the reasons for those that change.
type ScaleDecision struct {
	Parallelism []int
	Reasons     []string
}

// Autoscaler decides with which parallelism the vertices of one job are to run. It is a state machine:
// its driver tells it of samples, hands what it decides on as upper bounds (Adaptive.Bounds), and tells
// it what the job runs with.
//
// How many rows a subtask could process if it had nothing else to do is known from how many it has
// processed in the time that it was busy, also when it is mostly idle or held back. How many come is
// known at the sources, and from there on by how many rows a vertex gives for each that it takes. So
// one look at a job is enough to know what all of its vertices need, the first bottleneck and those
// behind it: rates that are observed are not needed, only their ratios.
type Autoscaler struct {
	cfg      AutoscaleConfig
	vertices []VertexBounds
	edges    []PlaceEdge
	running  []int
	since    int64         // when it was last rescaled
	samples  []ScaleSample // of the window
	history  []wanted      // of the time before a vertex gets fewer subtasks
	decided  []int         // what was decided last, nil if the job runs with something else since
	at       int64         // when that was
	capacity []float64     // rows per second that each vertex could process, as of the last sample
	grown    []growth      // how each vertex was before it got more subtasks
	steps    []scaleStep   // of the last sample, for each vertex
}

// growth is a rise to more subtasks, as it was before: how many there were, and what they could process.
type growth struct {
	from     int // 0 for none
	capacity float64
}

// wanted is the parallelism that was enough at a time.
type wanted struct {
	at          int64
	parallelism []int
}

// NewAutoscaler returns the autoscaler of a job that runs, since now, with this parallelism. An upper
// bound of 0 is the maximum parallelism. Edges lead from vertices to later ones, but for loops.
func NewAutoscaler(
	cfg AutoscaleConfig, vertices []VertexBounds, edges []PlaceEdge, running []int, now int64,
) *Autoscaler {
	cfg.defaults()
	a := &Autoscaler{
		cfg: cfg, vertices: vertices, edges: edges, running: slices.Clone(running),
		capacity: make([]float64, len(vertices)), grown: make([]growth, len(vertices)),
	}
	a.Rescaled(now, running)
	return a
}

// Rescaled tells that the job runs with another parallelism, or was restarted. What was measured
// before does not count any more.
func (a *Autoscaler) Rescaled(now int64, running []int) {
	for i, p := range running {
		switch {
		case p > a.running[i]:
			a.grown[i] = growth{a.running[i], a.capacity[i]}
		case p < a.running[i]:
			a.grown[i] = growth{}
		}
	}
	a.running, a.since = slices.Clone(running), now
	a.samples, a.history, a.decided, a.steps = nil, nil, nil, nil
}

// Bounds tells that the user has changed the bounds.
func (a *Autoscaler) Bounds(vertices []VertexBounds) { a.vertices, a.decided = vertices, nil }

// Explain says of each vertex how it is and what follows, as of the last sample; nil after a rescale
// until the window is full.
func (a *Autoscaler) Explain() (texts []string) {
	for i, s := range a.steps {
		texts = append(texts, a.explain(i, s))
	}
	return texts
}

// Sample takes a sample, and returns what is to be changed, nil for nothing.
func (a *Autoscaler) Sample(s ScaleSample) *ScaleDecision {
	if s.At < a.since+a.cfg.Stabilization {
		return nil
	}
	a.samples = append(a.samples, s)
	for s.At-a.samples[0].At > a.cfg.Window {
		a.samples = a.samples[1:]
	}
	if s.At-a.since-a.cfg.Stabilization < a.cfg.Window {
		return nil
	}
	needs := a.needs()
	now := wanted{at: s.At}
	for i := range needs {
		now.parallelism = append(now.parallelism, needs[i].wanted)
	}
	a.align(now.parallelism)
	a.history = append(a.history, now)
	for len(a.history) > 1 && s.At-a.history[1].at >= a.cfg.DownDelay {
		a.history = a.history[1:]
	}
	d := a.decide(s.At, needs, now.parallelism)
	if d == nil || slices.Equal(d.Parallelism, a.decided) {
		return nil
	}
	if a.decided != nil && s.At < a.at+a.cfg.Cooldown {
		return nil // there are no slots for the last one yet, and this is hardly another
	}
	a.decided, a.at = d.Parallelism, s.At
	return d
}

// align gives vertices that are alike the largest parallelism that one of them needs.
func (a *Autoscaler) align(p []int) {
	most := map[int]int{}
	for i, v := range a.vertices {
		most[v.Alike] = max(most[v.Alike], p[i])
	}
	for i, v := range a.vertices {
		p[i] = most[v.Alike]
	}
}

// scaleStep is what becomes of a vertex.
type scaleStep struct {
	need
	to    int
	later bool // it gets fewer, but not yet
	cool  bool // the cooldown is over
}

// decide says what changes now.
func (a *Autoscaler) decide(now int64, needs []need, want []int) *ScaleDecision {
	old := now-a.history[0].at >= a.cfg.DownDelay
	rises := false
	for i, p := range want {
		rises = rises || p > a.running[i]
	}
	a.steps = a.steps[:0]
	d := &ScaleDecision{Parallelism: slices.Clone(a.running)}
	for i, p := range want {
		has := a.running[i]
		switch {
		case rises && p == has && needs[i].inside:
			p = a.bounded(i, max(has, needs[i].exact)) // it costs nothing besides
		case p < has && old:
			p = max(a.mostWanted(i), has-int(float64(has)*a.cfg.DownMax))
		}
		s := scaleStep{need: needs[i], to: p, later: p < has && !old, cool: now >= a.since+a.cfg.Cooldown}
		a.steps = append(a.steps, s)
		if s.cool && !s.later {
			d.Parallelism[i] = p
		}
	}
	a.align(d.Parallelism)
	if slices.Equal(d.Parallelism, a.running) {
		return nil
	}
	for i, s := range a.steps {
		if s.to != a.running[i] && !s.later {
			d.Reasons = append(d.Reasons, a.explain(i, s))
		}
	}
	return d
}

// explain says how a vertex is and what follows.
func (a *Autoscaler) explain(i int, s scaleStep) string {
	text, has := a.describe(i, s.need), a.running[i]
	switch {
	case s.to == has && s.inVain:
		g := a.grown[i]
		text += fmt.Sprintf("; stays at %d: more subtasks have not helped, %d could do %s",
			has, g.from, perSecond(g.capacity))
	case s.to == has:
		text += fmt.Sprintf("; stays at %d", has)
	case s.later:
		text += fmt.Sprintf("; %d → %d if that lasts", has, s.to)
	default:
		text += fmt.Sprintf("; %d → %d %s", has, s.to, a.aim(i, s.need, s.to))
	}
	if b := a.bounded(i, s.exact); b != s.exact && s.to == b {
		text += a.bound(i, s.exact)
	}
	if s.to != has && !s.cool {
		text += fmt.Sprintf(", not within %s of the last rescale", seconds(a.cfg.Cooldown))
	}
	return text
}

// mostWanted is the largest parallelism that a vertex has needed in the time before it gets fewer.
func (a *Autoscaler) mostWanted(i int) (p int) {
	for _, w := range a.history {
		p = max(p, w.parallelism[i])
	}
	return p
}

// bounded is p within the bounds of a vertex.
func (a *Autoscaler) bounded(i, p int) int {
	lower, upper := a.vertices[i].limits()
	return max(lower, min(upper, p))
}

// limits are the bounds within which a vertex is scaled.
func (v VertexBounds) limits() (lower, upper int) {
	lower, upper = max(1, v.Lower), v.Upper
	if upper <= 0 {
		upper = math.MaxInt32
	}
	if v.MaxParallelism > 0 {
		upper = min(upper, v.MaxParallelism)
	}
	return min(lower, upper), upper
}

// describe says how busy a vertex is, with what, and what is left to do.
func (a *Autoscaler) describe(i int, n need) string {
	text := fmt.Sprintf("vertex %q is busy %s at %s", a.vertices[i].Name, percent(n.busy), perSecond(n.rows))
	if n.demand > n.rows*1.05 {
		text += fmt.Sprintf(" of %s that come", perSecond(n.demand))
	}
	if n.backlog > 0 && n.catchUp > n.demand*0.01 {
		text += fmt.Sprintf(", %s rows are left", rounded(n.backlog))
	}
	return text
}

// aim says what p, to which has is changed, is for.
func (a *Autoscaler) aim(i int, n need, p int) string {
	has := a.running[i]
	switch {
	case p > a.bounded(i, n.exact) && p == has-int(float64(has)*a.cfg.DownMax):
		return "as a first step"
	case p > a.bounded(i, n.exact) && p == a.mostWanted(i) && p < has:
		return fmt.Sprintf("as needed at most within %s", seconds(a.cfg.DownDelay))
	case p > a.bounded(i, n.exact):
		return "as vertices of the same parallelism need"
	case n.catchesUp:
		return fmt.Sprintf("to catch up within %s", seconds(a.cfg.CatchUp))
	}
	return fmt.Sprintf("for a target of %s", percent(a.cfg.Target))
}

// bound says which bound keeps a vertex from what it needs.
func (a *Autoscaler) bound(i, exact int) string {
	lower, upper := a.vertices[i].limits()
	if exact > upper {
		return fmt.Sprintf(" (it needs %d); bounded by max %d", exact, upper)
	}
	return fmt.Sprintf(" (%d would do); bounded by min %d", exact, lower)
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", share*100) }

func perSecond(rows float64) string { return rounded(rows) + " rows/s" }

// rounded writes a number to two digits or three: 950, 1.2 k, 12 k, 3.4 M.
func rounded(n float64) string {
	for _, unit := range []string{"", " k", " M"} {
		switch {
		case n < 9.95 && unit != "":
			return fmt.Sprintf("%.1f%s", n, unit)
		case n < 999.5:
			return fmt.Sprintf("%.0f%s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.1f G", n)
}
