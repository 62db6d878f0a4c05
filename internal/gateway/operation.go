package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/sql"
)

// The states of an operation.
const (
	pending  = "PENDING"
	running  = "RUNNING"
	finished = "FINISHED"
	canceled = "CANCELED"
	closed   = "CLOSED"
	failed   = "ERROR"
	timedOut = "TIMEOUT"
)

// Why an operation ends before its statement.
var (
	errCanceled = errors.New("the statement was cancelled")
	errClosed   = errors.New("the statement was closed")
	errTimeout  = errors.New("the statement has taken longer than its executionTimeout")
)

// operation is a statement of a session.
type operation struct {
	s         *session
	id        string
	number    int // in the session
	ctx       context.Context
	stop      context.CancelCauseFunc
	stopTimer func()

	// started is closed when result is there, or err.
	started chan struct{}
	result  *sql.Result
	err     error
	// batches has what the result gives, and is closed at its end; then over is, too.
	batches chan batch
	over    chan struct{}

	mu     sync.Mutex
	status string

	// fetching is held by who makes a page.
	fetching sync.Mutex
	encoder  *encoder
	next     int              // the page that is asked for next
	last     *restapi.SQLPage // the one before
}

// batch is a part of a result, or how it ended.
type batch struct {
	*column.Batch
	err error
}

// run runs the statement, and hands its rows to who asks for them.
func (o *operation) run(text string, set map[string]string) {
	defer close(o.over)
	defer close(o.batches)
	if o.stopTimer != nil {
		defer o.stopTimer()
	}
	o.become(running)
	o.result, o.err = o.s.execute(o.ctx, text, set)
	if o.err == nil {
		defer o.result.Close()
		if !o.result.IsQuery() {
			o.err = o.result.Wait() // for the end of a job with table.dml-sync
		}
	}
	o.err = o.told(o.err)
	if o.err != nil || !o.result.IsQuery() {
		o.ended(o.err)
	}
	close(o.started)
	if o.err != nil || o.result.Schema == nil {
		return
	}
	for b, err := range o.result.Batches() {
		select {
		case o.batches <- batch{b, o.told(err)}:
		case <-o.ctx.Done():
			o.ended(o.told(context.Cause(o.ctx)))
			return
		}
		if err != nil {
			o.ended(o.told(err))
			return
		}
	}
	o.ended(nil)
}

// told is an error as clients are told it: a statement's with the place in it.
func (o *operation) told(err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(o.ctx); cause != nil {
		return cause
	}
	var e *sql.Error
	if errors.As(err, &e) {
		return errors.New(e.Show())
	}
	return err
}

func (o *operation) become(status string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.status = status
}

// ended notes how the statement has ended; only the first end counts.
func (o *operation) ended(err error) {
	status := finished
	switch {
	case errors.Is(err, errTimeout):
		status = timedOut
	case errors.Is(err, errCanceled), errors.Is(err, errClosed), errors.Is(err, context.Canceled):
		status = canceled
	case err != nil:
		status = failed
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.status == pending || o.status == running {
		o.status = status
	}
}

// isOver reports whether the statement has ended and its rows were read, but for the last page.
func (o *operation) isOver() bool {
	select {
	case <-o.over:
		return true
	default:
		return false
	}
}

// statusNow is GET …/status.
func (o *operation) statusNow(*http.Request) (any, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return &restapi.SQLStatus{Status: o.status}, nil
}

// cancelled is POST …/cancel.
func (o *operation) cancelled(r *http.Request) (any, error) {
	o.stop(errCanceled)
	select {
	case <-o.started:
	case <-r.Context().Done():
	}
	o.ended(errCanceled)
	return o.statusNow(r)
}

// How long a request waits for rows, and after how many rows a page is full.
const (
	pageWait = 500 * time.Millisecond
	pageRows = 1000
)

// fetch is GET …/result/{token}.
func (o *operation) fetch(r *http.Request) (any, error) {
	format := r.URL.Query().Get("rowFormat")
	if format == "" {
		format = asJSON
	}
	if format != asJSON && format != asText {
		return nil, refusal{http.StatusBadRequest, fmt.Sprintf("rowFormat is %s or %s, not %q", asJSON, asText, format)}
	}
	token, err := strconv.Atoi(r.PathValue("token"))
	if err != nil {
		return nil, refusal{http.StatusBadRequest, fmt.Sprintf("the token of a result is a number, not %q", r.PathValue("token"))}
	}
	o.fetching.Lock()
	defer o.fetching.Unlock()
	wait, stop := context.WithTimeout(r.Context(), pageWait)
	defer stop()
	select {
	case <-o.started:
	case <-wait.Done():
		return &restapi.SQLPage{ResultType: restapi.SQLNotReady, NextResultURI: o.uri(token, format)}, nil
	}
	switch {
	case o.err != nil:
		return nil, o.err
	case o.last != nil && token == o.next-1:
		return o.last, nil
	case token != o.next:
		return nil, refusal{http.StatusInternalServerError, fmt.Sprintf("Expecting token to be %d, but found %d.", o.next, token)} // Flink's words
	}
	if o.encoder == nil || o.encoder.format != format {
		o.encoder = newEncoder(o.result, format)
	}
	rows, end, err := o.rows(wait)
	if err != nil {
		return nil, err
	}
	isQuery := o.result.IsQuery()
	page := &restapi.SQLPage{
		ResultType: restapi.SQLPayload, IsQueryResult: &isQuery, JobID: o.result.JobID(), ResultKind: "SUCCESS_WITH_CONTENT",
		Results: &restapi.SQLRows{Columns: o.encoder.columns, RowFormat: format, Data: rows},
	}
	if o.result.Schema == nil {
		page.ResultKind = "SUCCESS"
	}
	if end && len(rows) == 0 {
		page.ResultType = restapi.SQLEnd
	} else {
		page.NextResultURI = o.uri(token+1, format)
	}
	o.next, o.last = token+1, page
	return page, nil
}

// uri is where a page is asked for.
func (o *operation) uri(token int, format string) string {
	return fmt.Sprintf("/v4/sessions/%s/operations/%s/result/%d?rowFormat=%s", o.s.id, o.id, token, format)
}

// rows are those of the next page. At the end there are none.
func (o *operation) rows(wait context.Context) (rows []restapi.SQLRow, end bool, err error) {
	rows = []restapi.SQLRow{}
	if o.result.Schema == nil {
		if o.next == 0 {
			rows = append(rows, o.encoder.message(o.result.Message))
		}
		return rows, true, nil
	}
	for len(rows) < pageRows {
		var b batch
		var more bool
		if len(rows) == 0 {
			select {
			case b, more = <-o.batches:
			case <-wait.Done():
				return rows, false, nil
			}
		} else {
			select {
			case b, more = <-o.batches:
			default:
				return rows, false, nil
			}
		}
		switch {
		case !more:
			if err := context.Cause(o.ctx); err != nil && len(rows) == 0 && o.s.ctx.Err() == nil && !o.hasFinished() {
				return nil, false, err
			}
			return rows, true, nil
		case b.err != nil:
			o.stop(nil)
			return nil, false, b.err
		}
		rows = o.encoder.append(rows, b.Batch)
	}
	return rows, false, nil
}

func (o *operation) hasFinished() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.status == finished
}
