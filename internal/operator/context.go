package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/spill"
	"github.com/flott-dev/flott/metric"
)

// Context is what one subtask of an operator knows of its place in the job and may ask of its task.
type Context struct {
	Job            string
	Operator       string // the operator's name
	UID            string
	Subtask        int // from 0
	Parallelism    int
	MaxParallelism int
	Attempt        int
	Batch          bool // the job runs in batch mode
	Loop           int  // the loop that the operator is in, as its control elements name it; 0: none
	Params         map[string]string
	Metrics        *metric.Group
	Log            *slog.Logger // for lines about the subtask; nil is slog.Default
	Clock          clock.Clock

	// Cancelled is done when the job is to stop: user code that waits should watch it.
	Cancelled context.Context
	// Restored is the state to start from, nil for a fresh start.
	Restored *State
	// AllowNonRestored lets restored state be dropped that the operator does not take up.
	AllowNonRestored bool

	// BatchRows is the number of rows of a source's batches; 0 takes the default.
	BatchRows int
	// Alignment is the watermark alignment groups of the job.
	Alignment *AlignmentGroups
	// Hold, when it is not nil, is asked by sources before each poll whether to wait, and Read is called
	// after each batch: hooks of tests, which count the batches and stop the sources at one of them.
	Hold func() bool
	Read func()

	// Listeners hear of the end of checkpoints, as a Node does that is a CheckpointListener. A savepoint
	// is told to nodes only, since it belongs to whoever asked for it.
	Listeners []CheckpointListener

	// Temp is the job's temporary directory, for what an operator has no room for in memory.
	Temp *spill.Dir
	// Cold makes the disk behind a keyed state, nil for state in memory: see Between and OnClose.
	Cold func() Cold
	// Native says that checkpoints are: then nobody asks what has changed since the last one.
	Native bool

	between []func()
	onClose []func() error

	// Mail runs f on the subtask's goroutine, soon. It is the only method that other goroutines
	// may call.
	Mail func(f func())
	// WakeAt asks for a ProcessingTime call at a time in milliseconds.
	WakeAt func(millis int64)
	// WakeAtTime is WakeAt with the clock's full precision.
	WakeAtTime func(t time.Time)
	// Go runs work that may block, somewhere else; nil leaves it to the operator's own goroutines.
	Go func(work func())
	// Send passes a control element down the chain from here, after what was emitted so far.
	Send func(c Control)
	// Coordinator sends a message to the operator's coordinator; nil when it has none.
	Coordinator func(msg any)
}

// Logger is for lines about the subtask.
func (c *Context) Logger() *slog.Logger {
	if c.Log == nil {
		return slog.Default()
	}
	return c.Log
}

// Listen adds a listener.
func (c *Context) Listen(l CheckpointListener) { c.Listeners = append(c.Listeners, l) }

// Between has f called between batches, when no operator of the subtask is in the middle of anything.
func (c *Context) Between(f func()) { c.between = append(c.between, f) }

// OnClose has f called after the operator was closed, or its opening has failed.
func (c *Context) OnClose(f func() error) { c.onClose = append(c.onClose, f) }

// RunBetween calls what Between was given. Only a task does.
func (c *Context) RunBetween() {
	for _, f := range c.between {
		f()
	}
}

// Close calls what OnClose was given. Only a task does.
func (c *Context) Close() error {
	var errs []error
	for _, f := range c.onClose {
		errs = append(errs, f())
	}
	c.onClose = nil
	return errors.Join(errs...)
}

// NowMillis is the processing time.
func (c *Context) NowMillis() int64 { return c.Clock.Now().UnixMilli() }

// KeyGroups is the range of key groups [first, last] that the subtask owns.
func (c *Context) KeyGroups() (first, last int) {
	return KeyGroupRange(c.MaxParallelism, c.Parallelism, c.Subtask)
}

// KeyGroupRange is the range of key groups [first, last] that a subtask owns.
func KeyGroupRange(maxParallelism, parallelism, subtask int) (first, last int) {
	first = (subtask*maxParallelism + parallelism - 1) / parallelism
	last = ((subtask+1)*maxParallelism - 1) / parallelism
	return first, last
}

// SubtaskOf is the subtask that owns a key group.
func SubtaskOf(keyGroup, maxParallelism, parallelism int) int {
	return keyGroup * parallelism / maxParallelism
}

// Error is the failure of an operator: what every error of a user's function becomes.
type Error struct {
	Operator    string
	Subtask     int
	Parallelism int
	Record      string // a short rendering of the record, "" when there is none
	Stack       string // of a panic, else ""
	Err         error
}

// Error names the operator, the subtask, the cause and the record.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "operator %q (subtask %d of %d): %v", e.Operator, e.Subtask+1, e.Parallelism, e.Err)
	if e.Record != "" {
		fmt.Fprintf(&b, "\n  record: %s", e.Record)
	}
	if e.Stack != "" {
		fmt.Fprintf(&b, "\n  stack:\n%s", e.Stack)
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Fail stops the task with err, which happened at record (nil for none). It does not return.
func (c *Context) Fail(err error, record any) {
	panic(c.NewError(err, record))
}

// NewError is err with the operator's identity and the record at which it happened.
func (c *Context) NewError(err error, record any) *Error {
	return &Error{
		Operator: c.Operator, Subtask: c.Subtask, Parallelism: c.Parallelism,
		Record: Render(record), Err: err,
	}
}

// renderMax is how much of a record an error shows.
const renderMax = 200

// Render is a short text of a record.
func Render(record any) (text string) {
	if record == nil {
		return ""
	}
	defer func() {
		if recover() != nil { // a String method of the user's panicked
			text = fmt.Sprintf("%T (its String method panics)", record)
		}
	}()
	if s, ok := record.(string); ok {
		text = fmt.Sprintf("%.*q", renderMax, s)
	} else {
		text = fmt.Sprintf("%+v", record)
	}
	if r := []rune(text); len(r) > renderMax {
		text = string(r[:renderMax]) + "…"
	}
	return text
}
