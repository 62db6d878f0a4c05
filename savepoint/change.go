package savepoint

import (
	"encoding/binary"
	"fmt"
)

// Change changes a keyed state row by row: f gets each entry and returns its new value, and false to
// delete it. The types are as those of Read. A list whose items expire one by one is changed by
// ChangeItems.
func Change[K, V any](w *Writer, uid, state string, f func(t Typed[K, V]) (v V, keep bool)) {
	e, st := w.state(uid, state)
	if st == nil {
		return
	}
	d, err := decoderOf[K, V](st)
	if err != nil {
		w.fail(err)
		return
	}
	if st.layout.kind == "list" && st.layout.ttl {
		w.fail(fmt.Errorf("operator %q: state %q is a list whose items expire one by one; change it with "+
			"savepoint.ChangeItems", uid, state))
		return
	}
	e.changes[state] = func(old *entry) ([]byte, bool, error) {
		t, err := d.decode(old)
		if err != nil {
			return nil, false, err
		}
		v, keep := f(t)
		if !keep {
			return nil, false, nil
		}
		return d.body(old, &v)
	}
}

// ChangeItems changes a list item by item: f gets each with its key and returns the new one, and false to
// delete it. Of a list that expires, Row.At is when the item was added, which stays. A list without
// items is deleted.
func ChangeItems[K, E any](w *Writer, uid, state string, f func(t Typed[K, E]) (item E, keep bool)) {
	e, st := w.state(uid, state)
	if st == nil {
		return
	}
	if st.layout.kind != "list" {
		w.fail(fmt.Errorf("operator %q: state %q is a %s and not a list; change it with savepoint.Change", uid,
			state, st.layout.kind))
		return
	}
	d, err := coderOf[K, E](st, st.layout.value)
	if err != nil {
		w.fail(err)
		return
	}
	e.changes[state] = func(old *entry) ([]byte, bool, error) { return d.changeItems(old, f) }
}

func (w *Writer) state(uid, name string) (*edited, *State) {
	e := w.of(uid)
	if e == nil {
		return nil, nil
	}
	st, err := e.op.State(name)
	if err != nil {
		w.fail(err)
	}
	return e, st
}

func (d *coder[K, E]) changeItems(old *entry, f func(t Typed[K, E]) (E, bool)) (body []byte, keep bool, err error) {
	key, err := d.decodeKey(old.key)
	if err != nil {
		return nil, false, err
	}
	l := &d.st.layout
	var items []byte
	c := cursor{src: old.body}
	l.eachItem(c.sized(), func(item []byte) {
		t := Typed[K, E]{Key: key, Row: Row{Start: old.start, End: old.end}}
		var at []byte
		if l.ttl {
			at, item = item[:8], item[8:]
			t.Row.At = int64(binary.LittleEndian.Uint64(at))
		}
		if _, e := d.value.Decode(item, &t.Value); e != nil {
			c.fail("an item of a list: %w", e)
			return
		}
		v, keep := f(t)
		if !keep {
			return
		}
		before := len(items)
		if items = d.value.Append(append(items, at...), &v); len(items) == before {
			items = append(items, 0) // an item that takes no bytes has one
		}
	}, &c)
	if c.err != nil || len(items) == 0 {
		return nil, false, c.err
	}
	return appendSized(nil, items), true, nil
}

// body is the encoding of a value as the state has it; a list without items is none.
func (d *coder[K, V]) body(old *entry, v *V) (body []byte, keep bool, err error) {
	switch {
	case d.st.layout.kind == "list":
		return d.list(d.value.Append(nil, v))
	case d.st.layout.ttl:
		body = append(body, old.body[:8]...)
	}
	return d.value.Append(body, v), true, nil
}

// list makes the body of a list from the encoding of a slice.
func (d *coder[K, V]) list(encoded []byte) (body []byte, keep bool, err error) {
	c := cursor{src: encoded}
	n := c.uvarint()
	if n <= 1 {
		return nil, false, c.err
	}
	items := c.src
	if len(items) == 0 {
		items = make([]byte, n-1) // an item that takes no bytes has one
	}
	body = appendSized(nil, items)
	return body, true, c.err
}
