package physical

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
	"github.com/flott-dev/flott/sql/internal/rule"
)

func (p *planner) aggregate(n *logical.Aggregate) *Rel {
	in := p.plan(n.Input)
	p.checkCalls(n.Calls, !in.isInsertOnly())
	if in.Window.isOf(n.Keys) {
		if !p.Batch {
			return p.windowAggregate(in, n)
		}
		// In batch mode nothing is early: windows are columns like others, and their groups go to disk as others do.
		if r := p.sliceAggregate(in, n); r != nil {
			return r
		}
	}
	if p.DistinctBuckets > 0 {
		if partial, final := rule.SplitDistinct(n, p.DistinctBuckets); partial != nil {
			p.planned[n.Input] = in
			return p.groupAggregate(p.groupAggregate(p.plan(partial.Input), partial), final)
		}
	}
	return p.groupAggregate(in, n)
}

// groupAggregate groups by keys only.
func (p *planner) groupAggregate(in *Rel, n *logical.Aggregate) *Rel {
	cols := plainColumns(n.Columns())
	op := &exec.GroupAggregate{
		In: in.Cols, Keys: n.Keys, Calls: n.Calls, Out: cols, Retract: !in.isInsertOnly(), Final: p.Batch, Memory: p.HashAggMemory, EachRow: p.EachRow, TTL: ttl(n.TTL, p.TTL),
	}
	r := &Rel{
		Op: op, Name: "GroupAggregate", Detail: aggregateDetail(in.Cols, n.Keys, n.Calls), Ins: []*Rel{in}, Cols: cols,
		Dist: []Distribution{distribution(n.Keys)}, Kinds: insertOnly,
	}
	switch {
	case p.Batch:
		op.TTL = 0
		if n.TTL != nil {
			r.Ignored = append(r.Ignored, ignoredTTL)
		}
	case n.TTL != nil:
		r.TTL = n.TTL.String()
	}
	keys := firstColumns(len(n.Keys))
	r.Keys = [][]int{keys}
	if p.TwoPhase || p.TwoPhaseGlobal && len(keys) == 0 {
		p.split(r, op)
	}
	if p.Batch {
		return r
	}
	if len(n.Calls) > 0 {
		r.Kinds |= update
		r.setBefore = func(b bool) { op.Before = b }
	}
	if op.Retract {
		r.Kinds |= deletes
	}
	p.bundled(r)
	if len(keys) == 0 || op.TTL > 0 {
		return r
	}
	return p.keyed(r, "the groups by "+columnNames(cols, keys))
}

const ignoredTTL = "STATE_TTL has no effect: groups are kept to the end of the input"

func firstColumns(n int) []int {
	columns := make([]int, n)
	for i := range columns {
		columns[i] = i
	}
	return columns
}

// split has a group aggregate merge what is computed of its rows where these come from, if that can be sent.
func (p *planner) split(r *Rel, op *exec.GroupAggregate) {
	in := r.Ins[0]
	local := &exec.LocalAggregate{In: in.Cols, Keys: op.Keys, Calls: op.Calls, Retract: op.Retract}
	cols, ok := local.Fields()
	if !ok {
		return
	}
	r.Name = "GlobalGroupAggregate"
	op.In, op.Partials, op.Keys = cols, local, r.Keys[0]
	r.Ins = []*Rel{{
		Op: local, Name: "LocalGroupAggregate", Detail: r.Detail, Ins: []*Rel{in}, Cols: cols, Dist: []Distribution{{}}, Kinds: insertOnly,
	}}
	r.Dist = []Distribution{distribution(op.Keys)}
}

// plainColumns are columns without time attributes.
func plainColumns(cols []row.Field) []row.Field {
	out := slices.Clone(cols)
	for i := range out {
		out[i].Type = out[i].Type.Plain()
	}
	return out
}

// checkCalls refuses what a stream cannot have, and what rows that change cannot.
func (p *planner) checkCalls(calls []logical.Call, retract bool) {
	for _, c := range calls {
		if retract && c.Func.Custom != nil && !c.Func.Retracts {
			fail(ast.Span{}, "%s takes new rows only, and the rows here change; give the function a Retract", c.Func.Name)
		}
		if c.Func.Name == "APPROX_COUNT_DISTINCT" && !p.Batch {
			fail(ast.Span{}, "APPROX_COUNT_DISTINCT is not supported in streaming mode; COUNT(DISTINCT …) is")
		}
	}
}

// windowAggregate groups by windows.
func (p *planner) windowAggregate(in *Rel, n *logical.Aggregate) *Rel {
	w := in.Window
	keys, keyPlaces := w.otherKeys(n.Keys) // which are columns of the operator, too
	calls := slices.Clone(n.Calls)
	op := &exec.WindowAggregate{
		Session: p.Session, In: in.Cols, Windowing: w.Windowing, Processing: w.Processing, Attached: true, Start: w.Start, End: w.End,
		Instants: w.Instants, Time: -1, Retract: !in.isInsertOnly(), Final: p.Batch,
	}
	source := in
	if ks, cs, ok := w.sliced(keys, calls); ok {
		source = w.of
		op.In, op.Attached, op.Time, op.Start, op.End = w.of.Cols, false, w.time, -1, -1
		keys, calls = ks, cs
		op.Retract = !w.of.isInsertOnly()
	}
	op.Keys, op.Calls = keys, calls
	for _, k := range keys {
		c := source.Cols[k]
		c.Type = c.Type.Plain()
		op.Out = append(op.Out, c)
	}
	for _, c := range n.Calls {
		op.Out = append(op.Out, row.Field{Name: c.Name, Type: c.T})
	}
	bounds := len(op.Out)
	bound := row.TimestampOf(3).Nullable(false)
	rowtime := bound
	if w.Time >= 0 {
		rowtime = in.Cols[w.Time].Type
	}
	op.Out = append(op.Out, row.Field{Name: "window_start", Type: bound}, row.Field{Name: "window_end", Type: bound},
		row.Field{Name: "window_time", Type: rowtime})
	r := &Rel{
		Op: op, Name: "WindowAggregate", Ins: []*Rel{source}, Cols: op.Out, Dist: []Distribution{distribution(keys)}, Kinds: insertOnly,
		Detail: aggregateDetail(source.Cols, keys, calls) + ", window=[" + windowDetail(op) + "]",
		Window: &Window{
			Windowing: w.Windowing, Start: bounds, End: bounds + 1, Time: bounds + 2, Processing: w.Processing, Instants: w.Instants, planner: p,
		},
	}
	key := []int{bounds, bounds + 1}
	for i := range keys {
		key = append(key, i)
	}
	r.Keys = [][]int{key}
	// The columns of the plan: its keys, among them those of the window, then the calls.
	exprs := make([]expr.Expr, 0, len(n.Columns()))
	for i, k := range n.Keys {
		at := keyPlaces[i]
		switch k {
		case w.Start:
			at = bounds
		case w.End:
			at = bounds + 1
		case w.Time:
			at = bounds + 2
		}
		exprs = append(exprs, columnOf(r, at, n.Columns()[i]))
	}
	for i := range n.Calls {
		exprs = append(exprs, columnOf(r, len(keys)+i, n.Columns()[len(n.Keys)+i]))
	}
	return p.calc(r, nil, exprs, n.Columns())
}

// columnOf is a column of a relation, by the name and the nullability that the plan has for it.
func columnOf(r *Rel, at int, f row.Field) expr.Expr {
	t := *r.Cols[at].Type
	t.NotNull = f.Type.NotNull
	return &expr.Input{Index: at, Name: r.Cols[at].Name, T: &t}
}

func windowDetail(op *exec.WindowAggregate) string {
	if op.Attached {
		return fmt.Sprintf("%s attached, start=%s, end=%s", op.Kind, op.In[op.Start].Name, op.In[op.End].Name)
	}
	return windowText(op.Windowing, op.In, op.Time, nil)
}

// sliced moves keys and calls to the relation before the windows were made, so that the aggregate makes them.
func (w *Window) sliced(keys []int, calls []logical.Call) ([]int, []logical.Call, bool) {
	if w.of == nil {
		return nil, nil, false
	}
	before := make([]int, len(keys))
	for i, k := range keys {
		if before[i] = w.pass[k]; before[i] < 0 {
			return nil, nil, false
		}
	}
	if w.Kind == "SESSION" { // sessions are made by other keys than it is grouped by
		a, b := slices.Clone(before), slices.Clone(w.sessions)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(w.columnsOf(a), w.columnsOf(b)) {
			return nil, nil, false
		}
	}
	out := slices.Clone(calls)
	for i, c := range calls {
		out[i].Args = slices.Clone(c.Args)
		for k, a := range c.Args {
			if out[i].Args[k] = w.pass[a]; w.pass[a] < 0 {
				return nil, nil, false
			}
		}
		if c.Filter >= 0 {
			if out[i].Filter = w.pass[c.Filter]; out[i].Filter < 0 {
				return nil, nil, false
			}
		}
	}
	return before, out, true
}

// columnsOf are the columns that a calculation before the windows passes on to places, sorted: two places may be the same
// column.
func (w *Window) columnsOf(at []int) []int {
	c, ok := w.of.Op.(*exec.Calc)
	if !ok {
		return at
	}
	var out []int
	for _, i := range at {
		in, ok := c.Exprs[i].(*expr.Input)
		if !ok {
			return at
		}
		out = append(out, in.Index)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func aggregateDetail(cols []row.Field, keys []int, calls []logical.Call) string {
	var parts []string
	for _, c := range calls {
		parts = append(parts, callText(cols, c))
	}
	s := ""
	if len(keys) > 0 {
		s = "groupBy=[" + columnNames(cols, keys) + "]"
	}
	if len(parts) > 0 {
		if s != "" {
			s += ", "
		}
		s += "select=[" + strings.Join(parts, ", ") + "]"
	}
	return s
}
