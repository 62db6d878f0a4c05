package job

import (
	"errors"
	"fmt"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/internal/worker"
)

// tell tells the execution of something, on the master, and carries out what follows.
func (j *Job) tell(event func(now int64) []schedule.Action) {
	j.master.Post(func() { j.act(event(j.now())) })
}

// act carries out what the execution says.
func (j *Job) act(actions []schedule.Action) {
	for len(actions) > 0 {
		a := actions[0]
		j.tracer.noteAction(a)
		actions = append(actions[1:], j.carryOut(a)...)
	}
	if j.over {
		return
	}
	j.arm()
	j.logState(j.exec.State(), j.exec.Cause())
	j.mu.Lock()
	j.enterLocked(j.exec.State())
	j.mu.cause = j.exec.Cause()
	j.mu.restarts, j.mu.history = j.exec.Restarts(), j.exec.History()
	j.mu.rescales, j.mu.graph = j.exec.Rescales(), j.exec.Graph()
	state, history := j.mu.state, j.mu.history
	j.mu.Unlock()
	j.tracer.note(j.now(), state, j.exec.Restarts(), &history)
}

// carryOut carries an action out and returns what follows at once.
func (j *Job) carryOut(a schedule.Action) (more []schedule.Action) {
	switch a := a.(type) {
	case schedule.Deploy:
		return j.deploy(a)
	case schedule.Adopt:
		j.workers.(Adopter).Adopt(a.Latest)
	case schedule.Cancel:
		j.workers.Cancel(a.Deployment, a.Cause)
	case schedule.Abort:
		j.abort(a.Cause)
		j.workers.Abort(a.Cause)
	case schedule.LetGo:
		j.workers.LetGo(a.Deployment, a.Commit)
	case schedule.Discard:
		j.workers.(Stager).Discard(a.Deployment)
	case schedule.StopCoordinators:
		j.workers.StopCoordinators(a.Generation)
	case schedule.StopSources:
		j.workers.StopSources()
	case schedule.Barrier:
		j.log.Debug("flott: a checkpoint begins", logging.Checkpoint, a.Pending.ID(), "savepoint", a.Pending.Flags.Has(operator.Savepoint))
		j.workers.Barrier(a.Pending.ID(), a.Pending.Flags, j.targets[a.Pending.ID()])
	case schedule.Tell:
		if a.Completed {
			j.log.Debug("flott: a checkpoint is complete", logging.Checkpoint, a.Checkpoint)
		}
		j.workers.Tell(a.Checkpoint, a.Completed)
	case schedule.Open:
		j.openTarget(a.Pending)
	case schedule.Publish:
		j.publish(a.Pending, a.Last)
	case schedule.Release:
		j.release(a.Checkpoint)
	case schedule.Close:
		j.drop(a.Checkpoint)
	case schedule.Sweep:
		j.sweep()
	case schedule.Load:
		j.load(a)
	case schedule.Kill:
		j.workers.(Killer).Kill(a.Deployment, a.Cause)
	case schedule.Warn:
		j.log.Warn(a.Text, a.Args...)
	case schedule.End:
		j.conclude(a)
	}
	return nil
}

func (j *Job) deploy(d schedule.Deploy) (more []schedule.Action) {
	if err := j.workers.Build(d); err != nil {
		for _, n := range d.Deployments {
			more = append(more, j.exec.DeployFailed(j.now(), n.Number, err)...)
		}
		return more
	}
	if !j.workers.Run(d) {
		return nil
	}
	for _, n := range d.Deployments {
		more = append(more, j.exec.Deployed(j.now(), n.Number)...)
	}
	return more
}

// arm sets the clock for the next thing that the execution has to do by itself.
func (j *Job) arm() {
	at := j.exec.Wake()
	if at == j.armed {
		return
	}
	if j.disarm != nil {
		j.disarm()
		j.disarm = nil
	}
	if j.armed = at; at == 0 {
		return
	}
	d := max(0, time.Duration(at-j.now()))
	j.disarm = j.opts.Clock.AfterFunc(d, func() {
		j.tell(func(now int64) []schedule.Action {
			if j.armed == at {
				j.armed = 0
			}
			return j.exec.Tick(now)
		})
	})
}

func (j *Job) openTarget(p *checkpoint.Pending) {
	id, base := p.ID(), p.StandsOn()
	j.runner.Go(actor.Open, func() {
		target, err := j.newTarget(p, id, base)
		j.tell(func(now int64) []schedule.Action {
			if err == nil {
				j.targets[id] = target
			}
			return j.exec.Opened(now, p, err)
		})
	})
}

func (j *Job) newTarget(p *checkpoint.Pending, id, base int64) (*storage.Target, error) {
	if p.Flags.Has(operator.Savepoint) {
		return j.savepoints.Savepoint(j.ctx, p.Directory, id)
	}
	if err := j.opts.Store.Begin(j.ctx, id, base); err != nil {
		return nil, err
	}
	return j.opts.Store.Checkpoint(id, 0), nil
}

func (j *Job) publish(p *checkpoint.Pending, last bool) {
	target := j.targets[p.ID()]
	j.runner.Go(actor.Publish, func() {
		var err error
		if p.Flags.Has(operator.Savepoint) {
			err = target.Publish(j.ctx, p.Snapshot())
			if err == nil && last && j.opts.Stopping != nil {
				err = j.opts.Stopping(j.ctx, target.URI())
			}
		} else {
			err = j.opts.Store.Publish(j.ctx, p.Snapshot())
		}
		j.tell(func(now int64) []schedule.Action {
			verdict := schedule.NoVerdict
			switch {
			case err == nil:
				p.Location = target.URI()
			case errors.Is(err, storage.ErrDeposed):
				verdict = schedule.Deposed
			case errors.Is(err, storage.ErrUncertain):
				verdict = schedule.Uncertain
			}
			return j.exec.Published(now, p, err, verdict)
		})
	})
}

// drop forgets the target of a checkpoint.
func (j *Job) drop(id int64) *storage.Target {
	target := j.targets[id]
	delete(j.targets, id)
	j.workers.Forget(id)
	return target
}

func (j *Job) release(id int64) {
	target := j.drop(id)
	if target.Checkpoint() {
		j.opts.Store.Abort(id)
		return
	}
	j.runner.Go(actor.Sweep, func() { j.warn(target.Abort(j.ctx), "delete what there is of a savepoint") })
}

func (j *Job) sweep() {
	j.runner.Go(actor.Sweep, func() {
		j.warn(j.opts.Store.Sweep(j.ctx), "delete old checkpoints")
		j.tell(j.exec.Swept)
	})
}

func (j *Job) load(l schedule.Load) {
	j.runner.Go(actor.Load, func() {
		s, warnings, err := j.opts.Store.Latest(j.ctx, l.Damaged...)
		j.warnAll(warnings, "a checkpoint is damaged")
		j.tell(func(now int64) []schedule.Action {
			return j.exec.Loaded(now, l.Ticket, s, err, errors.Is(err, storage.ErrNone))
		})
	})
}

func (j *Job) warn(err error, doing string) {
	if err != nil && j.ctx.Err() == nil {
		j.log.Warn("flott: "+doing, "error", err)
	}
}

// conclude ends the job.
func (j *Job) conclude(end schedule.End) {
	j.over = true
	j.unwatch()
	if j.disarm != nil {
		j.disarm()
	}
	state, cause := end.State, end.Cause
	if end.Stuck {
		cause = &StuckError{Cause: cause, Timeout: j.opts.CancelTimeout, Stacks: worker.Stacks()}
	}
	if err := j.workers.Close(); err != nil && cause == nil {
		state, cause = schedule.Failed, fmt.Errorf("remove temporary files: %w", err)
	}
	j.abort(nil)
	j.logState(state, cause)
	j.mu.Lock()
	j.enterLocked(state)
	j.mu.cause = cause
	j.mu.stopped = j.opts.Clock.Now()
	j.mu.restarts, j.mu.history = j.exec.Restarts(), j.exec.History()
	history := j.mu.history
	j.mu.Unlock()
	j.tracer.note(j.now(), state, j.exec.Restarts(), &history)
	j.tracer.over(j.now(), j.exec.Restarts(), cause)
	over := func() { close(j.done) }
	if j.opts.Ended == nil {
		j.discard(over)
		return
	}
	j.opts.Ended(func(deletes bool, then func()) {
		j.master.Post(func() {
			if !deletes {
				over()
				then()
				return
			}
			j.discard(func() {
				over()
				then()
			})
		})
	})
}

// listener passes on to the execution what the Host reports.
type listener struct{ *Job }

// Deployed tells that the tasks of a deployment run.
func (j listener) Deployed(deployment int) {
	j.tell(func(now int64) []schedule.Action { return j.exec.Deployed(now, deployment) })
}

// DeployFailed tells that the tasks of a deployment cannot be made.
func (j listener) DeployFailed(deployment int, err error) {
	j.tell(func(now int64) []schedule.Action { return j.exec.DeployFailed(now, deployment, err) })
}

// ResultsLost tells that the results of a deployment are gone.
func (j listener) ResultsLost(deployment int, err error) {
	j.tell(func(now int64) []schedule.Action { return j.exec.ResultsLost(now, deployment, err) })
}

// TaskEnded tells that a task has processed its input.
func (j listener) TaskEnded(deployment, place int) {
	j.tell(func(now int64) []schedule.Action { return j.exec.TaskEnded(now, deployment, place) })
}

// TaskFailed tells that a task has failed.
func (j listener) TaskFailed(deployment, place int, f schedule.Failure) {
	j.tell(func(now int64) []schedule.Action {
		j.logFailure(deployment, place, f)
		return j.exec.TaskFailed(now, deployment, place, f)
	})
}

// TaskClosed tells that a task has ended.
func (j listener) TaskClosed(deployment, place int, f schedule.Failure) {
	j.tell(func(now int64) []schedule.Action { return j.exec.TaskClosed(now, deployment, place, f) })
}

// Delivered tells that a task has delivered its part of a checkpoint.
func (j listener) Delivered(d checkpoint.Delivery) {
	j.tell(func(now int64) []schedule.Action { return j.exec.Delivered(now, d) })
}

// CoordinatorDelivered tells that a coordinator has delivered its part of a checkpoint.
func (j listener) CoordinatorDelivered(id int64, of checkpoint.Operator, state []byte) {
	j.tell(func(now int64) []schedule.Action { return j.exec.CoordinatorDelivered(now, id, of, state) })
}

// Declined tells that a part of a checkpoint could not be taken.
func (j listener) Declined(id int64, err error) {
	j.tell(func(now int64) []schedule.Action { return j.exec.Declined(now, id, err) })
}

// CoordinatorFailed tells that a coordinator has failed.
func (j listener) CoordinatorFailed(generation int, err error) {
	j.tell(func(now int64) []schedule.Action { return j.exec.CoordinatorFailed(now, generation, err) })
}

// CoordinatorsClosed tells that the coordinators have ended.
func (j listener) CoordinatorsClosed(generation int) {
	j.tell(func(now int64) []schedule.Action { return j.exec.CoordinatorsClosed(now, generation) })
}
