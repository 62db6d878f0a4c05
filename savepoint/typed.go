package savepoint

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"strconv"
	"unsafe"

	"github.com/flott-dev/flott/internal/codec"
)

// Typed is an entry of a keyed state in the program's own types. For a list V is a slice, and for a
// map each entry is one of these, with the map's key in Row.Namespace.
type Typed[K, V any] struct {
	Key   K
	Value V
	// Row has the rest: window, time and key group. Its Key and Value are not set.
	Row Row
}

// Read reads all entries of a state. The types must be encoded as those that were written: names of
// types do not matter, names and order of fields do. For a list V is the type of its items' slice.
func Read[K, V any](st *State) iter.Seq2[Typed[K, V], error] {
	return func(yield func(Typed[K, V], error) bool) {
		d, err := decoderOf[K, V](st)
		if err != nil {
			yield(Typed[K, V]{}, err)
			return
		}
		for i := range st.groups {
			if !d.group(&st.groups[i], nil, yield) {
				return
			}
		}
	}
}

// Get reads the value of one key, of which only the key group is loaded. ok is false when there is none.
// Of a map, or a state of windows, it is any one of the key's; see Read.
func Get[K, V any](st *State, key K) (v V, ok bool, err error) {
	d, err := decoderOf[K, V](st)
	if err != nil {
		return v, false, err
	}
	b := keyBytes(d.key, &key)
	kg := codec.KeyGroup(hashOf(&st.layout.key, b), st.op.MaxParallelism)
	i, has := st.at[kg]
	if !has {
		return v, false, nil
	}
	d.group(&st.groups[i], b, func(t Typed[K, V], e error) bool {
		v, ok, err = t.Value, e == nil, e
		return false
	})
	return v, ok, err
}

// coder decodes and encodes the keys and values of a state.
type coder[K, V any] struct {
	st    *State
	key   *codec.Key[K]
	value *codec.Codec[V]
}

func decoderOf[K, V any](st *State) (*coder[K, V], error) {
	stored := st.layout.value
	if st.layout.kind == "list" {
		stored = codec.Schema{Kind: codec.KindSlice, Elem: &st.layout.value}
		if st.layout.value.Kind == codec.KindUint8 {
			return nil, fmt.Errorf("operator %q: state %q: a list of bytes can only be read as rows", st.op.UID,
				st.Name)
		}
	}
	return coderOf[K, V](st, stored)
}

// coderOf is the coder of a state that has values, or items, of a schema.
func coderOf[K, V any](st *State, stored codec.Schema) (*coder[K, V], error) {
	if err := st.readable(); err != nil {
		return nil, err
	}
	if err := checkKeys[K](st); err != nil {
		return nil, err
	}
	key, err := codec.KeyFor[K](st.op.codecs)
	if err != nil {
		return nil, err
	}
	value, err := codec.For[V](st.op.codecs)
	if err != nil {
		return nil, fmt.Errorf("operator %q: state %q: %w%s", st.op.UID, st.Name, err, customHint(&stored))
	}
	if has := value.Schema(); !alike(&has, &stored) {
		return nil, fmt.Errorf("operator %q: state %q has values of type %v, not %v%s", st.op.UID, st.Name, stored,
			has, customHint(&stored))
	}
	return &coder[K, V]{st, key, value}, nil
}

// checkKeys refuses another type than that of the keys of a state.
func checkKeys[K any](st *State) error {
	key, err := codec.KeyFor[K](st.op.codecs)
	if err != nil {
		return fmt.Errorf("operator %q: state %q: %w%s", st.op.UID, st.Name, err, customHint(&st.layout.key))
	}
	if has := key.Schema(); !alike(&has, &st.layout.key) {
		return fmt.Errorf("operator %q: state %q has keys of type %v, not %v%s", st.op.UID, st.Name, st.layout.key,
			has, customHint(&st.layout.key))
	}
	return nil
}

// customHint says what a type that did not fit may lack.
func customHint(s *codec.Schema) string {
	name := customIn(s)
	if name == "" {
		return ""
	}
	return fmt.Sprintf("; values of %q have a codec of their own: give it to Open with savepoint.WithCodec", name)
}

// customIn is the name of a custom codec in a schema, "" for none.
func customIn(s *codec.Schema) string {
	if s == nil || s.Kind == codec.KindCustom {
		if s == nil {
			return ""
		}
		return s.Name
	}
	name := cmp.Or(customIn(s.Key), customIn(s.Elem))
	for i := range s.Fields {
		name = cmp.Or(name, customIn(&s.Fields[i].Schema))
	}
	return name
}

// alike reports whether values of both schemas are encoded alike: names of types do not matter.
func alike(a, b *codec.Schema) bool {
	if a.Kind != b.Kind || a.Kind != codec.KindSlice && a.Len != b.Len || len(a.Fields) != len(b.Fields) ||
		(a.Key == nil) != (b.Key == nil) || (a.Elem == nil) != (b.Elem == nil) {
		return false
	}
	if a.Key != nil && !alike(a.Key, b.Key) || a.Elem != nil && !alike(a.Elem, b.Elem) {
		return false
	}
	if (a.Kind == codec.KindBinary || a.Kind == codec.KindCustom) && a.Name != b.Name {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Name != b.Fields[i].Name || !alike(&a.Fields[i].Schema, &b.Fields[i].Schema) {
			return false
		}
	}
	return true
}

// keyBytes is a key as entries have it.
func keyBytes[K any](c *codec.Key[K], k *K) []byte {
	switch c.Kind() {
	case codec.KeyWord:
		return binary.LittleEndian.AppendUint64(nil, c.Word(k))
	case codec.KeyString:
		return []byte(*(*string)(unsafe.Pointer(k)))
	}
	return c.AppendKey(nil, k)
}

// keyFrom is the inverse of keyBytes.
func keyFrom[K any](c *codec.Key[K], b []byte) (k K, err error) {
	switch c.Kind() {
	case codec.KeyWord:
		return c.FromWord(binary.LittleEndian.Uint64(b)), nil
	case codec.KeyString:
		s := string(b)
		return *(*K)(unsafe.Pointer(&s)), nil
	}
	k, _, err = c.DecodeKey(b)
	return k, err
}

func (d *coder[K, V]) decodeKey(b []byte) (K, error) { return keyFrom(d.key, b) }

// group passes the entries of a key group, or only those of a key.
func (d *coder[K, V]) group(g *group, key []byte, yield func(Typed[K, V], error) bool) bool {
	stopped := false
	_, err := d.st.layout.each(g, func(e *entry) bool {
		if key != nil && string(e.key) != string(key) {
			return true
		}
		t, err := d.decode(e)
		t.Row.Group = g.number
		stopped = !yield(t, err) || err != nil
		return !stopped
	})
	if err != nil {
		yield(Typed[K, V]{}, d.st.op.failed(err))
		return false
	}
	return !stopped
}

func (d *coder[K, V]) decode(e *entry) (t Typed[K, V], err error) {
	l := &d.st.layout
	t.Row.Start, t.Row.End, t.Row.At = e.start, e.end, e.at
	if l.kind == "map" {
		sub := cursor{src: e.sub}
		t.Row.Namespace = sub.key(&l.sub, &l.sub, 0)
	} else if l.kind == "ordered" {
		t.Row.Namespace = append([]byte{}, e.sub...)
	}
	if t.Key, err = d.decodeKey(e.key); err != nil {
		return t, err
	}
	body := e.body
	if l.kind == "list" {
		pad := d.value.Schema().Len == 1
		body, t.Row.At = l.asSlice(e.body, pad)
	} else if l.ttl {
		t.Row.At, body = int64(binary.LittleEndian.Uint64(body)), body[8:]
	}
	_, err = d.value.Decode(body, &t.Value)
	return t, err
}

// asSlice is the body of a list as the encoding of a slice, and the time of its last update. With pad
// items have a byte each though they have nothing to encode.
func (l *layout) asSlice(body []byte, pad bool) (slice []byte, at int64) {
	c := cursor{src: body}
	n := uint64(0)
	var items []byte
	l.eachItem(c.sized(), func(item []byte) {
		n++
		if l.ttl {
			at, item = max(at, int64(binary.LittleEndian.Uint64(item))), item[8:]
		}
		items = append(items, item...)
		if pad {
			items = append(items, 0)
		}
	}, &c)
	return append(binary.AppendUvarint(nil, n+1), items...), at
}

// parseWord is the canonical bits of a number or bool.
func parseWord(k codec.Kind, text string) (uint64, error) {
	bits := 8 * widths[k]
	switch k {
	case codec.KindBool:
		b, err := strconv.ParseBool(text)
		if b {
			return 1, err
		}
		return 0, err
	case codec.KindFloat32:
		f, err := strconv.ParseFloat(text, 32)
		return uint64(math.Float32bits(float32(f))), err
	case codec.KindFloat64:
		f, err := strconv.ParseFloat(text, 64)
		return math.Float64bits(f), err
	case codec.KindUint8, codec.KindUint16, codec.KindUint32, codec.KindUint64:
		return strconv.ParseUint(text, 10, bits)
	}
	n, err := strconv.ParseInt(text, 10, bits)
	return uint64(n), err
}
