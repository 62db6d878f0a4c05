package physical

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// sides are the two inputs of a join whose equations have been taken out of its condition. Keys are columns: what an
// equation computes has become one, behind the others.
type sides struct {
	n                   *logical.Join
	left, right         *Rel
	leftKeys, rightKeys []int
	nullSafe            []bool
	// rest are the other conditions, on the columns of both sides as they are now.
	rest []expr.Expr
	// width and rightWidth are the columns of both sides without those that were added.
	width, rightWidth int
	at                ast.Span
}

// join chooses how two relations are joined.
func (p *planner) join(n *logical.Join) *Rel {
	s := &sides{n: n, left: p.plan(n.Left), right: p.plan(n.Right)}
	s.width, s.rightWidth = len(s.left.Cols), len(s.right.Cols)
	if n.Cond != nil {
		s.at = n.Cond.Extent()
	}
	var r *Rel
	switch {
	case n.AsOf != nil:
		r = p.temporalJoin(s)
	default:
		s.equations(p)
		if r = p.windowJoin(s); r == nil {
			if r = p.intervalJoin(s); r == nil {
				r = p.regularJoin(s)
			}
		}
	}
	p.hinted(n, r)
	return p.withoutAdded(s, r)
}

// hinted notes what hints say of a join, and has it done in the way that they say, where there are several.
func (p *planner) hinted(n *logical.Join, r *Rel) {
	var parts []string
	if n.LeftTTL != nil {
		parts = append(parts, "LEFT="+n.LeftTTL.String())
	}
	if n.RightTTL != nil {
		parts = append(parts, "RIGHT="+n.RightTTL.String())
	}
	op, isRegular := r.Op.(*exec.Join)
	if isRegular && !p.Batch {
		r.TTL = strings.Join(parts, ", ")
	} else if len(parts) > 0 {
		r.Ignored = append(r.Ignored, "STATE_TTL has no effect: the join keeps rows no longer than it needs them")
	}
	for _, h := range n.Hints {
		switch lookup, isLookup := r.Op.(*exec.LookupJoin); {
		case isRegular && p.Batch && op.Table == exec.TableSmaller && h.Name == "SHUFFLE_HASH":
			op.Table = tableSide(h)
		case isRegular && p.Batch && op.Table == exec.TableSmaller && h.Name == "BROADCAST":
			p.broadcast(r, op, h)
		case isRegular && p.Batch && (h.Name == "SHUFFLE_HASH" || h.Name == "BROADCAST"):
			r.Ignored = append(r.Ignored, h.Text()+" has no effect: another hint says how to join")
		case h.Name != "LOOKUP":
			r.Ignored = append(r.Ignored, h.Text()+" has no effect: there is one way of joining here")
		case isLookup:
			if ignored := ignoredLookup(&lookup.Options, n.Lookup); ignored != "" {
				r.Ignored = append(r.Ignored, h.Text()+ignored)
			}
		default:
			r.Ignored = append(r.Ignored, h.Text()+" has no effect: the table is not looked up")
		}
	}
}

func tableSide(h logical.JoinHint) exec.TableSide {
	return []exec.TableSide{exec.TableLeft, exec.TableRight}[h.Side]
}

// broadcast has all subtasks get the side of a hint, so that the other one stays where it is. The rows of that side must
// not be in the result by themselves: each subtask would give them.
func (p *planner) broadcast(r *Rel, op *exec.Join, h logical.JoinHint) {
	kinds := [][]logical.JoinKind{{logical.Inner, logical.Right}, {logical.Inner, logical.Left, logical.Semi, logical.Anti}}[h.Side]
	if !slices.Contains(kinds, op.Kind) {
		r.Ignored = append(r.Ignored, h.Text()+" has no effect: rows of the table are in the result by themselves")
		return
	}
	op.Table = tableSide(h)
	r.Dist = make([]Distribution, 2)
	r.Dist[h.Side].Kind = Broadcast
}

// ttl is the time to live that a hint gives, otherwise that of the session.
func ttl(hint *time.Duration, otherwise time.Duration) time.Duration {
	if hint != nil {
		return *hint
	}
	return otherwise
}

// equations takes equations of both sides out of the condition.
func (s *sides) equations(p *planner) {
	type equation struct {
		left, right expr.Expr
		nullSafe    bool
	}
	var equations []equation
	var rest []expr.Expr
	for _, c := range Conjuncts(s.n.Cond) {
		x, ok := c.(*expr.Call)
		if !ok || len(x.Args) != 2 || x.Func.Name != "=" && x.Func.Name != "IS NOT DISTINCT FROM" {
			rest = append(rest, c)
			continue
		}
		l, r := x.Args[0], x.Args[1]
		if s.side(l) == 2 && s.side(r) == 1 {
			l, r = r, l
		}
		if s.side(l) != 1 || s.side(r) != 2 {
			rest = append(rest, c)
			continue
		}
		r = expr.Shift(r, func(i int) int { return i - s.width })
		if l, r, ok = sameType(l, r); !ok {
			rest = append(rest, c)
			continue
		}
		equations = append(equations, equation{l, r, x.Func.Name != "="})
	}
	leftExprs, rightExprs := inputs(s.left.Cols), inputs(s.right.Cols)
	for _, e := range equations {
		l, r := placeOf(&leftExprs, e.left), placeOf(&rightExprs, e.right)
		if i := slices.Index(s.leftKeys, l); i >= 0 && s.rightKeys[i] == r {
			continue
		}
		s.leftKeys, s.rightKeys = append(s.leftKeys, l), append(s.rightKeys, r)
		s.nullSafe = append(s.nullSafe, e.nullSafe)
	}
	s.left, s.right = added(p, s.left, leftExprs), added(p, s.right, rightExprs)
	s.setRest(rest)
}

// setRest sets the other conditions, which are on the columns before some were added to the left side.
func (s *sides) setRest(rest []expr.Expr) {
	by := len(s.left.Cols) - s.width
	for _, c := range rest {
		s.rest = append(s.rest, expr.Shift(c, func(i int) int {
			if i >= s.width {
				return i + by
			}
			return i
		}))
	}
}

// side is 1 for an expression of columns of the left side only, 2 for one of the right side, 0 for others.
func (s *sides) side(x expr.Expr) int {
	left, right := false, false
	expr.Inputs(x, func(in *expr.Input) {
		left, right = left || in.Index < s.width, right || in.Index >= s.width
	})
	switch {
	case left && !right:
		return 1
	case right && !left:
		return 2
	}
	return 0
}

// sameType casts both sides of an equation to one type, so that equal values have equal bytes.
func sameType(l, r expr.Expr) (expr.Expr, expr.Expr, bool) {
	a, b := l.Type().Plain(), r.Type().Plain()
	if a.Same(b) || a.IsText() && b.IsText() || a.IsBinary() && b.IsBinary() {
		return l, r, true
	}
	t := builtin.Common(a, b)
	if t == nil {
		return nil, nil, false
	}
	cast := func(x expr.Expr) expr.Expr {
		if x.Type().Plain().Same(t) {
			return x
		}
		y, err := builtin.Cast(x.Extent(), x, t.Nullable(!x.Type().NotNull), false)
		if err != nil {
			return nil
		}
		return y
	}
	l, r = cast(l), cast(r)
	return l, r, l != nil && r != nil
}

func placeOf(exprs *[]expr.Expr, x expr.Expr) int {
	for i, y := range *exprs {
		if expr.Equal(x, y) {
			return i
		}
	}
	*exprs = append(*exprs, x)
	return len(*exprs) - 1
}

// added computes more columns behind those of a relation.
func added(p *planner, r *Rel, exprs []expr.Expr) *Rel {
	if len(exprs) == len(r.Cols) {
		return r
	}
	cols := slices.Clone(r.Cols)
	for i := len(r.Cols); i < len(exprs); i++ {
		cols = append(cols, row.Field{Name: fmt.Sprintf("$k%d", i), Type: exprs[i].Type()})
	}
	return p.calc(r, nil, exprs, cols)
}

// withoutAdded leaves the added columns out again.
func (p *planner) withoutAdded(s *sides, r *Rel) *Rel {
	if len(s.left.Cols) == s.width && len(s.right.Cols) == s.rightWidth {
		return r
	}
	all := inputs(r.Cols)
	exprs := all[:s.width:s.width]
	if len(all) > len(s.left.Cols) {
		exprs = append(exprs, all[len(s.left.Cols):len(s.left.Cols)+s.rightWidth]...)
	}
	return p.calc(r, nil, exprs, s.n.Columns())
}

// columns are the columns of the joined rows.
func (s *sides) columns(keepTimes bool) []row.Field {
	j := logical.NewJoin(relNode{s.left}, relNode{s.right}, s.n.Kind, nil)
	if keepTimes {
		return j.Columns()
	}
	return plainColumns(j.Columns())
}

// relNode lets the rules for the columns of joins be those of plans.
type relNode struct{ *Rel }

func (r relNode) Columns() []row.Field              { return r.Cols }
func (r relNode) Inputs() []logical.Node            { return nil }
func (r relNode) With(...logical.Node) logical.Node { return r }

// dist deals both sides out by their keys.
func (s *sides) dist() []Distribution {
	return []Distribution{distribution(s.leftKeys), distribution(s.rightKeys)}
}

func (s *sides) detail() string {
	d := ""
	for i, k := range s.leftKeys {
		if i > 0 {
			d += ", "
		}
		d += s.left.Cols[k].Name + " = " + s.right.Cols[s.rightKeys[i]].Name
	}
	d = fmt.Sprintf("joinType=[%s], on=[%s]", s.n.Kind, d)
	if len(s.rest) > 0 {
		d += ", where=[" + builtin.ExprText(and(s.rest), append(slices.Clone(s.left.Cols), s.right.Cols...)) + "]"
	}
	return d
}

// keys are what identifies joined rows.
func (s *sides) keys() [][]int {
	if s.n.Kind == logical.Semi || s.n.Kind == logical.Anti {
		return s.left.Keys
	}
	var keys [][]int
	shift := len(s.left.Cols)
	right := func(k []int) []int {
		out := make([]int, len(k))
		for i, c := range k {
			out[i] = c + shift
		}
		return out
	}
	leftOne, rightOne := s.right.isKey(s.rightKeys), s.left.isKey(s.leftKeys) // one partner at most
	for _, k := range s.left.Keys {
		if leftOne && (s.n.Kind == logical.Inner || s.n.Kind == logical.Left) {
			keys = append(keys, k)
		}
	}
	for _, k := range s.right.Keys {
		if rightOne && (s.n.Kind == logical.Inner || s.n.Kind == logical.Right) {
			keys = append(keys, right(k))
		}
	}
	for _, l := range s.left.Keys {
		for _, r := range s.right.Keys {
			keys = append(keys, slices.Concat(l, right(r)))
		}
	}
	return keys
}

func (p *planner) regularJoin(s *sides) *Rel {
	op := &exec.Join{
		Session: p.Session, Kind: s.n.Kind, Left: s.left.Cols, Right: s.right.Cols, LeftKeys: s.leftKeys, RightKeys: s.rightKeys,
		NullSafe: s.nullSafe, Cond: and(s.rest), Out: s.columns(false), LeftUnique: s.left.keyIn(s.leftKeys), RightUnique: s.right.keyIn(s.rightKeys),
		LeftTTL: ttl(s.n.LeftTTL, p.TTL), RightTTL: ttl(s.n.RightTTL, p.TTL), Final: p.Batch, Memory: p.HashJoinMemory,
	}
	if op.LeftUnique == nil && len(s.left.Keys) > 0 {
		op.LeftUnique = s.left.Keys[0]
	}
	if op.RightUnique == nil && len(s.right.Keys) > 0 {
		op.RightUnique = s.right.Keys[0]
	}
	r := &Rel{
		Op: op, Name: "Join", Detail: s.detail(), Ins: []*Rel{s.left, s.right}, Cols: op.Out, Dist: s.dist(), Keys: s.keys(),
		Kinds: s.left.Kinds | s.right.Kinds,
	}
	if p.Batch {
		r.Kinds = insertOnly
		return r
	}
	switch s.n.Kind {
	case logical.Semi:
		r.Kinds = s.left.Kinds
		if !s.right.isInsertOnly() {
			r.Kinds |= deletes
		}
	case logical.Anti:
		r.Kinds = s.left.Kinds | deletes
	case logical.Left, logical.Right, logical.Full:
		r.Kinds |= deletes
	}
	if op.LeftTTL > 0 && op.RightTTL > 0 {
		return r
	}
	return p.keyed(r, "the rows of both sides of the join")
}

// windowJoin joins rows of the same windows, nil where the join is about something else.
func (p *planner) windowJoin(s *sides) *Rel {
	l, r := s.left.Window, s.right.Window
	if l == nil || r == nil || l.Windowing != r.Windowing || l.Start < 0 || l.End < 0 || r.Start < 0 || r.End < 0 || l.Processing != r.Processing || l.Instants != r.Instants {
		return nil
	}
	op := &exec.WindowJoin{
		Session: p.Session, Kind: s.n.Kind, Left: s.left.Cols, Right: s.right.Cols, LeftStart: l.Start, LeftEnd: l.End,
		RightStart: r.Start, RightEnd: r.End, Processing: l.Processing, Instants: l.Instants, Cond: and(s.rest), Out: s.columns(true), Final: p.Batch, Memory: p.HashJoinMemory,
	}
	starts, ends := false, false
	for i, k := range s.leftKeys {
		switch {
		case k == l.Start && s.rightKeys[i] == r.Start:
			starts = true
		case k == l.End && s.rightKeys[i] == r.End:
			ends = true
		default:
			op.LeftKeys, op.RightKeys = append(op.LeftKeys, k), append(op.RightKeys, s.rightKeys[i])
			op.NullSafe = append(op.NullSafe, s.nullSafe[i])
		}
	}
	if !starts || !ends || !s.left.isInsertOnly() || !s.right.isInsertOnly() {
		return nil
	}
	w := l.attached()
	return &Rel{
		Op: op, Name: "WindowJoin", Detail: s.detail(), Ins: []*Rel{s.left, s.right}, Cols: op.Out,
		Dist: []Distribution{distribution(op.LeftKeys), distribution(op.RightKeys)}, Kinds: insertOnly, Keys: s.keys(), Window: w,
	}
}

// intervalJoin joins rows whose times are near each other, nil where the condition does not say so.
func (p *planner) intervalJoin(s *sides) *Rel {
	if p.Batch || s.n.Kind == logical.Semi || s.n.Kind == logical.Anti || !s.left.isInsertOnly() || !s.right.isInsertOnly() {
		return nil
	}
	b := timeBounds{lower: minBound, upper: maxBound, left: -1, right: -1}
	var rest []expr.Expr
	for _, c := range s.rest {
		if !b.take(s, c) {
			rest = append(rest, c)
		}
	}
	for i := 0; i < len(s.leftKeys); { // equal times
		l, r := s.leftKeys[i], s.rightKeys[i]
		if l < s.width && r < s.rightWidth && isTime(s.left.Cols[l]) && isTime(s.right.Cols[r]) && b.isOf(l, r) {
			b.most(0)
			b.least(0)
			s.leftKeys, s.rightKeys = slices.Delete(s.leftKeys, i, i+1), slices.Delete(s.rightKeys, i, i+1)
			s.nullSafe = slices.Delete(s.nullSafe, i, i+1)
			continue
		}
		i++
	}
	if b.lower == minBound || b.upper == maxBound {
		if b.left >= 0 && b.lower == b.upper {
			return nil
		}
		return nil
	}
	detail := s.detail()
	op := &exec.IntervalJoin{
		Session: p.Session, Kind: s.n.Kind, Left: s.left.Cols, Right: s.right.Cols, LeftKeys: s.leftKeys, RightKeys: s.rightKeys,
		NullSafe: s.nullSafe, LeftTime: b.left, RightTime: b.right, Processing: s.left.Cols[b.left].Type.Attribute == row.Proctime, Lower: b.lower, Upper: b.upper,
		Cond: and(rest), Out: s.columns(true),
	}
	return &Rel{
		Op: op, Name: "IntervalJoin", Detail: fmt.Sprintf("%s, bounds=[%d, %d]", detail, b.lower, b.upper), Ins: []*Rel{s.left, s.right},
		Cols: op.Out, Dist: s.dist(), Kinds: insertOnly, Keys: s.keys(),
	}
}

func isTime(c row.Field) bool { return c.Type.Attribute != row.NoAttribute }

const (
	minBound = -1 << 62
	maxBound = 1 << 62
)

// timeBounds are how far the right side's time may be from the left one's, in milliseconds.
type timeBounds struct {
	lower, upper int64
	left, right  int // the columns of time, of each side
}

func (b *timeBounds) isOf(l, r int) bool {
	if b.left < 0 {
		b.left, b.right = l, r
	}
	return b.left == l && b.right == r
}

func (b *timeBounds) most(n int64)  { b.upper = min(b.upper, n) }
func (b *timeBounds) least(n int64) { b.lower = max(b.lower, n) }

// take takes a comparison of times of both sides as a bound.
func (b *timeBounds) take(s *sides, c expr.Expr) bool {
	x, ok := c.(*expr.Call)
	if !ok || len(x.Args) != 2 {
		return false
	}
	op := x.Func.Name
	if op != "<" && op != "<=" && op != ">" && op != ">=" {
		return false
	}
	lc, lo, ok := timePlus(x.Args[0])
	rc, ro, ok2 := timePlus(x.Args[1])
	if !ok || !ok2 {
		return false
	}
	width := len(s.left.Cols)
	if lc >= width && rc < width { // the left side's time on the left
		lc, rc, lo, ro = rc, lc, ro, lo
		op = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}[op]
	}
	if lc >= width || rc < width || !isTime(s.left.Cols[lc]) || !isTime(s.right.Cols[rc-width]) ||
		s.left.Cols[lc].Type.Attribute != s.right.Cols[rc-width].Type.Attribute || !b.isOf(lc, rc-width) {
		return false
	}
	// left + lo op right + ro: right - left is bounded by lo - ro.
	d := lo - ro
	switch op {
	case "<=":
		b.least(d)
	case "<":
		b.least(d + 1)
	case ">=":
		b.most(d)
	case ">":
		b.most(d - 1)
	}
	return true
}

// timePlus takes column + interval apart, the interval in milliseconds.
func timePlus(x expr.Expr) (at int, plus int64, ok bool) {
	switch x := x.(type) {
	case *expr.Input:
		return x.Index, 0, true
	case *expr.Call:
		if len(x.Args) != 2 || x.Func.Name != "+" && x.Func.Name != "-" {
			return 0, 0, false
		}
		in, isInput := x.Args[0].(*expr.Input)
		l, isLiteral := x.Args[1].(*expr.Literal)
		if !isInput && x.Func.Name == "+" {
			in, isInput = x.Args[1].(*expr.Input)
			l, isLiteral = x.Args[0].(*expr.Literal)
		}
		if !isInput || !isLiteral || l.IsNull() || l.Type().Kind != row.IntervalDay {
			return 0, 0, false
		}
		n := l.Value.I64[0]
		if x.Func.Name == "-" {
			n = -n
		}
		return in.Index, n, true
	}
	return 0, 0, false
}

// temporalJoin joins rows with the version of the right side at their time.
func (p *planner) temporalJoin(s *sides) *Rel {
	at := s.n.AsOf.Extent()
	if s.n.Kind != logical.Inner && s.n.Kind != logical.Left {
		fail(at, "FOR SYSTEM_TIME AS OF takes INNER and LEFT joins")
	}
	time, ok := s.n.AsOf.(*expr.Input)
	if !ok || s.left.Cols[time.Index].Type.Attribute == row.NoAttribute {
		fail(at, "FOR SYSTEM_TIME AS OF takes a time attribute of the left side")
	}
	if s.left.Cols[time.Index].Type.Attribute == row.Proctime {
		if r := p.lookupJoin(s); r != nil {
			return r
		}
	}
	if p.Batch { // rows would meet whatever has come of the table by then
		fail(at, "FOR SYSTEM_TIME AS OF takes a table that can be looked up in batch mode; SET 'execution.runtime-mode' = 'streaming'")
	}
	s.equations(p)
	if len(s.leftKeys) == 0 {
		fail(at, "a join FOR SYSTEM_TIME AS OF needs an equation with the key of the right side")
	}
	op := &exec.TemporalJoin{
		Session: p.Session, Kind: s.n.Kind, Left: s.left.Cols, Right: s.right.Cols, LeftKeys: s.leftKeys, RightKeys: s.rightKeys,
		NullSafe: s.nullSafe, LeftTime: time.Index, RightTime: -1, Cond: and(s.rest), Out: s.columns(true), TTL: p.TTL,
		Processing: s.left.Cols[time.Index].Type.Attribute == row.Proctime,
	}
	for i := len(s.left.Cols); i < len(op.Out); i++ { // only the left side's times go on
		op.Out[i].Type = op.Out[i].Type.Plain()
	}
	if !op.Processing {
		for i, c := range s.right.Cols {
			if c.Type.Attribute == row.Rowtime {
				op.RightTime = i
			}
		}
		if op.RightTime < 0 {
			fail(at, "a join at event time needs a time attribute of the right side: a WATERMARK")
		}
		if !s.right.isKey(s.rightKeys) {
			fail(at, "a join FOR SYSTEM_TIME AS OF needs a PRIMARY KEY of the right side, all of whose columns are in its equations")
		}
		keepVersions(s.right)
	}
	r := &Rel{
		Op: op, Name: "TemporalJoin", Detail: s.detail() + ", asOf=[" + s.left.Cols[time.Index].Name + "]", Ins: []*Rel{s.left, s.right},
		Cols: op.Out, Dist: s.dist(), Kinds: s.left.Kinds, Keys: s.left.Keys,
		needs: func(before bool) []bool { return []bool{before, false} },
	}
	if !s.left.isInsertOnly() {
		fail(at, "the left side of a join FOR SYSTEM_TIME AS OF has new rows only, and this one changes: %s", kindsText(s.left.Kinds))
	}
	return p.keyed(r, "the versions of the right side")
}

// keepVersions has the right side give each version of a row, where it would put those of a batch together.
func keepVersions(r *Rel) {
	for {
		switch op := r.Op.(type) {
		case *exec.Calc, *exec.Watermark:
			r = r.Ins[0]
			continue
		case *exec.Deduplicate:
			op.EachRow = true
		case *exec.Normalize:
			op.EachRow = true
		default:
			return
		}
		r.Detail += ", versions=[all]"
		if in := r.Ins[0]; isMiniBatch(in) {
			r.Ins, r.Dist = in.Ins, in.Dist
		}
		return
	}
}
