package worker

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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

// Options are the settings of a Host.
type Options struct {
	Job    string // its name
	JobID  string // by what a cluster knows it, "" for a job in this process
	Clock  clock.Clock
	Runner Runner       // nil runs each part on a goroutine
	Log    *slog.Logger // nil is slog.Default
	// AllowNonRestored lets state be dropped that no operator of the job takes up.
	AllowNonRestored bool
	// Batch runs the job in batch mode.
	Batch bool
	// Pipelined has exchanges in batch mode be those of streaming mode.
	Pipelined bool
	// Stages, if it is not nil, is where the results of blocking exchanges go, which other tasks read when
	// those that have made them have ended.
	Stages *Stages
	// AtLeastOnce counts barriers instead of aligning them.
	AtLeastOnce bool
	// Native says that checkpoints hold keyed state on disk as the files it is in.
	Native bool
	// AlignedTimeout is how long after its making a barrier that is aligned overtakes what is on the way;
	// 0 is never.
	AlignedTimeout time.Duration
	// BatchRows is the number of rows of the sources' batches; 0 takes the default.
	BatchRows int
	// TempDir is where batch mode, feedback and overflowing outputs spill; "" means the system's.
	TempDir string
	// Cold makes the disk behind keyed state in place of the state backend of the plan: for tests.
	Cold func() operator.Cold
	// SpillBytes is what blocking exchanges keep in memory, SortBytes what a subtask sorts in memory,
	// FeedbackBytes what a feedback channel keeps there, OverflowBytes what an output does of what its
	// consumers have no room for; 0 means 64 MiB.
	SpillBytes, SortBytes, FeedbackBytes, OverflowBytes int64
	// StallBatches, SnapshotAtBatch and CountBatches are those of job.Options. AtBatch is called when the
	// sources have read SnapshotAtBatch batches.
	StallBatches, SnapshotAtBatch int64
	CountBatches                  *atomic.Int64
	AtBatch                       func()
}

// Listener hears what happens to the tasks and coordinators of a Host. Its methods are called on any
// goroutine and must not block. See the methods of schedule.Execution of the same names.
type Listener interface {
	TaskEnded(deployment, place int)
	TaskFailed(deployment, place int, f schedule.Failure)
	TaskClosed(deployment, place int, f schedule.Failure)
	Delivered(d checkpoint.Delivery)
	CoordinatorDelivered(id int64, of checkpoint.Operator, state []byte)
	Declined(id int64, err error)
	CoordinatorFailed(generation int, err error)
	CoordinatorsClosed(generation int)
}

// Host runs subtasks of a job. Its methods are called one at a time.
type Host struct {
	opts      Options
	plan      *graph.Plan
	runner    Runner
	listener  Listener
	ctx       context.Context // of the whole job
	abort     context.CancelCauseFunc
	spill     exchange.Spill
	holding   atomic.Bool  // sources wait for a snapshot
	reading   atomic.Int64 // sources' subtasks that have not ended, where StallBatches is set
	alignment operator.AlignmentGroups
	targets   targets
	// What follows changes with the parallelism of the job's vertices.
	parallelism []int
	all         []place
	regions     []int // by place, -1 for one that was never deployed

	layout  *Layout // nil if all of the job is in this process
	latest  atomic.Pointer[Layout]
	numbers *graph.Channels

	deployments map[int]*deployment // by region
	built       map[int]bool        // numbers of deployments that do not run yet
	early       map[int][]*Mail     // for deployments that are still to come, by number
	generation  int
	coords      map[string]*coordinator // by uid
	loops       map[string]*loopCoordinator

	mu struct {
		sync.Mutex
		tasks []*Subtask // as they run now, by place
	}
}

// place is where a subtask stands in the job.
type place struct {
	chain *graph.Chain
	index int
}

// deployment is an attempt to run a region.
type deployment struct {
	schedule.Deployment
	tasks  []*Subtask
	closed atomic.Int64 // tasks
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// NewHost returns a Host for the subtasks of a plan. It runs until ctx is done or Close.
func NewHost(ctx context.Context, plan *graph.Plan, l Listener, o Options) *Host {
	h := &Host{
		opts: o, plan: plan, runner: o.Runner, listener: l,
		deployments: map[int]*deployment{}, built: map[int]bool{}, early: map[int][]*Mail{},
		coords: map[string]*coordinator{}, loops: map[string]*loopCoordinator{},
	}
	h.alignment.Tell = h.tellAligned
	if h.opts.Log == nil {
		h.opts.Log = slog.Default()
	}
	if h.runner == nil {
		h.runner = Goroutines{}
	}
	h.ctx, h.abort = context.WithCancelCause(ctx)
	h.spill.FeedbackBytes, h.spill.OverflowBytes = o.FeedbackBytes, o.OverflowBytes
	h.spill.Parent, h.spill.Bytes, h.spill.SortBytes = o.TempDir, o.SpillBytes, o.SortBytes
	h.lay(plan)
	return h
}

// lay numbers the places of a plan. No task runs.
func (h *Host) lay(plan *graph.Plan) {
	h.plan, h.all, h.regions, h.numbers, h.parallelism = plan, nil, nil, nil, nil
	for _, c := range plan.Chains {
		h.parallelism = append(h.parallelism, c.Head().Parallelism)
		for i := range c.Head().Parallelism {
			h.all = append(h.all, place{c, i})
			h.regions = append(h.regions, -1)
		}
	}
	h.mu.Lock()
	h.mu.tasks = make([]*Subtask, len(h.all))
	h.mu.Unlock()
}

// relay gives the plan another parallelism, if it is another one: all tasks have ended then.
func (h *Host) relay(parallelism []int) error {
	if parallelism == nil || slices.Equal(parallelism, h.parallelism) {
		return nil
	}
	plan, err := h.plan.Rescaled(parallelism)
	if err != nil {
		return err
	}
	h.deployments = map[int]*deployment{}
	h.alignment.Clear()
	h.lay(plan)
	return nil
}

// KeepCopies makes store keep copies of what is written to it in the Host's temporary directory.
func (h *Host) KeepCopies(store *storage.Store) error {
	dir, err := h.spill.Sub("checkpoints")
	if err != nil {
		return err
	}
	store.CopyTo(blob.NewDir(dir))
	return nil
}

// Build makes the tasks of deployments. Run runs them.
func (h *Host) Build(d schedule.Deploy) error {
	if err := h.relay(d.Parallelism); err != nil {
		return err
	}
	for _, n := range d.Deployments {
		if h.built[n.Number] {
			continue
		}
		h.built[n.Number] = true
		if err := h.build(n, d); err != nil {
			return err
		}
	}
	return nil
}

// Run runs the tasks of deployments that were built, and coordinators if they are to be new. A
// coordinator hears of its readers and gets its state before a task can ask it for anything.
func (h *Host) Run(d schedule.Deploy) bool {
	for _, n := range d.Deployments {
		delete(h.built, n.Number)
		for _, place := range n.Tasks {
			p := h.all[place]
			if c := h.coords[p.chain.Head().UID]; c != nil {
				c.attach(h.linkTo(n.Number, place), p.index, idOf(d.Restore))
			}
		}
	}
	if d.Coordinators != 0 {
		h.startCoordinators(d.Restore)
	}
	for _, n := range d.Deployments {
		r := h.deployments[n.Region]
		for _, s := range r.tasks {
			h.runner.Task(s.labelled(r.ctx), s.Task, func(err error) {
				s.over.Store(true)
				h.listener.TaskClosed(s.deployment.Number, s.place, s.failure(err))
				r.closed.Add(1)
			})
		}
		h.deliverEarly(n)
	}
	return true
}

// build makes the next attempt of a region's tasks.
func (h *Host) build(n schedule.Deployment, d schedule.Deploy) error {
	if d.Coordinators != 0 && h.generation != d.Coordinators && h.coordinates() {
		h.makeCoordinators(d.Coordinators)
	}
	h.forgetStages()
	r := &deployment{Deployment: n}
	r.ctx, r.cancel = context.WithCancelCause(h.ctx)
	h.deployments[n.Region] = r
	for _, place := range n.Tasks {
		h.regions[place] = n.Region
	}
	b := newBuilder(h, r, d.Restore)
	if err := b.build(); err != nil {
		return err
	}
	h.mu.Lock()
	h.mu.tasks = slices.Clone(h.mu.tasks) // readers keep the old one
	for _, place := range n.Tasks {
		h.mu.tasks[place] = nil
	}
	for _, s := range r.tasks {
		h.mu.tasks[s.place] = s
	}
	h.mu.Unlock()
	b.linkLoops()
	return nil
}

// Cancel ends the tasks of a deployment.
func (h *Host) Cancel(number int, cause error) {
	for _, r := range h.deployments {
		if r.Number != number {
			continue
		}
		r.cancel(cause)
		for _, place := range r.Tasks {
			p := h.all[place]
			if c := h.coords[p.chain.Head().UID]; c != nil {
				c.detach(number, p.index)
			}
		}
	}
}

// Disconnected fails the tasks here that need another worker: those of regions that have subtasks there,
// and sources whose coordinator is there.
func (h *Host) Disconnected(worker int, err error) {
	if h.layout == nil {
		return
	}
	for _, r := range h.deployments {
		shared := slices.ContainsFunc(r.Tasks, func(place int) bool {
			w, _ := h.workerOf(place)
			return w == worker
		})
		for _, s := range r.tasks {
			if shared || s.Chain.Head().Source != nil && h.layout.Coordinator == worker {
				s.disconnected(err)
			}
		}
	}
}

// CancelAll ends all tasks.
func (h *Host) CancelAll(cause error) {
	for _, r := range h.deployments {
		r.cancel(cause)
	}
}

// Abort ends all tasks and all else.
func (h *Host) Abort(cause error) { h.abort(cause) }

// Close removes the temporary files, after all tasks have ended or are given up.
func (h *Host) Close() error {
	h.abort(nil)
	return h.spill.Close()
}

// LetGo ends the tasks of a deployment, all if it is 0, which have processed their input or are suspended.
func (h *Host) LetGo(deployment int, commit bool) {
	o := task.Discard
	if commit {
		o = task.Commit
	}
	for s := range h.running() {
		if deployment == 0 || s.deployment.Number == deployment {
			s.Finish(o)
		}
	}
}

// StopSources ends the input of all sources here.
func (h *Host) StopSources() {
	for s := range h.running() {
		for _, n := range s.nodes {
			if st, ok := n.(interface{ Stop() }); ok {
				s.Deliver(st.Stop)
			}
		}
	}
}

// Open tells where the parts of a checkpoint go that is to begin; nil keeps them in memory.
func (h *Host) Open(id int64, target *storage.Target) {
	if target != nil {
		h.targets.set(id, target)
	}
}

// Barrier begins a checkpoint, whose parts go to target; nil keeps them in memory, or where Open has
// said.
func (h *Host) Barrier(id int64, flags operator.Flags, target *storage.Target) {
	h.Open(id, target)
	for c := range h.coordinators() {
		c.snapshot(id, flags)
	}
	for s := range h.running() {
		if s.Chain.Head().Source == nil {
			s.Trigger(id, flags)
		}
	}
}

// Tell tells that a checkpoint is complete or was given up.
func (h *Host) Tell(id int64, completed bool) {
	h.targets.drop(id)
	for s := range h.running() {
		s.Tell(id, completed)
	}
	if !completed {
		return
	}
	for c := range h.coordinators() {
		c.completed(id)
	}
}

// Forget drops the target of a checkpoint that nobody is told of.
func (h *Host) Forget(id int64) { h.targets.drop(id) }

// running iterates over the tasks, region by region.
func (h *Host) running() func(yield func(*Subtask) bool) {
	return func(yield func(*Subtask) bool) {
		for _, region := range slices.Sorted(maps.Keys(h.deployments)) {
			for _, s := range h.deployments[region].tasks {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// Subtasks are the tasks as they run now, by their places.
func (h *Host) Subtasks() []*Subtask {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.tasks
}

// subtask is the task at a place, nil if it is not in this process.
func (h *Host) subtask(place int) *Subtask {
	h.mu.Lock()
	defer h.mu.Unlock()
	if place >= len(h.mu.tasks) {
		return nil // the parallelism has changed
	}
	return h.mu.tasks[place]
}

// Sample reads the counters of a task.
func (h *Host) Sample(s *Subtask) task.Sample { return s.Task.Sample(h.opts.Clock.Now()) }

// isDamage reports whether err says that a snapshot cannot be read.
func isDamage(err error) bool {
	corrupt := (*storage.CorruptError)(nil)
	return errors.As(err, &corrupt)
}

func idOf(s *checkpoint.Snapshot) int64 {
	if s == nil {
		return 0
	}
	return s.ID
}
