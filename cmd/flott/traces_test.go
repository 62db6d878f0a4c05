package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/flott-dev/flott/launch"
)

// TestTracesOfACluster: the JobManager sends spans of checkpoints, and of the restart after a worker was killed, to a collector.
func TestTracesOfACluster(t *testing.T) {
	var mu sync.Mutex
	var posted strings.Builder
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is cut off is sent again
		mu.Lock()
		defer mu.Unlock()
		posted.Write(body)
	}))
	defer collector.Close()
	has := func(parts ...string) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, part := range parts {
			if !strings.Contains(posted.String(), part) {
				return false
			}
		}
		return true
	}
	f := flott{t, t.TempDir()}
	f.run("cluster", "start", "-D", "taskmanager.numberOfTaskSlots=4", "-D", "rest.port=0", "-D", "jobmanager.rpc.port=0",
		"-D", "traces.reporters=otel", "-D", "traces.reporter.otel.exporter.endpoint="+collector.URL)
	defer func() { f.run("cluster", "stop") }()
	job := f.command(jobVariable, t.TempDir())
	job.Env = append(job.Env, launch.JobManagerVariable+"="+f.url())
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	f.until("spans of a checkpoint", func() bool {
		return has(`"name":"Checkpoint"`, `"name":"JobInitialization"`, `"name":"Sync"`, `{"key":"jobName","value":{"stringValue":"counts"}}`, `"key":"jobId"`)
	})
	kill(t, f.worker())
	f.until("a span of the restart", func() bool {
		return has(`{"key":"restarts","value":{"intValue":"1"}}`, `{"key":"cause","value":{"stringValue":"worker `)
	})
	f.run("cancel", "counts")
	_ = job.Wait() // it was cancelled
}
