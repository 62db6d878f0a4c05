package exec

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Node makes the operator of a subtask.
func (c *Calc) Node() operator.Node {
	n := &calc{op: c}
	n.init(c.Out, c.Zone)
	n.ColumnInput.Init(n, &n.out)
	programs, shared := expr.CompileAll(append([]expr.Expr{c.Cond}, c.Exprs...))
	n.cond, n.shared = programs[0], shared
	for i, x := range c.Exprs {
		in, ok := x.(*expr.Input)
		if ok {
			n.exprs = append(n.exprs, calcExpr{pass: in.Index})
			continue
		}
		p := programs[1+i]
		n.exprs = append(n.exprs, calcExpr{program: p})
		n.computes = n.computes || !p.IsField()
	}
	return n
}

// calc filters and computes. Columns that are passed on, and fields of them, are not copied: the batch that it gives
// borrows them.
//
// Where something is computed of rows of which some are filtered out, those that are left are gathered: a computed
// column has values for them only, so the columns that are passed on must have no others either.
type calc struct {
	one
	op       *Calc
	cond     *expr.Program
	exprs    []calcExpr
	shared   *expr.Shared // what the condition and the expressions have in common
	computes bool
	sel      []int32
	places   []int32
}

type calcExpr struct {
	program *expr.Program // nil passes a column on
	pass    int
}

func (n *calc) Open(ctx *operator.Context) error {
	n.Ctx = ctx
	n.open(ctx)
	return nil
}

func (n *calc) Watermark(t int64) bool { return n.passMark(t) }

func (n *calc) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	c := n.now()
	n.shared.Begin()
	rows := column.Batch{Cols: b.Cols, N: b.N, Sel: b.Sel, Kinds: b.Kinds}
	all := from == 0 && to == b.Len()
	if !all {
		rows.Sel = n.run(b, from, to)
	}
	if n.cond != nil {
		v, err := n.cond.Eval(c, &rows)
		if err != nil {
			n.fail(err, &b.Batch, n.op.In)
		}
		kept := n.keep(v, &rows)
		if len(kept) == 0 {
			return to
		}
		if len(kept) < rows.Len() {
			rows.Sel = kept
		}
	}
	n.emit(c, b, &rows)
	return to
}

// run are the places of rows number from up to to.
func (n *calc) run(b *batch.Columns, from, to int) []int32 {
	if b.Sel != nil {
		return b.Sel[from:to]
	}
	n.sel = n.sel[:0]
	for i := from; i < to; i++ {
		n.sel = append(n.sel, int32(i))
	}
	return n.sel
}

// keep are the places of the rows for which the condition is TRUE.
func (n *calc) keep(v *column.Vector, rows *column.Batch) []int32 {
	kept := make([]int32, 0, rows.Len())
	for i, yes := range v.Bools[:rows.Len()] {
		if yes && v.Valid.Has(i) {
			kept = append(kept, int32(rows.Row(i)))
		}
	}
	return kept
}

// emit gives the rows that are left, computed.
func (n *calc) emit(c *expr.Context, b *batch.Columns, rows *column.Batch) {
	out := n.out.Get()
	if !n.computes || rows.Sel == nil {
		out.Hold(b.Share())
		out.N, out.Kinds = rows.N, rows.Kinds
		for i := range n.exprs {
			e := &n.exprs[i]
			switch {
			case e.program == nil:
				out.Cols[i] = b.Cols[e.pass]
			case e.program.IsField():
				out.Cols[i] = e.program.Field(rows)
			default:
				n.compute(c, b, rows, out, i)
			}
		}
		if rows.Sel != nil {
			out.Keep(rows.Sel)
		}
		n.out.Pass(out)
		return
	}
	for i := range n.exprs {
		if e := &n.exprs[i]; e.program == nil {
			expr.Gather(out.Cols[i], b.Cols[e.pass], rows.Sel)
		} else {
			n.compute(c, b, rows, out, i)
		}
	}
	out.N = len(rows.Sel)
	if rows.Kinds != nil {
		kinds := out.KindColumn()
		for i, p := range rows.Sel {
			kinds[i] = rows.Kinds[p]
		}
	}
	n.out.Pass(out)
}

// compute evaluates expression i into the batch: its program then goes on with the memory that stood there.
func (n *calc) compute(c *expr.Context, b *batch.Columns, rows *column.Batch, out *batch.Columns, i int) {
	p := n.exprs[i].program
	v, err := p.Eval(c, rows)
	if err != nil {
		n.fail(err, &b.Batch, n.op.In)
	}
	if !p.Owns(v) {
		n.places = expr.AllRows(n.places, rows.Len())
		out.Cols[i].AppendAll(v, n.places)
		return
	}
	p.Give(out.Swap(i, v))
}
