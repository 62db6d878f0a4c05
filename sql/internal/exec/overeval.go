package exec

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// overEval computes the calls of an Over for all rows of a partition, which are in order.
type overEval struct {
	*overPlan
	framed
	sets   []*agg.Set
	slides []bool // rows are taken away from the frame
	side   *agg.Side
	out    []*column.Vector // of each call

	acc    []uint64
	rowSet agg.Rows
	one    [1]agg.Acc
	minus  []bool
}

func newOverEval(ctx *operator.Context, op *Over) (*overEval, error) {
	e := &overEval{overPlan: newOverPlan(op)}
	e.order = op.Order
	hasSide := false
	for i := range e.frames {
		f := &e.frames[i]
		slides := !f.UnboundedFrom && f.retracts(e.fields)
		set := agg.NewSet(e.fields, f.calls, slides)
		e.sets, e.slides = append(e.sets, set), append(e.slides, slides)
		hasSide = hasSide || set.HasSide()
	}
	for _, c := range e.calls {
		e.out = append(e.out, column.New(c.T))
	}
	if !hasSide {
		return e, nil
	}
	// What accumulators have beside their words is here for the time of a partition only.
	keys := newKeying(ctx, nil, nil)
	keys.backend.First, keys.backend.Last = 0, 0 // the one without a key, in any subtask
	keys.setNone()
	var err error
	if e.side, err = agg.NewSide(keys.backend); err != nil {
		return nil, err
	}
	for _, s := range e.sets {
		s.Bind(e.side)
	}
	return e, nil
}

// compute sets out to the values for rows in columns with constants. isPeer says whether a row is ordered like the one
// before. The error is an *expr.Error.
func (e *overEval) compute(cols []*column.Vector, rows int, isPeer func(i int) bool) error {
	e.begin(rows, isPeer)
	if len(e.order) > 0 {
		e.column = cols[e.order[0].Column]
	}
	for _, v := range e.out {
		v.Reset()
	}
	for i := range e.frames {
		if err := e.aggregate(i, cols); err != nil {
			return err
		}
	}
	for i := range e.calls {
		if c := &e.calls[i]; c.Func.OverOnly {
			e.number(c, cols, e.out[i])
		}
	}
	return nil
}

// aggregate computes aggregates, whose frames move on from row to row.
func (e *overEval) aggregate(g int, cols []*column.Vector) error {
	f, set := &e.frames[g], e.sets[g]
	e.exact, e.floats = e.exact[:0], e.floats[:0]
	e.acc = sized(e.acc, set.Words())
	e.one[0] = &e.acc[0]
	if e.side != nil {
		e.side.Namespace([]byte{byte(g)})
	}
	out := make([]*column.Vector, len(f.at))
	for i, c := range f.at {
		out[i] = e.out[c]
	}
	e.reset()
	defer e.reset()
	from, to := 0, 0 // what is in acc
	for i := range e.rows {
		first, end := e.bounds(&f.Frame, i)
		if i > 0 && first == from && end == to {
			for _, v := range out {
				v.AppendFrom(v, i-1)
			}
			continue
		}
		if first >= to || first != from && !e.slides[g] {
			e.reset()
			from, to = first, first
		}
		if err := e.update(set, cols, from, first, true); err != nil {
			return err
		}
		if err := e.update(set, cols, to, end, false); err != nil {
			return err
		}
		from, to = first, max(to, end)
		if err := set.Append(&agg.Groups{Accs: e.one[:], Current: func(int) {}}, out); err != nil {
			return err
		}
	}
	return nil
}

func (e *overEval) reset() {
	clear(e.acc)
	if e.side != nil {
		e.side.Forget()
	}
}

// update adds the rows from up to to, or takes them away.
func (e *overEval) update(set *agg.Set, cols []*column.Vector, from, to int, minus bool) error {
	if from >= to {
		return nil
	}
	r := &e.rowSet
	r.Cols, r.Places, r.Accs, r.Minus, r.Current = cols, r.Places[:0], r.Accs[:0], nil, func(int) {}
	e.minus = e.minus[:0]
	for i := from; i < to; i++ {
		r.Places, r.Accs = append(r.Places, int32(i)), append(r.Accs, e.one[0])
		e.minus = append(e.minus, true)
	}
	if minus {
		r.Minus = e.minus
	}
	return set.Update(r)
}

// number computes a function that stands with OVER only.
func (e *overEval) number(c *logical.OverCall, cols []*column.Vector, out *column.Vector) {
	groups := 0
	for i := range e.rows {
		first, end := e.firstPeer[i], e.endPeer[i]
		if first == i {
			groups++
		}
		switch c.Func.Name {
		case "ROW_NUMBER":
			out.AppendI64(int64(i + 1))
		case "RANK":
			out.AppendI64(int64(first + 1))
		case "DENSE_RANK":
			out.AppendI64(int64(groups))
		case "CUME_DIST":
			out.AppendF64(float64(end) / float64(e.rows))
		case "PERCENT_RANK":
			out.AppendF64(float64(first) / float64(max(1, e.rows-1)))
		case "NTILE":
			out.AppendI64(tile(int64(i), int64(e.rows), max(1, wholeNumber(cols[c.Args[0]], i))))
		case "LAG":
			shift(c, cols, out, i, i-int(offsetOf(c, cols, i)), e.rows)
		case "LEAD":
			shift(c, cols, out, i, i+int(offsetOf(c, cols, i)), e.rows)
		}
	}
}

// tile is the number of the part that a row is in: the first parts have one row more.
func tile(i, rows, parts int64) int64 {
	small, more := rows/parts, rows%parts
	if i < more*(small+1) {
		return i/(small+1) + 1
	}
	return (i-more*(small+1))/small + more + 1
}

// offsetOf is how many rows LAG and LEAD look away.
func offsetOf(c *logical.OverCall, cols []*column.Vector, i int) int64 {
	if len(c.Args) < 2 {
		return 1
	}
	return wholeNumber(cols[c.Args[1]], i)
}

// shift appends the value of row at for row i, or the default.
func shift(c *logical.OverCall, cols []*column.Vector, out *column.Vector, i, at, rows int) {
	switch {
	case at >= 0 && at < rows:
		out.AppendFrom(cols[c.Args[0]], at)
	case len(c.Args) > 2:
		out.AppendFrom(cols[c.Args[2]], i)
	default:
		out.AppendNull()
	}
}
