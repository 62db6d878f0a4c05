package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/stream"
)

// RestoreMode says whom the snapshot belongs to that a job starts from.
type RestoreMode uint8

// The modes.
const (
	// NoClaim leaves the snapshot alone. The job's first checkpoint is a full one, and afterwards the
	// snapshot can be deleted.
	NoClaim RestoreMode = iota
	// Claim makes the snapshot the job's own, which deletes it when it is no longer needed.
	Claim
)

// RestoreFrom starts the job from the savepoint or checkpoint at path, a directory. A checkpoint that
// an earlier run of the job has left in its own checkpoint directory takes precedence, so that the
// same command line goes on where the job was; see Fresh.
func RestoreFrom(path string, mode RestoreMode) Option {
	return func(o *job.Options) { o.RestorePath, o.Claim = path, mode == Claim }
}

// Fresh ignores what an earlier run of the job has left in its checkpoint directory.
func Fresh() Option { return func(o *job.Options) { o.Fresh = true } }

// Checkpoint takes a checkpoint now, and returns its number when it is complete.
func (j *Job) Checkpoint(ctx context.Context) (id int64, err error) {
	if j.remote != nil {
		id, err = j.remote.client.Checkpoint(ctx, j.remote.id)
		return id, j.wrap(err)
	}
	id, err = j.job.Checkpoint(ctx)
	return id, j.wrap(err)
}

// Savepoint stores a snapshot of the job, which goes on, in a new directory below dir, and returns
// its path. dir "" is that of stream.SavepointDir. The savepoint belongs to the caller: it can be
// moved, restored with another parallelism, and is never deleted by a job that does not claim it.
func (j *Job) Savepoint(ctx context.Context, dir string, options ...SavepointOption,
) (path string, err error) {
	if j.remote != nil {
		path, err = j.remote.client.Savepoint(ctx, j.remote.id, client.SavepointOptions{
			Directory: absolute(dir), Native: flagsOf(options).Has(operator.Native),
		})
		return path, j.wrap(err)
	}
	path, err = j.job.Savepoint(ctx, cmp.Or(dir, j.savepoints), flagsOf(options))
	return path, j.wrap(err)
}

// SavepointOption is a choice about one savepoint.
type SavepointOption func(*operator.Flags)

// NativeSavepoint has keyed state on disk (stream.StateBackend) written as the files it is in, which is
// quicker to write, and to restore at the same parallelism with the same states. It restores
// everywhere else too, and is read by package savepoint. State in memory is written as it is by
// default, in the canonical form.
func NativeSavepoint() SavepointOption { return func(f *operator.Flags) { *f |= operator.Native } }

func flagsOf(options []SavepointOption) (f operator.Flags) {
	for _, o := range options {
		o(&f)
	}
	return f
}

// Bootstrap runs a job over bounded input to its end, and returns the path of a savepoint, in a new
// directory below dir, of what its operators hold then: state made of data that was there before a job
// is. savepoint.Writer's Graft gives it to a job that goes on with other input. Timers and windows in
// event time have fired by then, since the end of the input ends time.
func Bootstrap(ctx context.Context, env *stream.Env, name, dir string, options ...Option,
) (path string, err error) {
	result := errors.New("it has taken no savepoint")
	options = append(options, func(o *job.Options) {
		o.Last = &checkpoint.Request{
			Flags: operator.Savepoint | operator.Full, Directory: dir,
			End: func(_ *checkpoint.Snapshot, location string, err error) { path, result = location, err },
		}
	})
	var settings stream.Settings
	if _, err = configure(env, options); err == nil {
		_, settings, err = env.Plan()
	}
	if err == nil && settings.Mode == stream.Batch {
		err = errors.New("a job in batch mode has no state at its end; give the environment " +
			"stream.RuntimeMode(stream.Streaming)")
	}
	if err != nil {
		return "", fmt.Errorf("bootstrap %q: %w", name, err)
	}
	j, err := Start(ctx, env, name, options...)
	if err != nil {
		return "", err
	}
	if err := j.Wait(); err != nil {
		return "", fmt.Errorf("bootstrap: %w", err)
	}
	if result != nil {
		return "", fmt.Errorf("bootstrap %q: %w", name, result)
	}
	return path, nil
}

// StopWithSavepoint ends the job with a savepoint, as a restart with a new version needs it: nothing
// is emitted after it, and sinks have committed what came before. With drain the sources end first,
// so that all windows fire; such a job is not meant to go on.
func (j *Job) StopWithSavepoint(ctx context.Context, dir string, drain bool, options ...SavepointOption,
) (path string, err error) {
	if j.remote != nil {
		path, err = j.remote.client.Stop(ctx, j.remote.id, client.StopOptions{
			Directory: absolute(dir), Native: flagsOf(options).Has(operator.Native), Drain: drain,
		})
		return path, j.wrap(err)
	}
	path, err = j.job.StopWithSavepoint(ctx, cmp.Or(dir, j.savepoints), drain, flagsOf(options))
	return path, j.wrap(err)
}

func (j *Job) wrap(err error) error {
	if err == nil || err == ErrCanceled {
		return err
	}
	return fmt.Errorf("job %q: %w", j.name, err)
}

// DisposeSavepoint deletes the savepoint at path.
func DisposeSavepoint(ctx context.Context, path string) error {
	return storage.Dispose(ctx, path, nil)
}

// Checkpoint is the statistics of one checkpoint.
type Checkpoint struct {
	ID        int64
	Savepoint bool
	// Status is IN_PROGRESS, COMPLETED or FAILED.
	Status    checkpoint.Status
	Triggered time.Time
	// Duration is how long it took, 0 while it is in progress.
	Duration time.Duration
	// Size is the state it has written, FullSize what it consists of, and InFlight the records that
	// were on the way, in bytes before compression.
	Size, FullSize, InFlight int64
	Err                      error
	Subtasks                 []CheckpointSubtask
}

// CheckpointSubtask is one subtask's part of a checkpoint.
type CheckpointSubtask struct {
	// Vertex is the number of the subtask's vertex in Status, Subtask its own.
	Vertex, Subtask int
	// StartDelay is the time from the trigger to the first barrier, Alignment the time from the first
	// barrier to the last.
	StartDelay, Alignment time.Duration
	// Sync is how long records waited for the snapshot, Async how long it was written afterwards.
	Sync, Async time.Duration
	// Processed is the bytes processed during the alignment, InFlight those stored with the state.
	Processed, InFlight int64
	Size, FullSize      int64
}

// Checkpoints are the statistics of the job's last checkpoints, the oldest first, and how many have
// been completed and have failed since it began.
func (j *Job) Checkpoints() (last []Checkpoint, completed, failed int) {
	if j.remote != nil {
		return j.remote.checkpoints()
	}
	h := j.job.Checkpoints()
	for i := range h.Checkpoints {
		last = append(last, checkpointOf(&h.Checkpoints[i]))
	}
	return last, h.Completed, h.Failed
}

func checkpointOf(s *checkpoint.Stats) Checkpoint {
	c := Checkpoint{
		ID: s.ID, Savepoint: s.Savepoint, Status: s.Status, Triggered: time.Unix(0, s.Triggered),
		Size: s.Size, FullSize: s.FullSize, InFlight: s.InFlight, Err: s.Err,
	}
	if s.Ended != 0 {
		c.Duration = time.Duration(s.Ended - s.Triggered)
	}
	for _, t := range s.Subtasks {
		c.Subtasks = append(c.Subtasks, CheckpointSubtask{
			Vertex: t.Chain, Subtask: t.Subtask,
			StartDelay: time.Duration(t.StartDelay), Alignment: time.Duration(t.Alignment),
			Sync: time.Duration(t.Sync), Async: time.Duration(t.Async),
			Processed: t.Processed, InFlight: t.InFlight, Size: t.Size, FullSize: t.FullSize,
		})
	}
	return c
}
