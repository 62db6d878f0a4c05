package control

import (
	"log/slog"

	"github.com/flott-dev/flott/internal/schedule"
)

// FromTaskManager is what a TaskManager tells the JobManager.
type FromTaskManager struct {
	Register    *Register
	Freed       *Freed
	WorkerEnded *WorkerEnded
	Leave       *Leave
	Log         *Log
	Answer      *Answer
}

// Register offers slots. It is the first message of a connection, and answered by Registered.
type Register struct {
	// ID is the TaskManager's, unique among all that ever were.
	ID string
	// Host is where it runs, for people.
	Host  string
	Slots []Slot
	// Workers are the names of the workers that run there.
	Workers []string
	PID     int
	// Address is where workers elsewhere get the results of stages; Results are the jobs of which there are any.
	Address string
	Results []string
	// Version is that of its program.
	Version string
	// LogLevel is that of its log.
	LogLevel slog.Level
}

// Slot is what a TaskManager offers.
type Slot struct {
	Memory int64 // bytes
	// Holder is the job that it is granted to, "" for none, and Allocation by which grant.
	Holder     string
	Group      string
	Allocation schedule.AllocationID
}

// Freed tells that a slot is cleared.
type Freed struct {
	Slot       int
	Allocation schedule.AllocationID
}

// WorkerEnded tells that the process of a worker has ended, or could not be started.
type WorkerEnded struct {
	Job, Name string
	// Reason says how it ended, with its last lines.
	Reason string
}

// Leave tells that the TaskManager wants to go. It stays until Dismiss.
type Leave struct{}

// ToTaskManager is what the JobManager tells a TaskManager.
type ToTaskManager struct {
	Registered  *Registered
	Grant       *Grant
	Free        *Free
	StartWorker *StartWorker
	StopWorker  *StopWorker
	SetMemory   *SetMemory
	Discard     *Discard
	Dismiss     *Dismiss
	ReadLog     *ReadLog
	Ask         *Ask
}

// Registered answers Register, before anything else is said.
type Registered struct {
	// REST is the URL of the JobManager's REST interface, where programs of jobs are. Without a host, as https://:8081, it is
	// at the host that the TaskManager has reached the JobManager by.
	REST string
}

// Grant gives a slot to a job.
type Grant struct {
	Slot       int
	Job, Group string
	Allocation schedule.AllocationID
}

// Free takes a slot back. It is answered by Freed, when the workers that were stopped before have ended.
type Free struct {
	Slot       int
	Allocation schedule.AllocationID
}

// StartWorker starts the worker of a job. A worker that runs says Hello to the JobManager; one that ends,
// or cannot be started, is told of by WorkerEnded.
type StartWorker struct {
	Name string
	Job  Submission
	// Memory is what it may take, in bytes; 0 for no limit.
	Memory int64
}

// StopWorker ends a worker: by its own doing within Grace nanoseconds, else it is killed. It is answered
// by WorkerEnded, also if there is no such worker any more.
type StopWorker struct {
	Name  string
	Grace int64
}

// SetMemory changes what a worker may take, in bytes.
type SetMemory struct {
	Name   string
	Memory int64
}

// Discard removes the results of a deployment of a job; 0 means of all.
type Discard struct {
	Job        string
	Deployment int
}

// Dismiss ends the TaskManager: nothing of it is used any more. It answers Leave, or comes when the cluster ends.
type Dismiss struct{}
