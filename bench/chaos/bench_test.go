//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/client"
)

// flottOf is the program as it is installed, a copy of what the linker has written: of that one's pages, many more are mapped than
// are used, and count as memory (85 MB of the file instead of 43).
func flottOf(b *testing.B) string {
	b.Helper()
	path, err := built()
	if err != nil {
		b.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	path = filepath.Join(b.TempDir(), "flott")
	if err := os.WriteFile(path, program, 0o700); err != nil {
		b.Fatal(err)
	}
	return path
}

// clusterOf is a cluster that ends with the benchmark. Its processes share programs of jobs, as those of flott cluster start do.
func clusterOf(b *testing.B) *cluster {
	b.Helper()
	dir := b.TempDir()
	c, err := newCluster(dir, flottOf(b), nil, "--artifacts", filepath.Join(dir, "jobmanager", "artifacts"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := c.stop(); err != nil {
			b.Error(err)
		}
	})
	return c
}

// BenchmarkClusterStart is the time from the call of flott cluster start to its end, when a JobManager and a TaskManager are ready.
func BenchmarkClusterStart(b *testing.B) {
	flott, state := flottOf(b), b.TempDir()
	command := func(args ...string) {
		cmd := exec.Command(flott, append([]string{"cluster"}, args...)...)
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		command("start", "-D", "rest.port=0", "-D", "jobmanager.rpc.port=0")
		took = append(took, time.Since(began))
		b.StopTimer()
		command("stop")
		b.StartTimer()
	}
	b.ReportMetric(float64(slices.Min(took).Microseconds())/1000, "ms")
}

// BenchmarkSubmit is the time from the start of a job's program, which submits itself, until all tasks run: the first time, when
// the program is uploaded, and again.
func BenchmarkSubmit(b *testing.B) {
	ctx := context.Background()
	for b.Loop() {
		c := clusterOf(b)
		var err error
		if c.program, err = build("bench/chaos", tags()); err != nil {
			b.Fatal(err)
		}
		for _, name := range []string{"first", "again"} {
			j := job{dir: filepath.Join(b.TempDir(), name), events: 1 << 40, gate: filepath.Join(c.dir, "gate")}
			began := time.Now()
			if err := c.submit(ctx, j); err != nil {
				b.Fatal(err)
			}
			if _, err := c.await(ctx, "all tasks run", func(h health) bool { return h.running }); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(time.Since(began).Microseconds())/1000, name+"-ms")
			c.cancel(b)
		}
	}
}

// cancel ends the job.
func (c *cluster) cancel(b *testing.B) {
	b.Helper()
	ctx := context.Background()
	if err := c.client.Cancel(ctx, c.jobID); err != nil {
		b.Fatal(err)
	}
	if err := c.client.Wait(ctx, c.jobID); err != nil && err != client.ErrCanceled {
		b.Fatal(err)
	}
	if err := c.slotsAreFree(ctx); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkIdle is the memory of processes that nobody has asked for anything yet.
func BenchmarkIdle(b *testing.B) {
	for b.Loop() {
		c := clusterOf(b)
		if err := c.slotsAreFree(context.Background()); err != nil { // so all have registered
			b.Fatal(err)
		}
		b.ReportMetric(residentMB(b, c.jobManager), "jobmanager-MB")
		b.ReportMetric(residentMB(b, c.tms[0]), "taskmanager-MB")
	}
}

func residentMB(b *testing.B, n *node) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb := 0.0
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		b.Fatal(err)
	}
	return kb / 1024
}

// BenchmarkKill is the time from SIGKILL until all tasks run again: the most of five times.
func BenchmarkKill(b *testing.B) {
	ctx := context.Background()
	for name, fault := range map[string]string{"worker": "kill-worker", "taskmanager": "kill-taskmanager"} {
		b.Run(name, func(b *testing.B) {
			chosen, err := choose(fault)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				c := clusterOf(b)
				j := job{dir: filepath.Join(c.dir, "disk"), events: 1 << 40, gate: filepath.Join(c.dir, "gate")}
				if err := c.submit(ctx, j); err != nil {
					b.Fatal(err)
				}
				if _, err := c.healthy(ctx); err != nil {
					b.Fatal(err)
				}
				r := &run{options: options{faults: chosen}, cluster: c, rng: rand.New(rand.NewPCG(1, 0))}
				var took []time.Duration
				for len(took) < 5 {
					if err := r.strike(ctx); err != nil {
						b.Fatal(err)
					}
					if s := r.strikes[len(r.strikes)-1]; s.alone() {
						took = append(took, s.running)
					}
				}
				b.ReportMetric(float64(slices.Max(took).Microseconds())/1000, "ms")
				if r.unwell {
					if _, err := c.healthy(ctx); err != nil {
						b.Fatal(err)
					}
				}
				c.cancel(b)
			}
		})
	}
}
