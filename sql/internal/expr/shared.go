package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flott-dev/flott/column"
)

// Shared is what expressions have in common, computed once for each row.
//
// The problem: WHERE REGEXP_EXTRACT(url, …) IS NOT NULL of SELECT REGEXP_EXTRACT(url, …) is computed twice. Computing it beforehand,
// for all rows, would fail where a condition or a CASE keeps rows away from it, and cost more where it is not needed. So it is
// computed where it is needed first, for the rows that need it there, and is looked up by others:
//
//	rows 0 1 2 3 4 5 6 7    values         at
//	WHERE needs 1 3 4 6     v1 v3 v4 v6    - 0 - 1 2 - 3 -
//	SELECT needs 3 6        taken from places 1 and 3 of the values
//	another needs 3 5       v5 is computed and put behind the others
type Shared struct {
	memos []*memo
}

// CompileAll makes Programs of expressions that are evaluated for rows of the same batch, one after the other. What they have in
// common and is worth it is computed once for each row. A nil expression has no Program.
func CompileAll(xs []Expr) ([]*Program, *Shared) {
	s := &Shared{}
	c := compiler{common: s.find(xs)}
	programs := make([]*Program, len(xs))
	for i, x := range xs {
		if x != nil {
			programs[i] = c.compile(x)
		}
	}
	return programs, s
}

// Begin begins a batch: what was computed of the last one is forgotten.
func (s *Shared) Begin() {
	for _, m := range s.memos {
		m.done = false
	}
}

// memo has the values of an expression for the rows of a batch for which they were needed.
type memo struct {
	program *Program
	done    bool // for the rows sel at least
	// The rows that were asked for first: n of them, all of the batch where all is set. They have the first values.
	sel []int32
	all bool
	n   int
	// values has the results, in memory that the program had before; valid is that of their validity.
	values *column.Vector
	valid  column.Bitmap
	// at has the number of the value of each row of the batch, -1 without one, once it is indexed.
	indexed bool
	at      []int32
	// rows, missing and wanted are memory.
	rows, missing, wanted []int32
}

// run is Program.Run. The result is in out, or it is view, whose values stay.
func (m *memo) run(c *Context, b *column.Batch, sel []int32, n int, out, view *column.Vector) *column.Vector {
	switch {
	case !m.done:
		m.first(c, b, sel, n)
		fallthrough
	case m.all && sel == nil, !m.all && sel != nil && slices.Equal(m.sel, sel):
		*view = *m.values
		view.N = m.n
		return view
	case m.all:
		out.Reset()
		Gather(out, m.values, sel)
		return out
	}
	m.index(b.N)
	if sel == nil {
		m.rows = AllRows(m.rows, n)
		sel = m.rows
	}
	m.complete(c, b, sel)
	m.wanted = m.wanted[:0]
	for _, p := range sel {
		m.wanted = append(m.wanted, m.at[p])
	}
	out.Reset()
	Gather(out, m.values, m.wanted)
	return out
}

// first computes the values for the first rows that need them.
func (m *memo) first(c *Context, b *column.Batch, sel []int32, n int) {
	p := m.program
	p.Run(c, b, sel, n)
	p.out, m.values, p.valid, m.valid = m.values, p.out, m.valid, p.valid
	m.sel = append(m.sel[:0], sel...)
	m.done, m.indexed, m.all, m.n = true, false, sel == nil && n > 0, n
}

// index numbers the values of the first rows.
func (m *memo) index(rows int) {
	if m.indexed {
		return
	}
	m.indexed = true
	m.at = slices.Grow(m.at[:0], rows)[:rows]
	for i := range m.at {
		m.at[i] = -1
	}
	for i, p := range m.sel {
		m.at[p] = int32(i)
	}
}

// complete computes the values of rows that have none.
func (m *memo) complete(c *Context, b *column.Batch, sel []int32) {
	m.missing = m.missing[:0]
	for _, p := range sel {
		if m.at[p] < 0 {
			m.missing = append(m.missing, p)
		}
	}
	if len(m.missing) == 0 {
		return
	}
	before := m.values.N
	v := m.program.Run(c, b, m.missing, len(m.missing))
	for i, p := range m.missing {
		m.at[p] = int32(before + i)
	}
	m.missing = AllRows(m.missing, len(m.missing))
	m.values.AppendAll(v, m.missing)
}

// find numbers calls, equal ones the same, and makes a memo of each that is evaluated at more than one place.
func (s *Shared) find(xs []Expr) map[*Call]*memo {
	n := numbering{of: map[*Call]int{}, like: map[string][]int{}}
	for _, x := range xs {
		if x != nil {
			n.number(x)
		}
	}
	for _, x := range xs {
		if x != nil {
			n.count(x)
		}
	}
	memos := make([]*memo, len(n.calls))
	for i := range n.calls {
		if c := &n.calls[i]; c.isShared() {
			memos[i] = &memo{values: column.New(c.call.T)}
			s.memos = append(s.memos, memos[i])
		}
	}
	common := map[*Call]*memo{}
	for call, i := range n.of {
		if memos[i] != nil {
			common[call] = memos[i]
		}
	}
	return common
}

// numbering gives calls that compute the same the same number.
type numbering struct {
	calls    []numbered
	of       map[*Call]int
	like     map[string][]int // by their functions and arguments
	literals []*Literal
}

// numbered is a call with what it costs and at how many places it is evaluated.
type numbered struct {
	call     *Call
	cost     int
	uses     int
	volatile bool
}

// worthIt is the cost from which looking a value up is cheaper than computing it again. Looking up costs about as much as a function
// of numbers.
const worthIt = 4

func (c *numbered) isShared() bool { return c.uses > 1 && !c.volatile && c.cost >= worthIt }

// number is the name of an expression among others, and what it costs.
func (n *numbering) number(x Expr) (name string, cost int, volatile bool) {
	switch x := x.(type) {
	case *Input:
		return fmt.Sprintf("c%d", x.Index), 0, false
	case *Literal:
		i := slices.IndexFunc(n.literals, func(l *Literal) bool { return Equal(l, x) })
		if i < 0 {
			i = len(n.literals)
			n.literals = append(n.literals, x)
		}
		return fmt.Sprintf("l%d", i), 0, false
	case *Call:
		i, ok := n.of[x]
		if !ok {
			i = n.add(x)
			n.of[x] = i
		}
		return fmt.Sprint(i), n.calls[i].cost, n.calls[i].volatile
	}
	return fmt.Sprintf("%p", x), worthIt, true
}

func (n *numbering) add(x *Call) int {
	c := numbered{call: x, cost: Cost(x), volatile: x.Func.Volatile}
	name := functionName(x.Func)
	for _, a := range x.Args {
		arg, cost, volatile := n.number(a)
		name += " " + arg
		c.cost += cost
		c.volatile = c.volatile || volatile
	}
	for _, i := range n.like[name] {
		if n.calls[i].call.T.Equal(x.T) {
			return i
		}
	}
	i := len(n.calls)
	n.calls = append(n.calls, c)
	n.like[name] = append(n.like[name], i)
	return i
}

// functionName tells functions apart. Those that are made for each call have names that say all; others of a name may be of
// different catalogs.
func functionName(f *Func) string {
	switch made, _, _ := strings.Cut(f.Name, " "); made {
	case "CAST", "TRY_CAST", "FIELD", "GROUPING", "GROUPING_ID":
		return f.Name
	}
	return fmt.Sprintf("%p", f)
}

// count counts at how many places calls are evaluated, where those inside a shared one are evaluated in one.
func (n *numbering) count(x Expr) {
	Walk(x, func(x Expr) bool {
		call, ok := x.(*Call)
		if !ok {
			return true
		}
		c := &n.calls[n.of[call]]
		c.uses++
		return !c.isShared()
	})
}

// Cost is about what a call costs for a row without its arguments, where 1 is a function of numbers.
func Cost(x *Call) int {
	switch x.Func.Name {
	case "=", "<>", "<", "<=", ">", ">=", "IS NULL", "IS NOT NULL":
		return 1
	}
	if fieldOf(x) != nil {
		return 0
	}
	if x.Func.Branches != nil {
		return 1
	}
	if IsAppended(x.T) || slices.ContainsFunc(x.Args, func(a Expr) bool { return IsAppended(a.Type()) }) {
		return worthIt
	}
	switch x.Func.Name {
	case "+", "-", "*", "/", "%", "MOD", "UNARY -", "CAST", "TRY_CAST":
		return 1
	}
	if !x.Func.Total { // as those of the program are
		return worthIt
	}
	return 1
}

// IsCostly reports whether an expression is better not computed for rows that do not need it.
func IsCostly(x Expr) bool {
	cost := 0
	Walk(x, func(x Expr) bool {
		if call, ok := x.(*Call); ok {
			cost += Cost(call)
		}
		return true
	})
	return cost >= worthIt
}
