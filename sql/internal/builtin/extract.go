package builtin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("temporal", &Def{
		Func: expr.Func{Name: "EXTRACT", Strict: true, Total: true, Compile: func(c *expr.Call) expr.Kernel {
			return extractKernel(unitOf(c.Args[0]), c.Args[1].Type())
		}},
		Typed: true,
		Doc: "A field of a date, a time, a timestamp or an interval: EXTRACT(YEAR FROM d). WEEK is that of ISO 8601, " +
			"DOW counts from Sunday, 1, and ISODOW from Monday.",
		Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
			if len(args) != 2 || !Symbol.Has(args[0].Type()) {
				return nil, nil, fmt.Errorf("EXTRACT takes a unit and a time: EXTRACT(YEAR FROM d)")
			}
			return inferExtract("EXTRACT", unitOf(args[0]), args)
		},
	})
	for name, unit := range map[string]string{
		"YEAR": "YEAR", "QUARTER": "QUARTER", "MONTH": "MONTH", "WEEK": "WEEK", "DAYOFYEAR": "DOY", "DAYOFMONTH": "DAY",
		"DAYOFWEEK": "DOW", "HOUR": "HOUR", "MINUTE": "MINUTE", "SECOND": "SECOND",
	} {
		add("temporal", &Def{
			Func: expr.Func{Name: name, Strict: true, Total: true, Compile: func(c *expr.Call) expr.Kernel {
				return extractKernel(unit, c.Args[0].Type())
			}},
			Typed: true,
			Doc:   "EXTRACT(" + unit + " FROM t).",
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				if len(args) != 1 {
					return nil, nil, fmt.Errorf("%s takes a time, not %d arguments", name, len(args))
				}
				return inferExtract(name, unit, args)
			},
		})
	}
}

// unitOf is the unit of time that a keyword says.
func unitOf(x expr.Expr) string {
	if l, ok := x.(*expr.Literal); ok {
		return strings.TrimPrefix(strings.ToUpper(string(l.Value.Bytes(0))), "SQL_TSI_")
	}
	return ""
}

// clockUnits are the parts of a day, dateUnits those that a date has.
var (
	clockUnits = []string{"HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND"}
	dateUnits  = []string{
		"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOW", "DOY", "ISODOW", "ISOYEAR", "EPOCH", "DECADE", "CENTURY", "MILLENNIUM",
	}
)

func inferExtract(name, unit string, args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	t := args[len(args)-1].Type()
	var units []string
	switch t.Kind {
	case row.Date, row.Timestamp, row.TimestampLTZ:
		units = append(slices.Clone(dateUnits), clockUnits...)
	case row.Time:
		units = clockUnits[:4]
	case row.IntervalMonth:
		units = []string{"YEAR", "QUARTER", "MONTH"}
	case row.IntervalDay:
		units = append([]string{"DAY"}, clockUnits[:4]...)
	default:
		return nil, nil, fmt.Errorf("%s takes a date, a time, a timestamp or an interval, not %s", name, t.Nullable(true).SQL())
	}
	if !slices.Contains(units, unit) {
		return nil, nil, fmt.Errorf("a value of type %s has no %s; it has %s", t.Nullable(true).SQL(), unit, strings.Join(units, ", "))
	}
	return args, row.Of(row.BigInt).Nullable(!t.NotNull), nil
}

func extractKernel(unit string, t *row.Type) expr.Kernel {
	switch {
	case t.Kind == row.IntervalMonth:
		return eachField(func(_ *expr.Context, v *column.Vector, i int) int64 { return monthsField(unit, int64(v.I32[i])) })
	case t.Kind == row.IntervalDay && unit == "DAY":
		return eachField(func(_ *expr.Context, v *column.Vector, i int) int64 { return v.I64[i] / dayMillis })
	case unit == "EPOCH":
		return eachField(func(_ *expr.Context, v *column.Vector, i int) int64 { return epoch(v, i) })
	case !slices.Contains(clockUnits, unit):
		field := dateField(unit)
		return eachField(func(c *expr.Context, v *column.Vector, i int) int64 {
			days, _ := clockTime(c, v, i)
			return field(days)
		})
	}
	divisor, modulus := clockField(unit)
	if t.Kind == row.IntervalDay {
		return eachField(func(_ *expr.Context, v *column.Vector, i int) int64 {
			return v.I64[i] % dayMillis * 1_000_000 / divisor % modulus
		})
	}
	return eachField(func(c *expr.Context, v *column.Vector, i int) int64 {
		_, ofDay := clockTime(c, v, i)
		return ofDay / divisor % modulus
	})
}

// eachField is a kernel of a field of the last argument.
func eachField(f func(c *expr.Context, v *column.Vector, i int) int64) expr.Kernel {
	return rows(func(c *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		out.I64[i] = f(c, args[len(args)-1], i)
		return true
	})(nil)
}

// clockTime are the days since 1970 and the nanoseconds of the day of a date, a time or a timestamp; that of
// TIMESTAMP_LTZ is what a clock in the session's zone shows.
func clockTime(c *expr.Context, v *column.Vector, i int) (days, ofDay int64) {
	micros, n := localTime(c, v, i)
	days, rest := floorDiv(micros, dayMicros)
	return days, rest*1000 + int64(n)
}

// epoch are the seconds since 1970.
func epoch(v *column.Vector, i int) int64 {
	if v.Type.Kind == row.Date {
		return int64(v.I32[i]) * 86400
	}
	return v.I64[i] / 1_000_000
}

func monthsField(unit string, months int64) int64 {
	switch unit {
	case "YEAR":
		return months / 12
	case "QUARTER":
		return months%12/3 + 1
	}
	return months % 12
}

// clockField says how to get a field from the nanoseconds of a day: by a division, and what is left of another. Fields
// that are less than a second count within it.
func clockField(unit string) (divisor, modulus int64) {
	switch unit {
	case "HOUR":
		return 3_600_000_000_000, 24
	case "MINUTE":
		return 60_000_000_000, 60
	case "SECOND":
		return 1_000_000_000, 60
	case "MILLISECOND":
		return 1_000_000, 1000
	case "MICROSECOND":
		return 1000, 1_000_000
	}
	return 1, 1_000_000_000
}

// dateField is the function of the days since 1970 that gives a field.
func dateField(unit string) func(days int64) int64 {
	ofDate := func(f func(y, m, d int64) int64) func(days int64) int64 {
		return func(days int64) int64 { return f(dateOf(days)) }
	}
	switch unit {
	case "YEAR":
		return ofDate(func(y, _, _ int64) int64 { return y })
	case "QUARTER":
		return ofDate(func(_, m, _ int64) int64 { return (m-1)/3 + 1 })
	case "MONTH":
		return ofDate(func(_, m, _ int64) int64 { return m })
	case "DAY":
		return ofDate(func(_, _, d int64) int64 { return d })
	case "DOY":
		return func(days int64) int64 {
			y, _, _ := dateOf(days)
			return days - daysOf(y, 1, 1) + 1
		}
	case "DOW":
		return func(days int64) int64 { return dayOfWeek(days) + 1 }
	case "ISODOW":
		return func(days int64) int64 { return floorMod(days+3, 7) + 1 }
	case "WEEK":
		return func(days int64) int64 {
			_, w := isoWeek(days)
			return w
		}
	case "ISOYEAR":
		return func(days int64) int64 {
			y, _ := isoWeek(days)
			return y
		}
	case "DECADE":
		return ofDate(func(y, _, _ int64) int64 { return floorQuo(y, 10) })
	case "CENTURY":
		return ofDate(func(y, _, _ int64) int64 { return floorQuo(y+99, 100) })
	}
	return ofDate(func(y, _, _ int64) int64 { return floorQuo(y+999, 1000) })
}
