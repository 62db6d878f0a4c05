package rule

import (
	"slices"

	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// PushFilters moves conditions towards where their columns come from: through projections, into both sides of joins, where
// what compares both sides becomes a condition of the join, and into all parts of a UNION ALL. A condition that can
// fail is moved through projections and unions only.
func PushFilters(n logical.Node) logical.Node {
	if f, ok := n.(*logical.Filter); ok {
		return push(f.Input, conjuncts(f.Cond))
	}
	if j, ok := n.(*logical.Join); ok && j.Kind == logical.Inner && j.AsOf == nil {
		return pushJoin(j, nil)
	}
	if j, ok := n.(*logical.Join); ok && j.AsOf == nil && j.Cond != nil {
		return pushOuterConditions(j)
	}
	return mapInputs(n, PushFilters)
}

// push filters n, with conditions that are TRUE together; they are in the order in which they were written.
func push(n logical.Node, conds []expr.Expr) logical.Node {
	if len(conds) == 0 {
		return PushFilters(n)
	}
	switch n := n.(type) {
	case *logical.Filter:
		return push(n.Input, append(conjuncts(n.Cond), conds...))
	case *logical.Project:
		if pushed, ok := throughProject(n, conds); ok {
			return pushed
		}
	case *logical.Join:
		if n.AsOf == nil {
			return pushJoin(n, conds)
		}
		return pushLeft(n, conds)
	case *logical.SetOp:
		ins := make([]logical.Node, len(n.Ins))
		for i, in := range n.Ins {
			ins[i] = push(in, conds)
		}
		return n.With(ins...)
	case *logical.Aggregate:
		return pushAggregate(n, conds)
	case *logical.Apply:
		return pushApply(n, conds)
	case *logical.Window:
		return pushWindow(n, conds)
	}
	return filter(mapInputs(n, PushFilters), and(conds...))
}

// movable takes the conditions of one kind out that are total, up to the first that is not: those behind it stay.
func movable(conds []expr.Expr, is func(expr.Expr) bool) (yes, no []expr.Expr) {
	for i, c := range conds {
		if !expr.IsTotal(c) {
			return yes, append(no, conds[i:]...)
		}
		if is(c) {
			yes = append(yes, c)
		} else {
			no = append(no, c)
		}
	}
	return yes, no
}

// reads reports whether all columns that an expression reads are in [from, to).
func reads(x expr.Expr, from, to int) bool {
	within := true
	expr.Inputs(x, func(in *expr.Input) { within = within && in.Index >= from && in.Index < to })
	return within
}

// throughProject filters before a projection, unless that would compute something volatile twice.
func throughProject(n *logical.Project, conds []expr.Expr) (logical.Node, bool) {
	var below, above []expr.Expr
	for i, c := range conds {
		pure := true
		expr.Inputs(c, func(in *expr.Input) { pure = pure && !isVolatile(n.Exprs[in.Index]) })
		if !pure || isVolatile(c) {
			above = append(above, conds[i:]...)
			break
		}
		below = append(below, expr.Replace(c, n.Exprs))
	}
	if len(below) == 0 {
		return nil, false
	}
	return filter(n.With(push(n.Input, below)), and(above...)), true
}

func isVolatile(x expr.Expr) bool {
	volatile := false
	expr.Walk(x, func(x expr.Expr) bool {
		if c, ok := x.(*expr.Call); ok {
			volatile = volatile || c.Func.Volatile
		}
		return !volatile
	})
	return volatile
}

// pushJoin moves conditions above a join, and those of the join, to its sides.
func pushJoin(n *logical.Join, above []expr.Expr) logical.Node {
	width := len(n.Left.Columns())
	all := width + len(n.Right.Columns())
	isSemi := n.Kind == logical.Semi || n.Kind == logical.Anti
	kind := simplify(n.Kind, above, width)
	onLeft := func(c expr.Expr) bool { return readsSome(c) && reads(c, 0, width) }
	onRight := func(c expr.Expr) bool { return readsSome(c) && reads(c, width, all) }
	var left, right []expr.Expr
	if kind != logical.Right && kind != logical.Full {
		left, above = movable(above, onLeft)
	}
	if !isSemi && kind != logical.Left && kind != logical.Full {
		right, above = movable(above, onRight)
	}
	cond := conjuncts(n.Cond)
	if kind == logical.Inner {
		var both []expr.Expr
		both, above = movable(above, func(expr.Expr) bool { return true })
		cond = append(cond, both...)
	}
	var inLeft, inRight []expr.Expr
	if kind == logical.Inner || kind == logical.Right || kind == logical.Semi {
		inLeft, cond = movable(cond, onLeft)
	}
	if kind == logical.Inner || kind == logical.Left || isSemi {
		inRight, cond = movable(cond, onRight)
	}
	left, right = append(left, inLeft...), append(right, inRight...)
	for i, c := range right {
		right[i] = shift(c, -width)
	}
	joined := *n
	joined.Kind = kind
	joined.Cond = and(cond...)
	out := joined.With(push(n.Left, left), push(n.Right, right))
	return filter(out, and(above...))
}

// pushOuterConditions moves the conditions of an outer, semi or anti join to the side where they make no difference.
func pushOuterConditions(n *logical.Join) logical.Node { return pushJoin(n, nil) }

func readsSome(x expr.Expr) bool {
	some := false
	expr.Inputs(x, func(*expr.Input) { some = true })
	return some
}

// simplify makes an outer join an inner one where a condition above refuses the rows without a partner.
func simplify(kind logical.JoinKind, above []expr.Expr, width int) logical.JoinKind {
	refusesLeft, refusesRight := false, false
	for _, c := range above {
		refusesLeft = refusesLeft || refusesNull(c, func(i int) bool { return i < width })
		refusesRight = refusesRight || refusesNull(c, func(i int) bool { return i >= width })
	}
	switch {
	case kind == logical.Full && refusesLeft && refusesRight, kind == logical.Left && refusesRight, kind == logical.Right && refusesLeft:
		return logical.Inner
	case kind == logical.Full && refusesLeft:
		return logical.Left
	case kind == logical.Full && refusesRight:
		return logical.Right
	}
	return kind
}

// refusesNull reports whether a condition is never TRUE where the columns of a side are NULL: a strict comparison
// that reads one of them directly.
func refusesNull(c expr.Expr, side func(i int) bool) bool {
	call, ok := c.(*expr.Call)
	if !ok {
		return false
	}
	switch call.Func.Name {
	case "=", "<>", "<", "<=", ">", ">=", "LIKE", "IS NOT NULL":
	default:
		return false
	}
	for _, a := range call.Args {
		if in, ok := a.(*expr.Input); ok && side(in.Index) {
			return true
		}
	}
	return false
}

// pushLeft moves conditions on the left side of a join FOR SYSTEM_TIME AS OF below it, and equations of both sides into it, as
// its keys.
func pushLeft(n *logical.Join, conds []expr.Expr) logical.Node {
	width := len(n.Left.Columns())
	below, above := movable(conds, func(c expr.Expr) bool { return readsSome(c) && reads(c, 0, width) })
	var within []expr.Expr
	if n.Kind == logical.Inner {
		within, above = movable(above, func(c expr.Expr) bool {
			x, ok := c.(*expr.Call)
			return ok && x.Func.Name == "=" && !reads(c, width, len(n.Columns()))
		})
	}
	joined := n.With(push(n.Left, below), PushFilters(n.Right)).(*logical.Join)
	if len(within) > 0 {
		joined = joined.WithCond(and(append(slices.DeleteFunc(conjuncts(n.Cond), isTrue), within...)...))
	}
	return filter(joined, and(above...))
}

// pushAggregate moves conditions on keys below the groups.
func pushAggregate(n *logical.Aggregate, conds []expr.Expr) logical.Node {
	below, above := movable(conds, func(c expr.Expr) bool { return readsSome(c) && reads(c, 0, len(n.Keys)) })
	for i, c := range below {
		below[i] = expr.Shift(c, func(k int) int { return n.Keys[k] })
	}
	return filter(n.With(push(n.Input, below)), and(above...))
}

// pushApply moves conditions on the input of a table function below it.
func pushApply(n *logical.Apply, conds []expr.Expr) logical.Node {
	width := len(n.Input.Columns())
	below, above := movable(conds, func(c expr.Expr) bool { return readsSome(c) && reads(c, 0, width) })
	return filter(n.With(push(n.Input, below)), and(above...))
}

// pushWindow moves conditions on the rows of windows below these, but for sessions, which other rows make longer.
func pushWindow(n *logical.Window, conds []expr.Expr) logical.Node {
	width := len(n.Input.Columns())
	below, above := movable(conds, func(c expr.Expr) bool {
		if !readsSome(c) || !reads(c, 0, width) {
			return false
		}
		if n.Kind != "SESSION" {
			return true
		}
		onPartition := true
		expr.Inputs(c, func(in *expr.Input) { onPartition = onPartition && slices.Contains(n.Partition, in.Index) })
		return onPartition
	})
	return filter(n.With(push(n.Input, below)), and(above...))
}
