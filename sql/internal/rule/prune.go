package rule

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// MergeProjects makes one of a projection of a projection, unless it would compute something more often.
func MergeProjects(n logical.Node) logical.Node {
	return bottomUp(n, func(n logical.Node) logical.Node {
		p, ok := n.(*logical.Project)
		if !ok {
			return n
		}
		in, ok := p.Input.(*logical.Project)
		if !ok {
			return n
		}
		uses := make([]int, len(in.Exprs))
		for _, x := range p.Exprs {
			expr.Inputs(x, func(i *expr.Input) { uses[i.Index]++ })
		}
		for i, x := range in.Exprs {
			if _, isCall := x.(*expr.Call); isCall && (uses[i] > 1 || isVolatile(x) && uses[i] > 0) {
				return n
			}
		}
		exprs := make([]expr.Expr, len(p.Exprs))
		for i, x := range p.Exprs {
			exprs[i] = keepType(expr.Replace(x, in.Exprs), x)
		}
		return logical.NewProject(in.Input, exprs, logical.Names(p.Columns()))
	})
}

// keepType gives a column the type that it is read with.
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

// Prune leaves out columns that nobody reads, down to the columns of tables. A table that is read several times is read
// with the columns that any of them needs, so that it can be read once.
func Prune(plans []logical.Node) []logical.Node {
	p := &pruner{wanted: map[string][]bool{}, collecting: true}
	for _, n := range plans {
		p.root(n)
	}
	p.collecting = false
	out := make([]logical.Node, len(plans))
	for i, n := range plans {
		out[i] = p.root(n)
	}
	return out
}

// pruner goes over the plans twice: first it collects which columns of each table are wanted.
type pruner struct {
	wanted     map[string][]bool // by table
	collecting bool
}

// root keeps all columns of a plan.
func (p *pruner) root(n logical.Node) logical.Node {
	all := make([]bool, len(n.Columns()))
	for i := range all {
		all[i] = true
	}
	out, to := p.prune(n, all)
	if isIdentity(to) {
		return out
	}
	return ordered(out, to, n.Columns())
}

// tableOf names the table that a node reads, with its computed columns and its watermark; empty for another node.
func tableOf(n logical.Node) string {
	switch n := n.(type) {
	case *logical.Watermark:
		if p, ok := n.Input.(*logical.Project); ok {
			return tableOf(p.Input)
		}
		return tableOf(n.Input)
	case *logical.Scan:
		return fmt.Sprintf("%s %v", n.Table.Path, n.Options)
	}
	return ""
}

// shared are the columns of a table that somebody wants.
func (p *pruner) shared(n logical.Node, wanted []bool) []bool {
	name := fmt.Sprintf("%T %s", n, tableOf(n))
	if p.collecting {
		all := p.wanted[name]
		if all == nil {
			all = make([]bool, len(wanted))
			p.wanted[name] = all
		}
		for i, w := range wanted {
			all[i] = all[i] || w
		}
		return wanted
	}
	return p.wanted[name]
}

func isIdentity(to []int) bool {
	for i, k := range to {
		if i != k {
			return false
		}
	}
	return true
}

// ordered has the columns at places, in their order.
func ordered(n logical.Node, at []int, cols []row.Field) logical.Node {
	exprs := make([]expr.Expr, len(at))
	for i, k := range at {
		in := *logical.Input(n, k)
		in.T = cols[i].Type
		exprs[i] = &in
	}
	return logical.NewProject(n, exprs, logical.Names(cols))
}

// prune makes n without the columns that are not wanted, or with some of them; to is where a column is then, -1 for
// one that is gone.
func (p *pruner) prune(n logical.Node, wanted []bool) (out logical.Node, to []int) {
	switch n := n.(type) {
	case *logical.Scan:
		return p.pruneScan(n, wanted)
	case *logical.Project:
		return p.pruneProject(n, wanted)
	case *logical.Filter:
		need := slices.Clone(wanted)
		want(need, n.Cond)
		in, to := p.prune(n.Input, need)
		return &logical.Filter{Input: in, Cond: moved(n.Cond, to)}, to
	case *logical.Join:
		return p.pruneJoin(n, wanted)
	case *logical.Aggregate:
		return p.pruneAggregate(n, wanted)
	case *logical.Expand:
		need := slices.Clone(wanted[:len(wanted)-1])
		for _, k := range n.Keys {
			need[k] = true
		}
		in, to := p.prune(n.Input, need)
		return logical.NewExpand(in, movedAll(n.Keys, to), n.Sets), append(slices.Clone(to), len(in.Columns()))
	case *logical.Apply:
		return p.pruneApply(n, wanted)
	case *logical.Window:
		return p.pruneWindow(n, wanted)
	case *logical.Over:
		return p.pruneOver(n, wanted)
	case *logical.Sort:
		need := slices.Clone(wanted)
		for _, k := range n.Keys {
			need[k.Column] = true
		}
		in, to := p.prune(n.Input, need)
		return &logical.Sort{Input: in, Keys: movedKeys(n.Keys, to), Offset: n.Offset, Limit: n.Limit}, to
	case *logical.Watermark:
		need := slices.Clone(p.shared(n, wanted))
		need[n.Column] = true
		want(need, n.Expr)
		own := slices.Clone(wanted)
		own[n.Column] = true
		want(own, n.Expr)
		in, to := p.prune(n.Input, need)
		return only(logical.NewWatermark(in, to[n.Column], moved(n.Expr, to)), to, own)
	case *logical.SetOp:
		return p.pruneUnion(n, wanted)
	}
	return p.pruneNone(n, wanted)
}

// pruneNone keeps all columns of a node.
func (p *pruner) pruneNone(n logical.Node, wanted []bool) (logical.Node, []int) {
	return mapInputs(n, p.root), identity(len(wanted))
}

func identity(n int) []int {
	to := make([]int, n)
	for i := range to {
		to[i] = i
	}
	return to
}

// want marks the columns that an expression reads.
func want(need []bool, x expr.Expr) { expr.Inputs(x, func(in *expr.Input) { need[in.Index] = true }) }

func moved(x expr.Expr, to []int) expr.Expr {
	return expr.Shift(x, func(i int) int { return to[i] })
}

func movedKeys(keys []logical.SortKey, to []int) []logical.SortKey {
	out := slices.Clone(keys)
	for i := range out {
		out[i].Column = to[out[i].Column]
	}
	return out
}

func movedAll(at, to []int) []int {
	out := slices.Clone(at)
	for i, k := range at {
		if k >= 0 {
			out[i] = to[k]
		}
	}
	return out
}

// kept numbers what is wanted.
func kept(wanted []bool) (to []int, n int) {
	to = make([]int, len(wanted))
	for i, w := range wanted {
		to[i] = -1
		if w {
			to[i] = n
			n++
		}
	}
	return to, n
}

func (p *pruner) pruneScan(n *logical.Scan, wanted []bool) (logical.Node, []int) {
	own := wanted
	wanted = p.shared(n, wanted)
	to, count := kept(wanted)
	if count == len(wanted) {
		return only(n, to, own)
	}
	var reads []int
	for i, c := range n.Reads {
		if wanted[i] {
			reads = append(reads, c)
		}
	}
	return only(logical.NewScan(n.Span, n.Table, n.Options, reads), to, own)
}

// only leaves the columns out that others want: an operator that keeps rows keeps the same ones whoever else reads the
// table.
func only(n logical.Node, to []int, wanted []bool) (logical.Node, []int) {
	var at []int
	var cols []row.Field
	out := make([]int, len(to))
	extra := false
	for i, k := range to {
		out[i] = -1
		switch {
		case wanted[i]:
			out[i] = len(at)
			at, cols = append(at, k), append(cols, n.Columns()[k])
		case k >= 0:
			extra = true
		}
	}
	if !extra {
		return n, to
	}
	return ordered(n, at, cols), out
}

func (p *pruner) pruneProject(n *logical.Project, wanted []bool) (logical.Node, []int) {
	need := make([]bool, len(n.Input.Columns()))
	for i, x := range n.Exprs {
		if wanted[i] {
			want(need, x)
		}
	}
	in, inTo := p.prune(n.Input, need)
	to, _ := kept(wanted)
	var exprs []expr.Expr
	var names []string
	for i, x := range n.Exprs {
		if wanted[i] {
			exprs, names = append(exprs, moved(x, inTo)), append(names, n.Columns()[i].Name)
		}
	}
	return logical.NewProject(in, exprs, names), to
}

func (p *pruner) pruneJoin(n *logical.Join, wanted []bool) (logical.Node, []int) {
	width := len(n.Left.Columns())
	need := make([]bool, width+len(n.Right.Columns()))
	copy(need, wanted)
	if n.Cond != nil {
		want(need, n.Cond)
	}
	if n.AsOf != nil {
		want(need, n.AsOf)
		if n.AsOf.Type().Attribute != row.Proctime {
			for i := range need[width:] { // the right side's key and time are found later
				need[width+i] = true
			}
		}
	}
	left, leftTo := p.prune(n.Left, need[:width])
	right, rightTo := p.prune(n.Right, need[width:])
	to := slices.Clone(leftTo)
	for _, k := range rightTo {
		if k >= 0 {
			k += len(left.Columns())
		}
		to = append(to, k)
	}
	joined := *n
	if n.Cond != nil {
		joined.Cond = moved(n.Cond, to)
	}
	if n.AsOf != nil {
		joined.AsOf = moved(n.AsOf, to)
	}
	return joined.With(left, right), to[:len(wanted)]
}

func (p *pruner) pruneAggregate(n *logical.Aggregate, wanted []bool) (logical.Node, []int) {
	need := make([]bool, len(n.Input.Columns()))
	to := make([]int, len(wanted))
	for i, k := range n.Keys {
		need[k] = true
		to[i] = i
	}
	var calls []logical.Call
	for i, c := range n.Calls {
		at := len(n.Keys) + i
		to[at] = -1
		if !wanted[at] && !(len(n.Keys) == 0 && len(calls) == 0 && i == len(n.Calls)-1) {
			continue
		}
		to[at] = len(n.Keys) + len(calls)
		calls = append(calls, c)
		for _, a := range c.Args {
			need[a] = true
		}
		if c.Filter >= 0 {
			need[c.Filter] = true
		}
	}
	in, inTo := p.prune(n.Input, need)
	for i, c := range calls {
		calls[i].Args = movedAll(c.Args, inTo)
		if c.Filter >= 0 {
			calls[i].Filter = inTo[c.Filter]
		}
	}
	pruned := logical.NewAggregate(in, movedAll(n.Keys, inTo), calls)
	pruned.TTL = n.TTL
	return pruned, to
}

func (p *pruner) pruneApply(n *logical.Apply, wanted []bool) (logical.Node, []int) {
	width := len(n.Input.Columns())
	need := slices.Clone(wanted[:width])
	for _, a := range n.Args {
		want(need, a)
	}
	in, inTo := p.prune(n.Input, need)
	args := make([]expr.Expr, len(n.Args))
	for i, a := range n.Args {
		args[i] = moved(a, inTo)
	}
	to := slices.Clone(inTo)
	for i := width; i < len(wanted); i++ {
		to = append(to, len(in.Columns())+i-width)
	}
	return logical.NewApply(in, n.Func, args, n.Outer, n.Result), to
}

func (p *pruner) pruneWindow(n *logical.Window, wanted []bool) (logical.Node, []int) {
	width := len(n.Input.Columns())
	need := slices.Clone(wanted[:width])
	need[n.Time] = true
	for _, p := range n.Partition {
		need[p] = true
	}
	in, inTo := p.prune(n.Input, need)
	to := slices.Clone(inTo)
	for i := range 3 {
		to = append(to, len(in.Columns())+i)
	}
	return logical.NewWindow(n.Span, in, n.Windowing, inTo[n.Time], movedAll(n.Partition, inTo)), to
}

func (p *pruner) pruneOver(n *logical.Over, wanted []bool) (logical.Node, []int) {
	width := len(n.Input.Columns())
	need := slices.Clone(wanted[:width])
	var calls []logical.OverCall
	to := make([]int, len(wanted))
	for i, c := range n.Calls {
		to[width+i] = -1
		if !wanted[width+i] {
			continue
		}
		to[width+i] = len(calls)
		calls = append(calls, c)
		for _, a := range slices.Concat(c.Args, c.Partition, []int{c.Filter}) {
			if a >= 0 {
				need[a] = true
			}
		}
		for _, k := range c.Order {
			need[k.Column] = true
		}
	}
	in, inTo := p.prune(n.Input, need)
	copy(to, inTo)
	for i := range n.Calls {
		if to[width+i] >= 0 {
			to[width+i] += len(in.Columns())
		}
	}
	if len(calls) == 0 {
		return in, to
	}
	for i, c := range calls {
		calls[i].Args, calls[i].Partition = movedAll(c.Args, inTo), movedAll(c.Partition, inTo)
		calls[i].Order = movedKeys(c.Order, inTo)
		if c.Filter >= 0 {
			calls[i].Filter = inTo[c.Filter]
		}
	}
	return logical.NewOver(n.Span, in, calls), to
}

func (p *pruner) pruneUnion(n *logical.SetOp, wanted []bool) (logical.Node, []int) {
	to, count := kept(wanted)
	if count == len(wanted) || n.Kind != logical.Union {
		return p.pruneNone(n, wanted)
	}
	var cols []row.Field
	for i, c := range n.Columns() {
		if wanted[i] {
			cols = append(cols, c)
		}
	}
	ins := make([]logical.Node, len(n.Ins))
	for i, in := range n.Ins {
		out, inTo := p.prune(in, wanted)
		var at []int
		for c, w := range wanted {
			if w {
				at = append(at, inTo[c])
			}
		}
		if len(out.Columns()) != count || !isIdentity(at) {
			out = ordered(out, at, cols)
		}
		ins[i] = out
	}
	return logical.NewSetOp(n.Kind, n.All, ins, cols), to
}
