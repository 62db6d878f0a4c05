// Package slice is a source of values that the program already has: slices, iterators, ranges of
// numbers.
//
// Data flow: the enumerator deals ranges of positions out to the readers; a reader emits the
// values in its ranges.
package slice

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/flott-dev/flott/connect"
)

// Of returns a bounded source of values. Each reader gets a contiguous part, so with a parallelism
// above one the values of all readers together are in no order. The slice must not be changed while
// the job runs.
func Of[T any](values ...T) connect.Source[T] {
	return &source[T]{n: int64(len(values)), at: func(i int64) T { return values[i] }}
}

// Func returns a bounded source of the n values at(0) … at(n-1), made when they are read. at is
// called by several goroutines.
func Func[T any](n int64, at func(i int64) T) connect.Source[T] { return &source[T]{n: n, at: at} }

// Sequence returns a bounded source of the numbers from … to, both included.
func Sequence(from, to int64) connect.Source[int64] {
	return Func(max(0, to-from+1), func(i int64) int64 { return from + i })
}

// Iter returns a bounded source of the values of an iterator. One reader reads them all; on a
// restore the iterator is run again and the values read before are skipped, so it must yield the
// same values each time.
func Iter[T any](seq iter.Seq[T]) connect.Source[T] { return &iterSource[T]{seq} }

type source[T any] struct {
	n  int64
	at func(i int64) T
}

func (s *source[T]) Bounded() bool { return true }

// Enumerator cuts the range into one part for each reader.
func (s *source[T]) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	var left []connect.Split
	if state == nil {
		p := int64(ctx.Parallelism())
		for i := range p {
			from, to := s.n*i/p, s.n*(i+1)/p
			if from < to {
				left = append(left, rangeSplit(from, to))
			}
		}
	} else {
		var err error
		if left, err = connect.DecodeSplits(state); err != nil {
			return nil, err
		}
	}
	return connect.NewDeal(ctx, left), nil
}

func rangeSplit(from, to int64) connect.Split {
	data := binary.AppendVarint(nil, from)
	return connect.Split{ID: fmt.Sprintf("to %d", to), Data: binary.AppendVarint(data, to)}
}

// Reader reads ranges.
func (s *source[T]) Reader(ctx connect.ReaderContext) (connect.Reader[T], error) {
	return &reader[T]{ctx: ctx, at: s.at}, nil
}

type reader[T any] struct {
	ctx    connect.ReaderContext
	at     func(i int64) T
	splits []span
	paused map[string]bool
	noMore bool
}

// Pause stops reading single splits.
func (r *reader[T]) Pause(stop, goOn []string) {
	if r.paused == nil {
		r.paused = map[string]bool{}
	}
	for _, id := range stop {
		r.paused[id] = true
	}
	for _, id := range goOn {
		delete(r.paused, id)
	}
}

type span struct {
	id       string
	next, to int64
}

func (r *reader[T]) Assign(splits []connect.Split) error {
	for _, s := range splits {
		from, n := binary.Varint(s.Data)
		to, m := binary.Varint(s.Data[max(0, n):])
		if n <= 0 || m <= 0 {
			return fmt.Errorf("split %q has no range", s.ID)
		}
		r.splits = append(r.splits, span{s.ID, from, to})
	}
	return nil
}

func (r *reader[T]) NoMoreSplits() { r.noMore = true }

func (r *reader[T]) Poll(out *connect.Output[T]) (connect.Status, error) {
	if len(r.splits) == 0 {
		if r.noMore {
			return connect.Ended, nil
		}
		return connect.Waiting, nil
	}
	i := slices.IndexFunc(r.splits, func(s span) bool { return !r.paused[s.id] })
	if i < 0 {
		return connect.Waiting, nil
	}
	s := &r.splits[i]
	out.Split(s.id)
	for n := int64(out.Room()); n > 0 && s.next < s.to; n-- {
		out.Emit(r.at(s.next))
		s.next++
	}
	if s.next >= s.to {
		out.Finished()
		r.splits = slices.Delete(r.splits, i, i+1)
		if len(r.splits) == 0 && !r.noMore {
			r.ctx.Request()
		}
	}
	return connect.More, nil
}

func (r *reader[T]) Snapshot() ([]connect.Split, error) {
	var out []connect.Split
	for _, s := range r.splits {
		sp := rangeSplit(s.next, s.to)
		sp.ID = s.id
		out = append(out, sp)
	}
	return out, nil
}

func (r *reader[T]) Close() error { return nil }
