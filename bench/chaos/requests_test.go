//go:build linux

package main

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	system "github.com/flott-dev/flott/internal/process"
)

// requestsPerSecond come to a JobManager in BenchmarkRequests, and as many viewers look at the job in turn with them.
const (
	requestsPerSecond = 2000
	viewers           = 50
	watchFor          = 5 * time.Second
)

// BenchmarkRequests is what requests cost a cluster whose job gets 20,000 events a second: the JobManager for each of 2,000 requests a
// second to the overview of jobs, and for each viewer of the job's page; and how much more CPU the job's workers need meanwhile.
func BenchmarkRequests(b *testing.B) {
	ctx := context.Background()
	for b.Loop() {
		c := clusterOf(b)
		if err := c.submit(ctx, job{dir: filepath.Join(c.dir, "disk"), events: 1 << 40, gate: filepath.Join(c.dir, "gate")}); err != nil {
			b.Fatal(err)
		}
		if _, err := c.healthy(ctx); err != nil {
			b.Fatal(err)
		}
		workers, err := c.workers()
		if err != nil || len(workers) == 0 {
			b.Fatalf("%d workers, %v", len(workers), err)
		}
		cpu := func(pids ...int) (sum time.Duration) {
			for _, pid := range pids {
				id, err := system.Identify(pid)
				if err != nil {
					b.Fatal(err)
				}
				u, err := id.Usage()
				if err != nil {
					b.Fatal(err)
				}
				sum += u.CPU
			}
			return sum
		}
		var ofJob []int
		for _, w := range workers {
			ofJob = append(ofJob, w.pid)
		}
		// used is what JobManager and workers use while something comes, and how many requests were answered.
		used := func(comes func(ctx context.Context, answered *atomic.Int64)) (manager, job time.Duration, answered int64) {
			var n atomic.Int64
			ctx, stop := context.WithCancel(ctx)
			var all sync.WaitGroup
			all.Go(func() { comes(ctx, &n) })
			manager, job = -cpu(c.jobManager.cmd.Process.Pid), -cpu(ofJob...)
			time.Sleep(watchFor)
			manager, job = manager+cpu(c.jobManager.cmd.Process.Pid), job+cpu(ofJob...)
			answered = n.Load()
			stop()
			all.Wait()
			return manager, job, answered
		}
		nothing := func(context.Context, *atomic.Int64) {}
		requests := func(ctx context.Context, answered *atomic.Int64) { ask(ctx, b, c.url+"/jobs/overview", answered) }
		looks := func(ctx context.Context, answered *atomic.Int64) {
			var all sync.WaitGroup
			for range viewers {
				all.Go(func() { follow(ctx, c.url+"/flott/jobs/"+c.jobID+"/events", answered) })
			}
			all.Wait()
		}
		var idle, idleJob, asked, askedJob, viewed time.Duration
		var answers, events int64
		for range 3 { // in turns, as the machine changes
			m, j, _ := used(nothing)
			idle, idleJob = idle+m, idleJob+j
			m, j, n := used(requests)
			asked, askedJob, answers = asked+m, askedJob+j, answers+n
			m, _, n = used(looks)
			viewed, events = viewed+m, events+n
		}
		if answers == 0 || events == 0 {
			b.Fatalf("%d requests were answered, %d bytes of events came", answers, events)
		}
		b.ReportMetric(float64((asked-idle).Microseconds())/float64(answers), "cpu-us/request")
		b.ReportMetric(float64(answers)/(3*watchFor).Seconds(), "requests/s")
		b.ReportMetric(100*(float64(askedJob)/float64(idleJob)-1), "job-cpu-%")
		b.ReportMetric(100*float64(viewed-idle)/float64(3*watchFor)/viewers, "core-%/viewer")
		c.cancel(b)
	}
}

// ask sends requests at a rate, as several clients do, until ctx ends.
func ask(ctx context.Context, b *testing.B, url string, answered *atomic.Int64) {
	const clients = 20
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			tick := time.NewTicker(clients * time.Second / requestsPerSecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
				r, err := http.NewRequest(http.MethodGet, url, nil)
				if err != nil {
					b.Error(err)
					return
				}
				response, err := transport.RoundTrip(r)
				if err != nil {
					b.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if err != nil || response.StatusCode != http.StatusOK {
					b.Errorf("%s: %s, %v", url, response.Status, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	all.Wait()
}

// follow reads events until ctx ends, and counts their bytes.
func follow(ctx context.Context, url string, read *atomic.Int64) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	response, err := (&http.Transport{}).RoundTrip(r)
	if err != nil {
		return
	}
	defer response.Body.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := response.Body.Read(buffer)
		read.Add(int64(n))
		if err != nil {
			return
		}
	}
}
