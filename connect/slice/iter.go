package slice

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/flott-dev/flott/connect"
)

type iterSource[T any] struct{ seq iter.Seq[T] }

func (s *iterSource[T]) Bounded() bool { return true }

// Enumerator has one split.
func (s *iterSource[T]) Enumerator(ctx connect.EnumeratorContext, state []byte,
) (connect.Enumerator, error) {
	left := []connect.Split{{ID: "iterator", Data: binary.AppendUvarint(nil, 0)}}
	if state != nil {
		var err error
		if left, err = connect.DecodeSplits(state); err != nil {
			return nil, err
		}
	}
	return connect.NewQueue(ctx, left), nil
}

func (s *iterSource[T]) Reader(connect.ReaderContext) (connect.Reader[T], error) {
	return &iterReader[T]{seq: s.seq}, nil
}

type iterReader[T any] struct {
	seq    iter.Seq[T]
	next   func() (T, bool)
	stop   func()
	read   uint64
	noMore bool
}

func (r *iterReader[T]) Assign(splits []connect.Split) error {
	n, used := binary.Uvarint(splits[0].Data)
	if used <= 0 {
		return fmt.Errorf("split %q has no position", splits[0].ID)
	}
	r.next, r.stop = iter.Pull(r.seq)
	for r.read < n {
		if _, ok := r.next(); !ok {
			return fmt.Errorf("the iterator ended after %d values, but %d were read before", r.read, n)
		}
		r.read++
	}
	return nil
}

func (r *iterReader[T]) NoMoreSplits() { r.noMore = true }

func (r *iterReader[T]) Poll(out *connect.Output[T]) (connect.Status, error) {
	if r.next == nil {
		if r.noMore {
			return connect.Ended, nil
		}
		return connect.Waiting, nil
	}
	out.Split("iterator")
	for range out.Room() {
		v, ok := r.next()
		if !ok {
			out.Finished()
			r.stop()
			r.next = nil
			return connect.Ended, nil
		}
		r.read++
		out.Emit(v)
	}
	return connect.More, nil
}

func (r *iterReader[T]) Snapshot() ([]connect.Split, error) {
	if r.next == nil {
		return nil, nil
	}
	return []connect.Split{{ID: "iterator", Data: binary.AppendUvarint(nil, r.read)}}, nil
}

func (r *iterReader[T]) Close() error {
	if r.next != nil {
		r.stop()
	}
	return nil
}
