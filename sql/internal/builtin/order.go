package builtin

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// sameAt reports whether values of one type are the same, or both NULL. NaN is not the same as itself.
func sameAt(a *column.Vector, i int, b *column.Vector, j int) bool {
	if a.IsNull(i) || b.IsNull(j) {
		return a.IsNull(i) && b.IsNull(j)
	}
	switch column.FormOf(a.Type) {
	case column.FormF32:
		return a.F32[i] == b.F32[j]
	case column.FormF64:
		return a.F64[i] == b.F64[j]
	}
	return Compare(a, i, b, j) == 0
}

// find is the place of value i of x among values from to to of v, -1 if it is not there.
func find(v *column.Vector, from, to int, x *column.Vector, i int) int {
	for j := from; j < to; j++ {
		if sameAt(v, j, x, i) {
			return j
		}
	}
	return -1
}

// constantInt is the value of a constant INT, -1 or such, and whether x is one that is not NULL.
func constantInt(x expr.Expr) (n int64, ok bool) {
	isConstant := true
	expr.Walk(x, func(x expr.Expr) bool {
		_, isInput := x.(*expr.Input)
		isConstant = isConstant && !isInput
		return true
	})
	if !isConstant || !x.Type().IsInteger() {
		return 0, false
	}
	v, err := expr.Compile(x).Eval(&expr.Context{}, &column.Batch{N: 1})
	if err != nil || v.IsNull(0) {
		return 0, false
	}
	return wholeAt(v, 0), true
}
