package exec

import (
	"time"

	"github.com/flott-dev/flott/internal/keyed"
)

// keptRows is a state with bytes for each key, rows in a layout, which may expire.
type keptRows struct {
	values *keyed.Values[[]byte]
	timed  *keyed.TTLValues[[]byte]
}

// newKeptRows adds the state to a backend.
func newKeptRows(b *keyed.Backend, ttl time.Duration) keptRows {
	var k keptRows
	if ttl == 0 {
		k.values = keyed.NewValues(b, mustCodec[[]byte]())
		b.Add("rows", k.values)
		return k
	}
	k.timed = keyed.NewTTLValues(b, mustCodec[keyed.Timed[[]byte]](), mustCodec[[]byte](), timeToLive(ttl))
	b.Add("rows", k.timed)
	return k
}

func timeToLive(ttl time.Duration) keyed.TTL { return keyed.TTL{Millis: ttl.Milliseconds()} }

// lookup is the bytes of the current key, to be read until the next call; nil without any.
func (k *keptRows) lookup() []byte {
	var p *[]byte
	if k.timed != nil {
		p = k.timed.Lookup()
	} else {
		p = k.values.Lookup()
	}
	if p == nil {
		return nil
	}
	return *p
}

// change is the bytes of the current key, to be changed until the next call.
func (k *keptRows) change() *[]byte {
	if k.timed != nil {
		p, _ := k.timed.Current()
		return p
	}
	p, _ := k.values.Current()
	return p
}

func (k *keptRows) drop() {
	if k.timed != nil {
		k.timed.Drop()
		return
	}
	k.values.Drop()
}
