// Package connect is the contract between Flott and the systems it reads from and writes to.
//
// A Source cuts its input into splits. An Enumerator, one for each job, finds the splits and
// assigns them to readers; a Reader, one for each subtask, turns splits into records. A Sink has a
// Writer for each subtask; a sink that commits in two phases also has a Committer.
//
// ColumnSource, ColumnReader, ColumnSink and ColumnWriter are the same for rows in columns, which SQL reads
// and writes.
//
// # Optional abilities
//
// A Reader may implement Pauser (to read splits of different event time in step) and CheckpointListener (to
// tell its system how far it has read). An Enumerator may implement Attacher (to give splits to readers that do
// not ask). Both may implement Backlogged (for metrics and the autoscaler). A Writer may
// implement Preparer together with a Sink that implements TwoPhase or GlobalTwoPhase, Ticker (to work at processing
// times) and WatermarkListener (to know the event time).
//
// Data flow: the source operator polls a Reader, which fills an Output; the sink operator hands
// batches to a Writer and, when a checkpoint is complete, committables to a Committer.
package connect

import (
	"context"
	"time"

	"github.com/flott-dev/flott/metric"
)

// Split is a part of a source's input: a file or a range of it, a partition, a range of numbers.
type Split struct {
	// ID is unique within the source.
	ID string
	// Data describes the split and the position in it. Only the source understands it.
	Data []byte
}

// Source makes the parts of a source of T.
type Source[T any] interface {
	// Bounded reports whether the input ends by itself.
	Bounded() bool
	// Enumerator makes the enumerator of a job. state is what Snapshot returned, nil at first.
	Enumerator(ctx EnumeratorContext, state []byte) (Enumerator, error)
	// Reader makes the reader of a subtask.
	Reader(ctx ReaderContext) (Reader[T], error)
}

// EnumeratorContext is what an Enumerator may ask of its job.
type EnumeratorContext interface {
	// Context is done when the job ends.
	Context() context.Context
	// Parallelism is the number of readers.
	Parallelism() int
	// Assign gives splits to a reader.
	Assign(subtask int, splits ...Split)
	// NoMoreSplits tells a reader that it will get no more.
	NoMoreSplits(subtask int)
	// Go runs work, which may block, on a goroutine and then done with its error on the
	// enumerator's. It is the way to list directories and ask servers.
	Go(work func(ctx context.Context) error, done func(error))
	// After runs f on the enumerator's goroutine once d has passed.
	After(d time.Duration, f func())
	// Fail fails the job.
	Fail(err error)
}

// Enumerator assigns splits. Its methods and the callbacks of its context are called on one
// goroutine; none may block.
type Enumerator interface {
	// Request tells that the reader has nothing (more) to read. It is answered now or later by
	// Assign or NoMoreSplits.
	Request(subtask int)
	// Back returns splits that were assigned to a reader that failed.
	Back(subtask int, splits []Split)
	// Snapshot encodes what is not assigned yet.
	Snapshot() ([]byte, error)
	// Close releases what the enumerator holds.
	Close() error
}

// Attacher is an Enumerator that gives splits to readers which do not ask for them, since theirs never end.
type Attacher interface {
	// Attached tells that a reader has begun, at first or again. What Assign gave to a reader that did not run has come
	// back by Back before.
	Attached(subtask int)
}

// ReaderContext is what a Reader knows of its subtask and may ask of it.
type ReaderContext struct {
	// Context is done when the job ends.
	Context     context.Context
	Subtask     int // from 0
	Parallelism int
	Metrics     *metric.Group
	// Now is the processing time.
	Now func() time.Time
	// Wake has the reader polled again after it reported Waiting. Any goroutine may call it.
	Wake func()
	// WakeAt has the reader polled at a time.
	WakeAt func(t time.Time)
	// Request asks the enumerator for a split.
	Request func()
}

// Status is what a Reader reports.
type Status uint8

// The results of Poll.
const (
	// More means that the reader has, or may have, more to read now.
	More Status = iota
	// Waiting means that there is nothing now and that Wake or WakeAt was or will be called.
	Waiting
	// Ended means that all splits are read and no more will come.
	Ended
)

// Reader reads the splits of one subtask. Its methods are called on one goroutine. A reader asks
// for its first split by Request when it has none; the engine does so at the start.
type Reader[T any] interface {
	// Assign adds splits, also those restored from a snapshot.
	Assign(splits []Split) error
	// NoMoreSplits tells that the reader will get no more.
	NoMoreSplits()
	// Poll adds records of one split to out, at most out.Room() of them, and does not wait for
	// more. A reader whose library blocks reads ahead on a goroutine of its own.
	Poll(out *Output[T]) (Status, error)
	// Snapshot returns the splits that are not finished, each at its position: after the records
	// of the last Poll.
	Snapshot() ([]Split, error)
	// Close releases what the reader holds.
	Close() error
}

// CheckpointListener is a Reader that is told when its positions are in a complete checkpoint.
type CheckpointListener interface {
	// Snapshotted tells the number of the checkpoint for which Snapshot was called just before. The job's successful end is a
	// checkpoint as well.
	Snapshotted(checkpoint int64)
	// Completed tells that the checkpoint is complete, and with it those before. It must not block.
	Completed(checkpoint int64)
}

// Pauser is a Reader that can stop reading single splits for a while.
type Pauser interface {
	// Pause stops reading the splits named in stop and goes on with those in goOn.
	Pause(stop, goOn []string)
}
