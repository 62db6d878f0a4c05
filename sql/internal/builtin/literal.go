package builtin

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/sql/internal/expr"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
)

// TemporalLiteral is the value of DATE '…', TIME '…' or TIMESTAMP '…'.
func TemporalLiteral(kind, text string) (*column.Vector, error) {
	switch kind {
	case "DATE":
		if t, err := time.Parse("2006-1-2", text); err == nil {
			v := column.New(row.Of(row.Date).Nullable(false))
			v.AppendI32(int32(t.Unix() / 86400))
			return v, nil
		}
		return nil, fmt.Errorf("%q is no date; write DATE '2024-01-31'", text)
	case "TIME":
		if t, err := time.Parse("15:4:5", text); err == nil {
			v := column.New(row.TimeOf(0).Nullable(false)) // a fraction is lost, as in Flink
			v.AppendI32(int32((t.Hour()*3600 + t.Minute()*60 + t.Second()) * 1000))
			return v, nil
		}
		return nil, fmt.Errorf("%q is no time; write TIME '12:30:00'", text)
	}
	t, err := time.Parse("2006-1-2 15:4:5", text)
	if err != nil {
		t, err = time.Parse("2006-1-2", text)
	}
	_, fraction, _ := strings.Cut(text, ".")
	if err != nil || len(fraction) > 9 {
		return nil, fmt.Errorf("%q is no timestamp; write TIMESTAMP '2024-01-31 12:30:00.123'", text)
	}
	v := column.New(row.TimestampOf(len(fraction)).Nullable(false))
	v.AppendTimestamp(t.UnixMicro(), int32(t.Nanosecond()%1000))
	return v, nil
}

// unitMillis are the lengths of the units of INTERVAL DAY TO SECOND.
var unitMillis = map[string]int64{
	"WEEK": 7 * 86_400_000, "DAY": 86_400_000, "HOUR": 3_600_000, "MINUTE": 60_000, "SECOND": 1000,
}

// unitMonths are those of INTERVAL YEAR TO MONTH.
var unitMonths = map[string]int64{"YEAR": 12, "QUARTER": 3, "MONTH": 1}

// IntervalType is the type of intervals of some units. As in Flink there are two: in months, and in seconds
// with milliseconds, whatever the units in which one is written.
func IntervalType(r ast.Range) *row.Type {
	if unitMonths[r.From] != 0 {
		return &row.Type{Kind: row.IntervalMonth, Unit: "MONTH"}
	}
	return &row.Type{Kind: row.IntervalDay, Precision: 3, Unit: "SECOND(3)"}
}

// IntervalLiteral is the value of INTERVAL '…' units.
func IntervalLiteral(text string, negative bool, r ast.Range) (*column.Vector, error) {
	bad := func() error {
		unit := r.From
		if r.To != "" {
			unit += " TO " + r.To
		}
		return fmt.Errorf("%q is no interval of %s", text, unit)
	}
	s := strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		negative, s = !negative, rest
	} else {
		s = strings.TrimPrefix(s, "+")
	}
	units := map[string]int64{}
	for u, n := range unitMonths {
		units[u] = n
	}
	for u, n := range unitMillis {
		units[u] = n
	}
	total, err := intervalFields(s, r, units)
	if err != nil {
		return nil, bad()
	}
	if negative {
		total = -total
	}
	v := column.New(IntervalType(r).Nullable(false))
	if v.Type.Kind == row.IntervalDay {
		v.AppendI64(total)
		return v, nil
	}
	if total != int64(int32(total)) {
		return nil, bad()
	}
	v.AppendI32(int32(total))
	return v, nil
}

// order are the units from the largest to the smallest, as fields follow each other.
var order = []string{"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"}

// mostInField are the largest numbers of fields behind the first one.
var mostInField = map[string]int64{"MONTH": 11, "HOUR": 23, "MINUTE": 59, "SECOND": 59}

// intervalFields adds the fields of an interval.
func intervalFields(s string, r ast.Range, units map[string]int64) (total int64, err error) {
	wanted := []string{r.From}
	if r.To != "" {
		wanted = nil
		inside := false
		for _, u := range order {
			inside = inside || u == r.From
			if inside {
				wanted = append(wanted, u)
			}
			if u == r.To {
				break
			}
		}
	}
	fields := strings.FieldsFunc(s, func(c rune) bool { return c == '-' || c == ' ' || c == ':' })
	if len(fields) != len(wanted) || len(wanted) == 0 {
		return 0, strconv.ErrSyntax
	}
	for i, f := range fields {
		whole, fraction, hasFraction := strings.Cut(f, ".")
		n, err := strconv.ParseInt(whole, 10, 32)
		if err != nil || n < 0 || hasFraction && (wanted[i] != "SECOND" || fraction == "") {
			return 0, strconv.ErrSyntax
		}
		precision := 2
		if i == 0 && r.Precision >= 0 {
			precision = r.Precision
		}
		if i == 0 && float64(n) >= math.Pow10(precision) || i > 0 && n > mostInField[wanted[i]] {
			return 0, strconv.ErrRange
		}
		total += n * units[wanted[i]]
		if hasFraction {
			millis, err := strconv.ParseInt((fraction + "00")[:3], 10, 32)
			if err != nil {
				return 0, err
			}
			total += millis
		}
	}
	return total, nil
}

// Reads reports whether CAST takes a text as a value of a type.
func Reads(text string, t *row.Type) bool {
	v := column.New(row.StringType().Nullable(false))
	v.AppendString(text)
	x, err := Cast(ast.Span{}, &expr.Literal{Value: v}, t, true)
	if err != nil {
		return false
	}
	out, err := expr.Compile(x).Eval(&expr.Context{Zone: time.UTC}, &column.Batch{N: 1})
	return err == nil && !out.IsNull(0)
}
