package stream

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
)

// sliceState is the keyed state of an alignedOp. For each key group it holds, for each slice and key,
// the slice's start and end, the key and the accumulator.
type sliceState[K, T, A, O any] struct{ o *alignedOp[K, T, A, O] }

// Snapshot encodes all slices.
func (s sliceState[K, T, A, O]) Snapshot(emit func(kg int, data []byte)) {
	o, b := s.o, s.o.keys.backend
	groups := make([][]byte, b.Last-b.First+1)
	for _, sl := range o.slices {
		sl.table.Range(func(hash, word uint64, key []byte, acc *A) bool {
			g := codec.KeyGroup(hash, b.MaxParallelism) - b.First
			data := binary.AppendVarint(groups[g], sl.start)
			data = binary.AppendVarint(data, sl.end)
			groups[g] = o.codec.Append(b.AppendKey(data, word, key), acc)
			return true
		})
	}
	for i, data := range groups {
		if data != nil {
			emit(b.First+i, data)
		}
	}
}

var errWindowState = errors.New("the state of a window operator is cut off")

// Describe is the form of the entries.
func (s sliceState[K, T, A, O]) Describe() operator.Description {
	return operator.Description{Kind: "slice", Value: s.o.codec.Schema()}
}

// RestoreGroup adds the entries of a key group.
func (s sliceState[K, T, A, O]) RestoreGroup(kg int, _ bool, src []byte) error {
	o, b := s.o, s.o.keys.backend
	done := o.done
	defer func() { o.done, o.last = done, nil }()
	// What is to fire depends on how far the group has come.
	o.done, o.last = o.groups.ofGroup(kg, done), nil
	for len(src) > 0 {
		start, n := binary.Varint(src)
		end, m := binary.Varint(src[max(n, 0):])
		if n <= 0 || m <= 0 {
			return errWindowState
		}
		k, rest, err := b.TakeKey(src[n+m:])
		if err != nil {
			return err
		}
		var acc A
		if src, err = o.codec.Decode(rest, &acc); err != nil {
			return err
		}
		b.Set(k.Hash, k.Word, k.Bytes)
		*o.accumulator(o.restored(start, end)) = acc
	}
	return nil
}

// restored finds or makes a slice, or a window that is kept whole.
func (o *alignedOp[K, T, A, O]) restored(start, end int64) *slice[A] {
	if !o.merging && o.slicing.Shared() {
		if !o.fired(end) {
			o.schedule(end)
		}
		return o.windowTable(end)
	}
	if o.last != nil && o.last.start == start {
		return o.last
	}
	i, ok := o.find(start)
	if ok {
		first, last, step := o.slicing.Ends(start)
		o.scheduleAll(first, last, step)
		o.last = o.slices[i]
		return o.last
	}
	return o.insert(i, start, end)
}

// Clear drops all slices.
func (s sliceState[K, T, A, O]) Clear() {
	s.o.slices, s.o.ends, s.o.last, s.o.done = nil, nil, nil, math.MinInt64
}

var _ keyed.State = sliceState[int, int, int, int]{}
