package schedule

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/graph"
)

// TestStageSchedules runs jobs in stages, in worlds where workers and TaskManagers are lost, tasks fail,
// and all else happens in any order. See stageWorld for what must hold.
func TestStageSchedules(t *testing.T) {
	ended := map[State]int{}
	all := stageCounts{}
	for i := range *schedules {
		seed := *firstSeed + uint64(i)
		w := newStageWorld(seed)
		if err := w.run(); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(w.log, "\n"))
		}
		ended[w.end.State]++
		all.workers += w.counts.workers
		all.managers += w.counts.managers
		all.discarded += w.counts.discarded
		all.again += w.counts.again
		all.generations += w.counts.generations
	}
	t.Logf("%v, %+v", ended, all)
	if *schedules >= 1000 && (ended[Finished] == 0 || ended[Failed] == 0 || ended[Canceled] == 0 || all.workers == 0 ||
		all.managers == 0 || all.discarded == 0 || all.again == 0 || all.generations <= *schedules) {
		t.Error("something never happens")
	}
}

type stageCounts struct {
	workers, managers int // that were lost
	discarded         int // results
	again             int // regions that ran again although they were settled
	generations       int
}

// stageWorld is what surrounds the execution of a job in stages. What must hold:
//
//   - A region begins only when the results of all that it reads from are complete and there, and only when
//     nothing of its former deployment runs.
//   - Results are not discarded while somebody reads them.
//   - What is committed is of one piece: whatever was read on the way to it was made by one run of each
//     subtask, and the splits of a source were dealt out by one enumerator.
//   - Commits come when all tasks have processed their input, and only then.
//   - Where only workers without coordinators are lost, nothing that is settled runs again.
//   - The job always comes to an end, and then nothing runs.
type stageWorld struct {
	rng    *rand.Rand
	e      *Execution
	g      *graph.JobGraph
	now    int64
	may    []func() []Action
	log    []string
	err    error
	steps  int
	gentle bool // only workers without coordinators are lost
	counts stageCounts

	places  []stagePlace
	results map[int]map[int]*stageRun // that are complete and there, by deployment and place
	coords  int                       // generation, 0 for none
	home    int                       // the TaskManager of the worker that has them
	end     *End
	cancel  bool
}

// stagePlace is a subtask.
type stagePlace struct {
	vertex, subtask int
	reads           [][]int // places, by input
	run             *stageRun
	last            int // its last deployment
}

// stageRun is one life of a subtask.
type stageRun struct {
	place, deployment, generation, manager int
	region                                 []int
	read                                   []*stageRun
	deployed, ended, cancelled             bool
}

const stageManagers = 3

func newStageWorld(seed uint64) *stageWorld {
	w := &stageWorld{rng: rand.New(rand.NewPCG(seed, 3)), now: 1, results: map[int]map[int]*stageRun{}}
	w.gentle = w.rng.IntN(3) == 0
	for w.g = w.graph(); CheckStages(w.g) != nil; {
		w.g = w.graph()
	}
	w.lay()
	w.e = NewExecution(w.g, Config{
		Name: "job", Stages: true, CancelTimeout: 1 << 40, Kill: true,
		Restart: &FixedDelay{Attempts: 3 + w.rng.IntN(20), Delay: int64(w.rng.IntN(8))},
	}, w.now)
	return w
}

// graph makes a graph of up to five vertices.
func (w *stageWorld) graph() *graph.JobGraph {
	g := &graph.JobGraph{}
	read := map[int]bool{}
	for v := range 1 + w.rng.IntN(5) {
		x := graph.Vertex{Name: fmt.Sprint("v", v), Parallelism: 1 + w.rng.IntN(4)}
		x.Source = v == 0 || w.rng.IntN(4) == 0
		x.Operators = []graph.Operator{{UID: x.Name, Name: x.Name, MaxParallelism: 8, Source: x.Source}}
		for i := range 2 {
			if x.Source || i == 1 && w.rng.IntN(2) == 0 {
				break
			}
			from := w.rng.IntN(v)
			read[from] = true
			s := []graph.Strategy{graph.Keyed, graph.Rescale, graph.Forward, graph.Broadcast}[w.rng.IntN(4)]
			if s == graph.Forward && x.Parallelism != g.Vertices[from].Parallelism {
				s = graph.Keyed
			}
			x.In = append(x.In, graph.Input{From: from, Input: i, Strategy: s, Pipelined: w.rng.IntN(8) == 0})
		}
		if x.Loop = !x.Source && w.rng.IntN(8) == 0; x.Loop {
			x.In = append(x.In, graph.Input{From: v, Input: len(x.In), Strategy: graph.Feedback, Pipelined: true})
		}
		g.Vertices = append(g.Vertices, x)
	}
	for v := range g.Vertices {
		g.Vertices[v].Sink = !read[v] || w.rng.IntN(6) == 0
	}
	return g
}

// lay finds out who reads from whom.
func (w *stageWorld) lay() {
	first := placesOf(w.g)
	for v, to := range w.g.Vertices {
		for i := range to.Parallelism {
			p := stagePlace{vertex: v, subtask: i}
			for _, in := range to.In {
				if in.Pipelined {
					continue
				}
				var reads []int
				n := w.g.Vertices[in.From].Parallelism
				for from := range n {
					if low, high := in.Strategy.Targets(from, n, to.Parallelism); low <= i && i <= high {
						reads = append(reads, first[in.From]+from)
					}
				}
				p.reads = append(p.reads, reads)
			}
			w.places = append(w.places, p)
		}
	}
}

func (w *stageWorld) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *stageWorld) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf("%6d  ", w.now)+fmt.Sprintf(format, args...))
}

func (w *stageWorld) happens(f func() []Action) { w.may = append(w.may, f) }

func (w *stageWorld) run() error {
	w.carryOut(w.e.Start(w.now))
	for w.end == nil && w.err == nil {
		if w.steps++; w.steps > 20000 {
			return fmt.Errorf("the job does not end; it is %v", w.e.State())
		}
		w.step()
	}
	for _, p := range w.places {
		if p.run != nil {
			w.fail("tasks run after the end")
		}
	}
	if w.coords != 0 {
		w.fail("coordinators run after the end")
	}
	return w.err
}

func (w *stageWorld) step() {
	if n := len(w.may); n > 0 && w.rng.IntN(3) > 0 {
		i := w.rng.IntN(n)
		f := w.may[i]
		w.may = slices.Delete(w.may, i, i+1)
		w.carryOut(f())
		return
	}
	switch w.rng.IntN(100) {
	case 0, 1, 2:
		w.loseWorker(w.rng.IntN(stageManagers), false)
	case 3:
		w.loseWorker(w.rng.IntN(stageManagers), true)
	case 4:
		w.failTask()
	case 5:
		if w.coords != 0 && !w.gentle && w.rng.IntN(4) == 0 {
			w.note("coordinators %d fail", w.coords)
			w.carryOut(w.e.CoordinatorFailed(w.now, w.coords, errTask))
		}
	case 6:
		if w.rng.IntN(60) == 0 {
			w.note("cancel")
			w.cancel = true
			w.carryOut(w.e.Cancel(w.now))
		}
	default:
		if w.rng.IntN(2) == 0 {
			w.endTask()
			return
		}
		w.now += int64(1 + w.rng.IntN(5))
		if at := w.e.Wake(); at != 0 && w.now >= at {
			w.carryOut(w.e.Tick(w.now))
		}
	}
}

// pick is a run that goes on, nil for none.
func (w *stageWorld) pick() *stageRun {
	var all []*stageRun
	for _, p := range w.places {
		if p.run != nil && !p.run.cancelled {
			all = append(all, p.run)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[w.rng.IntN(len(all))]
}

func (w *stageWorld) endTask() {
	r := w.pick()
	if r == nil || r.ended || !r.deployed {
		return
	}
	r.ended = true
	w.note("task %d of deployment %d ends", r.place, r.deployment)
	complete := map[int]*stageRun{}
	for _, place := range r.region {
		s := w.places[place].run
		if s == nil || !s.ended || s.deployment != r.deployment {
			complete = nil
			break
		}
		complete[place] = s
	}
	if complete != nil {
		w.results[r.deployment] = complete
	}
	w.carryOut(w.e.TaskEnded(w.now, r.deployment, r.place))
}

// failTask has a task fail, perhaps because of what it reads.
func (w *stageWorld) failTask() {
	r := w.pick()
	if r == nil {
		return
	}
	r.cancelled = true
	f := Failure{Err: errTask}
	if len(r.read) > 0 && !r.ended && !w.gentle && w.rng.IntN(2) == 0 {
		f.Results = r.read[w.rng.IntN(len(r.read))].deployment
		delete(w.results, f.Results)
	}
	w.note("task %d of deployment %d fails, because of %d", r.place, r.deployment, f.Results)
	if f.Results != 0 || w.rng.IntN(2) == 0 { // its worker may be lost before the other word
		w.carryOut(w.e.TaskFailed(w.now, r.deployment, r.place, f))
	}
	w.closes(r, f)
}

func (w *stageWorld) closes(r *stageRun, f Failure) {
	w.happens(func() []Action {
		if w.places[r.place].run != r {
			return nil // it was told by the end of its worker
		}
		w.places[r.place].run = nil
		return w.e.TaskClosed(w.now, r.deployment, r.place, f)
	})
}

// loseWorker ends what runs at a TaskManager, and perhaps it with its results.
func (w *stageWorld) loseWorker(manager int, all bool) {
	coordinators := w.coords != 0 && w.home == manager
	if w.gentle && (all || coordinators) {
		return
	}
	w.note("a worker of %d is lost, with its TaskManager: %v", manager, all)
	w.counts.workers++
	err := errors.New("lost")
	for _, p := range w.places {
		if r := p.run; r != nil && r.manager == manager {
			w.places[r.place].run = nil
			w.carryOut(w.e.TaskClosed(w.now, r.deployment, r.place, Failure{Err: err}))
		}
	}
	if coordinators && w.coords != 0 {
		generation := w.coords
		w.carryOut(w.e.CoordinatorFailed(w.now, generation, err))
		w.coords = 0
		w.carryOut(w.e.CoordinatorsClosed(w.now, generation))
	}
	if !all {
		return
	}
	w.counts.managers++
	var lost []int
	for n, places := range w.results {
		for _, r := range places {
			if r.manager == manager {
				lost = append(lost, n)
				break
			}
		}
	}
	slices.Sort(lost)
	for _, n := range lost {
		delete(w.results, n)
	}
	for _, n := range lost {
		w.carryOut(w.e.ResultsLost(w.now, n, err))
	}
}

func (w *stageWorld) carryOut(actions []Action) {
	for len(actions) > 0 && w.err == nil {
		w.note("%T %v", actions[0], actions[0])
		w.do(actions[0])
		actions = actions[1:]
	}
}

func (w *stageWorld) do(a Action) {
	switch a := a.(type) {
	case Deploy:
		w.deploy(a)
	case Cancel:
		w.each(func(r *stageRun) {
			if r.deployment == a.Deployment {
				w.ends(r, Failure{})
			}
		})
	case Abort:
		w.each(func(r *stageRun) { w.ends(r, Failure{}) })
	case LetGo:
		w.letGo(a)
	case Discard:
		w.discard(a.Deployment)
	case StopCoordinators:
		if w.coords != a.Generation && w.coords != 0 {
			w.fail("coordinators %d are stopped, %d run", a.Generation, w.coords)
		}
		if w.coords == a.Generation {
			w.coords = 0
			w.happens(func() []Action { return w.e.CoordinatorsClosed(w.now, a.Generation) })
		}
	case End:
		w.end = &a
	}
}

func (w *stageWorld) each(f func(*stageRun)) {
	for _, p := range w.places {
		if p.run != nil {
			f(p.run)
		}
	}
}

func (w *stageWorld) ends(r *stageRun, f Failure) {
	if !r.cancelled {
		r.cancelled = true
		w.closes(r, f)
	}
}

func (w *stageWorld) deploy(d Deploy) {
	if w.cancel {
		w.fail("deployed after it was cancelled")
	}
	if d.Coordinators != 0 {
		if w.coords != 0 {
			w.fail("coordinators %d start while %d run", d.Coordinators, w.coords)
		}
		w.coords, w.home = d.Coordinators, w.rng.IntN(stageManagers)
		w.counts.generations++
	}
	for _, n := range d.Deployments {
		for _, place := range n.Tasks {
			w.begin(n, place)
		}
		w.happens(func() []Action {
			w.each(func(r *stageRun) { r.deployed = r.deployed || r.deployment == n.Number })
			return w.e.Deployed(w.now, n.Number)
		})
	}
}

func (w *stageWorld) begin(n Deployment, place int) {
	p := &w.places[place]
	if p.run != nil {
		w.fail("task %d is deployed while its former attempt runs", place)
	}
	r := &stageRun{
		place: place, deployment: n.Number, region: n.Tasks, generation: w.coords, manager: w.rng.IntN(stageManagers),
	}
	for _, reads := range p.reads {
		for _, from := range reads {
			of := w.results[w.places[from].last][from]
			if of == nil {
				w.fail("task %d begins without the result of %d", place, from)
				return
			}
			r.read = append(r.read, of)
		}
	}
	if v := w.g.Vertices[p.vertex]; (v.Source || v.Loop) && w.coords == 0 {
		w.fail("task %d begins without coordinators", place)
	}
	p.run, p.last = r, n.Number
}

func (w *stageWorld) letGo(a LetGo) {
	if a.Deployment == 0 {
		w.commit()
	}
	w.each(func(r *stageRun) {
		if a.Deployment != 0 && r.deployment != a.Deployment {
			return
		}
		if !r.ended {
			w.fail("task %d is let go and has not ended", r.place)
		}
		if a.Deployment != 0 && w.g.Vertices[w.places[r.place].vertex].Sink {
			w.fail("task %d commits before the job is done", r.place)
		}
		w.ends(r, Failure{})
	})
}

// commit checks that all that is committed is of one piece.
func (w *stageWorld) commit() {
	made := map[int]*stageRun{}
	generation := map[int]int{}
	var visit func(r *stageRun)
	visit = func(r *stageRun) {
		if made[r.place] == r {
			return
		}
		if made[r.place] != nil {
			w.fail("committed is what two runs of task %d have made", r.place)
			return
		}
		made[r.place] = r
		v := w.places[r.place].vertex
		if w.g.Vertices[v].Source {
			if g, ok := generation[v]; ok && g != r.generation {
				w.fail("the splits of vertex %d were dealt out by two enumerators", v)
			}
			generation[v] = r.generation
		}
		for _, from := range r.read {
			visit(from)
		}
	}
	for _, p := range w.places {
		if !w.g.Vertices[p.vertex].Sink {
			continue
		}
		if p.run == nil || !p.run.ended {
			w.fail("a sink has not ended when the job commits")
			return
		}
		visit(p.run)
	}
}

// sinksAreRead reports whether others read from what is run again when a worker is lost in which it has ended.
func (w *stageWorld) sinksAreRead() bool {
	return slices.ContainsFunc(w.e.regions, func(r *region) bool { return r.commits && len(r.out) > 0 })
}

// discard removes results. A deployment that was settled and is discarded to run again is an exception.
func (w *stageWorld) discard(deployment int) {
	for _, r := range w.results[deployment] {
		w.counts.discarded++
		w.each(func(c *stageRun) {
			if slices.Contains(c.read, r) && !c.ended {
				w.fail("the result of %d is discarded while %d reads it", r.place, c.place)
			}
		})
		if s := w.e.regions[w.e.tasks[r.place].region]; !s.done && !w.g.Vertices[w.places[r.place].vertex].Sink {
			w.counts.again++
			if w.gentle && !s.commits && !w.sinksAreRead() {
				w.fail("task %d, which was settled, runs again", r.place)
			}
		}
	}
	delete(w.results, deployment)
}
