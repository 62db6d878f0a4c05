package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/task"
)

var errBatchSnapshot = errors.New("a job in batch mode takes no snapshots")

// Snapshot takes the state of the whole job while it runs.
func (j *Job) Snapshot(ctx context.Context) (*checkpoint.Snapshot, error) {
	return j.request(ctx, 0)
}

// request takes a snapshot and waits for it.
func (j *Job) request(ctx context.Context, flags operator.Flags) (*checkpoint.Snapshot, error) {
	type result struct {
		s   *checkpoint.Snapshot
		err error
	}
	done := make(chan result, 1)
	var id int64 // of the master
	end := func(s *checkpoint.Snapshot, err error) { done <- result{s, err} }
	j.master.post(func() { id = j.begin(flags, end) })
	select {
	case r := <-done:
		return r.s, r.err
	case <-ctx.Done():
		cause := context.Cause(ctx)
		j.master.post(func() { j.act(j.m.checkpoints.Withdraw(j.now(), id, cause)) })
		return nil, cause
	case <-j.done:
		select {
		case r := <-done:
			return r.s, r.err
		default:
			return nil, fmt.Errorf("the job is %v", j.State())
		}
	}
}

// begin begins a snapshot that was asked for and returns its number, 0 if it cannot.
func (j *Job) begin(flags operator.Flags, end func(*checkpoint.Snapshot, error)) int64 {
	if j.opts.Batch {
		end(nil, errBatchSnapshot)
		return 0
	}
	actions, err := j.m.checkpoints.Begin(j.now(), flags, end)
	if err != nil {
		if s := j.State(); s != Running {
			err = fmt.Errorf("the job is %v", s)
		}
		end(nil, err)
		return 0
	}
	j.act(actions)
	return actions[0].Pending.ID()
}

// pollHook counts the sources' polls where a snapshot is wanted at one of them, and holds the
// sources from then on: the job is to be cancelled by whoever wanted the snapshot.
func (j *Job) pollHook() func() bool {
	if j.opts.CountPolls == nil {
		return nil
	}
	return func() bool {
		if j.holding.Load() {
			return true
		}
		if j.opts.CountPolls.Add(1) != j.opts.SnapshotAtPoll {
			return false
		}
		j.holding.Store(true)
		j.master.post(func() { j.begin(0, j.opts.OnSnapshot) })
		return true
	}
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

// trigger sends the barriers.
func (j *Job) trigger(p *checkpoint.Pending) {
	for _, c := range j.m.coords {
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

// memory keeps keyed state where it is.
type memory struct{}

func (memory) Room() bool                    { return true }
func (memory) Put(data []byte) operator.Blob { return operator.Bytes(data) }

// Upload is called by the task when it begins its part of a snapshot.
func (s *Subtask) Upload(*task.Task, int64) task.Upload { return memory{} }

// Snapshotted is called by the task when it has taken its part of a snapshot.
func (s *Subtask) Snapshotted(_ *task.Task, id int64, states []*operator.Snapshot, err error) {
	j := s.job
	j.master.post(func() {
		if err != nil {
			j.act(j.m.checkpoints.Decline(j.now(), id, err))
			return
		}
		var operators []checkpoint.Operator
		var own []*operator.Snapshot
		for i, n := range s.members {
			if n != nil {
				operators = append(operators, describe(n))
				own = append(own, states[i])
			}
		}
		j.act(j.m.checkpoints.DeliverTask(j.now(), id, s.part(), operators, own, checkpoint.SubtaskStats{}))
	})
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

// publish makes a checkpoint durable.
func (j *Job) publish(p *checkpoint.Pending) {
	j.master.post(func() { j.published(p, nil) })
}

func (j *Job) published(p *checkpoint.Pending, err error) {
	j.act(j.m.checkpoints.Published(j.now(), p.ID(), err))
	j.next()
}

// completed tells everybody. A savepoint that the job outlives is not told: a restart would be from
// an older checkpoint, and what had been committed since would be committed again.
func (j *Job) completed(p *checkpoint.Pending) {
	j.opts.Restart.Progress()
	outlived := p.Flags.Has(operator.Savepoint) && !p.Flags.Has(operator.Suspend) &&
		j.m.phase != finalising
	if outlived {
		return
	}
	for s := range j.running() {
		s.Tell(p.ID(), true)
	}
	for _, c := range j.m.coords {
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
				lost = append(lost, fmt.Sprintf("%q (uid %s)", o.Name, uid))
			}
			continue
		}
		if maximum != o.MaxParallelism {
			return fmt.Errorf("operator %q: its state has %d key groups, but its maximum parallelism"+
				" is now %d; set MaxParallelism to %d", o.Name, o.MaxParallelism, maximum, o.MaxParallelism)
		}
	}
	if len(lost) > 0 && !j.opts.AllowNonRestored {
		slices.Sort(lost)
		return fmt.Errorf("the snapshot has state of operators that the job does not have: %s; give "+
			"the operators their uid again, or allow non-restored state",
			strings.Join(lost, ", "))
	}
	return nil
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
