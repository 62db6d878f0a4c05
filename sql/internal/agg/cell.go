package agg

import (
	"unsafe"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/row"
)

// cell holds one value of an argument, or none: in words behind one that is its state, or in an entry. Bytes are in the
// words if there are few.
type cell struct {
	t       *row.Type
	size    int  // words of the value, 0 for bytes and what else has no fixed size
	inline  bool // bytes
	at      int
	entries entries // 'c'
	layout  *colcodec.Layout
	cols    []*column.Vector
	scratch *column.Vector
	other   *column.Vector // of readIn
}

// The states of a cell. That of bytes in the words is their number and one.
const (
	cellEmpty = 0
	cellFull  = 1
	cellLent  = 254 // the value is in an entry of another name, which is in the words
	cellFar   = 255 // the value is in an entry
)

const (
	inlineWords = 3
	inlineMax   = 8 * inlineWords
)

func (m *maker) cell(t *row.Type) cell {
	c := cell{t: t, size: wordsOf(t), inline: column.FormOf(t) == column.FormBytes}
	if c.size == 0 {
		c.entries = m.entries('c')
		c.layout = colcodec.NewLayout([]*row.Type{t.Nullable(true)})
		c.scratch, c.other = column.New(t), column.New(t)
	}
	return c
}

func (c *cell) words() int {
	if c.inline {
		return 1 + inlineWords
	}
	return 1 + c.size
}

func (c *cell) place(at int) { c.at = at }

// state is 0 while there is no value.
func (c *cell) state(a Acc) *uint64 { return word(a, c.at) }

// setWords sets the value of a cell with words.
func (c *cell) setWords(a Acc, x, y uint64) {
	*word(a, c.at+1) = x
	if c.size > 1 {
		*word(a, c.at+2) = y
	}
}

func (c *cell) getWords(a Acc) (x, y uint64) {
	x = *word(a, c.at+1)
	if c.size > 1 {
		y = *word(a, c.at+2)
	}
	return x, y
}

// inlined are the bytes in the words, of which as many count as the state says.
func (c *cell) inlined(a Acc) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(word(a, c.at+1))), inlineMax)
}

// isNear reports whether the value, and one that may take its place, are in words: then the group need not be current.
func (c *cell) isNear(a Acc, v *column.Vector, p int) bool {
	return c.size > 0 || c.inline && *c.state(a) != cellFar && len(v.Bytes(p)) <= inlineMax
}

// set sets the value. The group is current, unless isNear.
func (c *cell) set(a Acc, v *column.Vector, p int) {
	if c.size > 0 {
		*c.state(a) = cellFull
		x, y := load(v, p)
		c.setWords(a, x, y)
		return
	}
	c.clear(a)
	if c.inline && len(v.Bytes(p)) <= inlineMax {
		*c.state(a) = uint64(1 + copy(c.inlined(a), v.Bytes(p)))
		return
	}
	*c.state(a) = cellFar
	c.cols = append(c.cols[:0], v)
	key := c.layout.Append(c.entries.prefix(), c.cols, p)
	c.entries.buf = key
	c.entries.Put(key, 1)
}

// clear drops the value. The group is current if it is far.
func (c *cell) clear(a Acc) {
	if *c.state(a) == cellFar {
		rest, _, _ := c.entries.first()
		key := append(c.entries.prefix(), rest...)
		c.entries.buf = key
		c.entries.Delete(key)
	}
	*c.state(a) = cellEmpty
}

// read is the value, which is there and not in words of a fixed number, as value 0 of the result. The group is
// current if it is far.
func (c *cell) read(a Acc) *column.Vector {
	c.scratch.Reset()
	switch n := *c.state(a); n {
	case cellFar:
		c.decode(c.scratch, c.entries.firstIn(c.entries.space))
	case cellLent:
		c.decode(c.scratch, c.entries.firstIn(c.inlined(a)[:lentName]))
	default:
		c.scratch.AppendBytes(c.inlined(a)[:n-1])
	}
	return c.scratch
}

func (c *cell) decode(v *column.Vector, src []byte) {
	c.cols = append(c.cols[:0], v)
	if _, err := c.layout.Decode(src, c.cols); err != nil {
		panic(err) // what was encoded here
	}
}

func (c *cell) append(g *Groups, out *column.Vector) {
	for i, a := range g.Accs {
		switch n := *c.state(a); {
		case n == cellEmpty:
			out.AppendNull()
		case c.size > 0:
			x, y := c.getWords(a)
			store(out, x, y)
		case n < cellLent:
			out.AppendBytes(c.inlined(a)[:n-1])
		default:
			g.Current(i)
			out.AppendFrom(c.read(a), 0)
		}
	}
}

// readIn is read for a group of another namespace, as value 0 of another result.
func (c *cell) readIn(a Acc, space []byte) *column.Vector {
	c.other.Reset()
	if *c.state(a) != cellFar {
		c.other.AppendFrom(c.read(a), 0)
	} else {
		c.decode(c.other, c.entries.firstIn(space))
	}
	return c.other
}

// lentName is the length of the names that cells can note.
const lentName = 16

// canLend reports whether a merged cell can note where the value of another one is.
func (c *cell) canLend(src Acc, m *merging) bool {
	return m.lends && c.inline && *c.state(src) == cellFar && len(m.from) == lentName
}

// lend sets the value to the one in an entry of another name.
func (c *cell) lend(a Acc, name []byte) {
	*c.state(a) = cellLent
	copy(c.inlined(a), name)
}
