package connect

import (
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// ColumnSource is a Source whose readers fill columns.
type ColumnSource interface {
	// Schema is the columns that the source fills.
	Schema() *row.Schema
	// Bounded reports whether the input ends by itself.
	Bounded() bool
	// Enumerator is as that of a Source.
	Enumerator(ctx EnumeratorContext, state []byte) (Enumerator, error)
	// Reader makes the reader of a subtask.
	Reader(ctx ReaderContext) (ColumnReader, error)
}

// ColumnReader is a Reader that fills columns.
type ColumnReader interface {
	Assign(splits []Split) error
	NoMoreSplits()
	// Poll adds rows of one split to out, at most out.Room() of them, and does not wait for more.
	Poll(out *ColumnOutput) (Status, error)
	Snapshot() ([]Split, error)
	Close() error
}

// ColumnOutput takes the rows of one poll. They belong to one split.
type ColumnOutput struct {
	// Batch is where the reader appends rows. A reader of inserts only leaves Kinds nil.
	Batch *column.Batch
	rows  int
	split string
	done  bool
}

// Reset makes the output fill a batch with up to a number of rows. Only the engine calls it.
func (o *ColumnOutput) Reset(b *column.Batch, rows int) { *o = ColumnOutput{Batch: b, rows: rows} }

// Split names the split of the rows that follow. It must be called before the first row, and cannot
// be changed after it.
func (o *ColumnOutput) Split(id string) {
	if o.Batch.N > 0 && id != o.split {
		panic(fmt.Sprintf("connect: a reader mixes rows of the splits %q and %q in one poll", o.split, id))
	}
	o.split = id
}

// Finished tells that the split that was named is read to its end.
func (o *ColumnOutput) Finished() { o.done = true }

// Room is how many more rows fit. A record that makes several may go beyond it.
func (o *ColumnOutput) Room() int { return max(0, o.rows-o.Batch.N) }

// Current is the split that was named and whether it is finished. Only the engine calls it.
func (o *ColumnOutput) Current() (split string, finished bool) { return o.split, o.done }

// ColumnSink makes the writers of a sink of columns. It may implement TwoPhase.
type ColumnSink interface {
	// Writer is as that of a Sink.
	Writer(ctx WriterContext, states [][]byte) (ColumnWriter, error)
}

// ColumnWriter is a Writer of columns. It may implement Preparer and Ticker.
type ColumnWriter interface {
	// Write writes the rows that count. The batch is valid during the call only.
	Write(b *column.Batch) error
	Flush(endOfInput bool) error
	Snapshot() ([]byte, error)
	Close() error
}
