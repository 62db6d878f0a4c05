package savepoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/colcodec"
)

// Row is an entry of a keyed state. A list is one row, with a []any; of a map each entry is a row.
type Row struct {
	Key any
	// Namespace is the key of a map's entry, or the sub-key of an ordered map.
	Namespace any
	// Value is the value, the items of a list, or the payload of a timer.
	Value any
	// Start and End are the window, where there is one, in milliseconds since 1970.
	Start, End int64
	// At is the time of a timer, or of the last update of an entry that expires.
	At int64
	// Group is the key group.
	Group int
}

// Rows reads all entries, by key group. An error ends it.
func (st *State) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if err := st.readable(); err != nil {
			yield(Row{}, err)
			return
		}
		for i := range st.groups {
			if !st.rowsOf(&st.groups[i], nil, yield) {
				return
			}
		}
	}
}

func (st *State) readable() error {
	if st.bad != nil {
		return fmt.Errorf("operator %q: state %q: %w", st.op.UID, st.Name, st.bad)
	}
	return nil
}

// rowsOf passes the rows of a key group, or only those of a key.
func (st *State) rowsOf(g *group, key []byte, yield func(Row, error) bool) bool {
	stopped := false
	_, err := st.layout.each(g, func(e *entry) bool {
		if key != nil && !bytes.Equal(e.key, key) {
			return true
		}
		row, err := st.layout.row(e)
		row.Group = g.number
		stopped = !yield(row, err) || err != nil
		return !stopped
	})
	if err != nil {
		yield(Row{}, st.op.failed(err))
		return false
	}
	return !stopped
}

// row decodes an entry.
func (l *layout) row(e *entry) (r Row, err error) {
	r.Start, r.End, r.At = e.start, e.end, e.at
	if r.Key, err = keyOf(&l.key, e.key); err != nil {
		return r, fmt.Errorf("a key: %w", err)
	}
	c := cursor{src: e.body}
	switch l.kind {
	case "list":
		r.Value = l.items(&c, &r)
	case "map":
		sub := cursor{src: e.sub}
		r.Namespace = sub.key(&l.sub, &l.sub, 0)
		r.Value = l.timed(&c, &r)
	case "ordered":
		r.Namespace = bytes.Clone(e.sub)
		r.Value = l.timed(&c, &r)
	default:
		r.Value = l.timed(&c, &r)
	}
	return r, c.err
}

// timed takes a value, and its time if it has one.
func (l *layout) timed(c *cursor, r *Row) any {
	v := c.value(&l.stored, &l.stored, 0, false)
	if s, ok := v.(Struct); ok && l.ttl && len(s) == 2 {
		at, _ := s[0].Value.(int64)
		r.At = max(r.At, at)
		return s[1].Value
	}
	return v
}

func (l *layout) items(c *cursor, r *Row) any {
	items := []any{}
	l.eachItem(c.sized(), func(item []byte) {
		in := cursor{src: item}
		items = append(items, l.timed(&in, r))
	}, c)
	return items
}

// Get reads the rows of one key, given as text as Text writes it. Only the key's group is read.
func (st *State) Get(key string) ([]Row, error) {
	if err := st.readable(); err != nil {
		return nil, err
	}
	b, err := st.layout.parseKey(key)
	if err != nil {
		return nil, fmt.Errorf("operator %q: state %q: key %q: %w", st.op.UID, st.Name, key, err)
	}
	if b == nil || colcodec.IsKeySchema(&st.layout.key) { // no text says what they are: all are compared
		return st.find(key)
	}
	return st.rowsOfKey(b)
}

func (st *State) rowsOfKey(key []byte) (rows []Row, err error) {
	kg := codec.KeyGroup(hashOf(&st.layout.key, key), st.op.MaxParallelism)
	i, ok := st.at[kg]
	if !ok {
		return nil, nil
	}
	st.rowsOf(&st.groups[i], key, func(r Row, e error) bool {
		rows, err = append(rows, r), e
		return e == nil
	})
	return rows, err
}

// find looks for a key by its text in all groups.
func (st *State) find(key string) (rows []Row, err error) {
	for row, err := range st.Rows() {
		if err != nil {
			return nil, err
		}
		if Text(row.Key) == key {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// Skew says how the state is spread over key groups. Groups without entries count.
type Skew struct {
	Entries, Bytes Spread
}

// Spread is the least, the middle and the greatest of a number in all key groups.
type Spread struct {
	Total, Min, Median, Max int64
	MaxGroup                int // the key group with the greatest
}

// Skew reads all of the state.
func (st *State) Skew() (s Skew, err error) {
	if err := st.readable(); err != nil {
		return s, err
	}
	entries, sizes := make([]int64, st.op.MaxParallelism), make([]int64, st.op.MaxParallelism)
	for i := range st.groups {
		g := &st.groups[i]
		if g.number >= len(entries) {
			return s, fmt.Errorf("operator %q: state %q has key group %d of %d", st.op.UID, st.Name, g.number,
				st.op.MaxParallelism)
		}
		_, err := st.layout.each(g, func(e *entry) bool {
			entries[g.number]++
			sizes[g.number] += int64(len(e.id) + len(e.body))
			return true
		})
		if err != nil {
			return s, st.op.failed(err)
		}
	}
	return Skew{Entries: spreadOf(entries), Bytes: spreadOf(sizes)}, nil
}

func spreadOf(n []int64) (s Spread) {
	if len(n) == 0 {
		return s
	}
	for i, v := range n {
		s.Total += v
		if v > n[s.MaxGroup] {
			s.MaxGroup = i
		}
	}
	s.Max = n[s.MaxGroup]
	slices.Sort(n)
	s.Min, s.Median = n[0], n[len(n)/2]
	return s
}

// parseKey is the key that a text stands for; nil if only a comparison can tell.
func (l *layout) parseKey(text string) ([]byte, error) {
	k := l.key.Kind
	switch {
	case k == codec.KindString:
		return []byte(text), nil
	case k == codec.KindDuration:
		d, err := time.ParseDuration(text)
		return binary.LittleEndian.AppendUint64(nil, uint64(d)), err
	case isWord(&l.key):
		w, err := parseWord(k, text)
		return binary.LittleEndian.AppendUint64(nil, w), err
	}
	return nil, nil
}
