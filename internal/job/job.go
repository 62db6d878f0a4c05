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
	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/internal/task"
	"github.com/flott-dev/flott/internal/trace"
	"github.com/flott-dev/flott/internal/worker"
)

// State is the phase a job is in.
type State = schedule.State

// ErrCanceled is the result of a job that was cancelled.
var ErrCanceled = schedule.ErrCanceled

// Options are the settings of a run.
type Options struct {
	Name string
	// ID is by what a cluster knows the job, "" for one that runs in this process.
	ID    string
	Clock clock.Clock // nil: the machine's
	// Traces hears of checkpoints and starts; nil for nobody.
	Traces trace.Sink
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
	// Adopt, if it is not nil, is what runs of the job already: it goes on with that. LastID is the greatest
	// number of a checkpoint that was ever begun there.
	Adopt  *schedule.Adopted
	LastID int64
	// Stopping, if it is not nil, is called with the path of a savepoint that nothing follows, when that is
	// complete and before a task is told, which may commit then. It may block. An error that is not
	// storage.ErrDeposed fails the savepoint, and the job goes on.
	Stopping func(ctx context.Context, savepoint string) error
	// Ended, if it is not nil, is called when the job has ended, before anything is deleted that another run
	// of it would need. The job is done when it calls done; with deletes, when that is deleted, which else
	// stays. then follows that.
	Ended func(done func(deletes bool, then func()))
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
	Runner worker.Runner
	// Log hears of failures that the job survives, and on a cluster of all that happens to it; nil is slog.Default.
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
	// Pipelined has the tasks of a job in batch mode run at the same time: its exchanges are those of streaming mode.
	Pipelined bool
	// Stages runs a job in batch mode in stages, whose results outlive their tasks. Its Workers must be a
	// Stager.
	Stages bool
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
	// Environment names variables that workers on a cluster get.
	Environment []string
	// Program has the arguments by which workers on a cluster come to the job, if Call is set: in that call of launch.Start.
	Program []string
	Call    int
	// Configuration is what launch was given besides; the job does not look at it.
	Configuration *config.Configuration
}

// Workers run the tasks and coordinators of a job. A worker.Host does, for a job in this process. What
// the methods do is said at the actions of package schedule that have their names; they are called one
// at a time, and do not block.
type Workers interface {
	// Build makes tasks, if they are to run in this process.
	Build(d schedule.Deploy) error
	// Run runs them, and reports whether they run now. If they do not, Deployed or DeployFailed of the
	// Listener is called for each deployment.
	Run(d schedule.Deploy) bool
	Cancel(deployment int, cause error)
	Abort(cause error)
	// LetGo ends the tasks of a deployment, or all if it is 0.
	LetGo(deployment int, commit bool)
	StopCoordinators(generation int)
	StopSources()
	// Barrier begins a checkpoint, whose parts go to target; nil keeps them in memory.
	Barrier(id int64, flags operator.Flags, target *storage.Target)
	Tell(checkpoint int64, completed bool)
	// Forget drops the target of a checkpoint that nobody is told of.
	Forget(checkpoint int64)
	// Close is called when the job has ended. Its error fails the job, if nothing else has.
	Close() error
}

// Killer is Workers that can end tasks by force. Then a task that does not end after a cancellation does
// not end the job.
type Killer interface {
	Kill(deployment int, cause error)
}

// Adopter is Workers in which a job may run that had another master before.
type Adopter interface {
	// Adopt tells the workers that the checkpoint of this number, 0 for none, is the newest.
	Adopt(latest int64)
}

// Stager is Workers that keep the results of stages apart from their tasks.
type Stager interface {
	Discard(deployment int)
}

// Listener hears from Workers. Its methods may be called on any goroutine and do not block.
type Listener interface {
	worker.Listener
	Deployed(deployment int)
	DeployFailed(deployment int, err error)
	// ResultsLost tells that the results of a deployment are gone: see Stager.
	ResultsLost(deployment int, err error)
}

// Job is a running job.
type Job struct {
	opts    Options
	log     *slog.Logger // for lines about the job
	now     func() int64 // in nanoseconds, evenly
	graph   *graph.JobGraph
	runner  worker.Runner
	ctx     context.Context // of the whole job
	abort   context.CancelCauseFunc
	done    chan struct{}
	workers Workers
	host    *worker.Host // is workers, if they are in this process
	// savepoints makes the targets of savepoints.
	savepoints *storage.Store
	resumed    bool        // from a checkpoint of its own
	lastID     int64       // of the snapshots that an earlier run has left
	unwatch    func() bool // of the context that Start was given

	master  actor.Actor
	exec    *schedule.Execution
	tracer  tracer
	targets map[int64]*storage.Target // of checkpoints under way
	disarm  func()                    // the clock
	armed   int64
	over    bool
	failed  int // the deployment of which a failure was logged last

	mu struct {
		sync.Mutex
		state    State
		entered  map[State]time.Time // last, each state that it has been in
		cause    error
		started  time.Time
		stopped  time.Time
		history  checkpoint.History
		restarts int
		rescales int
		graph    *graph.JobGraph
	}
}

// Start runs a compiled graph in this process. The job ends by itself, by an error, by Cancel or with
// ctx.
func Start(ctx context.Context, plan *graph.Plan, opts Options) (*Job, error) {
	j := newJob(ctx, plan.JobGraph(), opts)
	o := &j.opts
	if o.CountBatches == nil && o.SnapshotAtBatch > 0 {
		o.CountBatches = &atomic.Int64{}
	}
	if o.Native && o.Store != nil && j.takesSnapshots() && worker.OnDisk(plan, o.Cold) {
		o.Checkpoints.Flags |= operator.Native
	}
	hostOptions := o.WorkerOptions()
	hostOptions.AtBatch = j.snapshotAtBatch
	j.host = worker.NewHost(j.ctx, plan, listener{j}, hostOptions)
	j.workers = j.host
	if o.LocalRecovery && o.Store != nil {
		if err := j.host.KeepCopies(o.Store); err != nil {
			return nil, errors.Join(fmt.Errorf("local recovery: %w", err), j.host.Close())
		}
	}
	return j.begin(ctx)
}

// Manage runs a job whose tasks run elsewhere: workers makes what runs them, and is given who hears of
// them. What Options say of tasks has no effect.
func Manage(ctx context.Context, g *graph.JobGraph, opts Options, workers func(Listener) Workers) (*Job, error) {
	j := newJob(ctx, g, opts)
	if opts.Native && opts.Store != nil && j.takesSnapshots() {
		j.opts.Checkpoints.Flags |= operator.Native
	}
	j.workers = workers(listener{j})
	return j.begin(ctx)
}

func newJob(ctx context.Context, g *graph.JobGraph, opts Options) *Job {
	j := &Job{opts: opts, graph: g, done: make(chan struct{}), targets: map[int64]*storage.Target{}}
	j.mu.graph = g
	j.withDefaults()
	j.ctx, j.abort = context.WithCancelCause(context.WithoutCancel(ctx))
	return j
}

// begin starts the job.
func (j *Job) begin(ctx context.Context) (*Job, error) {
	actions, err := j.open(ctx)
	if err != nil {
		j.abort(err)
		return nil, errors.Join(err, j.workers.Close())
	}
	j.unwatch = context.AfterFunc(ctx, j.Cancel)
	j.master.Post(func() { j.act(actions) })
	return j, nil
}

// open does what may fail before anything runs: also the making of the first tasks.
func (j *Job) open(ctx context.Context) ([]schedule.Action, error) {
	if !j.takesSnapshots() && j.opts.Restore != nil {
		return nil, errors.New("a job in batch mode takes no snapshots and cannot be restored from one")
	}
	if err := j.resume(ctx); err != nil {
		return nil, err
	}
	if err := j.checkRestore(); err != nil {
		return nil, err
	}
	if j.lastID = max(j.lastID, j.opts.LastID); j.opts.Adopt != nil && j.opts.Store == nil {
		j.opts.Checkpoints.Flags |= operator.Full // what others would stand on is gone with the former master
	}
	_, kill := j.workers.(Killer)
	j.mu.started = j.opts.Clock.Now()
	j.enterLocked(schedule.Created)
	j.exec = schedule.NewExecution(j.graph, schedule.Config{
		Name: j.opts.Name, Restart: j.opts.Restart, Snapshots: j.takesSnapshots(),
		Checkpoints: j.opts.Checkpoints, LastID: j.lastID, Stored: j.opts.Store != nil,
		Restore: j.opts.Restore, Own: j.resumed, Last: j.opts.Last, CancelTimeout: int64(j.opts.CancelTimeout),
		Kill: kill, Stages: j.opts.Stages,
	}, j.now())
	j.trace()
	if j.opts.Adopt != nil {
		return j.exec.Adopt(j.now(), *j.opts.Adopt), nil
	}
	actions := j.exec.Start(j.now())
	for _, a := range actions {
		if d, ok := a.(schedule.Deploy); ok {
			if err := j.workers.Build(d); err != nil {
				return nil, err
			}
		}
	}
	if j.host != nil {
		j.enterLocked(schedule.Running)
	}
	return actions, nil
}

// trace begins to make spans.
func (j *Job) trace() {
	t := &j.tracer
	t.to, t.ended = j.opts.Traces, j.exec.History().Completed+j.exec.History().Failed
	t.of = []trace.Attribute{{Key: "jobName", Value: j.opts.Name}}
	if j.opts.ID != "" {
		t.of = append(t.of, trace.Attribute{Key: "jobId", Value: j.opts.ID})
	}
	t.name = func(chain int) string {
		if g := j.exec.Graph(); chain < len(g.Vertices) {
			return g.Vertices[chain].Name
		}
		return ""
	}
	if j.opts.Adopt == nil { // what is adopted runs already
		t.began = j.now()
	}
}

func (j *Job) withDefaults() {
	o := &j.opts
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	j.now = clock.Steady(o.Clock)
	if o.CancelTimeout == 0 {
		o.CancelTimeout = 30 * time.Second
	}
	if !j.takesSnapshots() {
		o.Checkpoints.Interval = 0
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	j.log = logging.Of(o.Log, o.Name, o.ID)
	j.runner = o.Runner
	if j.runner == nil {
		j.runner = worker.Goroutines{}
	}
	j.master.Runner = j.runner
}

// WorkerOptions is what o says of the tasks.
func (o *Options) WorkerOptions() worker.Options {
	return worker.Options{
		Job: o.Name, JobID: o.ID, Log: o.Log, Clock: o.Clock, Runner: o.Runner, AllowNonRestored: o.AllowNonRestored,
		Batch: o.Batch, Pipelined: o.Pipelined, AtLeastOnce: o.AtLeastOnce, Native: o.Checkpoints.Flags.Has(operator.Native),
		AlignedTimeout: o.AlignedTimeout, BatchRows: o.BatchRows, TempDir: o.TempDir, Cold: o.Cold,
		SpillBytes: o.SpillBytes, SortBytes: o.SortBytes, FeedbackBytes: o.FeedbackBytes,
		OverflowBytes: o.OverflowBytes, StallBatches: o.StallBatches, SnapshotAtBatch: o.SnapshotAtBatch,
		CountBatches: o.CountBatches,
	}
}

// Wait returns when the job has ended: nil when it finished, ErrCanceled when it was cancelled,
// else the error that failed it.
func (j *Job) Wait() error {
	<-j.done
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.mu.state == schedule.Finished {
		return nil
	}
	return j.mu.cause
}

// Done is closed when the job has ended.
func (j *Job) Done() <-chan struct{} { return j.done }

// Cancel ends the job at once, without finishing what is in flight.
func (j *Job) Cancel() { j.tell(j.exec.Cancel) }

// Stop ends all sources as if their input had ended now; the job then finishes as a bounded one.
func (j *Job) Stop() { j.tell(j.exec.StopSources) }

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

// Subtasks are the tasks of a job in this process as they run now, chain by chain.
func (j *Job) Subtasks() []*worker.Subtask { return j.host.Subtasks() }

// Sample reads the counters of a task.
func (j *Job) Sample(s *worker.Subtask) task.Sample { return j.host.Sample(s) }

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
