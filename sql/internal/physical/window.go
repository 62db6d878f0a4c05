package physical

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// window adds the columns of windows to rows.
func (p *planner) window(n *logical.Window) *Rel {
	in := p.plan(n.Input)
	t := in.Cols[n.Time].Type
	if !p.Batch && t.Attribute == row.NoAttribute {
		fail(n.Span, "%s is no time attribute: windows are made by a column with a WATERMARK, or PROCTIME()", in.Cols[n.Time].Name)
	}
	if p.Batch && n.Kind == "SESSION" {
		fail(n.Span, "SESSION windows are not supported in batch mode")
	}
	width := len(in.Cols)
	cols := append(append([]row.Field(nil), in.Cols...), n.Columns()[width:]...)
	at := *cols[width+2].Type
	at.Attribute = t.Attribute
	cols[width+2].Type = &at
	op := &exec.WindowTVF{
		Session: p.Session, In: in.Cols, Windowing: n.Windowing, Time: n.Time, Processing: t.Attribute == row.Proctime,
		Partition: n.Partition, Out: cols, Final: p.Batch,
	}
	w := &Window{
		Windowing: n.Windowing, Start: width, End: width + 1, Time: width + 2, Processing: op.Processing,
		Instants: t.Kind == row.TimestampLTZ, of: in, time: n.Time,
		sessions: n.Partition, planner: p,
	}
	for i := range cols {
		w.pass = append(w.pass, i)
		if i >= width {
			w.pass[i] = -1
		}
	}
	r := &Rel{
		Op: op, Name: "WindowTableFunction", Detail: windowText(n.Windowing, in.Cols, n.Time, n.Partition), Ins: []*Rel{in}, Cols: cols,
		Dist: []Distribution{{}}, Kinds: in.Kinds, Window: w, needs: same,
	}
	if n.Kind == "SESSION" {
		r.Dist[0] = distribution(n.Partition)
	}
	return r
}

// distribution is by keys, or to one subtask without any.
func distribution(keys []int) Distribution {
	if len(keys) == 0 {
		return Distribution{Kind: Singleton}
	}
	return Distribution{Hash, keys}
}

func windowText(w logical.Windowing, cols []row.Field, time int, partition []int) string {
	s := fmt.Sprintf("%s(%s, size=%s", w.Kind, cols[time].Name, millisText(w.Size))
	if w.Slide > 0 {
		s += ", slide=" + millisText(w.Slide)
	}
	if w.Offset != 0 {
		s += ", offset=" + millisText(w.Offset)
	}
	if len(partition) > 0 {
		s += ", partition=[" + columnNames(cols, partition) + "]"
	}
	return s + ")"
}

// through is what is known of windows behind a calculation. pass is the input column that is passed on as each
// column, -1 for others; to is where a column went.
func (w *Window) through(cond expr.Expr, exprs []expr.Expr, pass, to []int, names []row.Field) *Window {
	c := *w
	c.Start, c.End, c.Time = moved(w.Start, to), moved(w.End, to), moved(w.Time, to)
	if c.Start < 0 && c.End < 0 && c.Time < 0 {
		return nil
	}
	if w.of == nil {
		return &c
	}
	// The columns are those of the relation before the windows, passed on or computed of them: so the calculation can
	// be done before the windows are made.
	isWindow := func(i int) bool { return w.pass[i] < 0 }
	touches := func(x expr.Expr) bool {
		touched := false
		expr.Inputs(x, func(in *expr.Input) { touched = touched || isWindow(in.Index) })
		return touched
	}
	if cond != nil && touches(cond) {
		c.of = nil
		return &c
	}
	for i, x := range exprs {
		if pass[i] < 0 && touches(x) {
			c.of = nil
			return &c
		}
	}
	c.before(w, cond, exprs, pass, names)
	return &c
}

func moved(i int, to []int) int {
	if i < 0 {
		return -1
	}
	return to[i]
}

// before moves a calculation before the windows.
func (w *Window) before(was *Window, cond expr.Expr, exprs []expr.Expr, pass []int, names []row.Field) {
	of := was.of
	shift := func(x expr.Expr) expr.Expr { return expr.Shift(x, func(i int) int { return was.pass[i] }) }
	if cond != nil {
		cond = shift(cond)
	}
	var moved []expr.Expr
	var cols []row.Field
	add := func(x expr.Expr, name string) int {
		moved = append(moved, x)
		cols = append(cols, row.Field{Name: name, Type: x.Type()})
		return len(cols) - 1
	}
	w.pass = make([]int, len(exprs))
	for i, x := range exprs {
		w.pass[i] = -1
		if pass[i] < 0 || was.pass[pass[i]] >= 0 {
			w.pass[i] = add(shift(x), names[i].Name)
		}
	}
	input := func(i int) expr.Expr { return &expr.Input{Index: i, Name: of.Cols[i].Name, T: of.Cols[i].Type} }
	w.time = add(input(was.time), of.Cols[was.time].Name)
	w.sessions = nil
	for _, k := range was.sessions {
		w.sessions = append(w.sessions, passedTo(moved, k))
		if i := len(w.sessions) - 1; w.sessions[i] < 0 {
			w.sessions[i] = add(input(k), of.Cols[k].Name)
		}
	}
	w.of = w.planner.calc(of, cond, moved, cols)
}

// passedTo is the first place at which a column is passed on, -1 for none.
func passedTo(exprs []expr.Expr, column int) int {
	return slices.IndexFunc(exprs, func(x expr.Expr) bool {
		in, ok := x.(*expr.Input)
		return ok && in.Index == column
	})
}

// isOf reports whether keys group by windows: they have the start and the end.
func (w *Window) isOf(keys []int) bool {
	return w != nil && w.Start >= 0 && w.End >= 0 && slices.Contains(keys, w.Start) && slices.Contains(keys, w.End)
}
