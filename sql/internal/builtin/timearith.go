package builtin

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// inferTimeArith is inferArith where a time or an interval is an operand: a time ± an interval, an interval ± an
// interval of the same kind, and an interval * or / a whole number.
func inferTimeArith(op string, args []expr.Expr, a, b *row.Type, nullable bool) ([]expr.Expr, *row.Type, error) {
	var t *row.Type
	switch op {
	case "+", "-":
		switch {
		case a.IsInterval() && b.Kind == a.Kind, a.IsTemporal() && b.IsInterval():
			t = a
		case op == "+" && a.IsInterval() && b.IsTemporal():
			t = b
			args = []expr.Expr{args[1], args[0]}
		}
	case "*":
		switch {
		case a.IsInterval() && b.IsInteger():
			t = a
		case a.IsInteger() && b.IsInterval():
			t = b
			args = []expr.Expr{args[1], args[0]}
		}
	case "/":
		if a.IsInterval() && b.IsInteger() {
			t = a
		}
	}
	if t == nil {
		return nil, nil, cannotApply(op, args)
	}
	return args, t.Computed().Nullable(nullable), nil
}

// timeArithKernel has the time or the interval as its first argument.
func timeArithKernel(op string, c *expr.Call) expr.Kernel {
	a, b := c.Args[0].Type(), c.Args[1].Type()
	if op == "*" || op == "/" {
		return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
			x, y := wholeAt(args[0], i), wholeAt(args[1], i)
			switch {
			case op == "*":
				x *= y
			case y == 0:
				expr.Fail(i, "division by zero")
			default:
				x /= y
			}
			setWhole(out, i, x)
			return true
		})(c)
	}
	sign := int64(1)
	if op == "-" {
		sign = -1
	}
	if a.IsInterval() {
		return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
			setWhole(out, i, wholeAt(args[0], i)+sign*wholeAt(args[1], i))
			return true
		})(c)
	}
	months := b.Kind == row.IntervalMonth
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		addInterval(out, args[0], i, sign*wholeAt(args[1], i), months)
		return true
	})(c)
}

// addInterval sets value i of out to that of v, and some months or milliseconds more.
func addInterval(out, v *column.Vector, i int, n int64, months bool) {
	switch v.Type.Kind {
	case row.Date:
		days := int64(v.I32[i])
		if months {
			days = addMonths(days, n)
		} else {
			days += n / dayMillis // what is less than a day is lost
		}
		out.I32[i] = int32(days)
	case row.Time:
		millis := int64(v.I32[i])
		if !months {
			millis = floorMod(millis+n, dayMillis)
		}
		out.I32[i] = int32(millis)
	default:
		micros := v.I64[i]
		if months {
			days := floorQuo(micros, dayMicros)
			micros += (addMonths(days, n) - days) * dayMicros
		} else {
			micros += n * 1000
		}
		setTimestamp(out, i, micros, nanos(v, i))
	}
}

// wholeAt is value i of a whole number or an interval.
func wholeAt(v *column.Vector, i int) int64 {
	if column.FormOf(v.Type) == column.FormI64 {
		return v.I64[i]
	}
	return int64(v.I32[i])
}

func setWhole(v *column.Vector, i int, x int64) {
	if column.FormOf(v.Type) == column.FormI64 {
		v.I64[i] = x
		return
	}
	v.I32[i] = int32(x)
}

var powers10 = [...]int32{1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000}
