package schedule

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
)

var (
	schedules = flag.Int("schedules", schedulesDefault, "how many random schedules TestExecutionSchedules and TestStageSchedules run")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first schedule")
)

// TestExecutionSchedules runs jobs in worlds where everything that may happen happens at random, and
// in any order: failures of tasks, coordinators and storage, answers that come late, cancellations,
// savepoints. See jobWorld for what must hold.
func TestExecutionSchedules(t *testing.T) {
	ended := map[State]int{}
	restarts, published, stuck, kills := 0, 0, 0, 0
	rescales := map[string]int{}
	for i := range *schedules {
		seed := *firstSeed + uint64(i)
		w := newJobWorld(seed)
		if err := w.run(); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(w.log, "\n"))
		}
		ended[w.end.State]++
		if w.end.Stuck {
			stuck++
		}
		kills += w.kills
		restarts += w.e.Restarts()
		published += int(w.newest)
		for what, n := range w.rescales {
			rescales[what] += n
		}
	}
	t.Logf("%v, %d stuck, %d kills, %d restarts, newest checkpoints add up to %d", ended, stuck, kills, restarts, published)
	t.Logf("changes of the parallelism: %v", rescales)
	if *schedules >= 1000 && (ended[Finished] == 0 || ended[Canceled] == 0 || ended[Failed] == 0 || restarts == 0 ||
		published == 0 || stuck == 0 || kills == 0 || rescales["done"] == 0 || rescales["replaced"] == 0 ||
		rescales["refused"] == 0 || rescales["undisturbed"] == 0 || rescales["queued savepoints"] == 0) {
		t.Error("something never happens")
	}
}

// jobWorld is what surrounds an execution. What must hold:
//
//   - A region is deployed only when nothing of its former deployment runs.
//   - It starts from the newest checkpoint that is complete, never from an older one, and all of the job
//     from the same one.
//   - A checkpoint begins only when all of the job runs.
//   - Checkpoints are completed in the order of their numbers, and told complete only when published.
//   - Everything is let go to commit only when all tasks have processed their input and, where
//     checkpoints are taken, one was completed after that.
//   - What was opened in storage is published or released, once.
//   - Nothing is deployed after a cancellation.
//   - A change of the parallelism has one answer. If that is good, all tasks were deployed with it; if
//     nothing else happens meanwhile, from a checkpoint that has begun after it was asked for.
//   - The restart strategy is asked about what has failed, and about nothing else.
//   - A savepoint that is asked for while the job runs, or is rescaled, is taken unless something fails.
//   - The job always comes to an end, and then nothing runs, unless something hangs and cannot be killed.
type jobWorld struct {
	rng   *rand.Rand
	e     *Execution
	g     *graph.JobGraph
	cfg   Config
	now   int64
	may   []func() []Action // what may happen now
	log   []string
	err   error
	steps int

	running    map[int]*run                   // tasks by place
	coords     int                            // generation, 0 for none
	opened     map[int64]int                  // times that a checkpoint was opened and not given back
	stored     map[int64]*checkpoint.Snapshot // that were published
	newest     int64                          // that was published and is the job's own
	told       int64                          // the last one that was told complete
	lastEnd    int64                          // when the last input ended, in steps
	completeAt map[int64]int64                // when checkpoints were completed, in steps
	requests   int                            // savepoints that were asked for and not answered
	begun      int64                          // the newest checkpoint whose barriers were sent
	judged     int                            // how often the restart strategy was asked
	end        *End
	hang       bool // tasks and coordinators may hang when they are to end
	hanging    int  // the generation of coordinators that does
	kills      int
	cancelled  bool

	parallelism []int // as deployed last
	wanted      *wantedRescale
	failures    int // what has gone wrong, at most
	rescales    map[string]int
}

// wantedRescale is a change of the parallelism that was asked for and not answered.
type wantedRescale struct {
	parallelism []int
	at          int64 // when
	newest      int64 // the last checkpoint that had begun
	failures    int   // that there were before
	laid        bool
	replaced    bool
	quiet       bool // the job ran when it was asked for
}

// judge is a restart strategy that knows how much has failed.
type judge struct {
	Strategy
	w *jobWorld
}

// Failed is asked once for what has failed, at most.
func (j judge) Failed(now int64) (int64, bool) {
	if j.w.judged++; j.w.judged > j.w.failures {
		j.w.fail("the restart strategy is asked %d times about %d failures", j.w.judged, j.w.failures)
	}
	return j.Strategy.Failed(now)
}

type run struct {
	deployment int
	deployed   bool
	ended      bool
	cancelled  bool
	hangs      bool // it does not end when it is cancelled
	failure    Failure
}

func newJobWorld(seed uint64) *jobWorld {
	w := &jobWorld{
		rng: rand.New(rand.NewPCG(seed, 0)), running: map[int]*run{}, opened: map[int64]int{},
		stored: map[int64]*checkpoint.Snapshot{}, completeAt: map[int64]int64{}, now: 1, rescales: map[string]int{},
	}
	w.g = w.graph()
	w.parallelism = w.g.Parallelism()
	w.cfg = Config{
		Name: "job", Snapshots: w.rng.IntN(5) > 0, Stored: w.rng.IntN(2) == 0, CancelTimeout: 1000,
		Restart: &FixedDelay{Attempts: w.rng.IntN(6), Delay: int64(w.rng.IntN(20))}, Kill: w.rng.IntN(2) == 0,
	}
	if w.rng.IntN(8) == 0 {
		w.cfg.Restart = Never{}
	}
	if w.cfg.Snapshots && w.rng.IntN(4) > 0 {
		w.cfg.Checkpoints = checkpoint.Config{
			Interval: 10 + int64(w.rng.IntN(50)), Timeout: 100, TolerableFailures: w.rng.IntN(4),
			MaxConcurrent: 1 + w.rng.IntN(2),
		}
	}
	w.hang = w.rng.IntN(4) == 0
	if _, never := w.cfg.Restart.(Never); !never {
		w.cfg.Restart = judge{w.cfg.Restart, w}
	}
	w.cfg.RescaleWait = 100_000
	if w.rng.IntN(2) == 0 {
		w.cfg.RescaleWait = 50 + int64(w.rng.IntN(100))
	}
	w.e = NewExecution(w.g, w.cfg, w.now)
	return w
}

// graph makes a graph of up to four vertices.
func (w *jobWorld) graph() *graph.JobGraph {
	g := &graph.JobGraph{}
	for v := range 1 + w.rng.IntN(4) {
		x := graph.Vertex{Name: fmt.Sprint("v", v), Parallelism: 1 + w.rng.IntN(3)}
		x.Operators = []graph.Operator{{UID: x.Name, Name: x.Name, MaxParallelism: 8, Source: v == 0 || w.rng.IntN(3) == 0}}
		if x.Source = x.Operators[0].Source; !x.Source {
			from := w.rng.IntN(v)
			s := graph.Keyed
			if w.rng.IntN(2) == 0 {
				s, x.Parallelism = graph.Forward, g.Vertices[from].Parallelism
			}
			x.In = []graph.Input{{From: from, Strategy: s}}
		}
		g.Vertices = append(g.Vertices, x)
	}
	return g
}

func (w *jobWorld) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *jobWorld) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf("%6d  ", w.now)+fmt.Sprintf(format, args...))
}

func (w *jobWorld) happens(f func() []Action) { w.may = append(w.may, f) }

func (w *jobWorld) run() error {
	w.carryOut(w.e.Start(w.now))
	for w.end == nil && w.err == nil {
		if w.steps++; w.steps > 5000 {
			w.carryOut(w.e.Cancel(w.now))
		}
		if w.steps > 20000 {
			return fmt.Errorf("the job does not end; it is %v", w.e.State())
		}
		w.step()
	}
	if w.err == nil {
		w.checkEnd()
	}
	return w.err
}

// step lets one thing happen: something that has been waiting, something new, or time.
func (w *jobWorld) step() {
	if n := len(w.may); n > 0 && w.rng.IntN(3) > 0 {
		i := w.rng.IntN(n)
		f := w.may[i]
		w.may = slices.Delete(w.may, i, i+1)
		w.carryOut(f())
		return
	}
	switch w.rng.IntN(20) {
	case 0:
		w.failSomething()
	case 1:
		w.ask()
	case 2:
		if w.rng.IntN(30) == 0 {
			w.note("cancel")
			w.cancelled = true
			w.carryOut(w.e.Cancel(w.now))
		}
	case 3, 4:
		if w.rng.IntN(3) == 0 {
			w.endSomething()
		}
	case 5:
		if w.rng.IntN(3) == 0 {
			w.rescale()
		}
	default:
		w.now += int64(1 + w.rng.IntN(5))
		if at := w.e.Wake(); at != 0 && w.now >= at {
			w.carryOut(w.e.Tick(w.now))
		}
	}
}

// pick is a place at which a task runs, -1 for none.
func (w *jobWorld) pick() int {
	var all []int
	for place := range w.e.Tasks() {
		if w.running[place] != nil {
			all = append(all, place)
		}
	}
	if len(all) == 0 {
		return -1
	}
	return all[w.rng.IntN(len(all))]
}

var errTask = errors.New("a task failed")

func (w *jobWorld) failSomething() {
	if w.rng.IntN(10) == 0 && w.coords != 0 {
		w.note("coordinators fail")
		w.failures++
		w.carryOut(w.e.CoordinatorFailed(w.now, w.coords, errTask))
		return
	}
	if place := w.pick(); place >= 0 && !w.running[place].cancelled {
		r := w.running[place]
		r.cancelled = true
		w.failures++
		w.note("task %d of deployment %d fails", place, r.deployment)
		f := Failure{Err: errTask}
		if w.rng.IntN(2) == 0 {
			w.carryOut(w.e.TaskFailed(w.now, r.deployment, place, f))
		}
		w.close(place, r, f)
	}
}

// close has a task end, later, or never by itself.
func (w *jobWorld) close(place int, r *run, f Failure) {
	if r.failure = f; w.hang && w.rng.IntN(20) == 0 {
		r.hangs = true
		return
	}
	w.closes(place, r, f)
}

func (w *jobWorld) closes(place int, r *run, f Failure) {
	w.happens(func() []Action {
		if w.running[place] == r {
			delete(w.running, place)
		}
		return w.e.TaskClosed(w.now, r.deployment, place, f)
	})
}

func (w *jobWorld) endSomething() {
	place := w.pick()
	if place < 0 || w.running[place].ended || w.running[place].cancelled {
		return
	}
	r := w.running[place]
	r.ended = true
	w.lastEnd = int64(w.steps)
	w.note("task %d ends", place)
	w.carryOut(w.e.TaskEnded(w.now, r.deployment, place))
}

// ask asks for a savepoint.
func (w *jobWorld) ask() {
	r := checkpoint.Request{Flags: operator.Savepoint | operator.Full, Directory: "there"}
	w.requests++
	failures, runs, at := w.failures, w.e.State() == Running, w.e.checkpoints.Pending(w.begun) != nil
	r.End = func(_ *checkpoint.Snapshot, _ string, err error) {
		w.requests--
		if at && err == nil {
			w.rescales["queued savepoints"]++
		}
		if errors.Is(err, checkpoint.ErrBusy) && w.requests < askedMost || errors.Is(err, ErrRescale) && runs && !w.hang && w.failures == failures {
			w.fail("a savepoint is not taken: %v", err)
		}
	}
	drain := w.rng.IntN(40) == 0
	if drain {
		w.carryOut(w.e.Drain(w.now, r))
		return
	}
	if w.rng.IntN(40) == 0 {
		r.Flags |= operator.Suspend
	}
	_, actions := w.e.Begin(w.now, r)
	w.carryOut(actions)
}

// rescale asks for another parallelism.
func (w *jobWorld) rescale() {
	x := &wantedRescale{at: w.now, newest: w.begun, failures: w.failures, quiet: w.e.State() == Running}
	for _, r := range w.running {
		x.quiet = x.quiet && !r.cancelled // else it has failed, which is not known yet
	}
	alike, chosen := w.g.Alike(), map[int]int{}
	for v := range w.g.Vertices {
		if chosen[alike[v]] == 0 {
			chosen[alike[v]] = 1 + w.rng.IntN(4)
		}
		x.parallelism = append(x.parallelism, chosen[alike[v]])
	}
	w.note("rescale to %v", x.parallelism)
	before, answers := w.wanted, 0
	w.wanted = x
	w.carryOut(w.e.Rescale(w.now, x.parallelism, func(err error) {
		if answers++; answers > 1 {
			w.fail("a change of the parallelism has two answers")
		}
		w.note("rescaled to %v: %v", x.parallelism, err)
		switch {
		case errors.Is(err, errReplaced):
			x.replaced = true
			w.rescales["replaced"]++
		case err != nil:
			w.rescales["refused"]++
			if w.wanted == x {
				if w.wanted = nil; before != nil && !before.replaced { // x was not taken up
					w.wanted = before
				}
			}
			if w.cfg.Snapshots && !w.hang && w.failures == x.failures && w.e.phase == working && !errors.Is(err, errNoSnapshot) {
				w.fail("a change of the parallelism is refused: %v", err)
			}
		default:
			w.rescales["done"]++
			if w.wanted != x || !slices.Equal(w.parallelism, x.parallelism) {
				w.fail("rescaled to %v, but it runs with %v", x.parallelism, w.parallelism)
			}
			w.wanted = nil
		}
	}))
}

func (w *jobWorld) carryOut(actions []Action) {
	for len(actions) > 0 && w.err == nil {
		a := actions[0]
		w.note("%T %v", a, a)
		actions = append(actions[1:], w.do(a)...)
	}
}

func (w *jobWorld) do(a Action) (more []Action) {
	if w.end != nil {
		switch a.(type) {
		case Release, Close, Sweep, Tell, Warn:
		default:
			w.fail("%T after the end", a)
		}
	}
	switch a := a.(type) {
	case Deploy:
		w.deploy(a)
	case Cancel:
		for place, r := range w.sorted() {
			if r.deployment == a.Deployment && !r.cancelled {
				r.cancelled = true
				w.close(place, r, Failure{})
			}
		}
	case Abort:
		for place, r := range w.sorted() {
			if !r.cancelled {
				r.cancelled = true
				w.close(place, r, Failure{})
			}
		}
	case LetGo:
		w.letGo(a)
	case StopCoordinators:
		if w.coords != a.Generation {
			w.fail("coordinators %d are stopped, %d run", a.Generation, w.coords)
		}
		w.coords = 0
		if w.hang && w.rng.IntN(20) == 0 {
			w.hanging = a.Generation
			break
		}
		w.happens(func() []Action { return w.e.CoordinatorsClosed(w.now, a.Generation) })
	case Kill:
		w.kill(a)
	case StopSources:
	case Barrier:
		w.barrier(a.Pending)
	case Tell:
		w.tell(a)
	case Open:
		w.happens(func() []Action {
			if w.rng.IntN(10) == 0 {
				w.failures++
				return w.e.Opened(w.now, a.Pending, errTask)
			}
			w.opened[a.Pending.ID()]++
			return w.e.Opened(w.now, a.Pending, nil)
		})
	case Publish:
		w.publish(a.Pending)
	case Release:
		w.giveBack(a.Checkpoint)
	case Close:
		w.giveBack(a.Checkpoint)
	case Sweep:
		w.happens(func() []Action { return w.e.Swept(w.now) })
	case Load:
		w.happens(func() []Action {
			if w.rng.IntN(5) == 0 {
				w.failures++
				return w.e.Loaded(w.now, a.Ticket, nil, errTask, false)
			}
			if w.newest == 0 {
				w.failures++
				return w.e.Loaded(w.now, a.Ticket, nil, errTask, true)
			}
			return w.e.Loaded(w.now, a.Ticket, w.stored[w.newest], nil, false)
		})
	case End:
		w.end = &a
	}
	return nil
}

// sorted iterates over the running tasks by place.
func (w *jobWorld) sorted() func(yield func(int, *run) bool) {
	return func(yield func(int, *run) bool) {
		for place := range w.e.Tasks() {
			if r := w.running[place]; r != nil && !yield(place, r) {
				return
			}
		}
	}
}

// kill ends what hangs.
func (w *jobWorld) kill(k Kill) {
	if !w.cfg.Kill {
		w.fail("something is killed where that cannot be")
	}
	w.kills++
	for place, r := range w.sorted() {
		if r.hangs && (k.Deployment == 0 || k.Deployment == r.deployment) {
			r.hangs = false
			w.closes(place, r, r.failure)
		}
	}
	if generation := w.hanging; k.Deployment == 0 && generation != 0 {
		w.hanging = 0
		w.happens(func() []Action { return w.e.CoordinatorsClosed(w.now, generation) })
	}
}

func (w *jobWorld) deploy(d Deploy) {
	if w.cancelled {
		w.fail("deployed after it was cancelled")
	}
	want := w.newest
	if !w.cfg.Stored {
		want = w.told
	}
	if got := idOf(d.Restore); got != want {
		w.fail("restored from checkpoint %d, the newest is %d", got, want)
	}
	w.layOut(d)
	if d.Coordinators != 0 {
		if w.coords != 0 || w.hanging != 0 {
			w.fail("coordinators %d start while %d run", d.Coordinators, w.coords)
		}
		w.coords = d.Coordinators
	}
	for _, n := range d.Deployments {
		for _, place := range n.Tasks {
			if w.running[place] != nil {
				w.fail("task %d is deployed while its former attempt runs", place)
			}
			w.running[place] = &run{deployment: n.Number}
		}
		w.happens(func() []Action {
			for _, r := range w.sorted() {
				r.deployed = r.deployed || r.deployment == n.Number
			}
			return w.e.Deployed(w.now, n.Number)
		})
	}
}

// layOut checks with which parallelism a deployment is, and from where.
func (w *jobWorld) layOut(d Deploy) {
	first := w.steps == 0
	if slices.Equal(d.Parallelism, w.parallelism) && (w.wanted == nil || w.wanted.laid) {
		return
	}
	x := w.wanted
	switch {
	case x == nil || !slices.Equal(d.Parallelism, x.parallelism):
		w.fail("deployed with %v, but it was %v", d.Parallelism, w.parallelism)
		return
	case len(w.running) > 0 || d.Coordinators == 0:
		w.fail("rescaled while %d tasks run", len(w.running))
	}
	tasks := 0
	for _, p := range d.Parallelism {
		tasks += p
	}
	for _, n := range d.Deployments {
		tasks -= len(n.Tasks)
	}
	if tasks != 0 {
		w.fail("rescaled, but %d tasks are not deployed", tasks)
	}
	if x.quiet && !first && w.failures == x.failures && w.now < x.at+w.cfg.RescaleWait {
		w.rescales["undisturbed"]++
		if idOf(d.Restore) <= x.newest {
			w.fail("rescaled from checkpoint %d, though %d had begun before", idOf(d.Restore), x.newest)
		}
	}
	x.laid, w.parallelism = true, d.Parallelism
	g, err := w.g.Rescaled(d.Parallelism)
	if err != nil {
		w.fail("%v", err)
	}
	w.g = g
}

func (w *jobWorld) letGo(a LetGo) {
	for place, r := range w.sorted() {
		if a.Commit && !r.ended {
			w.fail("task %d is let go and has not ended", place)
		}
		if r.cancelled {
			continue
		}
		r.cancelled = true
		f := Failure{}
		if w.rng.IntN(20) == 0 {
			f.Err = errTask
			w.failures++
		}
		w.close(place, r, f)
	}
	if len(w.running) != w.e.Tasks() {
		w.fail("let go while some tasks do not run")
	}
	if a.Commit && w.cfg.Checkpoints.Interval > 0 && w.completeAt[w.told] < w.lastEnd {
		w.fail("committed without a checkpoint after the end of the input")
	}
}

func (w *jobWorld) barrier(p *checkpoint.Pending) {
	id := p.ID()
	if w.e.Pending(id) == nil {
		w.fail("checkpoint %d begins after it was given up", id)
	}
	w.begun = max(w.begun, id)
	for place, r := range w.sorted() {
		if !r.deployed {
			w.fail("checkpoint %d begins before task %d runs", id, place)
		}
	}
	for place, r := range w.sorted() {
		w.happens(func() []Action {
			if w.running[place] != r || r.cancelled {
				return nil
			}
			if w.rng.IntN(50) == 0 {
				w.failures++
				return w.e.Declined(w.now, id, errTask)
			}
			vertex, subtask := w.e.Task(place)
			return w.e.Delivered(w.now, checkpoint.Delivery{
				ID: id, Part: checkpoint.Part{Chain: vertex, Subtask: subtask},
				Operators: []checkpoint.Operator{w.operator(vertex)}, States: []*operator.Snapshot{{Checkpoint: id}},
			})
		})
	}
	for i := range w.g.Vertices {
		if !w.g.Vertices[i].Source {
			continue
		}
		generation := w.coords
		w.happens(func() []Action {
			if w.coords != generation {
				return nil
			}
			return w.e.CoordinatorDelivered(w.now, id, w.operator(i), nil)
		})
	}
}

func (w *jobWorld) operator(vertex int) checkpoint.Operator {
	v := &w.g.Vertices[vertex]
	return checkpoint.Operator{
		UID: v.Operators[0].UID, Name: v.Name, Parallelism: v.Parallelism, MaxParallelism: 8,
	}
}

func (w *jobWorld) publish(p *checkpoint.Pending) {
	id := p.ID()
	if w.opened[id] != 1 {
		w.fail("checkpoint %d is published and was not opened", id)
	}
	w.happens(func() []Action {
		own := !p.Flags.Has(operator.Savepoint)
		store := func() {
			w.stored[id] = p.Snapshot()
			if own {
				w.newest = max(w.newest, id)
			}
		}
		switch w.rng.IntN(20) {
		case 0:
			w.failures++
			return w.e.Published(w.now, p, errTask, NoVerdict)
		case 1:
			w.failures++
			if w.rng.IntN(2) == 0 && own {
				store()
			}
			return w.e.Published(w.now, p, errTask, Uncertain)
		case 2:
			if w.rng.IntN(10) == 0 {
				w.failures++
				return w.e.Published(w.now, p, errTask, Deposed)
			}
		}
		store()
		return w.e.Published(w.now, p, nil, NoVerdict)
	})
}

func (w *jobWorld) giveBack(id int64) {
	if w.opened[id]--; w.opened[id] < 0 {
		w.fail("checkpoint %d is given back twice", id)
	}
}

func (w *jobWorld) tell(t Tell) {
	if !t.Completed {
		return
	}
	if t.Checkpoint <= w.told {
		w.fail("checkpoint %d is complete after %d", t.Checkpoint, w.told)
	}
	if w.cfg.Stored && w.stored[t.Checkpoint] == nil {
		w.fail("checkpoint %d is told complete and was not published", t.Checkpoint)
	}
	w.told = t.Checkpoint
	w.completeAt[t.Checkpoint] = int64(w.steps)
}

func (w *jobWorld) checkEnd() {
	if w.end.Stuck && (w.cfg.Kill || !w.hang) {
		w.fail("it is given up")
	}
	if len(w.running) > 0 && !w.end.Stuck {
		w.fail("%d tasks run after the end", len(w.running))
	}
	if w.coords != 0 && !w.end.Stuck {
		w.fail("coordinators run after the end")
	}
	if (w.end.State == Finished) != (w.end.Cause == nil) {
		w.fail("it is %v because of %v", w.end.State, w.end.Cause)
	}
	if !w.end.State.Done() {
		w.fail("it has ended and is %v", w.end.State)
	}
	for len(w.may) > 0 && w.err == nil { // what comes late
		f := w.may[0]
		w.may = w.may[1:]
		w.carryOut(f())
	}
	for id, n := range w.opened {
		if n != 0 {
			w.fail("checkpoint %d is still open", id)
		}
	}
	if w.requests != 0 {
		w.fail("%d requests have no answer", w.requests)
	}
	if w.wanted != nil {
		w.fail("a change of the parallelism has no answer")
	}
}
