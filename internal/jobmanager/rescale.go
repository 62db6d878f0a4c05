package jobmanager

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/schedule"
)

// scaling is with how many subtasks a job runs, and is to run. It belongs to its fleet.
//
//	bounds ─▶ Adaptive ◀─ slots held and asked for ─ Pool
//	             │ parallelism
//	             ▼
//	job.BeginRescale ─▶ Execution ─ Deploy ─▶ fleet: seats for it, workers, Use and Return
type scaling struct {
	bounds   []schedule.VertexBounds
	set      bool // an earlier leader was asked for the bounds
	adaptive *schedule.Adaptive
	ordered  []int  // what was asked of the job last
	orders   int    // how often
	busy     bool   // the last order has no answer
	pending  bool   // Adaptive waits for Deployed
	reason   string // why the job was started or rescaled last
	refused  string // why it was not rescaled, "" if it was
	pause    int64  // no order is given before this time: the last one was refused
	stop     func() // the clock
}

// refusedPause is how long a job is left alone that has refused to be rescaled.
const refusedPause = 10 * time.Second

// boundsOf are the bounds of a job that nobody has set any for.
func boundsOf(g *graph.JobGraph) (bounds []schedule.VertexBounds) {
	alike := g.Alike()
	for i := range g.Vertices {
		v := &g.Vertices[i]
		b := schedule.VertexBounds{
			Name: v.Name, Group: v.SlotGroup, Parallelism: v.Parallelism, MaxParallelism: v.MaxParallelism(),
			Keyed: slices.ContainsFunc(v.In, func(in graph.Input) bool { return in.Strategy == graph.Keyed }),
			Alike: alike[i],
		}
		if v.Fixed {
			b.Lower, b.Upper = v.Parallelism, v.Parallelism
		}
		bounds = append(bounds, b)
	}
	return bounds
}

// weigh tells the Adaptive what the job holds, and does what follows.
func (f *fleet) weigh() {
	if !f.admitted || f.ended || f.recovery != nil || f.job.job == nil {
		return
	}
	f.waits = f.m.pool.Waiting(f.job.ID)
	if f.stages != nil {
		return // it takes what there is
	}
	count := func(held []schedule.Holding) map[string]int {
		n := map[string]int{}
		for _, h := range held {
			n[h.Group]++
		}
		return n
	}
	held, asked := f.m.pool.Held(f.job.ID), f.m.pool.Asked(f.job.ID)
	f.asked = map[schedule.AllocationID]bool{}
	for _, h := range asked {
		f.asked[h.Allocation] = true
	}
	asked = slices.DeleteFunc(asked, func(h schedule.Holding) bool { // those are on their way back
		return !slices.ContainsFunc(f.seats, func(s schedule.Holding) bool { return s.Allocation == h.Allocation })
	})
	if f.scaling.pause > f.m.now() {
		return
	}
	f.scale(f.scaling.adaptive.Slots(f.m.now(), count(held), count(asked)))
}

// scale does what the Adaptive says, and sets the clock for when it must be asked again.
func (f *fleet) scale(actions []schedule.AdaptiveAction) {
	s := &f.scaling
	for _, a := range actions {
		switch a.Do {
		case schedule.FailJob:
			if f.job.job != nil {
				f.job.job.Fail(errors.New(a.Reason))
			}
		case schedule.SuspendJob:
			s.reason = a.Reason // what has lost its slots waits for others
		default:
			s.pending, s.reason, s.refused = true, a.Reason, ""
			moves := a.Do == schedule.RescaleJob && slices.ContainsFunc(f.seats, func(h schedule.Holding) bool {
				return f.asked[h.Allocation]
			})
			if moves || !slices.Equal(a.Parallelism, s.ordered) {
				f.order(a)
			}
		}
	}
	f.allDeployed() // nothing may be to be done
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	if at := max(s.adaptive.Wake(), s.pause); at > f.m.now() || s.adaptive.Wake() != 0 {
		s.stop = f.m.after(max(0, time.Duration(at-f.m.now())), f.weigh)
	}
}

// order has the job run with another parallelism, or in other slots.
func (f *fleet) order(a schedule.AdaptiveAction) {
	s := &f.scaling
	s.ordered = a.Parallelism
	s.orders++
	s.busy = true
	order := s.orders
	f.m.log(f.job).Info("flott: a job is rescaled",
		"from", f.graph.Parallelism(), "to", a.Parallelism, "reason", a.Reason)
	f.job.job.BeginRescale(a.Parallelism, func(err error) {
		f.m.actor.Post(func() { f.answered(order, err) })
	})
}

// answered notes what has become of an order.
func (f *fleet) answered(order int, err error) {
	s := &f.scaling
	if order != s.orders || f.ended {
		return // a later one has taken its place
	}
	if s.busy = false; err == nil {
		f.allDeployed()
		return
	}
	s.refused, s.ordered = err.Error(), f.graph.Parallelism()
	s.pause = f.m.now() + int64(refusedPause)
	f.m.log(f.job).Warn("flott: a job is not rescaled", "error", err)
	s.pending = false
	s.adaptive.Adopt(f.m.now(), s.ordered)
	s.adaptive.Deployed(f.m.now())
	f.scale(nil)
}

// adoptScale goes on with the parallelism that a job runs with. Unless bounds were asked for, these must allow it.
func (f *fleet) adoptScale() {
	s := &f.scaling
	s.ordered = f.graph.Parallelism()
	for i, p := range s.ordered {
		b := &s.bounds[i]
		if s.set {
			break
		}
		if f.m.o.Adaptive.Mode == schedule.DefaultScheduler {
			b.Parallelism = p
		}
		b.Upper = max(b.Upper, p)
	}
	s.adaptive = schedule.NewAdaptive(f.m.o.Adaptive, s.bounds, f.m.now())
	s.adaptive.Adopt(f.m.now(), s.ordered)
	s.adaptive.Bounds(f.m.now(), s.bounds) // it may run with others
	f.m.carryOut(f.m.pool.Submit(f.job.ID, f.demands()))
}

// allDeployed tells the Adaptive when all of the job runs as it has said.
func (f *fleet) allDeployed() {
	s := &f.scaling
	if !s.pending || s.busy || len(f.queue) > 0 || !slices.Equal(s.ordered, f.graph.Parallelism()) {
		return
	}
	open := 0
	for _, r := range f.runs {
		if len(r.missing) > 0 {
			return
		}
		open += len(r.Tasks)
	}
	if open == f.tasks {
		s.pending = false
		s.adaptive.Deployed(f.m.now())
		f.weigh()
	}
}

// lay numbers the tasks for a parallelism, and the seats: as many of each group as its widest vertex has
// subtasks. What the job is not asked to give back comes first.
func (f *fleet) lay(g *graph.JobGraph) {
	f.graph, f.tasks, f.seatOf, f.first = g, 0, nil, nil
	for i := range g.Vertices {
		f.first = append(f.first, f.tasks)
		f.tasks += g.Vertices[i].Parallelism
	}
	var old []schedule.Holding
	for _, asked := range []bool{false, true} {
		for _, h := range append(slices.Clone(f.seats), f.spares...) {
			if h.TaskManager != "" && f.asked[h.Allocation] == asked {
				old = append(old, h)
			}
		}
	}
	f.seats, f.spares, f.missing = nil, nil, 0
	for _, d := range demands(g) {
		for range d.Min {
			i := slices.IndexFunc(old, func(h schedule.Holding) bool { return h.Group == d.Group })
			if i < 0 {
				f.seats = append(f.seats, schedule.Holding{Group: d.Group})
				f.missing++
				continue
			}
			f.seats = append(f.seats, old[i])
			old = slices.Delete(old, i, i+1)
		}
	}
	f.spares = old
}

// relay lays the job out anew for a deployment of all of it, if it has another parallelism or is to leave
// slots. Nothing of it runs. Workers go that are not needed, or whose limit of memory is another one now.
func (f *fleet) relay(d schedule.Deploy) error {
	leaves := slices.ContainsFunc(f.seats, func(h schedule.Holding) bool {
		return f.asked[h.Allocation] && slices.ContainsFunc(f.spares, func(s schedule.Holding) bool {
			return s.Group == h.Group && !f.asked[s.Allocation]
		})
	})
	if d.Coordinators == 0 || slices.Equal(d.Parallelism, f.graph.Parallelism()) && !leaves {
		return nil
	}
	g, err := f.job.Graph.Rescaled(d.Parallelism)
	if err != nil {
		return err
	}
	f.lay(g)
	f.samples = map[int]control.Sample{}
	for _, tm := range sortedKeys(f.names) {
		if w := f.names[tm]; !w.gone && w.memory != f.memoryOn(tm) {
			w.retire()
		}
	}
	return nil
}

// memoryOn is what the job's seats on a TaskManager have, -1 if there are none.
func (f *fleet) memoryOn(id string) int64 {
	memory := int64(-1)
	tm := f.m.tms[id]
	for _, s := range f.seats {
		if s.TaskManager == id && tm != nil {
			memory = max(0, memory) + tm.Slots[s.Slot].Memory
		}
	}
	return memory
}

// retire lets a worker go in which nothing runs, while the job goes on.
func (w *member) retire() {
	w.send(&control.ToWorker{End: &control.End{}})
	w.gone = true
	w.stopWithin(w.fleet.m.o.StopGrace)
	if w.fleet.coordinator == w {
		w.fleet.coordinator = nil
	}
}

// use tells the pool which slots the job runs in, or has something that is being stopped, and gives those
// back that it is asked for and does not use any more.
func (f *fleet) use() {
	if f.seatOf == nil {
		return
	}
	var ids, back []schedule.AllocationID
	for _, s := range f.seats {
		if s.TaskManager != "" {
			ids = append(ids, s.Allocation)
		}
	}
	f.spares = slices.DeleteFunc(f.spares, func(s schedule.Holding) bool {
		if w := f.names[s.TaskManager]; w != nil && w.gone {
			ids = append(ids, s.Allocation)
			return false
		}
		if f.asked[s.Allocation] {
			back = append(back, s.Allocation)
		}
		return f.asked[s.Allocation]
	})
	f.uses = true
	f.m.pool.Use(f.m.now(), f.job.ID, ids)
	if len(back) > 0 {
		f.m.carryOut(f.m.pool.Return(f.job.ID, back))
	}
	f.m.balance()
}

// Bounds are the limits of the parallelism of a job's vertices.
type Bounds struct{ Lower, Upper int }

// Scaling is what can be seen of how a job is scaled.
type Scaling struct {
	Mode schedule.SchedulerMode
	// Bounds are those of each vertex. With the default scheduler both are its parallelism.
	Bounds []Bounds
	// Reason is why it was started, or rescaled, as it was last; Refused is why it was not rescaled since.
	Reason, Refused string
	// Rescales is how often it was.
	Rescales int
	// Decisions are the last ones of the autoscaler, the oldest first; Explained is what it finds of each vertex
	// now, nil if it does not know yet or does not run.
	Decisions []Decision
	Explained []string
}

func (f *fleet) scalingView() (v Scaling) {
	v.Mode = f.m.o.Adaptive.Mode
	lower, upper := f.scaling.adaptive.Limits()
	for i := range lower {
		v.Bounds = append(v.Bounds, Bounds{lower[i], upper[i]})
	}
	v.Reason, v.Refused = f.scaling.reason, f.scaling.refused
	v.Decisions, v.Explained = slices.Clone(f.auto.decisions), f.auto.explains
	return v
}

// SetBounds changes the limits of the parallelism of all vertices of a job, which is rescaled to them as
// soon as it has the slots. With the default scheduler the upper ones are what it is to run with. The error
// names every bound that cannot be. Bounds that were accepted hold under later leaders, too.
func (m *Manager) SetBounds(id string, bounds []Bounds) error {
	done := make(chan error, 1)
	m.actor.Post(func() {
		g, err := m.running(id)
		if err != nil {
			done <- err
			return
		}
		g.fleet.setBounds(bounds, func(err error) { done <- err })
	})
	return <-done
}

// ErrNotScalable is why the bounds of a job cannot be changed.
var ErrNotScalable = errors.New("the job cannot be rescaled")

// setBounds records bounds, has them hold, and calls done on the actor.
func (f *fleet) setBounds(bounds []Bounds, done func(error)) {
	if _, err := f.bounded(bounds); err != nil {
		done(err)
		return
	}
	f.m.recordBounds(f.job, bounds, func(err error) {
		if err != nil {
			done(fmt.Errorf("the bounds were not recorded: %w", err))
			return
		}
		all, err := f.bounded(bounds) // it may have ended meanwhile
		if err == nil {
			f.bind(all)
		}
		done(err)
	})
}

// bounded is what bounds make of those of the job.
func (f *fleet) bounded(bounds []Bounds) ([]schedule.VertexBounds, error) {
	switch s := f.job.state(); {
	case s.Done():
		return nil, fmt.Errorf("%w: it is %v", ErrNotScalable, s)
	case f.job.Settings.Batch:
		return nil, fmt.Errorf("%w: it runs in batch mode", ErrNotScalable)
	case len(bounds) != len(f.graph.Vertices):
		return nil, fmt.Errorf("bounds for %d vertices, the job has %d", len(bounds), len(f.graph.Vertices))
	}
	var errs []error
	all := slices.Clone(f.scaling.bounds)
	for i, b := range bounds {
		v := &all[i]
		switch {
		case b.Lower < 1 || b.Upper < b.Lower:
			errs = append(errs, fmt.Errorf("vertex %q: %d to %d is no range of parallelism, which is at least 1", v.Name, b.Lower, b.Upper))
		case f.job.Graph.Vertices[i].Fixed && (b.Upper != v.Parallelism || b.Lower != v.Parallelism):
			errs = append(errs, fmt.Errorf("vertex %q: its parallelism is %d and cannot be changed", v.Name, v.Parallelism))
		case b.Upper > v.MaxParallelism:
			errs = append(errs, fmt.Errorf("vertex %q: %d is above its maximum parallelism %d", v.Name, b.Upper, v.MaxParallelism))
		}
		v.Lower, v.Upper = b.Lower, b.Upper
		if f.m.o.Adaptive.Mode == schedule.DefaultScheduler {
			v.Parallelism = b.Upper
		}
	}
	return all, errors.Join(errs...)
}

// bind has bounds hold.
func (f *fleet) bind(all []schedule.VertexBounds) {
	f.scaling.bounds, f.scaling.refused, f.scaling.pause = all, "", 0
	f.scaling.adaptive.Bounds(f.m.now(), all)
	if f.admitted && !f.ended && f.recovery == nil {
		f.m.carryOut(f.m.pool.Submit(f.job.ID, f.demands()))
		f.m.carryOut(f.m.pool.Balance(f.m.now()))
		f.m.arm()
		f.weigh()
	}
}

// Rescale changes with how many subtasks a job runs: n for each vertex, as graph.JobGraph.Uniform does, or
// those that are named. What is to be is returned; it comes about when there are slots.
func (m *Manager) Rescale(id string, n int, named map[string]int) (to []int, err error) {
	done := make(chan struct{})
	m.actor.Post(func() {
		end := func(p []int, e error) {
			to, err = p, e
			close(done)
		}
		g, err := m.running(id)
		if err != nil {
			end(nil, err)
			return
		}
		g.fleet.rescale(n, named, end)
	})
	<-done
	return to, err
}

func (f *fleet) rescale(n int, named map[string]int, done func(to []int, err error)) {
	lower, to := f.scaling.adaptive.Limits()
	if n > 0 {
		to = f.job.Graph.Uniform(n)
	}
	if len(named) > 0 {
		g := *f.job.Graph // the bounds may go beyond what Rescaled allows together
		g.Vertices = slices.Clone(g.Vertices)
		for i := range g.Vertices {
			g.Vertices[i].Parallelism = to[i]
		}
		var err error
		if to, err = g.Named(named); err != nil {
			done(nil, err)
			return
		}
	}
	var bounds []Bounds
	for i, p := range to {
		bounds = append(bounds, Bounds{max(1, min(lower[i], p)), p})
	}
	f.setBounds(bounds, func(err error) { done(to, err) })
}
