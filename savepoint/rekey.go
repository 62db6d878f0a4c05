package savepoint

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// Rekey gives the keyed state of an operator other keys, of another type too: all of its states, with
// windows and timers, under what f makes of each key, in the key groups of the new ones. Two keys
// that become one are an error, which names both; f may refuse a key. It comes together with other changes
// of the operator, which see the old keys.
//
// All keys of the operator are in memory meanwhile, and one state at a time. Event time of the operator
// goes back to the least of its key groups.
func Rekey[K1, K2 any](w *Writer, uid string, f func(old K1) (K2, error)) {
	e := w.of(uid)
	if e == nil {
		return
	}
	to, err := codec.KeyFor[K2](e.op.codecs)
	if err != nil {
		w.fail(err)
		return
	}
	if len(e.op.States) == 0 {
		w.fail(fmt.Errorf("operator %q has no keyed state whose keys could change", uid))
		return
	}
	for _, st := range e.op.States {
		if err := st.readable(); err != nil {
			w.fail(err)
			return
		}
		if err := checkKeys[K1](st); err != nil {
			w.fail(err)
			return
		}
	}
	from, err := codec.KeyFor[K1](e.op.codecs)
	if err != nil {
		w.fail(err)
		return
	}
	e.rekey = &rekeying{
		schema: to.Schema(), word: to.Kind() == codec.KeyWord, now: map[string]string{}, was: map[string]string{},
		convert: func(b []byte) ([]byte, error) {
			old, err := keyFrom(from, b)
			if err != nil {
				return nil, err
			}
			k, err := f(old)
			if err != nil {
				return nil, err
			}
			return keyBytes(to, &k), nil
		},
		old: e.op.States[0].layout.key,
	}
}

// rekeying gives the entries of an operator other keys.
type rekeying struct {
	old, schema codec.Schema
	word        bool
	convert     func(old []byte) ([]byte, error)
	now, was    map[string]string // the new key of an old one, and the other way
}

// key is the new key of an old one.
func (r *rekeying) key(old []byte) ([]byte, error) {
	if key, ok := r.now[string(old)]; ok {
		return []byte(key), nil
	}
	key, err := r.convert(old)
	if err != nil {
		return nil, fmt.Errorf("the new key of %s: %w", r.text(string(old)), err)
	}
	if other, ok := r.was[string(key)]; ok {
		v, err := keyOf(&r.schema, key)
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("the keys %s and %s both become %s, and state of two keys cannot be merged; remove one "+
			"of them, or give them different keys", r.text(other), r.text(string(old)), Text(v))
	}
	r.now[string(old)], r.was[string(key)] = string(key), string(old)
	return key, nil
}

// text is an old key for an error.
func (r *rekeying) text(old string) string {
	v, err := keyOf(&r.old, []byte(old))
	if err != nil {
		return fmt.Sprintf("%x", old)
	}
	return Text(v)
}

func (r *rekeying) hash(key []byte) uint64 { return hashOf(&r.schema, key) }

// describe tells the new key of each state.
func (r *rekeying) describe(described map[string]operator.Description) {
	for name, d := range described {
		l, err := layoutOf(d)
		if err != nil {
			continue // there is none that cannot be read
		}
		if d.Key = r.schema; l.windowed {
			was := described[name].Key
			d.Key = codec.Schema{Kind: was.Kind, Name: was.Name, Fields: slices.Clone(was.Fields)}
			d.Key.Fields[0].Schema = r.schema
		}
		described[name] = d
	}
}

// identityWith is the identity of an entry with another key, which is a word or not.
func (l *layout) identityWith(e *entry, word bool, key []byte) (id []byte) {
	switch l.kind {
	case "timer":
		id = binary.AppendVarint(id, e.at)
	case "slice":
		id = binary.AppendVarint(binary.AppendVarint(id, e.start), e.end)
	}
	plain := key
	if !word {
		plain = appendSized(nil, key)
	}
	if l.windowed {
		plain = binary.BigEndian.AppendUint64(append([]byte{}, plain...), uint64(e.start))
		plain = appendSized(nil, binary.BigEndian.AppendUint64(plain, uint64(e.end)))
	}
	id = append(id, plain...)
	switch l.kind {
	case "map":
		id = append(id, e.sub...)
	case "ordered":
		id = appendSized(id, e.sub)
	}
	return id
}
