package keyed

import "github.com/flott-dev/flott/internal/codec"

// Bytes is a state with some bytes for each key, which are read and changed where they stand: for operators that
// encode rows by themselves. Its sections are those of a List of bytes. Bytes are never empty; without any there is
// no state.
//
// What Get and Change return is valid until the state is changed or another key is looked up.
type Bytes struct{ *List[byte] }

// NewBytes returns an empty state of b.
func NewBytes(b *Backend) *Bytes {
	c, err := codec.For[byte](nil)
	if err != nil {
		panic(err) // a plain type
	}
	return &Bytes{NewList(b, c)}
}

// Get is the bytes of the current key, to be read; nil when there are none.
//
//flott:hot
func (s *Bytes) Get() []byte {
	g, i := s.find(&s.b.Current)
	if i < 0 {
		return nil
	}
	return s.data(g, *s.groups[g].valueAt(i))
}

// Change is Get for a caller that writes to the bytes.
func (s *Bytes) Change() []byte {
	g, i := s.find(&s.b.Current)
	if i < 0 {
		return nil
	}
	s.tracked.change(g, i)
	return s.data(g, *s.groups[g].valueAt(i))
}

// Append appends to the bytes of the current key, which are not read if they are on disk. It reports whether there were
// none in memory.
//
//flott:hot
func (s *Bytes) Append(more []byte) (fresh bool) {
	g, i := s.toAppend(&s.b.Current)
	fresh = *s.groups[g].valueAt(i) == 0
	s.extend(g, i, more)
	return fresh
}

// Put replaces the bytes of the current key. It reports whether there were none.
func (s *Bytes) Put(value []byte) (fresh bool) {
	if len(value) == 0 {
		s.Drop()
		return false
	}
	g, i := s.change()
	fresh = *s.groups[g].valueAt(i) == 0
	s.set(g, i, value)
	return fresh
}

// Cut takes the bytes from one place up to another out of those of the current key.
func (s *Bytes) Cut(from, to int) {
	g, i := s.find(&s.b.Current)
	old := s.data(g, *s.groups[g].valueAt(i))
	if to-from == len(old) {
		s.remove(g, i)
		return
	}
	s.tracked.change(g, i)
	copy(old[from:], old[to:])
	s.resize(g, i, len(old)-(to-from))
}

// RestoreGroup applies a section.
func (s *Bytes) RestoreGroup(_ int, delta bool, src []byte) error {
	return s.b.takeSection(delta, src, s.Drop, func(src []byte) (rest []byte, err error) {
		value, rest, err := takeList(src)
		if err == nil {
			s.Put(value)
		}
		return rest, err
	})
}
