package rule

import (
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Fold computes what is constant. What fails is left as it is, since it may never be reached, unless it would be for
// each row.
func Fold(n logical.Node, c *expr.Context) logical.Node {
	return bottomUp(n, func(n logical.Node) logical.Node {
		n = mapExprs(n, func(x expr.Expr) expr.Expr { return fold(x, c) })
		f, ok := n.(*logical.Filter)
		if !ok {
			return n
		}
		conds := slices.DeleteFunc(conjuncts(f.Cond), isTrue)
		if len(conds) == len(conjuncts(f.Cond)) {
			return n
		}
		return filter(f.Input, and(conds...))
	})
}

func isTrue(cond expr.Expr) bool {
	l, ok := cond.(*expr.Literal)
	return ok && !l.IsNull() && l.Value.Bools[0]
}

// fold computes the constant parts of an expression.
func fold(x expr.Expr, c *expr.Context) expr.Expr {
	return expr.Rewrite(x, func(x expr.Expr) expr.Expr {
		call, ok := x.(*expr.Call)
		if !ok || !isConstant(call) {
			return nil
		}
		v, err := expr.Compile(call).Eval(c, &column.Batch{N: 1})
		if err != nil {
			return nil
		}
		out := column.New(call.T)
		out.AppendFrom(v, 0)
		return &expr.Literal{Span: call.Span, Value: out}
	})
}

// isConstant reports whether a call always has the same value, of a type that has a literal.
func isConstant(x *expr.Call) bool {
	if x.T.Attribute != row.NoAttribute {
		return false
	}
	constant := true
	expr.Walk(x, func(y expr.Expr) bool {
		switch y := y.(type) {
		case *expr.Call:
			constant = constant && !y.Func.Volatile
		case *expr.Literal:
			constant = constant && (y.Type().Kind != row.Raw || y.Type().Class == "symbol")
		default:
			constant = false
		}
		return constant
	})
	return constant
}
