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
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/task"
)

// Snapshot takes the state of the whole job while it runs.
func (j *Job) Snapshot(ctx context.Context) (*checkpoint.Snapshot, error) {
	p, err := j.begin()
	if err != nil {
		return nil, err
	}
	select {
	case <-p.done:
		return p.Result()
	case <-ctx.Done():
		j.failSnapshot(p.ID(), context.Cause(ctx))
		return nil, context.Cause(ctx)
	}
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
		if j.opts.StallPolls > 0 {
			runtime.Gosched() // lets the others keep pace until they stall
		}
		if j.opts.CountPolls.Add(1) != j.opts.SnapshotAtPoll {
			return false
		}
		j.holding.Store(true)
		p, err := j.begin()
		if err != nil {
			j.opts.OnSnapshot(nil, err)
			return true
		}
		j.wg.Go(func() {
			<-p.done
			j.opts.OnSnapshot(p.Result())
		})
		return true
	}
}

func (j *Job) begin() (*pendingSnapshot, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.opts.Batch {
		return nil, errors.New("a job in batch mode takes no snapshots")
	}
	if j.mu.state != Running {
		return nil, fmt.Errorf("the job is %v", j.mu.state)
	}
	if j.mu.pending != nil {
		return nil, errors.New("another snapshot is under way")
	}
	j.mu.nextID++
	id := j.mu.nextID
	var parts []checkpoint.Part
	for _, s := range j.tasks {
		parts = append(parts, checkpoint.Part{Chain: s.Chain.ID, Subtask: s.Index})
	}
	for uid := range j.coord {
		parts = append(parts, checkpoint.Part{Subtask: -1, UID: uid})
	}
	p := &pendingSnapshot{checkpoint.Begin(id, j.opts.Name, parts), make(chan struct{})}
	j.mu.pending = p
	for _, c := range j.coord {
		c.snapshot(id)
	}
	for _, s := range j.tasks {
		if s.Chain.Head().Source == nil {
			s.Trigger(id, j.barrierFlags())
		}
	}
	return p, nil
}

// memory keeps keyed state where it is.
type memory struct{}

func (memory) Room() bool                    { return true }
func (memory) Put(data []byte) operator.Blob { return operator.Bytes(data) }

// Upload is called by a task that begins its part of a snapshot.
func (j *Job) Upload(*task.Task, int64) task.Upload { return memory{} }

// Snapshotted is called by a task that has taken its part of a snapshot.
func (j *Job) Snapshotted(t *task.Task, id int64, states []*operator.Snapshot, err error) {
	if err != nil {
		j.failSnapshot(id, err)
		return
	}
	s := j.subtask(t)
	j.mu.Lock()
	p := j.mu.pending
	if p == nil || p.ID() != id {
		j.mu.Unlock()
		return
	}
	for i, n := range s.members {
		if n != nil {
			o := p.Operator(n.UID, n.Name, n.Parallelism, n.MaxParallelism)
			o.Subtasks[s.Index] = &states[i].State
		}
	}
	complete := p.Ack(checkpoint.Part{Chain: s.Chain.ID, Subtask: s.Index})
	j.mu.Unlock()
	if complete {
		j.complete(p)
	}
}

func (j *Job) ackCoordinator(c *coordinator, id int64, state []byte, err error) {
	if err != nil {
		j.failSnapshot(id, err)
		return
	}
	j.mu.Lock()
	p := j.mu.pending
	if p == nil || p.ID() != id {
		j.mu.Unlock()
		return
	}
	n := c.node
	p.Operator(n.UID, n.Name, n.Parallelism, n.MaxParallelism).Coordinator = state
	complete := p.Ack(checkpoint.Part{Subtask: -1, UID: n.UID})
	j.mu.Unlock()
	if complete {
		j.complete(p)
	}
}

func (j *Job) complete(p *pendingSnapshot) {
	j.mu.Lock()
	j.mu.pending = nil
	j.mu.last, _ = p.Result()
	j.mu.Unlock()
	for _, s := range j.tasks {
		s.Tell(p.ID(), true)
	}
	close(p.done)
}

func (j *Job) failSnapshot(id int64, err error) {
	j.mu.Lock()
	p := j.mu.pending
	if p == nil || p.ID() != id {
		j.mu.Unlock()
		return
	}
	j.mu.pending = nil
	p.Fail(err)
	j.mu.Unlock()
	for _, s := range j.tasks {
		s.Tell(id, false)
	}
	close(p.done)
}

func (j *Job) subtask(t *task.Task) *Subtask {
	i := slices.IndexFunc(j.tasks, func(s *Subtask) bool { return s.Task == t })
	return j.tasks[i]
}

// snapshotEvery takes a snapshot every interval until it is stopped.
func (j *Job) snapshotEvery(interval time.Duration) (stop func()) {
	if interval <= 0 || j.opts.Batch {
		return func() {}
	}
	var disarm func()
	ctx, cancel := context.WithCancel(j.ctx)
	var tick func()
	tick = func() {
		if ctx.Err() != nil {
			return
		}
		// A snapshot that cannot begin, because another is under way, is left to the next tick.
		_, _ = j.begin()
		disarm = j.opts.Clock.AfterFunc(interval, tick)
	}
	disarm = j.opts.Clock.AfterFunc(interval, tick)
	return func() {
		cancel()
		disarm()
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
