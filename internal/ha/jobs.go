package ha

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Jobs are the records of jobs that a leader keeps:
//
//	jobs/<id>      what a leader needs to run the job: graph, settings, artifacts by hash
//	workers/<id>   the workers that may run, so that the next leader knows whom to wait for
//	bounds/<id>    the parallelism that was asked for since it was submitted
//	ending/<id>    how it was told to end
//	stopped/<id>   the savepoint that it was stopped with, after which it must not run
//	results/<id>   how it has ended
//
// A job with a result is never run again, whatever else there is of it. Its life:
//
//	Submit ── Set… ── End ── Clean ── Forget
//	 jobs     others  results  only     nothing
//	                          results
//
// After End its leader deletes what the job has elsewhere, such as checkpoints, and calls Clean; a
// later leader finds it among the ended jobs of Recover if that was cut off.
//
// What is in the records is the caller's. A job's methods must not be called at the same time.
type Jobs struct{ leadership Leadership }

// JobsOf returns the jobs that a leader keeps.
func JobsOf(l Leadership) *Jobs { return &Jobs{l} }

// Directories of keys.
const (
	jobsDir    = "jobs/"
	workersDir = "workers/"
	boundsDir  = "bounds/"
	endingDir  = "ending/"
	stoppedDir = "stopped/"
	resultsDir = "results/"
)

// ErrEnded says that a job has a result, so that it cannot run again under its id.
var ErrEnded = errors.New("the job has ended already")

// Submit makes the record of a job. It fails with ErrExists if there is one, and with ErrEnded if the
// job has ended.
func (j *Jobs) Submit(ctx context.Context, id string, job []byte) error {
	if _, err := j.leadership.Get(ctx, resultsDir+id); err == nil {
		return fmt.Errorf("job %s: %w", id, ErrEnded)
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	_, err := j.leadership.Put(ctx, jobsDir+id, job)
	return err
}

// Job is the record of a job.
type Job struct {
	ID   string
	Data []byte
}

// Get returns the record of a job, or ErrNotFound.
func (j *Jobs) Get(ctx context.Context, id string) ([]byte, error) {
	r, err := j.leadership.Get(ctx, jobsDir+id)
	return r.Value, err
}

// Workers returns what SetWorkers has recorded, nil for nothing.
func (j *Jobs) Workers(ctx context.Context, id string) ([]byte, error) {
	return j.get(ctx, workersDir+id)
}

// SetWorkers records which workers of a job may run, before they are started.
func (j *Jobs) SetWorkers(ctx context.Context, id string, workers []byte) error {
	return j.set(ctx, workersDir+id, workers)
}

// Bounds returns what SetBounds has recorded, nil for nothing.
func (j *Jobs) Bounds(ctx context.Context, id string) ([]byte, error) {
	return j.get(ctx, boundsDir+id)
}

// SetBounds records the parallelism that was asked for, before that is acknowledged.
func (j *Jobs) SetBounds(ctx context.Context, id string, bounds []byte) error {
	return j.set(ctx, boundsDir+id, bounds)
}

// Ending returns what SetEnding has recorded, nil for nothing.
func (j *Jobs) Ending(ctx context.Context, id string) ([]byte, error) {
	return j.get(ctx, endingDir+id)
}

// SetEnding records how a job is told to end, such as by a cancellation, before that is acknowledged.
func (j *Jobs) SetEnding(ctx context.Context, id string, how []byte) error {
	return j.set(ctx, endingDir+id, how)
}

// Stopped returns what SetStopped has recorded, nil for nothing.
func (j *Jobs) Stopped(ctx context.Context, id string) ([]byte, error) {
	return j.get(ctx, stoppedDir+id)
}

// SetStopped records the savepoint that a job is stopped with, before anything of that is committed.
func (j *Jobs) SetStopped(ctx context.Context, id string, savepoint []byte) error {
	return j.set(ctx, stoppedDir+id, savepoint)
}

// get reads a record that may be there.
func (j *Jobs) get(ctx context.Context, key string) ([]byte, error) {
	r, err := j.leadership.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return r.Value, err
}

// set writes a record that may be there.
func (j *Jobs) set(ctx context.Context, key string, value []byte) error {
	r, err := j.leadership.Get(ctx, key)
	switch {
	case errors.Is(err, ErrNotFound):
		_, err = j.leadership.Put(ctx, key, value)
	case err == nil:
		_, err = j.leadership.Swap(ctx, key, r.Version, value)
	}
	return err
}

// Recover returns the jobs that a new leader runs, and the ids of those that have ended and were not
// cleaned up.
func (j *Jobs) Recover(ctx context.Context) (run []Job, ended []string, err error) {
	list, err := j.leadership.List(ctx, jobsDir)
	if err != nil {
		return nil, nil, err
	}
	results, err := j.Ended(ctx)
	if err != nil {
		return nil, nil, err
	}
	has := map[string]bool{}
	for _, id := range results {
		has[id] = true
	}
	for _, e := range list {
		id := strings.TrimPrefix(e.Key, jobsDir)
		if has[id] {
			ended = append(ended, id)
			continue
		}
		data, err := j.Get(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		run = append(run, Job{id, data})
	}
	return run, ended, nil
}

// End records how a job has ended. A second result is refused with ErrExists.
func (j *Jobs) End(ctx context.Context, id string, result []byte) error {
	_, err := j.leadership.Put(ctx, resultsDir+id, result)
	return err
}

// Ended returns the ids of all jobs that have a result.
func (j *Jobs) Ended(ctx context.Context) (ids []string, err error) {
	list, err := j.leadership.List(ctx, resultsDir)
	for _, e := range list {
		ids = append(ids, strings.TrimPrefix(e.Key, resultsDir))
	}
	return ids, err
}

// Result returns how a job has ended, or ErrNotFound.
func (j *Jobs) Result(ctx context.Context, id string) ([]byte, error) {
	r, err := j.leadership.Get(ctx, resultsDir+id)
	return r.Value, err
}

// Clean deletes what there is of an ended job besides its result. It can be called again.
func (j *Jobs) Clean(ctx context.Context, id string) error {
	if _, err := j.Result(ctx, id); err != nil {
		return err
	}
	for _, dir := range []string{workersDir, boundsDir, endingDir, stoppedDir} {
		if err := j.delete(ctx, dir+id); err != nil {
			return err // the record goes last: by it Recover finds what is left
		}
	}
	return j.delete(ctx, jobsDir+id)
}

// Forget deletes the result of a job that was cleaned up: the id is free then.
func (j *Jobs) Forget(ctx context.Context, id string) error {
	if _, err := j.leadership.Get(ctx, jobsDir+id); !errors.Is(err, ErrNotFound) {
		if err == nil {
			err = fmt.Errorf("job %s is not cleaned up: %w", id, ErrExists)
		}
		return err
	}
	return j.delete(ctx, resultsDir+id)
}

// delete deletes a record that may be there.
func (j *Jobs) delete(ctx context.Context, key string) error {
	r, err := j.leadership.Get(ctx, key)
	if err == nil {
		err = j.leadership.Delete(ctx, key, r.Version)
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
