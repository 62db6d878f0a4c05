package rest

import (
	"cmp"
	"context"
	"net/http"

	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/restapi"
)

// The kinds of operations. A stop is asked about as a savepoint is.
const (
	checkpointKind = "checkpoint"
	savepointKind  = "savepoint"
	disposalKind   = "disposal"
)

// running is the job that a request names, if it can be told to do something.
func (s *Server) running(r *http.Request) (*jobmanager.JobView, *job.Job, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, nil, err
	}
	j, err := s.m.Job(v.ID)
	return v, j, err
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// formatFlags reads the form of a savepoint.
func formatFlags(format *string) (operator.Flags, error) {
	switch f := text(format); f {
	case "", "CANONICAL":
		return 0, nil
	case "NATIVE":
		return operator.Native, nil
	default:
		return 0, badRequest("formatType %q is neither CANONICAL nor NATIVE", f)
	}
}

func (s *Server) takeSavepoint(r *http.Request, in restapi.SavepointRequest) (*restapi.Trigger, error) {
	v, j, err := s.running(r)
	if err != nil {
		return nil, err
	}
	flags, err := formatFlags(in.Format)
	if err != nil {
		return nil, err
	}
	dir, err := savepointDirectory(in.Directory, v)
	if err != nil {
		return nil, err
	}
	return s.operations.begin(v.ID, savepointKind, text(in.Trigger), func(ctx context.Context) (restapi.Operation, error) {
		path, err := j.Savepoint(ctx, dir, flags)
		if err == nil && in.CancelJob {
			err = s.m.Cancel(v.ID, jobmanager.CancelJob)
		}
		return restapi.Operation{Location: path}, err
	})
}

// savepointDirectory is the one that a request names, or else the job's.
func savepointDirectory(given *string, v *jobmanager.JobView) (string, error) {
	dir := cmp.Or(text(given), v.Settings.Savepoints)
	if dir == "" {
		return "", badRequest("no directory for savepoints is given; name one, or set " +
			"execution.checkpointing.savepoint-dir")
	}
	return dir, nil
}

func (s *Server) stop(r *http.Request, in restapi.StopRequest) (*restapi.Trigger, error) {
	v, j, err := s.running(r)
	if err != nil {
		return nil, err
	}
	flags, err := formatFlags(in.Format)
	if err != nil {
		return nil, err
	}
	dir, err := savepointDirectory(in.Directory, v)
	if err != nil {
		return nil, err
	}
	return s.operations.begin(v.ID, savepointKind, text(in.Trigger), func(ctx context.Context) (restapi.Operation, error) {
		path, err := j.StopWithSavepoint(ctx, dir, in.Drain, flags)
		return restapi.Operation{Location: path}, err
	})
}

func (s *Server) savepointResult(r *http.Request) (*restapi.OperationResult, error) {
	return s.jobOperation(r, savepointKind)
}

// jobOperation tells how far an operation on a job is. The job may be forgotten by now.
func (s *Server) jobOperation(r *http.Request, kind string) (*restapi.OperationResult, error) {
	job, err := pathValue(r, "jobid", hex32)
	if err != nil {
		return nil, err
	}
	id, err := pathValue(r, "triggerid", hex32)
	if err != nil {
		return nil, err
	}
	return s.operations.look(job, kind, id)
}

func (s *Server) takeCheckpoint(r *http.Request, in restapi.CheckpointRequest) (*restapi.Trigger, error) {
	v, j, err := s.running(r)
	if err != nil {
		return nil, err
	}
	if t := text(in.Type); t != "" && t != "CONFIGURED" {
		return nil, badRequest("checkpointType %q is not there; CONFIGURED is", t)
	}
	return s.operations.begin(v.ID, checkpointKind, text(in.Trigger), func(ctx context.Context) (restapi.Operation, error) {
		id, err := j.Checkpoint(ctx)
		return restapi.Operation{CheckpointID: id}, err
	})
}

func (s *Server) checkpointResult(r *http.Request) (*restapi.OperationResult, error) {
	result, err := s.jobOperation(r, checkpointKind)
	if err != nil {
		return nil, err
	}
	if o := result.Operation; o != nil {
		o.CheckpointFailure, o.FailureCause = o.FailureCause, nil
	}
	return result, nil
}

func (s *Server) dispose(r *http.Request, in restapi.DisposalRequest) (*restapi.Trigger, error) {
	if in.Path == "" {
		return nil, badRequest("Field savepoint-path must not be omitted.")
	}
	return s.operations.begin("", disposalKind, "", func(ctx context.Context) (restapi.Operation, error) {
		return restapi.Operation{}, s.m.DisposeSavepoint(ctx, in.Path)
	})
}

func (s *Server) disposalResult(r *http.Request) (*restapi.OperationResult, error) {
	id, err := pathValue(r, "triggerid", hex32)
	if err != nil {
		return nil, err
	}
	return s.operations.look("", disposalKind, id)
}
