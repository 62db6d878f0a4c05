package agg

import (
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/row"
)

// members are the DISTINCT calls on the same arguments, each with a FILTER of its own. They share one set of rows of
// arguments for each group, which are looked up once for all calls:
//
//	COUNT(DISTINCT x)                      bit 0   ┐
//	COUNT(DISTINCT x) FILTER (WHERE …)     bit 1   ├  group, number, x ──▶ bits of the calls that x has come to
//	SUM(DISTINCT x)                        bit 2   ┘
//
// With retractions a call has members of its own, and the word of a row is how often it is there. How many rows of
// arguments a group has is then in a word of its accumulator: some may be left when the group goes, if what was taken
// away was never there.
type members struct {
	args    []int
	number  byte
	calls   []memberCall
	layout  *colcodec.Layout
	sets    *keyed.Sets
	retract bool
	live    int // the word with the number of rows of arguments, with retractions

	cols  []*column.Vector
	sub   []byte
	masks []uint64 // the calls that each row is for
	kept  []int32  // the rows that are for some
	news  []uint64 // of those, the calls that they are new to
	some  some
}

// memberCall is one of the calls.
type memberCall struct {
	accumulator      // what gets a row when it comes the first time, and when it goes the last time
	filter      int  // -1 without one
	skips       bool // rows in which an argument is NULL
}

// membersMax is the number of calls that a word has bits for.
const membersMax = 64

// distinctCall is the accumulator of a DISTINCT call whose rows come from members.
type distinctCall struct {
	accumulator
	members *members
}

func (distinctCall) update(*Rows) {}

func (d distinctCall) words() int {
	if d.members.retract {
		return d.accumulator.words() + 1
	}
	return d.accumulator.words()
}

func (d distinctCall) place(at int) {
	d.accumulator.place(at)
	d.members.live = at + d.accumulator.words()
}

// member puts DISTINCT and the filter before a function.
func (m *maker) member(a accumulator) accumulator {
	call := memberCall{accumulator: a, filter: m.call.Filter}
	if n, skips := a.(*notNull); skips {
		call.accumulator, call.skips = n.accumulator, true
	}
	s := m.set
	i := slices.IndexFunc(s.members, func(o *members) bool {
		return !m.retract && slices.Equal(o.args, m.call.Args) && len(o.calls) < membersMax
	})
	if i < 0 {
		i = len(s.members)
		var types []*row.Type
		for _, c := range m.call.Args {
			types = append(types, m.in[c].Type.Plain())
		}
		s.members = append(s.members, &members{
			args: m.call.Args, number: byte(i), layout: colcodec.NewLayout(types), retract: m.retract,
		})
	}
	s.members[i].calls = append(s.members[i].calls, call)
	return distinctCall{a, s.members[i]}
}

func (m *members) update(r *Rows) {
	m.cols = m.cols[:0]
	for _, c := range m.args {
		m.cols = append(m.cols, r.Cols[c])
	}
	m.choose(r)
	m.lookUp(r)
	for j := range m.calls {
		m.pass(r, j)
	}
}

// choose sets the masks.
func (m *members) choose(r *Rows) {
	n := len(r.Places)
	if cap(m.masks) < n {
		m.masks, m.kept, m.news = make([]uint64, n), make([]int32, n), make([]uint64, n)
	}
	m.masks = m.masks[:n]
	clear(m.masks)
	for j := range m.calls {
		c, bit := &m.calls[j], uint64(1)<<j
		if c.filter < 0 {
			for i := range m.masks {
				m.masks[i] |= bit
			}
		} else {
			v := r.Cols[c.filter]
			for i, p := range r.Places {
				if v.Bools[p] && v.Valid.Has(int(p)) {
					m.masks[i] |= bit
				}
			}
		}
	}
	m.skipNulls(r)
}

// skipNulls takes rows away, in which an argument is NULL, from the calls that skip them.
func (m *members) skipNulls(r *Rows) {
	skip := uint64(0)
	for j, c := range m.calls {
		if c.skips {
			skip |= 1 << j
		}
	}
	if skip == 0 {
		return
	}
	for _, v := range m.cols {
		if v.Valid == nil && v.Type.Kind != row.Null {
			continue
		}
		for i, p := range r.Places {
			if v.IsNull(int(p)) {
				m.masks[i] &^= skip
			}
		}
	}
}

// lookUp sets kept and news.
func (m *members) lookUp(r *Rows) {
	m.kept, m.news = m.kept[:0], m.news[:0]
	m.sets.Begin()
	for i, mask := range m.masks {
		if mask == 0 {
			continue
		}
		r.current(i)
		m.sub = m.layout.Append(append(m.sub[:0], m.number), m.cols, int(r.Places[i]))
		m.sets.Want(m.sub)
		m.kept = append(m.kept, int32(i))
	}
	m.sets.Touch()
	for k, i := range m.kept {
		if !m.retract {
			m.news = append(m.news, m.sets.Mark(k, m.masks[i]))
			continue
		}
		m.news = append(m.news, m.count(k, r.Accs[i], r.minus(int(i))))
	}
}

// count adds wanted row k once, or takes it away once, and is 1 if it came the first time or went the last time.
func (m *members) count(k int, a Acc, minus bool) uint64 {
	n := int64(1)
	if minus {
		n = -1
	}
	c := m.sets.Add(k, n)
	switch c {
	case 0:
		*word(a, m.live)--
	case n:
		*word(a, m.live)++
	}
	return bitOf(!minus && c == 1 || minus && c == 0)
}

func bitOf(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// pass passes a call the rows that are new to it.
func (m *members) pass(r *Rows, j int) {
	c := &m.calls[j]
	if n, ok := c.accumulator.(*counter); ok && r.Minus == nil {
		for k, i := range m.kept {
			*word(r.Accs[i], n.at) += m.news[k] >> j & 1
		}
		return
	}
	s := &m.some
	s.begin(r)
	for k, i := range m.kept {
		if m.news[k]>>j&1 == 0 {
			continue
		}
		s.add(r, int(i))
		if r.Minus != nil {
			s.minuses = append(s.minuses, r.Minus[i])
		}
	}
	s.end(r)
	if r.Minus != nil {
		s.Minus = s.minuses
	}
	if len(s.Places) > 0 {
		c.update(&s.Rows)
	}
}
