package builtin

import (
	"fmt"
	"strconv"
	"strings"
)

// datePattern is a pattern of Java for dates and times: of DateTimeFormatter, or the older SimpleDateFormat,
// as lenient.
type datePattern struct {
	items   []dateItem
	lenient bool
	step    int64 // nanoseconds of a day that all give the same text: 0 to step - 1, and so on
}

// dateItem is a part of a pattern.
type dateItem struct {
	letter byte // 0 for a text, '[' for what may be missing
	n      int  // how often the letter is repeated
	text   string
	pad    int        // width that blanks fill
	inside []dateItem // of '['
	// follows is the number of digits of numbers of a fixed width that follow without anything between:
	// a number of any width leaves so many.
	follows int
}

// zoneLetters are those of a time zone.
const zoneLetters = "zZVOXx"

// parsePattern reads a pattern.
func parsePattern(s string, lenient bool) (*datePattern, error) {
	p := &patternParser{s: s, lenient: lenient}
	items, err := p.items(0)
	if err != nil {
		return nil, err
	}
	if !lenient {
		reserve(items)
	}
	return &datePattern{items, lenient, stepOf(items)}, nil
}

// stepOf is that of the letter that changes most often.
func stepOf(items []dateItem) int64 {
	step := int64(nanosOfDay)
	for _, it := range items {
		switch {
		case it.letter == '[':
			step = min(step, stepOf(it.inside))
		case it.letter == 0 || strings.IndexByte("GuyYQqMLwWdDFEec", it.letter) >= 0:
		case strings.IndexByte("ahHkK", it.letter) >= 0:
			step = min(step, 3600e9)
		case it.letter == 'm':
			step = min(step, 60e9)
		case it.letter == 's':
			step = min(step, 1e9)
		default:
			step = 1
		}
	}
	return step
}

type patternParser struct {
	s       string
	i       int
	lenient bool
}

func (p *patternParser) items(depth int) (items []dateItem, err error) {
	text := func(s string) {
		if n := len(items); n > 0 && items[n-1].letter == 0 {
			items[n-1].text += s
			return
		}
		items = append(items, dateItem{text: s})
	}
	pad := 0
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '\'':
			s, err := p.quoted()
			if err != nil {
				return nil, err
			}
			text(s)
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			n := 1
			for p.i+n < len(p.s) && p.s[p.i+n] == c {
				n++
			}
			p.i += n
			if c == 'p' && !p.lenient {
				pad = n
				continue
			}
			if !p.known(c, n) {
				return nil, fmt.Errorf("%s is no part of a pattern for dates: %q", strings.Repeat(string(c), n), p.s)
			}
			items = append(items, dateItem{letter: c, n: n, pad: pad})
			pad = 0
		case c == '[' && !p.lenient:
			p.i++
			inside, err := p.items(depth + 1)
			if err != nil {
				return nil, err
			}
			items = append(items, dateItem{letter: '[', inside: inside})
		case c == ']' && !p.lenient:
			if p.i++; depth == 0 {
				return nil, fmt.Errorf("the pattern %q has a ] without [", p.s)
			}
			return items, nil
		case strings.IndexByte("{}#", c) >= 0 && !p.lenient:
			return nil, fmt.Errorf("the pattern %q has the reserved character %c", p.s, c)
		default:
			text(p.s[p.i : p.i+1])
			p.i++
		}
	}
	return items, nil
}

// quoted reads a text in quotes; two quotes are one.
func (p *patternParser) quoted() (string, error) {
	if strings.HasPrefix(p.s[p.i:], "''") {
		p.i += 2
		return "'", nil
	}
	var text strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		if p.s[p.i] != '\'' {
			text.WriteByte(p.s[p.i])
			continue
		}
		if p.i++; p.i >= len(p.s) || p.s[p.i] != '\'' {
			return text.String(), nil
		}
		text.WriteByte('\'')
	}
	return "", fmt.Errorf("the pattern %q ends within quotes", p.s)
}

// known reports whether a letter may stand so often.
func (p *patternParser) known(c byte, n int) bool {
	if p.lenient {
		return strings.IndexByte("GyYMLwWDdFEuaHkKhmsSzZX", c) >= 0 && (c != 'X' || n <= 3)
	}
	most := map[byte]int{
		'G': 5, 'u': 19, 'y': 19, 'Y': 19, 'D': 3, 'M': 5, 'L': 5, 'd': 2, 'Q': 5, 'q': 5, 'w': 2, 'W': 1, 'E': 5, 'e': 5, 'c': 5,
		'F': 2, 'a': 1, 'h': 2, 'K': 2, 'k': 2, 'H': 2, 'm': 2, 's': 2, 'S': 9, 'A': 19, 'n': 19, 'N': 19,
		'z': 4, 'Z': 5, 'V': 2, 'O': 4, 'X': 5, 'x': 5,
	}[c]
	return n <= most && (c != 'c' || n != 2)
}

// reserve sets follows.
func reserve(items []dateItem) {
	for i := range items {
		if items[i].letter == '[' {
			reserve(items[i].inside)
			continue
		}
		if least, most, _ := items[i].width(); most > least {
			for _, next := range items[i+1:] {
				n, m, _ := next.width()
				if n == 0 || n != m {
					break
				}
				items[i].follows += n
			}
		}
	}
}

// width is the least and the greatest number of digits of a number, 0 for what is none; with plus, more than
// the least number of digits need a sign.
func (it *dateItem) width() (least, most int, plus bool) {
	switch it.letter {
	case 'u', 'y', 'Y':
		if it.n == 2 {
			return 2, 2, false
		}
		return it.n, 19, it.n >= 4
	case 'M', 'L', 'Q', 'q', 'e', 'c':
		if it.n > 2 {
			return 0, 0, false
		}
		fallthrough
	case 'd', 'h', 'H', 'k', 'K', 'm', 's', 'w', 'W', 'F':
		if it.n == 1 {
			return 1, 19, false
		}
		return 2, 2, false
	case 'D':
		return it.n, max(3, it.n), false
	case 'S':
		return it.n, it.n, false
	case 'A', 'n', 'N':
		return it.n, 19, false
	}
	return 0, 0, false
}

var (
	monthNames = []string{
		"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
	}
	dayNames     = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	quarterNames = []string{"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"}
	halfDays     = []string{"AM", "PM"}
)

// localDate is what a pattern formats.
type localDate struct {
	days, nanos int64
	offset      int64 // of the zone, in seconds
	zone        string
	hasZone     bool
}

// appendTo appends a formatted time. The error is that the pattern wants a zone, and there is none.
func (p *datePattern) appendTo(dst []byte, d *localDate) ([]byte, error) {
	return appendItems(dst, p.items, d, p.lenient)
}

func appendItems(dst []byte, items []dateItem, d *localDate, lenient bool) ([]byte, error) {
	for i := range items {
		it := &items[i]
		begin := len(dst)
		switch {
		case it.letter == 0:
			dst = append(dst, it.text...)
		case it.letter == '[':
			optional, err := appendItems(dst, it.inside, d, lenient)
			if err != nil {
				return nil, err
			}
			dst = optional
		case strings.IndexByte(zoneLetters, it.letter) >= 0:
			if !d.hasZone {
				return nil, fmt.Errorf("the pattern has %c, but the time has no zone", it.letter)
			}
			dst = appendZone(dst, it, d)
		case lenient:
			dst = appendOld(dst, it, d)
		default:
			dst = appendNew(dst, it, d)
		}
		if width := it.pad - (len(dst) - begin); width > 0 {
			dst = append(dst[:begin], append([]byte(strings.Repeat(" ", width)), dst[begin:]...)...)
		}
	}
	return dst, nil
}

// appendNumber appends a number with zeros before it.
func appendNumber(dst []byte, n int64, width int) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	for w, m := 1, n; w < width; w++ {
		if m /= 10; m == 0 {
			dst = append(dst, '0')
		}
	}
	return strconv.AppendInt(dst, n, 10)
}

// appendName appends the name of a number, short or in full.
func appendName(dst []byte, names []string, i int64, n int) []byte {
	switch n {
	case 4:
		return append(dst, names[i]...)
	case 5:
		return append(dst, names[i][:1]...)
	}
	return append(dst, names[i][:3]...)
}

// appendYear appends a year: two digits of it, or all.
func appendYear(dst []byte, y int64, n int) []byte {
	if n == 2 {
		return appendNumber(dst, floorMod(y, 100), 2)
	}
	return appendNumber(dst, y, n)
}

// appendNew appends a field of DateTimeFormatter.
func appendNew(dst []byte, it *dateItem, d *localDate) []byte {
	y, m, day := dateOf(d.days)
	dow := dayOfWeek(d.days)
	switch it.letter {
	case 'G':
		return appendEra(dst, y, it.n)
	case 'y', 'u':
		if it.letter == 'y' && y < 1 {
			y = 1 - y
		}
		if y > 9999 && it.n >= 4 {
			dst = append(dst, '+')
		}
		return appendYear(dst, y, it.n)
	case 'Y':
		y, _ := usWeek(d.days)
		return appendYear(dst, y, it.n)
	case 'w':
		_, w := usWeek(d.days)
		return appendNumber(dst, w, it.n)
	case 'M', 'L':
		if it.n > 2 {
			return appendName(dst, monthNames, m-1, it.n)
		}
		return appendNumber(dst, m, it.n)
	case 'Q', 'q':
		switch it.n {
		case 3:
			return append(dst, 'Q', byte('1'+(m-1)/3))
		case 4:
			return append(dst, quarterNames[(m-1)/3]...)
		case 5:
			return append(dst, byte('1'+(m-1)/3))
		}
		return appendNumber(dst, (m-1)/3+1, it.n)
	case 'E':
		return appendName(dst, dayNames, dow, it.n)
	case 'e', 'c':
		if it.n > 2 {
			return appendName(dst, dayNames, dow, it.n)
		}
		return appendNumber(dst, dow+1, it.n)
	case 'F':
		return appendNumber(dst, (day-1)%7+1, it.n)
	case 'S':
		return appendNumber(dst, d.nanos%1_000_000_000/int64(powers10[9-it.n]), it.n)
	case 'A':
		return appendNumber(dst, d.nanos/1_000_000, it.n)
	case 'n':
		return appendNumber(dst, d.nanos%1_000_000_000, it.n)
	case 'N':
		return appendNumber(dst, d.nanos, it.n)
	}
	return appendCommon(dst, it, d)
}

// appendCommon appends a field that both kinds of patterns have.
func appendCommon(dst []byte, it *dateItem, d *localDate) []byte {
	y, m, day := dateOf(d.days)
	hour := d.nanos / 3_600_000_000_000
	switch it.letter {
	case 'D':
		return appendNumber(dst, d.days-daysOf(y, 1, 1)+1, it.n)
	case 'd':
		return appendNumber(dst, day, it.n)
	case 'W':
		first := daysOf(y, m, 1)
		return appendNumber(dst, (day-1+dayOfWeek(first))/7+1, it.n)
	case 'a':
		return append(dst, halfDays[hour/12]...)
	case 'H':
		return appendNumber(dst, hour, it.n)
	case 'k':
		return appendNumber(dst, (hour+23)%24+1, it.n)
	case 'K':
		return appendNumber(dst, hour%12, it.n)
	case 'h':
		return appendNumber(dst, (hour+11)%12+1, it.n)
	case 'm':
		return appendNumber(dst, d.nanos/60_000_000_000%60, it.n)
	}
	return appendNumber(dst, d.nanos/1_000_000_000%60, it.n) // s
}

// appendOld appends a field of SimpleDateFormat.
func appendOld(dst []byte, it *dateItem, d *localDate) []byte {
	y, m, day := dateOf(d.days)
	switch it.letter {
	case 'G':
		return appendEra(dst, y, 1)
	case 'y':
		if y < 1 {
			y = 1 - y
		}
		return appendYear(dst, y, it.n)
	case 'Y':
		y, _ := usWeek(d.days)
		return appendYear(dst, y, it.n)
	case 'w':
		_, w := usWeek(d.days)
		return appendNumber(dst, w, it.n)
	case 'M', 'L':
		if it.n > 2 {
			return appendName(dst, monthNames, m-1, min(it.n, 4))
		}
		return appendNumber(dst, m, it.n)
	case 'E':
		return appendName(dst, dayNames, dayOfWeek(d.days), min(it.n, 4))
	case 'u':
		return appendNumber(dst, floorMod(d.days+3, 7)+1, it.n)
	case 'F':
		return appendNumber(dst, (day-1)/7+1, it.n)
	case 'S':
		return appendNumber(dst, d.nanos/1_000_000%1000, it.n)
	}
	return appendCommon(dst, it, d)
}

func appendEra(dst []byte, year int64, n int) []byte {
	name, full := "AD", "Anno Domini"
	if year < 1 {
		name, full = "BC", "Before Christ"
	}
	switch n {
	case 4:
		return append(dst, full...)
	case 5:
		return append(dst, name[0])
	}
	return append(dst, name...)
}

// appendZone appends the zone: its name, or its offset.
func appendZone(dst []byte, it *dateItem, d *localDate) []byte {
	if it.letter == 'z' {
		return append(dst, d.zone...)
	}
	if it.letter == 'X' && d.offset == 0 {
		return append(dst, 'Z')
	}
	sign, s := byte('+'), d.offset
	if s < 0 {
		sign, s = '-', -s
	}
	dst = appendNumber(append(dst, sign), s/3600, 2)
	if it.letter == 'X' && it.n == 1 {
		return dst
	}
	if it.letter == 'X' && it.n == 3 {
		dst = append(dst, ':')
	}
	return appendNumber(dst, s/60%60, 2)
}
