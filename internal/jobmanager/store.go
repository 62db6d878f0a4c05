package jobmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/storage"
)

// placed is a worker that may run, as it is recorded.
type placed struct{ Worker, TaskManager string }

// writing is a record of a job that is to be written.
type writing struct {
	write func(ctx context.Context, records *ha.Jobs) error
	done  func(error)
}

// write has a record of a job written, after those before, and calls done on the actor. A JobManager that
// keeps no records does that at once.
func (m *Manager) write(g *managed, write func(context.Context, *ha.Jobs) error, done func(error)) {
	if m.records == nil {
		done(nil)
		return
	}
	g.writes = append(g.writes, writing{write, done})
	if len(g.writes) == 1 {
		m.writeNext(g)
	}
}

func (m *Manager) writeNext(g *managed) {
	w := g.writes[0]
	m.o.Runner.Go(actor.Record, func() {
		err := w.write(m.ctx, m.records)
		m.actor.Post(func() {
			if g.writes = g.writes[1:]; len(g.writes) > 0 {
				m.writeNext(g)
			}
			w.done(err)
		})
	})
}

// recordSubmission records a job that is accepted.
func (m *Manager) recordSubmission(g *managed, done func(error)) {
	data, err := control.EncodeSubmission(&g.Submission)
	if err != nil {
		done(err)
		return
	}
	m.write(g, func(ctx context.Context, records *ha.Jobs) error { return records.Submit(ctx, g.ID, data) }, done)
}

// recordWorkers records which workers of a job may run, before a new one is started.
func (m *Manager) recordWorkers(f *fleet, done func(error)) {
	if m.records == nil {
		done(nil)
		return
	}
	if fault.Seeded(fault.StartUnrecorded) {
		done(nil)
		done = func(error) {}
	}
	all := []placed{}
	for _, id := range sortedKeys(f.names) {
		all = append(all, placed{f.names[id].peer.Name, id})
	}
	data, err := json.Marshal(all)
	if err != nil {
		done(err)
		return
	}
	id := f.job.ID
	m.write(f.job, func(ctx context.Context, records *ha.Jobs) error { return records.SetWorkers(ctx, id, data) }, done)
}

// recordBounds records the bounds of a job's vertices, before they hold.
func (m *Manager) recordBounds(g *managed, bounds []Bounds, done func(error)) {
	if fault.Seeded(fault.BoundsUnrecorded) {
		done(nil)
		return
	}
	data, err := json.Marshal(bounds)
	if err != nil {
		done(err)
		return
	}
	m.write(g, func(ctx context.Context, records *ha.Jobs) error { return records.SetBounds(ctx, g.ID, data) }, done)
}

// recordStop records the savepoint that a job is stopped with. It may block.
func (m *Manager) recordStop(ctx context.Context, g *managed, savepoint string) error {
	if m.records == nil || fault.Seeded(fault.StopUnrecorded) {
		return nil
	}
	for {
		err := m.records.SetStopped(ctx, g.ID, []byte(savepoint))
		if err == nil || errors.Is(err, ha.ErrDeposed) {
			return err
		}
		m.log(g).Warn("flott: the savepoint that a job is stopped with is not recorded yet", "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryRecord):
		}
	}
}

// retryRecord is the time between two attempts to record how a job has ended.
const retryRecord = time.Second

// recordEnd records how a job has ended. Then, and only then, what another leader would need to run it is
// deleted.
func (m *Manager) recordEnd(g *managed, done func(deletes bool, then func())) {
	if m.records == nil || m.jobs[g.ID] != g {
		m.decide(g)
		done(true, func() {})
		return
	}
	data, err := encodeView(g.wholeView())
	if err != nil {
		m.log(g).Error("flott: how a job has ended cannot be recorded", "error", err)
		done(false, func() {})
		return
	}
	if fault.Seeded(fault.DiscardFirst) {
		done(true, func() {})
		done = func(bool, func()) {}
	}
	m.write(g, func(ctx context.Context, records *ha.Jobs) error { return records.End(ctx, g.ID, data) }, func(err error) {
		switch {
		case err == nil, errors.Is(err, ha.ErrExists): // an answer was lost
			m.decide(g)
			done(true, func() { m.actor.Post(func() { m.clean(g) }) })
		case errors.Is(err, ha.ErrDeposed):
			done(false, func() {})
		default:
			m.log(g).Warn("flott: how a job has ended is not recorded yet", "error", err)
			m.after(retryRecord, func() { m.recordEnd(g, done) })
		}
	})
}

// clean deletes the records of a job that has ended, but the one of its end.
func (m *Manager) clean(g *managed) {
	m.write(g, func(ctx context.Context, records *ha.Jobs) error { return records.Clean(ctx, g.ID) }, m.warn(g))
}

// forget deletes the record of a job's end.
func (m *Manager) forget(g *managed) {
	m.write(g, func(ctx context.Context, records *ha.Jobs) error { return records.Forget(ctx, g.ID) }, m.warn(g))
}

func (m *Manager) warn(g *managed) func(error) {
	return func(err error) {
		if err != nil && m.ctx.Err() == nil {
			m.log(g).Warn("flott: records of a job that has ended are not deleted", "error", err)
		}
	}
}

// discard deletes what is left of a job whose end is recorded, by a leader that did not come to do it.
func (m *Manager) discard(g *managed) {
	v := g.archived
	deletes := !v.Settings.Batch && v.Settings.Directory != "" && job.Discards(v.State, v.Settings.DeleteOnCancel)
	m.write(g, func(ctx context.Context, records *ha.Jobs) error {
		if deletes {
			root, err := m.o.Open(ctx, v.Settings.Directory)
			if err != nil {
				return err
			}
			s := storage.New(root, g.ID, storage.Options{Confirm: m.term()})
			if _, err := s.TakeOver(ctx); err != nil {
				return fmt.Errorf("checkpoint directory: %w", err)
			}
			if err := s.Discard(ctx); err != nil {
				return err
			}
		}
		return records.Clean(ctx, g.ID)
	}, m.warn(g))
}
