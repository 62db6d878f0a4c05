package connect

import (
	"context"
	"time"

	"github.com/flott-dev/flott/metric"
)

// WriterContext is what a Writer knows of its subtask.
type WriterContext struct {
	// Context is done when the job ends.
	Context     context.Context
	Job         string
	UID         string // of the sink's operator
	Subtask     int    // from 0
	Parallelism int
	Attempt     int
	Metrics     *metric.Group
	// Now is the processing time.
	Now func() time.Time
	// WakeAt has Tick called at a time, for a Writer that implements Ticker.
	WakeAt func(t time.Time)
}

// Sink makes the writers of a sink of T.
type Sink[T any] interface {
	// Writer makes the writer of a subtask. states holds what writers saved by Snapshot before,
	// one item for each saved writer that now falls to this subtask; nil at first.
	Writer(ctx WriterContext, states [][]byte) (Writer[T], error)
}

// StateSharer is a Sink whose writers get what all writers have saved, where others get the part that falls to
// them: when they must know of each other.
type StateSharer interface {
	// SharesStates reports whether it is so.
	SharesStates() bool
}

// Writer writes the records of one subtask. Its methods are called on one goroutine.
type Writer[T any] interface {
	// Write writes records. times holds their event times in milliseconds. The slices and what
	// they point to are valid during the call only, except for strings and slices inside records.
	Write(records []T, times []int64) error
	// Flush makes everything written so far durable, or, for two-phase sinks, ready to be
	// prepared. It is called before each checkpoint and at the end of the input.
	Flush(endOfInput bool) error
	// Snapshot returns the writer's state, nil for none.
	Snapshot() ([]byte, error)
	// Close releases what the writer holds; what was not committed is given up.
	Close() error
}

// Ticker is a Writer that works at processing times: see WriterContext.WakeAt.
type Ticker interface {
	Tick(now time.Time) error
}

// Preparer is a Writer of a two-phase sink.
type Preparer interface {
	// Prepare ends the current transaction and returns its committables: what the Committer needs
	// to make it visible. It is called after Flush.
	Prepare(checkpoint int64) ([][]byte, error)
}

// WatermarkListener is a Writer that is told the event time.
type WatermarkListener interface {
	// Watermark tells that the input has come to a time, in milliseconds: what is written from now on and has an earlier
	// one is late.
	Watermark(millis int64)
}

// TwoPhase is a Sink that commits in two phases: writers prepare before a checkpoint, and what they
// prepared is committed when the checkpoint is complete.
type TwoPhase interface {
	// Committer makes the committer of a subtask.
	Committer(ctx WriterContext) (Committer, error)
}

// GlobalTwoPhase is a Sink that commits in two phases by one GlobalCommitter for all subtasks, in place of a
// Committer for each: where something is to happen when the output of all of them is visible.
type GlobalTwoPhase interface {
	// GlobalCommitter makes the committer. state is what its Snapshot returned, nil at first.
	GlobalCommitter(ctx WriterContext, state []byte) (GlobalCommitter, error)
}

// GlobalCommitter makes visible what all writers have prepared. Its methods are called on one goroutine.
type GlobalCommitter interface {
	// Commit is called once for each checkpoint when it, or a later one, is complete, in their order, and at the end of
	// the job. It may be called again with what is not in a snapshot yet, after a recovery: each time with the same
	// Prepared, and must then succeed without writing twice.
	Commit(p *Prepared) error
	// Snapshot returns what Commit has to know later, nil for nothing.
	Snapshot() ([]byte, error)
	// Close releases what the committer holds.
	Close() error
}

// Prepared is what all writers have prepared for one checkpoint, and nothing of any other.
type Prepared struct {
	Committables [][]byte // in no particular order between writers
	// Watermark is the event time in milliseconds that all writers had come to, math.MinInt64 for none.
	Watermark int64
	// End says that the input of all writers has ended: this is the last Prepared.
	End bool
}

// Committer makes prepared data visible.
type Committer interface {
	// Commit makes the committables visible. It may be called again with the same ones, after a
	// recovery, and must then succeed without writing twice.
	Commit(committables [][]byte) error
	// Close releases what the committer holds.
	Close() error
}
