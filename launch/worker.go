package launch

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/exposition"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/probe"
	"github.com/flott-dev/flott/internal/process"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/internal/wire"
	"github.com/flott-dev/flott/internal/worker"
	"github.com/flott-dev/flott/stream"
)

// goDefault is the logger that a program has that has installed none.
var goDefault = slog.Default()

// calls counts the calls of Run and Start in this program, by which a worker knows its job again.
var calls atomic.Int64

// work is the life of a worker: it runs subtasks as the JobManager says.
func work(ctx context.Context, plan *graph.Plan, opts *job.Options, s stream.Settings, spec *control.WorkerSpec) error {
	if _, err := process.Tether(clock.System{}); err != nil {
		return err
	}
	if d := spec.Job.Graph.Difference(plan.JobGraph()); d != "" {
		return fmt.Errorf("the program builds another job here than where it was submitted: %s; values that "+
			"change the job, such as the time or files, belong into its arguments or into stream.Params", d)
	}
	var level slog.LevelVar
	level.Set(spec.LogLevel)
	opts.ID, opts.Log = spec.Job.ID, logging.New(spec.LogFormat, &level, os.Stderr)
	if slog.Default() == goDefault { // else the program has its own
		logging.Install(opts.Log)
	}
	opts.Clock = clock.System{}
	opts.TempDir, opts.AllowNonRestored = spec.TempDir, spec.Job.AllowNonRestored
	o := worker.AgentOptions{Options: opts.WorkerOptions()}
	o.Pipelined = !spec.Job.Stages && s.Pipelines
	o.Native = spec.Job.Checkpoints.Flags.Has(operator.Native) || spec.Job.Native
	if spec.Job.Stages {
		o.Stages = &worker.Stages{Job: spec.Job.ID, Dir: spec.ResultDir, TaskManager: spec.TaskManager}
	}
	if spec.Job.Directory != "" && !spec.Job.Batch {
		root, err := blob.Open(ctx, spec.Job.Directory)
		if err != nil {
			return fmt.Errorf("checkpoint directory: %w", err)
		}
		o.Store = func(epoch int64) *storage.Store {
			return storage.New(root, spec.Job.ID, storage.Options{Epoch: epoch, Retain: s.Retain, Compress: s.Compress})
		}
	}
	o.Peers.Options = wire.Options{
		Name: spec.Name, Heartbeat: spec.Heartbeat, Timeout: spec.HeartbeatTimeout, TLS: (*certificate.Files)(spec.TLS).Mutual(),
	}
	toManager := o.Peers.Options
	toManager.Hello = []byte(control.Worker)
	o.Dial = func(ctx context.Context) (*wire.Conn, error) {
		nc, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", spec.Manager())
		if err != nil {
			return nil, fmt.Errorf("connect to the JobManager: %w", err)
		}
		return wire.Client(nc, toManager)
	}
	o.LostTimeout = time.Duration(spec.LostTimeout)
	var err error
	if spec.MetricsFile != 0 {
		if o.Metrics, err = exposition.Inherited(spec.MetricsFile); err != nil {
			return fmt.Errorf("the socket for metrics: %w", err)
		}
	}
	o.Labels = []exposition.Label{
		exposition.Host(),
		{Name: "tm_id", Value: spec.TaskManager},
		{Name: "job_id", Value: spec.Job.ID},
		{Name: "job_name", Value: spec.Job.Name},
		{Name: "worker", Value: spec.Name},
	}
	if o.Listener, err = net.Listen("tcp", net.JoinHostPort(spec.Host, "0")); err != nil {
		return err
	}
	o.Advertise = o.Listener.Addr().String()
	o.Hello = control.Hello{Job: spec.Job.ID, PID: os.Getpid()}
	o.Probe = probe.New(&level)
	o.SetMemory = func(limit int64) { debug.SetMemoryLimit(process.GoLimit(limit)) }
	return worker.Serve(ctx, plan, o)
}

// exit ends the process of a worker.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "flott: the worker ends:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
