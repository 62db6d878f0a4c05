package physical

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// lookupJoin looks the rows of the right side up for each row of the left one, nil where the connector of its table cannot.
// Where it can the table is never scanned instead, which would give other rows, and may not end.
func (p *planner) lookupJoin(s *sides) *Rel {
	source := p.lookupSource(s.right)
	if source == nil {
		return nil
	}
	side := lookupSideOf(s.right)
	if side == nil {
		panic(&Error{
			Span: s.n.AsOf.Extent(), Msg: fmt.Sprintf("rows of the table %s are looked up, and the right side of the join can only filter and compute of them", source.Source.Table.Path.Object),
			Hint: "aggregate, join or number the rows of the result of the join",
		})
	}
	keys := s.lookupKeys(p, side)
	read := side.read()
	t := source.Source.Table
	l := &Lookup{Table: t, Options: source.Source.Options}
	for _, k := range keys {
		l.Keys = append(l.Keys, side.physical(s, k.column))
	}
	for _, c := range read {
		l.Project = append(l.Project, side.physical(s, c))
	}
	lookup, options, err := p.Lookup(t, l.Options, l.Keys, l.Project)
	if err != nil {
		fail(s.at, "%s", err)
	}
	op := &exec.LookupJoin{
		Session: p.Session, Kind: s.n.Kind, Left: s.left.Cols, LeftKeys: s.leftKeys, Right: plainColumns(s.right.Cols), Lookups: lookup,
		Cond: and(s.rest), Out: s.columns(true), Options: options,
	}
	for i := len(s.left.Cols); i < len(op.Out); i++ { // only the left side's times go on
		op.Out[i].Type = op.Out[i].Type.Plain()
	}
	if !side.isPlain() {
		op.Found = side.calc(p, read, op.Right)
	}
	op.Options.Async = p.lookupAsync(&lookup, s.n.Lookup, s.left.isInsertOnly())
	if h := s.n.Lookup; h != nil {
		op.Options.Attempts, op.Options.Delay = h.Attempts, h.Delay
	}
	return &Rel{
		Op: op, Lookup: l, Name: "LookupJoin", Detail: s.lookupDetail(side, keys, op), Ins: []*Rel{s.left}, Cols: op.Out,
		Dist: []Distribution{{}}, Kinds: s.left.Kinds, needs: same,
	}
}

func (s *sides) lookupDetail(side *lookupSide, keys []lookupKey, op *exec.LookupJoin) string {
	var on []string
	for i, k := range keys {
		on = append(on, s.left.Cols[s.leftKeys[i]].Name+" = "+side.source.Cols[k.column].Name)
	}
	d := fmt.Sprintf("table=[%s], joinType=[%s], on=[%s]", side.source.Source.Table.Path.Object, s.n.Kind, strings.Join(on, ", "))
	if op.Cond != nil {
		d += ", where=[" + builtin.ExprText(op.Cond, slices.Concat(s.left.Cols, s.right.Cols)) + "]"
	}
	if f := op.Found; f != nil {
		d += ", found=[" + calcDetail(f.In, f.Cond, f.Exprs, f.Out) + "]"
	}
	return d + lookupText(&op.Options)
}

// lookupSource is what reads a table whose rows are looked up, nil where a relation has none.
func (p *planner) lookupSource(r *Rel) *Rel {
	if r.Source != nil && p.LooksUp != nil {
		yes, err := p.LooksUp(r.Source.Table, r.Source.Options)
		if err != nil {
			fail(r.Source.Span, "%s", err)
		}
		if yes {
			return r
		}
	}
	for _, in := range r.Ins {
		if source := p.lookupSource(in); source != nil {
			return source
		}
	}
	return nil
}

// lookupSide is a relation whose rows are looked up: what is computed of the columns of a table, for the rows that all of
// conds keep. Both are on the columns of source.
type lookupSide struct {
	source *Rel
	exprs  []expr.Expr
	conds  []expr.Expr
}

// lookupSideOf is nil where a row of the relation does not come from one row of the table.
func lookupSideOf(r *Rel) *lookupSide {
	if r.Source != nil {
		return &lookupSide{source: r, exprs: inputs(r.Cols)}
	}
	var side *lookupSide
	switch op := r.Op.(type) {
	case *exec.Watermark, *exec.Normalize, *exec.MiniBatch: // what is looked up has no watermarks and is what is so now
		side = lookupSideOf(r.Ins[0])
	case *exec.Calc:
		side = lookupSideOf(r.Ins[0])
		if side == nil || slices.ContainsFunc(side.exprs, volatile) { // which would be computed anew
			return nil
		}
		for _, c := range Conjuncts(op.Cond) {
			side.conds = append(side.conds, expr.Replace(c, side.exprs))
		}
		exprs := make([]expr.Expr, len(op.Exprs))
		for i, x := range op.Exprs {
			exprs[i] = keepType(expr.Replace(x, side.exprs), x)
		}
		side.exprs = exprs
	}
	return side
}

// isPlain reports whether the rows are those that are looked up.
func (l *lookupSide) isPlain() bool {
	return len(l.conds) == 0 && !slices.ContainsFunc(l.exprs, func(x expr.Expr) bool { return !isInput(x) })
}

func isInput(x expr.Expr) bool {
	_, ok := x.(*expr.Input)
	return ok
}

// read are the columns of the source that are wanted: those of the rows, or what they are made of.
func (l *lookupSide) read() []int {
	var columns []int
	add := func(in *expr.Input) {
		if !slices.Contains(columns, in.Index) {
			columns = append(columns, in.Index)
		}
	}
	if l.isPlain() {
		for _, x := range l.exprs {
			columns = append(columns, x.(*expr.Input).Index)
		}
		return columns
	}
	for _, x := range slices.Concat(l.exprs, l.conds) {
		expr.Inputs(x, add)
	}
	return columns
}

// calc makes rows of the columns that are read.
func (l *lookupSide) calc(p *planner, read []int, out []row.Field) *exec.Calc {
	at := func(column int) int { return slices.Index(read, column) }
	c := &exec.Calc{Session: p.Session, Out: out}
	for _, column := range read {
		c.In = append(c.In, l.source.Cols[column])
	}
	c.In = plainColumns(c.In)
	for _, x := range l.exprs {
		c.Exprs = append(c.Exprs, expr.Shift(x, at))
	}
	if cond := and(l.conds); cond != nil {
		c.Cond = expr.Shift(cond, at)
	}
	return c
}

// physical is the place of a column of the source among the physical ones of the table.
func (l *lookupSide) physical(s *sides, column int) int {
	t, read := l.source.Source.Table, l.source.Source.Reads
	if c := t.Columns[read[column]]; c.Kind != catalog.Physical {
		fail(s.n.AsOf.Extent(), "the column %s of the table %s is of metadata, which rows that are looked up do not have", c.Name, t.Path.Object)
	}
	n := 0
	for _, c := range t.Columns[:read[column]] {
		if c.Kind == catalog.Physical {
			n++
		}
	}
	return n
}

// column is the column of the source that an expression of both sides is, with the type that it is cast to, which may be its
// own.
func (l *lookupSide) column(x expr.Expr, width int) (column int, via *row.Type, ok bool) {
	via = x.Type().Plain()
	if c, isCall := x.(*expr.Call); isCall && c.Func.Name == "CAST" {
		x = c.Args[0]
	}
	in, ok := x.(*expr.Input)
	if !ok || in.Index < width {
		return 0, nil, false
	}
	of, ok := l.exprs[in.Index-width].(*expr.Input)
	if !ok {
		return 0, nil, false
	}
	return of.Index, via, true
}

// lookupKey is a value that a column of the table has in the rows that are looked up.
type lookupKey struct {
	column     int
	value      expr.Expr
	isConstant bool
	// isAll says that the rows of the condition are all that have the value. Otherwise others have it, too.
	isAll bool
}

// lookupKeys takes equations of columns of the table with values of the left side out of the condition. Those with constants
// are taken where there are no others: a connector may have a way for the former only.
func (s *sides) lookupKeys(p *planner, side *lookupSide) []lookupKey {
	conds := Conjuncts(s.n.Cond)
	var all []lookupKey // of each condition, where value is not nil
	isConstant := true
	for _, c := range conds {
		k := s.lookupKey(c, side)
		isConstant = isConstant && (k.value == nil || k.isConstant)
		all = append(all, k)
	}
	leftExprs := inputs(s.left.Cols)
	var keys []lookupKey
	var rest []expr.Expr
	for i, k := range all {
		isKey := k.value != nil && k.isConstant == isConstant && !slices.ContainsFunc(keys, func(o lookupKey) bool { return o.column == k.column }) &&
			(k.isAll || !slices.ContainsFunc(all, func(o lookupKey) bool { return o.isAll && o.column == k.column && o.isConstant == isConstant }))
		if isKey {
			keys = append(keys, k)
			s.leftKeys = append(s.leftKeys, placeOf(&leftExprs, k.value))
		}
		if !isKey || !k.isAll {
			rest = append(rest, conds[i])
		}
	}
	if len(keys) == 0 {
		s.failLookup(side, conds)
	}
	s.left = added(p, s.left, leftExprs)
	s.setRest(rest)
	return keys
}

// lookupKey is the key that a condition gives; its value is nil where it gives none.
func (s *sides) lookupKey(c expr.Expr, side *lookupSide) (k lookupKey) {
	column, via, x, ok := s.lookupEquation(c, side)
	if !ok || volatile(x) {
		return k
	}
	k.column, k.isConstant = column, true
	expr.Inputs(x, func(*expr.Input) { k.isConstant = false })
	k.value, k.isAll = keyValue(x, via, side.source.Cols[column].Type.Plain())
	return k
}

// lookupEquation takes an equation of a column of the table, which may be cast to another type, with an expression of the
// left side apart.
func (s *sides) lookupEquation(c expr.Expr, side *lookupSide) (column int, via *row.Type, x expr.Expr, ok bool) {
	call, ok := c.(*expr.Call)
	if !ok || call.Func.Name != "=" || len(call.Args) != 2 {
		return 0, nil, nil, false
	}
	for i, x := range call.Args {
		isLeft := true
		expr.Inputs(x, func(in *expr.Input) { isLeft = isLeft && in.Index < s.width })
		if column, via, ok := side.column(call.Args[1-i], s.width); ok && isLeft {
			return column, via, x, true
		}
	}
	return 0, nil, nil, false
}

// keyValue makes a value of a column's type of x, which each value of the column has that equals x when it is cast to another
// type; nil where several may. The equation is nothing else where that is the column's own type, and x is compared as one
// of it. Otherwise what x does not fit in makes another value of it, or NULL, and the equation has to be asked, too.
func keyValue(x expr.Expr, via, column *row.Type) (value expr.Expr, isAll bool) {
	t := x.Type().Plain()
	switch common := builtin.Common(t, via); {
	case common == nil:
		return nil, false
	case column.Same(via) && (t.IsText() && via.IsText() || t.IsBinary() && via.IsBinary()), sameBytes(t, via) && sameBytes(column, via):
		return x, true
	case common.Same(column):
		isAll = column.Same(via)
	case !comesBack(column, via) || !comesBack(via, common):
		return nil, false
	}
	y, err := builtin.Cast(x.Extent(), x, column.Nullable(!x.Type().NotNull), !isAll)
	if err != nil {
		return nil, false
	}
	return y, isAll
}

// sameBytes reports whether values of a text or binary type have the same bytes as ones of another type.
func sameBytes(t, as *row.Type) bool {
	return (t.IsText() && as.Kind == row.Varchar || t.IsBinary() && as.Kind == row.Varbinary) && t.Length <= as.Length
}

// comesBack reports whether each value of a type is a value of another one, which gives it when it is cast back.
func comesBack(t, via *row.Type) bool {
	digits := map[row.Kind]int{row.TinyInt: 3, row.SmallInt: 5, row.Int: 10, row.BigInt: 19, row.Decimal: t.Precision - t.Scale}[t.Kind]
	switch {
	case t.Same(via), sameBytes(t, via):
		return true
	case t.IsInteger() && via.IsInteger():
		return t.Kind <= via.Kind
	case t.IsInteger() && via.IsApproximate(): // which have 24 and 53 bits
		return via.Kind == row.Float && t.Kind <= row.SmallInt || via.Kind == row.Double && t.Kind <= row.Int
	case digits > 0 && via.Kind == row.Decimal:
		return digits <= via.Precision-via.Scale && (t.Kind != row.Decimal || t.Scale <= via.Scale)
	case t.Kind == via.Kind && (t.IsTimestamp() || t.Kind == row.Time):
		return t.Precision <= via.Precision
	}
	return t.Kind == row.Date && via.Kind == row.Timestamp || t.Kind == row.Float && via.Kind == row.Double
}

// failLookup says why there is no key, and what would make one.
func (s *sides) failLookup(side *lookupSide, conds []expr.Expr) {
	t := side.source.Source.Table
	e := &Error{
		Span: s.at, Msg: fmt.Sprintf("rows of the table %s are looked up by the values of its columns, and the condition of the join gives none of them one", t.Path.Object),
		Hint: "it needs an equation with a column of the table, as it stands, on one side, and on the other one values of the left side only",
	}
	for _, c := range conds {
		column, _, x, ok := s.lookupEquation(c, side)
		if ok && !volatile(x) {
			of := side.source.Cols[column]
			e.Hint = fmt.Sprintf("several values of %s may equal one of %s: write %s = CAST(%s AS %s)", of.Type.Plain().Nullable(true).SQL(), x.Type().Plain().Nullable(true).SQL(),
				of.Name, builtin.ExprText(x, s.left.Cols), of.Type.Plain().Nullable(true).SQL())
		}
	}
	panic(e)
}

// ignoredLookup is what has no effect of the hint LOOKUP, empty where all has.
func ignoredLookup(o *exec.LookupOptions, h *logical.LookupHint) string {
	isAsync := o.Async.Capacity > 0
	switch wants := h.Async != nil && *h.Async; {
	case wants && !isAsync:
		return ": 'async' has no effect: the whole table is in memory"
	case !isAsync && (h.Capacity > 0 || h.Timeout != nil || h.Unordered != nil):
		return ": 'capacity', 'timeout' and 'output-mode' have no effect without 'async' = 'true': rows are looked up one after the other"
	case !isAsync && h.Async == nil && h.Attempts == 0:
		return " has no effect: rows are looked up one after the other"
	}
	return ""
}

// lookupAsync is how many rows are looked up at once: several where the connector has a way of its own, or the hint asks for it.
// Results go out as they come where rows do not change others.
func (p *planner) lookupAsync(l *exec.Lookups, h *logical.LookupHint, isInsertOnly bool) exec.LookupAsync {
	if h == nil {
		h = &logical.LookupHint{}
	}
	wanted := l.NewAsync != nil
	if h.Async != nil {
		wanted = *h.Async || l.New == nil
	}
	if l.Scan != nil || !wanted {
		return exec.LookupAsync{}
	}
	a := p.LookupAsync
	if h.Capacity > 0 {
		a.Capacity = h.Capacity
	}
	if h.Timeout != nil {
		a.Timeout = *h.Timeout
	}
	if h.Unordered != nil {
		a.Unordered = *h.Unordered
	}
	a.Unordered = a.Unordered && isInsertOnly
	return a
}

// lookupText is what is not so for all lookups.
func lookupText(o *exec.LookupOptions) string {
	s := ""
	if o.Cache {
		s = ", cache=[PARTIAL"
		if o.MaxRows > 0 {
			s += fmt.Sprintf(", maxRows=%d", o.MaxRows)
		}
		if o.AfterWrite > 0 {
			s += ", expireAfterWrite=" + o.AfterWrite.String()
		}
		if o.AfterAccess > 0 {
			s += ", expireAfterAccess=" + o.AfterAccess.String()
		}
		s += "]"
	}
	if f := &o.Full; f.Reload == exec.ReloadTimed {
		s = ", cache=[FULL, reload=TIMED, time=" + timeOfDay(f) + fmt.Sprintf(", days=%d]", f.Days)
	} else if f.Reload != exec.ReloadNever {
		s = fmt.Sprintf(", cache=[FULL, reload=%s, interval=%s]", f.Reload, f.Interval)
	}
	if a := &o.Async; a.Capacity > 0 {
		mode := "ORDERED"
		if a.Unordered {
			mode = "UNORDERED"
		}
		s += fmt.Sprintf(", async=[%s, KEY_ORDERED: false, %dms, %d]", mode, a.Timeout.Milliseconds(), a.Capacity)
	}
	if o.Attempts > 1 {
		s += fmt.Sprintf(", retry=[lookup_miss, FIXED_DELAY, %s, %d]", o.Delay, o.Attempts)
	}
	return s
}

func timeOfDay(f *exec.LookupFull) string {
	t := time.Time{}.Add(f.TimeOfDay)
	if f.HasOffset {
		return t.In(time.FixedZone("", f.OffsetSeconds)).Add(-time.Duration(f.OffsetSeconds) * time.Second).Format("15:04:05.999999999Z07:00")
	}
	return t.Format("15:04:05.999999999")
}
