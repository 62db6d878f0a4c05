package schedule

import (
	"fmt"
	"maps"

	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/graph"
)

// A job in batch mode can run in stages (Config.Stages). A region is then subtasks that are connected by other than
// blocking exchanges, mostly a single one. It begins when all regions that it reads from have processed their input:
// what they have made is complete then, and kept apart from their tasks.
//
//	pending ──▶ runs ──▶ done ──▶ settled: its tasks have ended, its results are there
//	   ▲          │        │          │
//	   └──failure─┴────────┴──────────┘ only if its results are lost and somebody needs them
//
// A region with sinks is done, and its tasks are kept until all of the job is: what they have prepared is committed
// together. So it is never settled, and fails with its worker; what it has read is kept as long.
//
// What is to run again after a failure:
//
//   - a region that has failed, or whose results are lost while somebody has still to read them;
//   - what has read its results: a second run may deal rows out in another way;
//   - what it reads from, where those results are not there any more;
//   - all subtasks of a source if the enumerator that has dealt the splits out is gone. An enumerator that is made
//     anew knows nothing of splits that were read.

// stage is what a region has besides in a job that runs in stages.
type stage struct {
	pending    bool // it is to run, and waits for what it reads from
	done       bool // all of its tasks have processed their input
	stored     bool // its results are complete and there
	commits    bool // it has sinks
	ends       int  // tasks that have processed their input
	in, out    []*dependency
	siblings   [][]*region // for each source in it, the regions with its subtasks
	loop       bool        // it has the head of one
	generation int         // of the coordinators that it has run with
}

// dependency is producers whose results are read by the same consumers.
type dependency struct {
	producers, consumers []*region
	missing              int // producers whose results are not there
	unread               int // consumers that are not done
	unsettled            int // consumers that are not settled
}

// settled reports whether the region has nothing more to do unless its results are lost.
func (s *stage) settled() bool { return s.done && !s.commits }

// coordinated reports whether tasks of the region need coordinators.
func (s *stage) coordinated() bool { return len(s.siblings) > 0 || s.loop }

// CheckStages says why a job cannot run in stages, nil if it can. A loop and what leads into it is one region, which
// must not wait for itself.
func CheckStages(g *graph.JobGraph) error {
	first := placesOf(g)
	regions := regionsOf(g, true)
	reads := map[[2]int]int{} // regions: the one that reads, what it reads from; the vertex
	for v, to := range g.Vertices {
		for _, in := range to.In {
			producers := g.Vertices[in.From].Parallelism
			for p := 0; p < producers && !in.Pipelined; p++ {
				low, high := in.Strategy.Targets(p, producers, to.Parallelism)
				for c := low; c <= high; c++ {
					reads[[2]int{regions[first[v]+c], regions[first[in.From]+p]}] = v
				}
			}
		}
	}
	// Regions that wait for none are taken away, until there are none.
	for before := -1; len(reads) != before; {
		before = len(reads)
		waits := map[int]bool{}
		for r := range reads {
			waits[r[0]] = true
		}
		maps.DeleteFunc(reads, func(r [2]int, _ int) bool { return !waits[r[1]] })
	}
	for _, v := range reads {
		return fmt.Errorf("%q lies on the way to a loop that also reads from before it: such a job runs in batch "+
			"mode in one process only; run it in streaming mode", g.Vertices[v].Name)
	}
	return nil
}

// makeStages finds out which regions read from which.
func (e *Execution) makeStages(g *graph.JobGraph) {
	first := placesOf(g)
	regionOf := func(vertex, subtask int) *region { return e.regions[e.tasks[first[vertex]+subtask].region] }
	for _, r := range e.regions {
		r.pending = true
	}
	for v, to := range g.Vertices {
		var all []*region
		for i := range to.Parallelism {
			r := regionOf(v, i)
			all = append(all, r)
			r.commits, r.loop = r.commits || to.Sink, r.loop || to.Loop
		}
		for _, r := range all {
			if to.Source {
				r.siblings = append(r.siblings, all)
			}
		}
		for _, in := range to.In {
			if in.Pipelined {
				continue
			}
			producers := g.Vertices[in.From].Parallelism
			var d *dependency
			for p, low := 0, -1; p < producers; p++ {
				l, h := in.Strategy.Targets(p, producers, to.Parallelism)
				if l != low {
					low, d = l, &dependency{consumers: all[l : h+1]}
					for _, c := range d.consumers {
						c.in = append(c.in, d)
					}
					d.unread, d.unsettled = len(d.consumers), len(d.consumers)
				}
				r := regionOf(in.From, p)
				r.out = append(r.out, d)
				d.producers = append(d.producers, r)
				d.missing++
			}
		}
	}
}

func (r *region) setDone(done bool) {
	if r.done == done {
		return
	}
	r.done = done
	n := 1
	if done {
		n = -1
	}
	for _, d := range r.in {
		d.unread += n
		if !r.commits {
			d.unsettled += n
		}
	}
}

func (r *region) setStored(stored bool) {
	if r.stored == stored {
		return
	}
	r.stored = stored
	n := 1
	if stored {
		n = -1
	}
	for _, d := range r.out {
		d.missing += n
	}
}

// ready reports whether all is there that the region reads.
func (r *region) ready() bool {
	for _, d := range r.in {
		if d.missing > 0 && !fault.Seeded(fault.BeginTooSoon) {
			return false
		}
	}
	return true
}

// deployReady has those of some regions run that can.
func (e *Execution) deployReady(regions []*region) {
	if e.phase != working {
		return
	}
	var ready []*region
	coordinators := false
	for _, r := range regions {
		if !r.pending || !r.ready() {
			continue
		}
		if r.coordinated() && e.closing {
			e.held = true
			continue
		}
		r.pending = false
		coordinators = coordinators || r.coordinated() && e.generation == 0
		ready = append(ready, r)
	}
	if len(ready) == 0 {
		return
	}
	e.deploy(ready, nil, coordinators)
	for _, r := range ready {
		r.ends, r.generation = 0, e.generation
	}
}

// stageRuns notes that a region runs.
func (e *Execution) stageRuns() {
	for _, r := range e.regions {
		if !r.running() {
			return
		}
	}
	e.state = Running
	if e.stopping {
		e.do(StopSources{})
	}
}

// stageTaskEnded notes that a task has processed its input.
func (e *Execution) stageTaskEnded(place int) {
	r := e.regions[e.tasks[place].region]
	if e.phase != working || r.failure != nil || e.tasks[place].ended {
		return
	}
	e.tasks[place].ended = true
	if r.ends++; r.ends < len(r.tasks) {
		return
	}
	r.setDone(true)
	if len(r.out) > 0 {
		r.setStored(true)
	}
	if !r.commits || fault.Seeded(fault.CommitStage) {
		e.do(LetGo{Deployment: r.number, Commit: true})
		e.discardRead(r)
	}
	for _, d := range r.out {
		if d.missing == 0 {
			e.deployReady(d.consumers)
		}
	}
	for _, r := range e.regions {
		if !r.done {
			return
		}
	}
	e.finalise()
}

// discardRead discards the results that the last of their consumers has read.
func (e *Execution) discardRead(r *region) {
	for _, d := range r.in {
		if d.unsettled > 0 && !fault.Seeded(fault.DiscardRead) {
			continue
		}
		for _, p := range d.producers {
			if p.stored && !p.needed() {
				p.setStored(false)
				e.do(Discard{p.number})
			}
		}
	}
}

// needed reports whether a consumer may still read the region's results.
func (r *region) needed() bool {
	for _, d := range r.out {
		if d.unsettled > 0 && !fault.Seeded(fault.DiscardRead) {
			return true
		}
	}
	return false
}

// ResultsLost tells that the results of a deployment are not there any more: nobody can read them.
func (e *Execution) ResultsLost(now int64, deployment int, err error) []Action {
	return e.step(now, func() {
		if e.cfg.Stages && e.phase == working {
			e.resultsLost(deployment, err)
			e.next()
		}
	})
}

func (e *Execution) resultsLost(deployment int, err error) {
	r := e.regionOf(deployment)
	if r == nil || !r.stored {
		return
	}
	r.setStored(false)
	for _, d := range r.out {
		if d.unread > 0 && !fault.Seeded(fault.KeepLostResults) {
			e.again(r, err)
			return
		}
	}
}

// failStage notes the failure of a region. One that is settled has none: its tasks have done their work.
func (e *Execution) failStage(r *region, f Failure) {
	if f.Results != 0 && e.phase == working {
		e.resultsLost(f.Results, f.Err)
	}
	switch {
	case r.settled() && !fault.Seeded(fault.RunSettled):
		return
	case r.failure != nil:
		e.next()
		if f.Err != r.failure && len(r.more) < failuresMost {
			r.more = append(r.more, f.Err)
		}
		return
	case r.pending:
		return
	}
	e.again(r, f.Err)
	e.next()
}

// again has a region run again, and what follows from that.
func (e *Execution) again(r *region, err error) {
	if r.pending || r.failure != nil {
		return
	}
	r.failure = err
	if _, never := e.cfg.Restart.(Never); never {
		e.state = Failing
	} else {
		e.state = Restarting
	}
	r.setDone(false)
	r.setStored(false)
	if r.open > 0 {
		e.do(Cancel{r.number, err})
		r.cancelAt = e.now + e.cfg.CancelTimeout
	}
	for _, d := range r.out {
		for _, c := range d.consumers {
			if !fault.Seeded(fault.KeepConsumers) {
				e.again(c, err)
			}
		}
	}
	for _, d := range r.in {
		for _, p := range d.producers {
			if d.missing > 0 && !p.stored {
				e.again(p, err)
			}
		}
	}
	if r.generation != e.generation {
		e.againSiblings(r, err)
	}
}

// againSiblings has all subtasks of the region's sources run again.
func (e *Execution) againSiblings(r *region, err error) {
	for _, all := range r.siblings {
		for _, s := range all {
			if !fault.Seeded(fault.KeepSplitsRead) {
				e.again(s, err)
			}
		}
	}
}

// coordinatorsLost has all run again that needs the coordinators which have failed: sources that have not
// ended, with all of their subtasks, and loops.
func (e *Execution) coordinatorsLost(err error) {
	e.stopCoordinators()
	for _, r := range e.regions {
		if !r.done && !r.pending && r.coordinated() {
			e.again(r, err)
		}
		if !r.done {
			e.againSiblings(r, err)
		}
	}
	e.next()
}

// nextStages has a restart begin when everything is closed that is to run again. What fails until it is due joins
// it.
func (e *Execution) nextStages() {
	var failed []*region
	due := int64(0)
	for _, r := range e.regions {
		switch {
		case r.failure == nil:
		case r.waiting:
			due = r.restartAt
		case r.open > 0:
			return
		default:
			failed = append(failed, r)
		}
	}
	if len(failed) == 0 {
		if e.held && !e.closing {
			e.held = false
			e.deployReady(e.regions)
		}
		return
	}
	if due == 0 {
		e.recover(failed[0], failed[0].err(), false)
		due = failed[0].restartAt
	}
	for _, r := range failed {
		r.waiting, r.restartAt = e.phase == working, due
	}
}

// restartStages has all run again that waits for it.
func (e *Execution) restartStages() {
	e.restarts++
	for _, r := range e.regions {
		if r.waiting {
			r.waiting, r.restartAt, r.failure, r.more, r.pending = false, 0, nil, nil, true
		}
	}
	e.deployReady(e.regions)
}
