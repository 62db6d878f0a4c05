package jdbc

import (
	"fmt"
	"time"

	"github.com/flott-dev/flott/connect"
)

// Row is what is written of a value.
type Row struct {
	// Values are those of the columns, or of the parameters of the statement.
	Values []any
	// Delete deletes the row of the key instead, of a sink with one. Of Values only those of the key matter then.
	Delete bool
}

// Sink writes a table, or runs a statement for each value. encode fills a row, which comes empty, with what is written of a value; several
// goroutines call it. All values are written when a checkpoint is complete; after a failure some are written again, which with a key
// changes nothing.
func Sink[T any](o SinkOptions, encode func(r *Row, v T) error) connect.Sink[T] {
	s := &sink[T]{encode: encode}
	s.o, s.err = o.withDefaults()
	return s
}

type sink[T any] struct {
	o      SinkOptions
	encode func(*Row, T) error
	err    error // of the options
}

func (s *sink[T]) Writer(ctx connect.WriterContext, _ [][]byte) (connect.Writer[T], error) {
	if s.err != nil {
		return nil, s.err
	}
	l, err := newLink(&s.o.Connection)
	if err != nil {
		return nil, err
	}
	w := &writer[T]{ctx: ctx, s: s, link: l}
	if s.o.Statement != "" {
		w.put.text = s.o.Statement
		return w, nil
	}
	err = l.do(ctx.Context, s.o.MaxRetries, func(session session) (err error) {
		w.put, w.remove, err = session.statements(ctx.Context, &s.o)
		return err
	})
	if err != nil {
		l.close()
		return nil, err
	}
	return w, nil
}

// writer collects calls of statements. They are run in the order in which they came.
type writer[T any] struct {
	ctx         connect.WriterContext
	s           *sink[T]
	link        *link
	put, remove statement
	calls       []call
}

// Write collects what becomes of records.
func (w *writer[T]) Write(records []T, _ []int64) error {
	if len(w.calls) == 0 && len(records) > 0 && w.s.o.Interval > 0 {
		w.ctx.WakeAt(w.ctx.Now().Add(w.s.o.Interval))
	}
	for _, v := range records {
		var r Row
		if err := w.s.encode(&r, v); err != nil {
			return err
		}
		c, err := w.call(&r)
		if err != nil {
			return err
		}
		w.calls = append(w.calls, c)
	}
	if len(w.calls) >= w.s.o.MaxRows {
		return w.Flush(false)
	}
	return nil
}

// call is the statement of a row.
func (w *writer[T]) call(r *Row) (call, error) {
	o := &w.s.o
	switch {
	case r.Delete && len(o.Key) == 0:
		return call{}, fmt.Errorf("jdbc: a row is deleted, and SinkOptions.Key does not say by which columns")
	case o.Statement == "" && len(r.Values) != len(o.Columns):
		return call{}, fmt.Errorf("jdbc: a row has %d values for %d columns", len(r.Values), len(o.Columns))
	case !r.Delete:
		return call{w.put.text, r.Values}, nil
	}
	args := make([]any, len(w.remove.places))
	for i, p := range w.remove.places {
		args[i] = r.Values[p]
	}
	return call{w.remove.text, args}, nil
}

// Tick writes what was collected for long enough.
func (w *writer[T]) Tick(time.Time) error { return w.Flush(false) }

// Flush writes what was collected.
func (w *writer[T]) Flush(bool) error {
	if len(w.calls) == 0 {
		return nil
	}
	err := w.link.do(w.ctx.Context, w.s.o.MaxRetries, func(s session) error { return s.run(w.ctx.Context, w.calls) })
	clear(w.calls)
	w.calls = w.calls[:0]
	return err
}

// Snapshot has no state: all is written.
func (w *writer[T]) Snapshot() ([]byte, error) { return nil, nil }

// Close disconnects.
func (w *writer[T]) Close() error {
	w.link.close()
	return nil
}
