// Package collect is a sink that keeps records in memory, for tests and small results.
//
// Data flow: writers add records to what they have not committed; the committer moves them to the
// results when the checkpoint they belong to is complete, or at the end of the job.
package collect

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/flott-dev/flott/connect"
)

// Sink keeps the records of all subtasks. One Sink belongs to one job and the runs restored from
// its snapshots: a record appears once, however often the job is restored.
type Sink[T any] struct {
	mu struct {
		sync.Mutex
		prepared  map[uint64][]T // by committable, until committed
		next      uint64
		committed []T
		seen      []T // records of all writers, committed or not
	}
}

// To returns a sink without records.
func To[T any]() *Sink[T] { return &Sink[T]{} }

// Results are the committed records. Those of one subtask are in order.
func (s *Sink[T]) Results() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mu.committed)
}

// Seen are all records written so far, whether committed or not: what a reader sees that does not
// wait for checkpoints.
func (s *Sink[T]) Seen() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mu.seen)
}

// Writer makes the writer of a subtask.
func (s *Sink[T]) Writer(connect.WriterContext, [][]byte) (connect.Writer[T], error) {
	return &writer[T]{sink: s}, nil
}

// Committer makes the committer of a subtask.
func (s *Sink[T]) Committer(connect.WriterContext) (connect.Committer, error) {
	return &committer[T]{s}, nil
}

type writer[T any] struct {
	sink *Sink[T]
	open []T
}

func (w *writer[T]) Write(records []T, _ []int64) error {
	w.open = append(w.open, records...)
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	w.sink.mu.seen = append(w.sink.mu.seen, records...)
	return nil
}

func (w *writer[T]) Flush(bool) error { return nil }

// Prepare puts the open records aside under a number, which is the committable.
func (w *writer[T]) Prepare(int64) ([][]byte, error) {
	if len(w.open) == 0 {
		return nil, nil
	}
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	if w.sink.mu.prepared == nil {
		w.sink.mu.prepared = map[uint64][]T{}
	}
	w.sink.mu.next++
	id := w.sink.mu.next
	w.sink.mu.prepared[id] = w.open
	w.open = nil
	return [][]byte{binary.AppendUvarint(nil, id)}, nil
}

func (w *writer[T]) Snapshot() ([]byte, error) { return nil, nil }

func (w *writer[T]) Close() error { return nil }

type committer[T any] struct{ sink *Sink[T] }

// Commit moves prepared records to the results; those committed before are not prepared any more.
func (c *committer[T]) Commit(committables [][]byte) error {
	c.sink.mu.Lock()
	defer c.sink.mu.Unlock()
	for _, b := range committables {
		id, n := binary.Uvarint(b)
		if n <= 0 {
			return fmt.Errorf("a committable of the collecting sink is broken: % x", b)
		}
		c.sink.mu.committed = append(c.sink.mu.committed, c.sink.mu.prepared[id]...)
		delete(c.sink.mu.prepared, id)
	}
	return nil
}

func (c *committer[T]) Close() error { return nil }
