package launch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/worker"
	"github.com/flott-dev/flott/stream"
)

// JobManagerVariable is the environment variable with the URL of a JobManager. A program that has it hands
// its jobs over to that cluster, with itself: workers run the same executable, with the same arguments.
const JobManagerVariable = "FLOTT_JOBMANAGER"

// DetachedVariable makes Run return when the job is submitted, if it is not empty.
const DetachedVariable = "FLOTT_DETACHED"

// PassEnvironment has the workers of a job on a cluster get these variables of the environment, with the
// values that they have here. Others they do not get.
func PassEnvironment(names ...string) Option {
	return func(o *job.Options) { o.Environment = append(o.Environment, names...) }
}

// remoteJob is a job on a cluster.
type remoteJob struct {
	client *client.Client
	id     string
	done   chan struct{}

	mu     sync.Mutex
	err    error
	status Status
}

// clientOf is a client of the JobManager at url, with the token of FLOTT_TOKEN and the certificates that c names.
func clientOf(url string, c *config.Configuration) (*client.Client, error) {
	secure, err := certificate.RestClient(c)
	if err != nil {
		return nil, err
	}
	cl, err := client.New(url, client.Options{Token: os.Getenv("FLOTT_TOKEN"), TLS: secure, Version: Version()})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", JobManagerVariable, err)
	}
	return cl, nil
}

// submit hands the job over to a JobManager.
func submit(ctx context.Context, c *client.Client, name string, call int, plan *graph.Plan, opts *job.Options, s stream.Settings) (*Job, error) {
	if err := submittable(opts); err != nil {
		return nil, err
	}
	environment, err := Environment()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	program, err := client.FileArtifact(self)
	if err != nil {
		return nil, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	args := os.Args[1:]
	if opts.Call > 0 {
		args, call = opts.Program, opts.Call
	}
	sub := &control.Submission{
		ID: newJobID(), Name: name, Graph: plan.JobGraph(), Submitted: time.Now().UnixNano(),
		Settings: settingsOf(plan, opts, s),
		Program: control.Program{
			Hash: program.Hash, Platform: runtime.GOOS + "/" + runtime.GOARCH, Version: Version(),
			Args: args, Env: []string{PropertiesVariable + "=" + environment.Text()}, Call: call, Dir: dir,
		},
	}
	for _, n := range opts.Environment {
		if v, ok := os.LookupEnv(n); ok {
			sub.Env = append(sub.Env, n+"="+v)
		}
	}
	spec, err := control.EncodeSubmission(sub)
	if err != nil {
		return nil, err
	}
	if err := c.Submit(ctx, client.Submission{ID: sub.ID, Spec: spec, Artifact: program}); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "flott: job %q is submitted to %s as %s\n", name, c.URL(), sub.ID)
	r := &remoteJob{client: c, id: sub.ID, done: make(chan struct{}), status: Status{Name: name, State: "CREATED"}}
	go r.wait()
	if os.Getenv(DetachedVariable) == "" {
		context.AfterFunc(ctx, r.cancel)
	}
	return &Job{remote: r, name: name, savepoints: s.SavepointDirectory}, nil
}

// submittable refuses what only a job in this process can have.
func submittable(o *job.Options) error {
	switch {
	case o.Restore != nil:
		return errors.New("a job on a cluster cannot start from a snapshot in memory: take a savepoint")
	case o.Last != nil:
		return errors.New("a savepoint is bootstrapped in this process: unset " + JobManagerVariable)
	case o.SnapshotAtBatch != 0:
		return errors.New("launch.SnapshotAtBatch is for jobs in this process")
	}
	return nil
}

func settingsOf(plan *graph.Plan, o *job.Options, s stream.Settings) control.Settings {
	out := control.Settings{
		Checkpoints: o.Checkpoints, Restart: control.NewRestart(o.Restart), Directory: absolute(s.Directory),
		Retain: s.Retain, Compress: s.Compress, Savepoints: absolute(s.SavepointDirectory),
		RestorePath: absolute(o.RestorePath), Claim: o.Claim, Fresh: o.Fresh, AllowNonRestored: o.AllowNonRestored,
		DeleteOnCancel: o.DeleteOnCancel, Batch: o.Batch, Stages: o.Batch && !s.Pipelined(true), AtLeastOnce: o.AtLeastOnce,
		Native: o.Native && s.Directory != "" && worker.OnDisk(plan, o.Cold), CancelTimeout: int64(o.CancelTimeout),
	}
	if out.Directory == "" && out.Checkpoints.SizeMax == 0 {
		out.Checkpoints.SizeMax = stream.DefaultCheckpointMemory
	}
	return out
}

// absolute makes a path mean the same in other directories.
func absolute(path string) string {
	if path == "" || strings.Contains(path, "://") {
		return path
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

func newJobID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Version is that of the Flott that the program was built with.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == "github.com/flott-dev/flott" && m.Version != "" {
			return m.Version
		}
	}
	return "unknown"
}

// elsewhere is a job of a program in a worker of another one of its jobs, to which it has finished.
func elsewhere(name string) *Job {
	r := &remoteJob{done: make(chan struct{}), status: Status{Name: name, State: "FINISHED"}}
	close(r.done)
	return &Job{remote: r, name: name}
}

// wait notes the end of the job.
func (r *remoteJob) wait() {
	err := r.client.Wait(context.Background(), r.id)
	if errors.Is(err, client.ErrCanceled) {
		err = ErrCanceled
	}
	r.mu.Lock()
	r.err = err
	r.mu.Unlock()
	close(r.done)
}

func (r *remoteJob) result() error {
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *remoteJob) cancel() {
	if r.client == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	_ = r.client.Cancel(ctx, r.id) // if it fails, Wait goes on
}

func (r *remoteJob) stop() {
	if r.client == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	_ = r.client.StopSources(ctx, r.id)
}

// state asks for the job's status; what was known last if nobody answers.
func (r *remoteJob) state() Status {
	if r.client == nil {
		return r.status
	}
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	j, err := r.client.Job(ctx, r.id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		return r.status
	}
	st := Status{Name: j.Name, State: State(j.State), Restarts: j.Restarts}
	end := j.Ended
	if end.IsZero() {
		end = time.Now()
	}
	st.Uptime = end.Sub(j.Began)
	for _, v := range j.Vertices {
		st.Vertices = append(st.Vertices, Vertex{Name: v.Name, Subtasks: []Subtask{{
			RecordsIn: v.RecordsIn, RecordsOut: v.RecordsOut, BytesIn: v.BytesIn, BytesOut: v.BytesOut,
			Busy: v.Busy, Backpressured: v.Backpressured, Idle: v.Idle, Ended: v.State == client.Finished,
		}}})
	}
	r.status = st
	return st
}

func (r *remoteJob) accumulators() map[string]int64 {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	sums, err := r.client.Accumulators(ctx, r.id)
	if err != nil {
		return nil
	}
	return sums
}

func (r *remoteJob) checkpoints() (last []Checkpoint, completed, failed int) {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	h, err := r.client.Checkpoints(ctx, r.id)
	if err != nil {
		return nil, 0, 0
	}
	for _, c := range slices.Backward(h.Last) {
		out := Checkpoint{
			ID: c.ID, Savepoint: c.Savepoint, Status: checkpoint.Status(c.Status), Triggered: c.Triggered,
			Duration: c.Duration, Size: c.Size, FullSize: c.FullSize, InFlight: c.InFlight,
		}
		last = append(last, out)
	}
	return last, int(h.Completed), int(h.Failed)
}
