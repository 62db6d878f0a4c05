package schedule

import (
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/operator"
)

// Action is something that the driver of an Execution is to do: one of the types below. Actions are
// carried out in their order; what is said to be answered is answered by a later call, never before
// the others of the same step have been carried out.
type Action interface{ action() }

// Deploy makes the tasks of regions and runs them. Each deployment is answered by Deployed, or
// DeployFailed.
type Deploy struct {
	Deployments []Deployment
	// Parallelism is that of each vertex. What differs from the last deployment is a new layout: then
	// nothing of the job runs, Deployments are all of it, and places count anew.
	Parallelism []int
	// Restore is what they start from, nil for nothing.
	Restore *checkpoint.Snapshot
	// Coordinators is the number of the generation of coordinators that is to be started with them, 0 if
	// those that there are go on. A coordinator hears of its readers, and gets its state, before a task
	// can ask it for anything.
	Coordinators int
}

// Adopt tells what runs that it goes on, after the checkpoint of this number, 0 for none: it is complete, and
// all others are given up.
type Adopt struct{ Latest int64 }

// Deployment is one attempt to run a region.
type Deployment struct {
	// Number is that of the deployment. It is unique within the life of an Execution.
	Number int
	Region int
	// Attempt counts those of the region, from 1.
	Attempt int
	// Tasks are the places of its tasks: see Execution.Task.
	Tasks []int
}

// Cancel ends the tasks of a deployment, each of which is answered by TaskClosed.
type Cancel struct {
	Deployment int
	Cause      error
}

// Abort ends all tasks, as Cancel does, because the job ends.
type Abort struct{ Cause error }

// LetGo ends all tasks, which have processed their input or are suspended: they commit what they have
// prepared, or they do not. Each is answered by TaskClosed. Deployment is the one whose tasks are meant, 0
// for all.
type LetGo struct {
	Deployment int
	Commit     bool
}

// Discard removes the results of a deployment, as far as there are any: see Config.Stages.
type Discard struct{ Deployment int }

// StopCoordinators ends a generation of coordinators. It is answered by CoordinatorsClosed.
type StopCoordinators struct{ Generation int }

// StopSources ends the input of all sources here.
type StopSources struct{}

// Barrier begins a checkpoint: coordinators take their state and tell their sources, all other tasks
// are told.
type Barrier struct{ Pending *checkpoint.Pending }

// Tell tells all tasks, and the coordinators, that a checkpoint is complete or was given up.
type Tell struct {
	Checkpoint int64
	Completed  bool
}

// Open makes room for a checkpoint in storage. It is answered by Opened.
type Open struct{ Pending *checkpoint.Pending }

// Publish makes a checkpoint durable. It is answered by Published. Last says that it is a savepoint that nothing
// follows: once it is told complete, the job must never go on from an older checkpoint.
type Publish struct {
	Pending *checkpoint.Pending
	Last    bool
}

// Release gives up the room of a checkpoint or savepoint that was opened.
type Release struct{ Checkpoint int64 }

// Close forgets the room of a checkpoint that is published.
type Close struct{ Checkpoint int64 }

// Sweep deletes what no retained checkpoint needs. It is answered by Swept.
type Sweep struct{}

// Load finds the newest checkpoint in storage that is intact, besides those that are known to be
// damaged. It is answered by Loaded with the same ticket.
type Load struct {
	Ticket  int
	Damaged []int64
}

// Kill ends what was to end and did not in time, by force: the tasks of a deployment, or, if it is 0, all
// tasks and coordinators. Each is answered as if it had ended by itself.
type Kill struct {
	Deployment int
	Cause      error
}

// Warn tells the user of something that the job survives. The driver says of which job.
type Warn struct {
	Text string
	Args []any // as for slog
}

// End tells that the job has ended: nothing follows.
type End struct {
	State State // Finished, Failed or Canceled
	Cause error // nil when it has finished
	// Stuck says that there are tasks that were cancelled and did not end in time.
	Stuck bool
}

func (Deploy) action()           {}
func (Adopt) action()            {}
func (Cancel) action()           {}
func (Abort) action()            {}
func (LetGo) action()            {}
func (Discard) action()          {}
func (StopCoordinators) action() {}
func (StopSources) action()      {}
func (Barrier) action()          {}
func (Tell) action()             {}
func (Open) action()             {}
func (Publish) action()          {}
func (Release) action()          {}
func (Close) action()            {}
func (Sweep) action()            {}
func (Load) action()             {}
func (Kill) action()             {}
func (Warn) action()             {}
func (End) action()              {}

// isSavepoint reports whether p goes to the place that its user has named.
func isSavepoint(p *checkpoint.Pending) bool { return p.Flags.Has(operator.Savepoint) }
