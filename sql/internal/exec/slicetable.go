package exec

import (
	"fmt"
	"unsafe"

	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/sql/internal/agg"
)

// sliceTables is a state with tables of accumulators, one for each slice of time.
type sliceTables interface {
	keyed.State
	make(start, end int64) sliceTable
	restored()
	// scratch is an empty table that is no state.
	scratch() accTable
}

// accTable is accumulators by key. Pointers are valid until one is made.
type accTable interface {
	// upsert is the accumulator of a key, made where there is none.
	upsert(k *keyed.Current) agg.Acc
	// next is the index of the entry behind one, -1 behind the last; see keyed.Map.
	next(i int) int
	at(i int) (hash, word uint64, key []byte, a agg.Acc)
	clear()
}

// sliceTable is the accumulators of a slice.
type sliceTable interface {
	accTable
	// upsertAll sets accs to the accumulators of the rows at places of the batch that k has begun.
	upsertAll(k *keying, places []int32, accs []agg.Acc)
	drop()
}

// slicesOf is sliceTables for accumulators of one size: A is an array of words.
type slicesOf[A any] struct {
	*keyed.Slices[A]
	// enter finds or makes the table of a slice that is restored for a key group.
	enter func(group int, start, end int64) sliceTable
	empty func()
	spare []*sliceOf[A]
	keyed *keyed.Backend
	keys  arena
}

func newSlicesOf[A any](b *keyed.Backend, enter func(group int, start, end int64) sliceTable, empty func()) sliceTables {
	return &slicesOf[A]{Slices: keyed.NewSlices(b, mustCodec[A]()), enter: enter, empty: empty, keyed: b}
}

// newSliceTables returns an empty state for accumulators of a number of words.
func newSliceTables(b *keyed.Backend, words int, enter func(group int, start, end int64) sliceTable, empty func(),
) (sliceTables, error) {
	switch {
	case words <= 2:
		return newSlicesOf[[2]uint64](b, enter, empty), nil
	case words <= 3:
		return newSlicesOf[[3]uint64](b, enter, empty), nil
	case words <= 4:
		return newSlicesOf[[4]uint64](b, enter, empty), nil
	case words <= 6:
		return newSlicesOf[[6]uint64](b, enter, empty), nil
	case words <= 8:
		return newSlicesOf[[8]uint64](b, enter, empty), nil
	case words <= 12:
		return newSlicesOf[[12]uint64](b, enter, empty), nil
	case words <= 16:
		return newSlicesOf[[16]uint64](b, enter, empty), nil
	case words <= 32:
		return newSlicesOf[[32]uint64](b, enter, empty), nil
	case words <= 64:
		return newSlicesOf[[64]uint64](b, enter, empty), nil
	case words <= 256:
		return newSlicesOf[[256]uint64](b, enter, empty), nil
	}
	return nil, fmt.Errorf("the aggregates of one GROUP BY take %d words for each group, of at most 256: compute some of "+
		"them in another query and join it", words)
}

// RestoreGroup applies a section of a key group.
func (s *slicesOf[A]) RestoreGroup(kg int, delta bool, src []byte) error {
	return s.RestoreSection(kg, delta, src, func(start, end int64) *keyed.Slice[A] {
		return s.enter(kg, start, end).(*sliceOf[A]).Slice
	})
}

// Clear drops all slices.
func (s *slicesOf[A]) Clear() {
	s.Slices.Clear()
	s.empty()
}

func (s *slicesOf[A]) restored() { s.Restored() }

func (s *slicesOf[A]) make(start, end int64) sliceTable {
	if n := len(s.spare); n > 0 {
		t := s.spare[n-1]
		s.spare = s.spare[:n-1]
		t.Slice = s.Make(start, end)
		t.m = &t.Map
		return t
	}
	t := &sliceOf[A]{Slice: s.Make(start, end), of: s}
	t.m, t.isWord = &t.Map, s.keyed.IsWord
	return t
}

func (s *slicesOf[A]) scratch() accTable {
	return &mapOf[A]{m: &keyed.Map[A]{}, isWord: s.keyed.IsWord}
}

// mapOf is an accTable.
type mapOf[A any] struct {
	m      *keyed.Map[A]
	isWord bool
}

func (t *mapOf[A]) upsert(k *keyed.Current) agg.Acc {
	var v *A
	if t.isWord {
		v, _ = t.m.Upsert(k.Hash, k.Word)
	} else {
		v, _ = t.m.UpsertBytes(k.Hash, k.Bytes)
	}
	return accOf(v)
}

func (t *mapOf[A]) next(i int) int { return t.m.Next(i) }

func (t *mapOf[A]) at(i int) (hash, word uint64, key []byte, a agg.Acc) {
	hash, word, key, v := t.m.At(i)
	return hash, word, key, accOf(v)
}

func (t *mapOf[A]) clear() { t.m.Clear() }

func accOf[A any](v *A) agg.Acc { return agg.Acc(unsafe.Pointer(v)) }

// sliceOf is a sliceTable.
type sliceOf[A any] struct {
	*keyed.Slice[A]
	mapOf[A]
	of *slicesOf[A]
}

// upsertAll makes accumulators first. That may move those that came before, which are then looked up again.
func (t *sliceOf[A]) upsertAll(k *keying, places []int32, accs []agg.Acc) {
	out := unsafe.Slice((**A)(unsafe.Pointer(unsafe.SliceData(accs))), len(accs))
	n := t.Len()
	if t.isWord {
		hashes, words := k.hashes, k.words
		for i, p := range places {
			out[i], _ = t.Upsert(hashes[p], words[p])
		}
		if t.Len() > n {
			for i, p := range places {
				out[i] = t.Get(hashes[p], words[p])
			}
		}
		return
	}
	keys := &t.of.keys
	keys.reset()
	for i, p := range places {
		keys.end(k.key.Append(keys.bytes, k.cols, int(p)))
		out[i], _ = t.UpsertBytes(k.hashes[p], keys.at(i))
	}
	if t.Len() > n {
		for i, p := range places {
			out[i] = t.GetBytes(k.hashes[p], keys.at(i))
		}
	}
}

func (t *sliceOf[A]) drop() {
	t.of.Drop(t.Slice)
	t.Slice, t.m = nil, nil
	t.of.spare = append(t.of.spare, t)
}

// arena is byte strings one behind the other.
type arena struct {
	bytes []byte
	ends  []int
}

func (a *arena) reset() { a.bytes, a.ends = a.bytes[:0], a.ends[:0] }

// end ends a string that was appended to bytes.
func (a *arena) end(bytes []byte) {
	a.bytes = bytes
	a.ends = append(a.ends, len(bytes))
}

func (a *arena) at(i int) []byte {
	start := 0
	if i > 0 {
		start = a.ends[i-1]
	}
	return a.bytes[start:a.ends[i]:a.ends[i]]
}
