package keyed

import (
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// TTLMap is a MapState whose entries expire one by one.
type TTLMap[MK comparable, V any] struct {
	*MapState[MK, Timed[V]]
	sweeper sweeper
	bare    *codec.Codec[V]
}

// NewTTLMap returns an empty state of b.
func NewTTLMap[MK comparable, V any](b *Backend, mk *codec.Key[MK], c *codec.Codec[Timed[V]],
	bare *codec.Codec[V], ttl TTL,
) *TTLMap[MK, V] {
	s := &TTLMap[MK, V]{MapState: NewMapState(b, mk, c), sweeper: newSweeper(b, ttl), bare: bare}
	s.keep = func(g int, ref *uint64) bool {
		return !s.sweeper.isExpired(timeOf(s.data(g, *ref)[nodeBytes:]), s.sweeper.asOf)
	}
	s.expire(&s.sweeper, s.sweeper.liveValue, nil)
	return s
}

// Get is MapState.Get.
func (s *TTLMap[MK, V]) Get(mk MK) (v V, ok bool) {
	now := s.begin()
	t, ok := s.MapState.Get(mk)
	if !ok {
		return v, false
	}
	if s.touch(mk, &t, now) && !s.sweeper.ReturnExpired {
		return v, false
	}
	return t.V, true
}

// touch does what reading an entry does to it. It reports whether the entry is expired.
func (s *TTLMap[MK, V]) touch(mk MK, t *Timed[V], now int64) (isExpired bool) {
	switch {
	case s.sweeper.isExpired(t.At, now):
		s.MapState.Remove(mk)
		return true
	case s.sweeper.OnRead && t.At != now:
		t.At = now
		s.MapState.Put(mk, *t)
	}
	return false
}

// Put is MapState.Put.
func (s *TTLMap[MK, V]) Put(mk MK, v V) { s.MapState.Put(mk, Timed[V]{s.begin(), v}) }

// Remove is MapState.Remove.
func (s *TTLMap[MK, V]) Remove(mk MK) {
	s.begin()
	s.MapState.Remove(mk)
}

// Len is the number of entries of the current key. It looks at all of them.
func (s *TTLMap[MK, V]) Len() int {
	now, n := s.begin(), 0
	s.fetch()
	h := s.head()
	if h == nil {
		return 0
	}
	if s.sweeper.ReturnExpired {
		return int(h.n &^ mapWhole)
	}
	for node := h.first; node != 0; node = s.nodes[node].next {
		g, i := s.entryOf(node)
		if !s.sweeper.isExpired(timeOf(s.data(g, *s.groups[g].valueAt(i))[nodeBytes:]), now) {
			n++
		}
	}
	return n
}

// All is MapState.All.
func (s *TTLMap[MK, V]) All(yield func(MK, V) bool) {
	now := s.begin()
	for mk, t := range s.MapState.All {
		if s.touch(mk, &t, now) && !s.sweeper.ReturnExpired {
			continue
		}
		if !yield(mk, t.V) {
			return
		}
	}
}

// begin begins an access.
func (s *TTLMap[MK, V]) begin() (now int64) {
	now = s.keys.now()
	if n := s.sweeper.access(now); n > 0 {
		sweepTable(&s.sweeper, &s.Table, n, now, func(g, i int) (oldest int64, n int) {
			return s.sweep(g, i, now)
		})
	}
	return now
}

func (s *TTLMap[MK, V]) sweep(g, i int, now int64) (oldest int64, n int) {
	at := timeOf(s.data(g, *s.groups[g].valueAt(i))[nodeBytes:])
	if !s.sweeper.isExpired(at, now) {
		return at, 1
	}
	_, entry := s.groups[g].keyAt(i)
	k, _, err := s.keys.TakeKey(entry)
	if err != nil {
		panic(err) // what was encoded here
	}
	saved := s.keys.Current
	s.keys.Current = k
	s.delete(g, i)
	s.keys.Current = saved
	return now, 1
}

// Freeze freezes the state for a checkpoint. Full sections leave out what is expired then.
func (s *TTLMap[MK, V]) Freeze(name string, checkpoint int64, full bool) operator.Frozen {
	s.sweeper.asOf = s.keys.now()
	return s.MapState.Freeze(name, checkpoint, full)
}

// Describe is the form of the entries.
func (s *TTLMap[MK, V]) Describe() operator.Description {
	d := s.MapState.Describe()
	d.Kind += ttlSuffix
	return d
}

// Adapt tells the form of what is about to be restored. Entries of a state without TTL are as old as
// the restore.
func (s *TTLMap[MK, V]) Adapt(d operator.Description) {
	if s.decodeStored = nil; d.Kind == "map" {
		now := s.keys.now()
		s.decodeStored = func(src []byte, t *Timed[V]) ([]byte, error) {
			t.At = now
			return s.bare.Decode(src, &t.V)
		}
	}
}
