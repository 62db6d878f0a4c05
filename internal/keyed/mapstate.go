package keyed

import (
	"encoding/binary"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// MapState is a state with a map for each key. Each entry of a map is an entry of one table, by key and
// map key, so that it is read, written and snapshotted by itself. The entries of a key are linked:
//
//	heads  key ──▶ (first, n)
//	                  │
//	nodes             ▼ 7                  ▼ 2
//	       ┌ ─ ┬──────────────┬ ─ ┬──────────────┐
//	       │   │ hash, −, 2   │   │ hash, 7, −   │      hash: of the entry
//	       └ ─ ┴──────────────┴ ─ ┴──────────────┘
//	table  (key, map key) ──▶ record: number of the node, value
//
// A node leads to its entry by the hash and by its own number in the record: slots and records move,
// numbers do not. Links and numbers are in no snapshot; a restore makes them again.
type MapState[MK comparable, V any] struct {
	records // its backend has the keys of the entries
	keys    *Backend
	mapKey  *codec.Key[MK]
	codec   *codec.Codec[V]
	heads   *Table[mapHead]
	nodes   []mapNode // the first is not used: 0 is no node
	free    uint32    // linked by next
	cursors []uint32  // the nodes that loops are to visit next
	entry   []byte    // the key of the current entry
	scratch []byte
	// decodeStored, if not nil, decodes the values that are restored, which have another form.
	decodeStored func(src []byte, v *V) (rest []byte, err error)
}

type mapHead struct{ first, n uint32 } // n may have the bit mapWhole

type mapNode struct {
	hash       uint64
	prev, next uint32
}

// nodeBytes is the length of the node's number in a record.
const nodeBytes = 4

// NewMapState returns an empty state of b.
func NewMapState[MK comparable, V any](b *Backend, mk *codec.Key[MK], c *codec.Codec[V],
) *MapState[MK, V] {
	s := &MapState[MK, V]{
		keys: b, mapKey: mk, codec: c, heads: NewTable[mapHead](b.MaxParallelism, b.First, b.Last),
		nodes: make([]mapNode, 1),
	}
	entries := &Backend{
		MaxParallelism: b.MaxParallelism, First: b.First, Last: b.Last, cold: b.cold,
		delimit: func(src []byte) (int, error) {
			_, _, n, err := s.split(src)
			return n, err
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
	s.chill(s.form())
	return s
}

// entryHash has the key group of the key, and the entry in the low half.
func entryHash(key uint64, entry []byte) uint64 {
	const low = 1<<32 - 1
	return key&^low | codec.HashBytes(entry)&low
}

// split reads the key of an entry, which takes n bytes.
func (s *MapState[MK, V]) split(entry []byte) (k Current, mk MK, n int, err error) {
	k, rest, err := s.keys.TakeKey(entry)
	if err != nil {
		return k, mk, 0, err
	}
	mk, rest, err = s.mapKey.DecodeKey(rest)
	return k, mk, len(entry) - len(rest), err
}

// enter makes the entry of mk in the map of the current key the current one, and finds it.
func (s *MapState[MK, V]) enter(mk *MK) (group, i int) {
	k := &s.keys.Current
	s.entry = s.mapKey.AppendKey(s.keys.AppendKey(s.entry[:0], k.Word, k.Bytes), mk)
	s.b.Set(entryHash(k.Hash, s.entry), 0, s.entry)
	return s.find(&s.b.Current)
}

// Get is the entry of mk in the map of the current key.
func (s *MapState[MK, V]) Get(mk MK) (v V, ok bool) {
	g, i := s.enter(&mk)
	if i < 0 {
		return v, false
	}
	s.decode(g, i, &v)
	return v, true
}

func (s *MapState[MK, V]) decode(g, i int, v *V) {
	if _, err := s.codec.Decode(s.data(g, *s.groups[g].valueAt(i))[nodeBytes:], v); err != nil {
		panic(err) // what was encoded here
	}
}

// Put sets an entry.
func (s *MapState[MK, V]) Put(mk MK, v V) {
	g, i := s.enter(&mk)
	s.scratch = append(s.scratch[:0], make([]byte, nodeBytes)...)
	s.scratch = s.codec.Append(s.scratch, &v)
	s.put(g, i)
}

// put writes the current entry, which is at an index, or at -1 if it is new. The scratch is the record
// but for the node.
func (s *MapState[MK, V]) put(g, i int) {
	var node uint32
	if i >= 0 {
		s.tracked.change(g, i)
		node = s.nodeOf(g, i)
	} else {
		g, i = s.insert(&s.b.Current)
		node = s.link(s.b.Hash)
	}
	binary.LittleEndian.PutUint32(s.scratch, node)
	s.set(g, i, s.scratch)
}

// Remove deletes an entry.
func (s *MapState[MK, V]) Remove(mk MK) {
	if g, i := s.enter(&mk); i >= 0 {
		s.delete(g, i)
	}
}

// delete deletes the entry at an index, which belongs to the current key.
func (s *MapState[MK, V]) delete(g, i int) {
	node := s.nodeOf(g, i)
	s.remove(g, i)
	s.unlink(node)
}

// Len is the number of entries of the current key.
func (s *MapState[MK, V]) Len() int {
	s.fetch()
	if h := s.head(); h != nil {
		return int(h.n &^ mapWhole)
	}
	return 0
}

// All iterates over the entries of the current key. The loop may change the map; entries that it adds
// are not visited.
func (s *MapState[MK, V]) All(yield func(MK, V) bool) {
	s.fetch()
	h := s.head()
	if h == nil {
		return
	}
	at := len(s.cursors)
	s.cursors = append(s.cursors, h.first)
	defer func() { s.cursors = s.cursors[:at] }()
	for s.cursors[at] != 0 {
		node := s.cursors[at]
		s.cursors[at] = s.nodes[node].next
		g, i := s.entryOf(node)
		_, entry := s.groups[g].keyAt(i)
		_, mk, _, err := s.split(entry)
		if err != nil {
			panic(err) // what was encoded here
		}
		var v V
		s.decode(g, i, &v)
		if !yield(mk, v) {
			return
		}
	}
}

// Drop deletes the map of the current key.
func (s *MapState[MK, V]) Drop() {
	s.fetch()
	for h := s.head(); h != nil; h = s.head() {
		s.delete(s.entryOf(h.first))
	}
}

// Clear drops all maps.
func (s *MapState[MK, V]) Clear() {
	s.records.Clear()
	s.heads.Clear()
	s.nodes, s.free = s.nodes[:1], 0
	clear(s.cursors)
}

func (s *MapState[MK, V]) head() *mapHead {
	k := &s.keys.Current
	if s.keys.IsWord {
		return s.heads.Get(k.Hash, k.Word)
	}
	return s.heads.GetBytes(k.Hash, k.Bytes)
}

// nodeOf is the node of the entry at an index.
func (s *MapState[MK, V]) nodeOf(g, i int) uint32 {
	return binary.LittleEndian.Uint32(s.data(g, *s.groups[g].valueAt(i)))
}

// entryOf is where the entry of a node is.
func (s *MapState[MK, V]) entryOf(node uint32) (g, i int) {
	hash := s.nodes[node].hash
	g = s.indexOf(hash)
	m := &s.groups[g]
	for i = int(hash & m.mask); ; i++ {
		if e := &m.slots[i]; e.ref.isOf(hash) && e.v != 0 && s.nodeOf(g, i) == node {
			return g, i
		}
	}
}

// link adds a node to the map of the current key.
func (s *MapState[MK, V]) link(hash uint64) uint32 {
	k := &s.keys.Current
	var h *mapHead
	if s.keys.IsWord {
		h, _ = s.heads.Upsert(k.Hash, k.Word)
	} else {
		h, _ = s.heads.UpsertBytes(k.Hash, k.Bytes)
	}
	node := s.free
	if node != 0 {
		s.free = s.nodes[node].next
	} else {
		node = uint32(len(s.nodes))
		s.nodes = append(s.nodes, mapNode{})
	}
	s.nodes[node] = mapNode{hash: hash, next: h.first}
	s.nodes[h.first].prev = node
	h.first = node
	h.n++
	return node
}

// unlink takes a node from the map of the current key.
func (s *MapState[MK, V]) unlink(node uint32) {
	n, h := s.nodes[node], s.head()
	for i, c := range s.cursors {
		if c == node {
			s.cursors[i] = n.next
		}
	}
	if n.prev == 0 {
		h.first = n.next
	} else {
		s.nodes[n.prev].next = n.next
	}
	s.nodes[n.next].prev = n.prev
	s.nodes[node] = mapNode{next: s.free}
	s.free = node
	if h.n--; h.n&^mapWhole > 0 {
		return
	}
	if k := &s.keys.Current; s.keys.IsWord {
		s.heads.Delete(k.Hash, k.Word)
	} else {
		s.heads.DeleteBytes(k.Hash, k.Bytes)
	}
}

// Describe is the form of the entries: key, map key and value.
func (s *MapState[MK, V]) Describe() operator.Description {
	return operator.Description{
		Kind: "map", Namespace: s.mapKey.Schema(), Value: s.codec.Schema(),
	}
}

// Adapt tells the form of what is about to be restored. The times of a state with TTL are left out.
func (s *MapState[MK, V]) Adapt(d operator.Description) {
	if s.decodeStored = nil; timeBytesOf(d) > 0 {
		s.decodeStored = func(src []byte, v *V) ([]byte, error) {
			return s.codec.Decode(src[min(timeBytes, len(src)):], v)
		}
	}
}

// RestoreGroup applies a section.
func (s *MapState[MK, V]) RestoreGroup(_ int, delta bool, src []byte) error {
	saved, known := s.keys.Current, s.keys.known
	defer func() { s.keys.Current, s.keys.known = saved, known }()
	enter := func() (g, i int) {
		s.keys.Current, _, _ = s.keys.TakeKey(s.b.Bytes) // was taken before
		return s.find(&s.b.Current)
	}
	return s.b.takeSection(delta, src, func() {
		if g, i := enter(); i >= 0 {
			s.delete(g, i)
		}
	}, func(src []byte) (rest []byte, err error) {
		var v V
		decode := s.codec.Decode
		if s.decodeStored != nil {
			decode = s.decodeStored
		}
		if rest, err = decode(src, &v); err != nil {
			return nil, err
		}
		g, i := enter()
		s.scratch = append(s.scratch[:0], make([]byte, nodeBytes)...)
		s.scratch = s.codec.Append(s.scratch, &v)
		s.put(g, i)
		return rest, nil
	})
}
