// Package discard is a sink that drops records and counts them, for measurements.
//
// Data flow: writers count what they are given and drop it.
package discard

import (
	"sync/atomic"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/metric"
)

// Sink drops records.
type Sink[T any] struct{ count atomic.Int64 }

// To returns a sink that has counted nothing.
func To[T any]() *Sink[T] { return &Sink[T]{} }

// Count is how many records all subtasks of this process have dropped so far, those that were
// processed again after a recovery each time.
func (s *Sink[T]) Count() int64 { return s.count.Load() }

// Writer makes the writer of a subtask.
func (s *Sink[T]) Writer(ctx connect.WriterContext, _ [][]byte) (connect.Writer[T], error) {
	return &writer[T]{sink: s, dropped: ctx.Metrics.Counter("numRecordsDropped")}, nil
}

type writer[T any] struct {
	sink    *Sink[T]
	dropped *metric.Counter
}

func (w *writer[T]) Write(records []T, _ []int64) error {
	n := int64(len(records))
	w.sink.count.Add(n)
	w.dropped.Add(n)
	return nil
}

func (w *writer[T]) Flush(bool) error { return nil }

func (w *writer[T]) Snapshot() ([]byte, error) { return nil, nil }

func (w *writer[T]) Close() error { return nil }
