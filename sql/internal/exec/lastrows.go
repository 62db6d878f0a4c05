package exec

import (
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
)

// lastRowsMax is how many rows a frame may look back at to be computed anew for each row: more are cheaper to add once and to
// take away once.
const lastRowsMax = 32

// LooksBackLittle reports whether Last may be set: all calls are aggregates over a few rows before a row, which need nothing but
// words to be computed, and would not give something else if rows were taken away from them.
func (o *Over) LooksBackLittle() bool {
	if o.Final || o.Time == row.NoAttribute {
		return false
	}
	p := newOverPlan(o)
	for i := range p.calls {
		if p.calls[i].Func.OverOnly {
			return false
		}
	}
	for i := range p.frames {
		f := &p.frames[i]
		if !f.Rows || f.UnboundedFrom || f.UnboundedTo || f.To != 0 || f.From < 0 || f.From > lastRowsMax || !f.retracts(p.fields) {
			return false
		}
		if s := agg.NewSet(p.fields, f.calls, false); s.HasSide() || s.HasMembers() {
			return false
		}
	}
	return true
}

// lastRows has the last rows of each key that were computed, as many as frames look back at, in one value. The frames of a row
// are computed anew from it: a few rows that lie together are read sooner than accumulators, from which rows are taken
// away, find what they have of each.
type lastRows struct {
	over  *timeOver
	most  int // rows that a frame looks back at
	state *keyed.Bytes
	accs  [][]uint64 // of each frame, for one row

	bytes []byte // the rows of the key: those kept and those at work
	ends  []int  // of each in bytes
}

func newLastRows(n *timeOver, b *keyed.Backend) *lastRows {
	l := &lastRows{over: n, state: keyed.NewBytes(b)}
	for i := range n.plan.frames {
		f := &n.plan.frames[i]
		set := agg.NewSet(n.plan.fields, f.calls, false)
		n.sets = append(n.sets, set)
		l.accs = append(l.accs, make([]uint64, set.Words()))
		l.most = max(l.most, int(f.From))
	}
	b.Add("last", l.state)
	return l
}

// compute computes the rows of the current key whose entries are in subs, and keeps the last ones.
func (l *lastRows) compute() {
	n := l.over
	load(n.cols)
	in := n.cols[:len(n.op.In)]
	l.bytes, l.ends = append(l.bytes[:0], l.state.Get()...), l.ends[:0]
	for rest := l.bytes; len(rest) > 0; {
		var err error
		if rest, err = n.rows.layout.Decode(rest, in); err != nil {
			panic(err) // what was encoded here
		}
		l.ends = append(l.ends, len(l.bytes)-len(rest))
	}
	kept := len(l.ends)
	for _, sub := range n.subs {
		r := rowOf(sub)
		n.rows.decode(r, in)
		l.bytes = append(l.bytes, r...)
		l.ends = append(l.ends, len(l.bytes))
	}
	n.plan.fill(n.cols, len(l.ends))
	for i := kept; i < len(l.ends); i++ {
		l.emit(i)
	}
	from := 0
	if first := len(l.ends) - l.most; first > 0 {
		from = l.ends[first-1]
	}
	l.state.Put(l.bytes[from:])
	if n.isProc {
		return // no row has waited
	}
	for _, sub := range n.subs {
		n.rows.Delete(sub)
	}
}

// emit computes the frames of a row in cols and gives it.
func (l *lastRows) emit(i int) {
	n := l.over
	cur := n.out.Cur
	width := len(n.op.In)
	for c := range width {
		cur.Cols[c].AppendFrom(n.cols[c], i)
	}
	for g := range n.plan.frames {
		f, acc := &n.plan.frames[g], l.accs[g]
		clear(acc)
		r := &n.all
		r.Cols, r.Places, r.Accs = n.cols, r.Places[:0], r.Accs[:0]
		for k := max(0, i-int(f.From)); k <= i; k++ {
			r.Places, r.Accs = append(r.Places, int32(k)), append(r.Accs, &acc[0])
		}
		n.out1 = n.out1[:0]
		for _, c := range f.at {
			n.out1 = append(n.out1, cur.Cols[width+c])
		}
		n.group.Accs[0] = &acc[0]
		err := n.sets[g].Update(r)
		if err == nil {
			err = n.sets[g].Append(&n.group, n.out1)
		}
		if err != nil {
			n.fail(err, nil, nil)
		}
	}
	n.out.EndRow(row.Insert)
}
