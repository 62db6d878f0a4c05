package builtin

import (
	"fmt"
	"time"

	"github.com/flott-dev/flott/sql/internal/expr"
)

const (
	dayMillis  = 86_400_000
	dayMicros  = dayMillis * 1000
	hourMillis = 3_600_000
)

// floorDiv is x / y, rounded down, and what is left.
func floorDiv(x, y int64) (q, r int64) {
	q, r = x/y, x%y
	if r < 0 {
		q--
		r += y
	}
	return q, r
}

// localMicros is the time of the session's zone, as a timestamp without zone, at a point in time.
func localMicros(c *expr.Context, micros int64) int64 { return toLocal(c.Zone, micros) }

// instantMicros is the point in time that a timestamp without zone is in the session's zone. A time that a
// change of the clock skips is shifted forward; of two, the earlier is taken.
func instantMicros(c *expr.Context, local int64) int64 { return fromLocal(c.Zone, local, false) }

func appendDate(dst []byte, days int64) []byte {
	t := time.Unix(days*86400, 0).UTC()
	return fmt.Appendf(dst, "%04d-%02d-%02d", t.Year(), t.Month(), t.Day())
}

// appendTime appends a time of day of nanoseconds.
func appendTime(dst []byte, n int64, precision int) []byte {
	dst = fmt.Appendf(dst, "%02d:%02d:%02d", n/3_600_000_000_000, n/60_000_000_000%60, n/1_000_000_000%60)
	if precision > 0 {
		dst = append(dst, '.')
		dst = append(dst, fmt.Sprintf("%09d", n%1_000_000_000)[:precision]...)
	}
	return dst
}

func appendTimestamp(dst []byte, micros int64, nanos int32, precision int) []byte {
	days, rest := floorDiv(micros, dayMicros)
	dst = append(appendDate(dst, days), ' ')
	return appendTime(dst, rest*1000+int64(nanos), precision)
}
