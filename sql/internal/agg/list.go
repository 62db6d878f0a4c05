package agg

import (
	"slices"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/jsonpath"
)

// listed is LISTAGG, whose separator is the second argument.
type listed struct{ arrivals }

func (l *listed) append(g *Groups, out *column.Vector) {
	for i := range g.Accs {
		g.Current(i)
		some := false
		l.all(func(args []*column.Vector) {
			switch {
			case !some:
			case len(args) > 1:
				out.Data = append(out.Data, args[1].Bytes(0)...)
			default:
				out.Data = append(out.Data, ',')
			}
			some = true
			out.Data = append(out.Data, args[0].Bytes(0)...)
		})
		if some {
			out.EndBytes()
		} else {
			out.AppendNull()
		}
	}
}

// array is ARRAY_AGG, which has NULLs too.
type array struct{ arrivals }

func (l *array) append(g *Groups, out *column.Vector) {
	for i := range g.Accs {
		g.Current(i)
		some := false
		l.all(func(args []*column.Vector) {
			some = true
			out.Children[0].AppendFrom(args[0], 0)
		})
		if some {
			out.EndList()
		} else {
			out.AppendNull()
		}
	}
}

// jsonArray is JSON_ARRAYAGG.
type jsonArray struct {
	arrivals
	write func(dst []byte, v *column.Vector, i int) []byte
}

func (l *jsonArray) append(g *Groups, out *column.Vector) {
	for i := range g.Accs {
		g.Current(i)
		out.Data = append(out.Data, '[')
		some := false
		l.all(func(args []*column.Vector) {
			if some {
				out.Data = append(out.Data, ',')
			}
			some = true
			out.Data = l.write(out.Data, args[0], 0)
		})
		out.Data = append(out.Data, ']')
		out.EndBytes()
	}
}

// jsonObject is JSON_OBJECTAGG: members in the order of their names, of those with the same name the last one.
type jsonObject struct {
	arrivals
	write  func(dst []byte, v *column.Vector, i int) []byte
	absent bool // members that are NULL
}

type member struct{ name, value string }

func (l *jsonObject) update(r *Rows) {
	names := r.Cols[l.args[0]]
	for _, p := range r.Places {
		if names.IsNull(int(p)) {
			expr.Fail(-1, "JSON_OBJECTAGG: a key is NULL, which JSON has not")
		}
	}
	l.arrivals.update(r)
}

func (l *jsonObject) append(g *Groups, out *column.Vector) {
	var members []member
	for i := range g.Accs {
		g.Current(i)
		members = members[:0]
		l.all(func(args []*column.Vector) {
			if !l.absent || !args[1].IsNull(0) {
				members = append(members, member{string(args[0].Bytes(0)), string(l.write(nil, args[1], 0))})
			}
		})
		slices.SortStableFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
		out.Data = append(out.Data, '{')
		some := false
		for k, m := range members {
			if k+1 < len(members) && members[k+1].name == m.name {
				continue
			}
			if some {
				out.Data = append(out.Data, ',')
			}
			some = true
			out.Data = append(jsonpath.AppendString(out.Data, m.name), ':')
			out.Data = append(out.Data, m.value...)
		}
		out.Data = append(out.Data, '}')
		out.EndBytes()
	}
}

// jsonWriter writes an argument, as null where it is NULL.
func (m *maker) jsonWriter(i int) func(dst []byte, v *column.Vector, i int) []byte {
	write, err := builtin.JSONWriter(m.argType(i))
	if err != nil {
		panic(err) // the types were checked
	}
	return write
}

// collected is COLLECT.
type collected struct {
	sorted
	arg int
}

func (c *collected) update(r *Rows) {
	for i, p := range r.Places {
		r.current(i)
		c.add(r.Cols[c.arg], int(p), sign(r.minus(i)))
	}
}

func (c *collected) append(g *Groups, out *column.Vector) {
	for i := range g.Accs {
		g.Current(i)
		c.all(func(v *column.Vector, n int64) bool {
			if n > 0 {
				out.Children[0].AppendFrom(v, 0)
				out.Children[1].AppendI32(int32(n))
			}
			return true
		})
		out.EndList()
	}
}

// single is SINGLE_VALUE. A word counts rows; the cell has no value for NULL.
type single struct {
	cell
	arg   int
	count int
}

func (s *single) words() int { return s.cell.words() + 1 }

func (s *single) place(at int) {
	s.count = at
	s.cell.place(at + 1)
}

func (s *single) update(r *Rows) {
	v := r.Cols[s.arg]
	for i, p := range r.Places {
		a := r.Accs[i]
		if s.size == 0 {
			r.current(i)
		}
		n := signedWord(a, s.count)
		if r.minus(i) {
			if *n--; *n <= 0 {
				s.clear(a)
			}
			continue
		}
		if *n++; *n > 1 {
			failSingle()
		}
		if v.IsNull(int(p)) {
			s.clear(a)
			continue
		}
		s.set(a, v, int(p))
	}
}

func failSingle() {
	expr.Fail(-1, "a query in the place of a value has more than one row")
}

func (s *single) merge(dst, src Acc, m *merging) {
	*word(dst, s.count) += *word(src, s.count)
	if int64(*word(dst, s.count)) > 1 {
		failSingle()
	}
	if *s.state(src) == 0 {
		return
	}
	if s.size == 0 {
		s.set(dst, s.readIn(src, m.from), 0)
		return
	}
	*s.state(dst) = 1
	x, y := s.getWords(src)
	s.setWords(dst, x, y)
}
