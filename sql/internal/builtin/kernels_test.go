package builtin

import (
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// The calendar agrees with that of package time, before 1970 too.
func TestCalendar(t *testing.T) {
	for days := int64(-800_000); days < 800_000; days += 7*53 + 1 {
		want := time.Unix(days*86400, 0).UTC()
		y, m, d := dateOf(days)
		if int(y) != want.Year() || m != int64(want.Month()) || int(d) != want.Day() || daysOf(y, m, d) != days {
			t.Fatalf("day %d is %d-%d-%d, want %s", days, y, m, d, want)
		}
		year, week := isoWeek(days)
		if wy, ww := want.ISOWeek(); int(year) != wy || int(week) != ww || dayOfWeek(days) != int64(want.Weekday()) {
			t.Fatalf("%s is in week %d of %d, on day %d", want, week, year, dayOfWeek(days))
		}
	}
}

// A clock in a zone shows what it should, at each hour around the changes of the clock.
func TestLocalTimes(t *testing.T) {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	local := func(s string) int64 {
		x, err := time.Parse(time.DateTime, s)
		if err != nil {
			t.Fatal(err)
		}
		return x.UnixMicro()
	}
	for hour := range int64(24 * 366) {
		at := local("2024-01-01 00:00:00") + hour*3_600_000_000
		if back := fromLocal(zone, toLocal(zone, at), false); back != at && back != at-3_600_000_000 {
			t.Fatalf("hour %d of the year comes back %d µs off", hour, back-at)
		}
	}
	for _, c := range []struct {
		local string
		later bool
		want  string // in UTC
	}{
		{"2024-03-10 02:30:00", false, "2024-03-10 10:30:00"}, // is skipped
		{"2024-03-10 02:30:00", true, "2024-03-10 10:30:00"},
		{"2024-11-03 01:30:00", false, "2024-11-03 08:30:00"}, // comes twice
		{"2024-11-03 01:30:00", true, "2024-11-03 09:30:00"},
		{"2024-07-01 00:00:00", true, "2024-07-01 07:00:00"},
	} {
		if got := time.UnixMicro(fromLocal(zone, local(c.local), c.later)).UTC().Format(time.DateTime); got != c.want {
			t.Errorf("%s, later %v, is %s, want %s", c.local, c.later, got, c.want)
		}
	}
}

// Kernels of times and numbers do not allocate for each row.
func TestKernelsDoNotAllocate(t *testing.T) {
	const n = 1000
	ts, text, x := column.New(row.TimestampOf(3)), column.New(row.StringType()), column.New(row.Of(row.Double))
	for i := range n {
		ts.AppendTimestamp(int64(i)*1_000_000_007, 0)
		text.AppendString("2024-02-29 12:34:56")
		x.AppendF64(float64(i) / 8)
	}
	in := func(i int, v *column.Vector) expr.Expr { return &expr.Input{Index: i, T: v.Type} }
	literal := func(s string) expr.Expr {
		v := column.New(row.StringType().Nullable(false))
		v.AppendString(s)
		return &expr.Literal{Value: v}
	}
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	c := &expr.Context{Zone: zone, Now: time.Unix(0, 0)}
	b := &column.Batch{N: n, Cols: []*column.Vector{ts, text, x}}
	for name, args := range map[string][]expr.Expr{
		"YEAR": {in(0, ts)}, "DATE_FORMAT": {in(0, ts), literal("yyyy-MM-dd'T'HH:mm:ss.SSS EEE")}, "TO_TIMESTAMP": {in(1, text)},
		"UNIX_TIMESTAMP": {in(1, text)}, "ROUND": {in(2, x)}, "CONVERT_TZ": {in(1, text), literal("UTC"), literal("Asia/Tokyo")},
		"ARRAY": {in(2, x), in(2, x)}, "GREATEST": {in(2, x), in(2, x)},
	} {
		call, err := Lookup(name).Call(in(0, ts).Extent(), args)
		if err != nil {
			t.Fatal(err)
		}
		p := expr.Compile(call)
		eval := func() {
			if _, err := p.Eval(c, b); err != nil {
				t.Fatal(err)
			}
		}
		eval()
		if got := testing.AllocsPerRun(5, eval); got > n/10 {
			t.Errorf("%s allocates %.0f times for %d rows", name, got, n)
		}
	}
}
