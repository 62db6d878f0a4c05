package exec

import (
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/row"
)

// prober finds the partners of an input's rows among those of the other side that are kept.
type prober struct {
	pair  joiner
	sides [2]*joinSide

	found   pairs   // what may be joined
	at      []int32 // where the record of each is among the rows of its key
	ends    []int32 // where the pairs of each row end
	cursor  int     // where the next partner of the row at work is, if it has more than are looked at together
	decodes bool    // whether partners are decoded
}

// begin prepares rows of a batch from a number on.
func (p *prober) begin(s int, b *batch.Columns, from int) {
	own, other := p.sides[s], p.sides[1-s]
	if from == 0 { // else it has been done
		own.begin(b)
		other.rows.Touch(own.keys.hashes)
		own.rows.Touch(own.keys.hashes)
	}
	cols, by := p.pair.side(s)
	copy(cols, b.Cols)
	clear(by)
	cols, by = p.pair.side(1 - s)
	for i, c := range other.stored {
		cols[c], by[c] = other.decoded[i], ofOther
	}
	for i, c := range other.keys.at {
		cols[c], by[c] = b.Cols[own.keys.at[i]], ofKey
	}
}

// find finds the partners of rows from one on, until there are enough. It returns the first row that is not done,
// and whether the partners of the one before it are all there. takes says whether the row at a place takes a record
// as a partner; nil takes all.
func (p *prober) find(s int, b *batch.Columns, from, to int, takes func(place int, rows []byte, at int) bool) (end int, isWhole bool) {
	own, other := p.sides[s], p.sides[1-s]
	p.found.reset()
	p.at, p.ends = p.at[:0], p.ends[:0]
	other.reset()
	for i := from; i < to; i++ {
		place := b.Row(i)
		if !own.isLonely(place) {
			own.keys.set(place)
			rows := other.rows.Get()
			at := p.cursor
			for at < len(rows) && len(p.at) < pairMax {
				columns, next := other.next(rows, at)
				if !other.isGone(rows, at) && (takes == nil || takes(place, rows, at)) {
					if p.decodes {
						other.decode(rows[columns:next])
					}
					p.found.add(int32(place), int32(len(p.at)), row.Insert)
					p.at = append(p.at, int32(at))
				}
				at = next
			}
			if p.cursor = 0; at < len(rows) {
				p.cursor = at
			}
		}
		p.ends = append(p.ends, int32(len(p.at)))
		if p.cursor > 0 {
			return i, false
		}
		if len(p.at) >= pairMax {
			return i + 1, true
		}
	}
	return to, true
}

// matches says which of the pairs are joined; nil is all.
func (p *prober) matches(b *base) []bool {
	if p.pair.cond == nil {
		return nil
	}
	return p.pair.matches(b, &p.found)
}
