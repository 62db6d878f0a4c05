package schedule

import (
	"errors"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
)

// ErrBatch is why a job in batch mode takes no snapshot.
var ErrBatch = errors.New("a job in batch mode takes no snapshots")

// askedMost is how many snapshots may wait for others.
const askedMost = 16

var errEnding = errors.New("the job is ending already")

// Begin begins a snapshot that somebody has asked for, now or when others that are under way allow it. The
// request is told what becomes of it, once; ticket is for Withdraw.
func (e *Execution) Begin(now int64, r checkpoint.Request) (ticket int64, actions []Action) {
	e.last++
	ticket = e.last
	return ticket, e.step(now, func() {
		switch {
		case !e.cfg.Snapshots:
			r.End(nil, "", ErrBatch)
		case e.checkpoints.Stopped() && e.rescale == nil:
			r.End(nil, "", fmt.Errorf("the job is %v", e.state))
		case len(e.asked) >= askedMost:
			r.End(nil, "", checkpoint.ErrBusy)
		default:
			e.ask(r, ticket)
		}
	})
}

// ask has a snapshot begin as soon as that is possible, before the step is over if it is now.
func (e *Execution) ask(r checkpoint.Request, ticket int64) *request {
	a := &request{Request: r, ticket: ticket}
	a.End = func(s *checkpoint.Snapshot, location string, err error) {
		e.begun = slices.DeleteFunc(e.begun, func(o *request) bool { return o == a })
		r.End(s, location, err)
	}
	e.asked = append(e.asked, a)
	return a
}

// beginAsked begins the snapshots that wait, as far as it can. Those that were asked for after a change of
// the parallelism wait for it, or it might wait for them for ever.
func (e *Execution) beginAsked() {
	for len(e.asked) > 0 && e.checkpoints.Room() {
		a := e.asked[0]
		if x := e.rescale; x != nil && (a.ticket > x.asked || a.ticket == x.asked && x.late) {
			return
		}
		actions, err := e.checkpoints.Begin(e.now, a.Request)
		if err != nil {
			return
		}
		e.asked = e.asked[1:]
		a.begun, a.id = true, actions[0].Pending.ID()
		e.begun = append(e.begun, a)
		e.act(actions)
	}
}

// refuseAsked answers those that wait for a snapshot that there is none.
func (e *Execution) refuseAsked(cause error) {
	all := e.asked
	e.asked = nil
	if fault.Seeded(fault.LoseAsked) {
		return
	}
	for _, a := range all {
		a.End(nil, "", cause)
	}
}

// Withdraw gives a snapshot up that nobody waits for any more.
func (e *Execution) Withdraw(now, ticket int64, cause error) []Action {
	return e.step(now, func() { e.withdraw(ticket, cause) })
}

func (e *Execution) withdraw(ticket int64, cause error) {
	if i := slices.IndexFunc(e.asked, func(a *request) bool { return a.ticket == ticket }); i >= 0 {
		a := e.asked[i]
		e.asked = slices.Delete(e.asked, i, i+1)
		a.End(nil, "", cause)
	}
	for _, a := range e.begun {
		if a.ticket == ticket {
			e.act(e.checkpoints.Withdraw(e.now, a.id, cause))
			return
		}
	}
}

// Drain ends all sources, and takes the snapshot when all input is processed.
func (e *Execution) Drain(now int64, r checkpoint.Request) []Action {
	return e.step(now, func() {
		switch {
		case !e.cfg.Snapshots:
			r.End(nil, "", ErrBatch)
		case e.phase != working || e.final != nil:
			r.End(nil, "", errEnding)
		default:
			e.final = &request{Request: r}
			e.stopSources()
			e.checkEnded()
		}
	})
}

// Delivered tells that a task has delivered its part of a checkpoint.
func (e *Execution) Delivered(now int64, d checkpoint.Delivery) []Action {
	return e.step(now, func() { e.act(e.checkpoints.Deliver(now, d)) })
}

// CoordinatorDelivered tells that a coordinator has delivered its part of a checkpoint.
func (e *Execution) CoordinatorDelivered(now, id int64, of checkpoint.Operator, state []byte) []Action {
	return e.step(now, func() { e.act(e.checkpoints.DeliverCoordinator(id, of, state)) })
}

// Declined tells that a task or a coordinator could not take its part of a checkpoint.
func (e *Execution) Declined(now, id int64, err error) []Action {
	return e.step(now, func() { e.act(e.checkpoints.Decline(now, id, err)) })
}

// act carries out what the coordinator of checkpoints says.
func (e *Execution) act(actions []checkpoint.Action) {
	for _, a := range actions {
		switch a.Do {
		case checkpoint.Trigger:
			e.trigger(a.Pending)
		case checkpoint.Publish:
			e.publish(a.Pending)
		case checkpoint.Complete:
			e.completed(a.Pending)
		case checkpoint.Abort:
			e.aborted(a.Pending, a.Err)
		case checkpoint.Fail:
			e.failAll(a.Err)
		}
	}
}

// trigger makes room for a snapshot in storage and then sends the barriers.
func (e *Execution) trigger(p *checkpoint.Pending) {
	if e.checkpoints.Pending(p.ID()) == nil {
		return // the job has failed in the same step, by the checkpoint before
	}
	if p.InMemory || !e.cfg.Stored && !isSavepoint(p) {
		e.do(Barrier{p})
		return
	}
	e.do(Open{p})
}

// Opened tells that there is room for a snapshot in storage, or why there is none.
func (e *Execution) Opened(now int64, p *checkpoint.Pending, err error) []Action {
	return e.step(now, func() {
		switch {
		case err != nil:
			e.act(e.checkpoints.Decline(now, p.ID(), err))
		case e.checkpoints.Pending(p.ID()) == nil:
			e.opened[p.ID()] = !isSavepoint(p)
			e.release(p.ID())
		default:
			e.opened[p.ID()] = !isSavepoint(p)
			e.do(Barrier{p})
		}
	})
}

// publish makes a snapshot durable.
func (e *Execution) publish(p *checkpoint.Pending) {
	if fault.Seeded(fault.CommitAtPublish) {
		e.completed(p)
	}
	if _, ok := e.opened[p.ID()]; ok {
		last := isSavepoint(p) && (p.Flags.Has(operator.Suspend) || e.isFinal(p))
		e.do(Publish{p, last})
		return
	}
	e.soon(func() {
		e.act(e.checkpoints.Published(e.now, p.ID(), nil))
		e.next()
	})
}

// Verdict is what an error of Publish says of the job.
type Verdict uint8

// The verdicts.
const (
	NoVerdict Verdict = iota // only the snapshot has failed
	Deposed                  // somebody else goes on from the job's checkpoints
	Uncertain                // only what is stored tells whether the snapshot is complete
)

// Published tells that a snapshot is durable, or why it is not.
func (e *Execution) Published(now int64, p *checkpoint.Pending, err error, v Verdict) []Action {
	return e.step(now, func() {
		_, open := e.opened[p.ID()]
		e.act(e.checkpoints.Published(now, p.ID(), err))
		switch {
		case v == Deposed:
			e.end(Failing, fmt.Errorf("%w: another run of this job goes on from its checkpoints", err))
		case v == Uncertain:
			e.uncertain = true
			e.failAll(err)
		case err == nil && open:
			delete(e.opened, p.ID())
			e.do(Close{p.ID()})
			if !isSavepoint(p) {
				e.sweep()
			}
		}
		e.next()
	})
}

// release gives up the room of a snapshot in storage.
func (e *Execution) release(id int64) {
	own, ok := e.opened[id]
	if !ok {
		return
	}
	delete(e.opened, id)
	e.do(Release{id})
	if own {
		e.sweep()
	}
}

// sweep deletes the objects of checkpoints that are not retained.
func (e *Execution) sweep() {
	if e.sweeping {
		e.sweepMore = true
		return
	}
	e.sweeping = true
	e.do(Sweep{})
}

// Swept answers Sweep.
func (e *Execution) Swept(now int64) []Action {
	return e.step(now, func() {
		again := e.sweepMore
		e.sweeping, e.sweepMore = false, false
		if again && e.phase < ending {
			e.sweep()
		}
	})
}

// completed tells everybody. A savepoint that the job outlives is not told, unless it is the job's last
// snapshot: a restart would be from an older checkpoint, and what had been committed since would be
// committed again.
func (e *Execution) completed(p *checkpoint.Pending) {
	e.cfg.Restart.Progress()
	if p.Outlived() {
		if !e.isFinal(p) {
			return
		}
		e.suspended = true
	}
	e.do(Tell{p.ID(), true})
	if !p.Flags.Has(operator.Suspend) || e.phase >= committing {
		return
	}
	e.suspended = true
	for _, r := range e.regions {
		if !r.running() {
			e.end(Failing, suspendedError(r.err()))
			return
		}
	}
	e.letGo(false)
}

// isFinal reports whether a snapshot is the one that was asked for when all input is processed.
func (e *Execution) isFinal(p *checkpoint.Pending) bool {
	return e.phase == finalising && e.final.id == p.ID()
}

// suspendedError is the end of a job that was to be stopped with a savepoint, and has failed when that was
// complete. It cannot go on, since nothing may follow the savepoint, and what the savepoint stands on may
// be committed in part.
func suspendedError(err error) error {
	return fmt.Errorf("%w; the savepoint is complete, but not all that it holds may be committed: a job that is "+
		"started from it commits the rest", err)
}

func (e *Execution) aborted(p *checkpoint.Pending, err error) {
	if p.Periodic && e.phase == working {
		e.warn("flott: a checkpoint failed", "checkpoint", p.ID(), "cause", err)
	}
	e.do(Tell{p.ID(), false})
	e.release(p.ID())
}
