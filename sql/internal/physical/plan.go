package physical

import (
	"fmt"
	"slices"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Config is what planning depends on beside the plan.
type Config struct {
	exec.Session
	Batch bool
	// EachRow gives a change for each row of the input, where rows of a batch could be put together.
	EachRow bool
	// MiniBatch is what operators that put rows together wait for; its Size is 0 where nothing waits.
	MiniBatch exec.MiniBatch
	// TwoPhase computes of the rows of a group what can be sent and merged before rows are dealt out; TwoPhaseGlobal does
	// so where all rows are of one group.
	TwoPhase, TwoPhaseGlobal bool
	// DistinctBuckets splits what is DISTINCT into so many buckets first; 0 does not.
	DistinctBuckets int
	// WatermarkEachRow makes a watermark after each row that advances it.
	WatermarkEachRow bool
	// Shuffle is the seed of an order of rows where none is defined; 0 leaves rows as they come.
	Shuffle uint64
	// EachWatermark is that of a table with options, otherwise where they say nothing of it; it may be nil.
	EachWatermark func(options map[string]string, otherwise bool) bool
	// TTL is table.exec.state.ttl.
	TTL time.Duration
	// SortMemory, HashAggMemory and HashJoinMemory are what operators keep in memory in batch mode, in bytes.
	SortMemory, HashAggMemory, HashJoinMemory int64
	// DropNulls drops rows with NULL in a column of a sink that has none, in place of failing.
	DropNulls bool
	// SourceKinds are the kinds of changes that a table's rows are.
	SourceKinds func(t *catalog.Table, options map[string]string) (row.ChangeKinds, error)
	// LooksUp reports whether rows of a table can be looked up; it may be nil.
	LooksUp func(t *catalog.Table, options map[string]string) (bool, error)
	// Lookup finds the ways in which a table's rows are looked up by some of its columns.
	Lookup func(t *catalog.Table, options map[string]string, keys, project []int) (exec.Lookups, exec.LookupOptions, error)
	// LookupAsync is how several rows are looked up at once where no hint says otherwise.
	LookupAsync exec.LookupAsync
	// SinkKinds are the kinds of changes that a table takes.
	SinkKinds func(t *catalog.Table) (row.ChangeKinds, error)
}

// Error is what cannot be planned.
type Error struct {
	Span ast.Span
	Msg  string
	Hint string
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Msg + "; " + e.Hint
	}
	return e.Msg
}

func fail(at ast.Span, format string, args ...any) {
	panic(&Error{Span: at, Msg: fmt.Sprintf(format, args...)})
}

// planner plans the statements of one job.
type planner struct {
	*Config
	uids map[string]int
	// planned are relations whose operators have been chosen, as inputs of what takes the place of their consumers.
	planned map[logical.Node]*Rel
}

func newPlanner(c *Config) *planner {
	return &planner{Config: c, uids: map[string]int{}, planned: map[logical.Node]*Rel{}}
}

// Query plans a query whose rows are the result.
func Query(c *Config, n logical.Node) (r *Rel, err error) {
	defer catch(&err)
	p := newPlanner(c)
	r = p.plan(n)
	sink := &Rel{Name: "Result", Ins: []*Rel{r}, Cols: r.Cols, Dist: []Distribution{{}}, Kinds: r.Kinds, Keys: r.Keys, Sink: &Sink{}}
	if p.ordersRows(r) {
		sink.Dist[0].Kind = Singleton
	}
	p.finish([]*Rel{sink})
	return sink, nil
}

// ordersRows reports whether the rows of a relation come in an order that counts.
func (p *planner) ordersRows(r *Rel) bool {
	switch r.Op.(type) {
	case *exec.Sort, *exec.Limit:
		return true
	case *exec.Calc:
		return p.ordersRows(r.Ins[0])
	}
	return false
}

// Job plans INSERT statements that run together.
func Job(c *Config, inserts []Insert) (rels []*Rel, err error) {
	defer catch(&err)
	p := newPlanner(c)
	for _, i := range inserts {
		rels = append(rels, p.sink(i))
	}
	p.finish(rels)
	return rels, nil
}

// Insert is an INSERT statement.
type Insert struct {
	ast.Span
	Table     *catalog.Table
	Plan      logical.Node // the columns that are written
	Overwrite bool
	Static    map[string]string
}

func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case *Error:
		*err = r
	default:
		panic(r)
	}
}

// finish goes over plans from their roots: what is computed twice is computed once, who sends -U, and what operators are
// known by.
func (p *planner) finish(rels []*Rel) {
	if p.Shuffle != 0 {
		done := map[*Rel]*Rel{}
		for _, r := range rels {
			p.shuffle(r, done)
		}
	}
	digests := map[*Rel]string{}
	once := map[string]*Rel{}
	for _, r := range rels {
		share(r, digests, once)
	}
	needs := map[*Rel]bool{}
	for _, r := range rels {
		requireBefore(r, true, needs)
	}
	settled := map[*Rel]bool{}
	for _, r := range rels {
		settle(r, needs, settled)
	}
	for _, r := range rels {
		p.identify(r)
	}
}

// plan chooses operators for a relation.
func (p *planner) plan(n logical.Node) *Rel {
	if r := p.planned[n]; r != nil {
		return r
	}
	switch n := n.(type) {
	case *logical.Scan:
		return p.scan(n)
	case *logical.Values:
		return p.values(n)
	case *logical.Project:
		return p.project(n)
	case *logical.Filter:
		return p.filter(n)
	case *logical.Watermark:
		return p.watermark(n)
	case *logical.Aggregate:
		return p.aggregate(n)
	case *logical.Expand:
		return p.expand(n)
	case *logical.Apply:
		return p.apply(n)
	case *logical.Join:
		return p.join(n)
	case *logical.Window:
		return p.window(n)
	case *logical.Over:
		return p.over(n)
	case *logical.Sort:
		return p.sort(n)
	case *logical.SetOp:
		return p.union(n)
	}
	panic(fmt.Sprintf("physical: there is no operator for %T", n))
}

func (p *planner) scan(n *logical.Scan) *Rel {
	kinds, err := p.SourceKinds(n.Table, n.Options)
	if err != nil {
		fail(n.Span, "%s", err)
	}
	if p.Batch && kinds != insertOnly {
		fail(n.Span, "the table %s has rows that change, and batch mode reads new rows only; SET 'execution.runtime-mode' = 'streaming'", n.Table.Path.Object)
	}
	r := &Rel{
		Name: "TableSource", Detail: n.Table.Path.Object + "(" + readText(n) + ")", Cols: n.Columns(), Kinds: kinds,
		Source: &Source{n.Table, n},
	}
	to := make([]int, len(n.Table.Columns))
	for i := range to {
		to[i] = -1
	}
	for i, c := range n.Reads {
		to[c] = i
	}
	if k := n.Table.Keys(); k != nil {
		r.Keys = mapKeys([][]int{k}, to)
	}
	if kinds.Has(row.UpdateAfter) && !kinds.Has(row.UpdateBefore) {
		if keyed := withKey(n); keyed != n { // changes are found by it
			return p.calc(p.scan(keyed), nil, inputs(r.Cols), r.Cols)
		}
		return p.normalize(r, n)
	}
	return r
}

// withKey is a scan that reads the columns of the table's primary key too, behind the others.
func withKey(n *logical.Scan) *logical.Scan {
	reads, types := slices.Clone(n.Reads), []*row.Type{}
	for _, c := range n.Columns() {
		types = append(types, c.Type)
	}
	for _, k := range n.Table.Keys() {
		if !slices.Contains(reads, k) {
			reads, types = append(reads, k), append(types, n.Table.Columns[k].Type.Plain())
		}
	}
	if len(reads) == len(n.Reads) {
		return n
	}
	return logical.NewScan(n.Span, n.Table, n.Options, reads).Narrowed(types)
}

// normalize makes a changelog with -U of a source that has none.
func (p *planner) normalize(r *Rel, n *logical.Scan) *Rel {
	if len(r.Keys) == 0 {
		fail(n.Span, "the table %s sends changes without the rows before, and needs a PRIMARY KEY … NOT ENFORCED", n.Table.Path.Object)
	}
	op := &exec.Normalize{In: r.Cols, Keys: r.Keys[0], EachRow: p.EachRow, TTL: p.TTL}
	return p.keyed(p.bundled(&Rel{
		Op: op, Name: "ChangelogNormalize", Detail: "key=[" + columnNames(r.Cols, op.Keys) + "]", Ins: []*Rel{r}, Cols: r.Cols,
		Dist: []Distribution{{Hash, op.Keys}}, Kinds: insertOnly | update | deletes, Keys: r.Keys,
		setBefore: func(b bool) { op.Before = b }, needs: none,
	}), "the rows of "+n.Table.Path.Object+" by primary key")
}

// none needs no -U.
func none(bool) []bool { return []bool{false, false} }

// same needs -U where it is needed of the operator.
func same(before bool) []bool { return []bool{before, before} }

func (p *planner) values(n *logical.Values) *Rel {
	return &Rel{
		Values: &exec.Values{Session: p.Session, Rows: n.Rows, Out: n.Columns()}, Name: "Values",
		Detail: fmt.Sprintf("%d rows (%s)", len(n.Rows), names(n.Columns())), Cols: n.Columns(), Kinds: insertOnly,
	}
}

// project computes expressions, of filtered rows where the input is a filter.
func (p *planner) project(n *logical.Project) *Rel {
	if f, ok := n.Input.(*logical.Filter); ok {
		if over, limits, rest := rankLimits(f); over != nil {
			number := len(over.Input.Columns())
			reads := rest != nil && readsColumn(rest, number)
			for _, x := range n.Exprs {
				reads = reads || readsColumn(x, number)
			}
			return p.calc(p.rankOver(over, limits, reads), rest, n.Exprs, n.Columns())
		}
		return p.calc(p.plan(f.Input), f.Cond, n.Exprs, n.Columns())
	}
	return p.calc(p.plan(n.Input), nil, n.Exprs, n.Columns())
}

func (p *planner) filter(n *logical.Filter) *Rel {
	cond := n.Cond
	var in *Rel
	if over, limits, rest := rankLimits(n); over != nil {
		in, cond = p.rankOver(over, limits, true), rest
	} else {
		in = p.plan(n.Input)
	}
	return p.calc(in, cond, inputs(in.Cols), n.Columns())
}

// calc filters and computes. What is computed of a calculation becomes one, unless that would compute something more
// often.
func (p *planner) calc(in *Rel, cond expr.Expr, exprs []expr.Expr, cols []row.Field) *Rel {
	if c, ok := in.Op.(*exec.Calc); ok && mergeable(c, cond, exprs) {
		merged := make([]expr.Expr, len(exprs))
		for i, x := range exprs {
			merged[i] = keepType(expr.Replace(x, c.Exprs), x)
		}
		both := c.Cond
		if cond != nil {
			both = and(append(Conjuncts(c.Cond), expr.Replace(cond, c.Exprs)))
		}
		return p.calc(in.Ins[0], both, merged, cols)
	}
	out := make([]row.Field, len(exprs))
	to := make([]int, len(in.Cols))
	pass := make([]int, len(exprs))
	for i := range to {
		to[i] = -1
	}
	identity := len(exprs) == len(in.Cols) && cond == nil
	for i, x := range exprs {
		out[i] = row.Field{Name: cols[i].Name, Type: x.Type()}
		pass[i] = -1
		column, ok := x.(*expr.Input)
		if !ok {
			identity = false
			continue
		}
		t := *x.Type()
		t.Attribute = in.Cols[column.Index].Type.Attribute
		out[i].Type = &t
		pass[i] = column.Index
		if to[column.Index] < 0 {
			to[column.Index] = i
		}
		identity = identity && column.Index == i && out[i].Type.Equal(in.Cols[i].Type)
	}
	if identity {
		if sameNames(out, in.Cols) {
			return in
		}
	}
	op := &exec.Calc{Session: p.Session, In: in.Cols, Cond: cond, Exprs: exprs, Out: out}
	r := &Rel{
		Op: op, Name: "Calc", Detail: calcDetail(in.Cols, cond, exprs, out), Ins: []*Rel{in}, Cols: out,
		Dist: []Distribution{{}}, Kinds: in.Kinds, Keys: mapKeys(in.Keys, to), needs: same,
	}
	if cond != nil && in.hasUpdates() {
		r.needs = nil // a -U may be filtered out where its +U is not
	}
	if w := in.Window; w != nil {
		r.Window = w.through(cond, exprs, pass, to, out)
	}
	return r
}

// mergeable reports whether what a calculation computes is needed once at most above it.
func mergeable(c *exec.Calc, cond expr.Expr, exprs []expr.Expr) bool {
	uses := make([]int, len(c.Exprs))
	count := func(x expr.Expr) {
		expr.Inputs(x, func(in *expr.Input) { uses[in.Index]++ })
	}
	for _, x := range exprs {
		count(x)
	}
	if cond != nil {
		count(cond)
	}
	for i, x := range c.Exprs {
		call, ok := x.(*expr.Call)
		if ok && !isField(call) && uses[i] > 1 || ok && cond != nil && !expr.IsTotal(x) && !isField(call) {
			return false
		}
	}
	return true
}

// isField reports whether a call takes a field of a column, which costs nothing.
func isField(x *expr.Call) bool {
	if _, ok := expr.Field(x); !ok {
		return false
	}
	switch a := x.Args[0].(type) {
	case *expr.Input:
		return true
	case *expr.Call:
		return isField(a)
	}
	return false
}

// keepType gives a column the type that it was read with.
func keepType(y, x expr.Expr) expr.Expr {
	in, ok := y.(*expr.Input)
	was, isInput := x.(*expr.Input)
	if !ok || !isInput || in.T == was.T {
		return y
	}
	c := *in
	c.T = was.T
	return &c
}

// inputs are all columns as expressions.
func inputs(cols []row.Field) []expr.Expr {
	exprs := make([]expr.Expr, len(cols))
	for i, c := range cols {
		exprs[i] = &expr.Input{Index: i, Name: c.Name, T: c.Type}
	}
	return exprs
}

// readsColumn reports whether an expression reads a column.
func readsColumn(x expr.Expr, at int) bool {
	reads := false
	expr.Inputs(x, func(in *expr.Input) { reads = reads || in.Index == at })
	return reads
}

func sameNames(a, b []row.Field) bool {
	for i := range a {
		if a[i].Name != b[i].Name {
			return false
		}
	}
	return true
}

func (p *planner) watermark(n *logical.Watermark) *Rel {
	in := p.plan(n.Input)
	eachRow := p.WatermarkEachRow
	if t := scanned(n.Input); t != nil && p.EachWatermark != nil {
		eachRow = p.EachWatermark(t.Options, eachRow)
	}
	cols := append([]row.Field(nil), in.Cols...)
	cols[n.Column].Type = n.Columns()[n.Column].Type
	return &Rel{
		Op:   &exec.Watermark{Session: p.Session, In: in.Cols, Column: n.Column, Expr: n.Expr, EachRow: eachRow},
		Name: "WatermarkAssigner", Detail: fmt.Sprintf("rowtime=[%s], watermark=[%s]", cols[n.Column].Name, builtin.ExprText(n.Expr, in.Cols)),
		Ins: []*Rel{in}, Cols: cols, Dist: []Distribution{{}}, Kinds: in.Kinds, Keys: in.Keys, needs: same,
	}
}

// scanned is the table that a watermark is made for: its rows, or what its computed columns are made of.
func scanned(n logical.Node) *logical.Scan {
	for {
		switch x := n.(type) {
		case *logical.Scan:
			return x
		case *logical.Project:
			n = x.Input
		case *logical.Filter:
			n = x.Input
		default:
			return nil
		}
	}
}

func (p *planner) expand(n *logical.Expand) *Rel {
	in := p.plan(n.Input)
	op := &exec.Expand{In: in.Cols, Keys: n.Keys, Sets: n.Sets, Out: n.Columns()}
	for _, s := range n.Sets {
		op.Numbers = append(op.Numbers, n.Number(s))
	}
	kept := func(column int) bool {
		return column < 0 || !slices.Contains(n.Keys, column) || !slices.ContainsFunc(n.Sets, func(set []int) bool {
			return !slices.ContainsFunc(set, func(k int) bool { return n.Keys[k] == column })
		})
	}
	w := in.Window.attached()
	if w != nil && !(kept(w.Start) && kept(w.End) && kept(w.Time)) {
		w = nil // some sets are about all windows
	}
	return &Rel{
		Op: op, Name: "Expand", Detail: fmt.Sprintf("%d sets of %s", len(n.Sets), columnNames(in.Cols, n.Keys)), Ins: []*Rel{in},
		Cols: n.Columns(), Dist: []Distribution{{}}, Kinds: in.Kinds, needs: same, Window: w,
	}
}

func (p *planner) apply(n *logical.Apply) *Rel {
	in := p.plan(n.Input)
	cols := append(append([]row.Field(nil), in.Cols...), n.Columns()[len(in.Cols):]...)
	return &Rel{
		Op:   &exec.Apply{Session: p.Session, In: in.Cols, Func: n.Func, Args: n.Args, Outer: n.Outer, Out: cols},
		Name: "Correlate", Detail: n.Func.Name + "(" + texts(n.Args, in.Cols) + ")", Ins: []*Rel{in}, Cols: cols,
		Dist: []Distribution{{}}, Kinds: in.Kinds, needs: same,
	}
}

func (p *planner) union(n *logical.SetOp) *Rel {
	r := &Rel{Op: &exec.Union{In: n.Columns()}, Name: "Union", Detail: "all", Cols: n.Columns(), needs: func(b bool) []bool {
		all := make([]bool, len(n.Ins))
		for i := range all {
			all[i] = b
		}
		return all
	}}
	for _, in := range n.Ins {
		i := p.plan(in)
		r.Ins = append(r.Ins, i)
		r.Dist = append(r.Dist, Distribution{})
		r.Kinds |= i.Kinds
	}
	return r
}

// keyed notes an operator with a state that grows with the number of keys.
func (p *planner) keyed(r *Rel, what string) *Rel {
	if !p.Batch && p.TTL == 0 {
		r.Grows = what + " are kept for ever; SET 'table.exec.state.ttl' = '…' bounds that"
	}
	return r
}

// bundled has the rows of an operator come in mini-batches, where there are any.
func (p *planner) bundled(r *Rel) *Rel {
	if p.MiniBatch.Size == 0 || p.Batch {
		return r
	}
	r.Ins, r.Dist = []*Rel{p.miniBatch(r.Ins[0], r.Dist[0], p.MiniBatch)}, []Distribution{{}}
	return r
}

// miniBatch hands rows on in mini-batches, to where they are dealt out.
func (p *planner) miniBatch(in *Rel, d Distribution, op exec.MiniBatch) *Rel {
	op.In = in.Cols
	return &Rel{
		Op: &op, Name: "MiniBatch", Detail: fmt.Sprintf("size=[%d], latency=[%s]", op.Size, op.Latency), Ins: []*Rel{in}, Cols: in.Cols,
		Dist: []Distribution{d}, Kinds: in.Kinds, Keys: in.Keys, Window: in.Window.attached(), needs: same,
	}
}

func isMiniBatch(r *Rel) bool {
	_, ok := r.Op.(*exec.MiniBatch)
	return ok
}

// sink writes a table.
func (p *planner) sink(i Insert) *Rel {
	in := p.plan(i.Plan)
	t := i.Table
	takes, err := p.SinkKinds(t)
	if err != nil {
		fail(i.Span, "%s", err)
	}
	var notNull []int
	var nullNames []string
	for k, c := range t.Sink() {
		if t.Columns[c].Type.NotNull && !in.Cols[k].Type.NotNull {
			notNull, nullNames = append(notNull, k), append(nullNames, t.Columns[c].Name)
		}
	}
	if notNull != nil {
		in = &Rel{
			Op: &exec.NotNull{In: in.Cols, Columns: notNull, Names: nullNames, Drop: p.DropNulls}, Name: "NotNullEnforcer",
			Detail: "[" + columnNames(in.Cols, notNull) + "]", Ins: []*Rel{in}, Cols: in.Cols, Dist: []Distribution{{}}, Kinds: in.Kinds,
			Keys: in.Keys, needs: same, Window: nil,
		}
	}
	needsBefore := takes.Has(row.UpdateBefore)
	switch {
	case in.hasUpdates() && !takes.Has(row.UpdateAfter), in.Kinds.Has(row.Delete) && !takes.Has(row.Delete):
		panic(&Error{
			Span: i.Span, Msg: fmt.Sprintf("the table %s takes new rows only, and the query gives changes: %s", t.Path.Object, kindsText(in.Kinds)),
			Hint: "write to a table whose connector takes changes, with a PRIMARY KEY … NOT ENFORCED",
		})
	case in.hasUpdates() && !needsBefore && t.PrimaryKey == nil:
		fail(i.Span, "the table %s takes changes by key, and has no PRIMARY KEY … NOT ENFORCED", t.Path.Object)
	}
	keys := SinkKeys(t)
	if in.hasUpdates() && !needsBefore && !in.isKey(keys) {
		in = p.materialize(in, keys)
	}
	if !needsBefore && in.Kinds.Has(row.UpdateBefore) {
		op := &exec.DropBefore{In: in.Cols}
		in = &Rel{
			Op: op, Name: "DropUpdateBefore", Ins: []*Rel{in}, Cols: in.Cols, Dist: []Distribution{{}},
			Kinds: in.Kinds &^ (1 << row.UpdateBefore), Keys: in.Keys, needs: none,
		}
	}
	r := &Rel{
		Name: "Sink", Detail: t.Path.Object + "(" + names(in.Cols) + ")", Ins: []*Rel{in}, Cols: in.Cols, Dist: []Distribution{{}},
		Kinds: in.Kinds, Keys: in.Keys, Sink: &Sink{Table: t, Overwrite: i.Overwrite, Static: i.Static},
		needs: func(bool) []bool { return []bool{needsBefore} },
	}
	if len(keys) > 0 && in.hasUpdates() {
		r.Dist[0] = Distribution{Hash, keys}
	}
	return r
}

// SinkKeys are the places of a table's primary key among the columns that are written.
func SinkKeys(t *catalog.Table) []int {
	var keys []int
	for _, k := range t.Keys() {
		for i, c := range t.Sink() {
			if c == k {
				keys = append(keys, i)
			}
		}
	}
	return keys
}

// materialize keeps the rows of each primary key of a sink, since its input may change them out of order.
func (p *planner) materialize(in *Rel, keys []int) *Rel {
	op := &exec.Materialize{In: in.Cols, Keys: keys, EachRow: p.EachRow, TTL: p.TTL}
	return p.keyed(p.bundled(&Rel{
		Op: op, Name: "SinkUpsertMaterializer", Detail: "key=[" + columnNames(in.Cols, keys) + "]", Ins: []*Rel{in}, Cols: in.Cols,
		Dist: []Distribution{{Hash, keys}}, Kinds: insertOnly | 1<<row.UpdateAfter | deletes, Keys: [][]int{keys},
	}), "the rows of each primary key")
}

// sort orders rows.
func (p *planner) sort(n *logical.Sort) *Rel {
	in := p.plan(n.Input)
	detail := fmt.Sprintf("orderBy=[%s]", orderText(in.Cols, n.Keys))
	if n.Limit >= 0 || n.Offset > 0 {
		detail += fmt.Sprintf(", offset=%d, fetch=%d", n.Offset, n.Limit)
	}
	if p.Batch {
		r := &Rel{
			Op: &exec.Sort{In: in.Cols, Keys: n.Keys, Offset: n.Offset, Limit: n.Limit, Final: true, Memory: p.SortMemory}, Name: "SortLimit", Detail: detail,
			Ins: []*Rel{in}, Cols: in.Cols, Dist: []Distribution{{Kind: Singleton}}, Kinds: insertOnly, Keys: in.Keys,
		}
		if len(n.Keys) == 0 {
			r.Op, r.Name = &exec.Limit{In: in.Cols, Offset: n.Offset, Limit: n.Limit}, "Limit"
		}
		return r
	}
	if n.Limit < 0 && n.Offset == 0 {
		return p.temporalSort(in, n, detail)
	}
	if len(n.Keys) == 0 && in.isInsertOnly() {
		return &Rel{
			Op: &exec.Limit{In: in.Cols, Offset: n.Offset, Limit: n.Limit}, Name: "Limit", Detail: detail, Ins: []*Rel{in}, Cols: in.Cols,
			Dist: []Distribution{{Kind: Singleton}}, Kinds: insertOnly, Keys: in.Keys,
		}
	}
	if n.Limit < 0 {
		fail(ast.Span{}, "OFFSET without LIMIT is not supported in streaming mode")
	}
	return p.rank(in, nil, n.Keys, "ROW_NUMBER", rankBounds{from: n.Offset + 1, to: n.Offset + n.Limit, toColumn: -1}, false, "SortLimit")
}

// temporalSort orders by event time.
func (p *planner) temporalSort(in *Rel, n *logical.Sort, detail string) *Rel {
	if len(n.Keys) == 0 {
		return in
	}
	first := n.Keys[0]
	t := in.Cols[first.Column].Type
	if t.Attribute == row.NoAttribute || first.Desc || !in.isInsertOnly() {
		fail(ast.Span{}, "in streaming mode rows are ordered by a time attribute first, in ascending order; add a LIMIT, or SET 'execution.runtime-mode' = 'batch'")
	}
	return &Rel{
		Op: &exec.Sort{In: in.Cols, Keys: n.Keys, Limit: -1}, Name: "TemporalSort", Detail: detail, Ins: []*Rel{in}, Cols: in.Cols,
		Dist: []Distribution{{Kind: Singleton}}, Kinds: insertOnly, Keys: in.Keys,
	}
}
