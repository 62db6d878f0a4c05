package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/sql"
)

// session is one of a Gateway's.
type session struct {
	g     *Gateway
	id    string
	sql   *sql.Session
	given map[string]string // properties
	ctx   context.Context   // of its operations
	stop  context.CancelFunc

	// Of the Gateway's lock: how often it was asked for, and what ends it.
	uses      int
	stopTimer func()

	// turn is held by the statement that is being started.
	turn sync.Mutex
	// Of turn: the statements that have defined something, how many jobs they start, and what the statement that is being
	// started adds to them.
	defined []string
	calls   int
	now     []string

	mu         sync.Mutex
	operations map[string]*operation
	begun      int // operations
	running    sync.WaitGroup
}

// operationsMax is how many results a session keeps that were not closed. Clients of Flink do not close those that they have
// read to their ends.
const operationsMax = 100

// statementMax is how long a statement may be, in bytes: the workers of a job get it as an argument.
const statementMax = 120_000

// newID is a random UUID.
func newID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// script is what makes another session start the job of the statement that is being started. The executor asks for it then.
func (s *session) script() Script {
	return Script{Statements: slices.Concat(s.defined, s.now), Call: s.calls + 1}
}

// end cancels what runs, and waits for its end.
func (s *session) end() {
	s.stop()
	s.running.Wait()
}

// options are the session's, as SET shows them.
func (s *session) options() (map[string]string, error) {
	r, err := s.sql.Execute(s.ctx, "SET")
	if err != nil {
		return nil, err
	}
	all := maps.Clone(s.given) // also those that are not Flott's, as clients ask for theirs
	if all == nil {
		all = map[string]string{}
	}
	for b, err := range r.Batches() {
		if err != nil {
			return nil, err
		}
		for i := range b.N {
			all[string(b.Cols[0].Bytes(i))] = string(b.Cols[1].Bytes(i))
		}
	}
	return all, nil
}

// properties is GET /sessions/{session}.
func (s *session) properties(*http.Request, *restapi.Empty) (any, error) {
	all, err := s.options()
	return &restapi.SQLProperties{Properties: all}, err
}

// statementOf is the text of a request, without what only separates it from others.
func statementOf(in *restapi.SQLStatement) (string, error) {
	text := strings.TrimRight(strings.TrimSpace(in.Statement), "; \t\r\n")
	switch {
	case text == "":
		return "", refusal{http.StatusBadRequest, `there is no statement: send {"statement": "SELECT 1"}`}
	case len(text) > statementMax:
		return "", refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the statement has %d bytes, and may have %d: write it as several views", len(text), statementMax)}
	}
	return text, nil
}

// configure is POST …/configure-session: it runs a statement that defines something, and answers when that is done.
func (s *session) configure(r *http.Request, in *restapi.SQLStatement) (any, error) {
	o, err := s.start(in)
	if err != nil {
		return nil, err
	}
	defer s.discard(o)
	select {
	case <-o.started:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	switch {
	case o.err != nil:
		return nil, o.err
	case !o.result.Defines || o.result.JobID() != "":
		return nil, refusal{http.StatusBadRequest, "a session is configured by SET, RESET, CREATE, ALTER, DROP and USE; run other statements by POST …/statements"}
	}
	return &restapi.Empty{}, nil
}

// begin is POST …/statements.
func (s *session) begin(_ *http.Request, in *restapi.SQLStatement) (any, error) {
	o, err := s.start(in)
	if err != nil {
		return nil, err
	}
	return &restapi.SQLOperation{OperationHandle: o.id}, nil
}

// start starts an operation.
func (s *session) start(in *restapi.SQLStatement) (*operation, error) {
	text, err := statementOf(in)
	if err != nil {
		return nil, err
	}
	o := &operation{
		s: s, id: newID(), started: make(chan struct{}), batches: make(chan batch), over: make(chan struct{}), status: pending,
	}
	o.ctx, o.stop = context.WithCancelCause(s.ctx)
	if in.ExecutionTimeout > 0 {
		timeout := time.Duration(in.ExecutionTimeout) * time.Millisecond
		o.stopTimer = s.g.o.Clock.AfterFunc(timeout, func() { o.stop(errTimeout) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, refusal{http.StatusNotFound, "the session is being closed"}
	}
	s.forget()
	if len(s.operations) >= operationsMax {
		return nil, refusal{http.StatusTooManyRequests, fmt.Sprintf("the session has %d statements whose results were not read: close some", operationsMax)}
	}
	s.begun++
	o.number = s.begun
	s.operations[o.id] = o
	s.running.Go(func() { o.run(text, in.ExecutionConfig) })
	return o, nil
}

// forget makes room for another operation: the oldest ones go whose rows were read.
func (s *session) forget() {
	var over []*operation
	for _, o := range s.operations {
		if o.isOver() {
			over = append(over, o)
		}
	}
	slices.SortFunc(over, func(a, b *operation) int { return cmp.Compare(a.number, b.number) })
	for _, o := range over[:max(0, min(len(over), len(s.operations)-operationsMax+1))] {
		delete(s.operations, o.id)
	}
}

// operation is that with an id.
func (s *session) operation(id string) (*operation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.operations[id]
	if !ok {
		return nil, refusal{http.StatusNotFound, fmt.Sprintf("Can not find the submitted operation in the session with the %s: it was closed.", cmp.Or(id, "empty id"))}
	}
	return o, nil
}

// discard ends an operation, and forgets it.
func (s *session) discard(o *operation) {
	o.stop(errClosed)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.operations, o.id)
}

// closeOperation is DELETE …/close.
func (s *session) closeOperation(r *http.Request, _ *restapi.Empty) (any, error) {
	o, err := s.operation(r.PathValue("operation"))
	if err != nil {
		return nil, err
	}
	s.discard(o)
	return &restapi.SQLStatus{Status: closed}, nil
}

// execute runs a statement with options that are set for it only.
func (s *session) execute(ctx context.Context, text string, set map[string]string) (*sql.Result, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	s.now = nil
	if len(set) > 0 {
		was, err := s.options()
		if err != nil {
			return nil, err
		}
		for _, k := range slices.Sorted(maps.Keys(set)) {
			if err := s.put(ctx, "SET "+quoted(k)+" = "+quoted(set[k])); err != nil {
				return nil, err
			}
			back := "RESET " + quoted(k)
			if v, ok := was[k]; ok {
				back = "SET " + quoted(k) + " = " + quoted(v)
			}
			defer s.sql.Execute(context.WithoutCancel(ctx), back)
		}
	}
	s.now = append(s.now, text)
	r, err := s.sql.Execute(ctx, text)
	if err != nil || !r.Defines {
		return r, err
	}
	s.defined = append(s.defined, text)
	if r.JobID() != "" {
		s.calls++
	}
	return r, nil
}

// put sets an option for the statement that is being started.
func (s *session) put(ctx context.Context, set string) error {
	s.now = append(s.now, set)
	_, err := s.sql.Execute(ctx, set)
	return err
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
