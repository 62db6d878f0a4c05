package agg

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/row"
)

// filtered passes the rows on for which a column is TRUE.
type filtered struct {
	accumulator
	column int
	some   some
}

func (f *filtered) update(r *Rows) {
	v := r.Cols[f.column]
	f.accumulator.update(f.some.keep(r, func(i int) bool {
		p := int(r.Places[i])
		return v.Bools[p] && v.Valid.Has(p)
	}))
}

// notNull passes the rows on in which no argument is NULL.
type notNull struct {
	accumulator
	args []int
	some some
}

func (n *notNull) update(r *Rows) {
	for _, c := range n.args {
		v := r.Cols[c]
		if v.Type.Kind == row.Null {
			return
		}
		if v.Valid == nil {
			continue
		}
		valid := v.Valid
		r = n.some.keepOf(r, valid)
	}
	n.accumulator.update(r)
}

// keepOf are the rows of r whose places are valid. r may be s itself.
func (s *some) keepOf(r *Rows, valid column.Bitmap) *Rows {
	if r == &s.Rows {
		kept := 0
		for i, p := range s.places {
			if !valid.Has(int(p)) {
				continue
			}
			s.places[kept], s.accs[kept], s.numbers[kept] = p, s.accs[i], s.numbers[i]
			if s.Minus != nil {
				s.minuses[kept] = s.minuses[i]
			}
			kept++
		}
		hasMinus := s.Minus != nil
		s.places, s.accs, s.numbers = s.places[:kept], s.accs[:kept], s.numbers[:kept]
		s.end(r)
		if hasMinus {
			s.minuses = s.minuses[:kept]
			s.Minus = s.minuses
		}
		return r
	}
	return s.keep(r, func(i int) bool { return valid.Has(int(r.Places[i])) })
}

// distinct passes a row of arguments on when it comes the first time, and when it goes the last time.
type distinct struct {
	accumulator
	args    []int
	entries entries // 'd'
	layout  *colcodec.Layout
	cols    []*column.Vector
	merged  []*column.Vector // the arguments of rows that a merge adds, among as many columns as the input has
	retract bool
	some    some
}

func (d *distinct) update(r *Rows) {
	d.cols = d.cols[:0]
	for _, c := range d.args {
		d.cols = append(d.cols, r.Cols[c])
	}
	rows := d.some.keep(r, func(i int) bool {
		r.current(i)
		key := d.layout.Append(d.entries.prefix(), d.cols, int(r.Places[i]))
		d.entries.buf = key
		switch {
		case !d.retract: // then how often it is there does not count
			return d.isNew(key)
		case r.minus(i):
			return d.entries.Add(key, -1) == 0
		}
		return d.entries.Add(key, 1) == 1
	})
	if len(rows.Places) > 0 {
		d.accumulator.update(rows)
	}
}

// isNew adds an entry that is not there.
func (d *distinct) isNew(key []byte) bool {
	if _, ok := d.entries.Get(key); ok {
		return false
	}
	d.entries.Put(key, 1)
	return true
}

func (d *distinct) merge(dst, _ Acc, m *merging) {
	for _, e := range d.entries.in(m.from) {
		key := append(d.entries.prefix(), e.rest...)
		d.entries.buf = key
		if !d.retract && !d.isNew(key) || d.retract && d.entries.Add(key, e.count) != e.count {
			continue // was there
		}
		d.cols = d.cols[:0]
		for _, c := range d.args {
			d.merged[c].Reset()
			d.cols = append(d.cols, d.merged[c])
		}
		if _, err := d.layout.Decode(e.rest, d.cols); err != nil {
			panic(err) // what was encoded here
		}
		d.accumulator.update(&Rows{Cols: d.merged, Places: []int32{0}, Accs: []Acc{dst}, Current: func(int) {}})
	}
}
