package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/flott-dev/flott/internal/restapi"
)

// Process is a process of the cluster.
type Process struct {
	// Name is "jobmanager", the id of a TaskManager, or the name of a worker. No other process has it.
	Name string
	// Kind is "jobmanager", "taskmanager" or "worker".
	Kind string
	PID  int
	// LogLevel is DEBUG, INFO, WARN or ERROR.
	LogLevel string
	// TaskManager has started a worker, which is of Job, whose name is JobName.
	TaskManager, Job, JobName string
}

// Processes lists the processes: the JobManager, the TaskManagers, and the workers.
func (c *Client) Processes(ctx context.Context) (all []Process, err error) {
	var in restapi.Processes
	err = c.get(ctx, "/flott/processes", &in)
	for _, p := range in.Processes {
		all = append(all, Process{p.Name, p.Kind, p.PID, p.LogLevel, p.TaskManagerID, p.JobID, p.JobName})
	}
	return all, err
}

// SetLogLevel has a process log what is of a level, or of a higher one, until it ends: debug, info, warn or error. A TaskManager
// has its workers do so, too, also those that start later.
func (c *Client) SetLogLevel(ctx context.Context, process, level string) error {
	return c.call(ctx, http.MethodPut, processPath(process, "log-level"), restapi.LogLevel{Level: level}, nil)
}

// Profile writes a profile of a process to w, for go tool pprof: of the kind cpu, which is sampled for some seconds, 1 to 60, heap or
// goroutine. It returns when that is done, or ctx is, with which the process stops sampling.
func (c *Client) Profile(ctx context.Context, process, kind string, seconds int, w io.Writer) error {
	path := c.URL() + "/v1" + processPath(process, "profiles/"+url.PathEscape(kind))
	if kind == "cpu" {
		path += "?seconds=" + strconv.Itoa(seconds)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	resp, err := c.send(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(w, resp.Body)
	return err
}

func processPath(process, of string) string {
	return "/flott/processes/" + url.PathEscape(process) + "/" + of
}
