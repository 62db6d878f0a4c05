// Package launch runs jobs.
//
// Run runs the job of a stream.Env in this process and waits for its end; Start returns at once
// with a Job to watch and control it.
//
// Data flow: a stream.Env is compiled to a plan, which internal/job executes.
package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/internal/trace"
	"github.com/flott-dev/flott/stream"
)

// ErrCanceled is the result of a job that was cancelled, by Cancel or by its context.
var ErrCanceled = job.ErrCanceled

// Option is a setting of one run.
type Option func(*job.Options)

// TimeSource tells processing time and arms timers: see flotttest.NewClock for one that tests move.
type TimeSource = clock.Clock

// Clock makes processing time come from c. The default is the machine's clock.
func Clock(c TimeSource) Option { return func(o *job.Options) { o.Clock = c } }

// Restore starts the job from a snapshot.
func Restore(s *Snapshot) Option {
	return func(o *job.Options) {
		if s != nil {
			o.Restore = s.state
		}
	}
}

// AllowNonRestoredState lets a snapshot's state be dropped that no operator of the job takes up: that
// of operators whose uid the job does not have, and states that an operator does not declare any more.
func AllowNonRestoredState() Option { return func(o *job.Options) { o.AllowNonRestored = true } }

// CancelTimeout is how long user code may take to return after a cancellation, before the job ends
// with an error that shows where the code is stuck. The default is 30 s.
func CancelTimeout(d time.Duration) Option {
	return func(o *job.Options) { o.CancelTimeout = d }
}

// TempDir is where batch mode, the feedback of loops and what a function emits while its consumers
// are busy spill to. The default is the system's.
func TempDir(dir string) Option { return func(o *job.Options) { o.TempDir = dir } }

// ExplainVariable is the environment variable that makes Run print the job's graph, as text, json or
// svg, instead of running it.
const ExplainVariable = "FLOTT_EXPLAIN"

// Program says how workers of a job on a cluster come to it: by this executable with these arguments, in which call of
// Run or Start, of which the first is 1. By default that is as in this process. It is for servers, which start jobs as they are
// asked to: with the arguments a program that does only that.
func Program(arguments []string, call int) Option {
	return func(o *job.Options) { o.Program, o.Call = arguments, call }
}

// BatchRows makes sources read batches of n records. Tests use small ones to meet every boundary.
func BatchRows(n int) Option { return func(o *job.Options) { o.BatchRows = n } }

// SnapshotAtBatch takes a snapshot when the sources have read their n-th batch together, and calls f
// with it. The sources read nothing from then on: f cancels the job. It is for tests that stop a job
// at a chosen moment.
func SnapshotAtBatch(n int64, f func(*Snapshot, error)) Option {
	return func(o *job.Options) {
		o.SnapshotAtBatch = n
		o.OnSnapshot = func(s *checkpoint.Snapshot, err error) {
			if err != nil {
				f(nil, err)
				return
			}
			f(&Snapshot{s}, nil)
		}
	}
}

// StallBatches makes tasks leave their input alone from some batch on, up to n before that of
// SnapshotAtBatch, so that input piles up in front of them. It is for tests of unaligned snapshots.
func StallBatches(n int64) Option { return func(o *job.Options) { o.StallBatches = n } }

// Run runs the job and returns when it has ended: nil when all input was processed, ErrCanceled
// when ctx was done before, else what failed it.
func Run(ctx context.Context, env *stream.Env, name string, options ...Option) error {
	if format := os.Getenv(ExplainVariable); format != "" {
		_, err := configure(env, options)
		text := ""
		if err == nil {
			text, err = env.Explain(format)
		}
		if err == nil {
			_, err = os.Stdout.WriteString(text)
		}
		return err
	}
	j, err := Start(ctx, env, name, options...)
	if err != nil {
		return err
	}
	if j.remote != nil && os.Getenv(DetachedVariable) != "" {
		return nil
	}
	return j.Wait()
}

// Start starts the job. It ends by itself, by its methods or with ctx. In a program that a TaskManager
// has started as a worker, the call that has submitted the job never returns, and others return jobs
// that have finished.
func Start(ctx context.Context, env *stream.Env, name string, options ...Option) (*Job, error) {
	call := int(calls.Add(1))
	spec, err := control.ReadWorkerSpec()
	if err != nil {
		return nil, fmt.Errorf("job %q: %w", name, err)
	}
	if spec != nil && spec.Job.Call != call {
		return elsewhere(name), nil
	}
	c, err := configure(env, options)
	if err != nil {
		return nil, fmt.Errorf("job %q: %w", name, err)
	}
	plan, settings, err := env.Plan()
	if err != nil {
		return nil, fmt.Errorf("job %q: %w", name, err)
	}
	opts := job.Options{
		Name: name, AtLeastOnce: settings.AtLeastOnce,
		Checkpoints: settings.Checkpoints, Restart: settings.Strategy(),
		DeleteOnCancel: settings.DeleteOnCancel, Batch: settings.Mode == stream.Batch,
		AlignedTimeout: settings.AlignedTimeout, LocalRecovery: settings.LocalRecovery,
		Native: settings.Native, Pipelined: settings.Pipelined(false),
	}
	for _, o := range append(configured(c), options...) {
		o(&opts)
	}
	if spec != nil {
		exit(work(ctx, plan, &opts, settings, spec))
	}
	if url := os.Getenv(JobManagerVariable); url != "" && !settings.Here {
		cluster, err := clientOf(url, c)
		if err != nil {
			return nil, fmt.Errorf("job %q: %w", name, err)
		}
		j, err := submit(ctx, cluster, name, call, plan, &opts, settings)
		if err != nil {
			return nil, fmt.Errorf("job %q: %w", name, err)
		}
		return j, nil
	}
	if err := openStore(ctx, &opts, settings); err != nil {
		return nil, fmt.Errorf("job %q: %w", name, err)
	}
	traces, err := trace.Configured(c, Version())
	if err != nil {
		return nil, fmt.Errorf("job %q: %w", name, err)
	}
	if traces != nil {
		opts.Traces = traces
	}
	j, err := job.Start(ctx, plan, opts)
	if err != nil {
		flush(traces)
		return nil, fmt.Errorf("job %q: %w", name, err)
	}
	started := &Job{job: j, name: name, savepoints: settings.SavepointDirectory, flushed: make(chan struct{})}
	if traces == nil {
		close(started.flushed)
		return started, nil
	}
	go func() {
		defer close(started.flushed)
		<-j.Done()
		flush(traces)
	}()
	return started, nil
}

// flushTimeout is how long a job that has ended waits for the collector of traces.
const flushTimeout = time.Second

// flush sends the traces that are left, if there is a collector.
func flush(traces *trace.Exporter) {
	if traces == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), flushTimeout)
	defer stop()
	traces.Close(ctx)
}

// openStore makes the store of a job's checkpoints.
func openStore(ctx context.Context, opts *job.Options, s stream.Settings) error {
	switch {
	case opts.Batch:
		return nil
	case s.Directory == "":
		if opts.Checkpoints.SizeMax == 0 {
			opts.Checkpoints.SizeMax = stream.DefaultCheckpointMemory
		}
		return nil
	}
	root, err := blob.Open(ctx, s.Directory)
	if err != nil {
		return fmt.Errorf("checkpoint directory: %w", err)
	}
	opts.Checkpoints.SizeMax = 0
	opts.Store = storage.New(root, opts.Name, storage.Options{Retain: s.Retain, Compress: s.Compress})
	return nil
}

// Job is a running job, or one that has ended.
type Job struct {
	job        *job.Job   // nil if it runs on a cluster
	remote     *remoteJob // nil if it runs in this process
	name       string
	savepoints string // the default directory
	// flushed is closed when the traces of a job in this process that has ended are sent, or given up.
	flushed chan struct{}
}

// Name is the name the job was started with.
func (j *Job) Name() string { return j.name }

// Wait returns when the job has ended, like Run.
func (j *Job) Wait() error {
	if j.remote != nil {
		return j.wrap(j.remote.result())
	}
	err := j.job.Wait()
	<-j.flushed
	if err == nil || errors.Is(err, ErrCanceled) {
		return err
	}
	return fmt.Errorf("job %q: %w", j.name, err)
}

// Done is closed when the job has ended.
func (j *Job) Done() <-chan struct{} {
	if j.remote != nil {
		return j.remote.done
	}
	return j.job.Done()
}

// Cancel ends the job at once and gives up what is in flight and what was not committed.
func (j *Job) Cancel() {
	if j.remote != nil {
		j.remote.cancel()
		return
	}
	j.job.Cancel()
}

// Stop ends all sources as if their input ended here: what is in flight is processed, windows fire,
// sinks commit, and the job finishes.
func (j *Job) Stop() {
	if j.remote != nil {
		j.remote.stop()
		return
	}
	j.job.Stop()
}

// Snapshot is the state of a job at one moment.
type Snapshot struct{ state *checkpoint.Snapshot }

// ID is the snapshot's number, increasing within a job and its restarts.
func (s *Snapshot) ID() int64 { return s.state.ID }

// InFlight is the number of records that were on the way between tasks and are part of the snapshot.
func (s *Snapshot) InFlight() (n int64) {
	for _, o := range s.state.Operators {
		for _, st := range o.Subtasks {
			if st == nil {
				continue
			}
			for i := range st.InFlight {
				n += st.InFlight[i].Records
			}
		}
	}
	return n
}

// Snapshot takes the state of the job while it runs, into memory. It waits until all operators have
// delivered theirs. Sinks do not commit what it holds before a checkpoint does (see Checkpoint), or a
// job that is restored from it.
func (j *Job) Snapshot(ctx context.Context) (*Snapshot, error) {
	if j.remote != nil {
		return nil, j.wrap(errors.New("snapshots in memory are of jobs in this process: take a savepoint"))
	}
	s, err := j.job.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("job %q: %w", j.name, err)
	}
	return &Snapshot{s}, nil
}

// CountBatches counts the batches that the sources read. It is for tests.
func CountBatches(n *atomic.Int64) Option {
	return func(o *job.Options) { o.CountBatches = n }
}
