package connecttest

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/row"
)

// Rows is a source of columns as a source of records, so that it can be tested as one: text makes one of
// each row of a batch.
func Rows[T any](s connect.ColumnSource, text func(b *column.Batch) []T) connect.Source[T] {
	return &rowSource[T]{s, text}
}

type rowSource[T any] struct {
	connect.ColumnSource
	text func(b *column.Batch) []T
}

func (s *rowSource[T]) Reader(ctx connect.ReaderContext) (connect.Reader[T], error) {
	r, err := s.ColumnSource.Reader(ctx)
	if err != nil {
		return nil, err
	}
	return &rowReader[T]{r, s.Schema(), connect.NewColumnOutput(), s.text}, nil
}

type rowReader[T any] struct {
	connect.ColumnReader
	schema  *row.Schema
	columns *connect.ColumnOutput
	text    func(b *column.Batch) []T
}

func (r *rowReader[T]) Poll(out *connect.Output[T]) (connect.Status, error) {
	// One less where there can be: the last record may make two rows.
	b := batch.NewColumnPool(r.schema, max(1, out.Room()-1)).Get()
	defer b.Release()
	r.columns.Reset(b)
	status, err := r.ColumnReader.Poll(r.columns)
	split, finished := r.columns.Current()
	if b.N > 0 || finished {
		out.Split(split)
	}
	for _, record := range r.text(&b.Batch) {
		out.Emit(record)
	}
	if finished {
		out.Finished()
	}
	return status, err
}

// RowsSink is a sink of columns that commits in two phases as a sink of records: batch makes a batch of
// them.
func RowsSink[T any](s connect.ColumnSink, batch func(records []T) *column.Batch) connect.Sink[T] {
	if global, ok := s.(connect.GlobalTwoPhase); ok {
		return &globalRowSink[T]{rowSink[T]{sink: s, batch: batch}, global}
	}
	return &rowSink[T]{s, s.(connect.TwoPhase), batch}
}

// globalRowSink is a rowSink with one committer.
type globalRowSink[T any] struct {
	rowSink[T]
	connect.GlobalTwoPhase
}

type rowSink[T any] struct {
	sink connect.ColumnSink
	connect.TwoPhase
	batch func(records []T) *column.Batch
}

// SharesStates is that of the sink of columns.
func (s *rowSink[T]) SharesStates() bool {
	all, ok := s.sink.(connect.StateSharer)
	return ok && all.SharesStates()
}

func (s *rowSink[T]) Writer(ctx connect.WriterContext, states [][]byte) (connect.Writer[T], error) {
	w, err := s.sink.Writer(ctx, states)
	if err != nil {
		return nil, err
	}
	return &rowWriter[T]{w, w.(connect.Preparer), s.batch}, nil
}

type rowWriter[T any] struct {
	connect.ColumnWriter
	connect.Preparer
	batch func(records []T) *column.Batch
}

// Watermark is for the writer of columns.
func (w *rowWriter[T]) Watermark(millis int64) {
	if l, ok := w.ColumnWriter.(connect.WatermarkListener); ok {
		l.Watermark(millis)
	}
}

func (w *rowWriter[T]) Write(records []T, _ []int64) error {
	return w.ColumnWriter.Write(w.batch(records))
}
