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

// TwoPhase is a Sink that commits in two phases: writers prepare before a checkpoint, and what they
// prepared is committed when the checkpoint is complete.
type TwoPhase interface {
	// Committer makes the committer of a subtask.
	Committer(ctx WriterContext) (Committer, error)
}

// Committer makes prepared data visible.
type Committer interface {
	// Commit makes the committables visible. It may be called again with the same ones, after a
	// recovery, and must then succeed without writing twice.
	Commit(committables [][]byte) error
	// Close releases what the committer holds.
	Close() error
}
