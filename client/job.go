package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/flott-dev/flott/internal/restapi"
)

// State is the phase that a job, a vertex or a task is in.
type State string

// The states of jobs.
const (
	Initializing State = "INITIALIZING"
	Reconciling  State = "RECONCILING" // a new JobManager is taking it over
	Suspended    State = "SUSPENDED"   // the JobManager cannot read its record
	Created      State = "CREATED"
	Running      State = "RUNNING"
	Restarting   State = "RESTARTING"
	Failing      State = "FAILING"
	Failed       State = "FAILED"
	Cancelling   State = "CANCELLING"
	Canceled     State = "CANCELED"
	Finished     State = "FINISHED"
)

// Done reports whether the state is final.
func (s State) Done() bool { return s == Failed || s == Canceled || s == Finished }

// JobSummary is a job in a list.
type JobSummary struct {
	ID, Name string
	State    State
	// Waits is why the job has no slots, "" if it has.
	Waits string
	// Began is when it was submitted, Ended when it ended, Changed when its state last changed.
	Began, Ended, Changed time.Time
	// Tasks counts its tasks by state: "running", "finished", …, "total".
	Tasks map[string]int
}

// Jobs lists the jobs that run, and the last of those that have ended, in order of submission.
func (c *Client) Jobs(ctx context.Context) (all []JobSummary, err error) {
	var in restapi.JobsOverview
	err = c.get(ctx, "/jobs/overview", &in)
	for _, j := range in.Jobs {
		all = append(all, JobSummary{
			ID: j.ID, Name: j.Name, State: State(j.State), Waits: j.Waits, Tasks: j.Tasks,
			Began: timeOf(j.StartTime), Ended: timeOf(j.EndTime), Changed: timeOf(j.LastModification),
		})
	}
	return all, err
}

// Job is a job with its vertices.
type Job struct {
	ID, Name     string
	State        State
	Waits        string // why it has no slots
	Batch        bool
	Began, Ended time.Time
	// Entered is when it has last come into each state that it was in.
	Entered  map[State]time.Time
	Restarts int
	Vertices []Vertex
}

// Vertex is a chain of operators.
type Vertex struct {
	ID, Name                    string
	Parallelism, MaxParallelism int
	State                       State
	// Tasks counts its subtasks by state.
	Tasks map[State]int
	// The counters are of all subtasks as they run, or last ran.
	RecordsIn, RecordsOut, BytesIn, BytesOut int64
	Busy, Backpressured, Idle                time.Duration
}

// Job looks at a job.
func (c *Client) Job(ctx context.Context, id string) (*Job, error) {
	var in restapi.JobDetails
	if err := c.get(ctx, jobPath(id), &in); err != nil {
		return nil, err
	}
	j := &Job{
		ID: in.ID, Name: in.Name, State: State(in.State), Waits: in.Waits, Batch: in.Type == "BATCH",
		Began: timeOf(in.StartTime), Ended: timeOf(in.EndTime), Restarts: in.Restarts, Entered: map[State]time.Time{},
	}
	for state, at := range in.Timestamps {
		if at > 0 {
			j.Entered[State(state)] = timeOf(at)
		}
	}
	for _, v := range in.Vertices {
		m := &v.Metrics
		out := Vertex{
			ID: v.ID, Name: v.Name, Parallelism: v.Parallelism, MaxParallelism: v.MaxParallelism, State: State(v.Status),
			RecordsIn: m.ReadRecords, RecordsOut: m.WriteRecords, BytesIn: m.ReadBytes, BytesOut: m.WriteBytes,
			Busy: durationOf(int64(m.Busy)), Backpressured: durationOf(m.Backpressured), Idle: durationOf(m.Idle),
			Tasks: map[State]int{},
		}
		for state, n := range v.Tasks {
			if n > 0 {
				out.Tasks[State(state)] = n
			}
		}
		j.Vertices = append(j.Vertices, out)
	}
	return j, nil
}

// HotKey is a key that many of the records have that a vertex gets.
type HotKey struct {
	Key string
	// Subtask gets its records.
	Subtask int
	// Share of the records has the key, at most, and at least AtLeast.
	Share, AtLeast float64
}

// HotKeys lists the hottest keys of a vertex, of the last half minute or so: none if it has no keyed input, or no key has more
// than a fiftieth of the records.
func (c *Client) HotKeys(ctx context.Context, id, vertex string) (all []HotKey, err error) {
	var in restapi.HotKeys
	err = c.get(ctx, "/flott"+jobPath(id, "vertices", vertex, "hot-keys"), &in)
	for _, k := range in.Keys {
		all = append(all, HotKey{k.Key, k.Subtask, k.Share, k.AtLeast})
	}
	return all, err
}

// Subtask is the last attempt of a subtask.
type Subtask struct {
	Index, Attempt int
	State          State
	// TaskManager and Address are "" while it has no slot.
	TaskManager, Address string
}

// Subtasks lists the subtasks of a vertex, in order.
func (c *Client) Subtasks(ctx context.Context, id, vertex string) (all []Subtask, err error) {
	var in restapi.Vertex
	err = c.get(ctx, jobPath(id, "vertices", vertex), &in)
	for _, s := range in.Subtasks {
		out := Subtask{Index: s.Subtask, Attempt: s.Attempt, State: State(s.Status)}
		if s.TaskManager != restapi.Unassigned {
			out.TaskManager, out.Address = s.TaskManager, s.Endpoint
		}
		all = append(all, out)
	}
	return all, err
}

// State asks for a job's state.
func (c *Client) State(ctx context.Context, id string) (State, error) {
	var in restapi.JobStatus
	err := c.get(ctx, jobPath(id, "status"), &in)
	return State(in.Status), err
}

// Wait returns when a job has ended: nil when it finished, ErrCanceled when it was cancelled, a *JobError
// when it failed. Another error says that it cannot be known.
func (c *Client) Wait(ctx context.Context, id string) error {
	answered := time.Now()
	for {
		var in restapi.ExecutionResult
		err := c.get(ctx, "/flott"+jobPath(id, "result"), &in)
		if c.met.Load() && isInterlude(err) && time.Since(answered) < interludeMax {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(interludePause):
			}
			continue
		}
		if err != nil {
			return err
		}
		answered = time.Now()
		if in.Result == nil {
			continue // the JobManager has waited for as long as it does
		}
		switch in.Result.ApplicationStatus {
		case "SUCCEEDED":
			return nil
		case "CANCELED":
			return ErrCanceled
		}
		e := &JobError{ID: id}
		if cause := in.Result.FailureCause; cause != nil {
			e.Cause = cause.StackTrace
		}
		return e
	}
}

// While no JobManager leads any more, Wait asks again, for as long as workers go on by default.
const (
	interludeMax   = time.Minute
	interludePause = 200 * time.Millisecond
)

// isInterlude reports whether another JobManager may be about to lead.
func isInterlude(err error) bool {
	if refusal := (*Error)(nil); errors.As(err, &refusal) { // or one that stands by names one that is gone
		return refusal.Status == http.StatusServiceUnavailable || refusal.Status == http.StatusTemporaryRedirect
	}
	return errors.Is(err, ErrUnreachable)
}

// Cancel ends a job at once, without finishing what is in flight. It does not wait for the end.
func (c *Client) Cancel(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPatch, jobPath(id)+"?mode=cancel", nil, nil)
}

// StopSources ends the input of a job here: what is in flight is processed, windows fire, sinks commit, and
// the job finishes. It does not wait for the end.
func (c *Client) StopSources(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPatch, jobPath(id)+"?mode=finish", nil, nil)
}

// Failure is something that has failed.
type Failure struct {
	// Kind is what has: TaskFailure, WorkerLost, DeployFailure, CoordinatorFailure or JobFailure.
	Kind, Text string
	At         time.Time
	// Task, TaskManager and Address are "" if it was no single task.
	Task, TaskManager, Address string
	// Later are failures that came while the tasks were being cancelled that the first one concerned.
	Later []Failure
}

// Exceptions lists the last failures of a job, the newest first, and whether there were more.
func (c *Client) Exceptions(ctx context.Context, id string, most int) (all []Failure, more bool, err error) {
	var in restapi.JobExceptions
	path := jobPath(id, "exceptions")
	if most > 0 {
		path += "?maxExceptions=" + strconv.Itoa(most)
	}
	err = c.get(ctx, path, &in)
	for _, e := range in.History.Entries {
		f := failureOf(&e.Failure)
		for i := range e.Concurrent {
			f.Later = append(f.Later, failureOf(&e.Concurrent[i]))
		}
		all = append(all, f)
	}
	return all, in.History.Truncated, err
}

func failureOf(f *restapi.Failure) Failure {
	return Failure{
		Kind: f.Name, Text: f.StackTrace, At: timeOf(f.Timestamp), Task: f.Task, TaskManager: f.TaskManager,
		Address: f.Endpoint,
	}
}

// Accumulators are the sums of a job's accumulators over all subtasks.
func (c *Client) Accumulators(ctx context.Context, id string) (map[string]int64, error) {
	var in restapi.JobAccumulators
	if err := c.get(ctx, jobPath(id, "accumulators"), &in); err != nil {
		return nil, err
	}
	sums := map[string]int64{}
	for _, a := range in.User {
		n, err := strconv.ParseInt(a.Value, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("accumulator %s of job %s: %w", a.Name, id, err)
		}
		sums[a.Name] = n
	}
	return sums, nil
}

// Checkpoint is the statistics of a checkpoint or savepoint.
type Checkpoint struct {
	ID        int64
	Savepoint bool
	// Status is IN_PROGRESS, COMPLETED or FAILED.
	Status    string
	Triggered time.Time
	// Duration is 0 while it is in progress.
	Duration time.Duration
	// Size is the state it has written, FullSize what it consists of, and InFlight the records that were on
	// the way, in bytes.
	Size, FullSize, InFlight int64
	// Location is where a completed one is, and Failure why one has failed.
	Location, Failure string
}

// Checkpoints is what a job has done of checkpoints.
type Checkpoints struct {
	// Last are the last ones, the newest first.
	Last []Checkpoint
	// The numbers are since the job began.
	Completed, Failed, Restored int
	// Interval is that of periodic ones, 0 if there are none.
	Interval time.Duration
}

// Checkpoints asks for the statistics of a job's checkpoints.
func (c *Client) Checkpoints(ctx context.Context, id string) (*Checkpoints, error) {
	var in restapi.Checkpoints
	if err := c.get(ctx, jobPath(id, "checkpoints"), &in); err != nil {
		return nil, err
	}
	var config restapi.CheckpointConfig
	if err := c.get(ctx, jobPath(id, "checkpoints/config"), &config); err != nil {
		return nil, err
	}
	out := &Checkpoints{Completed: in.Counts.Completed, Failed: in.Counts.Failed, Restored: in.Counts.Restored}
	if config.Interval < math.MaxInt64 {
		out.Interval = durationOf(config.Interval)
	}
	for _, h := range in.History {
		k := Checkpoint{
			ID: h.ID, Savepoint: h.Savepoint, Status: h.Status, Triggered: timeOf(h.Trigger), Size: h.CheckpointedSize,
			FullSize: h.StateSize, InFlight: h.PersistedData,
		}
		if h.Status != restapi.InProgress {
			k.Duration = durationOf(h.EndToEndDuration)
		}
		if h.Path != nil {
			k.Location = *h.Path
		}
		if h.Message != nil {
			k.Failure = *h.Message
		}
		out.Last = append(out.Last, k)
	}
	return out, nil
}

// Explanation says what limits a job, and what holds its watermark back, in sentences.
type Explanation struct {
	// Bottleneck is what limits its speed, with what that is concluded from and what helps, "" if nothing is to be done.
	Bottleneck       string
	Evidence         []string
	BottleneckAdvice string
	// Watermark is what holds its watermark back.
	Watermark, WatermarkAdvice string
}

// Explain asks what limits a job, and what holds its watermark back.
func (c *Client) Explain(ctx context.Context, id string) (*Explanation, error) {
	var b restapi.Bottleneck
	if err := c.get(ctx, jobPath(id, "bottleneck"), &b); err != nil {
		return nil, err
	}
	var w restapi.WatermarkExplanation
	if err := c.get(ctx, jobPath(id, "watermarks/explain"), &w); err != nil {
		return nil, err
	}
	return &Explanation{b.Text, b.Evidence, b.Advice, w.Text, w.Advice}, nil
}
