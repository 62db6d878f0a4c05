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
	d := &distinct{accumulator: a, args: m.call.Args, entries: m.entries('d')}
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
	switch m.call.Func.Name {
	case "COUNT":
		if m.isPlain() {
			return rowCounter{}
		}
		return m.skipNulls(&counter{})
	case "SUM", "$SUM0", "AVG":
		s := newSum(m.argType(0), m.call.T, m.call.Args[0])
		s.average, s.zero = m.call.Func.Name == "AVG", m.call.Func.Name == "$SUM0"
		s.ofRows = m.isPlain()
		return m.skipNulls(s)
	case "MIN", "MAX":
		return m.extreme(m.call.Func.Name == "MAX")
	}
	panic(fmt.Sprintf("agg: %s is not there yet", m.call.Func.Name))
}
