package agg

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// spread is a variance, or a standard deviation: computed as SQL would,
//
//	(SUM(x * x) - SUM(x) * SUM(x) / COUNT(x)) / n        n is COUNT(x), less 1 for a sample
//
// by the rules of the type of the result, which x is cast to first. So those of whole numbers are cut off at each
// step, as in Flink.
type spread struct {
	square  *expr.Program // of the argument
	value   *expr.Program
	cast    *expr.Program
	squares *sum
	sums    *sum
	sample  bool
	arg     int
	n       int
	in      column.Batch
	rows    Rows
	post    column.Batch
}

func (m *maker) spread(root, sample bool) accumulator {
	t := m.call.T.Nullable(true)
	x := cast(&expr.Input{T: m.argType(0).Nullable(true)}, t)
	square := call("*", x, x)
	s := &spread{cast: expr.Compile(x), square: expr.Compile(square), sample: sample, arg: m.call.Args[0]}
	squared, summed := sumOf(square.Type()).Plain().Nullable(true), sumOf(t).Plain().Nullable(true)
	s.squares, s.sums = newSum(square.Type().Plain(), squared, 1), newSum(t, summed, 0)
	s.squares.ofRows, s.sums.ofRows = true, true // the number is kept here, for both
	count := row.Of(row.BigInt).Nullable(true)
	s.post.Cols = []*column.Vector{column.New(squared), column.New(summed), column.New(count), column.New(count)}
	input := func(i int) expr.Expr { return &expr.Input{Index: i, T: s.post.Cols[i].Type} }
	sum := cast(input(1), t)
	y := call("/", call("-", input(0), call("/", call("*", sum, sum), input(2))), input(3))
	if root {
		half := column.New(row.Of(row.Double).Nullable(false))
		half.AppendF64(0.5)
		y = call("POWER", y, &expr.Literal{Value: half})
	}
	s.value = expr.Compile(cast(y, t))
	return m.skipNulls(s)
}

func cast(x expr.Expr, t *row.Type) expr.Expr {
	y, err := builtin.Cast(ast.Span{}, x, t, false)
	if err != nil {
		panic(err) // numbers become numbers
	}
	return y
}

func call(name string, args ...expr.Expr) expr.Expr {
	c, err := builtin.Lookup(name).Call(ast.Span{}, args)
	if err != nil {
		panic(err) // they are numbers
	}
	return c
}

func (s *spread) words() int { return 1 + s.squares.words() + s.sums.words() }

func (s *spread) place(at int) {
	s.n = at
	s.squares.place(at + 1)
	s.sums.place(at + 1 + s.squares.words())
}

var noContext = &expr.Context{}

func (s *spread) update(r *Rows) {
	countRows(r, s.n)
	v := r.Cols[s.arg]
	s.in.Cols, s.in.N, s.in.Sel = append(s.in.Cols[:0], v), v.N, r.Places
	s.rows.Cols = append(s.rows.Cols[:0], run(s.cast, &s.in), run(s.square, &s.in))
	s.rows.Places = expr.AllRows(s.rows.Places, len(r.Places))
	s.rows.Accs, s.rows.Minus = r.Accs, r.Minus
	s.sums.update(&s.rows)
	s.squares.update(&s.rows)
}

// run evaluates a program; what fails, fails the accumulator.
func run(p *expr.Program, b *column.Batch) *column.Vector { return p.Run(noContext, b, b.Sel, b.Len()) }

func (s *spread) append(g *Groups, out *column.Vector) {
	cols := s.post.Cols
	for _, c := range cols {
		c.Reset()
	}
	s.post.N = len(g.Accs)
	for _, a := range g.Accs {
		n := int64(*word(a, s.n))
		if n <= 0 {
			for _, c := range cols {
				c.AppendNull()
			}
			continue
		}
		s.squares.appendOne(a, n, cols[0])
		s.sums.appendOne(a, n, cols[1])
		cols[2].AppendI64(n)
		switch {
		case !s.sample:
			cols[3].AppendI64(n)
		case n == 1:
			cols[3].AppendNull()
		default:
			cols[3].AppendI64(n - 1)
		}
	}
	v := run(s.value, &s.post)
	out.AppendRange(v, 0, v.N)
}

func (s *spread) merge(dst, src Acc, m *merging) {
	*word(dst, s.n) += *word(src, s.n)
	s.squares.merge(dst, src, m)
	s.sums.merge(dst, src, m)
}
