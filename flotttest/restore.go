package flotttest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// RestoreOptions say how CheckRestore runs a job. The zero value is a sensible default.
type RestoreOptions struct {
	// Seeds is how many times the job is stopped and restored; 0 means 10.
	Seeds int
	// ParallelismMax bounds the parallelism before and after; 0 means 3.
	ParallelismMax int
	// BatchRows is the number of records in a batch of the sources; 0 means 3.
	BatchRows int
	// Unaligned takes snapshots whose barriers overtake what is on the way, and makes records pile up
	// before them.
	Unaligned bool
	// Disk keeps the state on disk, with nothing in memory between batches: with DiskBefore up to the
	// snapshot, with DiskAfter from the restore on.
	Disk Disk
	// Options are the environment's.
	Options []stream.Option
	// Final reduces the results to what must be the same, for jobs whose intermediate results
	// depend on the order of arrival. By default all results count, in no particular order.
	Final func(results []string) []string
}

// CheckRestore runs the job that build makes to its end, and then again and again: each time it
// takes a snapshot at a seeded random moment, kills the job, restores it with another parallelism,
// and lets it finish. What is committed must be the same each time, record for record. build adds
// the job to env and ends it in sink; it is called once for each run.
func CheckRestore[T any](t *testing.T, build func(env *stream.Env, sink *collect.Sink[T]),
	o RestoreOptions,
) {
	t.Helper()
	o.Seeds, o.ParallelismMax = orDefault(o.Seeds, 10), orDefault(o.ParallelismMax, 3)
	o.BatchRows = orDefault(o.BatchRows, 3)
	c := &restoreCheck[T]{build: build, opts: o}
	want, batches := c.undisturbed(t)
	restored, runs := 0, 0
	for seed := range seedRounds * o.Seeds {
		if seed >= o.Seeds && (!o.Unaligned || c.inFlight > 0) {
			break
		}
		runs++
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		got, ok := c.disturbed(t, rng, batches)
		if !ok {
			continue // the job ended before the snapshot was complete
		}
		restored++
		if diff := difference(want, got); diff != "" {
			t.Fatalf("seed %d: the results after a restore differ: %s", seed, diff)
		}
	}
	t.Logf("%d of %d runs were restored", restored, runs)
	if o.Unaligned {
		t.Logf("%d records were in flight", c.inFlight)
	}
	if o.Unaligned && c.inFlight == 0 {
		t.Fatal("nothing was ever in flight: the job has no exchange that barriers overtake on")
	}
	if restored == 0 {
		t.Fatalf("the job always ended before its snapshot; give it more input than %d batches", batches)
	}
}

// Disk says when CheckRestore keeps state on disk. Values may be combined.
type Disk uint8

// When state is on disk.
const (
	DiskBefore Disk = 1 << iota
	DiskAfter
)

func orDefault(v, d int) int {
	if v == 0 {
		return d
	}
	return v
}

// seedRounds times as many seeds are tried if nothing was in flight, which depends on how goroutines take turns.
const seedRounds = 10

// stallBatches is how many batches the sources read while tasks leave their input alone.
const stallBatches = 40

type restoreCheck[T any] struct {
	build func(env *stream.Env, sink *collect.Sink[T])
	opts  RestoreOptions

	inFlight int64 // records in all snapshots
}

func (c *restoreCheck[T]) env(parallelism int, when Disk, sink *collect.Sink[T]) *stream.Env {
	options := []stream.Option{stream.Parallelism(parallelism), stream.MaxParallelism(16)}
	if c.opts.Unaligned {
		options = append(options, stream.Unaligned(), stream.BufferTimeout(0))
	}
	options = append(options, c.opts.Options...)
	if c.opts.Disk&when != 0 {
		options = append(options, stream.StateBackend("pebble"), stream.StateMemory(1))
	}
	env := stream.NewEnv(options...)
	c.build(env, sink)
	return env
}

// undisturbed runs the job to its end and counts the batches of its sources.
func (c *restoreCheck[T]) undisturbed(t *testing.T) (results []string, batches int64) {
	t.Helper()
	sink := collect.To[T]()
	var n atomic.Int64
	err := launch.Run(context.Background(), c.env(1, 0, sink), "undisturbed",
		launch.BatchRows(c.opts.BatchRows), launch.CountBatches(&n))
	if err != nil {
		t.Fatal(err)
	}
	return final(sink.Results(), c.opts.Final), n.Load()
}

// disturbed stops the job at a random poll and restores it.
func (c *restoreCheck[T]) disturbed(t *testing.T, rng *rand.Rand, batches int64) ([]string, bool) {
	t.Helper()
	sink := collect.To[T]()
	before, after := 1+rng.IntN(c.opts.ParallelismMax), 1+rng.IntN(c.opts.ParallelismMax)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var snapshot *launch.Snapshot
	stall := int64(0)
	if c.opts.Unaligned {
		stall = stallBatches
	}
	err := launch.Run(ctx, c.env(before, DiskBefore, sink), "disturbed", launch.BatchRows(c.opts.BatchRows),
		launch.StallBatches(stall), launch.SnapshotAtBatch(1+rng.Int64N(max(1, batches-1)), func(s *launch.Snapshot, err error) {
			if err == nil {
				snapshot = s
			}
			cancel()
		}))
	if err != nil && !errors.Is(err, launch.ErrCanceled) {
		t.Fatal(err)
	}
	if snapshot == nil || err == nil {
		return nil, false
	}
	c.inFlight += snapshot.InFlight()
	err = launch.Run(context.Background(), c.env(after, DiskAfter, sink), "restored", launch.Restore(snapshot),
		launch.BatchRows(c.opts.BatchRows))
	if err != nil {
		t.Fatalf("restore from parallelism %d to %d: %v", before, after, err)
	}
	return final(sink.Results(), c.opts.Final), true
}

// difference describes how two sorted lists differ, "" when they do not.
func difference(want, got []string) string {
	if slices.Equal(want, got) {
		return ""
	}
	count := map[string]int{}
	for _, w := range want {
		count[w]++
	}
	for _, g := range got {
		count[g]--
	}
	var missing, extra []string
	for k, n := range count {
		for ; n > 0; n-- {
			missing = append(missing, k)
		}
		for ; n < 0; n++ {
			extra = append(extra, k)
		}
	}
	slices.Sort(missing)
	slices.Sort(extra)
	return fmt.Sprintf("%d results instead of %d\n  missing: %s\n  too many: %s",
		len(got), len(want), some(missing), some(extra))
}

func some(list []string) string {
	const most = 8
	if len(list) > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return strings.Join(list, ", ")
}
