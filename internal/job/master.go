package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/internal/task"
)

// master is what only the job's master actor touches: it starts, watches and restarts the parts of
// the job.
//
//	 launch
//	   ▼        a part fails                all its tasks are closed
//	running ───────────────▶ cancelling ───────────────────────────▶ waiting
//	   ▲                                                                │
//	   └────────────── rebuilt from the last checkpoint ◀───────────────┘
//
// That is the life of a region. The job ends when all regions have ended (committing), or when one
// fails for good.
type master struct {
	regions     []*region
	coords      map[string]*coordinator // by uid
	loops       map[string]*loopCoordinator
	checkpoints *checkpoint.Coordinator
	tick        func() // disarms the clock
	tickAt      int64
	global      error // why all regions are to restart together
	closing     int   // coordinators that have not ended
	phase       phase
	stopping    bool     // the sources were told to end
	final       *request // the snapshot to be taken when all input is processed
	sweeping    bool
	sweepAgain  bool
	from        *checkpoint.Snapshot // that the job was last restored from, nil for a fresh start
	damaged     []int64              // checkpoints that could not be restored
}

// request is a snapshot that somebody has asked for.
type request struct {
	checkpoint.Request
	begun bool
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
	tasks   []*Subtask
	ctx     context.Context
	cancel  context.CancelCauseFunc
	open    int // tasks that are not closed
	attempt int
	failure error
	more    []error // failures after the first
	waiting bool    // for its restart
}

func (r *region) running() bool { return r.failure == nil && !r.waiting }

// failuresMost is how many further failures of a region are kept.
const failuresMost = 4

func (j *Job) now() int64 { return j.opts.Clock.Now().UnixNano() }

// prepare makes all parts of the job, and the first attempt of its tasks.
func (j *Job) prepare() error {
	j.m.coords, j.m.loops = map[string]*coordinator{}, map[string]*loopCoordinator{}
	j.m.checkpoints = checkpoint.NewCoordinator(j.opts.Checkpoints, j.opts.Name,
		max(j.lastID, idOf(j.opts.Restore)), j.now())
	for _, n := range j.plan.Order {
		if n.Source != nil {
			j.m.coords[n.UID] = newCoordinator(j, n)
		}
	}
	var all []*Subtask
	first := map[*graph.Chain]int{}
	chains := map[*graph.Node]*graph.Chain{}
	for _, c := range j.plan.Chains {
		first[c] = len(all)
		for _, n := range c.Nodes {
			chains[n] = c
		}
		for i := range c.Head().Parallelism {
			all = append(all, &Subtask{Chain: c, Index: i, job: j, place: len(all)})
		}
	}
	of := schedule.Regions(len(all), func(connect func(a, b int)) {
		for _, n := range j.plan.Order {
			if n.Loop != nil { // its heads agree on rounds
				for i := range n.Parallelism {
					connect(first[chains[n]], first[chains[n]]+i)
				}
			}
			for _, e := range n.In {
				if chains[e.From] == chains[e.To] && e.Chainable() {
					continue
				}
				for from := range e.From.Parallelism {
					low, high := targets(e.Strategy, from, e.From.Parallelism, e.To.Parallelism)
					for to := low; to <= high; to++ {
						connect(first[chains[e.From]]+from, first[chains[e.To]]+to)
					}
				}
			}
		}
	})
	for i, s := range all {
		for len(j.m.regions) <= of[i] {
			j.m.regions = append(j.m.regions, &region{})
		}
		r := j.m.regions[of[i]]
		s.region = r
		r.tasks = append(r.tasks, s)
	}
	j.mu.tasks = all
	for _, r := range j.m.regions {
		if err := j.buildRegion(r, j.opts.Restore); err != nil {
			return err
		}
	}
	return nil
}

// launch starts everything.
func (j *Job) launch() {
	if j.m.phase != working {
		return // cancelled already
	}
	j.start(j.m.regions, j.opts.Restore, true)
}

// start runs the tasks of regions that were built, and the coordinators if they are new. A
// coordinator hears of its readers and gets its state before a task can ask it for anything.
func (j *Job) start(regions []*region, from *checkpoint.Snapshot, coordinators bool) {
	j.m.from = from
	for _, r := range regions {
		for _, s := range r.tasks {
			if n := s.Chain.Head(); n.Source != nil {
				j.m.coords[n.UID].attach(s, idOf(from))
			}
		}
	}
	if coordinators {
		j.startCoordinators(from)
	}
	for _, r := range regions {
		r.open = len(r.tasks)
		for _, s := range r.tasks {
			j.runner.Task(r.ctx, s.Task, func(err error) {
				j.master.post(func() { j.taskClosed(s, err) })
			})
		}
	}
	j.allRun()
}

func (j *Job) startCoordinators(from *checkpoint.Snapshot) {
	for uid, c := range j.coordinators() {
		var state []byte
		if from != nil {
			if o := from.Operators[uid]; o != nil {
				state = o.Coordinator
			}
		}
		c.start(state, idOf(from))
	}
}

// coordinators iterates over the coordinators in the order of the plan, so that a simulation can be
// replayed.
func (j *Job) coordinators() func(yield func(uid string, c *coordinator) bool) {
	return func(yield func(uid string, c *coordinator) bool) {
		for _, n := range j.plan.Order {
			if c := j.m.coords[n.UID]; c != nil && !yield(n.UID, c) {
				return
			}
		}
	}
}

func idOf(s *checkpoint.Snapshot) int64 {
	if s == nil {
		return 0
	}
	return s.ID
}

// allRun tells the coordinator of checkpoints that the job runs, when all of it does.
func (j *Job) allRun() {
	if j.m.phase != working || slices.ContainsFunc(j.m.regions, func(r *region) bool { return !r.running() }) {
		return
	}
	j.setState(Running)
	var parts []checkpoint.Part
	for _, r := range j.m.regions {
		for _, s := range r.tasks {
			parts = append(parts, s.part())
		}
	}
	for uid := range j.coordinators() {
		parts = append(parts, checkpoint.Part{Subtask: -1, UID: uid})
	}
	j.m.checkpoints.Run(parts, j.now())
	j.arm()
	if j.m.stopping {
		j.stopSources()
	}
}

func (s *Subtask) part() checkpoint.Part {
	return checkpoint.Part{Chain: s.Chain.ID, Subtask: s.Index}
}

func (j *Job) setState(s State) {
	j.mu.Lock()
	j.mu.state = s
	j.mu.Unlock()
}

// taskEnded notes that a task has processed its input.
func (j *Job) taskEnded(s *Subtask) {
	s.ended = true
	j.unstall(s)
	j.checkEnded()
}

// checkEnded ends the job once all of its tasks have processed their input.
func (j *Job) checkEnded() {
	if j.m.phase != working {
		return
	}
	for _, r := range j.m.regions {
		if !r.running() || slices.ContainsFunc(r.tasks, func(s *Subtask) bool { return !s.ended }) {
			return
		}
	}
	j.finalise()
}

// finalise commits what all tasks have prepared: by a last checkpoint where there are any, so that a
// failure from now on commits again, else at once.
func (j *Job) finalise() {
	if j.m.final == nil && j.opts.Checkpoints.Interval == 0 {
		j.commit()
		return
	}
	j.m.phase = finalising
	if j.m.final == nil {
		j.m.final = &request{}
		j.m.final.Flags = j.opts.Checkpoints.Flags & operator.Native
	}
	j.act(j.m.checkpoints.Last(j.now()))
	j.next()
}

// beginFinal begins the last snapshot.
func (j *Job) beginFinal() {
	f := j.m.final
	if f.begun || j.m.checkpoints.Publishing() {
		return
	}
	f.begun = true
	r := f.Request
	r.End = func(s *checkpoint.Snapshot, location string, err error) {
		if f.End != nil {
			f.End(s, location, err)
			f.End = nil
		}
		j.master.post(func() { j.finalised(err) })
	}
	actions, err := j.m.checkpoints.Begin(j.now(), r)
	if err != nil {
		j.finalised(err)
		return
	}
	j.act(actions)
}

func (j *Job) finalised(err error) {
	switch {
	case j.m.phase != finalising:
	case err != nil:
		j.m.phase, j.m.final = working, nil
		j.failAll(fmt.Errorf("the last snapshot: %w", err))
	default:
		j.commit()
	}
}

// commit lets all tasks go.
func (j *Job) commit() { j.letGo(task.Commit) }

func (j *Job) letGo(o task.Outcome) {
	j.m.phase, j.m.final = committing, nil
	for _, r := range j.m.regions {
		for _, s := range r.tasks {
			s.Finish(o)
		}
	}
	j.stopCoordinators()
}

func (j *Job) stopCoordinators() {
	var old []*coordinator
	for _, c := range j.coordinators() {
		old = append(old, c)
	}
	j.m.coords = nil
	j.m.closing += len(old)
	for _, c := range old {
		c.stop(func() { j.master.post(j.coordinatorClosed) })
	}
}

func (j *Job) coordinatorClosed() {
	j.m.closing--
	j.next()
}

// taskClosed notes that a task's goroutine has ended; err is why, nil after Finish.
func (j *Job) taskClosed(s *Subtask, err error) {
	if err != nil {
		j.taskFailed(s, err)
	}
	s.region.open--
	j.next()
}

// taskFailed notes the failure of a task. A region that is cancelled reports the cause back.
func (j *Job) taskFailed(s *Subtask, err error) {
	r := s.region
	if r.tasks[slices.IndexFunc(r.tasks, func(o *Subtask) bool { return o.place == s.place })] != s {
		return
	}
	j.failRegion(r, err)
}

func (j *Job) failRegion(r *region, err error) {
	if cause := context.Cause(r.ctx); cause != nil {
		if err != cause && err != r.failure && r.failure != nil && len(r.more) < failuresMost &&
			!slices.Contains(r.more, err) {
			r.more = append(r.more, err)
		}
		return
	}
	switch j.m.phase {
	case committing:
		// What is committed cannot be taken back, and without checkpoints nothing can be repeated.
		if j.m.checkpoints.Latest() == nil {
			j.end(Failing, err)
			return
		}
		j.m.phase = working
		j.failAll(err)
		return
	case finalising:
		j.m.phase = working
		if j.m.final.End == nil {
			j.m.final = nil
		} else {
			j.m.final.begun = false
		}
	case ending, over:
		return
	}
	r.failure = err
	j.noteDamage(err)
	if _, never := j.opts.Restart.(schedule.Never); never {
		j.setState(Failing)
	} else {
		j.setState(Restarting)
	}
	r.cancel(err)
	for _, s := range r.tasks {
		if c := j.m.coords[s.Chain.Head().UID]; c != nil {
			c.detach(s)
		}
	}
	j.act(j.m.checkpoints.Halt(j.now(), err))
	j.watchCancel(r)
	j.next()
}

// failAll fails all regions, which restart together with the coordinators.
func (j *Job) failAll(err error) {
	if j.m.phase == ending || j.m.phase == over || j.m.global != nil {
		return
	}
	j.m.global = err
	for _, r := range j.m.regions {
		j.failRegion(r, err)
	}
	j.next() // all of them may have failed before
}

// coordinatorFailed fails all of the job, when c still belongs to it.
func (j *Job) coordinatorFailed(c *coordinator, err error) {
	j.master.post(func() {
		if j.m.coords[c.node.UID] == c {
			j.failAll(err)
		}
	})
}

// watchCancel gives the job up when the tasks of a region do not end.
func (j *Job) watchCancel(r *region) {
	attempt := r.attempt
	j.opts.Clock.AfterFunc(j.opts.CancelTimeout, func() {
		j.master.post(func() {
			if r.attempt == attempt && r.open > 0 && j.m.phase != over {
				j.stuck()
			}
		})
	})
}

// next goes on where all that was waited for has come.
func (j *Job) next() {
	switch j.m.phase {
	case ending, committing:
		if j.m.closing == 0 && !slices.ContainsFunc(j.m.regions, func(r *region) bool { return r.open > 0 }) {
			j.conclude()
		}
		return
	case over:
		return
	}
	if j.m.phase == finalising {
		j.beginFinal()
		return
	}
	if j.m.checkpoints.Publishing() {
		return // the restart would be from an older one
	}
	if j.m.global != nil {
		j.nextGlobal()
		return
	}
	for _, r := range j.m.regions {
		if r.failure != nil && r.open == 0 && !r.waiting {
			j.recover(r, r.err(), func() { j.restartAlone(r) })
		}
	}
}

// nextGlobal restarts the whole job, once all of its tasks and coordinators have ended.
func (j *Job) nextGlobal() {
	for _, r := range j.m.regions {
		if r.open > 0 || r.waiting {
			return
		}
	}
	j.stopCoordinators()
	if j.m.closing > 0 {
		return
	}
	cause := j.m.global
	for _, r := range j.m.regions {
		if r.failure == cause && len(r.more) > 0 {
			cause = r.err()
			break
		}
	}
	j.recover(j.m.regions[0], cause, func() {
		j.m.global = nil
		j.m.coords = map[string]*coordinator{}
		for _, n := range j.plan.Order {
			if n.Source != nil {
				j.m.coords[n.UID] = newCoordinator(j, n)
			}
		}
		j.restart(j.m.regions, true)
	})
}

// recover asks the strategy what becomes of a failure, and restarts after a while or ends the job.
func (j *Job) recover(r *region, cause error, restart func()) {
	delay, ok := j.opts.Restart.Failed(j.now())
	if !ok {
		if _, never := j.opts.Restart.(schedule.Never); !never {
			cause = fmt.Errorf("%w (not restarted any more: %v)", cause, j.opts.Restart)
		}
		j.end(Failing, cause)
		return
	}
	j.opts.Log.Warn("flott: restarting after a failure", "job", j.opts.Name,
		"in", time.Duration(delay), "from", idOf(j.latest()), "cause", cause)
	r.waiting = true
	j.opts.Clock.AfterFunc(time.Duration(delay), func() {
		j.master.post(func() {
			if j.m.phase == working && r.waiting {
				restart()
			}
		})
	})
}

// restartAlone restarts a region, unless all of the job is to restart by now.
func (j *Job) restartAlone(r *region) {
	if j.m.global != nil {
		r.waiting = false
		j.next()
		return
	}
	j.restart([]*region{r}, false)
}

// restart rebuilds regions and runs them.
func (j *Job) restart(regions []*region, coordinators bool) {
	j.load(func(from *checkpoint.Snapshot, err error) {
		if j.m.phase != working {
			return
		}
		if fault.Seeded(fault.RestartAnew) {
			from = nil
		}
		if err == nil {
			j.restartFrom(regions, from, coordinators)
			return
		}
		err = fmt.Errorf("restart: %w", err)
		if errors.Is(err, storage.ErrNone) {
			j.end(Failing, err)
			return
		}
		// The storage may be back at the next attempt.
		j.recover(regions[0], err, func() { j.restart(regions, coordinators) })
	})
}

func (j *Job) restartFrom(regions []*region, from *checkpoint.Snapshot, coordinators bool) {
	if !coordinators && j.m.global != nil {
		j.restartAlone(regions[0])
		return
	}
	if !coordinators && idOf(from) != idOf(j.latest()) {
		// The rest of the job stands on one that is damaged.
		for _, r := range regions {
			r.waiting = false
		}
		j.failAll(fmt.Errorf("all of the job goes back to checkpoint %d", idOf(from)))
		return
	}
	j.mu.Lock()
	j.mu.restarts++
	j.mu.Unlock()
	if coordinators {
		j.m.checkpoints.Restored(from)
	}
	for _, r := range regions {
		if err := j.buildRegion(r, from); err != nil {
			j.end(Failing, err)
			return
		}
	}
	j.start(regions, from, coordinators)
}

// err is the region's failure and what failed after it.
func (r *region) err() error {
	if len(r.more) == 0 {
		return r.failure
	}
	return &SuppressedError{r.failure, r.more}
}

// SuppressedError is a failure together with others that came after it, while the tasks were being
// cancelled: they may or may not follow from it.
type SuppressedError struct {
	Cause error
	Later []error
}

// Error shows all of them.
func (e *SuppressedError) Error() string {
	text := e.Cause.Error()
	for _, l := range e.Later {
		text += "\n  and then: " + l.Error()
	}
	return text
}

// Unwrap is the first failure.
func (e *SuppressedError) Unwrap() error { return e.Cause }

// end brings the job down; only the first cause counts.
func (j *Job) end(to State, cause error) {
	// Once all input is processed, what is being committed is not taken back by a cancellation.
	if j.m.phase >= ending || j.m.phase == committing && to == Cancelling {
		return
	}
	j.m.phase = ending
	j.mu.Lock()
	j.mu.state, j.mu.cause = to, cause
	j.mu.Unlock()
	j.act(j.m.checkpoints.Halt(j.now(), errors.New("the job ended")))
	if f := j.m.final; f != nil && f.End != nil {
		f.End(nil, "", fmt.Errorf("the job ended: %w", cause))
	}
	j.abort(cause)
	j.stopCoordinators()
	j.opts.Clock.AfterFunc(j.opts.CancelTimeout, func() {
		j.master.post(func() {
			if j.m.phase == ending {
				j.stuck()
			}
		})
	})
	j.next()
}

// stuck gives the job up although user code has not returned.
func (j *Job) stuck() {
	j.mu.Lock()
	cause := j.mu.cause
	if cause == nil {
		for _, r := range j.m.regions {
			if r.failure != nil {
				cause = r.failure
			}
		}
	}
	j.mu.cause = &StuckError{Cause: cause, Timeout: j.opts.CancelTimeout, Stacks: stuckStacks()}
	j.mu.state = Failing
	j.mu.Unlock()
	j.conclude()
}

// conclude turns the transient state into a final one.
func (j *Job) conclude() {
	j.m.phase = over
	j.unwatch()
	j.abort(nil)
	if j.m.tick != nil {
		j.m.tick()
	}
	spillErr := j.spill.Close()
	j.mu.Lock()
	if spillErr != nil && j.mu.cause == nil {
		j.mu.state = Failing
		j.mu.cause = fmt.Errorf("remove temporary files: %w", spillErr)
	}
	switch j.mu.state {
	case Cancelling:
		j.mu.state = Canceled
	case Failing:
		j.mu.state = Failed
	default:
		j.mu.state = Finished
	}
	j.mu.stopped = j.opts.Clock.Now()
	j.mu.history = j.m.checkpoints.History()
	j.mu.Unlock()
	j.discard(func() { close(j.done) })
}

// stopSources ends the sources.
func (j *Job) stopSources() {
	j.m.stopping = true
	for _, r := range j.m.regions {
		for _, s := range r.tasks {
			for _, n := range s.nodes {
				if st, ok := n.(interface{ Stop() }); ok {
					s.Deliver(st.Stop)
				}
			}
		}
	}
}
