package jobmanager

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/schedule"
)

// TaskState is what a subtask is doing.
type TaskState uint8

// The states. A task that waits for slots is SCHEDULED, one whose worker is being started or restores
// state is DEPLOYING.
const (
	TaskCreated TaskState = iota
	TaskScheduled
	TaskDeploying
	TaskRunning
	TaskCanceling
	TaskFinished
	TaskCanceled
	TaskFailed
	taskStates
)

var taskStateNames = [taskStates]string{
	"CREATED", "SCHEDULED", "DEPLOYING", "RUNNING", "CANCELING", "FINISHED", "CANCELED", "FAILED",
}

// String is the state's name as in Flink.
func (s TaskState) String() string { return taskStateNames[s] }

// Done reports whether the state is final.
func (s TaskState) Done() bool { return s >= TaskFinished }

// Attempt is one life of a subtask.
type Attempt struct {
	Number int // from 0
	State  TaskState
	// Entered is when it came into each state, in nanoseconds since 1970; 0 for never.
	Entered [taskStates]int64
	// TaskManager is where it runs, or ran, "" as long as that is open; Address is its worker's.
	TaskManager, Address string
	// Counters are the last that were heard of it, Recent what they have grown by since those before;
	// at Sampled, in nanoseconds since 1970.
	Counters control.Sample
	Recent   Load
	Sampled  int64
	// Marked is when the watermark was first heard to be what it is, in nanoseconds since 1970; 0 for never.
	Marked int64

	deployment int
}

// Watermark is what was heard last, in milliseconds since 1970; the least number for none.
func (a *Attempt) Watermark() int64 {
	if a.Counters.Watermark == 0 {
		return math.MinInt64
	}
	return a.Counters.Watermark
}

// Load is how a task has spent its time, in nanoseconds.
type Load struct{ Busy, Backpressured, Idle int64 }

// All is the time of which the parts are told, 0 if nothing is known.
func (l *Load) All() int64 { return l.Busy + l.Backpressured + l.Idle }

func (a *Attempt) enter(s TaskState, now int64) {
	if a.State.Done() || s < a.State || a.Entered[s] != 0 {
		return
	}
	a.State, a.Entered[s] = s, now
}

// finishAfterAll has a task that was lost with its worker have finished then, as what it had done is there.
func (a *Attempt) finishAfterAll() {
	if a.State == TaskFailed {
		a.State, a.Entered[TaskFinished], a.Entered[TaskFailed] = TaskFinished, a.Entered[TaskFailed], 0
	}
}

// FailureView is a failure, and others that came while the tasks of its region were being cancelled.
type FailureView struct {
	Kind string // what has failed: TaskFailure, WorkerLost, DeployFailure, CoordinatorFailure or JobFailure
	Text string
	At   int64 // nanoseconds since 1970
	// Task is "" if no single task has failed, and so is TaskManager then, but for a worker with nothing but coordinators.
	Task, TaskManager, Address string
	Later                      []FailureView
}

// The bounds of what is kept for each job, and for each subtask.
const (
	failuresMost = 32
	laterMost    = 16
	attemptsMost = 16
)

// record is what has become of a job's tasks. It hears what the job's master tells the fleet, and what
// the fleet tells the master.
type record struct {
	clock clock.Clock
	graph *graph.JobGraph

	mu struct {
		sync.Mutex
		tasks    []Attempt   // by place
		earlier  [][]Attempt // by place, the oldest first
		placesOf map[int][]int
		failures []FailureView
		dropped  bool        // there were more failures
		failure  map[int]int // the one that a deployment has, counted from the first that ever was
		before   int         // how many were dropped
		restored int
		last     Restored
	}
}

// Restored is the last snapshot that a job was started from.
type Restored struct {
	ID        int64 // 0 for none
	Savepoint bool
	At        int64 // nanoseconds since 1970
}

func newRecord(c clock.Clock, g *graph.JobGraph) *record {
	r := &record{clock: c, graph: g}
	tasks := 0
	for _, v := range g.Vertices {
		tasks += v.Parallelism
	}
	now := r.now()
	r.mu.tasks, r.mu.earlier = make([]Attempt, tasks), make([][]Attempt, tasks)
	for i := range r.mu.tasks {
		r.mu.tasks[i].Entered[TaskCreated] = now
	}
	r.mu.placesOf, r.mu.failure = map[int][]int{}, map[int]int{}
	return r
}

func (r *record) now() int64 { return r.clock.Now().UnixNano() }

// between puts the record between a job's master and its fleet.
func (r *record) between(l job.Listener, f *fleet) job.Workers {
	f.listener = recordedListener{l, r}
	return recordedWorkers{f, r}
}

// recordedWorkers notes what the master tells the fleet.
type recordedWorkers struct {
	*fleet
	r *record
}

// Run notes that tasks wait for slots.
func (w recordedWorkers) Run(d schedule.Deploy) bool {
	w.r.scheduled(d)
	return w.fleet.Run(d)
}

// Cancel notes that tasks are to end.
func (w recordedWorkers) Cancel(deployment int, cause error) {
	w.r.each(deployment, TaskCanceling)
	w.fleet.Cancel(deployment, cause)
}

// LetGo notes that the tasks of a stage have done their work: what becomes of their worker before they are closed does
// not matter.
func (w recordedWorkers) LetGo(deployment int, commit bool) {
	w.r.letGo(deployment, commit)
	w.fleet.LetGo(deployment, commit)
}

// Abort notes that all tasks are to end.
func (w recordedWorkers) Abort(cause error) {
	w.r.abort()
	w.fleet.Abort(cause)
}

// recordedListener notes what the fleet tells the master.
type recordedListener struct {
	job.Listener
	r *record
}

// Deployed notes that tasks run.
func (l recordedListener) Deployed(deployment int) {
	l.r.each(deployment, TaskRunning)
	l.Listener.Deployed(deployment)
}

// DeployFailed notes that tasks could not be made.
func (l recordedListener) DeployFailed(deployment int, err error) {
	l.r.deployFailed(deployment, err)
	l.Listener.DeployFailed(deployment, err)
}

// TaskFailed notes a failure.
func (l recordedListener) TaskFailed(deployment, place int, f schedule.Failure) {
	l.r.taskFailed(deployment, place, f.Err)
	l.Listener.TaskFailed(deployment, place, f)
}

// TaskClosed notes the end of a task.
func (l recordedListener) TaskClosed(deployment, place int, f schedule.Failure) {
	l.r.closed(deployment, place, f.Err)
	l.Listener.TaskClosed(deployment, place, f)
}

// CoordinatorFailed notes a failure.
func (l recordedListener) CoordinatorFailed(generation int, err error) {
	l.r.coordinatorFailed(err)
	l.Listener.CoordinatorFailed(generation, err)
}

// scheduled begins an attempt of each task.
func (r *record) scheduled(d schedule.Deploy) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if s := d.Restore; s != nil {
		r.mu.restored++
		r.mu.last = Restored{s.ID, s.Kind == checkpoint.Savepoint, now}
	}
	r.relayLocked(d.Parallelism)
	for _, n := range d.Deployments {
		r.mu.placesOf[n.Number] = n.Tasks
		for _, place := range n.Tasks {
			t := &r.mu.tasks[place]
			if t.State != TaskCreated {
				all := append(r.mu.earlier[place], *t)
				r.mu.earlier[place] = all[max(0, len(all)-attemptsMost):]
				*t = Attempt{}
				t.Entered[TaskCreated] = now
			}
			t.Number, t.deployment = n.Attempt-1, n.Number
			t.enter(TaskScheduled, now)
		}
	}
}

// relay gives subtasks their places with another parallelism.
func (r *record) relay(parallelism []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.relayLocked(parallelism)
}

// relayLocked gives subtasks their places with another parallelism. Of those that are no more nothing is
// kept.
func (r *record) relayLocked(parallelism []int) {
	if parallelism == nil || slices.Equal(parallelism, r.graph.Parallelism()) {
		return
	}
	g, err := r.graph.Rescaled(parallelism)
	if err != nil {
		return // the deployment fails, and its error says so
	}
	var tasks []Attempt
	var earlier [][]Attempt
	first := 0
	for v := range g.Vertices {
		had := r.graph.Vertices[v].Parallelism
		for i := range g.Vertices[v].Parallelism {
			if i < had {
				tasks, earlier = append(tasks, r.mu.tasks[first+i]), append(earlier, r.mu.earlier[first+i])
				continue
			}
			tasks, earlier = append(tasks, Attempt{}), append(earlier, nil)
			tasks[len(tasks)-1].Entered[TaskCreated] = r.now()
		}
		first += had
	}
	r.graph, r.mu.tasks, r.mu.earlier = g, tasks, earlier
	r.mu.placesOf, r.mu.failure = map[int][]int{}, map[int]int{}
}

// deploying notes where a task is to run.
func (r *record) deploying(place int, taskManager, address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.mu.tasks[place]
	t.TaskManager, t.Address = taskManager, address
	t.enter(TaskDeploying, r.now())
}

// each notes the state of a deployment's tasks.
func (r *record) each(deployment int, s TaskState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, place := range r.mu.placesOf[deployment] {
		r.mu.tasks[place].enter(s, r.now())
	}
}

// letGo notes that the tasks of a stage have finished. At the end of a job, deployment is 0. One of which was heard meanwhile that its worker
// is gone has finished all the same: its results are there.
func (r *record) letGo(deployment int, commit bool) {
	if deployment == 0 || !commit {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for i := range r.mu.tasks {
		if t := &r.mu.tasks[i]; t.deployment == deployment {
			t.finishAfterAll()
			t.enter(TaskFinished, now)
		}
	}
}

func (r *record) abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.mu.tasks {
		t := &r.mu.tasks[i]
		if t.State == TaskCreated { // of a stage that has not begun
			t.enter(TaskCanceled, r.now())
		}
		t.enter(TaskCanceling, r.now())
	}
}

// closed notes the end of a task: without an error it has finished, or was cancelled.
func (r *record) closed(deployment, place int, err error) {
	if err != nil {
		r.taskFailed(deployment, place, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if place >= len(r.mu.tasks) || r.mu.placesOf[deployment] == nil {
		return // of before the parallelism has changed
	}
	t := &r.mu.tasks[place]
	end := TaskFinished
	if t.State == TaskCanceling {
		end = TaskCanceled
	}
	t.enter(end, r.now())
	places := r.mu.placesOf[deployment]
	for _, p := range places {
		if !r.mu.tasks[p].State.Done() {
			return
		}
	}
	delete(r.mu.placesOf, deployment)
	delete(r.mu.failure, deployment)
}

func (r *record) coordinatorFailed(err error) {
	r.failed(0, -1, kindOf(err, "CoordinatorFailure"), err)
}

// kindOf is the kind of a failure: what ran in a worker that is gone has not failed by itself.
func kindOf(err error, other string) string {
	if _, ok := err.(*WorkerError); ok {
		return "WorkerLost"
	}
	return other
}

func (r *record) deployFailed(deployment int, err error) {
	r.failed(deployment, -1, "DeployFailure", err)
	r.each(deployment, TaskFailed)
}

func (r *record) taskFailed(deployment, place int, err error) {
	r.failed(deployment, place, kindOf(err, "TaskFailure"), err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if place >= len(r.mu.tasks) {
		return
	}
	if t := &r.mu.tasks[place]; t.State != TaskCanceling {
		t.enter(TaskFailed, r.now())
	}
}

// troubled notes why the job cannot be taken over, once as long as that is so.
func (r *record) troubled(err error) {
	r.mu.Lock()
	n := len(r.mu.failures)
	again := n > 0 && r.mu.failures[n-1].Text == err.Error()
	r.mu.Unlock()
	if !again {
		r.failed(0, -1, "JobFailure", err)
	}
}

// failed notes a failure of a deployment, 0 for all of the job, and of a task, -1 for none.
func (r *record) failed(deployment, place int, kind string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := FailureView{Kind: kind, Text: err.Error(), At: r.now()}
	if place >= 0 && place < len(r.mu.tasks) {
		f.Task = r.taskName(place)
		f.TaskManager, f.Address = r.mu.tasks[place].TaskManager, r.mu.tasks[place].Address
	} else if lost, ok := err.(*WorkerError); ok {
		f.TaskManager = lost.TaskManager
	}
	if n, ok := r.mu.failure[deployment]; ok && n >= r.mu.before && deployment != 0 {
		first := &r.mu.failures[n-r.mu.before]
		if first.Task == f.Task && first.Text == f.Text || len(first.Later) >= laterMost {
			return
		}
		for _, l := range first.Later {
			if l.Task == f.Task && l.Text == f.Text {
				return
			}
		}
		first.Later = append(first.Later, f)
		return
	}
	r.mu.failure[deployment] = r.mu.before + len(r.mu.failures)
	r.mu.failures = append(r.mu.failures, f)
	if len(r.mu.failures) > failuresMost {
		r.mu.failures, r.mu.dropped = r.mu.failures[1:], true
		r.mu.before++
	}
}

// taskName is a task's name as logs have it.
func (r *record) taskName(place int) string {
	for _, v := range r.graph.Vertices {
		if place < v.Parallelism {
			return fmt.Sprintf("%s (%d/%d)", v.Name, place+1, v.Parallelism)
		}
		place -= v.Parallelism
	}
	return ""
}

// sampled notes a task's counters.
func (r *record) sampled(s control.Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.Place < 0 || s.Place >= len(r.mu.tasks) {
		return
	}
	t := &r.mu.tasks[s.Place]
	if s.Attempt != t.Number+1 {
		return
	}
	t.Recent = Load{}
	if old := t.Counters; !s.Ended {
		t.Recent = Load{s.Busy - old.Busy, s.Backpressured - old.Backpressured, s.Idle - old.Idle}
	}
	now := r.now()
	if t.Marked == 0 || s.Watermark != t.Counters.Watermark {
		t.Marked = now
	}
	t.Counters, t.Sampled = s, now
}

// count counts the tasks by their state.
func (r *record) count(s schedule.State) map[TaskState]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endLocked(s)
	counts := map[TaskState]int{}
	for i := range r.mu.tasks {
		counts[r.mu.tasks[i].State]++
	}
	return counts
}

// endLocked: a job that has finished did not need again what was lost with a worker.
func (r *record) endLocked(s schedule.State) {
	if s == schedule.Finished {
		for i := range r.mu.tasks {
			r.mu.tasks[i].finishAfterAll()
		}
	}
}

// view adds what is recorded to what can be seen of a job.
func (r *record) view(v *JobView) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endLocked(v.State)
	place := 0
	for _, vertex := range r.graph.Vertices {
		tasks := make([]SubtaskView, vertex.Parallelism)
		for i := range tasks {
			// What is in earlier is only appended to, or copied.
			tasks[i] = SubtaskView{Attempt: r.mu.tasks[place], Earlier: append([]Attempt(nil), r.mu.earlier[place]...)}
			place++
		}
		v.Vertices = append(v.Vertices, VertexView{Vertex: vertex, Subtasks: tasks})
	}
	for _, f := range r.mu.failures {
		f.Later = append([]FailureView(nil), f.Later...)
		v.Failures = append(v.Failures, f)
	}
	v.FailuresDropped = r.mu.dropped
	v.RestoredTimes, v.Restored = r.mu.restored, r.mu.last
	if v.State == schedule.Failed && v.Cause != nil && !r.explainsLocked(v.Cause) {
		v.Failures = append(v.Failures, FailureView{
			Kind: "JobFailure", Text: v.Cause.Error(), At: v.Ended.UnixNano(),
		})
	}
}

// explainsLocked reports whether the last failure is that which the job has ended by.
func (r *record) explainsLocked(cause error) bool {
	n := len(r.mu.failures)
	return n > 0 && strings.Contains(cause.Error(), r.mu.failures[n-1].Text)
}

// adopted notes that the tasks of a deployment run since before this JobManager.
func (r *record) adopted(d schedule.Deployment, at []*member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.placesOf[d.Number] = d.Tasks
	for _, place := range d.Tasks {
		t := &r.mu.tasks[place]
		t.Number, t.TaskManager, t.Address = d.Attempt-1, at[place].taskManager, at[place].peer.Address
		t.enter(TaskRunning, r.now())
	}
}
