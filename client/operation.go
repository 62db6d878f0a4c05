package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/flott-dev/flott/internal/restapi"
)

// SavepointOptions are the choices about a savepoint.
type SavepointOptions struct {
	// Directory is where it goes, in a new directory below; "" is what the job was given.
	Directory string
	// Native writes keyed state on disk as the files it is in.
	Native bool
	// Cancel cancels the job after it. Stop is what one wants instead: nothing is emitted after it.
	Cancel bool
}

// Savepoint takes a savepoint of a job, which goes on, and returns its path.
func (c *Client) Savepoint(ctx context.Context, id string, o SavepointOptions) (path string, err error) {
	trigger := newTrigger()
	in := restapi.SavepointRequest{CancelJob: o.Cancel, Trigger: &trigger, Directory: orNull(o.Directory), Format: format(o.Native)}
	if err := c.call(ctx, http.MethodPost, jobPath(id, "savepoints"), in, nil); err != nil {
		return "", err
	}
	op, err := c.await(ctx, jobPath(id, "savepoints", trigger), "savepoint of job "+id)
	return op.Location, err
}

// StopOptions are the choices about the end of a job.
type StopOptions struct {
	// Directory and Native are as for a savepoint.
	Directory string
	Native    bool
	// Drain ends the sources first, so that all windows fire. Such a job is not meant to go on.
	Drain bool
}

// Stop ends a job with a savepoint, and returns its path.
func (c *Client) Stop(ctx context.Context, id string, o StopOptions) (path string, err error) {
	trigger := newTrigger()
	in := restapi.StopRequest{Drain: o.Drain, Trigger: &trigger, Directory: orNull(o.Directory), Format: format(o.Native)}
	if err := c.call(ctx, http.MethodPost, jobPath(id, "stop"), in, nil); err != nil {
		return "", err
	}
	op, err := c.await(ctx, jobPath(id, "savepoints", trigger), "stop of job "+id)
	return op.Location, err
}

// Checkpoint takes a checkpoint of a job now, and returns its number.
func (c *Client) Checkpoint(ctx context.Context, id string) (number int64, err error) {
	trigger := newTrigger()
	if err := c.call(ctx, http.MethodPost, jobPath(id, "checkpoints"), restapi.CheckpointRequest{Trigger: &trigger}, nil); err != nil {
		return 0, err
	}
	op, err := c.await(ctx, jobPath(id, "checkpoints", trigger), "checkpoint of job "+id)
	return op.CheckpointID, err
}

// DisposeSavepoint deletes the savepoint at a path.
func (c *Client) DisposeSavepoint(ctx context.Context, path string) error {
	var t restapi.Trigger
	if err := c.call(ctx, http.MethodPost, "/savepoint-disposal", restapi.DisposalRequest{Path: path}, &t); err != nil {
		return err
	}
	_, err := c.await(ctx, "/savepoint-disposal/"+t.ID, "disposal of savepoint "+path)
	return err
}

// The pauses between two looks at an operation.
const (
	pauseMin = 5 * time.Millisecond
	pauseMax = 500 * time.Millisecond
)

// await waits for the end of an operation.
func (c *Client) await(ctx context.Context, path, what string) (restapi.Operation, error) {
	for pause := pauseMin; ; pause = min(2*pause, pauseMax) {
		var r restapi.OperationResult
		if err := c.get(ctx, path, &r); err != nil {
			return restapi.Operation{}, err
		}
		if op := r.Operation; op != nil {
			for _, cause := range []*restapi.Cause{op.FailureCause, op.CheckpointFailure} {
				if cause != nil {
					return *op, &OperationError{What: what, Cause: cause.StackTrace}
				}
			}
			return *op, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return restapi.Operation{}, context.Cause(ctx)
		}
	}
}

func newTrigger() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func format(native bool) *string {
	f := "CANONICAL"
	if native {
		f = "NATIVE"
	}
	return &f
}
