package jobmanager_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/jobmanager/jobmanagertest"
	"github.com/flott-dev/flott/stream"
)

// BenchmarkRescale rescales a job with small state between two and four subtasks of each vertex, in workers of
// this process, which are on two TaskManagers. silent-ms is the longest time without output on average,
// silent-max-ms the longest at all: the bar is 2,000 beyond restoring.
func BenchmarkRescale(b *testing.B) {
	var last, longest atomic.Int64 // nanoseconds
	c := jobmanagertest.New(b, jobmanager.Options{}, func(env *stream.Env) {
		numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{PerSecond: 20_000}))
		stream.Scan(stream.KeyBy(numbers, func(v int64) int64 { return v % 9973 }),
			func(c *stream.Ctx[int64, int64], n *int64, _ int64) error {
				*n++
				now := time.Now().UnixNano()
				if gap := now - last.Swap(now); gap > longest.Load() {
					longest.Store(gap)
				}
				c.Emit(*n)
				return nil
			}).To(discard.To[int64]())
	}, stream.Parallelism(2), stream.MaxParallelism(16), stream.Checkpoint(time.Second), stream.BufferTimeout(0),
		stream.CheckpointDir(filepath.Join(b.TempDir(), "checkpoints")))
	c.Join("tm-1", 2)
	c.Join("tm-2", 2)
	id := c.Submit(nil)
	settled := func(n int) func() bool {
		return func() bool {
			v, err := c.Manager.View(id)
			return err == nil && v.Tasks[jobmanager.TaskRunning] == 2*n && len(v.Vertices[0].Subtasks) == n
		}
	}
	c.Until("the job runs", settled(2))
	var sum, most int64
	for b.Loop() {
		for _, n := range []int{4, 2} {
			now := time.Now().UnixNano()
			last.Store(now)
			longest.Store(0)
			if _, err := c.Manager.Rescale(id, n, nil); err != nil {
				b.Fatal(err)
			}
			c.Until("the job is rescaled", settled(n))
			seen := last.Load()
			c.Until("output", func() bool { return last.Load() > seen })
			sum, most = sum+longest.Load(), max(most, longest.Load())
		}
	}
	b.ReportMetric(float64(sum)/float64(2*b.N)/1e6, "silent-ms")
	b.ReportMetric(float64(most)/1e6, "silent-max-ms")
	j, err := c.Manager.Job(id)
	if err != nil {
		b.Fatal(err)
	}
	j.Cancel()
	_ = c.Wait(id)
}
