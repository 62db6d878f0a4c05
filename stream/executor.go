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
