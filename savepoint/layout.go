package savepoint

import (
	"encoding/binary"
	"fmt"
	"maps"
	"strings"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// layout says how the sections of a keyed state are laid out: see docs/checkpoint-format.md.
type layout struct {
	kind     string // without TTL
	ttl      bool
	windowed bool
	key      codec.Schema // without a window
	sub      codec.Schema // of a map's key
	stored   codec.Schema // of what is stored for each value, item or payload
	value    codec.Schema // stored, without a time
}

const ttlSuffix = " with TTL"

func layoutOf(d operator.Description) (layout, error) {
	l := layout{key: d.Key, sub: d.Namespace, stored: d.Value, value: d.Value}
	l.kind, l.ttl = strings.CutSuffix(d.Kind, ttlSuffix)
	if l.key.Kind == codec.KindStruct && l.key.Name == operator.WindowKey && len(l.key.Fields) == 3 {
		l.windowed, l.key = true, l.key.Fields[0].Schema
	}
	switch l.kind {
	case "value", "list", "map", "ordered", "timer", "slice":
	default:
		return l, fmt.Errorf("the layout %q is not known; use a newer flott", d.Kind)
	}
	if l.key.Kind == codec.KindInvalid || l.stored.Kind == codec.KindInvalid {
		return l, fmt.Errorf("it has no schema of its keys and values; take another snapshot with this " +
			"version of flott")
	}
	if l.ttl && (l.stored.Kind != codec.KindStruct || len(l.stored.Fields) != 2) {
		return l, fmt.Errorf("the schema %v has no time of the last update", l.stored)
	}
	if l.ttl {
		l.value = l.stored.Fields[1].Schema
	}
	return l, nil
}

// entry is an entry of a section. Its parts are parts of the section.
type entry struct {
	id         []byte // what tells it apart from others
	key        []byte // without length and window
	start, end int64  // of a window or slice
	at         int64  // of a timer
	sub        []byte // key within a map, in canonical form; sub-key of an ordered map
	body       []byte // what stands behind the identity
}

// next takes an entry.
func (l *layout) next(c *cursor) (e entry) {
	l.identity(c, &e)
	body := c.src
	switch l.kind {
	case "list":
		l.eachItem(c.sized(), func([]byte) {}, c)
	default:
		c.value(&l.stored, &l.stored, 0, true)
	}
	if c.err == nil {
		e.body = body[:len(body)-len(c.src)]
	}
	return e
}

// identity takes what an entry begins with, or a deleted one consists of.
func (l *layout) identity(c *cursor, e *entry) {
	from := c.src
	switch l.kind {
	case "timer":
		e.at = c.varint()
	case "slice":
		e.start, e.end = c.varint(), c.varint()
	}
	l.takeKey(c, e)
	switch l.kind {
	case "map":
		at := c.src
		c.key(&l.sub, &l.sub, 0)
		e.sub = at[:len(at)-len(c.src)]
	case "ordered":
		e.sub = c.sized()
	}
	if c.err == nil {
		e.id = from[:len(from)-len(c.src)]
	}
}

// deleted takes the identity of a deleted entry, or what those of a slice that is gone begin with.
func (l *layout) deleted(c *cursor, e *entry) {
	if l.kind != "slice" {
		l.identity(c, e)
		return
	}
	from := c.src
	e.start, e.end = c.varint(), c.varint()
	e.id = from[:len(from)-len(c.src)]
}

// takeKey takes a key, and its window.
func (l *layout) takeKey(c *cursor, e *entry) {
	if !l.windowed {
		e.key = l.plainKey(c)
		return
	}
	inner := cursor{src: c.sized()}
	e.key = l.plainKey(&inner)
	w := inner.fixed(16)
	if inner.err == nil && len(inner.src) > 0 {
		inner.err = fmt.Errorf("%d bytes are left over behind a window", len(inner.src))
	}
	if inner.err != nil {
		c.fail("%w", inner.err)
	}
	e.start = int64(binary.BigEndian.Uint64(w))
	e.end = int64(binary.BigEndian.Uint64(w[8:]))
}

func (l *layout) plainKey(c *cursor) []byte {
	if isWord(&l.key) {
		return c.fixed(8)
	}
	return c.sized()
}

// eachItem passes the items of a list, errors to c.
func (l *layout) eachItem(list []byte, f func(item []byte), c *cursor) {
	in := cursor{src: list}
	for len(in.src) > 0 && in.err == nil {
		from := in.src
		in.value(&l.stored, &l.stored, 0, true)
		item := from[:len(from)-len(in.src)]
		if len(item) == 0 {
			in.take(1)
		}
		f(item)
	}
	if in.err != nil {
		c.fail("an item of a list: %w", in.err)
	}
}

// group is the sections of a state in a key group, to be applied in their order.
type group struct {
	number   int
	sections []operator.Section
}

// each passes the entries of a group, deltas applied, until f returns false. An entry is valid until the
// group is dropped.
func (l *layout) each(g *group, f func(e *entry) bool) (more bool, err error) {
	if len(g.sections) == 1 && !g.sections[0].Delta {
		return l.eachOf(&g.sections[0], nil, f)
	}
	// A later section replaces entries and deletes them.
	at := map[string]int{}
	var all []entry
	for i := range g.sections {
		_, err := l.eachOf(&g.sections[i], func(deleted *entry) {
			if l.kind == "slice" {
				maps.DeleteFunc(at, func(id string, i int) bool {
					gone := strings.HasPrefix(id, string(deleted.id))
					if gone {
						all[i].id = nil
					}
					return gone
				})
			} else if i, ok := at[string(deleted.id)]; ok {
				all[i].id = nil
				delete(at, string(deleted.id))
			}
		}, func(e *entry) bool {
			if i, ok := at[string(e.id)]; ok {
				all[i] = *e
				return true
			}
			at[string(e.id)] = len(all)
			all = append(all, *e)
			return true
		})
		if err != nil {
			return false, err
		}
	}
	for i := range all {
		if all[i].id != nil && !f(&all[i]) {
			return false, nil
		}
	}
	return true, nil
}

// eachOf passes what a section has.
func (l *layout) eachOf(s *operator.Section, deleted func(e *entry), f func(e *entry) bool,
) (more bool, err error) {
	data, err := s.Data.Load()
	if err != nil {
		return false, err
	}
	c := cursor{src: data}
	if s.Delta {
		for range c.uvarint() {
			var e entry
			if l.deleted(&c, &e); c.err != nil {
				break
			}
			if deleted != nil {
				deleted(&e)
			}
		}
	}
	for len(c.src) > 0 && c.err == nil {
		e := l.next(&c)
		if c.err == nil && !f(&e) {
			return false, nil
		}
	}
	if c.err != nil {
		return false, fmt.Errorf("state %q, key group %d: a section cannot be read: %w", s.State, s.Group, c.err)
	}
	return true, nil
}
