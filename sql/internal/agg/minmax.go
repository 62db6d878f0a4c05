package agg

import (
	"bytes"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/builtin"
)

// extreme is MIN, or MAX where greatest is set, of rows that stay.
type extreme struct {
	cell
	arg      int
	greatest bool
}

func (e *extreme) update(r *Rows) {
	v := r.Cols[e.arg]
	switch {
	case e.size == 0:
		e.updateEntries(r, v)
	case column.FormOf(e.t) == column.FormI32:
		updateExtremes(e, r, v.I32)
	case column.FormOf(e.t) == column.FormI64, column.FormOf(e.t) == column.FormTimestamp && e.size == 1:
		updateExtremes(e, r, v.I64)
	default:
		for i, p := range r.Places {
			x, y := load(v, int(p))
			e.take(r.Accs[i], x, y)
		}
	}
}

func updateExtremes[T int32 | int64](e *extreme, r *Rows, values []T) {
	accs := r.Accs[:len(r.Places)]
	for i, p := range r.Places {
		a, x := accs[i], int64(values[p])
		was := int64(*word(a, e.at+1))
		if *word(a, e.at) == 0 || (x < was) != e.greatest && x != was {
			*word(a, e.at), *word(a, e.at+1) = 1, uint64(x)
		}
	}
}

// take takes a value that is in words.
func (e *extreme) take(a Acc, x, y uint64) {
	if *e.state(a) != 0 {
		u, w := e.getWords(a)
		if e.greatest && !isLess(u, w, x, y) || !e.greatest && !isLess(x, y, u, w) {
			return
		}
	}
	*e.state(a) = 1
	e.setWords(a, x, y)
}

func (e *extreme) updateEntries(r *Rows, v *column.Vector) {
	for i, p := range r.Places {
		a := r.Accs[i]
		if !e.isNear(a, v, int(p)) {
			r.current(i)
		}
		e.takeValue(a, v, int(p))
	}
}

// takeValue takes a value that has no fixed size.
func (e *extreme) takeValue(a Acc, v *column.Vector, p int) {
	if e.isBetter(a, v, p) {
		e.set(a, v, p)
	}
}

// isBetter reports whether a value that has no fixed size takes the place of the one that is there.
func (e *extreme) isBetter(a Acc, v *column.Vector, p int) bool {
	if n := *e.state(a); n != cellEmpty {
		c := 0
		if e.inline && n < cellLent {
			c = bytes.Compare(v.Bytes(p), e.inlined(a)[:n-1])
		} else {
			c = builtin.Compare(v, p, e.read(a), 0)
		}
		return e.greatest && c > 0 || !e.greatest && c < 0
	}
	return true
}

func (e *extreme) merge(dst, src Acc, m *merging) {
	switch {
	case *e.state(src) == cellEmpty:
	case e.size > 0:
		x, y := e.getWords(src)
		e.take(dst, x, y)
	case e.canLend(src, m):
		if *e.state(dst) == cellEmpty || e.isBetter(dst, e.readIn(src, m.from), 0) {
			e.lend(dst, m.from)
		}
	default:
		e.takeValue(dst, e.readIn(src, m.from), 0)
	}
}

// retracted is MIN or MAX of rows that may be taken away: all values in order, the first of which is the result. A
// word has the number of values.
type retracted struct {
	sorted
	arg int
}

func (e *retracted) update(r *Rows) {
	v := r.Cols[e.arg]
	for i, p := range r.Places {
		r.current(i)
		e.add(v, int(p), sign(r.minus(i)))
	}
}

func sign(minus bool) int64 {
	if minus {
		return -1
	}
	return 1
}

func (e *retracted) append(g *Groups, out *column.Vector) {
	for i := range g.Accs {
		g.Current(i)
		found := false
		e.all(func(v *column.Vector, n int64) bool {
			if found = n > 0; found {
				out.AppendFrom(v, 0)
			}
			return !found
		})
		if !found {
			out.AppendNull()
		}
	}
}

func (m *maker) extreme(greatest bool) accumulator {
	t := m.argType(0)
	if m.retract {
		return m.skipNulls(&retracted{sorted: m.sorted(t, greatest), arg: m.call.Args[0]})
	}
	return m.skipNulls(&extreme{cell: m.cell(t), arg: m.call.Args[0], greatest: greatest})
}
