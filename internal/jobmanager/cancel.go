package jobmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/schedule"
)

// Ending is a way to end a job.
type Ending string

// The ways, as they are recorded.
const (
	// CancelJob ends the job at once, without finishing what is in flight.
	CancelJob Ending = "cancel"
	// FinishJob ends the input of its sources; the job then finishes.
	FinishJob Ending = "finish"
	// CommitJob is the end of a job that has no checkpoint of it: its sinks commit.
	CommitJob Ending = "commit"
)

// recordCommit records that a job commits, before its tasks are told. A leader that is deposed meanwhile does not tell them. It is for
// jobs in batch mode, which have no last checkpoint: a later leader would run again, and write once more, what was committed.
func (m *Manager) recordCommit(g *managed, tell func()) {
	if fault.Seeded(fault.CommitUnrecorded) {
		tell()
		return
	}
	m.write(g, func(ctx context.Context, records *ha.Jobs) error {
		return records.SetEnding(ctx, g.ID, []byte(CommitJob))
	}, func(err error) {
		switch {
		case err == nil:
			tell()
		case !errors.Is(err, ha.ErrDeposed):
			m.log(g).Warn("flott: that a job commits is not recorded yet", "error", err)
			m.after(retryRecord, func() { m.recordCommit(g, tell) })
		}
	})
}

// over reports whether a job that was taken over is only to be ended.
func (g *managed) over() bool { return g.ending == CancelJob || g.ending == CommitJob }

// Cancel ends a job, also one that is being taken over from an earlier JobManager. It returns when that is recorded: from
// then on a later leader goes on with it.
func (m *Manager) Cancel(id string, how Ending) error {
	done := make(chan error, 1)
	m.actor.Post(func() { m.end(id, how, func(err error) { done <- err }) })
	return <-done
}

// end tells a job to end, and calls done on the actor.
func (m *Manager) end(id string, how Ending, done func(error)) {
	g := m.jobs[id]
	if g != nil && how == CancelJob {
		switch g.state() {
		case schedule.Canceled:
			done(nil)
			return
		case Suspended:
			m.endSuspended(g, done)
			return
		}
	}
	if g == nil || g.job == nil && (g.fleet == nil || g.fleet.recovery == nil) {
		_, err := m.running(id)
		done(err)
		return
	}
	if g.state().Done() {
		done(nil)
		return
	}
	m.recordEnding(g, how, done) // that of its end comes behind it
	if g.ending != CancelJob {
		g.ending = how
	}
	g.goToEnd()
}

// recordEnding records how a job was told to end.
func (m *Manager) recordEnding(g *managed, how Ending, done func(error)) {
	if fault.Seeded(fault.CancelUnrecorded) {
		done(nil)
		return
	}
	m.write(g, func(ctx context.Context, records *ha.Jobs) error { return records.SetEnding(ctx, g.ID, []byte(how)) }, func(err error) {
		if err != nil {
			err = fmt.Errorf("the job is ended (%s), but that was not recorded, and another JobManager may go on with it: %w", how, err)
		}
		done(err)
	})
}

// goToEnd does with a job what it was told.
func (g *managed) goToEnd() {
	switch {
	case g.ending == "", g.ending == CommitJob:
	case g.job == nil && g.ending == CancelJob:
		g.fleet.giveUp()
	case g.job == nil: // when it is taken over
	case g.ending == CancelJob:
		g.job.Cancel()
	default:
		g.job.Stop()
	}
}

// giveUp ends a job that is being taken over, or has that wait for its master that is being made.
func (f *fleet) giveUp() {
	r := f.recovery
	switch {
	case r.phase == looking:
		f.consider()
	case r.phase != clearing && r.retry != nil:
		r.retry()
		r.retry = nil
		f.clear("it was cancelled")
	}
}

// endCancelled records the end of a job that was cancelled before this leader had a master for it.
func (m *Manager) endCancelled(g *managed) {
	m.endRecovered(g, schedule.Canceled, schedule.ErrCanceled)
}

// endCommitting records the end of a job that an earlier leader has told to commit.
func (m *Manager) endCommitting(g *managed) {
	m.endRecovered(g, schedule.Failed, errors.New("the JobManager ended while the job committed what its sinks have written, at its end: all of it may be "+
		"visible, or a part, or nothing. It has no checkpoint to go on from, and was not run again, since that would write it once more"))
}

// endStopped records the end of a job that an earlier leader has stopped with a savepoint.
func (m *Manager) endStopped(g *managed) {
	m.endRecovered(g, schedule.Failed, fmt.Errorf("the JobManager ended while the job was being stopped with the savepoint %s, "+
		"which is complete, but not all that it holds may be committed: a job that is started from it commits the rest", g.stopped))
}

// endSuspended records the end of a job whose record cannot be read. What it has in storage stays: nobody knows where.
func (m *Manager) endSuspended(g *managed, done func(error)) {
	v := *g.archived
	v.State, v.Ended, v.Waits, v.Cause = schedule.Canceled, m.o.Clock.Now(), "", schedule.ErrCanceled
	v.Changed, v.Entered = v.Ended, map[schedule.State]time.Time{Suspended: v.Began, v.State: v.Ended}
	data, err := encodeView(&v)
	if err != nil {
		done(err)
		return
	}
	m.write(g, func(ctx context.Context, records *ha.Jobs) error { return records.End(ctx, g.ID, data) }, func(err error) {
		if errors.Is(err, ha.ErrExists) {
			err = nil // an answer was lost, or it was cancelled twice
		}
		if err == nil && !g.retired {
			g.archived = &v
			m.decide(g)
			m.clean(g)
			m.retire(g)
		}
		done(err)
	})
}

// endRecovered records the end of a job that this leader has not started.
func (m *Manager) endRecovered(g *managed, state schedule.State, cause error) {
	v := g.wholeView()
	v.State, v.Ended, v.Waits, v.Cause = state, m.o.Clock.Now(), "", cause
	v.Changed, v.Entered[state] = v.Ended, v.Ended
	data, err := encodeView(v)
	if err != nil {
		m.log(g).Error("flott: how a job has ended cannot be recorded", "error", err)
		return
	}
	m.write(g, func(ctx context.Context, records *ha.Jobs) error { return records.End(ctx, g.ID, data) }, func(err error) {
		switch {
		case err == nil, errors.Is(err, ha.ErrExists):
			if g.fleet.stages != nil {
				g.fleet.stages.discardAll()
			}
			g.archived, g.fleet = v, nil
			m.decide(g)
			m.carryOut(m.pool.End(g.ID))
			m.retire(g)
			m.discard(g)
			m.balance()
		case !errors.Is(err, ha.ErrDeposed):
			m.log(g).Warn("flott: how a job has ended is not recorded yet", "error", err)
			m.after(retryRecord, func() { m.endRecovered(g, state, cause) })
		}
	})
}
