package connect

import (
	"encoding/binary"
	"errors"
)

// Queue is the Enumerator of sources whose splits are all known: it hands out one at each request,
// and then tells that there are no more.
type Queue struct {
	ctx  EnumeratorContext
	left []Split
}

// NewQueue returns a queue of splits.
func NewQueue(ctx EnumeratorContext, splits []Split) *Queue {
	return &Queue{ctx: ctx, left: splits}
}

// Request assigns the next split.
func (q *Queue) Request(subtask int) {
	if len(q.left) == 0 {
		q.ctx.NoMoreSplits(subtask)
		return
	}
	s := q.left[0]
	q.left = q.left[1:]
	q.ctx.Assign(subtask, s)
}

// Back puts splits in front.
func (q *Queue) Back(_ int, splits []Split) { q.left = append(splits, q.left...) }

// Snapshot encodes the splits that are left.
func (q *Queue) Snapshot() ([]byte, error) { return EncodeSplits(q.left), nil }

// Close does nothing.
func (q *Queue) Close() error { return nil }

// EncodeSplits encodes splits for an enumerator's state.
func EncodeSplits(splits []Split) []byte {
	b := binary.AppendUvarint(nil, uint64(len(splits)))
	for _, s := range splits {
		b = binary.AppendUvarint(b, uint64(len(s.ID)))
		b = append(b, s.ID...)
		b = binary.AppendUvarint(b, uint64(len(s.Data)))
		b = append(b, s.Data...)
	}
	return b
}

// DecodeSplits is the reverse of EncodeSplits.
func DecodeSplits(b []byte) ([]Split, error) {
	errCut := errors.New("the enumerator's state is cut off")
	take := func() (item []byte, ok bool) {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return nil, false
		}
		item, b = b[used:used+int(n)], b[used+int(n):]
		return item, true
	}
	n, used := binary.Uvarint(b)
	if used <= 0 {
		return nil, errCut
	}
	b = b[used:]
	var splits []Split
	for range n {
		id, ok1 := take()
		data, ok2 := take()
		if !ok1 || !ok2 {
			return nil, errCut
		}
		splits = append(splits, Split{ID: string(id), Data: append([]byte(nil), data...)})
	}
	if len(b) > 0 {
		return nil, errors.New("the enumerator's state goes on behind its end")
	}
	return splits, nil
}
