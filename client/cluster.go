package client

import (
	"context"
	"net/http"
	"time"

	"github.com/flott-dev/flott/internal/restapi"
)

// Version is what a JobManager runs.
type Version struct {
	Version, Commit string
	// Protocol is the version of what it speaks with clients.
	Protocol int
	// Platform is what it runs on, such as linux/amd64.
	Platform string
	// Epoch is its term among the JobManagers that have led the cluster.
	Epoch int64
}

// Version asks for the JobManager's version.
func (c *Client) Version(ctx context.Context) (Version, error) {
	var v restapi.Version
	err := c.get(ctx, "/flott/version", &v)
	return Version(v), err
}

// Overview is a cluster in numbers.
type Overview struct {
	TaskManagers, Slots, FreeSlots int
	// Running counts the jobs that have not ended.
	Running, Finished, Canceled, Failed int
}

// Overview asks for the cluster in numbers.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	var o restapi.Overview
	err := c.get(ctx, "/overview", &o)
	return Overview{
		o.TaskManagers, o.SlotsTotal, o.SlotsAvailable, o.JobsRunning, o.JobsFinished, o.JobsCancelled, o.JobsFailed,
	}, err
}

// TaskManager is a TaskManager of the cluster.
type TaskManager struct {
	ID, Host         string
	Slots, FreeSlots int
	// Memory is that of its slots together, in bytes.
	Memory int64
	// Heard is when it has last given a sign of life.
	Heard time.Time
}

// TaskManagers lists the TaskManagers.
func (c *Client) TaskManagers(ctx context.Context) (all []TaskManager, err error) {
	var in restapi.TaskManagers
	err = c.get(ctx, "/taskmanagers", &in)
	for _, t := range in.TaskManagers {
		all = append(all, TaskManager{t.ID, t.Path, t.Slots, t.FreeSlots, t.Memory.TaskHeap, timeOf(t.LastHeartbeat)})
	}
	return all, err
}

// Shutdown ends the cluster.
func (c *Client) Shutdown(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, "/cluster", nil, nil)
}
