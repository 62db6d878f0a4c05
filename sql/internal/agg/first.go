package agg

import "github.com/flott-dev/flott/column"

// firstLast is FIRST_VALUE, or LAST_VALUE where last is set, of rows that stay.
type firstLast struct {
	cell
	arg  int
	last bool
}

func (f *firstLast) update(r *Rows) {
	v := r.Cols[f.arg]
	for i, p := range r.Places {
		a := r.Accs[i]
		if !f.last && *f.state(a) != 0 {
			continue
		}
		if !f.isNear(a, v, int(p)) {
			r.current(i)
		}
		f.set(a, v, int(p))
	}
}

// merge takes the rows of src as those that came later.
func (f *firstLast) merge(dst, src Acc, m *merging) {
	switch {
	case *f.state(src) == 0 || !f.last && *f.state(dst) != 0:
	case f.size > 0:
		*f.state(dst) = 1
		x, y := f.getWords(src)
		f.setWords(dst, x, y)
	default:
		f.set(dst, f.readIn(src, m.from), 0)
	}
}

// retractedFirst is firstLast of rows that may be taken away.
type retractedFirst struct {
	arrivals
	last bool
}

func (f *retractedFirst) append(g *Groups, out *column.Vector) {
	for i := range g.Accs {
		g.Current(i)
		rest, ok := f.edge(f.last)
		if !ok {
			out.AppendNull()
			continue
		}
		out.AppendFrom(f.decode(rest)[0], 0)
	}
}

func (m *maker) first(last bool) accumulator {
	if m.retract {
		return m.skipNulls(&retractedFirst{m.arrivals(), last})
	}
	return m.skipNulls(&firstLast{cell: m.cell(m.argType(0)), arg: m.call.Args[0], last: last})
}
