package exec

import (
	"slices"
	"time"

	"github.com/flott-dev/flott/internal/keyed"
)

// keptRows is a state with bytes for each key, rows in a layout, which may expire. Bytes are never empty.
type keptRows struct {
	bytes *keyed.Bytes
	timed *keyed.TTLValues[[]byte]
}

// newKeptRows adds the state to a backend.
func newKeptRows(b *keyed.Backend, ttl time.Duration) keptRows {
	var k keptRows
	if ttl == 0 {
		k.bytes = keyed.NewBytes(b)
		b.Add("rows", k.bytes)
		return k
	}
	k.timed = keyed.NewTTLValues(b, mustCodec[keyed.Timed[[]byte]](), mustCodec[[]byte](), timeToLive(ttl))
	b.Add("rows", k.timed)
	return k
}

func timeToLive(ttl time.Duration) keyed.TTL { return keyed.TTL{Millis: ttl.Milliseconds()} }

// touch reads the bytes of some keys ahead.
func (k *keptRows) touch(hashes []uint64) {
	if k.bytes != nil {
		k.bytes.Touch(hashes)
	}
}

// lookup is the bytes of the current key, to be read until the state is changed; nil without any.
func (k *keptRows) lookup() []byte {
	if k.bytes != nil {
		return k.bytes.Get()
	}
	p := k.timed.Lookup()
	if p == nil {
		return nil
	}
	return *p
}

// put replaces the bytes of the current key.
func (k *keptRows) put(value []byte) {
	if k.bytes != nil {
		k.bytes.Put(value)
		return
	}
	p, _ := k.timed.Current()
	*p = append((*p)[:0], value...)
}

// append appends to the bytes of the current key.
func (k *keptRows) append(more []byte) {
	if k.bytes != nil {
		k.bytes.Append(more)
		return
	}
	p, _ := k.timed.Current()
	*p = append(*p, more...)
}

// cut takes the bytes from one place up to another out of those of the current key, which are more.
func (k *keptRows) cut(from, to int) {
	if k.bytes != nil {
		k.bytes.Cut(from, to)
		return
	}
	p, _ := k.timed.Current()
	*p = slices.Delete(*p, from, to)
}

func (k *keptRows) drop() {
	if k.bytes != nil {
		k.bytes.Drop()
		return
	}
	k.timed.Drop()
}
