package rule

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// SplitDistinct computes an aggregate with DISTINCT in two: first by its keys and a number of buckets of what is
// distinct, which can be told apart on many subtasks, then by its keys:
//
//	COUNT(DISTINCT x), SUM(y) BY k  ──▶  $SUM0(c), SUM(s) BY k OF (COUNT(DISTINCT x) c, SUM(y) s BY k, MOD(HASH_CODE(x), buckets))
//
// Where several columns are distinct, each row comes once for each, in a bucket of that one; FILTER says for which
// of them a call counts. Both are nil where nothing is distinct, or a call cannot be computed of parts.
func SplitDistinct(n *logical.Aggregate, buckets int) (partial, final *logical.Aggregate) {
	s := &splitter{n: n, number: map[int]int{}}
	if !s.splits() {
		return nil, nil
	}
	cols := n.Input.Columns()
	for i, c := range cols {
		s.add(c.Name, &expr.Input{Index: i, Name: c.Name, T: c.Type})
	}
	keys := slices.Clone(n.Keys)
	var bucketKeys []int
	for _, x := range s.distinct {
		size := column.New(row.Of(row.Int).Nullable(false))
		size.AppendI32(int32(buckets))
		bucketKeys = append(bucketKeys, s.addNumbered("$bucket", call(ast.Span{}, "MOD", call(ast.Span{}, "HASH_CODE", s.exprs[x]), &expr.Literal{Value: size})))
	}
	s.calls()
	in := logical.Node(logical.NewProject(n.Input, s.exprs, s.names))
	if len(bucketKeys) > 1 {
		in = s.repeat(in, bucketKeys)
	}
	partial = logical.NewAggregate(in, append(keys, bucketKeys...), s.partials)
	for i := range n.Keys {
		keys[i] = i
	}
	for i := range s.finals {
		for a := range s.finals[i].Args {
			s.finals[i].Args[a] += len(n.Keys) + len(bucketKeys)
		}
	}
	final = logical.NewAggregate(partial, keys[:len(n.Keys)], s.finals)
	partial.TTL, final.TTL = n.TTL, n.TTL
	return partial, final
}

type splitter struct {
	n        *logical.Aggregate
	distinct []int       // columns of the input
	number   map[int]int // of each of them
	exprs    []expr.Expr // what is computed before
	names    []string
	partials []logical.Call
	finals   []logical.Call // their Args are places in partials
}

// splits reports whether the aggregate can be computed in two.
func (s *splitter) splits() bool {
	for _, c := range s.n.Calls {
		switch c.Func.Name {
		case "COUNT", "SUM", "$SUM0", "AVG", "MIN", "MAX":
		default:
			return false
		}
		if !c.Distinct || len(c.Args) == 0 {
			continue
		}
		x := c.Args[0]
		if t := s.n.Input.Columns()[x].Type; !t.IsText() && !t.IsExact() && t.Kind != row.Boolean {
			return false // HASH_CODE does not take it
		}
		if _, ok := s.number[x]; !ok {
			s.number[x] = len(s.distinct)
			s.distinct = append(s.distinct, x)
		}
	}
	return len(s.distinct) > 0
}

func (s *splitter) add(name string, x expr.Expr) int {
	s.exprs, s.names = append(s.exprs, x), append(s.names, name)
	return len(s.exprs) - 1
}

// addNumbered gives what is computed a name that nothing else has: plans are known by the names in them.
func (s *splitter) addNumbered(name string, x expr.Expr) int {
	return s.add(fmt.Sprintf("%s%d", name, len(s.exprs)), x)
}

// calls makes of each call what is computed in buckets, and what puts that together.
func (s *splitter) calls() {
	for _, c := range s.n.Calls {
		final := logical.Call{Func: c.Func, Filter: -1, T: c.T, Name: c.Name}
		switch c.Func.Name {
		case "COUNT":
			final.Func = agg.Lookup("$SUM0")
			final.Args = []int{s.partial(c)}
		case "AVG":
			count, sum := c, c
			count.Func, count.T = agg.Lookup("COUNT"), row.Of(row.BigInt).Nullable(false)
			sum.Func = agg.Lookup("SUM")
			sum.Args = []int{s.wide(c.Args[0])}
			count.Args = sum.Args
			t, err := sum.Func.Type([]expr.Expr{s.exprs[sum.Args[0]]}, true)
			if err != nil {
				panic(err) // AVG takes what SUM takes
			}
			sum.T = t
			if c.Distinct { // the column that is distinct is another one now
				s.number[sum.Args[0]] = s.number[c.Args[0]]
			}
			final.Func = agg.Lookup("$AVG")
			final.Args = []int{s.partial(sum), s.partial(count)}
		default:
			p := c
			p.T = c.T.Nullable(true)
			final.Args = []int{s.partial(p)}
		}
		s.finals = append(s.finals, final)
	}
}

func (s *splitter) partial(c logical.Call) int {
	c.Name = fmt.Sprintf("$part%d", len(s.partials))
	s.partials = append(s.partials, c)
	return len(s.partials) - 1
}

// wide is a number in a type whose sums are those that AVG makes.
func (s *splitter) wide(x int) int {
	t := s.exprs[x].Type()
	to := t
	switch t.Kind {
	case row.TinyInt, row.SmallInt, row.Int:
		to = row.Of(row.BigInt)
	case row.Float:
		to = row.Of(row.Double)
	}
	if to == t {
		return x
	}
	y, err := builtin.Cast(ast.Span{}, s.exprs[x], to.Nullable(!t.NotNull), false)
	if err != nil {
		panic(err) // a number into a wider one
	}
	return s.addNumbered("$wide", y)
}

// repeat gives each row once for each column that is distinct, and has calls count one of them.
func (s *splitter) repeat(in logical.Node, buckets []int) logical.Node {
	var sets [][]int
	for i := range buckets {
		sets = append(sets, []int{i})
	}
	e := logical.NewExpand(in, buckets, sets)
	cols := e.Columns()
	s.exprs, s.names = nil, nil
	for i, c := range cols {
		s.add(c.Name, &expr.Input{Index: i, Name: c.Name, T: c.Type})
	}
	number := s.exprs[len(cols)-1]
	made := map[[2]int]int{}
	for i := range s.partials {
		c := &s.partials[i]
		set := 0
		if c.Distinct && len(c.Args) > 0 {
			set = s.number[c.Args[0]]
		}
		key := [2]int{set, c.Filter}
		at, ok := made[key]
		if !ok {
			v := column.New(row.Of(row.BigInt).Nullable(false))
			v.AppendI64(e.Number(sets[set]))
			cond := call(ast.Span{}, "=", number, &expr.Literal{Value: v})
			if c.Filter >= 0 {
				cond = call(ast.Span{}, "AND", cond, s.exprs[c.Filter])
			}
			at = s.addNumbered("$counts", cond)
			made[key] = at
		}
		c.Filter = at
	}
	return logical.NewProject(e, s.exprs, s.names)
}
