package exchange

import (
	"fmt"
	"sync"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/spill"
)

// EdgeType knows the element type of an edge. Edge and ColumnEdge implement it.
type EdgeType interface {
	// NewWriter makes the producing end for one subtask.
	NewWriter(cfg WriterConfig) operator.Node
	// Inlet makes the consuming end: functions that push untyped batches, and bare watermarks,
	// into the receiver of an operator's input.
	Inlet(receiver any) (push func(batch.Any) bool, mark func(int64) bool, err error)
	// NewPartition makes the content of a channel of a blocking exchange.
	NewPartition(s *Spill) Partition
	// pieces is how batches lie in results of stages, and in partitions.
	pieces() pieceForm
	// NewOverflow makes the disk part of a feedback channel; nil for a type that is not spilled.
	NewOverflow(s *Spill) Overflow
	// Consumer is receiver with what an output needs to keep on disk what receiver has no room for.
	Consumer(receiver any, s *Spill) any
	// AppendBatch encodes a batch, of the edge's FlightType: in flight, or for another process. A type
	// without a codec has neither: Encodes reports it.
	AppendBatch(dst []byte, b batch.Any) []byte
	FlightType() operator.FlightType
	Encodes() bool
	// BatchReader returns the function that decodes a batch, which may have been encoded with another
	// type of records. It is for one goroutine.
	BatchReader(was operator.FlightType) (func(data []byte) (batch.Any, error), error)
	// Keep drops the rows of b that do not belong to a subtask. b has no marks and no other owner.
	Keep(b batch.Any, s Share)
	// Sorts reports whether keyed inputs are given one key at a time in batch mode.
	Sorts() bool
	// NewSorter makes the sorter of a keyed input in batch mode, for a type that Sorts.
	NewSorter(s *Spill) Sorter
}

// Edge is the EdgeType of records of type T.
type Edge[T any] struct {
	Part Partitioner[T]
	// Codec is needed by blocking exchanges, by unaligned barriers, and between processes.
	Codec *codec.Codec[T]

	once sync.Once
	pool *batch.Pool[T] // of decoded batches
}

// NewWriter makes a Writer.
func (e *Edge[T]) NewWriter(cfg WriterConfig) operator.Node {
	return NewWriter(e.Part, nil, cfg)
}

// NewPartition makes an empty partition.
func (e *Edge[T]) NewPartition(s *Spill) Partition {
	return &partition{spill: s, form: e.pieces()}
}

func (e *Edge[T]) pieces() pieceForm { return &rowPieces[T]{e.Codec, batch.NewPool[T](0)} }

// NewOverflow makes an empty overflow.
func (e *Edge[T]) NewOverflow(s *Spill) Overflow {
	if e.Codec == nil {
		return nil
	}
	return overflow[*batch.Rows[T]]{spill.NewStore(&s.Dir, e.Codec)}
}

// Consumer is receiver with a store behind it.
func (e *Edge[T]) Consumer(receiver any, s *Spill) any {
	r, ok := receiver.(batch.Receiver[T])
	if !ok || e.Codec == nil {
		return receiver // Output.Connect complains about the former
	}
	return operator.Consumer[*batch.Rows[T]]{
		Receiver: r, Store: spill.NewStore(&s.Dir, e.Codec), MemoryMax: s.overflowBudget(),
	}
}

// Sorts is true.
func (e *Edge[T]) Sorts() bool { return true }

// NewSorter makes an empty sorter.
func (e *Edge[T]) NewSorter(s *Spill) Sorter {
	return &sorter[T]{
		rows: spill.Sorter{Dir: &s.Dir, Budget: s.sortBudget()}, codec: e.Codec, part: e.Part, pool: batch.NewPool[T](0),
	}
}

// Inlet asserts the receiver's type.
func (e *Edge[T]) Inlet(receiver any) (func(batch.Any) bool, func(int64) bool, error) {
	r, ok := receiver.(batch.Receiver[T])
	if !ok {
		return nil, nil, fmt.Errorf("an edge of %T leads to an operator that takes %T",
			*new(T), receiver)
	}
	pool := batch.NewPool[T](1)
	push := func(b batch.Any) bool { return r.Push(b.(*batch.Rows[T])) }
	mark := func(t int64) bool {
		b := pool.Get()
		b.Mark(t)
		return r.Push(b)
	}
	return push, mark, nil
}
