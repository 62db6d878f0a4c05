package builtin

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// unitNanos are the lengths of units of the clock.
var unitNanos = map[string]int64{
	"DAY": nanosOfDay, "HOUR": 3_600_000_000_000, "MINUTE": 60_000_000_000, "SECOND": 1_000_000_000, "MILLISECOND": 1_000_000,
}

// floorUnits are what a date can be rounded to.
var floorUnits = []string{"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DECADE", "CENTURY", "MILLENNIUM"}

// inferTimeFloor infers FLOOR(t TO unit) and CEIL(t TO unit).
func inferTimeFloor(name string, args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	t, unit := args[0].Type(), unitOf(args[1])
	if !t.IsTemporal() || !Symbol.Has(args[1].Type()) {
		return nil, nil, fmt.Errorf("%s takes a number, or a time and a unit: %s(t TO DAY); not %s", name, name, t.Nullable(true).SQL())
	}
	if unitNanos[unit] == 0 && !slices.Contains(floorUnits, unit) {
		return nil, nil, fmt.Errorf("%s does not round to %s", name, unit)
	}
	return args, t.Computed(), nil
}

func timeFloorKernel(up bool, c *expr.Call) expr.Kernel {
	unit := unitOf(c.Args[1])
	length := unitNanos[unit]
	isDay := length == 0 || unit == "DAY"
	return rows(func(c *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		v := args[0]
		kind := v.Type.Kind
		if kind == row.Date && length != 0 || kind == row.Time && isDay {
			out.I32[i] = v.I32[i] // it has nothing that is less, or more
			return true
		}
		days, ofDay := clockTime(c, v, i)
		if length == 0 {
			days, ofDay = roundDate(unit, up, days, ofDay), 0
		} else {
			days, ofDay = roundClock(length, up, days, ofDay)
		}
		switch kind {
		case row.Date:
			out.I32[i] = int32(days)
		case row.Time:
			out.I32[i] = int32(ofDay / 1_000_000)
		case row.TimestampLTZ:
			setTimestamp(out, i, instantMicros(c, days*dayMicros+ofDay/1000), 0)
		default:
			setTimestamp(out, i, days*dayMicros+ofDay/1000, 0)
		}
		return true
	})(nil)
}

// roundClock rounds the nanoseconds of a day down, or up, to a length. What is a day more goes to the days.
func roundClock(length int64, up bool, days, ofDay int64) (int64, int64) {
	rest := ofDay % length
	ofDay -= rest
	if up && rest > 0 {
		ofDay += length
	}
	return days + ofDay/nanosOfDay, ofDay % nanosOfDay
}

// roundDate rounds a day down to a unit, or up, if it is not the beginning of one.
func roundDate(unit string, up bool, days, ofDay int64) int64 {
	first := floorDate(unit, days, 0)
	if up && (first < days || ofDay > 0) {
		return floorDate(unit, days, 1)
	}
	return first
}

// floorDate is the first day of the unit that a day is in, or of that n units later.
func floorDate(unit string, days, n int64) int64 {
	y, m, _ := dateOf(days)
	switch unit {
	case "WEEK":
		return days - dayOfWeek(days) + 7*n
	case "MONTH":
		return daysOf(y, m+n, 1)
	case "QUARTER":
		return daysOf(y, m-(m-1)%3+3*n, 1)
	case "DECADE":
		return daysOf(floorQuo(y, 10)*10+10*n, 1, 1)
	case "CENTURY":
		return daysOf(floorQuo(y-1, 100)*100+1+100*n, 1, 1)
	case "MILLENNIUM":
		return daysOf(floorQuo(y-1, 1000)*1000+1+1000*n, 1, 1)
	}
	return daysOf(y+n, 1, 1)
}
