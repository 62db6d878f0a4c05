package agg

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/row"
)

// cell holds one value of an argument, or none: in words behind a word that counts, or in an entry.
type cell struct {
	t       *row.Type
	size    int // words of the value, 0 for an entry
	at      int
	entries entries // 'c'
	layout  *colcodec.Layout
	cols    []*column.Vector
	scratch *column.Vector
}

func (m *maker) cell(t *row.Type) cell {
	c := cell{t: t, size: wordsOf(t)}
	if c.size == 0 {
		c.entries = m.entries('c')
		c.layout = colcodec.NewLayout([]*row.Type{t.Nullable(true)})
		c.scratch = column.New(t)
	}
	return c
}

func (c *cell) words() int   { return 1 + c.size }
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

// set sets the value of the current group, which may be NULL where the cell has an entry.
func (c *cell) set(a Acc, v *column.Vector, p int) {
	*c.state(a) = 1
	if c.size > 0 {
		x, y := load(v, p)
		c.setWords(a, x, y)
		return
	}
	c.clear()
	c.cols = append(c.cols[:0], v)
	key := c.layout.Append(c.entries.prefix(), c.cols, p)
	c.entries.buf = key
	c.entries.Put(key, 1)
}

// clear drops the entry of the current group.
func (c *cell) clear() {
	if c.size > 0 {
		return
	}
	if rest, _, ok := c.entries.first(); ok {
		key := append(c.entries.prefix(), rest...)
		c.entries.buf = key
		c.entries.Delete(key)
	}
}

// read decodes the value of the current group, which is there, as value 0 of the result.
func (c *cell) read() *column.Vector {
	rest, _, _ := c.entries.first()
	c.scratch.Reset()
	c.cols = append(c.cols[:0], c.scratch)
	if _, err := c.layout.Decode(rest, c.cols); err != nil {
		panic(err) // what was encoded here
	}
	return c.scratch
}

func (c *cell) append(g *Groups, out *column.Vector) {
	for i, a := range g.Accs {
		switch {
		case *c.state(a) == 0:
			out.AppendNull()
		case c.size > 0:
			x, y := c.getWords(a)
			store(out, x, y)
		default:
			g.Current(i)
			out.AppendFrom(c.read(), 0)
		}
	}
}

// readIn decodes the value of a namespace.
func (c *cell) readIn(space []byte) *column.Vector {
	all := c.entries.in(space)
	v := column.New(c.t)
	c.cols = append(c.cols[:0], v)
	if _, err := c.layout.Decode(all[0].rest, c.cols); err != nil {
		panic(err) // what was encoded here
	}
	return v
}
