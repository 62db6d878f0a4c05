package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/internal/task"
)

// State is the phase a job is in.
type State string

// The states.
const (
	Created    State = "CREATED"
	Running    State = "RUNNING"
	Restarting State = "RESTARTING"
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
	// Checkpoints says when checkpoints are taken. Its interval is 0 where none are.
	Checkpoints checkpoint.Config
	// Store is where checkpoints go; nil keeps the last one in memory.
	Store *storage.Store
	// Fresh starts anew even if Store has a checkpoint of the job.
	Fresh bool
	// RestorePath is a savepoint or checkpoint to start from, unless Store has one of the job. Claim
	// makes it the job's own, which deletes it when it is no longer needed.
	RestorePath string
	Claim       bool
	// Last, if it is not nil, is the snapshot to be taken when all input is processed.
	Last *checkpoint.Request
	// DeleteOnCancel deletes the checkpoints of a job that is cancelled; those of one that has
	// finished are always deleted.
	DeleteOnCancel bool
	// LocalRecovery keeps copies of what goes to Store in TempDir, for restarts after a failure.
	LocalRecovery bool
	// Native makes checkpoints, where Store keeps them, hold keyed state on disk as the files it is in.
	Native bool
	// AtLeastOnce counts barriers instead of aligning them.
	AtLeastOnce bool
	// Restart decides whether what has failed is restarted; nil never does.
	Restart schedule.Strategy
	// Runner runs the parts of the job; nil runs each on a goroutine.
	Runner Runner
	// Log hears of failures that the job survives; nil is slog.Default.
	Log *slog.Logger
	// AlignedTimeout is how long after its making a barrier that is aligned overtakes what is on the way;
	// 0 is never.
	AlignedTimeout time.Duration
	// StallBatches makes tasks leave their input alone from up to so many batches before SnapshotAtBatch on,
	// each from another one, so that input piles up: for tests of unaligned snapshots. A task that has to
	// align goes on.
	StallBatches int64
	// CancelTimeout is how long user code may take to return after a cancellation, before the job
	// is given up with the stacks of what is stuck; 0 means 30 s.
	CancelTimeout time.Duration
	// BatchRows is the number of rows of the sources' batches; 0 takes the default.
	BatchRows int
	// SnapshotAtBatch takes a snapshot when the sources have read so many batches together, and
	// gives it to OnSnapshot: for tests that stop a job at a chosen moment.
	SnapshotAtBatch int64
	OnSnapshot      func(*checkpoint.Snapshot, error)
	// CountBatches, when it is not nil, counts the batches of the sources.
	CountBatches *atomic.Int64
	// Batch runs the job in batch mode.
	Batch bool
	// TempDir is where batch mode, feedback and overflowing outputs spill; "" means the system's.
	TempDir string
	// Cold makes the disk behind keyed state in place of the state backend of the plan: for tests.
	Cold func() operator.Cold
	// SpillBytes is what blocking exchanges keep in memory, SortBytes what a subtask sorts in memory;
	// 0 means 64 MiB.
	SpillBytes, SortBytes int64
	// FeedbackBytes is what a feedback channel keeps in memory; 0 means 64 MiB.
	FeedbackBytes int64
	// OverflowBytes is what an output keeps in memory of what its consumers have no room for; 0 means
	// 64 MiB.
	OverflowBytes int64
	// Configuration is what launch was given besides; the job does not look at it.
	Configuration *config.Configuration
}

// Job is a running job.
type Job struct {
	opts      Options
	plan      *graph.Plan
	runner    Runner
	ctx       context.Context // of the whole job
	abort     context.CancelCauseFunc
	wg        sync.WaitGroup
	done      chan struct{}
	spill     exchange.Spill
	holding   atomic.Bool  // sources wait for a snapshot
	reading   atomic.Int64 // sources' subtasks that have not ended, where StallBatches is set
	alignment operator.AlignmentGroups
	places    places
	// savepoints makes the targets of savepoints.
	savepoints *storage.Store
	resumed    bool        // from a checkpoint of its own
	lastID     int64       // of the snapshots that an earlier run has left
	unwatch    func() bool // of the context that Start was given

	master actor
	m      master

	mu struct {
		sync.Mutex
		state    State
		cause    error
		started  time.Time
		stopped  time.Time
		tasks    []*Subtask
		history  checkpoint.History
		restarts int
	}
}

// Start runs a compiled graph. The job ends by itself, by an error, by Cancel or with ctx.
func Start(ctx context.Context, plan *graph.Plan, opts Options) (*Job, error) {
	j := &Job{opts: opts, plan: plan, done: make(chan struct{})}
	j.withDefaults()
	if !j.takesSnapshots() && opts.Restore != nil {
		return nil, errors.New("a job in batch mode takes no snapshots and cannot be restored from one")
	}
	j.ctx, j.abort = context.WithCancelCause(context.WithoutCancel(ctx))
	if err := j.open(ctx); err != nil {
		j.abort(err)
		return nil, errors.Join(err, j.spill.Close())
	}
	if opts.Last != nil {
		j.m.final = &request{Request: *opts.Last}
	}
	j.unwatch = context.AfterFunc(ctx, j.Cancel)
	j.master.post(j.launch)
	return j, nil
}

// open does what may fail before anything runs.
func (j *Job) open(ctx context.Context) error {
	if j.opts.LocalRecovery && j.opts.Store != nil {
		dir, err := j.spill.Sub("checkpoints")
		if err != nil {
			return fmt.Errorf("local recovery: %w", err)
		}
		j.opts.Store.CopyTo(blob.NewDir(dir))
	}
	if err := j.resume(ctx); err != nil {
		return err
	}
	if err := j.checkRestore(); err != nil {
		return err
	}
	j.mu.state = Running
	j.mu.started = j.opts.Clock.Now()
	return j.prepare()
}

func (j *Job) withDefaults() {
	o := &j.opts
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.CountBatches == nil && o.SnapshotAtBatch > 0 {
		o.CountBatches = &atomic.Int64{}
	}
	if o.CancelTimeout == 0 {
		o.CancelTimeout = 30 * time.Second
	}
	if o.Restart == nil {
		o.Restart = schedule.Never{}
	}
	if !j.takesSnapshots() {
		o.Checkpoints.Interval = 0
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Native && o.Store != nil && j.takesSnapshots() && j.cold() != nil {
		o.Checkpoints.Flags |= operator.Native
	}
	j.runner = o.Runner
	if j.runner == nil {
		j.runner = goroutines{&j.wg}
	}
	j.master.runner = j.runner
	j.spill.FeedbackBytes, j.spill.OverflowBytes = o.FeedbackBytes, o.OverflowBytes
	j.spill.Parent, j.spill.Bytes, j.spill.SortBytes = o.TempDir, o.SpillBytes, o.SortBytes
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
func (j *Job) Cancel() { j.master.post(func() { j.end(Cancelling, ErrCanceled) }) }

// Stop ends all sources as if their input had ended now; the job then finishes as a bounded one.
func (j *Job) Stop() { j.master.post(j.stopSources) }

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

// Restarts is how often a part of the job, or all of it, was restarted.
func (j *Job) Restarts() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.restarts
}

// Checkpoints is the statistics of the job's checkpoints.
func (j *Job) Checkpoints() checkpoint.History {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.history
}

// Plan is the compiled graph.
func (j *Job) Plan() *graph.Plan { return j.plan }

// Subtasks are the tasks as they run now, chain by chain.
func (j *Job) Subtasks() []*Subtask {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.tasks
}

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
