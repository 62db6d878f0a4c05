package exec

import (
	"sort"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// overPlan is the calls of an Over. Constants become columns behind those of the input, so that all arguments are columns.
type overPlan struct {
	fields []row.Field
	consts []*column.Vector // each of one value
	calls  []logical.OverCall
	frames []overFrame // the aggregates, by frame
}

// overFrame is the aggregates with the same frame.
type overFrame struct {
	logical.Frame
	calls []agg.Call
	at    []int // which they are
}

func newOverPlan(op *Over) *overPlan {
	p := &overPlan{fields: append([]row.Field(nil), op.In...)}
	for i, c := range op.Calls {
		args := append([]int(nil), c.Args...)
		for k, a := range args {
			if a < 0 {
				l := c.Constants[k]
				args[k] = len(p.fields)
				p.fields = append(p.fields, row.Field{Name: "constant", Type: l.Type()})
				p.consts = append(p.consts, l.Value)
			}
		}
		c.Args = args
		p.calls = append(p.calls, c)
		if !c.Func.OverOnly {
			p.addFrame(i, c)
		}
	}
	return p
}

func (p *overPlan) addFrame(i int, c logical.OverCall) {
	for k := range p.frames {
		if f := &p.frames[k]; f.Frame == c.Frame {
			f.calls, f.at = append(f.calls, c.Call), append(f.at, i)
			return
		}
	}
	p.frames = append(p.frames, overFrame{c.Frame, []agg.Call{c.Call}, []int{i}})
}

// columns are empty columns of the input and the constants.
func (p *overPlan) columns() []*column.Vector {
	cols := make([]*column.Vector, len(p.fields))
	for i, f := range p.fields {
		cols[i] = column.New(f.Type.Plain())
	}
	return cols
}

// fill appends constants for some rows.
func (p *overPlan) fill(cols []*column.Vector, rows int) {
	for i, v := range p.consts {
		to := cols[len(cols)-len(p.consts)+i]
		for range rows {
			to.AppendFrom(v, 0)
		}
	}
}

// retracts reports whether rows are taken away from the frame as it moves on. Where that cannot be, or would not be exact,
// each frame is computed anew.
func (f *overFrame) retracts(fields []row.Field) bool {
	for _, c := range f.calls {
		if c.Func.Custom != nil && !c.Func.Retracts {
			return false
		}
		for _, a := range c.Args {
			if k := fields[a].Type.Kind; k == row.Float || k == row.Double {
				return false
			}
		}
	}
	return true
}

// framed is a partition whose rows are in order: which rows are peers, and the numbers that they are ordered by.
type framed struct {
	rows               int
	firstPeer, endPeer []int
	order              []logical.SortKey
	column             *column.Vector // the first that they are ordered by, nil without one

	// The values of column, in ascending order, in [from, to): the others are NULL.
	from, to int
	exact    []column.Int128
	floats   []float64
	scale    int // of exact
}

// begin sets the peers: rows for which isPeer says that they are like the one before.
func (p *framed) begin(rows int, isPeer func(i int) bool) {
	p.rows = rows
	p.firstPeer, p.endPeer = sized(p.firstPeer, rows), sized(p.endPeer, rows)
	for i := range rows {
		p.firstPeer[i] = i
		if i > 0 && isPeer(i) {
			p.firstPeer[i] = p.firstPeer[i-1]
		}
	}
	for i := rows - 1; i >= 0; i-- {
		p.endPeer[i] = i + 1
		if i+1 < rows && p.firstPeer[i+1] == p.firstPeer[i] {
			p.endPeer[i] = p.endPeer[i+1]
		}
	}
	p.exact, p.floats = p.exact[:0], p.floats[:0]
}

// bounds are the rows of the frame of a row.
func (p *framed) bounds(f *logical.Frame, i int) (from, to int) {
	to = p.rows
	switch {
	case f.UnboundedFrom:
	case f.Rows:
		from = clip(i-int(min(max(f.From, -1<<40), 1<<40)), p.rows)
	case f.From == 0:
		from = p.firstPeer[i]
	default:
		from = p.search(f, i, f.From, f.FromValue != nil, false)
	}
	switch {
	case f.UnboundedTo:
	case f.Rows:
		to = clip(i-int(min(max(f.To, -1<<40), 1<<40))+1, p.rows)
	case f.To == 0:
		to = p.endPeer[i]
	default:
		to = p.search(f, i, f.To, f.ToValue != nil, true)
	}
	return from, max(from, to)
}

func clip(i, n int) int { return min(max(i, 0), n) }

// search is the first row whose value is at least, or greater than, that of a row less a bound.
func (p *framed) search(f *logical.Frame, i int, bound int64, isValue, isEnd bool) int {
	if p.column.IsNull(i) {
		if isEnd {
			return p.endPeer[i]
		}
		return p.firstPeer[i]
	}
	p.load(f)
	if len(p.floats) > 0 {
		x := p.floats[i]
		if isValue {
			x -= float64(bound) * floatOf(literalOf(f, isEnd), 0)
		}
		return p.from + sort.Search(p.to-p.from, func(k int) bool {
			y := p.floats[p.from+k]
			return y > x || !isEnd && y == x
		})
	}
	x := p.less(f, i, bound, isValue, isEnd)
	return p.from + sort.Search(p.to-p.from, func(k int) bool {
		c := p.exact[p.from+k].Cmp(x)
		return c > 0 || !isEnd && c == 0
	})
}

func literalOf(f *logical.Frame, isEnd bool) *column.Vector {
	if isEnd {
		return f.ToValue.Value
	}
	return f.FromValue.Value
}

// less is the value of a row less a bound.
func (p *framed) less(f *logical.Frame, i int, bound int64, isValue, isEnd bool) column.Int128 {
	x := p.exact[i]
	if !isValue && f.Months {
		return p.sign(monthsBefore(p.column, i, bound*p.direction()))
	}
	d := column.Int128From(bound)
	if isValue {
		l := literalOf(f, isEnd)
		n, scale := exactOf(l, 0)
		n, _ = n.Mul(column.PowersOf10[max(0, p.scale-scale)])
		d, _ = d.Mul(n)
	} else {
		switch p.column.Type.Kind {
		case row.Date:
			d = column.Int128From(bound / (24 * 3600 * 1000))
		case row.Time:
		default:
			d = column.Int128From(bound * 1000)
		}
	}
	y, _ := x.Sub(d)
	return y
}

// direction is -1 where the greatest value comes first.
func (p *framed) direction() int64 {
	if p.order[0].Desc {
		return -1
	}
	return 1
}

func (p *framed) sign(x column.Int128) column.Int128 {
	if p.order[0].Desc {
		return x.Neg()
	}
	return x
}

// load reads the values, negated where the greatest comes first.
func (p *framed) load(f *logical.Frame) {
	if len(p.exact)+len(p.floats) > 0 {
		return
	}
	p.from, p.to = 0, p.rows
	for p.from < p.to && p.column.IsNull(p.from) {
		p.from++
	}
	for p.to > p.from && p.column.IsNull(p.to-1) {
		p.to--
	}
	k := p.column.Type.Kind
	isFloat := k == row.Float || k == row.Double
	for _, l := range []bool{false, true} {
		if !isFloat && (l && f.ToValue != nil || !l && f.FromValue != nil) {
			lk := literalOf(f, l).Type.Kind
			isFloat = lk == row.Float || lk == row.Double
		}
	}
	p.scale = 0
	if k == row.Decimal {
		p.scale = p.column.Type.Scale
	}
	shift := 0
	for _, l := range []bool{false, true} {
		if l && f.ToValue != nil || !l && f.FromValue != nil {
			if t := literalOf(f, l).Type; t.Kind == row.Decimal && t.Scale > p.scale+shift {
				shift = t.Scale - p.scale
			}
		}
	}
	p.scale += shift
	for i := range p.rows {
		switch {
		case isFloat && (i < p.from || i >= p.to):
			p.floats = append(p.floats, 0)
		case isFloat:
			p.floats = append(p.floats, float64(p.direction())*floatOf(p.column, i))
		case i < p.from || i >= p.to:
			p.exact = append(p.exact, column.Int128{})
		default:
			x, _ := exactOf(p.column, i)
			x, _ = x.Mul(column.PowersOf10[shift])
			p.exact = append(p.exact, p.sign(x))
		}
	}
}

// exactOf is a number or a time as a whole number with a scale.
func exactOf(v *column.Vector, i int) (x column.Int128, scale int) {
	switch column.FormOf(v.Type) {
	case column.FormI32:
		return column.Int128From(int64(v.I32[i])), 0
	case column.FormDecimal:
		return v.Decimal(i), v.Type.Scale
	case column.FormF32:
		return column.Int128From(int64(v.F32[i])), 0
	case column.FormF64:
		return column.Int128From(int64(v.F64[i])), 0
	}
	return column.Int128From(v.I64[i]), 0
}

func floatOf(v *column.Vector, i int) float64 {
	switch column.FormOf(v.Type) {
	case column.FormF32:
		return float64(v.F32[i])
	case column.FormF64:
		return v.F64[i]
	case column.FormDecimal:
		d := v.Decimal(i)
		x := float64(d.Hi)*(1<<64) + float64(d.Lo)
		for range v.Type.Scale {
			x /= 10
		}
		return x
	}
	x, _ := exactOf(v, i)
	return float64(int64(x.Lo))
}

// monthsBefore is a time a number of months before another, or the last day of that month.
func monthsBefore(v *column.Vector, i int, months int64) column.Int128 {
	if v.Type.Kind == row.Date {
		t := addMonths(time.Unix(int64(v.I32[i])*24*3600, 0).UTC(), -months)
		return column.Int128From(floorDiv(t.Unix(), 24*3600))
	}
	return column.Int128From(addMonths(time.UnixMicro(v.I64[i]).UTC(), -months).UnixMicro())
}

// addMonths adds months; a day that the month has not becomes its last one.
func addMonths(t time.Time, months int64) time.Time {
	first := time.Date(t.Year(), t.Month(), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC).AddDate(0, int(months), 0)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
