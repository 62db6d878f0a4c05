package schedule

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/fault"
)

// Failure is why a task or a coordinator has failed.
type Failure struct {
	Err error
	// Damaged says that the checkpoint it was restored from cannot be read.
	Damaged bool
	// Results is the deployment whose results it cannot read, as they are missing or damaged; 0 for none.
	Results int
}

// TaskFailed tells that a task of a deployment has failed. It is not closed yet.
func (e *Execution) TaskFailed(now int64, deployment, place int, f Failure) []Action {
	return e.step(now, func() { e.taskFailed(deployment, place, f) })
}

// TaskClosed tells that a task of a deployment has ended: by itself with a failure, or without one, after
// LetGo or because it was cancelled.
func (e *Execution) TaskClosed(now int64, deployment, place int, f Failure) []Action {
	return e.step(now, func() {
		if !e.isCurrent(deployment, place) {
			return
		}
		if f.Err != nil {
			e.taskFailed(deployment, place, f)
		}
		e.regions[e.tasks[place].region].open--
		e.next()
	})
}

func (e *Execution) taskFailed(deployment, place int, f Failure) {
	if e.isCurrent(deployment, place) {
		e.failRegion(e.regions[e.tasks[place].region], f)
	}
}

// CoordinatorFailed tells that a coordinator of a generation has failed. That fails all of the job, unless it
// runs in stages.
func (e *Execution) CoordinatorFailed(now int64, generation int, err error) []Action {
	return e.step(now, func() {
		switch {
		case generation != e.generation:
		case e.cfg.Stages && e.phase == working:
			e.coordinatorsLost(err)
		default:
			e.failAll(err)
		}
	})
}

// failuresMost is how many further failures of a region are kept.
const failuresMost = 4

func (e *Execution) failRegion(r *region, f Failure) {
	if e.cfg.Stages && (r.settled() || e.phase == working) {
		e.failStage(r, f)
		return
	}
	if r.failure != nil || e.phase >= ending {
		if r.failure != nil && f.Err != r.failure && len(r.more) < failuresMost && !slices.Contains(r.more, f.Err) {
			r.more = append(r.more, f.Err)
		}
		return
	}
	switch e.phase {
	case committing:
		if e.suspended {
			e.end(Failing, suspendedError(f.Err))
			return
		}
		if e.endAt != 0 { // it was cancelled
			e.phase = working
			e.end(Cancelling, ErrCanceled)
			return
		}
		// What is committed cannot be taken back, and without checkpoints nothing can be repeated.
		if e.checkpoints.Latest() == nil {
			e.end(Failing, f.Err)
			return
		}
		if e.phase = working; e.global == nil {
			e.failAll(f.Err)
			return
		}
	case finalising:
		e.phase = working
		if e.final.End == nil {
			e.final = nil
		} else {
			e.final.begun = false
		}
	}
	r.failure = f.Err
	if f.Damaged {
		e.noteDamage(f.Err)
	}
	if _, never := e.cfg.Restart.(Never); never && f.Err != ErrRescale {
		e.state = Failing
	} else {
		e.state = Restarting
	}
	e.do(Cancel{r.number, f.Err})
	if f.Err == ErrRescale {
		e.act(e.checkpoints.Halt(e.now, f.Err)) // those that wait go on to
	} else {
		e.halt(f.Err)
	}
	r.cancelAt = e.now + e.cfg.CancelTimeout
	if e.rescale != nil && e.global == nil {
		e.failAll(f.Err) // all of it restarts with the new parallelism
		return
	}
	e.next()
}

// noteDamage remembers that the checkpoint cannot be restored that the job was restored from.
func (e *Execution) noteDamage(err error) {
	if id := idOf(e.from); e.cfg.Stored && id != 0 && !slices.Contains(e.damaged, id) {
		e.damaged = append(e.damaged, id)
		e.warn("flott: a checkpoint is damaged; going on from an older one, what was committed since "+
			"is committed again", "checkpoint", id, "error", err)
	}
}

// failAll fails all regions, which restart together with the coordinators.
func (e *Execution) failAll(err error) {
	if e.phase == ending || e.phase == over || e.global != nil {
		return
	}
	e.global = err
	for _, r := range e.regions {
		e.failRegion(r, Failure{Err: err})
	}
	e.next() // all of them may have failed before
}

// nextGlobal restarts the whole job, once all of its tasks and coordinators have ended.
func (e *Execution) nextGlobal() {
	for _, r := range e.regions {
		if r.open > 0 || r.waiting {
			return
		}
	}
	e.stopCoordinators()
	if e.closing {
		return
	}
	cause := e.globalCause()
	if cause == nil {
		e.regions[0].waiting, e.regions[0].all = true, true
		failed := slices.ContainsFunc(e.regions, func(r *region) bool { return r.failure != ErrRescale })
		e.restart(load{regions: e.regions, all: true, planned: !failed})
		return
	}
	e.recover(e.regions[0], cause, true)
}

// globalCause is the failure of the whole job about which the restart strategy is to be asked; nil if the
// job was only stopped for a change of its parallelism, or has been asked about what failed before.
func (e *Execution) globalCause() error {
	if e.global != ErrRescale {
		for _, r := range e.regions {
			if r.failure == e.global && len(r.more) > 0 {
				return r.err()
			}
		}
		return e.global
	}
	for _, r := range e.regions {
		if r.failure != ErrRescale && !r.judged || fault.Seeded(fault.RescaleCounts) {
			return r.err()
		}
	}
	return nil
}

// recover asks the strategy what becomes of a failure, and restarts after a while or ends the job.
func (e *Execution) recover(r *region, cause error, all bool) {
	delay, ok := e.cfg.Restart.Failed(e.now)
	r.judged = true
	if !ok {
		if _, never := e.cfg.Restart.(Never); !never {
			cause = fmt.Errorf("%w (not restarted any more: %v)", cause, e.cfg.Restart)
		}
		e.end(Failing, cause)
		return
	}
	e.warn("flott: restarting after a failure", "in", seconds(delay), "checkpoint", idOf(e.latest()), "cause", cause)
	r.waiting, r.all = true, all
	r.restartAt = max(1, e.now+delay)
}

// restartDue restarts what has waited long enough.
func (e *Execution) restartDue(r *region) {
	if e.phase != working || !r.waiting {
		return
	}
	if e.cfg.Stages {
		e.restartStages()
		return
	}
	if !r.all {
		e.restartAlone(r)
		return
	}
	e.restart(load{regions: e.regions, all: true})
}

// restartAlone restarts a region, unless all of the job is to restart by now.
func (e *Execution) restartAlone(r *region) {
	if e.global != nil {
		r.waiting = false
		e.next()
		return
	}
	e.restart(load{regions: []*region{r}})
}

// latest is the newest snapshot that the job knows of, nil if it began anew.
func (e *Execution) latest() *checkpoint.Snapshot {
	if s := e.checkpoints.Latest(); s != nil {
		return s
	}
	return e.cfg.Restore
}

// restart finds the snapshot to restart regions from.
func (e *Execution) restart(l load) {
	if !e.cfg.Stored || !e.own() && !e.uncertain {
		e.loaded(l, e.latest())
		return
	}
	e.ticket++
	e.loads[e.ticket] = l
	e.do(Load{e.ticket, slices.Clone(e.damaged)})
}

// own reports whether the storage of the job has a checkpoint for certain.
func (e *Execution) own() bool { return e.checkpoints.Latest() != nil || e.cfg.Own }

// Loaded answers Load with a snapshot, or with the reason why there is none. gone says that the storage
// has none any more, so that another attempt would find none either.
func (e *Execution) Loaded(now int64, ticket int, s *checkpoint.Snapshot, err error, gone bool) []Action {
	return e.step(now, func() {
		l := e.loads[ticket]
		delete(e.loads, ticket)
		switch {
		case e.phase != working || l.regions == nil:
		case err == nil:
			e.loaded(l, s)
		case gone && !e.own():
			e.loaded(l, e.cfg.Restore)
		case gone:
			e.end(Failing, fmt.Errorf("restart: %w", err))
		default: // the storage may be back at the next attempt
			e.recover(l.regions[0], fmt.Errorf("restart: %w", err), l.all)
		}
	})
}

func (e *Execution) loaded(l load, from *checkpoint.Snapshot) {
	if fault.Seeded(fault.RestartAnew) {
		from = nil
	}
	if !l.all && e.global != nil {
		e.restartAlone(l.regions[0])
		return
	}
	if !l.all && idOf(from) != idOf(e.latest()) {
		// The rest of the job stands on one that is damaged.
		for _, r := range l.regions {
			r.waiting = false
		}
		e.failAll(fmt.Errorf("all of the job goes back to checkpoint %d", idOf(from)))
		return
	}
	if !l.planned {
		e.restarts++
	}
	if l.all {
		e.global = nil
		e.checkpoints.Restored(from)
		e.relay()
		l.regions = e.regions
	}
	e.deploy(l.regions, from, l.all && !(l.planned && fault.Seeded(fault.KeepCoordinators)))
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

func lastSnapshotError(err error) error { return fmt.Errorf("the last snapshot: %w", err) }
func endedError(cause error) error      { return fmt.Errorf("the job ended: %w", cause) }
