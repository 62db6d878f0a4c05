package job

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/internal/task"
)

var errBatchSnapshot = errors.New("a job in batch mode takes no snapshots")

// Snapshot takes the state of the whole job while it runs, into memory.
func (j *Job) Snapshot(ctx context.Context) (*checkpoint.Snapshot, error) {
	s, _, err := j.request(ctx, checkpoint.Request{
		Flags: operator.Full | j.opts.Checkpoints.Flags&^operator.Native, InMemory: true,
	})
	return s, err
}

// Checkpoint takes a checkpoint now.
func (j *Job) Checkpoint(ctx context.Context) (id int64, err error) {
	s, _, err := j.request(ctx, checkpoint.Request{Flags: j.opts.Checkpoints.Flags})
	if err != nil {
		return 0, err
	}
	return s.ID, nil
}

// request takes a snapshot and waits for it.
func (j *Job) request(ctx context.Context, r checkpoint.Request) (*checkpoint.Snapshot, string, error) {
	type result struct {
		s        *checkpoint.Snapshot
		location string
		err      error
	}
	done := make(chan result, 1)
	var id int64 // of the master
	r.End = func(s *checkpoint.Snapshot, location string, err error) { done <- result{s, location, err} }
	j.master.post(func() { id = j.begin(r) })
	select {
	case r := <-done:
		return r.s, r.location, r.err
	case <-ctx.Done():
		cause := context.Cause(ctx)
		j.master.post(func() { j.act(j.m.checkpoints.Withdraw(j.now(), id, cause)) })
		return nil, "", cause
	case <-j.done:
		select {
		case r := <-done:
			return r.s, r.location, r.err
		default:
			return nil, "", fmt.Errorf("the job is %v", j.State())
		}
	}
}

// takesSnapshots reports whether the job's operators do, which they do not in batch mode.
func (j *Job) takesSnapshots() bool { return !j.opts.Batch && !j.plan.Final }

// begin begins a snapshot that was asked for and returns its number, 0 if it cannot.
func (j *Job) begin(r checkpoint.Request) int64 {
	if !j.takesSnapshots() {
		r.End(nil, "", errBatchSnapshot)
		return 0
	}
	actions, err := j.m.checkpoints.Begin(j.now(), r)
	if err != nil {
		if s := j.State(); s != Running {
			err = fmt.Errorf("the job is %v", s)
		}
		r.End(nil, "", err)
		return 0
	}
	j.act(actions)
	return actions[0].Pending.ID()
}

// hold tells a source that it reads nothing more: a snapshot was wanted at the last batch, and whoever
// wanted it is to cancel the job.
func (j *Job) hold() bool {
	if j.opts.StallBatches > 0 {
		runtime.Gosched() // lets the others keep pace until they stall
	}
	return j.holding.Load()
}

// countBatch counts the sources' batches and takes the snapshot that is wanted at one of them.
func (j *Job) countBatch() {
	if j.opts.CountBatches.Add(1) != j.opts.SnapshotAtBatch {
		return
	}
	j.holding.Store(true)
	j.master.post(func() {
		j.begin(checkpoint.Request{
			Flags: operator.Full | j.opts.Checkpoints.Flags&^operator.Native, InMemory: true,
			End: func(s *checkpoint.Snapshot, _ string, err error) { j.opts.OnSnapshot(s, err) },
		})
	})
}

// act carries out what the coordinator of checkpoints says.
func (j *Job) act(actions []checkpoint.Action) {
	for _, a := range actions {
		switch a.Do {
		case checkpoint.Trigger:
			j.trigger(a.Pending)
		case checkpoint.Publish:
			j.publish(a.Pending)
		case checkpoint.Complete:
			j.completed(a.Pending)
		case checkpoint.Abort:
			j.aborted(a.Pending, a.Err)
		case checkpoint.Fail:
			j.failAll(a.Err)
		}
	}
	j.arm()
	j.mu.Lock()
	j.mu.history = j.m.checkpoints.History()
	j.mu.Unlock()
}

// arm sets the clock for the next thing that the coordinator of checkpoints has to do by itself.
func (j *Job) arm() {
	at := j.m.checkpoints.Wake()
	if at == j.m.tickAt || j.m.phase == over {
		return
	}
	if j.m.tick != nil {
		j.m.tick()
		j.m.tick = nil
	}
	if j.m.tickAt = at; at == 0 {
		return
	}
	d := max(0, time.Duration(at-j.now()))
	j.m.tick = j.opts.Clock.AfterFunc(d, func() {
		j.master.post(func() {
			if j.m.tickAt == at {
				j.m.tickAt = 0
			}
			j.act(j.m.checkpoints.Tick(j.now()))
		})
	})
}

// trigger makes room for a snapshot in storage and then sends the barriers.
func (j *Job) trigger(p *checkpoint.Pending) {
	if p.InMemory || j.opts.Store == nil && !p.Flags.Has(operator.Savepoint) {
		j.sendBarriers(p)
		return
	}
	id, base := p.ID(), p.StandsOn()
	j.runner.Go(Open, func() {
		target, err := j.openTarget(p, id, base)
		j.master.post(func() {
			switch {
			case err != nil:
				j.act(j.m.checkpoints.Decline(j.now(), id, err))
			case j.m.checkpoints.Pending(id) == nil:
				j.release(id, target)
			default:
				j.places.set(id, target)
				j.sendBarriers(p)
			}
		})
	})
}

func (j *Job) openTarget(p *checkpoint.Pending, id, base int64) (*storage.Target, error) {
	if p.Flags.Has(operator.Savepoint) {
		return j.savepoints.Savepoint(j.ctx, p.Directory, id)
	}
	if err := j.opts.Store.Begin(j.ctx, id, base); err != nil {
		return nil, err
	}
	return j.opts.Store.Checkpoint(id, 0), nil
}

func (j *Job) sendBarriers(p *checkpoint.Pending) {
	for _, c := range j.coordinators() {
		c.snapshot(p.ID(), p.Flags)
	}
	for s := range j.running() {
		if s.Chain.Head().Source == nil {
			s.Trigger(p.ID(), p.Flags)
		}
	}
}

// running iterates over the tasks of the job.
func (j *Job) running() func(yield func(*Subtask) bool) {
	return func(yield func(*Subtask) bool) {
		for _, r := range j.m.regions {
			for _, s := range r.tasks {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// Snapshotted is called by the task when it has taken its part of a snapshot.
func (s *Subtask) Snapshotted(_ *task.Task, id int64, states []*operator.Snapshot, err error) {
	j := s.job
	if err != nil {
		j.master.post(func() { j.act(j.m.checkpoints.Decline(j.now(), id, err)) })
		return
	}
	d := checkpoint.Delivery{ID: id, Part: s.part(), Stats: s.statsOf()}
	for i, n := range s.members {
		if n != nil {
			d.Operators = append(d.Operators, describe(n))
			d.States = append(d.States, states[i])
		}
	}
	u := s.upload
	if u == nil {
		j.master.post(func() { j.act(j.m.checkpoints.Deliver(j.now(), d)) })
		return
	}
	s.upload = nil
	u.finish(func(err error) {
		if err == nil {
			d.Rest, err = u.close(d.States)
		} else {
			u.part.Abort()
			if fault.Seeded(fault.IgnoreUploadError) {
				err = nil
				for _, s := range d.States {
					s.State.Keyed = nil
				}
			}
		}
		j.master.post(func() {
			if err != nil {
				j.act(j.m.checkpoints.Decline(j.now(), id, fmt.Errorf("store the state of %q (subtask %d): %w",
					s.Chain.Name(), s.Index+1, err)))
				return
			}
			j.act(j.m.checkpoints.Deliver(j.now(), d))
		})
	})
}

// statsOf are the statistics of the snapshot that the task has just taken.
func (s *Subtask) statsOf() checkpoint.SubtaskStats {
	st := s.SnapshotStats()
	return checkpoint.SubtaskStats{
		StartDelay: int64(st.StartDelay), Alignment: int64(st.Alignment), Sync: int64(st.Sync),
		Async: int64(st.Async), Processed: st.AlignedBytes, InFlight: st.InFlightBytes,
	}
}

func describe(n *graph.Node) checkpoint.Operator {
	return checkpoint.Operator{
		UID: n.UID, Name: n.Name, Parallelism: n.Parallelism, MaxParallelism: n.MaxParallelism,
	}
}

func (j *Job) coordinatorSnapshotted(c *coordinator, id int64, state []byte, err error) {
	j.master.post(func() {
		if err != nil {
			j.act(j.m.checkpoints.Decline(j.now(), id, err))
			return
		}
		j.act(j.m.checkpoints.DeliverCoordinator(id, describe(c.node), state))
	})
}

// publish makes a snapshot durable.
func (j *Job) publish(p *checkpoint.Pending) {
	if fault.Seeded(fault.CommitAtPublish) {
		j.completed(p)
	}
	target := j.places.get(p.ID())
	if target == nil {
		j.master.post(func() { j.published(p, nil) })
		return
	}
	j.runner.Go(Publish, func() {
		var err error
		if p.Flags.Has(operator.Savepoint) {
			err = target.Publish(j.ctx, p.Snapshot())
		} else {
			err = j.opts.Store.Publish(j.ctx, p.Snapshot())
		}
		j.master.post(func() { j.published(p, err) })
	})
}

func (j *Job) published(p *checkpoint.Pending, err error) {
	target := j.places.get(p.ID())
	if err == nil && target != nil {
		p.Location = target.URI()
	}
	j.act(j.m.checkpoints.Published(j.now(), p.ID(), err))
	switch {
	case errors.Is(err, storage.ErrDeposed):
		j.end(Failing, fmt.Errorf("%w: another run of this job goes on from its checkpoints", err))
	case errors.Is(err, storage.ErrUncertain): // only what is stored tells what was committed
		j.failAll(err)
	case err == nil && target != nil:
		j.places.drop(p.ID())
		if !p.Flags.Has(operator.Savepoint) {
			j.sweep()
		}
	}
	j.next()
}

// release gives up the room of a snapshot in storage.
func (j *Job) release(id int64, target *storage.Target) {
	if target == nil {
		return
	}
	if target.Checkpoint() {
		j.opts.Store.Abort(id)
		j.sweep()
		return
	}
	j.runner.Go(Sweep, func() { j.warn(target.Abort(j.ctx), "delete what there is of a savepoint") })
}

// sweep deletes the objects of checkpoints that are not retained.
func (j *Job) sweep() {
	if j.m.sweeping {
		j.m.sweepAgain = true
		return
	}
	j.m.sweeping = true
	j.runner.Go(Sweep, func() {
		j.warn(j.opts.Store.Sweep(j.ctx), "delete old checkpoints")
		j.master.post(func() {
			again := j.m.sweepAgain
			j.m.sweeping, j.m.sweepAgain = false, false
			if again && j.m.phase < ending {
				j.sweep()
			}
		})
	})
}

func (j *Job) warn(err error, doing string) {
	if err != nil && j.ctx.Err() == nil {
		j.opts.Log.Warn("flott: "+doing, "job", j.opts.Name, "error", err)
	}
}

// completed tells everybody. A savepoint that the job outlives is not told: a restart would be from
// an older checkpoint, and what had been committed since would be committed again.
func (j *Job) completed(p *checkpoint.Pending) {
	j.opts.Restart.Progress()
	if p.Outlived() && j.m.phase != finalising {
		return
	}
	for s := range j.running() {
		s.Tell(p.ID(), true)
	}
	for _, c := range j.coordinators() {
		c.completed(p.ID())
	}
	if p.Flags.Has(operator.Suspend) {
		j.letGo(task.Discard)
	}
}

func (j *Job) aborted(p *checkpoint.Pending, err error) {
	if p.Periodic && j.m.phase == working {
		j.opts.Log.Warn("flott: a checkpoint failed", "job", j.opts.Name, "cause", err)
	}
	for s := range j.running() {
		s.Tell(p.ID(), false)
	}
	j.release(p.ID(), j.places.drop(p.ID()))
}

// checkRestore refuses a snapshot that does not fit the graph.
func (j *Job) checkRestore() error {
	if j.opts.Restore == nil {
		return nil
	}
	known := map[string]int{}
	for _, n := range j.plan.Nodes {
		known[n.UID] = n.MaxParallelism
	}
	var lost []string
	for uid, o := range j.opts.Restore.Operators {
		maximum, ok := known[uid]
		if !ok {
			if hasState(o) {
				lost = append(lost, fmt.Sprintf("%q (uid %s)%s", o.Name, uid, j.instead(o.Name)))
			}
			continue
		}
		if maximum != o.MaxParallelism {
			return fmt.Errorf("operator %q: its state has %d key groups, but its maximum parallelism"+
				" is now %d; set MaxParallelism to %d, or rewrite the snapshot with "+
				"flott state rehash", o.Name, o.MaxParallelism, maximum, o.MaxParallelism)
		}
	}
	if len(lost) > 0 && !j.opts.AllowNonRestored {
		slices.Sort(lost)
		return fmt.Errorf("the snapshot has state of operators that the job does not have: %s; give "+
			"the operators their uid again, which in SQL follows from what they compute, or allow non-restored state",
			strings.Join(lost, ", "))
	}
	return nil
}

// instead is the operator that the job may have in place of one that it does not have: of the same name, or else of the same
// kind, which the name of an operator of SQL begins with.
func (j *Job) instead(name string) string {
	kind, _, isCall := strings.Cut(name, "(")
	other := ""
	for _, n := range j.plan.Nodes {
		if j.opts.Restore.Operators[n.UID] != nil {
			continue
		}
		if n.Name == name {
			return fmt.Sprintf(", where the job has one of the name (uid %s) on other input or of other types", n.UID)
		}
		if isCall && other == "" && strings.HasPrefix(n.Name, kind+"(") {
			other = fmt.Sprintf(", where the job has %q (uid %s)", n.Name, n.UID)
		}
	}
	return other
}

func hasState(o *checkpoint.OperatorState) bool {
	if len(o.Coordinator) > 0 {
		return true
	}
	for _, s := range o.Subtasks {
		if s != nil && !s.Empty() {
			return true
		}
	}
	return false
}
