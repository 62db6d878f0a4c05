package keyed

import (
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// TTLValues is Values whose entries expire.
type TTLValues[V any] struct {
	*Values[Timed[V]]
	sweeper sweeper
	bare    *codec.Codec[V]
	// isBare says that what is restored comes from a state without TTL.
	isBare bool
	last   V // an expired value that was returned
}

// NewTTLValues returns an empty state of b.
func NewTTLValues[V any](b *Backend, c *codec.Codec[Timed[V]], bare *codec.Codec[V], ttl TTL,
) *TTLValues[V] {
	s := &TTLValues[V]{Values: NewValues(b, c), sweeper: newSweeper(b, ttl), bare: bare}
	w := &s.sweeper
	if s.isPlain {
		s.plain.keep = func(_ int, v *Timed[V]) bool { return !w.isExpired(v.At, w.asOf) }
		s.plain.expire(w, w.liveValue, nil)
	} else {
		s.packed.records.keep = func(g int, ref *uint64) bool {
			return !w.isExpired(timeOf(s.packed.records.data(g, *ref)), w.asOf)
		}
		s.packed.records.expire(w, w.liveValue, s.isOpenLive)
	}
	return s
}

// Current is Values.Current. An expired value is made anew.
//
//flott:hot
func (s *TTLValues[V]) Current() (v *V, fresh bool) {
	now := s.begin()
	t, fresh := s.Values.Current()
	if !fresh && s.sweeper.isExpired(t.At, now) {
		*t, fresh = Timed[V]{}, true
	}
	t.At = now
	return &t.V, fresh
}

// Lookup is Values.Lookup.
//
//flott:hot
func (s *TTLValues[V]) Lookup() *V {
	now := s.begin()
	t := s.Values.Lookup()
	switch {
	case t == nil:
		return nil
	case s.sweeper.isExpired(t.At, now):
		s.last = t.V
		if s.Drop(); !s.sweeper.ReturnExpired {
			return nil
		}
		return &s.last
	case s.sweeper.OnRead && t.At != now:
		t = s.Change()
		t.At = now
	}
	return &t.V
}

// begin begins an access.
func (s *TTLValues[V]) begin() (now int64) {
	now = s.b.now()
	if n := s.sweeper.access(now); n > 0 {
		s.sweep(n, now)
	}
	return now
}

func (s *TTLValues[V]) sweep(n int, now int64) {
	w := &s.sweeper
	if !s.isPlain {
		sweepTable(w, &s.packed.records.Table, n, now, func(g, i int) (oldest int64, n int) {
			return s.sweepPacked(g, i, now)
		})
		return
	}
	t := &s.plain
	sweepTable(w, &t.Table, n, now, func(g, i int) (oldest int64, n int) {
		at := t.groups[g].valueAt(i).At
		if w.isExpired(at, now) {
			t.deleteAt(g, i)
			return now, 1
		}
		return at, 1
	})
}

func (s *TTLValues[V]) sweepPacked(g, i int, now int64) (oldest int64, n int) {
	p := &s.packed
	hash, word, key, ref := p.records.groups[g].At(i)
	e := p.openOf(Current{hash, word, key})
	at := int64(0)
	if e != nil {
		at = e.v.At
	} else {
		at = timeOf(p.records.data(g, *ref))
	}
	if !s.sweeper.isExpired(at, now) {
		return at, 1
	}
	if e != nil {
		e.forget()
	}
	p.records.remove(g, i)
	return now, 1
}

// isOpenLive reports whether the value of a key is open and not expired. One that is expired is closed.
func (s *TTLValues[V]) isOpenLive(k Current, now int64) bool {
	e := s.packed.openOf(k)
	if e == nil {
		return false
	}
	if s.sweeper.isExpired(e.v.At, now) {
		e.forget()
		return false
	}
	return true
}

// openOf is the open value of a key, nil when it is not open.
func (p *packed[V]) openOf(k Current) *openValue[V] {
	if e := p.place(k.Hash); p.isOpen(e, &k) {
		return e
	}
	return nil
}

// Freeze freezes the state for a checkpoint. Full sections leave out what is expired then.
func (s *TTLValues[V]) Freeze(name string, checkpoint int64, full bool) operator.Frozen {
	s.sweeper.asOf = s.b.now()
	return s.Values.Freeze(name, checkpoint, full)
}

// Describe is the form of the entries.
func (s *TTLValues[V]) Describe() operator.Description {
	d := s.Values.Describe()
	d.Kind += ttlSuffix
	return d
}

// Adapt tells the form of what is about to be restored.
func (s *TTLValues[V]) Adapt(d operator.Description) { s.isBare = d.Kind == "value" }

// RestoreGroup applies a section. Entries of a state without TTL are as old as the restore.
func (s *TTLValues[V]) RestoreGroup(kg int, delta bool, src []byte) error {
	if !s.isBare {
		return s.Values.RestoreGroup(kg, delta, src)
	}
	now := s.b.now()
	return s.b.takeSection(delta, src, s.Drop, func(src []byte) (rest []byte, err error) {
		t, _ := s.Values.Current()
		t.At = now
		return s.bare.Decode(src, &t.V)
	})
}
