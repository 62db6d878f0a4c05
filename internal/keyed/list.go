package keyed

import (
	"encoding/binary"
	"fmt"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// List is a state with a list for each key. A list is kept as the encodings of its items, one after
// the other and without their number, so that to append to a list is to append bytes. Whatever keeps
// lists can do so without reading them.
type List[E any] struct {
	records
	codec   *codec.Codec[E]
	pad     bool // items take no bytes; each gets one
	scratch []byte
	skip    int // bytes before each item that is restored
}

// NewList returns an empty state of b.
func NewList[E any](b *Backend, c *codec.Codec[E]) *List[E] {
	l := &List[E]{codec: c}
	n, fixed := c.FixedSize()
	l.pad = fixed && n == 0
	l.init(b, func(dst, list []byte) []byte {
		return append(binary.AppendUvarint(dst, uint64(len(list))), list...)
	})
	l.chill(l.form())
	return l
}

// Add appends to the list of the current key, which is not read if it is on disk.
func (l *List[E]) Add(items ...E) {
	if len(items) == 0 {
		return
	}
	l.encode(items)
	g, i := l.toAppend(&l.b.Current)
	l.extend(g, i, l.scratch)
}

// Set replaces the list of the current key; an empty one is no state.
func (l *List[E]) Set(items []E) {
	if len(items) == 0 {
		l.Drop()
		return
	}
	l.encode(items)
	g, i := l.change()
	l.set(g, i, l.scratch)
}

// Get decodes the list of the current key. It belongs to the caller; without state it is nil.
func (l *List[E]) Get() []E {
	g, i := l.find(&l.b.Current)
	if i < 0 {
		return nil
	}
	src := l.data(g, *l.groups[g].valueAt(i))
	var items []E
	if n, fixed := l.codec.FixedSize(); fixed {
		items = make([]E, 0, len(src)/max(n, 1))
	}
	for len(src) > 0 {
		var e E
		rest, err := l.codec.Decode(src, &e)
		if err != nil {
			panic(err) // what was encoded here
		}
		if l.pad {
			rest = rest[1:]
		}
		items, src = append(items, e), rest
	}
	return items
}

// Drop deletes the list of the current key.
func (l *List[E]) Drop() {
	if g, i := l.find(&l.b.Current); i >= 0 {
		l.remove(g, i)
	}
}

func (l *List[E]) encode(items []E) {
	l.scratch = l.scratch[:0]
	for i := range items {
		l.scratch = l.codec.Append(l.scratch, &items[i])
		if l.pad {
			l.scratch = append(l.scratch, 0)
		}
	}
}

// change is the entry of the current key, marked as changed.
func (l *List[E]) change() (group, i int) {
	group, i = l.find(&l.b.Current)
	if i >= 0 {
		l.tracked.change(group, i)
		return group, i
	}
	return l.insert(&l.b.Current)
}

// Describe is the form of the entries; the value of one is the number of bytes of a list, then its
// items.
func (l *List[E]) Describe() operator.Description {
	return operator.Description{Kind: "list", Value: l.codec.Schema()}
}

// Adapt tells the form of what is about to be restored. The times of a state with TTL are left out.
func (l *List[E]) Adapt(d operator.Description) { l.skip = timeBytesOf(d) }

// RestoreGroup applies a section.
func (l *List[E]) RestoreGroup(_ int, delta bool, src []byte) error {
	return l.b.takeSection(delta, src, l.Drop, func(src []byte) (rest []byte, err error) {
		list, rest, err := takeList(src)
		if err != nil {
			return nil, err
		}
		l.scratch = l.scratch[:0]
		for len(list) > 0 {
			var e E
			item := list[min(l.skip, len(list)):]
			if list, err = l.codec.Decode(item, &e); err != nil {
				return nil, err
			}
			l.scratch = append(l.scratch, item[:len(item)-len(list)]...)
			if l.pad {
				l.scratch = append(l.scratch, 0)
				list = list[min(1-l.skip/timeBytes, len(list)):]
			}
		}
		g, i := l.change()
		l.set(g, i, l.scratch)
		return rest, nil
	})
}

// takeList reads the bytes of a list.
func takeList(src []byte) (list, rest []byte, err error) {
	n, used := binary.Uvarint(src)
	if used <= 0 || n > uint64(len(src)-used) {
		return nil, nil, fmt.Errorf("a list is cut off")
	}
	src = src[used:]
	return src[:n], src[n:], nil
}
