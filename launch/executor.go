package launch

import (
	"context"

	"github.com/flott-dev/flott/stream"
)

// Executor runs jobs in this process, as Start does, with options.
func Executor(options ...Option) stream.Executor { return executor(options) }

type executor []Option

func (e executor) Start(ctx context.Context, env *stream.Env, name string) (stream.Running, error) {
	return Start(ctx, env, name, e...)
}
