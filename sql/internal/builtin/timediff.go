package builtin

import (
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("temporal",
		&Def{
			Func:  expr.Func{Name: "TIMESTAMPADD", Strict: true, Total: true, Compile: addKernel},
			Typed: true,
			Doc:   "A time some units later: TIMESTAMPADD(DAY, 1, t). With hours or less a DATE becomes a TIMESTAMP(6).",
			Infer: inferTimestampAdd,
		},
		&Def{
			Func:  expr.Func{Name: "TIMESTAMPDIFF", Strict: true, Total: true, Compile: diffKernel},
			Typed: true,
			Doc: "The number of whole units from one time to another: TIMESTAMPDIFF(DAY, from, to). Of months, the last day " +
				"of one counts as a whole one where it has no day of that number.",
			Infer: inferTimestampDiff,
		},
		&Def{
			Func:  expr.Func{Name: "TIME DIFFERENCE", Strict: true, Total: true, Compile: differenceKernel},
			Typed: true,
			Doc:   "The interval between two dates or timestamps, in whole months or in milliseconds: (x - y) MONTH, (x - y) DAY.",
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				_, t, err := inferTimestampDiff(args)
				if err != nil {
					return nil, nil, cannotApply("-", args[1:])
				}
				return args, IntervalType(ast.Range{From: unitOf(args[0])}).Nullable(!t.NotNull), nil
			},
		})
}

// addUnits are the lengths of units in months or milliseconds.
func addUnits(unit string) (n int64, months bool) {
	switch unit {
	case "DECADE":
		return 120, true
	case "CENTURY":
		return 1200, true
	case "MILLENNIUM":
		return 12000, true
	case "MILLISECOND":
		return 1, false
	}
	if n := unitMonths[unit]; n != 0 {
		return n, true
	}
	return unitMillis[unit], false
}

func inferTimestampAdd(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	if len(args) != 3 || !Symbol.Has(args[0].Type()) {
		return nil, nil, fmt.Errorf("TIMESTAMPADD takes a unit, a whole number and a time")
	}
	unit, n, t := unitOf(args[0]), args[1].Type(), args[2].Type()
	length, months := addUnits(unit)
	switch {
	case length == 0:
		return nil, nil, fmt.Errorf("TIMESTAMPADD cannot add a %s", unit)
	case !n.IsInteger() && n.Kind != row.Null || !t.IsTemporal():
		return nil, nil, fmt.Errorf("TIMESTAMPADD takes a unit, a whole number and a time, not %s and %s",
			n.Nullable(true).SQL(), t.Nullable(true).SQL())
	}
	result := t.Plain()
	switch {
	case t.Kind == row.Date && !months && length < dayMillis:
		result = row.TimestampOf(6)
	case t.IsTimestamp() && unit == "MILLISECOND":
		result = &row.Type{Kind: t.Kind, Precision: max(3, t.Precision)}
	}
	return args, result.Nullable(!n.NotNull || !t.NotNull), nil
}

func addKernel(c *expr.Call) expr.Kernel {
	length, months := addUnits(unitOf(c.Args[0]))
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		n, v := wholeAt(args[1], i)*length, args[2]
		if v.Type.Kind == row.Date && out.Type.Kind == row.Timestamp {
			setTimestamp(out, i, int64(v.I32[i])*dayMicros+n*1000, 0)
			return true
		}
		addInterval(out, v, i, n, months)
		return true
	})(c)
}

func inferTimestampDiff(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	if len(args) != 3 || !Symbol.Has(args[0].Type()) {
		return nil, nil, fmt.Errorf("TIMESTAMPDIFF takes a unit and two times")
	}
	unit, a, b := unitOf(args[0]), args[1].Type(), args[2].Type()
	if n, _ := addUnits(unit); n == 0 && unit != "MICROSECOND" {
		return nil, nil, fmt.Errorf("TIMESTAMPDIFF does not count in %s", unit)
	}
	isDate := func(t *row.Type) bool {
		return t.Kind == row.Date || t.IsTimestamp() || t.Kind == row.Null
	}
	if !isDate(a) || !isDate(b) || (a.Kind == row.TimestampLTZ) != (b.Kind == row.TimestampLTZ) {
		return nil, nil, fmt.Errorf("TIMESTAMPDIFF takes a unit and two dates or timestamps of the same kind, not %s and %s",
			a.Nullable(true).SQL(), b.Nullable(true).SQL())
	}
	return args, row.Of(row.Int).Nullable(!a.NotNull || !b.NotNull), nil
}

func diffKernel(c *expr.Call) expr.Kernel {
	unit := unitOf(c.Args[0])
	length, months := addUnits(unit)
	length *= 1000
	if unit == "MICROSECOND" {
		length = 1
	}
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		from, to := microsAt(args[1], i), microsAt(args[2], i)
		if months {
			out.I32[i] = int32(monthsBetween(from, to) / (length / 1000))
		} else {
			out.I32[i] = int32((to - from) / length)
		}
		return true
	})(c)
}

func differenceKernel(c *expr.Call) expr.Kernel {
	months := c.T.Kind == row.IntervalMonth
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		to, from := microsAt(args[1], i), microsAt(args[2], i)
		if months {
			out.I32[i] = int32(monthsBetween(from, to))
		} else {
			out.I64[i] = (to - from) / 1000
		}
		return true
	})(c)
}

// microsAt is date or timestamp i in microseconds.
func microsAt(v *column.Vector, i int) int64 {
	if v.Type.Kind == row.Date {
		return int64(v.I32[i]) * dayMicros
	}
	return v.I64[i]
}

// monthsBetween is the number of whole months.
func monthsBetween(from, to int64) int64 {
	if to < from {
		return -monthsBetween(to, from)
	}
	a, b := floorQuo(from, dayMicros), floorQuo(to, dayMicros)
	y1, m1, _ := dateOf(a)
	y2, m2, _ := dateOf(b)
	n := (y2-y1)*12 + m2 - m1
	if end := addMonths(a, n); end > b || end == b && floorMod(to, dayMicros) < floorMod(from, dayMicros) {
		n--
	}
	return n
}
