package builtin

import (
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// castTemporal casts dates, times and timestamps to each other, nil if that is not possible. Fractions are cut off, never
// rounded.
func castTemporal(from, to *row.Type) caster {
	if from.Kind == row.Date && to.Kind == row.Time || from.Kind == row.Time && to.Kind == row.Date {
		return nil
	}
	return func(c *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
		micros, n := localTime(c, in, i)
		switch to.Kind {
		case row.Date:
			days, _ := floorDiv(micros, dayMicros)
			out.I32[i] = int32(days)
		case row.Time:
			_, rest := floorDiv(micros, dayMicros)
			out.I32[i] = int32(rest / 1_000_000 * 1000)
		case row.Timestamp:
			setTimestamp(out, i, micros, n)
		case row.TimestampLTZ:
			if from.Kind == row.TimestampLTZ {
				micros = in.I64[i]
			} else {
				micros = instantMicros(c, micros)
			}
			setTimestamp(out, i, micros, n)
		}
		return castOK
	}
}

// localTime is a value as a timestamp without zone, in the zone of the session.
func localTime(c *expr.Context, v *column.Vector, i int) (micros int64, n int32) {
	switch v.Type.Kind {
	case row.Date:
		return int64(v.I32[i]) * dayMicros, 0
	case row.Time:
		return int64(v.I32[i]) * 1000, 0
	case row.TimestampLTZ:
		return localMicros(c, v.I64[i]), nanos(v, i)
	}
	return v.I64[i], nanos(v, i)
}

// setTimestamp sets value i, cut off to the precision of the type.
func setTimestamp(out *column.Vector, i int, micros int64, n int32) {
	if p := out.Type.Precision; p < 6 {
		unit := int64(1)
		for range 6 - p {
			unit *= 10
		}
		_, rest := floorDiv(micros, unit)
		micros -= rest
	} else if p > 6 {
		for ; p < 9; p++ {
			n = n / 10
		}
		for p = out.Type.Precision; p < 9; p++ {
			n *= 10
		}
		out.Nanos[i] = n
	}
	out.I64[i] = micros
}

// parseDate reads a date of which the day, or the month too, may be missing. A time behind it is cut off.
func parseDate(s string) (days int32, o outcome) {
	if at := strings.IndexByte(s, ' '); at > 0 {
		s = s[:at]
	}
	parts := strings.SplitN(s, "-", 3)
	ymd := [3]int{0, 1, 1}
	for k, p := range parts {
		n, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil || n < 0 {
			return 0, castBad
		}
		ymd[k] = n
	}
	t := time.Date(ymd[0], time.Month(ymd[1]), ymd[2], 0, 0, 0, 0, time.UTC)
	if ymd[0] > 9999 || t.Year() != ymd[0] || int(t.Month()) != ymd[1] || t.Day() != ymd[2] {
		return 0, castBad
	}
	d, _ := floorDiv(t.Unix(), 86400)
	return int32(d), castOK
}

// parseTime reads hours, minutes and seconds; a fraction is cut off.
func parseTime(s string) (millis int32, o outcome) {
	s = strings.TrimSpace(s)
	if at := strings.IndexByte(s, ' '); at > 0 { // behind a date
		if _, o := parseDate(s[:at]); o != castOK {
			return 0, castBad
		}
		s = s[at+1:]
	}
	s, _, _ = strings.Cut(s, ".")
	hms := [3]int{}
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return 0, castBad
	}
	for k, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return 0, castBad
		}
		hms[k] = n
	}
	if hms[0] > 23 || hms[1] > 59 || hms[2] > 59 {
		return 0, castBad
	}
	return int32(hms[0]*3_600_000 + hms[1]*60_000 + hms[2]*1000), castOK
}

// parseTimestamp reads a date and a time, of which the time may be missing. A day that its month does not have is
// the last one, and hour 24 the first of the next day.
func parseTimestamp(s string) (micros int64, n int32, o outcome) {
	date, clock, hasTime := strings.Cut(s, " ")
	y, rest, ok1 := digitsThen(date, 4, 4, '-')
	m, rest, ok2 := digitsThen(rest, 1, 2, '-')
	d, rest, ok3 := digitsThen(rest, 1, 2, 0)
	if !ok1 || !ok2 || !ok3 || rest != "" || m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, 0, castBad
	}
	last := time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	micros = time.Date(y, time.Month(m), min(d, last), 0, 0, 0, 0, time.UTC).UnixMicro()
	if !hasTime {
		return micros, 0, castOK
	}
	clock, fraction, point := strings.Cut(clock, ".")
	h, rest, ok1 := digitsThen(clock, 1, 2, ':')
	mi, rest, ok2 := digitsThen(rest, 1, 2, ':')
	sec, rest, ok3 := digitsThen(rest, 1, 2, 0)
	if !ok1 || !ok2 || !ok3 || rest != "" || h > 24 || mi > 59 || sec > 59 || h == 24 && mi+sec > 0 {
		return 0, 0, castBad
	}
	nanosOfSecond := 0
	if point {
		f, rest, ok := digitsThen(fraction, 1, 9, 0)
		if !ok || rest != "" || h == 24 && f > 0 {
			return 0, 0, castBad
		}
		for range 9 - len(fraction) {
			f *= 10
		}
		nanosOfSecond = f
	}
	micros += int64(h*3600+mi*60+sec)*1_000_000 + int64(nanosOfSecond/1000)
	return micros, int32(nanosOfSecond % 1000), castOK
}

// digitsThen reads a number of some digits, and the character behind it unless that is 0.
func digitsThen(s string, least, most int, then byte) (n int, rest string, ok bool) {
	k := 0
	for k < len(s) && k < most && s[k] >= '0' && s[k] <= '9' {
		n = n*10 + int(s[k]-'0')
		k++
	}
	if k < least {
		return 0, s, false
	}
	if then == 0 {
		return n, s[k:], true
	}
	if k == len(s) || s[k] != then {
		return 0, s, false
	}
	return n, s[k+1:], true
}
