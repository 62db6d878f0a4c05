package control

import (
	"log/slog"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/hotkey"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
)

// ToWorker is what the JobManager tells a worker. What the kinds mean is said at the actions of package
// schedule that have their names.
type ToWorker struct {
	Adopt            *Adopt
	Deploy           *Deploy
	Cancel           *Cancel
	LetGo            *LetGo
	StopCoordinators *StopCoordinators
	StopSources      *StopSources
	Open             *Open
	Barrier          *Barrier
	Tell             *Tell
	Forget           *Forget
	End              *End
	Ask              *Ask
}

// Adopt tells a worker, which had another JobManager before, that what runs in it goes on. Tell follows for
// the checkpoints that it has said to be open.
type Adopt struct {
	// Epoch is the term of the leader, for names in storage.
	Epoch int64
}

// Deploy runs what of some deployments belongs to the worker.
type Deploy struct {
	Deployments []schedule.Deployment
	// Parallelism is that of each vertex, by which places are counted; nil for that of the program.
	Parallelism []int
	// Workers are all that take part in them, or have coordinators.
	Workers []Peer
	// Self is the worker that the message is for, among Workers.
	Self int
	// Places has, for each task of the job by its place, the worker among Workers that it runs in; -1 for
	// tasks of other regions.
	Places []int32
	// Coordinators is the generation that is to be started, 0 for none; Coordinator is the worker that
	// has them, new or not.
	Coordinators, Coordinator int
	// Restore is the manifest of the snapshot to start from; empty for none.
	Restore []byte
	// Epoch is the term of the leader, for names in storage.
	Epoch int64
	// Results are what the tasks read that earlier stages have made, and Managers the TaskManagers that have
	// them: see Settings.Stages.
	Results  []Result
	Managers []Peer
	// Memory is what the worker may take from now on, in bytes; 0 if that does not change.
	Memory int64
}

// Result tells where the results of a task are.
type Result struct {
	Place      int // of the task
	Deployment int // that has made them
	Manager    int // among Deploy.Managers
}

// Peer is where a worker takes connections of others.
type Peer struct {
	Name    string // unique among all that ever were
	Address string
}

// Cancel ends the tasks of a deployment; 0 means of all.
type Cancel struct {
	Deployment int
	Cause      string
}

// LetGo ends the tasks of a deployment; 0 means of all.
type LetGo struct {
	Deployment int
	Commit     bool
}

// StopCoordinators ends a generation of coordinators.
type StopCoordinators struct{ Generation int }

// StopSources ends the input of all sources.
type StopSources struct{}

// Open prepares for a checkpoint. It is answered by Opened. Barrier follows when all workers have: the
// barrier of another worker's task may come before that.
type Open struct {
	ID int64
	// Stored says that its parts go to the job's storage, Savepoint is the directory of a savepoint. With
	// neither they stay in memory, and are delivered.
	Stored    bool
	Savepoint string
}

// Barrier begins a checkpoint.
type Barrier struct {
	ID    int64
	Flags operator.Flags
}

// Tell tells of the end of a checkpoint.
type Tell struct {
	Checkpoint int64
	Completed  bool
}

// Forget drops what a worker knows of a checkpoint.
type Forget struct{ Checkpoint int64 }

// End tells that the job has ended, or needs the worker no longer: its process ends.
type End struct{ Cause string }

// FromWorker is what a worker tells the JobManager.
type FromWorker struct {
	Hello                *Hello
	Deployed             *Deployed
	DeployFailed         *DeployFailed
	Opened               *Opened
	TaskEnded            *TaskEvent
	TaskFailed           *TaskEvent
	TaskClosed           *TaskEvent
	Delivered            *Delivered
	CoordinatorDelivered *CoordinatorDelivered
	Declined             *Declined
	CoordinatorFailed    *CoordinatorFailed
	CoordinatorsClosed   *CoordinatorsClosed
	Samples              *Samples
	Answer               *Answer
}

// Hello is the first message of a worker, on each of its connections.
type Hello struct {
	// Job is the job that it was started for, Name what the TaskManager has named it.
	Job, Name string
	// Address is where it takes connections of other workers.
	Address string
	PID     int
	// LogLevel is that of its log.
	LogLevel slog.Level
	// Running is what a former JobManager has deployed there, nil for nothing.
	Running *Running
}

// Running is what runs in a worker.
type Running struct {
	// Workers and Self are those of the last Deploy.
	Workers []Peer
	Self    int
	// Parallelism is that of each vertex, as in the last Deploy.
	Parallelism []int
	// Coordinators is the generation that runs here, 0 for none.
	Coordinators int
	// Tasks are those that were deployed here last, by their regions, in the order of their places.
	Tasks []RunningTask
	// Seen is the greatest number of a checkpoint that was begun, Completed of one that was told complete.
	// Open are those that were begun and not ended, in order.
	Seen, Completed int64
	Open            []int64
}

// RunningTask is a task that was deployed.
type RunningTask struct {
	Place int
	// Deployment, Region and Attempt are those of its deployment.
	Deployment, Region, Attempt int
	// Ended says that it has processed its input.
	Ended bool
	// Over says that it does not run any more, or is to end.
	Over bool
}

// Opened answers Open.
type Opened struct {
	ID    int64
	Error string // "" for none
}

// Deployed tells that the worker's tasks of a deployment run.
type Deployed struct{ Deployment int }

// DeployFailed tells that they cannot be made.
type DeployFailed struct {
	Deployment int
	Error      string
}

// TaskEvent is an event of a task.
type TaskEvent struct {
	Deployment, Place int
	Error             string // "" for none
	Damaged           bool
	Results           int // the deployment whose results it cannot read, 0 for none
}

// CoordinatorDelivered is a coordinator's part of a checkpoint.
type CoordinatorDelivered struct {
	ID       int64
	Operator checkpoint.Operator
	State    []byte
}

// Declined tells that a part of a checkpoint could not be taken.
type Declined struct {
	ID    int64
	Error string
}

// CoordinatorFailed tells that a coordinator has failed.
type CoordinatorFailed struct {
	Generation int
	Error      string
}

// CoordinatorsClosed tells that the coordinators have ended.
type CoordinatorsClosed struct{ Generation int }

// Samples are the counters of a worker's tasks.
type Samples struct {
	Tasks []Sample
	// Unassigned are the backlogs that no reader has, of the sources whose coordinators run in the worker and tell
	// that, by the uids of their operators.
	Unassigned map[string]connect.Backlog
}

// Sample is the counters of a task. Times are in nanoseconds since the task began.
type Sample struct {
	Place, Attempt                           int
	RecordsIn, RecordsOut, BytesIn, BytesOut int64
	RecordsRead                              int64 // by a source
	Busy, Backpressured, Idle                int64
	Watermark                                int64
	Ended                                    bool
	Accumulators                             map[string]int64
	// Backlog is what a source has still to read, nil if it does not tell that, or the task has none.
	Backlog *connect.Backlog
	// Slowest is the split that holds a source's watermark back, "" if none is known, and SourceIdle says that all are idle.
	Slowest    string
	SourceIdle bool
	// HotKeys are those of what it sends by keys, for each keyed output.
	HotKeys []HotKeys `json:"-"` // archives of jobs have no keys of users
}

// HotKeys are the keys that many of the records have that a task sends to a vertex, and of how many records that were looked at.
type HotKeys struct {
	Vertex int
	Rows   int64
	Keys   []hotkey.Key
}
