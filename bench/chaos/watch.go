//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/flott-dev/flott/client"
)

const (
	pollInterval = 5 * time.Millisecond
	awaitTimeout = time.Minute
)

// health is what the JobManager tells of the job at an instant.
type health struct {
	state     client.State
	waits     string
	running   bool // all its tasks
	restarts  int
	completed int // checkpoints
}

func (c *cluster) health(ctx context.Context) (h health, err error) {
	j, err := c.client.Job(ctx, c.jobID)
	if err != nil {
		return h, err
	}
	history, err := c.client.Checkpoints(ctx, c.jobID)
	if err != nil {
		return h, err
	}
	h = health{state: j.State, waits: j.Waits, restarts: j.Restarts, completed: history.Completed, running: j.State == client.Running}
	for _, v := range j.Vertices {
		h.running = h.running && v.Tasks[client.Running] == v.Parallelism
	}
	return h, nil
}

// await returns when the job is as is wanted.
func (c *cluster) await(ctx context.Context, what string, holds func(h health) bool) (health, error) {
	late := time.Now().Add(awaitTimeout)
	for {
		h, err := c.health(ctx)
		switch {
		case err != nil:
			return h, err
		case holds(h):
			return h, nil
		case h.state.Done():
			return h, fmt.Errorf("the job has ended as %s before %s", h.state, what)
		case time.Now().After(late):
			return h, fmt.Errorf("%v, and not yet %s: the job is %+v", awaitTimeout, what, h)
		}
		select {
		case <-ctx.Done():
			return h, ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

// healthy waits until all tasks run and have taken two checkpoints since: the first one may have been about to be complete when a
// process was killed.
func (c *cluster) healthy(ctx context.Context) (health, error) {
	h, err := c.await(ctx, "all tasks run", func(h health) bool { return h.running })
	if err != nil {
		return h, err
	}
	before := h.completed
	return c.await(ctx, "two checkpoints are complete", func(h health) bool { return h.running && h.completed > before+1 })
}
