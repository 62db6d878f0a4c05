package agg

import "github.com/flott-dev/flott/column"

// Custom computes an aggregate function of the program's. A state is bytes, none for a group without rows; what Add,
// Retract and Merge return may share the memory of what they get. They fail by expr.Fail. It belongs to one goroutine.
type Custom interface {
	// Add adds the row at a place of the arguments.
	Add(state []byte, args []*column.Vector, place int) []byte
	// Retract takes a row away. It is called for functions with Func.Retracts only.
	Retract(state []byte, args []*column.Vector, place int) []byte
	// Merge adds another state. It is called for functions with Func.Merges only.
	Merge(state, other []byte) []byte
	// Append appends the value.
	Append(state []byte, out *column.Vector)
}

// custom keeps the state of a Custom in an entry.
type custom struct {
	entries entries // 'c'
	custom  Custom
	args    []int
	cols    []*column.Vector
	state   []byte
}

func (c *custom) words() int { return 0 }
func (c *custom) place(int)  {}

// load copies the state of the current group.
func (c *custom) load() (there bool) {
	rest, _, there := c.entries.first()
	c.state = append(c.state[:0], rest...)
	return there
}

// save puts a state in the place of the one that was loaded.
func (c *custom) save(there bool, was, state []byte) {
	if there {
		key := append(c.entries.prefix(), was...)
		c.entries.buf = key
		c.entries.Delete(key)
	}
	key := append(c.entries.prefix(), state...)
	c.entries.buf = key
	c.entries.Put(key, 1)
}

func (c *custom) update(r *Rows) {
	c.cols = c.cols[:0]
	for _, a := range c.args {
		c.cols = append(c.cols, r.Cols[a])
	}
	for i, p := range r.Places {
		r.current(i)
		there := c.load()
		was := append([]byte(nil), c.state...)
		state := c.state
		if r.minus(i) {
			state = c.custom.Retract(state, c.cols, int(p))
		} else {
			state = c.custom.Add(state, c.cols, int(p))
		}
		c.save(there, was, state)
		c.state = state
	}
}

func (c *custom) append(g *Groups, out *column.Vector) {
	for i := range g.Accs {
		g.Current(i)
		c.load()
		c.custom.Append(c.state, out)
	}
}

func (c *custom) merge(_, _ Acc, m *merging) {
	for _, e := range c.entries.in(m.from) {
		there := c.load()
		was := append([]byte(nil), c.state...)
		c.save(there, was, c.custom.Merge(c.state, e.rest))
	}
}
