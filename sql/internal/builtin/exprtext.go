package builtin

import (
	"fmt"
	"strings"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// operators are written between their operands.
var operators = map[string]bool{
	"+": true, "-": true, "*": true, "/": true, "%": true, "=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true,
	"AND": true, "OR": true, "||": true, "LIKE": true, "IS DISTINCT FROM": true, "IS NOT DISTINCT FROM": true,
}

// ExprText is an expression as EXPLAIN and errors show it, of columns with names.
func ExprText(x expr.Expr, in []row.Field) string {
	switch x := x.(type) {
	case *expr.Input:
		if x.Index < len(in) {
			return in[x.Index].Name
		}
		return fmt.Sprintf("$%d", x.Index)
	case *expr.Literal:
		return literalText(x)
	case *expr.Call:
		args := make([]string, len(x.Args))
		for i, a := range x.Args {
			args[i] = ExprText(a, in)
		}
		name := x.Func.Name
		field, isField := expr.Field(x)
		switch {
		case operators[name] && len(args) == 2:
			return "(" + args[0] + " " + name + " " + args[1] + ")"
		case strings.HasPrefix(name, "IS ") && len(args) == 1:
			return args[0] + " " + name
		case name == "CAST", name == "TRY_CAST":
			return name + "(" + args[0] + " AS " + x.T.Nullable(true).SQL() + ")"
		case isField:
			return args[0] + "." + x.Args[0].Type().Fields[field].Name
		}
		return strings.TrimPrefix(name, "UNARY ") + "(" + strings.Join(args, ", ") + ")"
	}
	return fmt.Sprintf("%T", x)
}

func literalText(l *expr.Literal) string {
	if l.IsNull() {
		return "NULL"
	}
	if l.Type().Kind == row.Raw {
		return string(l.Value.Bytes(0))
	}
	if l.Type().IsBinary() {
		return fmt.Sprintf("X'%X'", l.Value.Bytes(0))
	}
	s := string(AppendText(nil, &expr.Context{Zone: time.UTC}, l.Value, 0))
	if l.Type().IsText() || l.Type().IsTemporal() || l.Type().IsInterval() {
		return "'" + s + "'"
	}
	return s
}
