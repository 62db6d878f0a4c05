package keyed

import (
	"bytes"
	"encoding/binary"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// Sets is a state with a set of rows for each key: rows are bytes, and each has a word, whose meaning is the
// caller's; a row whose word is 0 is not there. Rows are looked up a batch at once, so that the cache misses overlap:
//
//	Begin ──▶ Want(row), under each key ──▶ Touch ──▶ Mark(0), Mark(1), …
//
// An entry of the table is key and row, as with Ordered, whose sections these are too. There is no order and no list
// of the rows of a key: that costs ten times as much for large sets.
type Sets struct {
	*Values[uint64] // its backend has the keys of the entries
	keys            *Backend
	wanted          []byte // the entries that are wanted
	ends            []int
	hashes          []uint64
	touched         uint64 // has no meaning
}

// NewSets returns an empty state of b.
func NewSets(b *Backend) (*Sets, error) {
	c, err := codec.For[uint64](nil)
	if err != nil {
		return nil, err
	}
	s := &Sets{keys: b}
	entries := &Backend{
		MaxParallelism: b.MaxParallelism, First: b.First, Last: b.Last, cold: b.cold,
		delimit: func(src []byte) (int, error) {
			_, rest, err := b.TakeKey(src)
			if err != nil {
				return 0, err
			}
			_, rest, err = takeList(rest)
			return len(src) - len(rest), err
		},
	}
	entries.HashOf = func(entry []byte) uint64 {
		k, _, err := b.TakeKey(entry)
		if err != nil {
			return codec.HashBytes(entry)
		}
		return entryHash(k.Hash, entry)
	}
	s.Values = NewValues(entries, c)
	return s, nil
}

// Begin begins a batch of rows.
//
//flott:hot
func (s *Sets) Begin() { s.wanted, s.ends, s.hashes = s.wanted[:0], s.ends[:0], s.hashes[:0] }

// Want says that a row of the current key will be looked up in this batch. The row is copied.
//
//flott:hot
func (s *Sets) Want(row []byte) {
	k, start := &s.keys.Current, len(s.wanted)
	s.wanted = s.keys.AppendKey(s.wanted, k.Word, k.Bytes)
	s.wanted = append(binary.AppendUvarint(s.wanted, uint64(len(row))), row...)
	s.ends = append(s.ends, len(s.wanted))
	s.hashes = append(s.hashes, entryHash(k.Hash, s.wanted[start:]))
}

// Touch reads ahead what the rows of the batch are looked up in.
//
//flott:hot
func (s *Sets) Touch() { s.touched ^= s.Values.Touch(s.hashes) }

// at is the key of the entry of row i of the batch.
func (s *Sets) at(i int) Current {
	start := 0
	if i > 0 {
		start = s.ends[i-1]
	}
	return Current{Hash: s.hashes[i], Bytes: s.wanted[start:s.ends[i]]}
}

// Mark sets bits in the word of row i of the batch, and returns those that were not set.
//
//flott:hot
func (s *Sets) Mark(i int, bits uint64) (fresh uint64) {
	k, t := s.at(i), &s.plain
	g, at := t.find(&k)
	if at < 0 {
		if t.front == nil {
			v, _ := t.groups[g].UpsertBytes(k.Hash, k.Bytes)
			*v = bits
			return bits
		}
		_, at = t.insert(&k)
	} else if fresh = bits &^ *t.groups[g].valueAt(at); fresh == 0 {
		return 0 // and the entry has not changed
	}
	v := t.change(g, at)
	fresh = bits &^ *v
	*v |= bits
	return fresh
}

// Add adds n to the word of row i of the batch as a number, which may be negative, and returns the new one.
func (s *Sets) Add(i int, n int64) (count int64) {
	k, t := s.at(i), &s.plain
	g, at := t.find(&k)
	if at < 0 {
		g, at = t.insert(&k)
	}
	v := t.change(g, at)
	if *v += uint64(n); *v == 0 {
		t.deleteAt(g, at)
		return 0
	}
	return int64(*v)
}

// Drop deletes the rows of the current key. It looks at the rows of all keys of the subtask.
func (s *Sets) Drop() {
	k := &s.keys.Current
	prefix := s.keys.AppendKey(nil, k.Word, k.Bytes)
	var all []Current
	s.Range(func(hash, _ uint64, key []byte, _ *uint64) bool {
		if bytes.HasPrefix(key, prefix) {
			all = append(all, Current{Hash: hash, Bytes: bytes.Clone(key)})
		}
		return true
	})
	for _, k := range all {
		s.b.Current = k
		s.Values.Drop()
	}
}

// Describe is the form of the entries, that of Ordered.
func (s *Sets) Describe() operator.Description {
	return operator.Description{
		Kind: "ordered", Namespace: codec.Schema{Kind: codec.KindBytes}, Value: s.codec.Schema(),
	}
}

func (s *Sets) entries() *Backend { return s.b }

// RestoreGroup applies a section.
func (s *Sets) RestoreGroup(kg int, delta bool, src []byte) error {
	s.b.groupBytes = s.keys.groupBytes
	return s.Values.RestoreGroup(kg, delta, src)
}
