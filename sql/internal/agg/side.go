package agg

import (
	"bytes"

	"github.com/flott-dev/flott/internal/keyed"
)

// Side is the parts of groups that have no fixed size: a keyed state, which the operator adds to its backend.
type Side struct {
	keyed.Multiset
	space []byte
	found [][]byte
}

// NewSide returns an empty state of a backend.
func NewSide(b *keyed.Backend) (*Side, error) {
	m, err := keyed.NewMultiset(b)
	if err != nil {
		return nil, err
	}
	return &Side{Multiset: m}, nil
}

// Namespace makes the groups of the current key that are called by a name current. All names of an operator have the same
// length. The name is copied.
func (s *Side) Namespace(name []byte) { s.space = append(s.space[:0], name...) }

// Forget drops the group that is current.
func (s *Side) Forget() {
	if len(s.space) == 0 {
		s.Drop()
		return
	}
	s.collect(s.space)
	for _, sub := range s.found {
		s.Delete(sub)
	}
}

// collect sets found to the entries that begin with a prefix.
func (s *Side) collect(prefix []byte) {
	s.found = s.found[:0]
	for sub := range s.Ascend(prefix) {
		if !bytes.HasPrefix(sub, prefix) {
			break
		}
		s.found = append(s.found, bytes.Clone(sub))
	}
}

// sideRef is a Side that is not there yet while accumulators are made.
type sideRef struct {
	*Side
	used bool
}

// entries are the entries of one kind of a call.
type entries struct {
	*sideRef
	call int
	kind byte
	buf  []byte
}

// prefix begins an entry of the current group.
func (e *entries) prefix() []byte {
	e.buf = append(e.buf[:0], e.space...)
	e.buf = append(e.buf, byte(e.call>>8), byte(e.call), e.kind)
	return e.buf
}

// prefixIn is how entries of a namespace begin.
func (e *entries) prefixIn(space []byte) []byte {
	return append(append([]byte(nil), space...), byte(e.call>>8), byte(e.call), e.kind)
}

// first is the rest of the first entry behind more bytes, valid until the state is changed.
func (e *entries) first(more ...byte) (rest []byte, count int64, ok bool) {
	p := append(e.prefix(), more...)
	e.buf = p
	for sub, n := range e.Ascend(p) {
		if bytes.HasPrefix(sub, p) {
			return sub[len(p):], n, true
		}
		break
	}
	return nil, 0, false
}

// firstIn is the rest of the first entry of another namespace, which is there, valid until the state is changed.
func (e *entries) firstIn(space []byte) []byte {
	e.buf = append(e.buf[:0], space...)
	e.buf = append(e.buf, byte(e.call>>8), byte(e.call), e.kind)
	sub, _ := e.KeyFrom(e.buf)
	return sub[len(e.buf):]
}

// all calls f for the rest of each entry, in order. f must not change the state.
func (e *entries) all(f func(rest []byte, count int64) bool) {
	p := append([]byte(nil), e.prefix()...)
	for sub, n := range e.Ascend(p) {
		if !bytes.HasPrefix(sub, p) || !f(sub[len(p):], n) {
			return
		}
	}
}

// entry is an entry of a namespace that is merged.
type entry struct {
	rest  []byte
	count int64
}

// in are the entries of another namespace.
func (e *entries) in(space []byte) []entry {
	p := e.prefixIn(space)
	var all []entry
	for sub, n := range e.Ascend(p) {
		if !bytes.HasPrefix(sub, p) {
			break
		}
		all = append(all, entry{bytes.Clone(sub[len(p):]), n})
	}
	return all
}
