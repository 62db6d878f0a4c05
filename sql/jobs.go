package sql

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/suggest"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/stream"
)

// endedMax is how many jobs that have ended a session remembers.
const endedMax = 100

// job is a job that a statement has started.
type job struct {
	id, name string
	began    time.Time
	running  stream.Running
	cancel   context.CancelFunc
	// isDetached says that it does not belong to its statement: see table.dml-sync.
	isDetached bool
}

func (j *job) hasEnded() bool {
	select {
	case <-j.running.Done():
		return true
	default:
		return false
	}
}

func (j *job) state() string {
	if c, ok := j.running.(stream.Controlled); ok {
		return c.State()
	}
	switch {
	case !j.hasEnded():
		return "RUNNING"
	case j.running.Wait() != nil:
		return "FAILED"
	}
	return "FINISHED"
}

// end cancels the job and waits for its end.
func (j *job) end() {
	j.cancel()
	<-j.running.Done()
}

// start starts a job, which ends with ctx unless it is detached.
func (s *Session) start(ctx context.Context, env *stream.Env, name string, isDetached bool) (*job, error) {
	if s.executor == nil {
		return nil, fmt.Errorf("the session runs no jobs: make it with sql.On(launch.Executor())")
	}
	if isDetached {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	r, err := s.executor.Start(ctx, env, name)
	if err != nil {
		cancel()
		return nil, err
	}
	j := &job{id: idOf(r), name: name, began: time.Now(), running: r, cancel: cancel, isDetached: isDetached}
	s.forget()
	s.started++
	s.jobs = append(s.jobs, j)
	return j, nil
}

// idOf is the id of a job: that of the cluster, or a new one.
func idOf(r stream.Running) string {
	if c, ok := r.(stream.Controlled); ok && c.ID() != "" {
		return c.ID()
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // it never fails
	return hex.EncodeToString(id)
}

// forget forgets the jobs that have ended first, when there are many.
func (s *Session) forget() {
	ended := 0
	for _, j := range s.jobs {
		if j.hasEnded() {
			ended++
		}
	}
	s.jobs = slices.DeleteFunc(s.jobs, func(j *job) bool {
		if ended < endedMax || !j.hasEnded() {
			return false
		}
		ended--
		return true
	})
}

// jobName is the name of the next job.
func (s *Session) jobName(c *config.Configuration, otherwise string) string {
	if name, ok := config.JobName.Lookup(c); ok && name != "" {
		return name
	}
	return fmt.Sprintf("%s-%d", otherwise, s.started+1)
}

// Wait waits for the ends of the jobs that INSERT has started with 'table.dml-sync' = 'false', or for that of ctx. It
// returns what has failed them.
func (s *Session) Wait(ctx context.Context) error {
	var failed []error
	for _, j := range s.detached() {
		select {
		case <-j.running.Done():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := j.running.Wait(); err != nil && j.state() != "CANCELED" {
			failed = append(failed, runtimeError(err))
		}
	}
	return errors.Join(failed...)
}

// Close cancels the jobs that INSERT has started with 'table.dml-sync' = 'false', and waits for their ends. Others end with
// their results.
func (s *Session) Close() {
	for _, j := range s.detached() {
		j.end()
	}
}

func (s *Session) detached() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.jobs), func(j *job) bool { return !j.isDetached })
}

// jobOf finds a job by its id.
func (s *Session) jobOf(at ast.Span, id string) (*job, error) {
	var ids []string
	for _, j := range s.jobs {
		if j.id == id {
			return j, nil
		}
		ids = append(ids, j.id)
	}
	e := &bind.Error{Span: at, Msg: fmt.Sprintf("the session has no job '%s'", id), Hint: "SHOW JOBS lists those that it has started"}
	if near := suggest.Nearest(id, ids, 3); near != "" {
		e.Hint = "did you mean '" + near + "'?"
	}
	return nil, e
}

// jobRows is a row for each job.
func jobRows(jobs []*job) *Result {
	at := row.TimestampLTZOf(6)
	r := texts([]string{"job id", "job name", "status"}, nil)
	r.Schema.Fields = append(r.Schema.Fields, row.Field{Name: "start time", Type: at})
	r.fixed.Cols = append(r.fixed.Cols, column.New(at))
	r.fixed.N = len(jobs)
	for _, j := range jobs {
		for i, text := range []string{j.id, j.name, j.state()} {
			r.fixed.Cols[i].AppendString(text)
		}
		r.fixed.Cols[3].AppendTimestamp(j.began.UnixMicro(), 0)
	}
	return r
}

// stopJob ends a job: at once, or with a savepoint.
func (s *Session) stopJob(ctx context.Context, x *ast.StopJob) (*Result, error) {
	j, err := s.jobOf(x.Span, x.Job)
	if err != nil {
		return nil, err
	}
	if x.Drain && !x.Savepoint {
		return nil, &bind.Error{Span: x.Span, Msg: "a job is drained for a savepoint only", Hint: "write WITH SAVEPOINT WITH DRAIN"}
	}
	if j.hasEnded() {
		return nil, &bind.Error{Span: x.Span, Msg: fmt.Sprintf("the job '%s' has ended: it is %s", j.id, j.state())}
	}
	if !x.Savepoint {
		j.end()
		return done, nil
	}
	c, ok := j.running.(stream.Controlled)
	if !ok {
		return nil, &bind.Error{Span: x.Span, Msg: "what runs the session's jobs takes no savepoints"}
	}
	options, err := s.configuration()
	if err != nil {
		return nil, err
	}
	path, err := c.StopWithSavepoint(ctx, config.SavepointDir.Get(options), x.Drain)
	if err != nil {
		return nil, runtimeError(err)
	}
	return texts([]string{"savepoint path"}, [][]string{{path}}), nil
}
