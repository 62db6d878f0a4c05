package stream

import "context"

// Executor runs jobs. launch.Executor is one; package sql runs what it plans with one.
type Executor interface {
	// Start starts a job. It ends by itself, by its methods or with ctx.
	Start(ctx context.Context, env *Env, name string) (Running, error)
}

// Running is a job that was started.
type Running interface {
	// Wait returns when the job has ended, with what has failed it.
	Wait() error
	// Done is closed when it has ended.
	Done() <-chan struct{}
	// Cancel ends it at once.
	Cancel()
	// Stop ends all sources as if their input ended.
	Stop()
}

// Controlled is a Running job that says what it is doing and can be stopped so that it goes on later. Those of
// launch.Executor are.
type Controlled interface {
	Running
	// ID is the job's name at the JobManager that it was handed over to; it is empty for a job in this process.
	ID() string
	// State is the phase that the job is in: RUNNING, FINISHED, FAILED, CANCELED and others on the way.
	State() string
	// StopWithSavepoint ends the job with a savepoint in a new directory below dir, or below the job's own one if that is
	// empty, and returns its path. With drain the sources end first, so that all windows fire.
	StopWithSavepoint(ctx context.Context, dir string, drain bool) (path string, err error)
}
