package job

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/task"
	"github.com/flott-dev/flott/metric"
)

// State is the phase a job is in.
type State string

// The states.
const (
	Created    State = "CREATED"
	Running    State = "RUNNING"
	Failing    State = "FAILING"
	Failed     State = "FAILED"
	Cancelling State = "CANCELLING"
	Canceled   State = "CANCELED"
	Finished   State = "FINISHED"
)

// Done reports whether the state is final.
func (s State) Done() bool { return s == Failed || s == Canceled || s == Finished }

// ErrCanceled is the result of a job that was cancelled.
var ErrCanceled = errors.New("the job was cancelled")

// Options are the settings of a run.
type Options struct {
	Name  string
	Clock clock.Clock // nil: the machine's
	// Restore is the snapshot to start from, nil for a fresh start.
	Restore *checkpoint.Snapshot
	// AllowNonRestored lets state be dropped that no operator of the job takes up.
	AllowNonRestored bool
	// Interval is the time between automatic snapshots; 0 takes none.
	Interval time.Duration
	// AtLeastOnce counts barriers instead of aligning them.
	AtLeastOnce bool
	// Unaligned lets barriers overtake what is on the way. AlignedTimeout is how long after its making a
	// barrier that does not becomes one that does; 0 is never.
	Unaligned      bool
	AlignedTimeout time.Duration
	// StallPolls makes tasks leave their input alone from up to so many polls before SnapshotAtPoll on,
	// each from another one, so that input piles up: for tests of unaligned snapshots. A task that has to
	// align goes on.
	StallPolls int64
	// CancelTimeout is how long user code may take to return after a cancellation, before the job
	// is given up with the stacks of what is stuck; 0 means 30 s.
	CancelTimeout time.Duration
	// BatchRows is the number of rows of the sources' batches; 0 takes the default.
	BatchRows int
	// SnapshotAtPoll takes a snapshot when the sources have polled so many times together, and
	// gives it to OnSnapshot: for tests that stop a job at a chosen moment.
	SnapshotAtPoll int64
	OnSnapshot     func(*checkpoint.Snapshot, error)
	// CountPolls, when it is not nil, counts the polls of the sources.
	CountPolls *atomic.Int64
	// Batch runs the job in batch mode.
	Batch bool
	// TempDir is where batch mode, feedback and overflowing outputs spill; "" means the system's.
	TempDir string
	// SpillBytes is what blocking exchanges keep in memory, SortBytes what a subtask sorts in memory;
	// 0 means 64 MiB.
	SpillBytes, SortBytes int64
	// FeedbackBytes is what a feedback channel keeps in memory; 0 means 64 MiB.
	FeedbackBytes int64
	// OverflowBytes is what an output keeps in memory of what its consumers have no room for; 0 means
	// 64 MiB.
	OverflowBytes int64
}

// Job is a running job.
type Job struct {
	opts  Options
	plan  *graph.Plan
	ctx   context.Context
	abort context.CancelCauseFunc
	wg    sync.WaitGroup
	done  chan struct{}
	tasks []*Subtask
	coord map[string]*coordinator     // by uid
	loops map[string]*loopCoordinator // by uid of the head
	spill exchange.Spill

	holding   atomic.Bool  // sources wait for a snapshot
	reading   atomic.Int64 // sources' subtasks that have not ended, where StallPolls is set
	alignment operator.AlignmentGroups

	mu struct {
		sync.Mutex
		state     State
		ended     int
		finishing bool // all tasks have ended and are let go
		cause     error
		started   time.Time
		stopped   time.Time
		nextID    int64
		pending   *pendingSnapshot
		last      *checkpoint.Snapshot
	}
}

// Subtask is a task with its place in the job.
type Subtask struct {
	*task.Task
	Chain    *graph.Chain
	Index    int
	nodes    []operator.Node
	contexts []*operator.Context
	members  []*graph.Node // of nodes; nil for writers
	metrics  []*metric.Group
}

type pendingSnapshot struct {
	*checkpoint.Pending
	done chan struct{}
}

// Start runs a compiled graph. The job ends by itself, by an error, by Cancel or with ctx.
func Start(ctx context.Context, plan *graph.Plan, opts Options) (*Job, error) {
	if opts.Clock == nil {
		opts.Clock = clock.System{}
	}
	if opts.CountPolls == nil && opts.SnapshotAtPoll > 0 {
		opts.CountPolls = &atomic.Int64{}
	}
	if opts.CancelTimeout == 0 {
		opts.CancelTimeout = 30 * time.Second
	}
	j := &Job{
		opts: opts, plan: plan, done: make(chan struct{}), coord: map[string]*coordinator{},
		loops: map[string]*loopCoordinator{},
	}
	j.spill.FeedbackBytes, j.spill.OverflowBytes = opts.FeedbackBytes, opts.OverflowBytes
	j.spill.Parent, j.spill.Bytes, j.spill.SortBytes = opts.TempDir, opts.SpillBytes, opts.SortBytes
	if opts.Batch && opts.Restore != nil {
		return nil, errors.New("a job in batch mode takes no snapshots and cannot be restored from one")
	}
	if err := j.checkRestore(); err != nil {
		return nil, err
	}
	j.ctx, j.abort = context.WithCancelCause(context.WithoutCancel(ctx))
	if err := j.build(); err != nil {
		j.abort(err)
		return nil, err
	}
	j.mu.state = Running
	j.mu.started = opts.Clock.Now()
	if opts.Restore != nil {
		j.mu.nextID = opts.Restore.ID
	}
	for _, c := range j.coord {
		c.start(&j.wg)
	}
	for _, s := range j.tasks {
		j.wg.Go(func() { j.finished(s, s.Run(j.ctx)) })
	}
	go j.watch(ctx)
	return j, nil
}

// watch waits for the end of the job, whatever brings it about.
func (j *Job) watch(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { j.fail(Cancelling, ErrCanceled) })
	defer stop()
	all := make(chan struct{})
	go func() {
		j.wg.Wait()
		close(all)
	}()
	stopTicks := j.snapshotEvery(j.opts.Interval)
	select {
	case <-all:
	case <-j.ctx.Done():
		j.awaitCancel(all)
	}
	stopTicks()
	j.conclude()
}

func (j *Job) awaitCancel(all chan struct{}) {
	timeout := make(chan struct{})
	stop := j.opts.Clock.AfterFunc(j.opts.CancelTimeout, func() { close(timeout) })
	defer stop()
	select {
	case <-all:
	case <-timeout:
		j.mu.Lock()
		j.mu.cause = &StuckError{Cause: j.mu.cause, Timeout: j.opts.CancelTimeout, Stacks: stuckStacks()}
		j.mu.state = Failing
		j.mu.Unlock()
	}
}

// conclude turns the transient state into a final one.
func (j *Job) conclude() {
	j.abort(nil)
	spillErr := j.spill.Close()
	j.mu.Lock()
	if spillErr != nil && j.mu.state == Running {
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
	p := j.mu.pending
	j.mu.pending = nil
	j.mu.Unlock()
	if p != nil {
		p.Fail(errors.New("the job ended"))
		close(p.done)
	}
	close(j.done)
}

// fail brings the job down; only the first cause counts.
func (j *Job) fail(to State, cause error) {
	j.mu.Lock()
	// Once all input is processed, what is being committed is not taken back by a cancellation.
	first := j.mu.state == Running && !(j.mu.finishing && to == Cancelling)
	if first {
		j.mu.state, j.mu.cause = to, cause
	}
	j.mu.Unlock()
	if first {
		j.abort(cause)
	}
}

// Ended is called by a task that has processed its input or failed.
func (j *Job) Ended(t *task.Task, err error) {
	if err != nil {
		j.fail(Failing, err)
		return
	}
	j.mu.Lock()
	j.mu.ended++
	all := j.mu.ended == len(j.tasks) && j.mu.state == Running
	j.mu.finishing = all
	j.mu.Unlock()
	j.unstall(t)
	if all {
		for _, s := range j.tasks {
			s.Finish(task.Commit)
		}
		for _, c := range j.coord {
			c.stop()
		}
	}
}

// finished is called when a task's goroutine ends.
func (j *Job) finished(_ *Subtask, err error) {
	if err != nil {
		j.fail(Failing, err)
	}
}

// Wait returns when the job has ended: nil when it finished, ErrCanceled when it was cancelled,
// else the error that failed it.
func (j *Job) Wait() error {
	<-j.done
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.mu.state == Finished {
		return nil
	}
	return j.mu.cause
}

// Done is closed when the job has ended.
func (j *Job) Done() <-chan struct{} { return j.done }

// Cancel ends the job at once, without finishing what is in flight.
func (j *Job) Cancel() { j.fail(Cancelling, ErrCanceled) }

// Stop ends all sources as if their input had ended now; the job then finishes as a bounded one.
func (j *Job) Stop() {
	for _, s := range j.tasks {
		for _, n := range s.nodes {
			if st, ok := n.(interface{ Stop() }); ok {
				s.Deliver(st.Stop)
			}
		}
	}
}

// State is the job's state.
func (j *Job) State() State {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.state
}

// Uptime is how long the job has run, or did run.
func (j *Job) Uptime() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	end := j.mu.stopped
	if end.IsZero() {
		end = j.opts.Clock.Now()
	}
	return end.Sub(j.mu.started)
}

// Plan is the compiled graph.
func (j *Job) Plan() *graph.Plan { return j.plan }

// Subtasks are the tasks, chain by chain.
func (j *Job) Subtasks() []*Subtask { return j.tasks }

// Sample reads the counters of a task.
func (j *Job) Sample(s *Subtask) task.Sample { return s.Task.Sample(j.opts.Clock.Now()) }

// StuckError is the result of a job whose user code did not return after a cancellation.
type StuckError struct {
	Cause   error
	Timeout time.Duration
	Stacks  string
}

// Error shows where the code is stuck.
func (e *StuckError) Error() string {
	return fmt.Sprintf("%v; a task did not stop within %v (task.cancellation.timeout), it is at:\n%s",
		e.Cause, e.Timeout, e.Stacks)
}

// Unwrap is why the job was to stop.
func (e *StuckError) Unwrap() error { return e.Cause }

// Metrics are the operators' own metrics, by operator.
func (s *Subtask) Metrics() map[string][]metric.Sample {
	all := map[string][]metric.Sample{}
	for i, n := range s.members {
		if n == nil {
			continue
		}
		if samples := s.metrics[i].Samples(); len(samples) > 0 {
			all[n.Name] = samples
		}
	}
	return all
}
