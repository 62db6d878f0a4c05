package worker

import (
	"context"
	"runtime/pprof"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/task"
)

// Runner runs the parts of a job: each on a goroutine of its own, or, in a simulation, all of them
// step by step on one.
type Runner interface {
	actor.Runner
	// Task runs t until it ends, and then done with the cause of its end.
	Task(ctx context.Context, t *task.Task, done func(error))
}

// Goroutines is the Runner of production.
type Goroutines struct{ actor.Goroutines }

// Task runs t on a goroutine, which has the profiler's labels of ctx, as those have that it starts.
func (Goroutines) Task(ctx context.Context, t *task.Task, done func(error)) {
	go func() {
		pprof.SetGoroutineLabels(ctx)
		done(t.Run(ctx))
	}()
}
