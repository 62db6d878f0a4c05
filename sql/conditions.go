package sql

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/physical"
)

// users says for each relation of plans which others take its rows.
func users(rels []*physical.Rel) map[*physical.Rel][]*physical.Rel {
	all := map[*physical.Rel][]*physical.Rel{}
	seen := map[*physical.Rel]bool{}
	var walk func(r *physical.Rel)
	walk = func(r *physical.Rel) {
		if seen[r] {
			return
		}
		seen[r] = true
		for _, in := range r.Ins {
			all[in] = append(all[in], r)
			walk(in)
		}
	}
	for _, r := range rels {
		walk(r)
	}
	return all
}

// conditions are what rows of a scan must meet to be wanted, as far as that is comparisons of a column with a constant.
// What filters them does so nonetheless. There are none if several take the rows, or if watermarks are made of all rows.
func (b *builder) conditions(r *physical.Rel, s *scan) (all []format.Condition) {
	if len(b.users[r]) != 1 {
		return nil
	}
	filter, ok := b.users[r][0].Op.(*exec.Calc)
	if !ok {
		return nil
	}
	for _, x := range physical.Conjuncts(filter.Cond) {
		c, ok := x.(*expr.Call)
		if !ok || len(c.Args) != 2 {
			continue
		}
		op := c.Func.Name
		in, isColumn := c.Args[0].(*expr.Input)
		constant, isConstant := c.Args[1].(*expr.Literal)
		if !isColumn || !isConstant {
			op = turned[op]
			in, isColumn = c.Args[1].(*expr.Input)
			constant, isConstant = c.Args[0].(*expr.Literal)
		}
		if !isColumn || !isConstant || constant.IsNull() || !isAlike(in.T, constant.Type()) {
			continue
		}
		may := mayMeet(op, constant.Value)
		read := r.Source.Reads[in.Index]
		if may == nil || r.Source.Table.Columns[read].Kind != catalog.Physical {
			continue
		}
		all = append(all, format.Condition{Column: s.Project[s.places[in.Index]], May: may})
	}
	return all
}

// isAlike reports whether values of two types can be compared as they are.
func isAlike(a, b *row.Type) bool {
	return column.FormOf(a) == column.FormOf(b) && (a.Kind == b.Kind || !a.IsTimestamp())
}

// turned are operators whose arguments are exchanged.
var turned = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// mayMeet says what values can be that are compared with a constant; nil if op is no comparison that says it.
func mayMeet(op string, constant *column.Vector) func(bounds *column.Vector) bool {
	least := func(b *column.Vector) int { return builtin.Compare(b, 0, constant, 0) }
	greatest := func(b *column.Vector) int { return builtin.Compare(b, 1, constant, 0) }
	switch op {
	case "=":
		return func(b *column.Vector) bool { return least(b) <= 0 && greatest(b) >= 0 }
	case "<":
		return func(b *column.Vector) bool { return least(b) < 0 }
	case "<=":
		return func(b *column.Vector) bool { return least(b) <= 0 }
	case ">":
		return func(b *column.Vector) bool { return greatest(b) > 0 }
	case ">=":
		return func(b *column.Vector) bool { return greatest(b) >= 0 }
	}
	return nil
}
