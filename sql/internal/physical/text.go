package physical

import (
	"fmt"
	"strings"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

func names(cols []row.Field) string {
	return strings.Join(logical.Names(cols), ", ")
}

func columnNames(cols []row.Field, at []int) string {
	list := make([]string, len(at))
	for i, c := range at {
		list[i] = cols[c].Name
	}
	return strings.Join(list, ", ")
}

func orderText(cols []row.Field, keys []logical.SortKey) string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = cols[k.Column].Name + " ASC"
		if k.Desc {
			list[i] = cols[k.Column].Name + " DESC"
		}
		if k.NullsLast != k.Desc {
			list[i] += map[bool]string{true: " NULLS LAST", false: " NULLS FIRST"}[k.NullsLast]
		}
	}
	return strings.Join(list, ", ")
}

func millisText(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

// kindsText is a set of kinds: [+I -U +U -D].
func kindsText(k row.ChangeKinds) string {
	var list []string
	for _, kind := range []row.ChangeKind{row.Insert, row.UpdateBefore, row.UpdateAfter, row.Delete} {
		if k.Has(kind) {
			list = append(list, kind.String())
		}
	}
	return "[" + strings.Join(list, " ") + "]"
}

func callText(cols []row.Field, c logical.Call) string {
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = "?"
		if a >= 0 {
			args[i] = cols[a].Name
		}
	}
	s := c.Func.Name + "("
	if c.Distinct {
		s += "DISTINCT "
	}
	if len(args) == 0 && c.Func.Name == "COUNT" {
		s += "*"
	}
	s += strings.Join(args, ", ") + ")"
	if c.Filter >= 0 {
		s += " FILTER " + cols[c.Filter].Name
	}
	return s
}

func overText(cols []row.Field, calls []logical.OverCall) string {
	list := make([]string, len(calls))
	for i, c := range calls {
		list[i] = callText(cols, c.Call) + " " + frameText(c.Frame)
	}
	return "select=[" + strings.Join(list, ", ") + "]"
}

func frameText(f logical.Frame) string {
	unit := "RANGE"
	if f.Rows {
		unit = "ROWS"
	}
	return fmt.Sprintf("%s %s TO %s", unit, boundText(f.UnboundedFrom, f.From, f.FromValue), boundText(f.UnboundedTo, f.To, f.ToValue))
}

func boundText(unbounded bool, n int64, v *expr.Literal) string {
	switch {
	case unbounded:
		return "UNBOUNDED"
	case v != nil:
		return text(v, nil)
	}
	return fmt.Sprint(n)
}

func calcDetail(in []row.Field, cond expr.Expr, exprs []expr.Expr, out []row.Field) string {
	list := make([]string, len(exprs))
	for i, x := range exprs {
		list[i] = text(x, in)
		if list[i] != out[i].Name {
			list[i] += " AS " + out[i].Name
		}
	}
	s := "select=[" + strings.Join(list, ", ") + "]"
	if cond != nil {
		s += ", where=[" + text(cond, in) + "]"
	}
	return s
}

func texts(xs []expr.Expr, in []row.Field) string {
	list := make([]string, len(xs))
	for i, x := range xs {
		list[i] = text(x, in)
	}
	return strings.Join(list, ", ")
}

// operators are written between their operands.
var operators = map[string]bool{
	"+": true, "-": true, "*": true, "/": true, "%": true, "=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true,
	"AND": true, "OR": true, "||": true, "LIKE": true, "IS DISTINCT FROM": true, "IS NOT DISTINCT FROM": true,
}

// text is an expression as EXPLAIN shows it.
func text(x expr.Expr, in []row.Field) string {
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
			args[i] = text(a, in)
		}
		name := x.Func.Name
		switch {
		case operators[name] && len(args) == 2:
			return "(" + args[0] + " " + name + " " + args[1] + ")"
		case strings.HasPrefix(name, "IS ") && len(args) == 1:
			return args[0] + " " + name
		case name == "CAST", name == "TRY_CAST":
			return name + "(" + args[0] + " AS " + x.T.Nullable(true).SQL() + ")"
		case strings.HasPrefix(name, "FIELD ") && len(args) == 1:
			return args[0] + "." + fieldName(x)
		}
		return strings.TrimPrefix(name, "UNARY ") + "(" + strings.Join(args, ", ") + ")"
	}
	return fmt.Sprintf("%T", x)
}

func fieldName(x *expr.Call) string {
	var i int
	if _, err := fmt.Sscanf(x.Func.Name, "FIELD %d", &i); err != nil {
		return "?"
	}
	return x.Args[0].Type().Fields[i-1].Name
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
	s := string(builtin.AppendText(nil, &expr.Context{Zone: time.UTC}, l.Value, 0))
	if l.Type().IsText() || l.Type().IsTemporal() || l.Type().IsInterval() {
		return "'" + s + "'"
	}
	return s
}

// bigint is a constant.
func bigint(n int64) *expr.Literal {
	v := column.New(row.Of(row.BigInt).Nullable(false))
	v.AppendI64(n)
	return &expr.Literal{Value: v}
}
