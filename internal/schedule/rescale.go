package schedule

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/graph"
)

// rescale is a change of the parallelism that was asked for.
//
//	asked ── a checkpoint is complete, or late ──▶ stopped ── restored with the new layout ──▶ runs
//	  └───────────────── something does not run ─────▲
//
// The tasks are stopped as by a failure, but it counts as none.
type rescale struct {
	to     *graph.JobGraph
	done   func(error)
	asked  int64 // its ticket among those of snapshots
	lateAt int64 // when it is not waited for the checkpoint any more
	late   bool
	open   bool // the checkpoint has not ended
	laid   bool // the job is deployed with it
}

// ErrRescale is what tasks are cancelled with for a change of the parallelism.
var ErrRescale = errors.New("the job is rescaled")

var (
	errReplaced   = errors.New("a later request has taken the place of this one")
	errNoSnapshot = errors.New("there is no checkpoint to go on from, and none could be taken")
)

// Rescale changes the parallelism of the vertices; the one that they have starts all tasks anew. Done
// hears, once, that all of the job runs with it, or why that does not come about:
//
//   - While all of the job runs, a checkpoint is taken first, after those that are under way or wait. If
//     it fails, or takes longer than Config.RescaleWait, the job goes on from the latest one there is;
//     if there is none, the parallelism stays. Savepoints that others have asked for before are waited for.
//   - Where something does not run, because it is being deployed or has failed, the rest is stopped at
//     once, and all restarts together when the restart strategy allows what has failed.
//   - A failure meanwhile restarts all of the job with the new parallelism.
//   - Savepoints that are asked for meanwhile begin afterwards.
//   - A job in batch mode, which takes none, is not rescaled once it has begun.
//   - A later request takes the place of one that is not done. The end of the job, or of all its input,
//     refuses it.
func (e *Execution) Rescale(now int64, parallelism []int, done func(error)) []Action {
	return e.step(now, func() {
		to, err := e.graph.Rescaled(parallelism)
		switch {
		case !e.cfg.Snapshots && e.state != Created:
			err = errors.New("a job in batch mode is not rescaled")
		case e.phase != working:
			err = errEnding
		}
		if err != nil {
			done(err)
			return
		}
		e.refuseRescale(errReplaced)
		e.last++
		x := &rescale{to: to, done: done, asked: e.last, lateAt: max(1, now+e.cfg.RescaleWait)}
		e.rescale = x
		e.checkpoints.Hold(true)
		if e.checkpoints.Stopped() {
			e.failAll(ErrRescale)
			return
		}
		if fault.Seeded(fault.RescaleFromOld) {
			return
		}
		x.open = true
		e.ask(checkpoint.Request{
			Flags: e.cfg.Checkpoints.Flags,
			End: func(_ *checkpoint.Snapshot, _ string, err error) {
				x.open = false
				if err != nil {
					e.soon(func() { e.noSnapshotToRescale(x, err) })
				}
			},
		}, x.asked)
	})
}

// noSnapshotToRescale gives x up if there is no state from which the job could go on.
func (e *Execution) noSnapshotToRescale(x *rescale, err error) {
	switch {
	case e.rescale != x || e.global != nil || e.phase != working:
	case e.latest() == nil:
		e.refuseRescale(fmt.Errorf("%w: %w", errNoSnapshot, err))
	default:
		e.warn("flott: rescaling from an older checkpoint", "from", idOf(e.latest()), "cause", err)
	}
}

// rescaleNext stops all tasks when the checkpoint has ended that was taken for a change of the
// parallelism, or gives that up if it takes too long. The snapshots of others are waited for.
func (e *Execution) rescaleNext() {
	x := e.rescale
	if x == nil || x.laid || e.global != nil || e.phase != working || x.open && !x.late {
		return
	}
	var own *checkpoint.Pending
	for _, a := range e.begun {
		if a.ticket != x.asked && !fault.Seeded(fault.RescaleTooSoon) {
			return
		}
		own = e.checkpoints.Pending(a.id)
	}
	switch {
	case !x.open:
		e.failAll(ErrRescale) // nextGlobal goes on when they are closed
	case own != nil && e.checkpoints.Publishing():
	case len(e.asked) > 0 && e.asked[0].ticket < x.asked:
	default:
		e.withdraw(x.asked, errors.New("it takes too long"))
	}
}

// Rescales is how often the job was deployed for a change of the parallelism.
func (e *Execution) Rescales() int { return e.rescales }

// Graph is the job's graph with the parallelism that it is deployed with.
func (e *Execution) Graph() *graph.JobGraph { return e.graph }

// relay gives the tasks the layout that is asked for. None of them runs.
func (e *Execution) relay() {
	if x := e.rescale; x != nil && !x.laid {
		x.laid = true
		e.rescales++
		if !fault.Seeded(fault.KeepLayout) {
			e.lay(x.to)
		}
	}
}

// rescaled tells that the job runs with the parallelism that was asked for.
func (e *Execution) rescaled() {
	if x := e.rescale; x != nil && x.laid {
		e.rescale = nil
		x.done(nil)
	}
}

// refuseRescale gives up a change of the parallelism that is not done.
func (e *Execution) refuseRescale(err error) {
	x := e.rescale
	if x == nil {
		return
	}
	e.rescale = nil
	e.checkpoints.Hold(false)
	if err == errReplaced && fault.Seeded(fault.RescaleUnheard) {
		return
	}
	if x.open {
		e.soon(func() { e.withdraw(x.asked, err) })
	}
	x.done(err)
}
