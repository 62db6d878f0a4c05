package exchange

import (
	"bytes"
	"encoding/binary"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/spill"
)

// Sorter brings the rows of a keyed input into the order of key, event time and arrival.
type Sorter interface {
	// Add takes rows and releases b.
	Add(b batch.Any) error
	// Sort ends adding.
	Sort() error
	// Head is what the next row is sorted by: its key and its time, which is the last timeBytes
	// bytes. It is nil at the end and valid until the next call.
	Head() []byte
	// Next returns rows with the key of Head, up to limit (inclusive; nil: all of the key), at most
	// a batch of them.
	Next(limit []byte) (batch.Any, error)
	// Close gives up what is left.
	Close()
}

const (
	timeBytes   = 8
	timeSignBit = 1 << 63
)

// sorter sorts encoded rows: the canonical encoding of a key is ordered and no prefix of another,
// so that key and big-endian time compare as bytes.
type sorter[T any] struct {
	rows  spill.Sorter
	codec *codec.Codec[T]
	part  Partitioner[T]
	pool  *batch.Pool[T]
	key   []byte
}

func (s *sorter[T]) Add(b batch.Any) error {
	rows := b.(*batch.Rows[T])
	defer rows.Release()
	for i := range rows.Vals {
		record := s.part.Encode(s.rows.Room(), &rows.Vals[i])
		record = binary.BigEndian.AppendUint64(record, uint64(rows.Times[i])^timeSignBit)
		key := len(record)
		if err := s.rows.Put(s.codec.Append(record, &rows.Vals[i]), key); err != nil {
			return err
		}
	}
	return nil
}

func (s *sorter[T]) Sort() error { return s.rows.Sort() }

func (s *sorter[T]) Head() []byte { return s.rows.Key() }

func (s *sorter[T]) Next(limit []byte) (batch.Any, error) {
	b := s.pool.Get()
	head := s.rows.Key()
	s.key = append(s.key[:0], head[:len(head)-timeBytes]...)
	for !b.Full() {
		if head == nil || !bytes.Equal(head[:len(head)-timeBytes], s.key) ||
			limit != nil && bytes.Compare(head, limit) > 0 {
			break
		}
		var v T
		if _, err := s.codec.Decode(s.rows.Payload(), &v); err != nil {
			return nil, spill.Fail("read a sorted row", err)
		}
		b.Add(v, int64(binary.BigEndian.Uint64(head[len(head)-timeBytes:])^timeSignBit))
		if err := s.rows.Next(); err != nil {
			return nil, err
		}
		head = s.rows.Key()
	}
	s.part.Keys(b.KeyColumn(), b.Vals)
	return b, nil
}

func (s *sorter[T]) Close() { s.rows.Close() }
