package keyed

import (
	"bytes"

	"github.com/flott-dev/flott/internal/codec"
)

// packed keeps values of a type with pointers encoded, for keys without number. A few of them are
// open: decoded, by key, for as long as no other key takes the place. So the values of keys that come
// often are not decoded and encoded each time, and what the garbage collector sees is bounded.
//
//	Current ──▶ open ──(place taken, freeze)──▶ encode ──if it differs──▶ records
//	              ▲                                                          │
//	              └──────────────────────── decode ──────────────────────────┘
//
// Until an open value is written back, the record has what the state was before; a scan that needs
// the value as it was at the freeze finds it there, since a freeze writes back first.
type packed[V any] struct {
	// A field, as embedding would have the compiler make each of its methods for each V.
	records records
	codec   *codec.Codec[V]
	open    []openValue[V]
	scratch []byte
}

// openMax is the number of open values.
const openMax = 1024

type openValue[V any] struct {
	v     V
	key   Current // Bytes is memory of its own
	at    int     // the slot at which the entry was last seen
	used  bool
	dirty bool // the value may have been changed
}

func (p *packed[V]) init(b *Backend, c *codec.Codec[V]) {
	p.codec = c
	p.records.init(b, func(dst, value []byte) []byte { return append(dst, value...) })
	p.records.chill(p.form())
}

// current is Values.Current.
func (p *packed[V]) current() (v *V, fresh bool) {
	k := &p.records.b.Current
	e := p.place(k.Hash)
	if p.isOpen(e, k) {
		e.dirty = true
		return &e.v, false
	}
	p.close(e)
	g, i := p.records.find(k)
	if fresh = i < 0; fresh {
		g, i = p.records.insert(k)
	}
	p.load(e, g, i)
	e.dirty = true
	return &e.v, fresh
}

// lookup is Values.Lookup.
func (p *packed[V]) lookup() *V {
	k := &p.records.b.Current
	e := p.place(k.Hash)
	if p.isOpen(e, k) {
		return &e.v
	}
	g, i := p.records.find(k)
	if i < 0 {
		return nil
	}
	p.close(e)
	if p.records.front != nil {
		g, i = p.records.find(k) // close may have moved it
	}
	p.load(e, g, i)
	return &e.v
}

// change is Values.Change.
func (p *packed[V]) change() *V {
	v := p.lookup()
	if v != nil {
		p.place(p.records.b.Hash).dirty = true
	}
	return v
}

// drop is Values.Drop.
func (p *packed[V]) drop() {
	k := &p.records.b.Current
	if e := p.place(k.Hash); p.isOpen(e, k) {
		e.forget()
	}
	if g, i := p.records.find(k); i >= 0 {
		p.records.remove(g, i)
	}
}

// place is where the value of a key is when it is open. The low bits of the hash decide the slot,
// the high ones the key group; both are mixed in, since either may be the same for many keys.
func (p *packed[V]) place(hash uint64) *openValue[V] {
	if p.open == nil {
		p.open = make([]openValue[V], openMax)
	}
	return &p.open[(hash^hash>>20^hash>>40)%openMax]
}

func (p *packed[V]) isOpen(e *openValue[V], k *Current) bool {
	return e.used && e.key.Hash == k.Hash && e.key.Word == k.Word && bytes.Equal(e.key.Bytes, k.Bytes)
}

// load opens the value at an index of a group for the current key.
func (p *packed[V]) load(e *openValue[V], group, i int) {
	k := &p.records.b.Current
	e.key = Current{k.Hash, k.Word, append(e.key.Bytes[:0], k.Bytes...)}
	e.at, e.used, e.dirty = i, true, false
	if ref := *p.records.groups[group].valueAt(i); ref != 0 {
		if _, err := p.codec.Decode(p.records.data(group, ref), &e.v); err != nil {
			panic(err) // what was encoded here
		}
	}
}

// close makes the place free.
func (p *packed[V]) close(e *openValue[V]) {
	if e.used {
		p.writeBack(e)
		e.forget()
	}
}

func (e *openValue[V]) forget() {
	var zero V
	e.v, e.used, e.dirty = zero, false, false
}

// writeBack encodes a value that may have been changed.
func (p *packed[V]) writeBack(e *openValue[V]) {
	if !e.dirty {
		return
	}
	e.dirty = false
	p.scratch = p.codec.Append(p.scratch[:0], &e.v)
	g := p.records.indexOf(e.key.Hash)
	m := &p.records.groups[g]
	i := e.at
	if !m.isAt(i, &e.key, p.records.b.IsWord) {
		_, i = p.records.find(&e.key)
		e.at = i
	}
	if ref := *m.valueAt(i); ref != 0 && bytes.Equal(p.records.data(g, ref), p.scratch) {
		return
	}
	p.records.tracked.change(g, i)
	p.records.set(g, i, p.scratch)
}

// flush writes all open values back.
func (p *packed[V]) flush() {
	for i := range p.open {
		if e := &p.open[i]; e.used {
			p.writeBack(e)
		}
	}
	if cap(p.scratch) > scratchMax {
		p.scratch = nil
	}
}

// A larger buffer is not kept.
const scratchMax = 1 << 20

func (p *packed[V]) each(f func(hash, word uint64, key []byte, v *V) bool) {
	p.flush()
	for g := range p.records.groups {
		m := &p.records.groups[g]
		for i := m.Next(-1); i >= 0; i = m.Next(i) {
			hash, word, key, ref := m.At(i)
			var v V
			if _, err := p.codec.Decode(p.records.data(g, *ref), &v); err != nil {
				panic(err)
			}
			if !f(hash, word, key, &v) {
				return
			}
		}
	}
}

func (p *packed[V]) clear() {
	for i := range p.open {
		p.open[i].forget()
	}
	p.records.Clear()
}
