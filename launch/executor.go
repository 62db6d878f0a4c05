package launch

import (
	"context"

	"github.com/flott-dev/flott/stream"
)

// Executor runs jobs in this process, as Start does, with options.
func Executor(options ...Option) stream.Executor { return executor(options) }

type executor []Option

func (e executor) Start(ctx context.Context, env *stream.Env, name string) (stream.Running, error) {
	j, err := Start(ctx, env, name, e...)
	if err != nil {
		return nil, err
	}
	return controlled{j}, nil
}

// controlled is a job as a stream.Controlled.
type controlled struct{ *Job }

func (c controlled) ID() string {
	if c.remote == nil {
		return ""
	}
	return c.remote.id
}

func (c controlled) State() string { return string(c.Job.State()) }

func (c controlled) StopWithSavepoint(ctx context.Context, dir string, drain bool) (string, error) {
	return c.Job.StopWithSavepoint(ctx, dir, drain)
}
