package sql

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/columnar"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/gotype"
	"github.com/flott-dev/flott/sql/internal/parse"
	"github.com/flott-dev/flott/sql/internal/physical"
	"github.com/flott-dev/flott/stream"

	"github.com/flott-dev/flott/sql/internal/ast"
)

// streamTable is a table whose rows are the records of a stream.
type streamTable struct {
	env  *stream.Env
	make func(reads []int) columnar.Stream
}

// StreamOption says more of a table that is made of a stream.
type StreamOption func(t *streamSpec)

type streamSpec struct {
	rowtime string
}

// Rowtime adds a column with the records' event time, as TIMESTAMP_LTZ(3), which is the table's time attribute: its
// watermarks are those of the stream.
func Rowtime(column string) StreamOption { return func(t *streamSpec) { t.rowtime = column } }

// FromStream makes a temporary table of a stream's records: T is a struct whose fields are the columns, or one value.
// Statements of the session that read it are built into the stream's Env: see ToStream.
func FromStream[T any](s *Session, name string, st *stream.Stream[T], options ...StreamOption) error {
	var spec streamSpec
	for _, o := range options {
		o(&spec)
	}
	t := reflect.TypeFor[T]()
	cols, err := resultColumns(t, nil)
	if err != nil {
		return fmt.Errorf("sql.FromStream(%q): %w", name, err)
	}
	write, err := gotype.NewRowWriter(t)
	if err != nil {
		return fmt.Errorf("sql.FromStream(%q): %w", name, err)
	}
	own := len(cols)
	if spec.rowtime != "" {
		at := row.TimestampLTZOf(3).Nullable(false)
		at.Attribute = row.Rowtime
		cols = append(cols, row.Field{Name: spec.rowtime, Type: at})
	}
	schema := plainSchema(cols)
	table := &catalog.Table{Temporary: true, Options: map[string]string{}}
	for _, c := range cols {
		table.Columns = append(table.Columns, catalog.Column{Name: c.Name, Type: c.Type})
	}
	if spec.rowtime != "" {
		table.Watermark = &catalog.Watermark{Column: spec.rowtime}
	}
	table.Rows = &streamTable{env: stream.EnvOf(st), make: func(reads []int) columnar.Stream {
		all := stream.ToColumns(st, schema, func(b *batch.Columns, v *T, millis int64) error {
			write(reflect.ValueOf(v).Elem(), b.Cols[:own])
			if own < len(cols) {
				b.Cols[own].AppendTimestamp(millis*1000, 0)
			}
			b.Add(row.Insert)
			return nil
		})
		return all
	}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if table.Path, err = s.catalog.Resolve([]string{name}); err != nil {
		return err
	}
	return s.catalog.Put(context.Background(), table, true) // a temporary table is in no file
}

// ToStream plans a query and gives its rows as a stream in an Env, in which the streams are that its tables are made of.
// T is a struct, by the names of its fields, or one value. The event time of a record is the query's time attribute,
// where it has one. A query that changes rows is refused: see ToChangelog.
func ToStream[T any](s *Session, env *stream.Env, text string) (*stream.Stream[T], error) {
	return toStream(s, env, text, row.InsertOnly, func(_ row.ChangeKind, v T) T { return v })
}

// Change is a row with what happens to it.
type Change[T any] struct {
	Kind row.ChangeKind
	Row  T
}

// ToChangelog is ToStream for any query: its records are the changes of the result.
func ToChangelog[T any](s *Session, env *stream.Env, text string) (*stream.Stream[Change[T]], error) {
	return toStream(s, env, text, 0xf, func(k row.ChangeKind, v T) Change[T] { return Change[T]{k, v} })
}

func toStream[T, O any](s *Session, env *stream.Env, text string, takes row.ChangeKinds, make func(row.ChangeKind, T) O) (*stream.Stream[O], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := parse.Statement(text)
	if err != nil {
		return nil, errorOf(text, err)
	}
	q, ok := x.(*ast.QueryStmt)
	if !ok {
		return nil, errorOf(text, &bind.Error{Span: x.Extent(), Msg: "this is no query"})
	}
	s.catalog.Refresh(context.Background())
	c, err := s.configuration()
	if err != nil {
		return nil, errorOf(text, err)
	}
	r, bound, err := s.planQuery(c, q.Query)
	if err != nil {
		return nil, errorOf(text, err)
	}
	cols := bound.Columns()
	if r.Kinds&^takes != 0 {
		return nil, errorOf(text, &bind.Error{Span: x.Extent(), Msg: "the query changes rows that it has given", Hint: "sql.ToChangelog gives changes"})
	}
	t := reflect.TypeFor[T]()
	read, err := gotype.NewRowReader(t, cols)
	if err != nil {
		return nil, errorOf(text, &bind.Error{Span: x.Extent(), Msg: err.Error()})
	}
	rowtime := -1
	for i, f := range cols {
		if f.Type.Attribute == row.Rowtime {
			rowtime = i
		}
	}
	b, err := s.newBuilder(c, env)
	if err != nil {
		return nil, errorOf(text, err)
	}
	from, err := b.relation(r.Ins[0])
	if err != nil {
		return nil, errorOf(text, err)
	}
	in := columnar.Input{From: from}
	if r.Dist[0].Kind == physical.Singleton {
		in.Strategy = graph.Global
	}
	return stream.FromColumns(env, in, func(b *column.Batch, place int) (v O, millis int64, err error) {
		var x T
		if err := read(b.Cols, place, reflect.ValueOf(&x).Elem()); err != nil {
			return v, 0, err
		}
		millis = batch.NoTime
		if rowtime >= 0 && !b.Cols[rowtime].IsNull(place) {
			millis = time.UnixMicro(b.Cols[rowtime].I64[place]).UnixMilli()
		}
		return make(b.Kind(place), x), millis, nil
	}), nil
}
