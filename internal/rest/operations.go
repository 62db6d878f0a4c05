package rest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"
	"sync"

	"github.com/flott-dev/flott/internal/restapi"
)

// operationKey names an operation. Those of different jobs and kinds do not know each other.
type operationKey struct{ scope, kind, id string }

// operation is something that takes longer than a request.
type operation struct {
	done   bool
	result restapi.Operation
}

// operations are those that run, and the last that have ended.
type operations struct {
	ctx     context.Context
	running sync.WaitGroup

	mu struct {
		sync.Mutex
		all   map[operationKey]*operation
		ended []operationKey // the oldest first
	}
}

// endedMost is how many operations that have ended are remembered.
const endedMost = 1000

// begin runs f unless there is an operation of the name already, and returns the operation's id: the one
// given, or a new one for "".
func (o *operations) begin(scope, kind, id string, f func(ctx context.Context) (restapi.Operation, error),
) (*restapi.Trigger, error) {
	switch id = strings.ToLower(id); {
	case id == "":
		id = newID()
	case !hex32.MatchString(id):
		return nil, badRequest("triggerId %q is not 32 hexadecimal digits", id)
	}
	k, op := operationKey{scope, kind, id}, &operation{}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.all == nil {
		o.mu.all = map[operationKey]*operation{}
	}
	if o.mu.all[k] != nil {
		return &restapi.Trigger{ID: id}, nil
	}
	if o.ctx.Err() != nil {
		return nil, refusal{503, "the server ends"}
	}
	o.mu.all[k] = op
	o.running.Go(func() {
		result, err := f(o.ctx)
		if err != nil {
			result.FailureCause = causeOf("OperationFailure", err)
		}
		o.end(k, result)
	})
	return &restapi.Trigger{ID: id}, nil
}

func (o *operations) end(k operationKey, result restapi.Operation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	op := o.mu.all[k]
	op.done, op.result = true, result
	o.mu.ended = append(o.mu.ended, k)
	if over := len(o.mu.ended) - endedMost; over > 0 {
		for _, old := range o.mu.ended[:over] {
			delete(o.mu.all, old)
		}
		o.mu.ended = slices.Delete(o.mu.ended, 0, over)
	}
}

// look tells how far an operation is.
func (o *operations) look(scope, kind, id string) (*restapi.OperationResult, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	op := o.mu.all[operationKey{scope, kind, strings.ToLower(id)}]
	switch {
	case op == nil:
		return nil, notFound("Operation not found under key: %s; it is forgotten, or the JobManager that it was asked of is gone: ask again", id)
	case !op.done:
		return &restapi.OperationResult{Status: restapi.OperationStatus{ID: restapi.InProgress}}, nil
	}
	result := op.result
	return &restapi.OperationResult{
		Status: restapi.OperationStatus{ID: restapi.Completed}, Operation: &result,
	}, nil
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
