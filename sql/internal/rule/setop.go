package rule

import (
	"fmt"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// SetOperations replaces INTERSECT and EXCEPT: distinct ones by semi joins and anti joins, those with ALL by counting
// each row on both sides and giving it as often as is left.
func SetOperations(n logical.Node) logical.Node {
	return bottomUp(n, func(n logical.Node) logical.Node {
		s, ok := n.(*logical.SetOp)
		if !ok || s.Kind == logical.Union {
			return n
		}
		if s.All {
			return countBoth(s)
		}
		left := s.Ins[0]
		width := len(left.Columns())
		var conds []expr.Expr
		for i := range left.Columns() {
			conds = append(conds, call(ast.Span{}, "IS NOT DISTINCT FROM", logical.Input(left, i), shift(logical.Input(s.Ins[1], i), width)))
		}
		kind := logical.Semi
		if s.Kind == logical.Except {
			kind = logical.Anti
		}
		return renamed(distinctOf(logical.NewJoin(left, s.Ins[1], kind, and(conds...))), s)
	})
}

// renamed has the names and types of a set operation.
func renamed(n logical.Node, s *logical.SetOp) logical.Node {
	return logical.NewProject(n, logical.InputsOf(n), logical.Names(s.Columns()))
}

// countBoth is INTERSECT ALL and EXCEPT ALL.
func countBoth(s *logical.SetOp) logical.Node {
	names := append(logical.Names(s.Columns()), "$left", "$right")
	var ins []logical.Node
	for i, in := range s.Ins {
		ins = append(ins, logical.NewProject(in, append(logical.InputsOf(in), truth(i == 0), truth(i == 1)), names))
	}
	width := len(s.Columns())
	cols := append(append([]row.Field(nil), s.Columns()...), ins[0].Columns()[width:]...)
	both := logical.NewSetOp(logical.Union, true, ins, cols)
	keys := make([]int, width)
	for i := range keys {
		keys[i] = i
	}
	count := agg.Lookup("COUNT")
	big := row.Of(row.BigInt).Nullable(false)
	counted := logical.NewAggregate(both, keys, []logical.Call{
		{Func: count, Filter: width, T: big, Name: "$l"}, {Func: count, Filter: width + 1, T: big, Name: "$r"},
	})
	at := ast.Span{}
	l, r := logical.Input(counted, width), logical.Input(counted, width+1)
	var times expr.Expr
	if s.Kind == logical.Intersect {
		times = call(at, "CASE", call(at, "<", l, r), l, r)
	} else {
		times = call(at, "-", l, r)
	}
	kept := filter(counted, call(at, ">", times, bigint(0)))
	repeated := logical.NewApply(kept, logical.Replicate, []expr.Expr{times}, false, []row.Field{{Name: "$n", Type: big}})
	exprs := make([]expr.Expr, width)
	for i := range exprs {
		exprs[i] = logical.Input(repeated, i)
	}
	return logical.NewProject(repeated, exprs, logical.Names(s.Columns()))
}

// rowNumber numbers the rows of each partition.
func rowNumber(at ast.Span, n logical.Node, partition []int, order []logical.SortKey) logical.Node {
	big := row.Of(row.BigInt).Nullable(false)
	return logical.NewOver(at, n, []logical.OverCall{{
		Call:      logical.Call{Func: agg.Lookup("ROW_NUMBER"), Filter: -1, T: big, Name: fmt.Sprintf("$rn%d", len(n.Columns()))},
		Partition: partition, Order: order, Frame: logical.Frame{UnboundedFrom: true},
	}})
}
