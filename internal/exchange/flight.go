package exchange

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/spill"
)

// Origin is the producing end of a channel, as snapshots name it, with the type of its records.
type Origin struct {
	From     string // uid of the operator
	Producer int    // its subtask
	Edge     EdgeType
}

// Flight is the batches that an unaligned barrier has overtaken on one channel.
type Flight struct {
	operator.InFlight
	edge    EdgeType
	batches []batch.Any
}

// Encode sets Data, unless there is nothing to encode, and lets the batches go. put keeps the bytes.
func (f *Flight) Encode(put func([]byte) operator.Blob) {
	var data []byte
	for i, b := range f.batches {
		f.Records += int64(b.Len())
		data = appendFlight(data, f.edge, b)
		b.Release()
		f.batches[i] = nil
	}
	f.batches = nil
	f.Type = operator.FlightType{}
	if data != nil {
		f.Data, f.Type = put(data), f.edge.FlightType()
	}
}

// Empty reports whether there is nothing to encode.
func (f *Flight) Empty() bool { return len(f.batches) == 0 }

// Take hands the batches over.
func (f *Flight) Take() []batch.Any {
	batches := f.batches
	f.batches = nil
	return batches
}

// Discard lets the batches go.
func (f *Flight) Discard() {
	for _, b := range f.batches {
		b.Release()
	}
	f.batches = nil
}

// Share is the part of the rows of an edge that belongs to one of the consumer's subtasks.
type Share struct {
	Strategy                             graph.Strategy
	MaxParallelism, Parallelism, Subtask int
}

// appendFlight appends the length of the encoded batch, then the batch.
func appendFlight(dst []byte, edge EdgeType, b batch.Any) []byte {
	var piece []byte
	if p, ok := b.(*packed); ok {
		piece = p.data
	} else {
		piece = edge.AppendBatch(nil, b)
	}
	return append(binary.AppendUvarint(dst, uint64(len(piece))), piece...)
}

// readFlight decodes the first batch that appendFlight wrote, and returns the rest.
func readFlight(read func([]byte) (batch.Any, error), data []byte) (batch.Any, []byte, error) {
	n, k := binary.Uvarint(data)
	if k <= 0 || n > uint64(len(data)-k) {
		return nil, nil, errors.New("a batch in flight is cut off")
	}
	b, err := read(data[k : k+int(n)])
	if err != nil {
		return nil, nil, fmt.Errorf("a batch in flight: %w", err)
	}
	return b, data[k+int(n):], nil
}

// AppendBatch is spill.Append.
func (e *Edge[T]) AppendBatch(dst []byte, b batch.Any) []byte {
	return spill.Append(dst, e.Codec, b.(*batch.Rows[T]))
}

// FlightType is the schemas of records and keys.
func (e *Edge[T]) FlightType() operator.FlightType {
	return operator.FlightType{Record: e.Codec.Schema(), Key: e.Part.Key}
}

// BatchReader decodes what AppendBatch wrote. Records of an older type are converted as state is.
func (e *Edge[T]) BatchReader(was operator.FlightType) (func(data []byte) (batch.Any, error), error) {
	arena := new(codec.Arena)
	decode := func(src []byte, v *T) ([]byte, error) { return e.Codec.DecodeIn(arena, src, v) }
	least := 1 + e.Codec.MinSize() // bytes of a row, each of which has a time
	if was.Record.Kind != codec.KindInvalid {
		if err := checkKey(was.Key, e.Part.Key); err != nil {
			return nil, err
		}
		if !was.Record.Equal(e.Codec.Schema()) {
			var err error
			if decode, err = e.Codec.DecodeFrom(was.Record); err != nil {
				return nil, err
			}
			least = 1
		}
	}
	return func(data []byte) (batch.Any, error) {
		b := e.emptyBatch(data, least)
		if err := spill.Decode(b, decode, data); err != nil {
			b.Release()
			return nil, err
		}
		return b, nil
	}, nil
}

// emptyBatch is an empty batch for an encoded one, which may have more rows than batches have: records
// that were narrower, or a larger launch.BatchRows. Each has least bytes.
func (e *Edge[T]) emptyBatch(encoded []byte, least int) *batch.Rows[T] {
	pool, most := e.decoded(), len(encoded)/least
	if rows, _ := binary.Uvarint(encoded); rows > uint64(pool.Rows()) && rows <= uint64(most) {
		pool = batch.NewPool[T](int(rows))
	}
	return pool.Get()
}

// checkKey refuses records that were dealt out by a key of another type, or without one: where they
// are is not where those of their key go now. Without a key any place is as good.
func checkKey(was, is codec.Schema) error {
	switch {
	case is.Kind == codec.KindInvalid:
		return nil
	case was.Kind == codec.KindInvalid:
		return fmt.Errorf("they had no key, and now have one of %s", is)
	case was.Equal(is):
		return nil
	}
	if c, err := codec.Convert(was, is); err != nil || !c.Identity() {
		return fmt.Errorf("their key changes from %s to %s", was, is)
	}
	return nil
}

func (e *Edge[T]) decoded() *batch.Pool[T] {
	e.once.Do(func() { e.pool = batch.NewPool[T](0) })
	return e.pool
}

// Encodes reports whether there is a codec.
func (e *Edge[T]) Encodes() bool { return e.Codec != nil }

// Keep asks the edge's partitioner again whose the rows are. Where it has no rule for single rows,
// all are kept: such batches are dealt out whole.
func (e *Edge[T]) Keep(b batch.Any, s Share) {
	rows := b.(*batch.Rows[T])
	var mine func(i int) bool
	switch s.Strategy {
	case graph.Keyed:
		if rows.Keys == nil {
			e.Part.Keys(rows.KeyColumn(), rows.Vals)
		}
		mine = func(i int) bool {
			h := rows.Keys[i]
			if e.Part.Hash != nil {
				h = e.Part.Hash(h)
			}
			return operator.SubtaskOf(codec.KeyGroup(h, s.MaxParallelism), s.MaxParallelism,
				s.Parallelism) == s.Subtask
		}
	case graph.Custom:
		mine = func(i int) bool { return e.Part.Custom(rows.Vals[i], s.Parallelism) == s.Subtask }
	default:
		return
	}
	compact(rows, mine)
}

// compact keeps some of the rows of a batch without marks.
func compact[T any](b *batch.Rows[T], keep func(i int) bool) {
	n, keys := 0, b.Keys
	for i := range b.Vals {
		if !keep(i) {
			continue
		}
		b.Vals[n], b.Times[n] = b.Vals[i], b.Times[i]
		if keys != nil {
			keys[n] = keys[i]
		}
		n++
	}
	b.Truncate(n)
	if keys != nil {
		b.Keys = keys[:n]
	}
}
