package keyed

import (
	"encoding/binary"
	"errors"

	"github.com/flott-dev/flott/internal/operator"
)

// coldRestorer is a State that can be restored without its table. What was written in another form
// (Adapt) goes through the table all the same.
type coldRestorer interface {
	restoreOnDisk(kg int, delta bool, data []byte) error
}

// restoresOnDisk reports whether a snapshot does not fit into the tables.
func (b *Backend) restoresOnDisk(from *operator.State) bool {
	if b.cold == nil || b.cold.store == nil {
		return false
	}
	bytes := int64(0)
	for _, s := range from.Keyed {
		bytes += s.Data.Size()
	}
	return bytes > b.cold.store.Share()/4
}

func (s *Values[V]) plainForm() form[V] {
	size, fixed := s.codec.FixedSize()
	return form[V]{
		raw: func(dst []byte, _ int, v *V) []byte { return s.codec.Append(dst, v) },
		load: func(group, i int, raw []byte) {
			if _, err := s.codec.Decode(raw, s.plain.groups[group].valueAt(i)); err != nil {
				panic(err) // what was encoded here
			}
		},
		split: func(src []byte) (raw, rest []byte, err error) {
			if fixed && len(src) >= size {
				return src[:size], src[size:], nil
			}
			return splitValue(s.codec.Decode, src)
		},
	}
}

func splitValue[V any](decode func(src []byte, v *V) ([]byte, error), src []byte,
) (raw, rest []byte, err error) {
	var v V
	rest, err = decode(src, &v)
	return src[:len(src)-len(rest)], rest, err
}

func (s *Values[V]) restoreOnDisk(kg int, delta bool, data []byte) error {
	if s.skip > 0 {
		return s.RestoreGroup(kg, delta, data)
	}
	if s.isPlain {
		return s.plain.restoreCold(kg, delta, data)
	}
	return s.packed.records.restoreCold(kg, delta, data)
}

// rangeCold is Range for what is only on disk.
func (s *Values[V]) rangeCold(f func(hash, word uint64, key []byte, v *V) bool) (more bool) {
	more = true
	pass := func(_ int, k Current, raw []byte) {
		var v V
		if _, err := s.codec.Decode(raw, &v); err != nil {
			panic(err) // what was encoded here
		}
		more = more && f(k.Hash, k.Word, k.Bytes, &v)
	}
	if s.isPlain {
		s.plain.eachCold(pass)
	} else {
		s.packed.flush()
		s.packed.records.eachCold(pass)
	}
	return more
}

// lenCold is Len with the disk: it reads all of it.
func (s *Values[V]) lenCold() (n int) {
	count := func(int, Current, []byte) { n++ }
	if s.isPlain {
		s.plain.eachCold(count)
		return n + s.plain.Len()
	}
	s.packed.records.eachCold(count)
	return n + s.packed.records.Len()
}

func (s *TTLValues[V]) restoreOnDisk(kg int, delta bool, data []byte) error {
	if s.isBare {
		return s.RestoreGroup(kg, delta, data)
	}
	return s.Values.restoreOnDisk(kg, delta, data)
}

func (l *TTLList[E]) restoreOnDisk(kg int, delta bool, data []byte) error {
	if l.isBare {
		return l.RestoreGroup(kg, delta, data)
	}
	return l.List.restoreOnDisk(kg, delta, data)
}

// coldForm is the form of raw bytes.
func (r *records) coldForm() form[uint64] {
	return form[uint64]{
		raw: func(dst []byte, group int, ref *uint64) []byte {
			return append(dst, r.data(group, *ref)...)
		},
		load:  func(group, i int, raw []byte) { r.set(group, i, raw) },
		leave: func(group, i int) { r.free(group, *r.groups[group].valueAt(i)) },
		left: func(group int) {
			switch h := &r.heaps[group]; {
			case r.groups[group].Len() == 0:
				*h = heap{}
			case h.isSparse():
				r.compact(group)
			}
		},
		extra: r.heapBytes,
	}
}

// heapBytes is the number of bytes of the values.
func (r *records) heapBytes() (n int64) {
	for g := range r.heaps {
		n += 2 * int64(r.heaps[g].size-r.heaps[g].left()-r.heaps[g].dead)
	}
	return n
}

func (p *packed[V]) form() form[uint64] {
	f := p.records.coldForm()
	f.split = func(src []byte) (raw, rest []byte, err error) {
		return splitValue(p.codec.Decode, src)
	}
	f.prepare = func() {
		p.flush()
		for i := range p.open {
			e := &p.open[i]
			if !e.used {
				continue
			}
			if g, i := p.records.seek(&e.key); i >= 0 {
				p.records.groups[g].marks.set(markUsed, i) // its look-ups do not reach the table
			}
		}
	}
	return f
}

func (l *List[E]) form() form[uint64] {
	f := l.coldForm()
	f.frame = func(dst, raw []byte) []byte {
		return append(binary.AppendUvarint(dst, uint64(len(raw))), raw...)
	}
	f.split = takeList
	f.empty = func(group, i int) { l.resize(group, i, 0) }
	return f
}

func (l *List[E]) restoreOnDisk(kg int, delta bool, data []byte) error {
	if l.skip > 0 {
		return l.RestoreGroup(kg, delta, data)
	}
	return l.restoreCold(kg, delta, data)
}

// mapWhole in mapHead.n says that no entry of the key is only on disk.
const mapWhole = 1 << 31

var errMapEntry = errors.New("an entry of a map in state cannot be decoded")

func (s *MapState[MK, V]) form() form[uint64] {
	f := s.coldForm()
	f.raw = func(dst []byte, group int, ref *uint64) []byte {
		return append(dst, s.data(group, *ref)[nodeBytes:]...)
	}
	f.load = func(group, i int, raw []byte) {
		s.scratch = append(s.scratch[:0], make([]byte, nodeBytes)...)
		s.scratch = append(s.scratch, raw...)
		binary.LittleEndian.PutUint32(s.scratch, s.link(s.b.Hash))
		s.set(group, i, s.scratch)
	}
	f.split = func(src []byte) (raw, rest []byte, err error) {
		return splitValue(s.codec.Decode, src)
	}
	free := f.leave
	f.leave = func(group, i int) {
		node := s.nodeOf(group, i)
		free(group, i)
		_, entry := s.groups[group].keyAt(i)
		saved := s.keys.Current
		k, _, err := s.keys.TakeKey(entry)
		if err != nil {
			panic(errMapEntry)
		}
		s.keys.Current = k
		s.unlink(node)
		if h := s.head(); h != nil {
			h.n &^= mapWhole
		}
		s.keys.Current = saved
	}
	extra := f.extra
	f.extra = func() int64 {
		const headBytes, linkBytes = 32, 16
		return extra() + 2*headBytes*int64(s.heads.Len()) + linkBytes*int64(len(s.nodes))
	}
	return f
}

func (s *MapState[MK, V]) restoreOnDisk(kg int, delta bool, data []byte) error {
	if s.decodeStored != nil {
		return s.RestoreGroup(kg, delta, data)
	}
	return s.restoreCold(kg, delta, data)
}

// fetch brings all entries of the current key into the table.
func (s *MapState[MK, V]) fetch() {
	f := s.front
	if f == nil || !f.cold.store.Written() {
		return
	}
	if h := s.head(); h != nil && h.n&mapWhole != 0 {
		return
	}
	k := &s.keys.Current
	group := s.indexOf(k.Hash)
	first := s.keys.AppendKey(f.prefix(nil, group), k.Word, k.Bytes)
	scan, err := f.cold.store.Scan(first, after(first))
	f.cold.check(err)
	for scan.Next() {
		key, raw := scan.Entry()
		s.entry = append(s.entry[:0], key[prefixBytes:]...)
		s.b.Set(entryHash(k.Hash, s.entry), 0, s.entry)
		if g, i := s.seek(&s.b.Current); i < 0 {
			s.admit(g, &s.b.Current, raw)
		}
	}
	f.cold.check(scan.Close())
	if h := s.head(); h != nil {
		h.n |= mapWhole
	}
}
