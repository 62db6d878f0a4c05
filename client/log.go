package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/restapi"
)

// LogFile is a log file of a process of the cluster.
type LogFile struct {
	// TaskManager has it; "" stands for the JobManager.
	TaskManager string
	// Name is the file's: that of a worker begins with "worker-" and the first eight digits of its job.
	Name     string
	Bytes    int64
	Modified time.Time
}

// WorkerOf reports whether it is the log of a worker of a job.
func (f LogFile) WorkerOf(job string) bool {
	return len(job) >= 8 && strings.HasPrefix(f.Name, "worker-"+job[:8]+"-")
}

// logsPath is where the logs of a TaskManager are, or those of the JobManager.
func logsPath(taskManager string) string {
	if taskManager == "" {
		return "/jobmanager/logs"
	}
	return "/taskmanagers/" + url.PathEscape(taskManager) + "/logs"
}

// Logs lists the log files of a TaskManager and its workers; those of the JobManager, if taskManager is "".
func (c *Client) Logs(ctx context.Context, taskManager string) (all []LogFile, err error) {
	var in restapi.Logs
	err = c.get(ctx, logsPath(taskManager), &in)
	for _, l := range in.Logs {
		all = append(all, LogFile{taskManager, l.Name, l.Size, timeOf(l.Modified)})
	}
	return all, err
}

// ReadLog returns what a log file has from an offset on, as a reader that the caller closes, and nothing where it ends. A file that is
// shorter than offset has begun anew: then it is read from its beginning.
func (c *Client) ReadLog(ctx context.Context, f LogFile, offset int64) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL()+"/v1"+logsPath(f.TaskManager)+"/"+url.PathEscape(f.Name), nil)
	if err != nil {
		return nil, err
	}
	if offset > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := c.send(r)
	refusal := (*Error)(nil)
	if !errors.As(err, &refusal) || refusal.Status != http.StatusRequestedRangeNotSatisfiable {
		if err != nil {
			return nil, err
		}
		return resp.Body, nil
	}
	if refusal.logBytes < offset {
		return c.ReadLog(ctx, f, 0)
	}
	return http.NoBody, nil
}

// logBytesOf is how long a log file is that ends before where it was to be read.
func logBytesOf(h http.Header) int64 {
	n, err := strconv.ParseInt(strings.TrimPrefix(h.Get("Content-Range"), "bytes */"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
