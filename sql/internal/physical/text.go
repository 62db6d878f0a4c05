package physical

import (
	"fmt"
	"slices"
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

// readText are the columns of a scan, those of which some fields are read with these: id, bid(auction, price).
func readText(n *logical.Scan) string {
	list := logical.Names(n.Columns())
	for i, c := range n.Columns() {
		list[i] += partsText(c.Type, n.Table.Columns[n.Reads[i]].Type)
	}
	return strings.Join(list, ", ")
}

// partsText are the fields that are read of a ROW, empty where that is all of them.
func partsText(read, whole *row.Type) string {
	var list []string
	narrow := len(read.Fields) < len(whole.Fields)
	for _, f := range read.Fields {
		of := slices.IndexFunc(whole.Fields, func(w row.Field) bool { return w.Name == f.Name })
		parts := partsText(f.Type, whole.Fields[of].Type)
		narrow = narrow || parts != ""
		list = append(list, f.Name+parts)
	}
	if !narrow {
		return ""
	}
	return "(" + strings.Join(list, ", ") + ")"
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
