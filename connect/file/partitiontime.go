package file

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// partitionTimes are the times that the names of a table's partitions say.
type partitionTimes struct {
	columns []string
	pattern string // of the time; empty for the first column
	format  timeFormat
	zone    *time.Location
}

// of is the time of a partition.
func (p *partitionTimes) of(bucket string) (time.Time, error) {
	text := p.pattern
	for i, dir := range strings.Split(bucket, "/") {
		_, value, _ := strings.Cut(dir, "=")
		value = unescapePath(value)
		if p.pattern == "" {
			text = value
			break
		}
		text = strings.ReplaceAll(text, "$"+p.columns[i], value)
	}
	local, err := p.format.parse(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w; see 'partition.time-extractor.timestamp-pattern' and "+
			"'partition.time-extractor.timestamp-formatter'", err)
	}
	return inZone(local, p.zone), nil
}

// inZone is when the clocks of a zone show what local shows in UTC: the first time if they do twice, and as if they
// had not been put forward if they never do.
func inZone(local time.Time, zone *time.Location) time.Time {
	offset := func(at time.Time) time.Duration {
		_, seconds := at.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	const day = 24 * time.Hour
	before, after := offset(local.Add(-day)), offset(local.Add(day))
	if t := local.Add(-before); offset(t) != before {
		if u := local.Add(-after); offset(u) == after {
			return u
		}
	}
	return local.Add(-before)
}

// timeFormat reads times without a zone.
type timeFormat struct {
	text  string // how the user knows it
	re    *regexp.Regexp
	units []byte // y, M, d, H, m, s or S for each group
	// lenient takes months, days and hours beyond their ends as those that follow.
	lenient bool
}

var defaultTimeFormat = timeFormat{
	text: "yyyy-MM-dd HH:mm:ss", units: []byte("yMdHmsS"), lenient: true,
	re: regexp.MustCompile(`^(-?\d{1,10})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?)?$`),
}

// newTimeFormat reads a pattern of Java's DateTimeFormatter, of numbers.
func newTimeFormat(pattern string) (f timeFormat, err error) {
	f.text = pattern
	var re strings.Builder
	depth := 0
	for rest := pattern; rest != ""; {
		c, n := rest[0], 1
		switch {
		case c == '\'':
			var text string
			if text, n, err = quotedText(rest); err != nil {
				return f, fmt.Errorf("%w in %q", err, pattern)
			}
			re.WriteString(regexp.QuoteMeta(text))
		case c == '[':
			depth++
			re.WriteString("(?:")
		case c == ']' && depth > 0:
			depth--
			re.WriteString(")?")
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			for n < len(rest) && rest[n] == c {
				n++
			}
			digits, ok := digitsOf(c, n)
			if !ok {
				return f, fmt.Errorf("%s in %q: a time is made of yyyy, MM, dd, HH, mm, ss and SSS, and texts in quotes", rest[:n], pattern)
			}
			re.WriteString(digits)
			f.units = append(f.units, map[bool]byte{true: 'y', false: c}[c == 'u'])
		case strings.IndexByte("]{}#", c) >= 0:
			return f, fmt.Errorf("%c in %q has no place there", c, pattern)
		default:
			re.WriteString(regexp.QuoteMeta(rest[:1]))
		}
		rest = rest[n:]
	}
	for _, unit := range "yMd" {
		if strings.Count(string(f.units), string(unit)) != 1 {
			return f, fmt.Errorf("%q has no year, month or day, or has one twice", pattern)
		}
	}
	if depth > 0 {
		return f, fmt.Errorf("%q has a [ that is not closed", pattern)
	}
	f.re, err = regexp.Compile("^" + re.String() + "$")
	return f, err
}

// quotedText is the text in the single quotes that s begins with, and its length with them: two quotes are one.
func quotedText(s string) (text string, n int, err error) {
	if strings.HasPrefix(s, "''") {
		return "'", 2, nil
	}
	for n = 1; n < len(s); n++ {
		if s[n] == '\'' {
			if n+1 == len(s) || s[n+1] != '\'' {
				return text, n + 1, nil
			}
			n++
		}
		text += s[n : n+1]
	}
	return "", 0, errors.New("a quote is not closed")
}

// digitsOf is the expression for a letter that is repeated n times.
func digitsOf(letter byte, n int) (string, bool) {
	switch {
	case (letter == 'y' || letter == 'u') && (n == 2 || n == 4), letter == 'S' && n <= 9:
		return fmt.Sprintf(`(\d{%d})`, n), true
	case strings.IndexByte("MdHms", letter) < 0 || n > 2:
		return "", false
	case n == 2:
		return `(\d{2})`, true
	}
	return `(\d{1,2})`, true
}

// parse reads a time, as one in UTC.
func (f *timeFormat) parse(text string) (time.Time, error) {
	found := f.re.FindStringSubmatch(text)
	if found == nil {
		return time.Time{}, fmt.Errorf("%q is not of the form %s", text, f.text)
	}
	v := map[byte]int{}
	for i, unit := range f.units {
		digits := found[i+1]
		if unit == 'S' {
			digits = (digits + "000000000")[:9]
		}
		v[unit], _ = strconv.Atoi(digits) // the empty text of what may be missing is 0
		if unit == 'y' && len(digits) == 2 && !f.lenient {
			v[unit] += 2000
		}
	}
	if !f.lenient {
		for unit, most := range map[byte]int{'M': 12, 'd': 31, 'H': 23, 'm': 59, 's': 59} {
			if v[unit] > most || v[unit] == 0 && (unit == 'M' || unit == 'd') {
				return time.Time{}, fmt.Errorf("%q has a month, a day or a time that there is not", text)
			}
		}
		// A day that the month has not is its last one, as in Java.
		v['d'] = min(v['d'], time.Date(v['y'], time.Month(v['M'])+1, 0, 0, 0, 0, 0, time.UTC).Day())
	}
	return time.Date(v['y'], time.Month(v['M']), v['d'], v['H'], v['m'], v['s'], v['S'], time.UTC), nil
}
