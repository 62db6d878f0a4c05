package logical

import (
	"slices"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Node is a relation: rows with columns.
type Node interface {
	// Columns are the columns of the rows. The caller must not change them.
	Columns() []row.Field
	// Inputs are the relations that it is computed from.
	Inputs() []Node
	// With is the node with other inputs, as many of them.
	With(inputs ...Node) Node
}

// Scan reads a table: its physical and metadata columns.
type Scan struct {
	ast.Span
	Table *catalog.Table
	// Options are the table's, with those of hints.
	Options map[string]string
	// Reads are the places of the columns among the table's columns.
	Reads []int
	cols  []row.Field
}

// NewScan is a scan of columns of a table.
func NewScan(at ast.Span, t *catalog.Table, options map[string]string, reads []int) *Scan {
	s := &Scan{Span: at, Table: t, Options: options, Reads: reads}
	for _, i := range reads {
		c := &t.Columns[i]
		f := row.Field{Name: c.Name, Type: c.Type}
		if t.Rows == nil { // a watermark is made above the scan
			f.Type = c.Type.Plain()
		}
		s.cols = append(s.cols, f)
	}
	return s
}

// Narrowed is the scan with other types of its columns: ROWs with some of the fields, which are all that is read.
func (s *Scan) Narrowed(types []*row.Type) *Scan {
	n := *s
	n.cols = slices.Clone(s.cols)
	for i, t := range types {
		n.cols[i].Type = t
	}
	return &n
}

// Columns are those that are read.
func (s *Scan) Columns() []row.Field { return s.cols }

// Inputs are none.
func (s *Scan) Inputs() []Node { return nil }

// With is the scan itself.
func (s *Scan) With(...Node) Node { return s }

// Values are rows of expressions without input.
type Values struct {
	Rows [][]expr.Expr
	cols []row.Field
}

// NewValues is rows of values of columns.
func NewValues(cols []row.Field, rows [][]expr.Expr) *Values { return &Values{rows, cols} }

// Columns are those that were given.
func (v *Values) Columns() []row.Field { return v.cols }

// Inputs are none.
func (v *Values) Inputs() []Node { return nil }

// With is the node itself.
func (v *Values) With(...Node) Node { return v }

// Project computes expressions of each row.
type Project struct {
	Input Node
	Exprs []expr.Expr
	cols  []row.Field
}

// NewProject computes expressions with names.
func NewProject(in Node, exprs []expr.Expr, names []string) *Project {
	p := &Project{Input: in, Exprs: exprs}
	for i, x := range exprs {
		p.cols = append(p.cols, row.Field{Name: names[i], Type: x.Type()})
	}
	return p
}

// Columns are the expressions.
func (p *Project) Columns() []row.Field { return p.cols }

// Inputs is the input.
func (p *Project) Inputs() []Node { return []Node{p.Input} }

// With computes the same of another input.
func (p *Project) With(in ...Node) Node { return NewProject(in[0], p.Exprs, Names(p.cols)) }

// Filter keeps the rows for which a condition is TRUE.
type Filter struct {
	Input Node
	Cond  expr.Expr
}

// Columns are those of the input.
func (f *Filter) Columns() []row.Field { return f.Input.Columns() }

// Inputs is the input.
func (f *Filter) Inputs() []Node { return []Node{f.Input} }

// With filters another input.
func (f *Filter) With(in ...Node) Node { return &Filter{in[0], f.Cond} }

// JoinHint is a hint about a table of a join.
type JoinHint struct {
	Name, Table string
	Side        int // of the table: 0 is the left one
}

// Text is the hint as it is written.
func (h JoinHint) Text() string { return h.Name + "(" + h.Table + ")" }

// JoinKind is which rows a join gives.
type JoinKind uint8

// The kinds of joins. Semi and Anti give rows of the left side that have a partner, and that have none.
const (
	Inner JoinKind = iota
	Left
	Right
	Full
	Semi
	Anti
)

// String is the kind as plans show it.
func (k JoinKind) String() string {
	return [...]string{"InnerJoin", "LeftOuterJoin", "RightOuterJoin", "FullOuterJoin", "LeftSemiJoin", "LeftAntiJoin"}[k]
}

// Join joins rows for which a condition on both is TRUE.
type Join struct {
	Left, Right Node
	Kind        JoinKind
	Cond        expr.Expr // nil is TRUE
	// AsOf is the time, of a row on the left, at which the right side is looked at: FOR SYSTEM_TIME AS OF. It is
	// nil for other joins.
	AsOf expr.Expr
	// LeftTTL and RightTTL are how long the rows of a side are kept, where a hint says so.
	LeftTTL, RightTTL *time.Duration
	// Hints are those that say how to join.
	Hints []JoinHint
	// Lookup is what a hint says of how rows are looked up; nil where none does.
	Lookup *LookupHint
	cols   []row.Field
}

// LookupHint is what the hint LOOKUP says; what is zero or nil it does not say.
type LookupHint struct {
	// Async is whether several rows are looked up at once: how many, for how long, and whether results may go out as they come.
	Async, Unordered *bool
	Capacity         int
	Timeout          *time.Duration
	// Attempts is how often a key is looked up that has no rows, and Delay what lies between.
	Attempts int
	Delay    time.Duration
}

// NewJoin joins two relations.
func NewJoin(left, right Node, kind JoinKind, cond expr.Expr) *Join {
	return (&Join{Left: left, Right: right, Kind: kind, Cond: cond}).init()
}

func (j *Join) init() *Join {
	j.cols = nil
	for _, c := range j.Left.Columns() {
		if j.Kind == Right || j.Kind == Full {
			c.Type = c.Type.Nullable(true)
		}
		j.cols = append(j.cols, c)
	}
	if j.Kind == Semi || j.Kind == Anti {
		return j
	}
	for _, c := range j.Right.Columns() {
		if j.Kind == Left || j.Kind == Full {
			c.Type = c.Type.Nullable(true)
		}
		j.cols = append(j.cols, c)
	}
	return j
}

// Columns are those of both sides; of the left one for Semi and Anti.
func (j *Join) Columns() []row.Field { return j.cols }

// Inputs are both sides.
func (j *Join) Inputs() []Node { return []Node{j.Left, j.Right} }

// With joins other relations.
func (j *Join) With(in ...Node) Node {
	c := *j
	c.Left, c.Right = in[0], in[1]
	return c.init()
}

// WithCond has another condition.
func (j *Join) WithCond(cond expr.Expr) *Join {
	c := *j
	c.Cond = cond
	return &c
}

// Apply calls a table function for each row and gives the row with each row of the result.
type Apply struct {
	Input Node
	Func  *TableFunc
	Args  []expr.Expr
	// Outer gives rows for which there is no result too, with NULLs.
	Outer bool
	// Result are the columns that the function adds.
	Result []row.Field
	cols   []row.Field
}

// NewApply calls a function whose result has the given columns.
func NewApply(in Node, f *TableFunc, args []expr.Expr, outer bool, result []row.Field) *Apply {
	a := &Apply{Input: in, Func: f, Args: args, Outer: outer, Result: result}
	a.cols = append(a.cols, in.Columns()...)
	for _, c := range result {
		if outer {
			c.Type = c.Type.Nullable(true)
		}
		a.cols = append(a.cols, c)
	}
	return a
}

// Columns are those of the input, then those of the result.
func (a *Apply) Columns() []row.Field { return a.cols }

// Inputs is the input.
func (a *Apply) Inputs() []Node { return []Node{a.Input} }

// With calls the function for another input.
func (a *Apply) With(in ...Node) Node { return NewApply(in[0], a.Func, a.Args, a.Outer, a.Result) }

// Aggregate groups rows by columns and computes aggregates of each group: its columns are the keys, then the
// aggregates.
type Aggregate struct {
	Input Node
	Keys  []int
	Calls []Call
	// TTL is how long the groups are kept, where a hint says so.
	TTL  *time.Duration
	cols []row.Field
}

// Call is the call of an aggregate function.
type Call = agg.Call

// NewAggregate groups rows.
func NewAggregate(in Node, keys []int, calls []Call) *Aggregate {
	a := &Aggregate{Input: in, Keys: keys, Calls: calls}
	cols := in.Columns()
	for _, k := range keys {
		a.cols = append(a.cols, cols[k])
	}
	for _, c := range calls {
		a.cols = append(a.cols, row.Field{Name: c.Name, Type: c.T})
	}
	return a
}

// Columns are the keys and the aggregates.
func (a *Aggregate) Columns() []row.Field { return a.cols }

// Inputs is the input.
func (a *Aggregate) Inputs() []Node { return []Node{a.Input} }

// With groups another input.
func (a *Aggregate) With(in ...Node) Node {
	b := NewAggregate(in[0], a.Keys, a.Calls)
	b.TTL = a.TTL
	return b
}

// Expand gives each row once for each set of GROUPING SETS: with NULL in the keys that the set has not, and the
// set's number, in a column behind the others, in which bit i is set where key i, counted from the last one, is left
// out.
type Expand struct {
	Input Node
	Keys  []int
	Sets  [][]int // places in Keys
	cols  []row.Field
}

// NewExpand repeats rows for grouping sets, in the order that Flink has: a set before those that it contains, others by
// their keys.
func NewExpand(in Node, keys []int, sets [][]int) *Expand {
	sets = slices.Clone(sets)
	contains := func(a, b []int) bool {
		return !slices.ContainsFunc(b, func(k int) bool { return !slices.Contains(a, k) })
	}
	slices.SortStableFunc(sets, func(a, b []int) int {
		switch aHasB, bHasA := contains(a, b), contains(b, a); {
		case aHasB != bHasA && aHasB:
			return -1
		case aHasB != bHasA:
			return 1
		}
		return slices.Compare(a, b)
	})
	e := &Expand{Input: in, Keys: keys, Sets: sets}
	e.cols = append(e.cols, in.Columns()...)
	for _, k := range keys {
		e.cols[k].Type = e.cols[k].Type.Nullable(true)
	}
	e.cols = append(e.cols, row.Field{Name: "$e", Type: row.Of(row.BigInt).Nullable(false)})
	return e
}

// Number is the number of a set.
func (e *Expand) Number(set []int) int64 {
	n := int64(1)<<len(e.Keys) - 1
	for _, k := range set {
		n &^= 1 << (len(e.Keys) - 1 - k)
	}
	return n
}

// Columns are those of the input, then the number of the set.
func (e *Expand) Columns() []row.Field { return e.cols }

// Inputs is the input.
func (e *Expand) Inputs() []Node { return []Node{e.Input} }

// With repeats the rows of another input.
func (e *Expand) With(in ...Node) Node { return NewExpand(in[0], e.Keys, e.Sets) }

// Windowing is how a table is cut into windows.
type Windowing struct {
	Kind string // TUMBLE, HOP, CUMULATE, SESSION
	// Size, Slide and Offset are in milliseconds. Slide is the step of CUMULATE, and Size the gap of SESSION.
	Size, Slide, Offset int64
}

// Window adds window_start, window_end and window_time to each row: once for each window that it is in.
type Window struct {
	ast.Span
	Input Node
	Windowing
	Time int // the column of time
	// Partition are the columns that sessions are made by.
	Partition []int
	cols      []row.Field
}

// NewWindow cuts a relation into windows.
func NewWindow(at ast.Span, in Node, w Windowing, time int, partition []int) *Window {
	n := &Window{Span: at, Input: in, Windowing: w, Time: time, Partition: partition}
	n.cols = append(n.cols, in.Columns()...)
	t := row.TimestampOf(3).Nullable(false)
	at3 := *n.cols[time].Type
	at3.Precision, at3.NotNull = 3, true
	n.cols = append(n.cols, row.Field{Name: "window_start", Type: t}, row.Field{Name: "window_end", Type: t},
		row.Field{Name: "window_time", Type: &at3})
	return n
}

// Columns are those of the input, then those of the window.
func (w *Window) Columns() []row.Field { return w.cols }

// Inputs is the input.
func (w *Window) Inputs() []Node { return []Node{w.Input} }

// With cuts another relation.
func (w *Window) With(in ...Node) Node {
	return NewWindow(w.Span, in[0], w.Windowing, w.Time, w.Partition)
}

// SortKey is a column to order by.
type SortKey struct {
	Column    int
	Desc      bool
	NullsLast bool
}

// Frame is which rows around a row an OVER aggregate is about. Bounds are numbers of rows, or milliseconds where
// the order is by time, before the row: negative ones are behind it.
type Frame struct {
	Rows bool
	// UnboundedFrom and UnboundedTo are UNBOUNDED PRECEDING and UNBOUNDED FOLLOWING.
	UnboundedFrom, UnboundedTo bool
	From, To                   int64
	// FromValue and ToValue are those of RANGE over numbers: constants, or nil.
	FromValue, ToValue *expr.Literal
	// Months says that the bounds are months.
	Months bool
}

// OverCall is a function with OVER.
type OverCall struct {
	Call
	Partition []int
	Order     []SortKey
	Frame     Frame
	// Constants are arguments that do not change, such as the offset of LAG, in the places of Args that are -1.
	Constants []*expr.Literal
}

// Over adds the values of OVER calls to each row.
type Over struct {
	ast.Span
	Input Node
	Calls []OverCall
	cols  []row.Field
}

// NewOver adds calls.
func NewOver(at ast.Span, in Node, calls []OverCall) *Over {
	o := &Over{Span: at, Input: in, Calls: calls}
	o.cols = append(o.cols, in.Columns()...)
	for _, c := range calls {
		o.cols = append(o.cols, row.Field{Name: c.Name, Type: c.T})
	}
	return o
}

// Columns are those of the input, then the calls.
func (o *Over) Columns() []row.Field { return o.cols }

// Inputs is the input.
func (o *Over) Inputs() []Node { return []Node{o.Input} }

// With adds the calls to another input.
func (o *Over) With(in ...Node) Node { return NewOver(o.Span, in[0], o.Calls) }

// Sort orders rows, and may cut some of them out.
type Sort struct {
	Input  Node
	Keys   []SortKey
	Offset int64
	Limit  int64 // -1 is all
}

// Columns are those of the input.
func (s *Sort) Columns() []row.Field { return s.Input.Columns() }

// Inputs is the input.
func (s *Sort) Inputs() []Node { return []Node{s.Input} }

// With sorts another input.
func (s *Sort) With(in ...Node) Node { return &Sort{in[0], s.Keys, s.Offset, s.Limit} }

// SetKind is what a set operation does.
type SetKind uint8

// The set operations.
const (
	Union SetKind = iota
	Intersect
	Except
)

// String is the word for it.
func (k SetKind) String() string { return [...]string{"UNION", "INTERSECT", "EXCEPT"}[k] }

// SetOp puts relations of the same columns together. Union is UNION ALL: a distinct one has an Aggregate above it.
type SetOp struct {
	Kind SetKind
	All  bool
	Ins  []Node // two but for Union
	cols []row.Field
}

// NewSetOp puts relations together, whose rows have columns of the given types.
func NewSetOp(kind SetKind, all bool, ins []Node, cols []row.Field) *SetOp {
	return &SetOp{kind, all, ins, cols}
}

// Columns have the names of the first input.
func (s *SetOp) Columns() []row.Field { return s.cols }

// Inputs are the relations.
func (s *SetOp) Inputs() []Node { return s.Ins }

// With puts other relations together.
func (s *SetOp) With(in ...Node) Node { return &SetOp{s.Kind, s.All, in, s.cols} }

// Watermark says how the watermark of a time column follows from a row.
type Watermark struct {
	Input  Node
	Column int
	Expr   expr.Expr
	cols   []row.Field
}

// NewWatermark makes a column the event time of rows.
func NewWatermark(in Node, column int, x expr.Expr) *Watermark {
	w := &Watermark{Input: in, Column: column, Expr: x}
	w.cols = append(w.cols, in.Columns()...)
	t := *w.cols[column].Type
	t.Attribute, t.Origin = row.Rowtime, row.NoAttribute
	w.cols[column].Type = &t
	return w
}

// Columns are those of the input.
func (w *Watermark) Columns() []row.Field { return w.cols }

// Inputs is the input.
func (w *Watermark) Inputs() []Node { return []Node{w.Input} }

// With makes a column of another input the event time.
func (w *Watermark) With(in ...Node) Node { return NewWatermark(in[0], w.Column, w.Expr) }

// Names are the names of columns.
func Names(cols []row.Field) []string {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.Name
	}
	return names
}

// Input is a column of a node as an expression.
func Input(n Node, i int) *expr.Input {
	c := n.Columns()[i]
	return &expr.Input{Index: i, Name: c.Name, T: c.Type}
}

// InputsOf are all columns of a node as expressions.
func InputsOf(n Node) []expr.Expr {
	xs := make([]expr.Expr, len(n.Columns()))
	for i := range xs {
		xs[i] = Input(n, i)
	}
	return xs
}

// Lateral is a query that is computed for each row on the left of a join. The rules replace it.
type Lateral struct {
	Plan   Node
	Params []expr.Expr
}

// Columns are the query's.
func (l *Lateral) Columns() []row.Field { return l.Plan.Columns() }

// Inputs is the query.
func (l *Lateral) Inputs() []Node { return []Node{l.Plan} }

// With has another query.
func (l *Lateral) With(in ...Node) Node { return &Lateral{in[0], l.Params} }

// Origin follows a column to the node that makes it: through the nodes that pass columns on as they are.
func Origin(n Node, i int) (Node, int) {
	for {
		switch x := n.(type) {
		case *Filter:
			n = x.Input
		case *Sort:
			n = x.Input
		case *Project:
			in, ok := x.Exprs[i].(*expr.Input)
			if !ok {
				return n, i
			}
			n, i = x.Input, in.Index
		default:
			return n, i
		}
	}
}
