package agg

import (
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/row"
)

// maker makes the accumulator of a call.
type maker struct {
	in      []row.Field
	call    *Call
	retract bool
	side    *sideRef
	number  int
	set     *Set // where members go; nil puts DISTINCT into the Side
}

func (m *maker) argType(i int) *row.Type { return m.in[m.call.Args[i]].Type.Plain() }

// entries are the entries of a kind of the call.
func (m *maker) entries(kind byte) entries {
	m.side.used = true
	return entries{sideRef: m.side, call: m.number, kind: kind}
}

// skipNulls leaves out the rows in which an argument is NULL.
func (m *maker) skipNulls(a accumulator) accumulator {
	for _, c := range m.call.Args {
		if !m.in[c].Type.NotNull {
			return &notNull{accumulator: a, args: m.call.Args}
		}
	}
	return a
}

// isPlain reports whether all rows count, and have a value.
func (m *maker) isPlain() bool {
	for _, c := range m.call.Args {
		if !m.in[c].Type.NotNull {
			return false
		}
	}
	return m.call.Filter < 0 && !m.call.Distinct
}

// make makes the accumulator. Rows go through the filter, then through DISTINCT.
func (m *maker) make() accumulator {
	a := m.function()
	if m.call.Distinct && len(m.call.Args) > 0 {
		if m.set != nil {
			return m.member(a)
		}
		a = m.distinct(a)
	}
	if m.call.Filter >= 0 {
		a = &filtered{accumulator: a, column: m.call.Filter}
	}
	return a
}

// distinct puts DISTINCT before a function; where that skips NULLs, these are skipped first.
func (m *maker) distinct(a accumulator) accumulator {
	n, skips := a.(*notNull)
	d := &distinct{accumulator: a, args: m.call.Args, entries: m.entries('d'), retract: m.retract}
	d.merged = make([]*column.Vector, len(m.in))
	var types []*row.Type
	for _, c := range m.call.Args {
		t := m.in[c].Type.Plain()
		d.merged[c] = column.New(t)
		types = append(types, t)
	}
	d.layout = colcodec.NewLayout(types)
	if !skips {
		return d
	}
	d.accumulator = n.accumulator
	n.accumulator = d
	return n
}

func (m *maker) function() accumulator {
	args := m.call.Args
	switch name := m.call.Func.Name; name {
	case "COUNT":
		if m.isPlain() {
			return rowCounter{}
		}
		return m.skipNulls(&counter{})
	case "SUM", "$SUM0", "AVG":
		s := newSum(m.argType(0), m.call.T, args[0])
		s.average, s.zero, s.ofRows = name == "AVG", name == "$SUM0", m.isPlain()
		return m.skipNulls(s)
	case "$AVG":
		s := newSum(m.argType(0), m.call.T, args[0])
		s.average = true
		return m.skipNulls(&averageOfSums{s, args[1]})
	case "MIN", "MAX":
		return m.extreme(name == "MAX")
	case "STDDEV_POP", "STDDEV_SAMP":
		return m.spread(true, name == "STDDEV_SAMP")
	case "VAR_POP", "VAR_SAMP":
		return m.spread(false, name == "VAR_SAMP")
	case "FIRST_VALUE", "LAST_VALUE":
		return m.first(name == "LAST_VALUE")
	case "SINGLE_VALUE":
		return &single{cell: m.cell(m.argType(0)), arg: args[0]}
	case "LISTAGG":
		return m.skipNulls(&listed{m.arrivals()})
	case "ARRAY_AGG":
		return &array{m.arrivals()}
	case "JSON_ARRAYAGG":
		return m.skipNulls(&jsonArray{m.arrivals(), m.jsonWriter(0)})
	case "JSON_ARRAYAGG NULL":
		return &jsonArray{m.arrivals(), m.jsonWriter(0)}
	case "JSON_OBJECTAGG", "JSON_OBJECTAGG ABSENT":
		return &jsonObject{m.arrivals(), m.jsonWriter(1), name != "JSON_OBJECTAGG"}
	case "COLLECT":
		return m.skipNulls(&collected{sorted: m.sorted(m.argType(0), false), arg: args[0]})
	case "PERCENTILE":
		return m.percentiles()
	case "APPROX_COUNT_DISTINCT":
		return m.approximate()
	}
	if m.call.Func.Custom == nil {
		panic(fmt.Sprintf("agg: %s is no aggregate without OVER", m.call.Func.Name))
	}
	types := make([]*row.Type, len(args))
	for i := range args {
		types[i] = m.argType(i)
	}
	return &custom{entries: m.entries('c'), custom: m.call.Func.Custom(types), args: args}
}
