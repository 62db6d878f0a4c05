package stream

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/columnar"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/row"
)

// Graph is the job's graph, to which operators on columns are added. Only package sql calls it.
func (e *Env) Graph() *graph.Graph { return e.graph }

// EnvOf is the Env that a stream is in.
func EnvOf[T any](s *Stream[T]) *Env { return s.env }

// ToColumns makes columns of records: f appends one with its event time in milliseconds to b. Only
// package sql calls it.
func ToColumns[T any](s *Stream[T], schema *row.Schema,
	f func(b *batch.Columns, v *T, millis int64) error,
) columnar.Stream {
	n := s.env.graph.Add("ToColumns")
	n.New = func() operator.Node { return ops.NewToColumns(f, schema) }
	n.OutSchema = row.RowOf(schema.Fields...).SQL()
	s.into(n, 0)
	return columnar.Stream{Node: n, Schema: schema}
}

// FromColumns makes records of columns: f makes one, with its event time in milliseconds, of the row at a
// place of b. Only package sql calls it.
func FromColumns[T any](env *Env, in columnar.Input,
	f func(b *column.Batch, place int) (v T, millis int64, err error),
) *Stream[T] {
	s := columnar.Add(env.graph, columnar.Node{
		Kind: "FromColumns", Inputs: []columnar.Input{in},
		New: func() operator.Node { return ops.NewFromColumns(f) },
	})
	return newStream[T](env, s.Node)
}
