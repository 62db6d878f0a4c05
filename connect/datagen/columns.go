package datagen

import (
	"errors"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
)

// FillColumns appends the values of the records first, first+step, …, n of them, to all columns.
type FillColumns func(first, step int64, n int, cols []*column.Vector)

// Columns is Batches for rows in columns of a schema. make is called for each reader and its function by
// one goroutine.
func Columns(schema *row.Schema, make func(ctx connect.ReaderContext) (FillColumns, error), o Options) connect.ColumnSource {
	return &columnSource{numbers{o}, schema, make}
}

type columnSource struct {
	numbers
	schema *row.Schema
	make   func(ctx connect.ReaderContext) (FillColumns, error)
}

func (s *columnSource) Schema() *row.Schema { return s.schema }

// Reader makes the rows of its splits.
func (s *columnSource) Reader(ctx connect.ReaderContext) (connect.ColumnReader, error) {
	fill, err := s.make(ctx)
	if err = errors.Join(err, s.o.validate()); err != nil {
		return nil, err
	}
	return &columnReader{schedule: newSchedule(ctx, s.o), fill: fill}, nil
}

type columnReader struct {
	schedule
	fill FillColumns
}

// Poll makes rows of one split.
//
//flott:hot
func (r *columnReader) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	s, n := r.pick(out.Room())
	if s == nil {
		return r.idle(), nil
	}
	if n > 0 {
		out.Split(s.id)
		r.fill(s.next, s.step, n, out.Batch.Cols)
		out.Batch.N += n
	}
	id := s.id
	status, finished := r.advance(s, n)
	if finished {
		out.Split(id)
		out.Finished()
	}
	return status, nil
}
