package agg

import (
	"math"
	"strconv"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// percentiles is PERCENTILE: all values in order, and which parts are asked for, which is the same for all rows of a
// group.
type percentiles struct {
	sorted
	parts cell
	args  []int
}

func (m *maker) percentiles() accumulator {
	return m.skipNulls(&percentiles{sorted: m.sorted(m.argType(0), false), parts: m.cell(m.argType(1)), args: m.call.Args})
}

func (c *percentiles) words() int   { return c.parts.words() }
func (c *percentiles) place(at int) { c.parts.place(at) }

func (c *percentiles) update(r *Rows) {
	parts := r.Cols[c.args[1]]
	for i, p := range r.Places {
		r.current(i)
		n := int64(1)
		if len(c.args) > 2 {
			n = wholeAt(r.Cols[c.args[2]], int(p))
		}
		if n < 0 {
			expr.Fail(-1, "PERCENTILE: a value is to count %d times, which is less than 0", n)
		}
		if *c.parts.state(r.Accs[i]) == 0 {
			checkParts(parts, int(p))
			c.parts.set(r.Accs[i], parts, int(p))
		}
		c.add(r.Cols[c.args[0]], int(p), n*sign(r.minus(i)))
	}
}

func checkParts(v *column.Vector, i int) {
	from, to := i, i+1
	if v.Type.Kind == row.Array {
		from, to = v.Range(i)
		v = v.Children[0]
	}
	for ; from < to; from++ {
		if v.IsNull(from) {
			expr.Fail(-1, "PERCENTILE: a part is NULL")
		}
		if x := doubleAt(v, from); !(x >= 0 && x <= 1) {
			expr.Fail(-1, "PERCENTILE: a part is %v, which is not from 0 to 1", x)
		}
	}
}

func (c *percentiles) append(g *Groups, out *column.Vector) {
	var values []float64
	var ends []int64 // the number of values up to each
	parts := column.New(c.parts.t)
	for i, a := range g.Accs {
		g.Current(i)
		values, ends = values[:0], ends[:0]
		total := int64(0)
		c.all(func(v *column.Vector, n int64) bool {
			if n > 0 {
				total += n
				values, ends = append(values, doubleAt(v, 0)), append(ends, total)
			}
			return true
		})
		if total == 0 {
			out.AppendNull()
			continue
		}
		parts.Reset()
		if c.parts.size > 0 {
			x, y := c.parts.getWords(a)
			store(parts, x, y)
		} else {
			parts.AppendFrom(c.parts.read(a), 0)
		}
		if out.Type.Kind != row.Array {
			out.AppendF64(percentileOf(values, ends, doubleAt(parts, 0)))
			continue
		}
		from, to := parts.Range(0)
		for ; from < to; from++ {
			out.Children[0].AppendF64(percentileOf(values, ends, doubleAt(parts.Children[0], from)))
		}
		out.EndList()
	}
}

// percentileOf is between the two values that are next to a part of all, in proportion.
func percentileOf(values []float64, ends []int64, part float64) float64 {
	position := float64(ends[len(ends)-1]-1) * part
	lower, higher := math.Floor(position), math.Ceil(position)
	x, y := valueAt(values, ends, int64(lower)), valueAt(values, ends, int64(higher))
	if lower == higher || x == y {
		return x
	}
	return (higher-position)*x + (position-lower)*y
}

func valueAt(values []float64, ends []int64, n int64) float64 {
	for i, end := range ends {
		if n < end {
			return values[i]
		}
	}
	return values[len(values)-1]
}

func (c *percentiles) merge(dst, src Acc, m *merging) {
	if *c.parts.state(src) == 0 {
		return
	}
	if c.parts.size > 0 {
		*c.parts.state(dst) = 1
		x, y := c.parts.getWords(src)
		c.parts.setWords(dst, x, y)
	} else {
		c.parts.set(dst, c.parts.readIn(src, m.from), 0)
	}
	c.sorted.merge(dst, src, m)
}

// wholeAt is a whole number.
func wholeAt(v *column.Vector, i int) int64 {
	if column.FormOf(v.Type) == column.FormI64 {
		return v.I64[i]
	}
	return int64(v.I32[i])
}

// doubleAt is a number as a DOUBLE.
func doubleAt(v *column.Vector, i int) float64 {
	switch column.FormOf(v.Type) {
	case column.FormI32, column.FormI64:
		return float64(wholeAt(v, i))
	case column.FormF32:
		return float64(v.F32[i])
	case column.FormF64:
		return v.F64[i]
	}
	f, err := strconv.ParseFloat(string(builtin.AppendText(nil, nil, v, i)), 64)
	if err != nil {
		panic(err) // DECIMALs are numbers
	}
	return f
}

// approximate is APPROX_COUNT_DISTINCT: HyperLogLog, whose registers are entries of those that are not 0. 2^14 of them
// make an error of about 1 %.
type approximate struct {
	entries entries // 'h'
	arg     int
	key     *colcodec.Key
	cols    []*column.Vector
	hashes  []uint64
}

const registerBits = 14

func (m *maker) approximate() accumulator {
	return m.skipNulls(&approximate{
		entries: m.entries('h'), arg: m.call.Args[0], key: colcodec.NewKey([]*row.Type{m.argType(0).Nullable(true)}),
	})
}

func (c *approximate) words() int { return 0 }
func (c *approximate) place(int)  {}

func (c *approximate) update(r *Rows) {
	v := r.Cols[c.arg]
	if cap(c.hashes) < v.N {
		c.hashes = make([]uint64, v.N)
	}
	hashes := c.hashes[:v.N]
	c.cols = append(c.cols[:0], v)
	c.key.Hashes(hashes, c.cols)
	for i, p := range r.Places {
		r.current(i)
		hash := mix(hashes[p])
		rank := int64(1)
		for rest := hash << registerBits; rank <= 64-registerBits && rest>>63 == 0; rank++ {
			rest <<= 1
		}
		c.raise(uint16(hash>>(64-registerBits)), rank)
	}
}

// mix spreads the bits of a hash: those of words are not meant for counting.
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// raise sets a register to a rank if it is less.
func (c *approximate) raise(register uint16, rank int64) {
	key := append(c.entries.prefix(), byte(register>>8), byte(register))
	c.entries.buf = key
	if was, _ := c.entries.Get(key); was < rank {
		c.entries.Put(key, rank)
	}
}

func (c *approximate) append(g *Groups, out *column.Vector) {
	for i := range g.Accs {
		g.Current(i)
		out.AppendI64(c.estimate())
	}
}

func (c *approximate) estimate() int64 {
	const m = 1 << registerBits
	zeros, sum := m, 0.0
	c.entries.all(func(_ []byte, rank int64) bool {
		zeros--
		sum += math.Ldexp(1, -int(rank))
		return true
	})
	estimate := 0.7213 / (1 + 1.079/m) * m * m / (sum + float64(zeros))
	if zeros > 0 && estimate <= 2.5*m {
		estimate = m * math.Log(m/float64(zeros))
	}
	return int64(math.Round(estimate))
}

func (c *approximate) merge(_, _ Acc, m *merging) {
	for _, e := range c.entries.in(m.from) {
		c.raise(uint16(e.rest[0])<<8|uint16(e.rest[1]), e.count)
	}
}
