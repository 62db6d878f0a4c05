package job

import (
	"context"

	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/schedule"
)

// Graph is the job's graph with the parallelism that it runs with, or is being deployed with.
func (j *Job) Graph() *graph.JobGraph {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.graph
}

// Rescales is how often the job was started anew for a change of its parallelism.
func (j *Job) Rescales() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.rescales
}

// Rescale changes the parallelism of the vertices, and returns when all of the job runs with it: see
// schedule.Execution.Rescale. When ctx is done before, the change goes on.
func (j *Job) Rescale(ctx context.Context, parallelism []int) error {
	done := make(chan error, 1)
	j.BeginRescale(parallelism, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// BeginRescale does the same and returns at once. Done is called once, on the job's master, and must not
// block.
func (j *Job) BeginRescale(parallelism []int, done func(error)) {
	j.tell(func(now int64) []schedule.Action { return j.exec.Rescale(now, parallelism, done) })
}

// Fail ends the job because of err.
func (j *Job) Fail(err error) {
	j.tell(func(now int64) []schedule.Action { return j.exec.Fail(now, err) })
}
