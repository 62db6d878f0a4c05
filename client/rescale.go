package client

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/flott-dev/flott/internal/restapi"
)

// Scaling is with how many subtasks a job runs, and why.
type Scaling struct {
	// Scheduler is Default, Adaptive or Reactive.
	Scheduler string
	Vertices  []VertexScaling
	// Settled says that all of the job runs, each vertex with its upper bound.
	Settled bool
	// Reason is why the job was started or rescaled last; Refused is why it was not rescaled since; Waits is
	// what slots it waits for. Each is "" if there is nothing to say.
	Reason, Refused, Waits string
	// Rescales is how often the job was rescaled.
	Rescales int
	// Decisions are the last ones of the autoscaler, the oldest first, and Explained what it finds of each vertex
	// now.
	Decisions []ScalingDecision
	Explained []string
}

// ScalingDecision is a change of the parallelism of the vertices, in their order, with reasons for those that
// change.
type ScalingDecision struct {
	At       time.Time
	From, To []int
	Reasons  []string
}

// VertexScaling is a vertex with the bounds of its parallelism. With the default scheduler both bounds are
// what it is to run with.
type VertexScaling struct {
	ID, Name                  string
	Parallelism, Lower, Upper int
}

// Scaling asks with how many subtasks a job runs.
func (c *Client) Scaling(ctx context.Context, id string) (*Scaling, error) {
	var in restapi.Scaling
	if err := c.get(ctx, "/flott"+jobPath(id, "scaling"), &in); err != nil {
		return nil, err
	}
	return scalingOf(&in), nil
}

func scalingOf(in *restapi.Scaling) *Scaling {
	s := &Scaling{
		Scheduler: in.Scheduler, Settled: in.Settled, Reason: in.Reason, Refused: in.Refused, Waits: in.Waits, Rescales: in.Rescales,
	}
	for _, v := range in.Vertices {
		s.Vertices = append(s.Vertices, VertexScaling(v))
	}
	s.Explained = in.Explained
	for _, d := range in.Decisions {
		s.Decisions = append(s.Decisions, ScalingDecision{timeOf(d.Timestamp), d.From, d.To, d.Reasons})
	}
	return s
}

// BeginRescale has a job run with another parallelism: n for each vertex that has none of its own, unless n
// is 0, and that of single vertices by their names or the name of one of their operators. It returns at once
// with what is to be; the job is rescaled when it has the slots.
func (c *Client) BeginRescale(ctx context.Context, id string, n int, vertices map[string]int) (*Scaling, error) {
	var in restapi.Scaling
	body := restapi.RescaleRequest{Parallelism: n, Vertices: vertices}
	if err := c.call(ctx, http.MethodPut, "/flott"+jobPath(id, "parallelism"), body, &in); err != nil {
		return nil, err
	}
	return scalingOf(&in), nil
}

// rescalePause is the time between two looks at a job that is being rescaled.
const rescalePause = 20 * time.Millisecond

// Rescale does the same and waits until the job runs so. An error says why it does not: that it has refused,
// or has ended.
func (c *Client) Rescale(ctx context.Context, id string, n int, vertices map[string]int) error {
	s, err := c.BeginRescale(ctx, id, n, vertices)
	for ; err == nil; s, err = c.Scaling(ctx, id) {
		switch {
		case s.Settled:
			return nil
		case s.Refused != "":
			return fmt.Errorf("job %s is not rescaled: %s", id, s.Refused)
		}
		state, err := c.State(ctx, id)
		switch {
		case err != nil:
			return err
		case state.Done():
			return fmt.Errorf("job %s is %s", id, state)
		}
		select {
		case <-time.After(rescalePause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return err
}
