package bench_test

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/bench/queries"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// BenchmarkCheckpoints is what checkpoints into a directory, one each second, cost a query: cost-% is
// the share that they add to its CPU time, over runs without and with, in turns, and median-% that in the median of the pairs of runs, which says more
// on a machine that others use, too.
func BenchmarkCheckpoints(b *testing.B) {
	for _, name := range []string{"q4", "q5"} {
		b.Run(name, func(b *testing.B) {
			q, _ := queries.Find(name)
			var cpu [2]float64
			var shares []float64
			taken := 0
			for n := range b.N {
				var pair [2]float64
				for k, interval := range []time.Duration{0, time.Second} {
					i := k
					if n%2 == 1 { // so that neither always comes first
						i, interval = 1-k, time.Second-interval
					}
					runtime.GC() // what the run before has left is not this one's
					r, err := q.Run(context.Background(), queries.Options{
						Config:   nexmark.Config{Seed: 1, RatePerSecond: 100_000, Events: 80_000_000},
						Interval: interval, Directory: b.TempDir(),
					})
					if err != nil {
						b.Fatal(err)
					}
					pair[i] = r.CPUSeconds
					cpu[i] += r.CPUSeconds
					taken = max(taken, r.Checkpoints)
				}
				shares = append(shares, pair[1]/pair[0]-1)
			}
			if taken < 3 {
				b.Fatalf("%d checkpoints were taken", taken)
			}
			slices.Sort(shares)
			b.ReportMetric(100*(cpu[1]/cpu[0]-1), "cost-%")
			b.ReportMetric(100*(shares[len(shares)/2]+shares[(len(shares)-1)/2])/2, "median-%")
		})
	}
}

// wide is a value of about a hundred bytes.
type wide [12]int64

// BenchmarkRestore fills ten million keys with a hundred bytes each, takes a savepoint, and restores it
// with other parallelisms: seconds until all subtasks work, for each GB of state.
func BenchmarkRestore(b *testing.B) {
	const keys = 10_000_000
	for _, backend := range []string{"hashmap", "pebble"} {
		b.Run(backend, func(b *testing.B) {
			dir := b.TempDir()
			path, bytes, _ := restoreJob(b, backend, 2, keys, "", dir)
			worst := 0.0
			for _, parallelism := range []int{4, 3} {
				next, _, took := restoreJob(b, backend, parallelism, 1_000_000, path, dir)
				worst = max(worst, took.Seconds()/float64(bytes)*1e9)
				if err := launch.DisposeSavepoint(context.Background(), path); err != nil {
					b.Fatal(err)
				}
				path = next
			}
			b.ReportMetric(float64(bytes)/1e9, "GB")
			b.ReportMetric(worst, "s/GB")
		})
	}
}

// restoreJob restores a job, lets it work on so many records, and stops it with a savepoint. took is the
// time until it worked on the first hundred thousand.
func restoreJob(b *testing.B, backend string, parallelism int, records int64, from, dir string,
) (path string, size int64, took time.Duration) {
	env := stream.NewEnv(stream.Parallelism(parallelism), stream.MaxParallelism(128),
		stream.StateBackend(backend), stream.StateMemory(1<<30), stream.SavepointDir(dir))
	var seen atomic.Int64
	begin, first, enough := time.Now(), make(chan time.Duration, 1), make(chan struct{})
	numbers := datagen.Source(func(n int64) int64 { return n }, datagen.Options{})
	k := stream.KeyBy(stream.From(env, numbers).UID("numbers"), func(n int64) int64 { return n })
	stream.ScanRef(k, func(_ *stream.Ctx[int64, int64], v *wide, n *int64) error {
		for i := range v {
			v[i] = *n*0x5851F42D4C957F2D + int64(i)*0x14057B7EF767814F
		}
		switch seen.Add(1) {
		case 100_000:
			first <- time.Since(begin)
		case records:
			close(enough)
		}
		return nil
	}).UID("wide").To(nullSink[int64]{})
	var options []launch.Option
	if from != "" {
		options = append(options, launch.RestoreFrom(from, launch.NoClaim))
	}
	job, err := launch.Start(context.Background(), env, "restore", options...)
	if err != nil {
		b.Fatal(err)
	}
	select {
	case <-enough:
	case <-job.Done():
		b.Fatal(job.Wait())
	}
	if path, err = job.StopWithSavepoint(context.Background(), "", false); err != nil {
		b.Fatal(err)
	}
	if err := job.Wait(); err != nil {
		b.Fatal(err)
	}
	took = <-first
	last, _, _ := job.Checkpoints()
	saved := last[len(last)-1]
	b.Logf("%d subtasks work after %s; a savepoint of %d bytes takes %s", parallelism, took, saved.FullSize,
		saved.Duration)
	return path, saved.FullSize, took
}
