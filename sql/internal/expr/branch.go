package expr

import "github.com/flott-dev/flott/column"

// Chooser puts together the results of branches, each of which was evaluated for some of n rows.
type Chooser struct {
	from []*column.Vector // by row
	at   []int32
}

// Begin begins with n rows that have no value.
func (c *Chooser) Begin(n int) {
	c.from = append(c.from[:0], make([]*column.Vector, n)...)
	c.at = append(c.at[:0], make([]int32, n)...)
}

// Choose gives rows the values of a branch, in order. The branch keeps them until End.
func (c *Chooser) Choose(rows []int32, v *column.Vector) {
	for i, r := range rows {
		c.from[r], c.at[r] = v, int32(i)
	}
}

// End appends the values; rows without one are NULL.
func (c *Chooser) End(out *column.Vector) {
	if v, ok := c.one(); ok {
		out.AppendAll(v, c.at)
		return
	}
	for r := 0; r < len(c.from); {
		v, end := c.from[r], r+1
		for end < len(c.from) && c.from[end] == v {
			end++
		}
		switch {
		case v == nil:
			out.AppendNulls(end - r)
		case end-r < 8: // too few for what AppendAll does beforehand
			for _, p := range c.at[r:end] {
				out.AppendFrom(v, int(p))
			}
		default:
			out.AppendAll(v, c.at[r:end])
		}
		r = end
	}
}

// one is the vector that all values are of, if there is one.
func (c *Chooser) one() (*column.Vector, bool) {
	if len(c.from) == 0 || c.from[0] == nil {
		return nil, false
	}
	for _, v := range c.from {
		if v != c.from[0] {
			return nil, false
		}
	}
	return c.from[0], true
}

// Places are the places in a batch of rows among n of which sel are the places.
func Places(dst, rows, sel []int32) []int32 {
	dst = dst[:0]
	for _, r := range rows {
		if sel != nil {
			r = sel[r]
		}
		dst = append(dst, r)
	}
	return dst
}

// AllRows are the numbers 0 to n-1.
func AllRows(dst []int32, n int) []int32 {
	dst = dst[:0]
	for i := range n {
		dst = append(dst, int32(i))
	}
	return dst
}

// ChooseAt is Choose for the values at places of v.
func (c *Chooser) ChooseAt(rows []int32, v *column.Vector, at []int32) {
	for i, r := range rows {
		c.from[r], c.at[r] = v, at[i]
	}
}
