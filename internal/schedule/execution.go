package schedule

import (
	"errors"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
)

// State is the phase a job is in.
type State string

// The states.
const (
	Created    State = "CREATED"
	Running    State = "RUNNING"
	Restarting State = "RESTARTING"
	Failing    State = "FAILING"
	Failed     State = "FAILED"
	Cancelling State = "CANCELLING"
	Canceled   State = "CANCELED"
	Finished   State = "FINISHED"
)

// Done reports whether the state is final.
func (s State) Done() bool { return s == Failed || s == Canceled || s == Finished }

// ErrCanceled is the result of a job that was cancelled.
var ErrCanceled = errors.New("the job was cancelled")

// Config are the settings of an Execution. Times are in nanoseconds.
type Config struct {
	// Name is the job's.
	Name string
	// Restart decides whether what has failed is restarted; nil never does.
	Restart Strategy
	// Snapshots says that the job's operators take any. Those of a job in batch mode do not.
	Snapshots bool
	// Checkpoints says when checkpoints are taken.
	Checkpoints checkpoint.Config
	// LastID is the greatest number of a checkpoint that an earlier run has used.
	LastID int64
	// Stored says that checkpoints go to storage. Otherwise the last one is kept in memory.
	Stored bool
	// Restore is the snapshot to start from, nil for a fresh start. Own says that it lies in the storage
	// of the job, so that a restart finds it there.
	Restore *checkpoint.Snapshot
	Own     bool
	// Last, if it is not nil, is the snapshot to be taken when all input is processed.
	Last *checkpoint.Request
	// RescaleWait is how long the checkpoint may take, from the request on, that is taken before the
	// parallelism changes; 0 means 10 seconds. Then the job goes on from the latest one there is.
	RescaleWait int64
	// CancelTimeout is how long a task may take to end after a cancellation.
	CancelTimeout int64
	// Kill says that the driver can end tasks by force: then those that do not end in time are killed.
	// Otherwise the job is given up.
	Kill bool
	// Stages runs a job in batch mode in stages: a region begins when the results of those that it reads from
	// are complete, which outlive its tasks. See stage.go.
	Stages bool
}

// Execution brings one job to its end: it starts, watches and restarts its parts, and has checkpoints
// taken. It is a state machine: its driver tells it what has happened and when, in nanoseconds, and
// carries out the actions it returns.
//
//	 Start
//	   ▼        a part fails                all its tasks are closed
//	running ───────────────▶ cancelling ───────────────────────────▶ waiting
//	   ▲                                                                │
//	   └───────────── deployed from the last checkpoint ◀───────────────┘
//
// That is the life of a region. The job ends when all regions have ended (committing), or when one
// fails for good.
type Execution struct {
	cfg         Config
	graph       *graph.JobGraph // with the parallelism of the tasks
	tasks       []taskState     // by place
	regions     []*region
	sources     []string // uids of the operators that have a coordinator
	checkpoints *checkpoint.Coordinator

	phase     phase
	state     State
	cause     error // why the job ends
	endAt     int64 // when what has not ended by then is stuck
	closeAt   int64 // the same for coordinators, while others run
	global    error // why all regions are to restart together
	restarts  int
	number    int // of the last deployment
	stopping  bool
	suspended bool     // the savepoint that is the job's last snapshot is complete
	final     *request // the snapshot to be taken when all input is processed
	opened    map[int64]bool
	sweeping  bool
	sweepMore bool
	from      *checkpoint.Snapshot // that the job was last restored from, nil for a fresh start
	damaged   []int64              // checkpoints that could not be restored
	uncertain bool                 // the storage may have a checkpoint that is not known to be complete
	loads     map[int]load         // by ticket
	ticket    int

	asked   []*request // snapshots that wait for others, in order
	begun   []*request // those under way
	last    int64      // the ticket of the last request
	rescale *rescale   // nil if the parallelism is not to be changed

	rescales int

	generation int  // of the coordinators that run, 0 for none
	started    int  // the last generation
	closing    bool // a generation is ending
	held       bool // a region waits for that, in a job that runs in stages

	now     int64
	actions []Action
	later   []func() // to be done before the step is over
}

// taskState is a task as it runs now.
type taskState struct {
	part   checkpoint.Part
	region int
	ended  bool // it has processed its input
}

// request is a snapshot that somebody has asked for.
type request struct {
	checkpoint.Request
	ticket int64
	begun  bool
	id     int64 // of the snapshot, once it is begun
}

// load is a restart that waits for the snapshot to restart from.
type load struct {
	regions []*region
	all     bool
	planned bool // nothing has failed
}

// phase is how far the job is on the way to its end.
type phase uint8

const (
	working    phase = iota
	finalising       // all input is processed; the last checkpoint is under way
	committing       // the tasks were let go
	ending           // the job has failed or was cancelled
	over
)

// region is subtasks that are connected: they fail and restart together.
type region struct {
	index     int
	tasks     []int
	number    int // of its deployment
	attempt   int
	open      int  // tasks that are not closed
	deployed  bool // they run
	failure   error
	more      []error // failures after the first
	judged    bool    // the restart strategy has been asked about it
	waiting   bool    // for its restart
	restartAt int64   // when it is due, 0 when it is under way
	all       bool    // the restart is of the whole job
	cancelAt  int64   // when tasks that have not ended are stuck, 0 for never

	stage // in a job that runs in stages
}

func (r *region) running() bool { return r.failure == nil && !r.waiting }

// NewExecution returns the execution of a job that has not begun.
func NewExecution(g *graph.JobGraph, cfg Config, now int64) *Execution {
	if cfg.Restart == nil {
		cfg.Restart = Never{}
	}
	if cfg.RescaleWait == 0 {
		cfg.RescaleWait = 10e9
	}
	e := &Execution{
		cfg: cfg, state: Created, sources: g.Sources(), opened: map[int64]bool{}, loads: map[int]load{},
		checkpoints: checkpoint.NewCoordinator(cfg.Checkpoints, cfg.Name, max(cfg.LastID, idOf(cfg.Restore)), now),
	}
	if cfg.Last != nil {
		e.final = &request{Request: *cfg.Last}
	}
	e.lay(g)
	return e
}

// lay makes the tasks and regions of a graph, in place of those that there are. Attempts are counted on:
// what they have named is not named again.
func (e *Execution) lay(g *graph.JobGraph) {
	attempt := 0
	for _, r := range e.regions {
		attempt = max(attempt, r.attempt)
	}
	e.graph, e.tasks, e.regions = g, nil, nil
	for v := range g.Vertices {
		for i := range g.Vertices[v].Parallelism {
			e.tasks = append(e.tasks, taskState{part: checkpoint.Part{Chain: v, Subtask: i}})
		}
	}
	for place, r := range regionsOf(g, e.cfg.Stages) {
		for len(e.regions) <= r {
			e.regions = append(e.regions, &region{index: len(e.regions), attempt: attempt})
		}
		e.tasks[place].region = r
		e.regions[r].tasks = append(e.regions[r].tasks, place)
	}
	if e.cfg.Stages {
		e.makeStages(g)
	}
}

// placesOf has the place of the first subtask of each vertex, and at last the number of all.
func placesOf(g *graph.JobGraph) []int {
	first := make([]int, len(g.Vertices)+1)
	for v := range g.Vertices {
		first[v+1] = first[v] + g.Vertices[v].Parallelism
	}
	return first
}

// RegionsOf cuts the subtasks of a graph into regions: it has the region of each, by its place.
func RegionsOf(g *graph.JobGraph) []int { return regionsOf(g, false) }

// regionsOf cuts the subtasks of a graph, in the order of their places, into regions. With stages, blocking
// exchanges do not connect.
func regionsOf(g *graph.JobGraph, stages bool) []int {
	first := placesOf(g)
	return Regions(first[len(g.Vertices)], func(connect func(a, b int)) {
		for v, to := range g.Vertices {
			if to.Loop { // its heads agree on rounds
				for i := range to.Parallelism {
					connect(first[v], first[v]+i)
				}
			}
			for _, in := range to.In {
				if stages && !in.Pipelined {
					continue
				}
				producers := g.Vertices[in.From].Parallelism
				for p := range producers {
					low, high := in.Strategy.Targets(p, producers, to.Parallelism)
					if l, h := in.Strategy.Targets(0, producers, to.Parallelism); p > 0 && l == low && h == high {
						high = low // the first one has connected them
					}
					for c := low; c <= high; c++ {
						connect(first[in.From]+p, first[v]+c)
					}
				}
			}
		}
	})
}

func idOf(s *checkpoint.Snapshot) int64 {
	if s == nil {
		return 0
	}
	return s.ID
}

// State is the job's state.
func (e *Execution) State() State { return e.state }

// Cause is why the job ends or has ended, nil if it does not or has finished.
func (e *Execution) Cause() error { return e.cause }

// Restarts is how often a part of the job, or all of it, was restarted.
func (e *Execution) Restarts() int { return e.restarts }

// Tasks is the number of tasks. Their places are 0 … Tasks()-1.
func (e *Execution) Tasks() int { return len(e.tasks) }

// Task is the vertex and the subtask of the task at a place.
func (e *Execution) Task(place int) (vertex, subtask int) {
	p := e.tasks[place].part
	return p.Chain, p.Subtask
}

// Attempt is the attempt that a deployment is, and whether it is the last one of its region.
func (e *Execution) Attempt(deployment int) (attempt int, current bool) {
	if r := e.regionOf(deployment); r != nil {
		return r.attempt, true
	}
	return 0, false
}

// History is the statistics of the job's checkpoints.
func (e *Execution) History() checkpoint.History { return e.checkpoints.History() }

// Pending is the checkpoint of a number, nil when it is not under way.
func (e *Execution) Pending(id int64) *checkpoint.Pending { return e.checkpoints.Pending(id) }

// step does f and what follows from it, and returns what the driver is to do.
func (e *Execution) step(now int64, f func()) []Action {
	e.now = now
	e.soon(f)
	for len(e.later) > 0 {
		f := e.later[0]
		e.later = e.later[1:]
		f()
		if len(e.later) == 0 {
			e.beginAsked()
			e.rescaleNext()
		}
	}
	actions := e.actions
	e.actions = nil
	return actions
}

func (e *Execution) do(a Action) { e.actions = append(e.actions, a) }

// soon does f before the step is over, but not within what is being done.
func (e *Execution) soon(f func()) { e.later = append(e.later, f) }

func (e *Execution) warn(text string, args ...any) {
	e.do(Warn{text, args})
}

// Start starts everything.
func (e *Execution) Start(now int64) []Action {
	return e.step(now, func() {
		if e.cfg.Stages {
			e.deployReady(e.regions)
			return
		}
		e.deploy(e.regions, e.cfg.Restore, true)
	})
}

// deploy has the tasks of regions run, and the coordinators too if they are to be new.
func (e *Execution) deploy(regions []*region, from *checkpoint.Snapshot, coordinators bool) {
	e.from = from
	d := Deploy{Restore: from, Parallelism: e.graph.Parallelism()}
	for _, r := range regions {
		if e.cfg.Stages && r.number != 0 {
			e.do(Discard{r.number})
		}
		e.number++
		r.number, r.open, r.deployed = e.number, len(r.tasks), false
		r.attempt++
		r.failure, r.more, r.judged, r.waiting, r.cancelAt = nil, nil, false, false, 0
		for _, place := range r.tasks {
			e.tasks[place].ended = false
		}
		d.Deployments = append(d.Deployments, Deployment{r.number, r.index, r.attempt, r.tasks})
	}
	if coordinators {
		e.started++
		e.generation = e.started
		d.Coordinators = e.generation
	}
	e.do(d)
}

// Deployed tells that the tasks of a deployment run.
func (e *Execution) Deployed(now int64, deployment int) []Action {
	return e.step(now, func() {
		if r := e.regionOf(deployment); r != nil && !r.deployed {
			r.deployed = true
			e.allRun()
		}
	})
}

// DeployFailed tells that the tasks of a deployment cannot be made, and that none of them runs. That
// ends the job: another attempt would fail as well.
func (e *Execution) DeployFailed(now int64, deployment int, err error) []Action {
	return e.step(now, func() {
		if r := e.regionOf(deployment); r != nil {
			r.open = 0
			e.end(Failing, err)
			e.next()
		}
	})
}

// regionOf is the region that a deployment is of, nil if the region has another one by now.
func (e *Execution) regionOf(deployment int) *region {
	for _, r := range e.regions {
		if r.number == deployment {
			return r
		}
	}
	return nil
}

// allRun tells the coordinator of checkpoints that the job runs, when all of it does.
func (e *Execution) allRun() {
	if e.phase != working {
		return
	}
	if e.cfg.Stages {
		e.stageRuns()
		return
	}
	for _, r := range e.regions {
		if !r.running() || !r.deployed {
			return
		}
	}
	e.state = Running
	var parts []checkpoint.Part
	for _, r := range e.regions {
		for _, place := range r.tasks {
			parts = append(parts, e.tasks[place].part)
		}
	}
	for _, uid := range e.sources {
		parts = append(parts, checkpoint.Part{Subtask: -1, UID: uid})
	}
	e.checkpoints.Run(parts, e.now)
	e.rescaled()
	if e.stopping {
		e.do(StopSources{})
	}
	e.checkEnded()
}

// Wake is the time at which Tick must be called, 0 for never.
func (e *Execution) Wake() (at int64) {
	if e.phase == over {
		return 0
	}
	at = e.checkpoints.Wake()
	add := func(t int64) {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	add(e.endAt)
	add(e.closeAt)
	if x := e.rescale; x != nil && !x.late {
		add(x.lateAt)
	}
	for _, r := range e.regions {
		add(r.restartAt)
		add(r.cancelAt)
	}
	return at
}

// Tick does what is due.
func (e *Execution) Tick(now int64) []Action {
	return e.step(now, func() {
		if e.phase == over {
			return
		}
		e.act(e.checkpoints.Tick(now))
		if x := e.rescale; x != nil && now >= x.lateAt {
			x.late = true
		}
		for _, r := range e.regions {
			if r.restartAt != 0 && now >= r.restartAt {
				r.restartAt = 0
				e.restartDue(r)
			}
			if r.cancelAt != 0 && now >= r.cancelAt {
				r.cancelAt = 0
				if r.open > 0 && e.phase < ending {
					e.stuck(r)
				}
			}
		}
		if e.closeAt != 0 && now >= e.closeAt {
			e.closeAt = 0
			if e.closing && e.phase < ending {
				e.stuck(nil)
			}
		}
		if e.endAt != 0 && now >= e.endAt && e.phase != over {
			e.endAt = 0
			e.giveUp()
		}
	})
}

// Cancel ends the job at once, without finishing what is in flight.
func (e *Execution) Cancel(now int64) []Action {
	return e.step(now, func() { e.end(Cancelling, ErrCanceled) })
}

// Fail ends the job because of err.
func (e *Execution) Fail(now int64, err error) []Action {
	return e.step(now, func() { e.end(Failing, err) })
}

// StopSources ends all sources as if their input had ended now; the job then finishes as a bounded
// one.
func (e *Execution) StopSources(now int64) []Action {
	return e.step(now, e.stopSources)
}

func (e *Execution) stopSources() {
	e.stopping = true
	e.do(StopSources{})
}

// TaskEnded tells that a task of a deployment has processed its input.
func (e *Execution) TaskEnded(now int64, deployment, place int) []Action {
	return e.step(now, func() {
		if e.isCurrent(deployment, place) {
			if e.cfg.Stages {
				e.stageTaskEnded(place)
				return
			}
			e.tasks[place].ended = true
			e.checkEnded()
		}
	})
}

func (e *Execution) isCurrent(deployment, place int) bool {
	return place >= 0 && place < len(e.tasks) && e.regions[e.tasks[place].region].number == deployment
}

// checkEnded ends the job once all of its tasks have processed their input.
func (e *Execution) checkEnded() {
	if e.phase != working {
		return
	}
	for _, r := range e.regions {
		if !r.running() || !r.deployed ||
			slices.ContainsFunc(r.tasks, func(place int) bool { return !e.tasks[place].ended }) {
			return
		}
	}
	e.finalise()
}

// finalise commits what all tasks have prepared: by a last checkpoint where there are any, so that a
// failure from now on commits again, else at once.
func (e *Execution) finalise() {
	if e.final == nil && e.cfg.Checkpoints.Interval == 0 {
		e.letGo(true)
		return
	}
	e.phase = finalising
	if e.final == nil {
		e.final = &request{}
		e.final.Flags = e.cfg.Checkpoints.Flags & operator.Native
	}
	e.act(e.checkpoints.Last(e.now))
	e.refuseAsked(errEnding)
	e.refuseRescale(errEnding)
	e.next()
}

// beginFinal begins the last snapshot.
func (e *Execution) beginFinal() {
	f := e.final
	if f.begun || e.checkpoints.Publishing() {
		return
	}
	f.begun = true
	r := f.Request
	r.End = func(s *checkpoint.Snapshot, location string, err error) {
		if f.End != nil {
			f.End(s, location, err)
			f.End = nil
		}
		e.soon(func() { e.finalised(err) })
	}
	actions, err := e.checkpoints.Begin(e.now, r)
	if err != nil {
		e.finalised(err)
		return
	}
	f.id = actions[0].Pending.ID()
	e.act(actions)
}

func (e *Execution) finalised(err error) {
	switch {
	case e.phase != finalising:
	case err != nil:
		e.phase, e.final = working, nil
		e.failAll(lastSnapshotError(err))
	default:
		e.letGo(true)
	}
}

// letGo ends all tasks.
func (e *Execution) letGo(commit bool) {
	e.phase = committing
	e.halt(errors.New("the job has ended"))
	e.refuseRescale(errors.New("the job has ended"))
	e.refuseFinal(errors.New("the job has ended with another savepoint"))
	e.final = nil
	e.do(LetGo{Commit: commit})
	e.stopCoordinators()
}

// refuseFinal answers whoever has asked for the last snapshot that there is none, unless it is being
// published.
func (e *Execution) refuseFinal(err error) {
	f := e.final
	if f == nil || f.End == nil || f.id != 0 && e.checkpoints.Pending(f.id) != nil {
		return
	}
	f.End(nil, "", err)
	f.End = nil
}

// halt gives up all snapshots that are under way or wait, but those that are being published.
func (e *Execution) halt(cause error) {
	e.act(e.checkpoints.Halt(e.now, cause))
	e.refuseAsked(cause)
}

func (e *Execution) stopCoordinators() {
	if e.generation == 0 {
		return
	}
	e.do(StopCoordinators{e.generation})
	e.generation, e.closing = 0, true
	if e.phase < committing { // what is committed may take its time
		e.closeAt = e.now + e.cfg.CancelTimeout
	}
}

// CoordinatorsClosed tells that a generation of coordinators has ended.
func (e *Execution) CoordinatorsClosed(now int64, generation int) []Action {
	return e.step(now, func() {
		if generation == e.started {
			e.closing, e.closeAt = false, 0
			e.next()
		}
	})
}

// next goes on where all that was waited for has come.
func (e *Execution) next() {
	switch e.phase {
	case ending, committing:
		if !e.closing && !slices.ContainsFunc(e.regions, func(r *region) bool { return r.open > 0 }) {
			e.conclude(false)
		}
		return
	case over:
		return
	case finalising:
		e.beginFinal()
		return
	}
	if e.checkpoints.Publishing() {
		return // the restart would be from an older one
	}
	if e.cfg.Stages {
		e.nextStages()
		return
	}
	if e.global != nil {
		e.nextGlobal()
		return
	}
	for _, r := range e.regions {
		if r.failure != nil && r.open == 0 && !r.waiting {
			e.recover(r, r.err(), false)
		}
	}
}

// end brings the job down; only the first cause counts.
func (e *Execution) end(to State, cause error) {
	if e.phase >= ending {
		return
	}
	if e.phase == committing && to == Cancelling {
		// Once all input is processed, what is being committed is not taken back, unless that takes too long.
		if e.endAt == 0 {
			e.endAt = max(1, e.now+e.cfg.CancelTimeout)
		}
		return
	}
	e.phase = ending
	e.state, e.cause = to, cause
	e.halt(errors.New("the job ended"))
	e.refuseRescale(endedError(cause))
	e.refuseFinal(endedError(cause))
	e.do(Abort{cause})
	e.stopCoordinators()
	e.endAt = e.now + e.cfg.CancelTimeout
	e.next()
}

// giveUp ends what has not ended since the job was to end.
func (e *Execution) giveUp() {
	if e.phase == committing { // it was cancelled
		e.phase, e.state, e.cause = ending, Cancelling, ErrCanceled
		e.do(Abort{e.cause})
	}
	if e.phase == ending {
		e.stuck(nil)
	}
}

// stuck kills the tasks of a region that have not ended in time, or, without one, all that there is. If
// that is not possible, the job is given up.
func (e *Execution) stuck(r *region) {
	if e.cfg.Kill {
		k := Kill{Cause: fmt.Errorf("it did not stop within %s (task.cancellation.timeout)", seconds(e.cfg.CancelTimeout))}
		if r != nil {
			k.Deployment = r.number
		}
		e.warn("flott: killing what does not stop", "deployment", k.Deployment, "cause", e.cause)
		e.do(k)
		return
	}
	if e.cause == nil {
		for _, r := range e.regions {
			if r.failure != nil {
				e.cause = r.failure
			}
		}
	}
	e.state = Failing
	e.halt(errors.New("the job ended"))
	e.refuseRescale(endedError(e.cause))
	e.refuseFinal(endedError(e.cause))
	e.conclude(true)
}

// conclude turns the transient state into a final one.
func (e *Execution) conclude(stuck bool) {
	e.phase, e.endAt = over, 0
	switch e.state {
	case Cancelling:
		e.state = Canceled
	case Failing:
		e.state = Failed
	default:
		e.state = Finished
	}
	e.do(End{State: e.state, Cause: e.cause, Stuck: stuck})
}
