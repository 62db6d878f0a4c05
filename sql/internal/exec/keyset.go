package exec

import (
	"time"

	"github.com/flott-dev/flott/internal/keyed"
)

// keySet is a set of keys, which may expire a time after they were added.
type keySet struct {
	plain *keyed.Values[struct{}]
	timed *keyed.TTLValues[struct{}] // in place of plain where keys expire
}

// newKeySet adds the state to a backend.
func newKeySet(b *keyed.Backend, name string, ttl time.Duration) (s keySet) {
	if ttl == 0 {
		s.plain = keyed.NewValues(b, mustCodec[struct{}]())
		b.Add(name, s.plain)
		return s
	}
	s.timed = keyed.NewTTLValues(b, mustCodec[keyed.Timed[struct{}]](), mustCodec[struct{}](), timeToLive(ttl))
	b.Add(name, s.timed)
	return s
}

// touch reads some keys ahead.
func (s *keySet) touch(hashes []uint64) {
	if s.plain != nil {
		s.plain.Touch(hashes)
	}
}

// has reports whether the current key is in the set.
func (s *keySet) has() bool {
	if s.plain != nil {
		return s.plain.Lookup() != nil
	}
	return s.timed.Lookup() != nil
}

// add adds the current key, or lets it live as if it had been added now.
func (s *keySet) add() {
	if s.plain != nil {
		s.plain.Current()
		return
	}
	s.timed.Current()
}
