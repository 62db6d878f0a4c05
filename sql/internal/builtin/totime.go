package builtin

import (
	"bytes"
	"math"
	"strings"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

const unixFormat = "yyyy-MM-dd HH:mm:ss"

func init() {
	pattern := Arg{"pattern", Text, true}
	instant := Is(row.TimestampLTZOf(3))
	add("temporal",
		&Def{
			Func:  expr.Func{Name: "DATE_FORMAT", Strict: true, Compile: dateFormatKernel},
			Typed: true,
			Doc: "A timestamp as a text, by a pattern of Java's DateTimeFormatter: DATE_FORMAT(ts, 'yyyy-MM-dd'). A text is read " +
				"as yyyy-MM-dd HH:mm:ss first, and NULL if it is none.",
			Args: []Arg{{"t", timestampOrText, false}, {"pattern", Text, false}}, Result: isString, Nullable: true,
		},
		&Def{
			Func:  expr.Func{Name: "TO_DATE", Strict: true, Compile: toDateKernel},
			Typed: true,
			Doc: "The date of a text, by a pattern of Java's SimpleDateFormat, else as yyyy-MM-dd; NULL if it is none. With a " +
				"pattern the days that a month does not have count on into the next.",
			Args: []Arg{{"s", Text, false}, pattern}, Result: Is(row.Of(row.Date)), Nullable: true,
		},
		&Def{
			Func:  expr.Func{Name: "TO_TIMESTAMP", Strict: true, Compile: toTimestampKernel},
			Typed: true,
			Doc: "The timestamp of a text, by a pattern of Java's DateTimeFormatter, else as yyyy-MM-dd HH:mm:ss with a fraction " +
				"or a date alone; NULL if it is none. A day that the month does not have is its last one.",
			Args: []Arg{{"s", Text, false}, pattern}, Result: Is(row.TimestampOf(3)), Nullable: true,
		},
		&Def{
			Func:  expr.Func{Name: "TO_TIMESTAMP_LTZ", Strict: true, Compile: toInstantKernel},
			Typed: true,
			Doc: "The point in time of a number of milliseconds since 1970, or with 0 as the second argument of seconds; or of a " +
				"text, by a pattern and in a zone, else in UTC.",
			Args:     []Arg{{"x", numberOrText, false}, {"precision or pattern", numberOrText, true}, {"zone", Text, true}},
			Check:    checkToInstant,
			Result:   instant,
			Nullable: true,
		},
		&Def{
			Func:  expr.Func{Name: "FROM_UNIXTIME", Strict: true, Compile: fromUnixKernel},
			Typed: true,
			Doc: "A number of seconds since 1970 as a text in the session's time zone, by a pattern of Java's SimpleDateFormat, " +
				"else as yyyy-MM-dd HH:mm:ss.",
			Args: []Arg{{"seconds", integerAsItIs, false}, pattern}, Result: isString, Nullable: true,
		},
		&Def{
			Func:  expr.Func{Name: "UNIX_TIMESTAMP", Strict: true, Compile: unixKernel, Volatile: true},
			Typed: true,
			Doc: "The seconds since 1970: now, or of a text in the session's time zone, by a pattern of Java's SimpleDateFormat, " +
				"else as yyyy-MM-dd HH:mm:ss. A text that is no time gives the smallest BIGINT.",
			Args: []Arg{{"s", Text, true}, pattern}, Result: isBigInt,
		},
		&Def{
			Func:  expr.Func{Name: "CONVERT_TZ", Strict: true, Compile: convertKernel},
			Typed: true,
			Doc: "The time yyyy-MM-dd HH:mm:ss of a zone as that of another zone; NULL if the text is none. Zones are those of the IANA, " +
				"some of three letters, and GMT+8; others are UTC.",
			Args:   []Arg{{"s", Text, false}, {"from", Text, false}, {"to", Text, false}},
			Result: isString, Nullable: true,
		},
	)
}

var (
	timestampOrText = Class{"<TIMESTAMP> or <CHARACTER>", func(t *row.Type) bool { return t.IsTimestamp() || t.IsText() }, stay}
	numberOrText    = Class{"<NUMERIC> or <CHARACTER>", func(t *row.Type) bool { return t.IsNumeric() || t.IsText() }, stay}
	integerAsItIs   = Class{"<INTEGER>", (*row.Type).IsInteger, stay}
)

// patternOf gives the pattern of argument i for a row. That of a constant is read once, others when they change;
// without the argument it is the default.
func patternOf(c *expr.Call, i int, lenient bool, otherwise string) func(args []*column.Vector, row int) (*datePattern, error) {
	last, err := parsePattern(otherwise, lenient)
	if i >= len(c.Args) {
		return func([]*column.Vector, int) (*datePattern, error) { return last, err }
	}
	text := otherwise
	return func(args []*column.Vector, row int) (*datePattern, error) {
		if s := args[i].Bytes(row); string(s) != text {
			text = string(s)
			last, err = parsePattern(text, lenient)
		}
		return last, err
	}
}

func mustFormat(dst []byte, p *datePattern, i int, d *localDate) []byte {
	dst, err := p.appendTo(dst, d)
	if err != nil {
		expr.Fail(i, "%s", err)
	}
	return dst
}

func mustPattern(p *datePattern, err error, i int) *datePattern {
	if err != nil {
		expr.Fail(i, "%s", err)
	}
	return p
}

func dateFormatKernel(c *expr.Call) expr.Kernel {
	isText := c.Args[0].Type().IsText()
	from, _ := parsePattern(unixFormat, true)
	pattern := patternOf(c, 1, isText, "")
	var last formatted
	return appends(func(c *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		p, err := pattern(args, i)
		mustPattern(p, err, i)
		var d localDate
		if isText {
			f, ok := from.parse(args[0].Bytes(i), int64(c.Now.Year()))
			if !ok {
				return false
			}
			d.days, d.nanos, _ = f.local(true)
			d.hasZone, d.zone = true, "UTC"
		} else {
			d.days, d.nanos = clockTime(c, args[0], i)
			if last.is(p, &d) {
				out.Data = append(out.Data, last.text...)
				return true
			}
		}
		from := len(out.Data)
		out.Data = mustFormat(out.Data, p, i, &d)
		if !isText {
			last.set(p, &d, out.Data[from:])
		}
		return true
	})(c)
}

// formatted is a text that a pattern has given, which times close by have in common: rows often come in the order of time.
type formatted struct {
	by         *datePattern
	days, slot int64
	text       []byte
}

func (f *formatted) is(p *datePattern, d *localDate) bool {
	return f.by == p && f.days == d.days && f.slot == d.nanos/p.step
}

func (f *formatted) set(p *datePattern, d *localDate, text []byte) {
	f.by, f.days, f.slot, f.text = p, d.days, d.nanos/p.step, append(f.text[:0], text...)
}

func toDateKernel(c *expr.Call) expr.Kernel {
	if len(c.Args) == 1 {
		return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
			days, o := parseDate(strings.TrimSpace(string(args[0].Bytes(i))))
			out.I32[i] = days
			return o == castOK
		})(c)
	}
	pattern := patternOf(c, 1, true, "")
	return rows(func(c *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		p, err := pattern(args, i)
		f, ok := mustPattern(p, err, i).parse(args[0].Bytes(i), int64(c.Now.Year()))
		out.I32[i] = int32(floorQuo(f.instant(time.UTC), dayMicros))
		return ok
	})(c)
}

// micros are the microseconds of fields of a pattern that is not lenient.
func (f *dateFields) micros() (micros int64, ok bool) {
	days, nanos, ok := f.local(false)
	return days*dayMicros + nanos/1000, ok
}

// parseByPattern reads a timestamp by a pattern. What does not match may still be yyyy-MM-dd HH:mm:ss, or a
// date, as Flink has it.
func parseByPattern(p *datePattern, s []byte) (micros int64, ok bool) {
	if f, ok := p.parse(s, 0); ok {
		if micros, ok := f.micros(); ok {
			return micros, true
		}
	}
	return parseLoosely(string(bytes.TrimSpace(s)))
}

// parseLoosely reads a date, or yyyy-MM-dd HH:mm:ss with a fraction of it. Days, hours and so on that are too many
// count on.
func parseLoosely(s string) (micros int64, ok bool) {
	date, clock, hasTime := strings.Cut(s, " ")
	y, rest, ok1 := digitsThen(date, 4, 4, '-')
	m, rest, ok2 := digitsThen(rest, 1, 2, '-')
	d, rest, ok3 := digitsThen(rest, 1, 2, 0)
	if !ok1 || !ok2 || !ok3 || rest != "" || m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, false
	}
	micros = daysOf(int64(y), int64(m), int64(d)) * dayMicros
	if !hasTime {
		return micros, true
	}
	clock, fraction, point := strings.Cut(clock, ".")
	h, rest, ok1 := digitsThen(clock, 1, 9, ':')
	mi, rest, ok2 := digitsThen(rest, 1, 9, ':')
	sec, rest, ok3 := digitsThen(rest, 1, 9, 0)
	f, more, ok4 := digitsThen(fraction, 1, 9, 0)
	if !ok1 || !ok2 || !ok3 || rest != "" || point && (!ok4 || more != "") {
		return 0, false
	}
	seconds := (int64(h)*60+int64(mi))*60 + int64(sec)
	return micros + seconds*1_000_000 + int64(f)*int64(powers10[9-len(fraction)])/1000, true
}

func toTimestampKernel(c *expr.Call) expr.Kernel {
	pattern := patternOf(c, 1, false, "")
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		var micros int64
		var ok bool
		if len(args) == 1 {
			var o outcome
			micros, _, o = parseTimestamp(string(args[0].Bytes(i)))
			ok = o == castOK
		} else if p, err := pattern(args, i); err == nil {
			micros, ok = parseByPattern(p, args[0].Bytes(i))
		}
		setTimestamp(out, i, micros, 0)
		return ok
	})(c)
}

// The first and the last point in time that TO_TIMESTAMP_LTZ knows, in milliseconds: of the years 1 and 9999.
const (
	minInstant = -62_135_596_800_000
	maxInstant = 253_402_300_799_999
)

func checkToInstant(args []expr.Expr) error {
	d := Lookup("TO_TIMESTAMP_LTZ")
	isText := args[0].Type().IsText()
	switch {
	case len(args) > 1 && isText != args[1].Type().IsText() && args[1].Type().Kind != row.Null && args[0].Type().Kind != row.Null,
		len(args) > 2 && !isText, len(args) == 2 && !isText && !args[1].Type().IsInteger():
		return d.mismatch(args)
	}
	return nil
}

func toInstantKernel(c *expr.Call) expr.Kernel {
	if c.Args[0].Type().IsText() {
		return textToInstant(c)
	}
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		precision := int64(3)
		if len(args) > 1 {
			precision = wholeAt(args[1], i)
		}
		scale := int64(1)
		switch precision {
		case 0:
			scale = 1000
		case 3:
		default:
			expr.Fail(i, "the precision of TO_TIMESTAMP_LTZ is 0 (seconds) or 3 (milliseconds), not %d", precision)
		}
		var millis float64
		if v := args[0]; v.Type.IsApproximate() {
			millis = math.Trunc(floatOf(v, i) * float64(scale))
		} else {
			millis = math.Trunc(floatOf(v, i)) * float64(scale)
		}
		if !(millis >= minInstant && millis <= maxInstant) {
			return false
		}
		setTimestamp(out, i, int64(millis)*1000, 0)
		return true
	})(c)
}

func textToInstant(c *expr.Call) expr.Kernel {
	pattern := patternOf(c, 1, false, "")
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		s := args[0].Bytes(i)
		if len(args) == 1 {
			micros, _, o := parseTimestamp(string(s))
			if o != castOK {
				expr.Fail(i, "%q is no timestamp; with a pattern TO_TIMESTAMP_LTZ gives NULL for it", s)
			}
			setTimestamp(out, i, micros, 0)
			return true
		}
		p, err := pattern(args, i)
		if err != nil {
			return false
		}
		micros, ok := parseByPattern(p, s)
		if ok && len(args) > 2 {
			var zone *time.Location
			if zone, ok = zoneID(string(args[2].Bytes(i))); ok {
				micros = fromLocal(zone, micros, false)
			}
		}
		setTimestamp(out, i, micros, 0)
		return ok
	})(c)
}

// dateIn is what a clock in a zone shows.
func dateIn(zone *time.Location, micros int64) localDate {
	if zone == nil {
		zone = time.UTC
	}
	d := localDate{hasZone: true, offset: offsetAt(zone, micros) / 1_000_000}
	d.zone, _ = time.UnixMicro(micros).In(zone).Zone()
	local := micros + d.offset*1_000_000
	d.days = floorQuo(local, dayMicros)
	d.nanos = floorMod(local, dayMicros) * 1000
	return d
}

func fromUnixKernel(c *expr.Call) expr.Kernel {
	pattern := patternOf(c, 1, true, unixFormat)
	return appends(func(c *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		p, err := pattern(args, i)
		mustPattern(p, err, i)
		d := dateIn(c.Zone, wholeAt(args[0], i)*1_000_000)
		out.Data = mustFormat(out.Data, p, i, &d)
		return true
	})(c)
}

func unixKernel(c *expr.Call) expr.Kernel {
	pattern := patternOf(c, 1, true, unixFormat)
	return rows(func(c *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		if len(args) == 0 {
			out.I64[i] = c.Now.Unix()
			return true
		}
		p, err := pattern(args, i)
		out.I64[i] = math.MinInt64
		if f, ok := mustPattern(p, err, i).parse(args[0].Bytes(i), int64(c.Now.Year())); ok {
			out.I64[i] = f.instant(c.Zone) / 1_000_000
		}
		return true
	})(c)
}

// lastZone is timeZone, and keeps the last zone.
func lastZone() func(name []byte) *time.Location {
	last, zone := "", time.UTC
	return func(name []byte) *time.Location {
		if string(name) != last {
			last = string(name)
			zone = timeZone(last)
		}
		return zone
	}
}

func convertKernel(c *expr.Call) expr.Kernel {
	pattern, _ := parsePattern(unixFormat, true)
	from, to := lastZone(), lastZone()
	return appends(func(c *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		f, ok := pattern.parse(args[0].Bytes(i), int64(c.Now.Year()))
		if !ok {
			return false
		}
		micros := f.instant(from(args[1].Bytes(i)))
		d := dateIn(to(args[2].Bytes(i)), micros)
		out.Data = mustFormat(out.Data, pattern, i, &d)
		return true
	})(c)
}
