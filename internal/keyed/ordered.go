package keyed

import (
	"bytes"
	"encoding/binary"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// Ordered is a state with a map for each key whose entries are in the order of their sub-keys, which are
// bytes: numbers and texts in an encoding that keeps their order. As in MapState each entry is one of a
// table, by key and sub-key, and leads to a node by number. The nodes of a key are a list in order,
// and a treap: a search tree that is balanced by random priorities (treap.go).
//
//	heads  key ──▶ (root, first, last, n)
//	                  │
//	nodes  ┌──────────▼───────────────────────────────────────┐
//	       │ prefix of the sub-key, hash, left right prev next │
//	       └──────────────────────────────────────────────────┘
//	table  (key, sub-key) ──▶ record: number of the node, value
//
// A B+tree would be faster to read in order, but its nodes would hold sub-keys of any length, once
// more or for a second look-up; here most comparisons are of two prefixes, and the table does all
// about snapshots. Nodes are in no snapshot; a restore makes them again.
//
// Sub-keys that are returned are valid until the state is changed.
type Ordered[V any] struct {
	records // its backend has the keys of the entries
	treap
	keys    *Backend
	codec   *codec.Codec[V]
	heads   *Table[orderedHead]
	entry   []byte // the key of the current entry
	scratch []byte
}

// NewOrdered returns an empty state of b.
func NewOrdered[V any](b *Backend, c *codec.Codec[V]) *Ordered[V] {
	s := &Ordered[V]{
		keys: b, codec: c, heads: NewTable[orderedHead](b.MaxParallelism, b.First, b.Last),
	}
	s.nodes, s.subOf = make([]orderedNode, 1), s.sub
	entries := &Backend{
		MaxParallelism: b.MaxParallelism, First: b.First, Last: b.Last,
		delimit: func(src []byte) (int, error) {
			_, _, rest, err := s.split(src)
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
	s.init(entries, func(dst, record []byte) []byte { return append(dst, record[nodeBytes:]...) })
	return s
}

// split reads the key, without its hash, and the sub-key of an entry.
func (s *Ordered[V]) split(entry []byte) (k Current, sub, rest []byte, err error) {
	if k, rest, err = s.keys.takeKey(entry); err == nil {
		sub, rest, err = takeList(rest)
	}
	return k, sub, rest, err
}

// enter makes the entry of sub in the map of the current key the current one, and finds it.
func (s *Ordered[V]) enter(sub []byte) (group, i int) {
	k := &s.keys.Current
	s.entry = s.keys.AppendKey(s.entry[:0], k.Word, k.Bytes)
	s.entry = append(binary.AppendUvarint(s.entry, uint64(len(sub))), sub...)
	s.b.Set(entryHash(k.Hash, s.entry), 0, s.entry)
	return s.find(&s.b.Current)
}

// Get is the entry of sub in the map of the current key.
func (s *Ordered[V]) Get(sub []byte) (v V, ok bool) {
	g, i := s.enter(sub)
	if i < 0 {
		return v, false
	}
	s.decode(g, i, &v)
	return v, true
}

func (s *Ordered[V]) decode(g, i int, v *V) {
	if _, err := s.codec.Decode(s.data(g, *s.groups[g].valueAt(i))[nodeBytes:], v); err != nil {
		panic(err) // what was encoded here
	}
}

// Put sets an entry.
func (s *Ordered[V]) Put(sub []byte, v V) {
	g, i := s.enter(sub)
	s.write(g, i, sub, &v)
}

// write writes the current entry, which is at an index, or at -1 if it is new.
func (s *Ordered[V]) write(g, i int, sub []byte, v *V) {
	var node uint32
	if i >= 0 {
		s.tracked.change(g, i)
		node = s.nodeOf(g, i)
	} else {
		s.upsert(s.b)
		_, i = s.find(&s.b.Current)
		node = s.insert(s.makeHead(), sub, s.b.Hash)
	}
	s.scratch = binary.LittleEndian.AppendUint32(s.scratch[:0], node)
	s.scratch = s.codec.Append(s.scratch, v)
	s.set(g, i, s.scratch)
}

// Delete deletes an entry and reports whether it was there.
func (s *Ordered[V]) Delete(sub []byte) bool {
	g, i := s.enter(sub)
	if i < 0 {
		return false
	}
	s.delete(g, i, sub)
	return true
}

// delete deletes the entry of a sub-key of the current key, which is at an index.
func (s *Ordered[V]) delete(g, i int, sub []byte) {
	h, node := s.head(), s.nodeOf(g, i)
	s.treap.remove(h, node, sub)
	s.records.remove(g, i)
	if h.n > 0 {
		return
	}
	if k := &s.keys.Current; s.keys.IsWord {
		s.heads.Delete(k.Hash, k.Word)
	} else {
		s.heads.DeleteBytes(k.Hash, k.Bytes)
	}
}

// Len is the number of entries of the current key.
func (s *Ordered[V]) Len() int {
	if h := s.head(); h != nil {
		return int(h.n)
	}
	return 0
}

// LastKey is the sub-key of Last, whose value is not decoded.
func (s *Ordered[V]) LastKey() (sub []byte, ok bool) {
	if h := s.head(); h != nil {
		return s.sub(h.last), true
	}
	return nil, false
}

// First is the entry of the current key that comes first.
func (s *Ordered[V]) First() (sub []byte, v V, ok bool) {
	if h := s.head(); h != nil {
		return s.at(h.first)
	}
	return nil, v, false
}

// Last is the entry of the current key that comes last.
func (s *Ordered[V]) Last() (sub []byte, v V, ok bool) {
	if h := s.head(); h != nil {
		return s.at(h.last)
	}
	return nil, v, false
}

// FirstKey is the sub-key of First, whose value is not decoded.
func (s *Ordered[V]) FirstKey() (sub []byte, ok bool) {
	if h := s.head(); h != nil {
		return s.sub(h.first), true
	}
	return nil, false
}

// KeyFrom is the sub-key of the first entry from a sub-key on, whose value is not decoded.
func (s *Ordered[V]) KeyFrom(from []byte) (sub []byte, ok bool) {
	h := s.head()
	if h == nil {
		return nil, false
	}
	node := s.ceiling(h, from)
	if node == 0 {
		return nil, false
	}
	return s.sub(node), true
}

func (s *Ordered[V]) at(node uint32) (sub []byte, v V, ok bool) {
	g, i := s.entryOf(node)
	s.decode(g, i, &v)
	return s.subAt(g, i), v, true
}

// Ascend iterates over the entries of the current key from a sub-key on, upwards; nil is the first. The
// loop may change values and delete the entry it is at; entries that it adds may be visited or not.
func (s *Ordered[V]) Ascend(from []byte) func(yield func(sub []byte, v V) bool) {
	return func(yield func([]byte, V) bool) {
		h := s.head()
		if h == nil {
			return
		}
		for node := s.ceiling(h, from); node != 0; {
			next := s.nodes[node].next
			if sub, v, _ := s.at(node); !yield(sub, v) {
				return
			}
			node = next
		}
	}
}

// Descend is Ascend downwards; the entry of from itself is left out, and nil is the last.
func (s *Ordered[V]) Descend(from []byte) func(yield func(sub []byte, v V) bool) {
	return func(yield func([]byte, V) bool) {
		h := s.head()
		if h == nil {
			return
		}
		node := h.last
		if from != nil {
			if up := s.ceiling(h, from); up != 0 {
				node = s.nodes[up].prev
			}
		}
		for node != 0 {
			next := s.nodes[node].prev
			if sub, v, _ := s.at(node); !yield(sub, v) {
				return
			}
			node = next
		}
	}
}

// Drop deletes the map of the current key.
func (s *Ordered[V]) Drop() {
	for h := s.head(); h != nil; h = s.head() {
		g, i := s.entryOf(h.first)
		s.scratch = append(s.scratch[:0], s.sub(h.first)...)
		s.delete(g, i, s.scratch)
	}
}

// Clear drops all maps.
func (s *Ordered[V]) Clear() {
	s.records.Clear()
	s.heads.Clear()
	s.nodes, s.unused = s.nodes[:1], 0
}

func (s *Ordered[V]) head() *orderedHead {
	if k := &s.keys.Current; s.keys.IsWord {
		return s.heads.Get(k.Hash, k.Word)
	} else {
		return s.heads.GetBytes(k.Hash, k.Bytes)
	}
}

func (s *Ordered[V]) makeHead() *orderedHead {
	var h *orderedHead
	if k := &s.keys.Current; s.keys.IsWord {
		h, _ = s.heads.Upsert(k.Hash, k.Word)
	} else {
		h, _ = s.heads.UpsertBytes(k.Hash, k.Bytes)
	}
	return h
}

// nodeOf is the number in the record at an index.
func (s *Ordered[V]) nodeOf(g, i int) uint32 {
	return binary.LittleEndian.Uint32(s.data(g, *s.groups[g].valueAt(i)))
}

// entryOf is where the entry of a node is.
func (s *Ordered[V]) entryOf(node uint32) (group, i int) {
	hash := s.nodes[node].hash
	group = s.indexOf(hash)
	m := &s.groups[group]
	for i = int(hash & m.mask); ; i++ {
		if e := &m.slots[i]; e.ref.isOf(hash) && e.v != 0 && s.nodeOf(group, i) == node {
			return group, i
		}
	}
}

// sub is the sub-key of a node.
func (s *Ordered[V]) sub(node uint32) []byte {
	return s.subAt(s.entryOf(node))
}

func (s *Ordered[V]) subAt(g, i int) []byte {
	_, entry := s.groups[g].keyAt(i)
	_, sub, _, err := s.split(entry)
	if err != nil {
		panic(err) // what was encoded here
	}
	return sub
}

// Describe is the form of the entries: key, sub-key with its length before it, and value.
func (s *Ordered[V]) Describe() operator.Description {
	return operator.Description{
		Kind: "ordered", Namespace: codec.Schema{Kind: codec.KindBytes}, Value: s.codec.Schema(),
	}
}

// RestoreGroup applies a section.
func (s *Ordered[V]) RestoreGroup(_ int, delta bool, src []byte) error {
	saved, known := s.keys.Current, s.keys.known
	defer func() { s.keys.Current, s.keys.known = saved, known }()
	var sub []byte
	enter := func() (g, i int) {
		k, rest, _ := s.keys.TakeKey(s.b.Bytes) // was split before
		s.keys.Current = k
		sub, _, _ = takeList(rest)
		return s.find(&s.b.Current)
	}
	return s.b.takeSection(delta, src, func() {
		if g, i := enter(); i >= 0 {
			s.delete(g, i, bytes.Clone(sub))
		}
	}, func(src []byte) (rest []byte, err error) {
		var v V
		if rest, err = s.codec.Decode(src, &v); err == nil {
			g, i := enter()
			s.write(g, i, sub, &v)
		}
		return rest, err
	})
}
