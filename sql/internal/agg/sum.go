package agg

import (
	"math"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// counter is COUNT of the rows that it gets.
type counter struct{ at int }

func (c *counter) words() int     { return 1 }
func (c *counter) place(at int)   { c.at = at }
func (c *counter) update(r *Rows) { countRows(r, c.at) }

func (c *counter) append(g *Groups, out *column.Vector) { appendCounts(g, c.at, out) }

func (c *counter) merge(dst, src Acc, _ *merging) { *word(dst, c.at) += *word(src, c.at) }

// rowCounter is COUNT(*), which is in the header.
type rowCounter struct{}

func (rowCounter) words() int                           { return 0 }
func (rowCounter) place(int)                            {}
func (rowCounter) update(*Rows)                         {}
func (rowCounter) merge(Acc, Acc, *merging)             {}
func (rowCounter) append(g *Groups, out *column.Vector) { appendCounts(g, rowsAt, out) }

func appendCounts(g *Groups, at int, out *column.Vector) {
	to := extend(out, &out.I64, len(g.Accs))
	for i, a := range g.Accs {
		to[i] = int64(*word(a, at))
	}
}

// extend appends n values, none of which is NULL, to a vector, for the caller to set.
func extend[E any](v *column.Vector, values *[]E, n int) []E {
	at := len(*values)
	if cap(*values) < at+n {
		more := make([]E, at, max(2*cap(*values), at+n))
		copy(more, *values)
		*values = more
	}
	*values = (*values)[:at+n]
	v.N += n
	if v.Valid != nil {
		for len(v.Valid)<<6 < v.N {
			v.Valid = append(v.Valid, ^uint64(0))
		}
		for i := v.N - n; i < v.N; i++ {
			v.Valid.Set(i)
		}
	}
	return (*values)[at:]
}

// sum is what SUM, $SUM0 and AVG have: a sum, in one word or in three, and how many values it is of. That is the
// number of rows where all of them have a value.
type sum struct {
	t       *row.Type // of what is added
	out     *row.Type
	kind    sumKind
	average bool
	zero    bool // 0 without a value
	ofRows  bool
	arg     int
	at, n   int
}

type sumKind uint8

const (
	whole sumKind = iota
	double
	float // in the precision of FLOAT
	decimal
)

func newSum(t, out *row.Type, arg int) *sum {
	s := &sum{t: t, out: out, arg: arg}
	switch column.FormOf(t) {
	case column.FormF64:
		s.kind = double
	case column.FormF32:
		s.kind = float
	case column.FormDecimal:
		s.kind = decimal
	}
	return s
}

func (s *sum) words() int {
	n := 1
	if s.kind == decimal {
		n = wideWords
	}
	if s.ofRows {
		return n
	}
	return n + 1
}

func (s *sum) place(at int) {
	s.at, s.n = at, rowsAt
	if !s.ofRows {
		s.n = at + s.words() - 1
	}
}

func (s *sum) update(r *Rows) {
	if !s.ofRows {
		countRows(r, s.n)
	}
	s.add(r)
}

// add adds the values.
func (s *sum) add(r *Rows) {
	v := r.Cols[s.arg]
	switch column.FormOf(s.t) {
	case column.FormI32:
		addWhole(r, v.I32, s.at)
	case column.FormI64:
		addWhole(r, v.I64, s.at)
	case column.FormF64:
		for i, p := range r.Places {
			w := word(r.Accs[i], s.at)
			*w = math.Float64bits(math.Float64frombits(*w) + signed(v.F64[p], r.minus(i)))
		}
	case column.FormF32:
		for i, p := range r.Places {
			w, x := word(r.Accs[i], s.at), signed(float64(v.F32[p]), r.minus(i))
			x += math.Float64frombits(*w)
			if !s.average {
				x = float64(float32(x))
			}
			*w = math.Float64bits(x)
		}
	case column.FormDecimal:
		for i, p := range r.Places {
			addWide(r.Accs[i], s.at, v.Decimal(int(p)), r.minus(i))
		}
	}
}

func signed(x float64, minus bool) float64 {
	if minus {
		return -x
	}
	return x
}

func addWhole[T int32 | int64](r *Rows, values []T, at int) {
	accs := r.Accs[:len(r.Places)]
	if r.Minus == nil {
		for i, p := range r.Places {
			*word(accs[i], at) += uint64(int64(values[p]))
		}
		return
	}
	minus := r.Minus[:len(r.Places)]
	for i, p := range r.Places {
		x := uint64(int64(values[p]))
		if minus[i] {
			x = -x
		}
		*word(accs[i], at) += x
	}
}

func (s *sum) append(g *Groups, out *column.Vector) {
	if s.kind == whole && s.out.Kind == row.BigInt && !s.average {
		s.appendBigInts(g, out)
		return
	}
	for _, a := range g.Accs {
		n := int64(*word(a, s.n))
		if n == 0 && !s.zero {
			out.AppendNull()
			continue
		}
		s.appendOne(a, n, out)
	}
}

func (s *sum) appendBigInts(g *Groups, out *column.Vector) {
	to := extend(out, &out.I64, len(g.Accs))
	for i, a := range g.Accs {
		to[i] = int64(*word(a, s.at))
		if *word(a, s.n) == 0 && !s.zero {
			out.SetNull(out.N - len(to) + i)
		}
	}
}

func (s *sum) appendOne(a Acc, n int64, out *column.Vector) {
	switch s.kind {
	case whole:
		x := int64(*word(a, s.at))
		if s.average {
			x /= n
		}
		appendWhole(out, x)
	case double, float:
		x := math.Float64frombits(*word(a, s.at))
		if s.average {
			x /= float64(n)
		}
		if s.kind == float {
			out.AppendF32(float32(x))
		} else {
			out.AppendF64(x)
		}
	case decimal:
		x, ok := wide(a, s.at)
		if ok && s.average {
			x, ok = quotient(x, s.t.Scale, n, s.out.Scale)
		}
		if !ok || !fits(x, s.out.Precision) {
			out.AppendNull()
			return
		}
		out.AppendDecimal(x)
	}
}

// appendWhole appends a whole number, wrapped around in the width of the column's type.
func appendWhole(out *column.Vector, x int64) {
	switch out.Type.Kind {
	case row.TinyInt:
		out.AppendI32(int32(int8(x)))
	case row.SmallInt:
		out.AppendI32(int32(int16(x)))
	case row.Int:
		out.AppendI32(int32(x))
	default:
		out.AppendI64(x)
	}
}

// quotient is x / n with a scale, rounding halves away from zero.
func quotient(x column.Int128, scale int, n int64, to int) (column.Int128, bool) {
	x, ok := x.Mul(column.PowersOf10[to-scale])
	if !ok {
		return x, false
	}
	d := column.Int128From(n)
	q, rest := x.DivRem(d)
	if rest.Sign() < 0 {
		rest = rest.Neg()
	}
	if left, _ := d.Sub(rest); rest.Cmp(left) >= 0 {
		q, _ = q.Add(column.Int128From(int64(x.Sign())))
	}
	return q, true
}

func (s *sum) merge(dst, src Acc, _ *merging) {
	if !s.ofRows {
		*word(dst, s.n) += *word(src, s.n)
	}
	switch s.kind {
	case whole:
		*word(dst, s.at) += *word(src, s.at)
	case decimal:
		mergeWide(dst, src, s.at)
	default:
		x := math.Float64frombits(*word(dst, s.at)) + math.Float64frombits(*word(src, s.at))
		if s.kind == float && !s.average {
			x = float64(float32(x))
		}
		*word(dst, s.at) = math.Float64bits(x)
	}
}

// averageOfSums is AVG of what SUM and COUNT have computed of parts: $AVG.
type averageOfSums struct {
	*sum
	count int // the column
}

func (a *averageOfSums) update(r *Rows) {
	addWhole(r, r.Cols[a.count].I64, a.n)
	a.add(r)
}
