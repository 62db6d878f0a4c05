package job

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/storage"
)

// resume takes the job's storage over and finds the snapshot to start from: the newest checkpoint
// that an earlier run has left, else the one that the options name.
func (j *Job) resume(ctx context.Context) error {
	o := &j.opts
	j.savepoints = o.Store
	if j.savepoints == nil {
		j.savepoints = storage.New(blob.NewMemory(blob.MemoryOptions{}), o.Name, storage.Options{})
	}
	if o.Store != nil {
		warning, err := o.Store.TakeOver(ctx)
		if err != nil {
			return fmt.Errorf("checkpoint directory %s: %w", o.Store.URI(), err)
		}
		j.warn(warning, "delete what an earlier run has left")
		ids, err := o.Store.Retained(ctx)
		if err != nil {
			return err
		}
		if len(ids) > 0 {
			j.lastID = slices.Max(ids)
		}
	}
	if o.Store != nil && !o.Fresh {
		own, warnings, err := o.Store.Latest(j.ctx)
		j.warnAll(warnings, "a checkpoint is damaged; going on from an older one, what was committed since "+
			"is committed again")
		switch {
		case errors.Is(err, storage.ErrNone):
		case err != nil:
			return err
		default:
			o.Restore, o.RestorePath, j.resumed = own, "", true
			j.log.Info("flott: going on from a checkpoint", "checkpoint", own.ID,
				"in", o.Store.URI())
		}
	}
	if o.RestorePath == "" {
		return nil
	}
	if o.Claim {
		if o.Store == nil {
			return errors.New("a snapshot can only be claimed by a job with a checkpoint directory")
		}
		if err := o.Store.Claim(ctx, o.RestorePath); err != nil {
			return fmt.Errorf("claim %s: %w", o.RestorePath, err)
		}
		own, warnings, err := o.Store.Latest(j.ctx)
		j.warnAll(warnings, "the claimed snapshot is damaged")
		if err != nil {
			return err
		}
		o.Restore, j.resumed = own, true
		return nil
	}
	s, err := storage.Open(j.ctx, o.RestorePath, nil)
	if err != nil {
		return fmt.Errorf("restore %s: %w", o.RestorePath, err)
	}
	o.Restore = s
	return nil
}

func (j *Job) warnAll(warnings []error, doing string) {
	for _, w := range warnings {
		j.warn(w, doing)
	}
}

// Discards reports whether the checkpoints of a job that has ended so are deleted.
func Discards(end State, deleteOnCancel bool) bool {
	return end == schedule.Finished || end == schedule.Canceled && deleteOnCancel
}

// discard deletes the checkpoints of a job that does not need them any more, and then calls then.
func (j *Job) discard(then func()) {
	if j.opts.Store == nil || !Discards(j.State(), j.opts.DeleteOnCancel) {
		then()
		return
	}
	j.runner.Go(actor.Sweep, func() {
		if err := j.opts.Store.Discard(context.WithoutCancel(j.ctx)); err != nil &&
			!errors.Is(err, storage.ErrDeposed) {
			j.log.Warn("flott: delete the checkpoints", "error", err)
		}
		j.master.Post(then)
	})
}

var errNoDirectory = errors.New("no directory for savepoints is given; name one, or set " +
	"execution.checkpointing.savepoint-dir")

// Savepoint stores a snapshot of the whole job, in a new directory below dir, which it returns. flags
// may have operator.Native.
func (j *Job) Savepoint(ctx context.Context, dir string, flags operator.Flags) (path string, err error) {
	if dir == "" {
		return "", errNoDirectory
	}
	_, path, err = j.take(ctx, checkpoint.Request{
		Flags: operator.Savepoint | operator.Full | flags, Directory: dir,
	})
	return path, err
}

// StopWithSavepoint ends the job with a savepoint: nothing is emitted after it. With drain, the
// sources end first, so that windows fire and everything is finished. flags are as for Savepoint.
func (j *Job) StopWithSavepoint(ctx context.Context, dir string, drain bool, flags operator.Flags,
) (path string, err error) {
	if dir == "" {
		return "", errNoDirectory
	}
	r := checkpoint.Request{
		Flags: operator.Savepoint | operator.Full | flags, Directory: dir,
	}
	if !drain {
		r.Flags |= operator.Suspend
		_, path, err = j.take(ctx, r)
	} else {
		path, err = j.drain(ctx, r)
	}
	if err != nil {
		return "", err
	}
	if err := j.Wait(); err != nil {
		return path, fmt.Errorf("the savepoint %s is complete, but the job has failed after it: %w", path, err)
	}
	return path, nil
}

func (j *Job) drain(ctx context.Context, r checkpoint.Request) (string, error) {
	type result struct {
		path string
		err  error
	}
	done := make(chan result, 1)
	r.End = func(_ *checkpoint.Snapshot, path string, err error) { done <- result{path, err} }
	j.Drain(r)
	select {
	case r := <-done:
		return r.path, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-j.done:
		select {
		case r := <-done:
			return r.path, r.err
		default:
			return "", fmt.Errorf("the job is %v", j.State())
		}
	}
}
