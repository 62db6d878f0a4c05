package bind

import (
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// windowArgs are the names of the arguments of the functions of windows, behind the table and the column of time.
var windowArgs = map[string][]string{
	"TUMBLE":   {"SIZE", "OFFSET"},
	"HOP":      {"SLIDE", "SIZE", "OFFSET"},
	"CUMULATE": {"STEP", "SIZE", "OFFSET"},
	"SESSION":  {"GAP"},
}

func isWindowing(name string) bool { return windowArgs[strings.ToUpper(name)] != nil }

// windowing binds TUMBLE(TABLE t, DESCRIPTOR(ts), …) and the like.
func (b *binder) windowing(x *ast.Call) logical.Node {
	kind := strings.ToUpper(x.Name.Last().Name)
	args := windowArguments(x, kind)
	table, ok := args["DATA"].(*ast.TableArg)
	if q, isQuery := args["DATA"].(*ast.Subquery); isQuery {
		table, ok = &ast.TableArg{Span: q.Span, Query: q.Query}, true
	}
	if !ok {
		failHint(x.Span, "write "+kind+"(TABLE t, DESCRIPTOR(ts), …)", "the first argument of %s is a table", kind)
	}
	in, scope := b.tableArg(table)
	column := descriptor(x, kind, args["TIMECOL"])
	at, ok := scope.find(ast.Name{column}, "", column.Name)
	if !ok {
		scope.unknown(ast.Name{column})
	}
	w := logical.Windowing{Kind: kind}
	for _, name := range windowArgs[kind] {
		a, ok := args[name]
		switch {
		case !ok && name == "OFFSET":
		case !ok:
			fail(x.Span, "%s needs %s", kind, name)
		case name == "OFFSET":
			w.Offset = b.duration(a, kind, name)
		case name == "SLIDE" || name == "STEP":
			w.Slide = b.duration(a, kind, name)
		default:
			w.Size = b.duration(a, kind, name)
		}
	}
	checkWindowing(x.Span, &w, in.Columns()[at])
	c := *b
	c.scope = scope
	var partition []int
	for _, p := range table.Partition {
		column, ok := c.expr(p).(*expr.Input)
		if !ok {
			fail(p.Extent(), "PARTITION BY of %s takes columns", kind)
		}
		partition = append(partition, column.Index)
	}
	if kind != "SESSION" {
		partition = nil // the same windows for all
	}
	return logical.NewWindow(x.Span, in, w, at, partition)
}

// windowArguments are the arguments by name.
func windowArguments(x *ast.Call, kind string) map[string]ast.Expr {
	names := append([]string{"DATA", "TIMECOL"}, windowArgs[kind]...)
	args := map[string]ast.Expr{}
	for i, a := range x.Args {
		if n, ok := a.(*ast.Named); ok {
			name := strings.ToUpper(n.Name.Name)
			if !slices.Contains(names, name) {
				failHint(n.Name.Span, nearest(name, names), "%s has no argument %s", kind, n.Name.Name)
			}
			args[name] = n.Value
			continue
		}
		if i >= len(names) {
			fail(a.Extent(), "%s takes %d arguments at most: %s", kind, len(names), strings.Join(names, ", "))
		}
		args[names[i]] = a
	}
	return args
}

// tableArg binds TABLE t or a query as an argument.
func (b *binder) tableArg(t *ast.TableArg) (logical.Node, *Scope) {
	if t.Query == nil {
		return b.table(&ast.TableName{Span: t.Span, Name: t.Table})
	}
	c := *b
	c.scope = &Scope{outer: b.scope.outer}
	n, cols := c.query(t.Query)
	return n, tableScope(cols)
}

// descriptor is the column that DESCRIPTOR(…) names.
func descriptor(x *ast.Call, kind string, a ast.Expr) ast.Ident {
	if d, ok := a.(*ast.Call); ok && strings.EqualFold(d.Name.Last().Name, "DESCRIPTOR") && len(d.Args) == 1 {
		if c, ok := d.Args[0].(*ast.Column); ok && len(c.Name) == 1 {
			return c.Name[0]
		}
	}
	failHint(x.Span, "write DESCRIPTOR(ts)", "the second argument of %s is the column of time", kind)
	return ast.Ident{}
}

// duration is a constant interval in milliseconds.
func (b *binder) duration(a ast.Expr, kind, name string) int64 {
	c := *b
	c.scope = &Scope{}
	x := c.expr(a)
	l, ok := x.(*expr.Literal)
	if !ok || l.IsNull() {
		if call, isCall := x.(*expr.Call); isCall && call.T.Kind == row.IntervalDay {
			if v, err := expr.Compile(call).Eval(&expr.Context{Zone: time.UTC, Now: time.Unix(0, 0)}, oneRowBatch()); err == nil && !v.IsNull(0) {
				return v.I64[0]
			}
		}
		fail(a.Extent(), "%s of %s is a constant interval", name, kind)
	}
	switch l.Type().Kind {
	case row.IntervalDay:
		return l.Value.I64[0]
	case row.IntervalMonth:
		fail(a.Extent(), "%s of %s has days, hours, minutes and seconds, no months or years", name, kind)
	}
	fail(a.Extent(), "%s of %s is an interval, not %s", name, kind, l.Type().Nullable(true))
	return 0
}

// checkWindowing refuses windows that cannot be.
func checkWindowing(at ast.Span, w *logical.Windowing, time row.Field) {
	size := "the size"
	if w.Kind == "SESSION" {
		size = "the gap"
	}
	if !time.Type.IsTimestamp() {
		fail(at, "%s is of type %s: windows are made by a TIMESTAMP or TIMESTAMP_LTZ", time.Name, time.Type.Nullable(true))
	}
	if w.Size <= 0 {
		fail(at, "%s of %s is more than 0, not %d ms", size, w.Kind, w.Size)
	}
	if w.Kind != "HOP" && w.Kind != "CUMULATE" {
		return
	}
	if w.Slide <= 0 {
		fail(at, "the step of %s is more than 0, not %d ms", w.Kind, w.Slide)
	}
	if w.Size%w.Slide != 0 {
		fail(at, "the size of %s is a multiple of its step: %d ms is none of %d ms", w.Kind, w.Size, w.Slide)
	}
}
