package control

import (
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/schedule"
)

// Submission is a job as it is handed to a JobManager.
type Submission struct {
	// ID is 32 hexadecimal digits.
	ID    string
	Name  string
	Graph *graph.JobGraph
	Settings
	Program
	// Submitted is when it was, in nanoseconds since 1970.
	Submitted int64
}

// Program is what workers of a job run.
type Program struct {
	// Hash is the SHA-256 of the executable, in hexadecimal digits, and Platform what it runs on, such as
	// linux/amd64.
	Hash     string
	Platform string
	// Version is that of the Flott in it.
	Version string
	Args    []string
	Env     []string // as key=value
	// Dir is the directory that it was run in. Workers run there too, where there is such a directory.
	Dir string
	// Call is which call of launch.Run or launch.Start in the program has submitted the job, from 1.
	Call int
}

// Settings are the settings of a job that the JobManager needs. Times are in nanoseconds.
type Settings struct {
	Checkpoints checkpoint.Config
	Restart     Restart
	// Directory is where checkpoints go, "" for the JobManager's memory; Retain and Compress are how.
	Directory string
	Retain    int
	Compress  bool
	// Savepoints is the default directory of savepoints.
	Savepoints                                                                 string
	RestorePath                                                                string
	Claim, Fresh, AllowNonRestored, DeleteOnCancel, Batch, Native, AtLeastOnce bool
	CancelTimeout                                                              int64
	// Stages says that the graph and the workers of a job in batch mode know stages: it then runs on any number
	// of workers.
	Stages bool
}

// Restart is a restart strategy: one of its fields, or none for never.
type Restart struct {
	Fixed       *schedule.FixedDelay
	Rate        *schedule.FailureRate
	Exponential *schedule.ExponentialDelay
}

// NewRestart is the form of a strategy that can be sent.
func NewRestart(s schedule.Strategy) (r Restart) {
	switch s := s.(type) {
	case *schedule.FixedDelay:
		r.Fixed = s
	case *schedule.FailureRate:
		r.Rate = s
	case *schedule.ExponentialDelay:
		r.Exponential = s
	}
	return r
}

// Strategy is the strategy, which has seen no failure.
func (r Restart) Strategy() schedule.Strategy {
	switch {
	case r.Fixed != nil:
		s := *r.Fixed
		return &s
	case r.Rate != nil:
		s := *r.Rate
		return &s
	case r.Exponential != nil:
		s := *r.Exponential
		return &s
	}
	return schedule.Never{}
}
