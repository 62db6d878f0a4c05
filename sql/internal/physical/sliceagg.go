package physical

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// sliceAggregate groups by windows in batch mode where a row is in several of them: by slices of time first, of which each
// window has some, and then by windows, with what the groups of slices have accumulated in place of rows.
//
//	rows ──WindowSlices──▶ groups of slices ──WindowTVF──▶ in each window ──merged──▶ groups of windows
//
// It is nil where that is not so: what is accumulated is words only, and merged by time and not in the order of the rows.
func (p *planner) sliceAggregate(in *Rel, n *logical.Aggregate) *Rel {
	w := in.Window
	if w.Kind != "HOP" && w.Kind != "CUMULATE" || w.Size <= w.Slide || w.Processing || !in.isInsertOnly() || slices.ContainsFunc(n.Calls, needsOrder) {
		return nil
	}
	keys, at := w.otherKeys(n.Keys)
	keys, calls, ok := w.sliced(keys, n.Calls)
	if !ok {
		return nil
	}
	sliced := p.windowSlices(w)
	local := &exec.LocalAggregate{In: sliced.Cols, Keys: append(keys, len(w.of.Cols)), Calls: calls}
	cols, ok := local.Fields()
	if !ok {
		return nil
	}
	first := &Rel{
		Op: &exec.GroupAggregate{
			In: sliced.Cols, Keys: local.Keys, Calls: calls, GivesPartials: true, Out: cols, Final: true, Memory: p.HashAggMemory,
		},
		Name: "SliceAggregate", Detail: aggregateDetail(sliced.Cols, local.Keys, calls), Ins: []*Rel{sliced}, Cols: cols,
		Dist: []Distribution{distribution(local.Keys)}, Kinds: insertOnly, Keys: [][]int{firstColumns(len(local.Keys))},
	}
	if p.TwoPhase {
		p.split(first, first.Op.(*exec.GroupAggregate))
	}
	repeated := p.repeatSlices(first, w, len(keys))
	all := inputs(repeated.Cols)
	var exprs []expr.Expr
	var fields []row.Field
	add := func(column int) {
		exprs, fields = append(exprs, all[column]), append(fields, repeated.Cols[column])
	}
	for i, k := range n.Keys {
		switch k {
		case w.Start:
			add(len(cols))
		case w.End:
			add(len(cols) + 1)
		case w.Time:
			add(len(cols) + 2)
		default:
			add(at[i])
		}
	}
	for i := len(local.Keys); i < len(cols); i++ {
		add(i)
	}
	partials := p.calc(repeated, nil, exprs, fields)
	r := &Rel{
		Name: "GlobalGroupAggregate", Detail: aggregateDetail(in.Cols, n.Keys, n.Calls), Ins: []*Rel{partials}, Cols: plainColumns(n.Columns()),
		Kinds: insertOnly, Keys: [][]int{firstColumns(len(n.Keys))},
	}
	r.Dist = []Distribution{distribution(r.Keys[0])}
	r.Op = &exec.GroupAggregate{
		In: partials.Cols, Keys: r.Keys[0], Calls: calls, Out: r.Cols, Partials: local, Final: true, Memory: p.HashAggMemory,
	}
	if n.TTL != nil {
		r.Ignored = append(r.Ignored, ignoredTTL)
	}
	return r
}

// needsOrder reports whether the result of a call depends on the order of the rows.
func needsOrder(c logical.Call) bool {
	return c.Func.Name == "FIRST_VALUE" || c.Func.Name == "LAST_VALUE"
}

// otherKeys are keys without those of windows, with the place of each among them, -1 for those of windows.
func (w *Window) otherKeys(keys []int) (others, at []int) {
	for _, k := range keys {
		switch k {
		case w.Start, w.End, w.Time:
			at = append(at, -1)
		default:
			at = append(at, len(others))
			others = append(others, k)
		}
	}
	return others, at
}

// windowSlices adds the slice of each row, before the windows were made.
func (p *planner) windowSlices(w *Window) *Rel {
	in := w.of
	cols := append(slices.Clone(in.Cols), row.Field{Name: "$slice", Type: row.TimestampOf(3).Nullable(false)})
	return &Rel{
		Op:   &exec.WindowSlices{Session: p.Session, In: in.Cols, Windowing: w.Windowing, Time: w.time, Out: cols},
		Name: "WindowSlices", Detail: windowText(w.Windowing, in.Cols, w.time, nil), Ins: []*Rel{in}, Cols: cols, Dist: []Distribution{{}}, Kinds: in.Kinds, needs: same,
	}
}

// repeatSlices puts slices, which start at a column, into each of their windows.
func (p *planner) repeatSlices(in *Rel, w *Window, start int) *Rel {
	bound := row.TimestampOf(3).Nullable(false)
	end := bound
	if w.Instants {
		end = row.TimestampLTZOf(3).Nullable(false)
	}
	cols := append(slices.Clone(in.Cols), row.Field{Name: "window_start", Type: bound}, row.Field{Name: "window_end", Type: bound}, row.Field{Name: "window_time", Type: end})
	return &Rel{
		Op:   &exec.WindowTVF{Session: p.Session, In: in.Cols, Windowing: w.Windowing, Time: start, Slices: true, Out: cols, Final: true},
		Name: "WindowTableFunction", Detail: fmt.Sprintf("%s of slices", windowText(w.Windowing, in.Cols, start, nil)), Ins: []*Rel{in}, Cols: cols,
		Dist: []Distribution{{}}, Kinds: insertOnly, needs: same,
	}
}
