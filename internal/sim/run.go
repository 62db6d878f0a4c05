package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/stream"
)

// Program is a job that is run again and again.
type Program struct {
	Name string
	// Build adds the job to env and ends it in sink.
	Build func(env *stream.Env, sink *collect.Sink[string])
}

// The times of a simulated job.
const (
	interval = 3 * time.Millisecond
	timeout  = 500 * time.Millisecond
)

const (
	parallelismMax = 3
	stepsMax       = 400_000
	faultsMax      = 8
)

// One run in treeRuns keeps state on disk, in most of its processes.
const treeRuns = 4

// Outcome is what has happened in a run.
type Outcome struct {
	Committed []string // sorted
	Steps     int
	Restarts  int
	Rescales  int
	Processes int
	Completed int // checkpoints
	Overtaken int // of the last ones of each process, those with records in flight
	Hits      [faults][phases]int
	Trees     treeUse
}

func (o *Outcome) count(h checkpoint.History) {
	o.Completed += h.Completed
	for i := range h.Checkpoints {
		if s := &h.Checkpoints[i]; s.Status == checkpoint.Completed && s.InFlight > 0 {
			o.Overtaken++
		}
	}
}

// Undisturbed is what a program commits when nothing goes wrong, and how many steps that takes.
func Undisturbed(p Program) (*Outcome, error) {
	return run(p, rand.New(rand.NewPCG(0, 0)), &plan{}, nil)
}

// Run runs a program with the faults of a seed. steps is how many steps a run without faults takes.
func Run(p Program, seed uint64, steps int) (*Outcome, error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	disks := rand.New(rand.NewPCG(seed, 2)) // of its own: what happens else is the same without trees
	if disks.IntN(treeRuns) > 0 {
		disks = nil
	}
	return run(p, rng, newPlan(rng, faultsMax, steps+steps/2), disks)
}

// run runs a program in one process after the other. disks draws which of them have state on disk; with
// nil none has.
func run(p Program, rng *rand.Rand, faults *plan, disks *rand.Rand) (*Outcome, error) {
	sink := collect.To[string]()
	disk := blob.NewMemory(blob.MemoryOptions{Name: "sim", ObjectMax: 1 << 30, TotalMax: 1 << 30})
	out := &Outcome{}
	now := time.Unix(1_000_000, 0)
	for {
		w := &World{rng: rng, clock: clock.NewManual(now), plan: faults}
		out.Processes++
		if disks != nil && disks.IntN(3) > 0 {
			w.trees = newTrees(&out.Trees)
			w.native = disks.IntN(2) > 0
		}
		done, err := w.process(p, sink, disk, out)
		now = w.clock.Now().Add(time.Millisecond)
		out.Steps, out.Hits = faults.steps, faults.hits
		if err != nil {
			return out, fmt.Errorf("step %d, process %d: %w", faults.steps, out.Processes, err)
		}
		if done {
			break
		}
	}
	out.Committed = sink.Results()
	slices.Sort(out.Committed)
	return out, nil
}

// process runs the job in one process, to its end or to that of the process.
func (w *World) process(p Program, sink *collect.Sink[string], disk blob.Store, out *Outcome,
) (ended bool, err error) {
	defer func() { err = errors.Join(err, w.trees.close()) }()
	env := stream.NewEnv(stream.Parallelism(1+w.rng.IntN(parallelismMax)), stream.MaxParallelism(8),
		stream.BufferTimeout(time.Millisecond))
	p.Build(env, sink)
	plan, _, err := env.Plan()
	if err != nil {
		return false, err
	}
	faulty := &blob.Faulty{Store: disk, Hook: w.storageHook}
	o := job.Options{
		Name: p.Name, Runner: w, Clock: w.clock, BatchRows: 1 + w.rng.IntN(3),
		Checkpoints: checkpoint.Config{
			Interval: int64(interval), Timeout: int64(timeout), TolerableFailures: 1000,
		},
		Restart: &schedule.FixedDelay{Attempts: 1000, Delay: int64(10 * time.Millisecond)},
		Store:   storage.New(faulty, p.Name, storage.Options{Retain: 1 + w.rng.IntN(2), InlineMax: 16, Compress: true}),
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if w.trees != nil {
		o.Cold, o.Native = w.trees.open, w.native
	}
	switch w.rng.IntN(3) { // barriers that align, overtake, or do so after a while
	case 1:
		o.Checkpoints.Flags = operator.Unaligned
	case 2:
		o.AlignedTimeout = interval
	}
	err = w.guard(func() error {
		var err error
		w.job, err = job.Start(context.Background(), plan, o)
		return err
	})
	if err != nil {
		if w.dead || errors.Is(err, errStorage) {
			return false, nil // the next process tries again
		}
		return false, err
	}
	for !w.dead {
		select {
		case <-w.job.Done():
			out.count(w.job.Checkpoints())
			out.Restarts += w.job.Restarts()
			out.Rescales += w.rescales
			if err := w.job.Wait(); err != nil || w.asked == w.answered {
				return true, err
			}
			return true, fmt.Errorf("%d of %d changes of the parallelism have an answer", w.answered, w.asked)
		default:
		}
		if !w.step() {
			return false, fmt.Errorf("nothing can happen any more; the job is %v", w.job.State())
		}
		if w.plan.steps > stepsMax {
			return false, fmt.Errorf("the job does not end; it is %v", w.job.State())
		}
	}
	out.count(w.job.Checkpoints())
	out.Restarts += w.job.Restarts()
	out.Rescales += w.rescales
	// A job that dies while it deletes its checkpoints has finished: another run would begin anew.
	return w.job.State().Done(), nil
}

// guard runs f, in which the process may die.
func (w *World) guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			w.dead, err = true, errStorage
		}
	}()
	return f()
}
