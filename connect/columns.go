package connect

import (
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/row"
)

// ColumnSource is a Source of rows in columns: what SQL reads from.
type ColumnSource interface {
	// Schema is the columns that the source fills.
	Schema() *row.Schema
	// Bounded and Enumerator are those of Source.
	Bounded() bool
	Enumerator(ctx EnumeratorContext, state []byte) (Enumerator, error)
	// Reader makes the reader of a subtask.
	Reader(ctx ReaderContext) (ColumnReader, error)
}

// ColumnReader is a Reader of rows in columns. It may implement Pauser, CheckpointListener and Backlogged.
type ColumnReader interface {
	// Assign, NoMoreSplits, Snapshot and Close are those of Reader.
	Assign(splits []Split) error
	NoMoreSplits()
	Snapshot() ([]Split, error)
	Close() error
	// Poll adds rows of one split to out, at most out.Room() of them, and does not wait for more.
	Poll(out *ColumnOutput) (Status, error)
}

// ColumnOutput takes the rows of one poll. They belong to one split.
type ColumnOutput struct {
	// Batch is where the rows go: values are appended to all of its columns, and then N is set, and
	// Kinds unless all rows are inserts; or Add is called after each row. Memory of the batch belongs to
	// the engine.
	Batch *column.Batch

	cols  *batch.Columns
	split string
	done  bool
}

// NewColumnOutput returns an output that fills batches. The engine calls it, and tests of readers do.
func NewColumnOutput() *ColumnOutput { return &ColumnOutput{} }

// Split names the split of the rows that follow. It must be called before the first row, and cannot be
// changed after it.
func (o *ColumnOutput) Split(id string) {
	if o.Batch.N > 0 && id != o.split {
		panic(fmt.Sprintf("connect: a reader mixes rows of the splits %q and %q in one poll", o.split, id))
	}
	o.split = id
}

// Finished tells that the split that was named is read to its end.
func (o *ColumnOutput) Finished() { o.done = true }

// Add ends a row whose values were appended to all columns.
func (o *ColumnOutput) Add(kind row.ChangeKind) { o.cols.Add(kind) }

// Room is how many more rows fit. It is 0 also for few rows with much in them.
func (o *ColumnOutput) Room() int {
	if o.cols.Full() {
		return 0
	}
	return o.cols.Room()
}

// Reset makes the output fill a batch. Only the engine calls it.
func (o *ColumnOutput) Reset(b *batch.Columns) {
	o.Batch, o.cols, o.split, o.done = &b.Batch, b, "", false
}

// Current is the split that was named and whether it is finished. Only the engine calls it.
func (o *ColumnOutput) Current() (split string, finished bool) { return o.split, o.done }

// ColumnSink is a Sink of rows in columns: what SQL writes to. It may implement TwoPhase or GlobalTwoPhase.
type ColumnSink interface {
	// Writer makes the writer of a subtask, as Sink.Writer does.
	Writer(ctx WriterContext, states [][]byte) (ColumnWriter, error)
}

// ColumnWriter is a Writer of rows in columns. It may implement Preparer, Ticker and WatermarkListener.
type ColumnWriter interface {
	// Write writes the rows of b that count, with their kinds. b and its memory are valid during the
	// call only, and are not changed.
	Write(b *column.Batch) error
	// Flush, Snapshot and Close are those of Writer.
	Flush(endOfInput bool) error
	Snapshot() ([]byte, error)
	Close() error
}
