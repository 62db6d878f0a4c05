package keyed

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// Values is a state with one value for each key. Where V has no pointers the values stand in the
// slots of the table; otherwise they are kept encoded, and a few of them are open: see packed.
type Values[V any] struct {
	b       *Backend
	codec   *codec.Codec[V]
	isPlain bool
	plain   tracked[V]
	packed  packed[V]
	skip    int // bytes before each value that is restored
}

// NewValues returns an empty state of b.
func NewValues[V any](b *Backend, c *codec.Codec[V]) *Values[V] {
	s := &Values[V]{b: b, codec: c, isPlain: c.PointerFree()}
	if s.isPlain {
		s.plain = newTracked(b, func(dst []byte, _ int, v *V) []byte { return c.Append(dst, v) })
		s.plain.chill(s.plainForm())
	} else {
		s.packed.init(b, c)
	}
	return s
}

// Current is the value of the current key for the caller to change, made when there is none. It is
// valid until the next call for any key.
//
//flott:hot
func (s *Values[V]) Current() (v *V, fresh bool) {
	if s.isPlain {
		return s.plain.upsert(s.b)
	}
	return s.packed.current()
}

// Lookup is the value of the current key for the caller to read, nil when there is none. It is valid
// until the next call for any key.
//
//flott:hot
func (s *Values[V]) Lookup() *V {
	if s.isPlain {
		return s.plain.get(s.b)
	}
	return s.packed.lookup()
}

// Change is Lookup for a caller that changes the value.
func (s *Values[V]) Change() *V {
	if !s.isPlain {
		return s.packed.change()
	}
	if g, i := s.plain.find(&s.b.Current); i >= 0 {
		return s.plain.change(g, i)
	}
	return nil
}

// Drop deletes the value of the current key.
func (s *Values[V]) Drop() {
	if !s.isPlain {
		s.packed.drop()
		return
	}
	if g, i := s.plain.find(&s.b.Current); i >= 0 {
		s.plain.deleteAt(g, i)
	}
}

// Touch is Table.Touch.
//
//flott:hot
func (s *Values[V]) Touch(hashes []uint64) (sink uint64) {
	if s.isPlain {
		return s.plain.Touch(hashes)
	}
	return s.packed.records.Touch(hashes)
}

// Len is the number of keys that have a value.
func (s *Values[V]) Len() int {
	if s.b.cold != nil {
		return s.lenCold()
	}
	if s.isPlain {
		return s.plain.Len()
	}
	return s.packed.records.Len()
}

// Range calls f for all entries until it returns false. f must not use s, and not change the value.
func (s *Values[V]) Range(f func(hash, word uint64, key []byte, v *V) bool) {
	if s.b.cold != nil && !s.rangeCold(f) {
		return
	}
	if s.isPlain {
		s.plain.Range(f)
		return
	}
	s.packed.each(f)
}

// Freeze freezes the state for a checkpoint.
func (s *Values[V]) Freeze(name string, checkpoint int64, full bool) operator.Frozen {
	if s.isPlain {
		return s.plain.Freeze(name, checkpoint, full)
	}
	s.packed.flush()
	return s.packed.records.Freeze(name, checkpoint, full)
}

// Confirm tells that a checkpoint is complete.
func (s *Values[V]) Confirm(checkpoint int64) {
	if s.isPlain {
		s.plain.Confirm(checkpoint)
	} else {
		s.packed.records.Confirm(checkpoint)
	}
}

// Clear drops all values.
func (s *Values[V]) Clear() {
	if s.isPlain {
		s.plain.Clear()
	} else {
		s.packed.clear()
	}
}

// Describe is the form of the entries.
func (s *Values[V]) Describe() operator.Description {
	return operator.Description{Kind: "value", Value: s.codec.Schema()}
}

// Adapt tells the form of what is about to be restored. The times of a state with TTL are left out.
func (s *Values[V]) Adapt(d operator.Description) { s.skip = timeBytesOf(d) }

// timeBytesOf is how many bytes stand before each value.
func timeBytesOf(d operator.Description) int {
	if strings.HasSuffix(d.Kind, ttlSuffix) {
		return timeBytes
	}
	return 0
}

// RestoreGroup applies a section. The first entry of a group tells how many there will be: growing
// tables step by step was half of what a restore costs.
func (s *Values[V]) RestoreGroup(kg int, delta bool, src []byte) error {
	whole, first := len(src), !delta && s.isPlain && s.b.cold == nil
	return s.b.takeSection(delta, src, s.Drop, func(src []byte) (rest []byte, err error) {
		src = src[min(s.skip, len(src)):]
		p, _ := s.Current()
		rest, err = s.codec.Decode(src, p)
		if first {
			first = false
			s.plain.Group(kg).Reserve(int(s.b.groupBytes) / max(1, whole-len(rest)))
		}
		return rest, err
	})
}

// takeSection reads a section of entries: see the package's comment. It calls drop or put with each
// key being current; put reads what stands behind the key.
func (b *Backend) takeSection(delta bool, src []byte, drop func(),
	put func(src []byte) (rest []byte, err error),
) error {
	saved, known := b.Current, b.known
	defer func() { b.Current, b.known = saved, known }()
	if delta {
		n, used := binary.Uvarint(src)
		if used <= 0 {
			return fmt.Errorf("the number of deleted keys is cut off")
		}
		src = src[used:]
		for range n {
			k, rest, err := b.TakeKey(src)
			if err != nil {
				return err
			}
			b.Current, src = k, rest
			drop()
		}
	}
	for len(src) > 0 {
		k, rest, err := b.TakeKey(src)
		if err != nil {
			return err
		}
		b.Current = k
		if src, err = put(rest); err != nil {
			return err
		}
	}
	return nil
}
