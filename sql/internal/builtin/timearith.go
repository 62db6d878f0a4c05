package builtin

import (
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// inferTimeArith is inferArith where a time or an interval is an operand.
func inferTimeArith(op string, args []expr.Expr, _, _ *row.Type, _ bool) ([]expr.Expr, *row.Type, error) {
	return nil, nil, cannotApply(op, args)
}

func timeArithKernel(string, *expr.Call) expr.Kernel { return nil }
