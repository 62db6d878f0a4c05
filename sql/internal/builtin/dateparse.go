package builtin

import (
	"bytes"
	"strings"
	"time"
)

// The fields that a text can have.
const (
	fEra = iota // 0 for BC
	fYear
	fYearOfEra
	fWeekYear
	fWeek
	fMonth
	fDay
	fDayOfYear
	fDayOfWeek // 1 is Sunday
	fHour
	fHalf // 0 for AM, 1 for PM
	fHour12
	fMinute
	fSecond
	fNano
	fNanoOfDay
	fOffset // of the zone, in seconds
	fields
)

// dateFields are the fields of a text.
type dateFields struct {
	has  uint32
	v    [fields]int64
	zone *time.Location
}

func (f *dateFields) is(fields ...int) bool {
	for _, i := range fields {
		if f.has&(1<<i) == 0 {
			return false
		}
	}
	return true
}

// or is a field, or what it is if it is missing.
func (f *dateFields) or(i int, otherwise int64) int64 {
	if f.is(i) {
		return f.v[i]
	}
	return otherwise
}

// set sets a field; it is false if it has another value.
func (f *dateFields) set(i int, x int64) bool {
	if f.is(i) && f.v[i] != x {
		return false
	}
	f.has |= 1 << i
	f.v[i] = x
	return true
}

// parse reads the fields of a text. A lenient pattern ignores what follows in the text; year is the current
// one, for its years of two digits.
func (p *datePattern) parse(s []byte, year int64) (f dateFields, ok bool) {
	if p.lenient {
		_, ok = parseOld(p.items, s, &f, year)
		return f, ok
	}
	pos, ok := parseNew(p.items, s, 0, &f)
	return f, ok && pos == len(s)
}

// parseNew reads as DateTimeFormatter does.
func parseNew(items []dateItem, s []byte, pos int, f *dateFields) (end int, ok bool) {
	for i := range items {
		it := &items[i]
		switch {
		case it.letter == 0:
			if !bytes.HasPrefix(s[pos:], []byte(it.text)) {
				return 0, false
			}
			pos += len(it.text)
		case it.letter == '[':
			g := *f
			if end, ok := parseNew(it.inside, s, pos, &g); ok {
				pos, *f = end, g
			}
		case strings.IndexByte(zoneLetters, it.letter) >= 0:
			n := parseZone(s[pos:], f)
			if n == 0 {
				return 0, false
			}
			pos += n
		default:
			for it.pad > 0 && pos < len(s) && s[pos] == ' ' {
				pos++
			}
			if pos, ok = it.parseNew(s, pos, f); !ok {
				return 0, false
			}
		}
	}
	return pos, true
}

// parseNew reads a field.
func (it *dateItem) parseNew(s []byte, pos int, f *dateFields) (end int, ok bool) {
	least, most, plus := it.width()
	if least == 0 {
		i, n := it.name(s[pos:], false)
		return pos + n, n > 0 && f.set(nameFields[it.letter], i)
	}
	begin, sign := pos, int64(1)
	if least != most && pos < len(s) && (s[pos] == '-' && it.letter != 'D' || s[pos] == '+' && plus) {
		if s[pos] == '-' {
			sign = -1
		}
		pos++
	}
	n := 0
	for n < most+it.follows && n < 19 && pos+n < len(s) && s[pos+n] >= '0' && s[pos+n] <= '9' {
		n++
	}
	n = min(max(least, n-it.follows), n, most)
	hasPlus := pos > begin && sign == 1
	if n < least || plus && (hasPlus && n <= least || !hasPlus && sign == 1 && n > least) {
		return 0, false
	}
	x := int64(0)
	for _, c := range s[pos : pos+n] {
		x = x*10 + int64(c-'0')
	}
	return pos + n, it.setNew(sign*x, n, f)
}

// setNew sets the field of a number.
func (it *dateItem) setNew(x int64, digits int, f *dateFields) bool {
	within := func(low, high int64) bool { return x >= low && x <= high }
	switch it.letter {
	case 'u', 'y', 'Y':
		if it.n == 2 {
			x += 2000
		}
		if it.letter == 'y' {
			return x > 0 && f.set(fYearOfEra, x)
		}
		if it.letter == 'Y' {
			return f.set(fWeekYear, x)
		}
		return f.set(fYear, x)
	case 'M', 'L':
		return within(1, 12) && f.set(fMonth, x)
	case 'd':
		return within(1, 31) && f.set(fDay, x)
	case 'D':
		return within(1, 366) && f.set(fDayOfYear, x)
	case 'w':
		return within(1, 53) && f.set(fWeek, x)
	case 'e', 'c':
		return within(1, 7) && f.set(fDayOfWeek, x)
	case 'H':
		return within(0, 24) && f.set(fHour, x)
	case 'k':
		return within(1, 24) && f.set(fHour, x%24)
	case 'h':
		return within(1, 12) && f.set(fHour12, x%12)
	case 'K':
		return within(0, 11) && f.set(fHour12, x)
	case 'm':
		return within(0, 59) && f.set(fMinute, x)
	case 's':
		return within(0, 59) && f.set(fSecond, x)
	case 'S':
		return f.set(fNano, x*int64(powers10[9-digits]))
	case 'n':
		return within(0, 999_999_999) && f.set(fNano, x)
	case 'A':
		return within(0, dayMillis-1) && f.set(fNanoOfDay, x*1_000_000)
	case 'N':
		return within(0, nanosOfDay-1) && f.set(fNanoOfDay, x)
	}
	return true // what says nothing of the date: Q, W, F
}

// nameFields are the fields of names.
var nameFields = map[byte]int{'M': fMonth, 'L': fMonth, 'E': fDayOfWeek, 'e': fDayOfWeek, 'c': fDayOfWeek, 'a': fHalf, 'G': fEra}

// name reads a name, and returns its number and length. Lenient ones are short or long in any case.
func (it *dateItem) name(s []byte, lenient bool) (value int64, n int) {
	names, first := monthNames, int64(1)
	switch it.letter {
	case 'E', 'e', 'c':
		names = dayNames
	case 'a':
		names, first = halfDays, 0
	case 'G':
		names, first = []string{"BC", "AD"}, 0
	case 'Q', 'q':
		return 0, 0
	}
	for i, name := range names {
		short := name[:min(3, len(name))]
		candidates := []string{name, short}
		if !lenient && it.n == 4 {
			candidates = candidates[:1]
		} else if !lenient {
			candidates = candidates[1:]
		}
		for _, c := range candidates {
			if len(s) >= len(c) && len(c) > n && (string(s[:len(c)]) == c || lenient && strings.EqualFold(string(s[:len(c)]), c)) {
				value, n = int64(i)+first, len(c)
			}
		}
	}
	return value, n
}

// parseZone reads a zone, and returns its length.
func parseZone(s []byte, f *dateFields) int {
	n := 0
	for n < len(s) && (s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' || s[n] == '/' || s[n] == '_') {
		n++
	}
	name := string(s[:n])
	if name == "" || name == "GMT" || name == "UTC" || name == "UT" {
		offset, m := parseOffset(s[n:])
		if n+m > 0 {
			f.set(fOffset, offset)
		}
		return n + m
	}
	if name == "Z" {
		f.set(fOffset, 0)
		return n
	}
	zone, ok := namedZone(name)
	if !ok {
		return 0
	}
	f.zone = zone
	return n
}

// parseOffset reads +08, +0800, +8:00 or +08:00, and returns the seconds and its length.
func parseOffset(s []byte) (seconds int64, n int) {
	if len(s) < 2 || s[0] != '+' && s[0] != '-' {
		return 0, 0
	}
	digits := func(from, most int) (x int64, n int) {
		for n < most && from+n < len(s) && s[from+n] >= '0' && s[from+n] <= '9' {
			x = x*10 + int64(s[from+n]-'0')
			n++
		}
		return x, n
	}
	hours, n := digits(1, 2)
	if n == 0 {
		return 0, 0
	}
	n++
	minutes := int64(0)
	colon := 0
	if n < len(s) && s[n] == ':' {
		colon = 1
	}
	if x, m := digits(n+colon, 2); m == 2 {
		minutes = x
		n += colon + 2
	}
	seconds = hours*3600 + minutes*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, n
}

// parseOld reads as SimpleDateFormat does: numbers have any width unless another follows at once.
func parseOld(items []dateItem, s []byte, f *dateFields, year int64) (end int, ok bool) {
	pos := 0
	for i := range items {
		it := &items[i]
		if it.letter == 0 {
			if !bytes.HasPrefix(s[pos:], []byte(it.text)) {
				return 0, false
			}
			pos += len(it.text)
			continue
		}
		for pos < len(s) && (s[pos] == ' ' || s[pos] == '\t') {
			pos++
		}
		switch {
		case strings.IndexByte(zoneLetters, it.letter) >= 0:
			n := parseZone(s[pos:], f)
			if n == 0 {
				return 0, false
			}
			pos += n
			continue
		case it.letter == 'E' || it.letter == 'a' || it.letter == 'G' || (it.letter == 'M' || it.letter == 'L') && it.n > 2:
			x, n := it.name(s[pos:], true)
			if n == 0 {
				return 0, false
			}
			f.set(nameFields[it.letter], x)
			pos += n
			continue
		}
		exact := i+1 < len(items) && items[i+1].letter != 0
		sign, begin := int64(1), pos
		if pos < len(s) && s[pos] == '-' {
			sign = -1
			pos++
		}
		x, n := int64(0), 0
		for pos < len(s) && s[pos] >= '0' && s[pos] <= '9' && n < 18 && (!exact || pos-begin < it.n) {
			x = x*10 + int64(s[pos]-'0')
			pos++
			n++
		}
		if n == 0 || exact && pos-begin < it.n {
			return 0, false
		}
		if it.letter == 'y' && it.n <= 2 && n == 2 && sign == 1 {
			if low := year - 80; x < floorMod(low, 100) {
				x += floorQuo(low, 100)*100 + 100
			} else {
				x += floorQuo(low, 100) * 100
			}
		}
		it.setOld(sign*x, f)
	}
	return pos, true
}

// oldFields are the fields of numbers.
var oldFields = map[byte]int{
	'y': fYear, 'Y': fWeekYear, 'M': fMonth, 'L': fMonth, 'w': fWeek, 'D': fDayOfYear, 'd': fDay, 'H': fHour, 'k': fHour,
	'K': fHour12, 'h': fHour12, 'm': fMinute, 's': fSecond, 'S': fNano, 'u': fDayOfWeek,
}

// setOld sets the field of a number; the last one counts.
func (it *dateItem) setOld(x int64, f *dateFields) {
	i, ok := oldFields[it.letter]
	if !ok {
		return
	}
	switch it.letter {
	case 'k':
		if x == 24 {
			x = 0
		}
	case 'h':
		if x == 12 {
			x = 0
		}
	case 'S':
		x *= 1_000_000
	case 'u':
		x = x%7 + 1
	}
	f.has |= 1 << i
	f.v[i] = x
}

// local is the date and time of the fields. What is missing is that of 1970-01-01 00:00:00. In lenient
// patterns days, hours and so on that are too many count on.
func (f *dateFields) local(lenient bool) (days, nanos int64, ok bool) {
	hour := f.or(fHour, 0)
	if !f.is(fHour) && f.is(fHour12) && (lenient || f.is(fHalf)) {
		hour = f.or(fHalf, 0)*12 + f.v[fHour12]
	}
	nanos = ((hour*60+f.or(fMinute, 0))*60+f.or(fSecond, 0))*1_000_000_000 + f.or(fNano, 0)
	if f.is(fNanoOfDay) {
		nanos = f.v[fNanoOfDay]
	}
	days, isWhole, ok := f.date(lenient)
	if !ok {
		return 0, 0, false
	}
	if lenient {
		return days + floorQuo(nanos, nanosOfDay), floorMod(nanos, nanosOfDay), true
	}
	if nanos >= nanosOfDay { // 24:00:00 is the next day, if there is a day
		if nanos > nanosOfDay {
			return 0, 0, false
		}
		if nanos = 0; isWhole {
			days++
		}
	}
	if isWhole && f.is(fDayOfWeek) && dayOfWeek(days)+1 != f.v[fDayOfWeek] {
		return 0, 0, false
	}
	return days, nanos, true
}

// date is the day; isWhole says that the fields have all of it.
func (f *dateFields) date(lenient bool) (days int64, isWhole, ok bool) {
	if f.is(fYearOfEra) {
		f.set(fYear, f.v[fYearOfEra])
		if f.is(fEra) && f.v[fEra] == 0 {
			f.v[fYear] = 1 - f.v[fYearOfEra]
		}
	} else if lenient && f.is(fEra, fYear) && f.v[fEra] == 0 {
		f.v[fYear] = 1 - f.v[fYear]
	}
	y, m, d := f.or(fYear, 1970), f.or(fMonth, 1), f.or(fDay, 1)
	switch {
	case f.is(fDayOfYear) && !f.is(fMonth) && (lenient || f.is(fYear)):
		days := daysOf(y, 1, 1) + f.v[fDayOfYear] - 1
		return days, true, lenient || days < daysOf(y+1, 1, 1)
	case f.is(fWeek) && (f.is(fWeekYear, fDayOfWeek) || lenient && !f.is(fMonth) && !f.is(fDay)):
		first := daysOf(f.or(fWeekYear, y), 1, 1)
		return first - dayOfWeek(first) + (f.v[fWeek]-1)*7 + f.or(fDayOfWeek, 1) - 1, true, true
	case lenient:
		return daysOf(y, m, d), true, true
	}
	isWhole = f.is(fYear, fMonth, fDay)
	if last := lastDay(y, m); d > last {
		d = last
		ok = isWhole
		return daysOf(y, m, d), isWhole, ok
	}
	return daysOf(y, m, d), isWhole, true
}

// instant is the point in time of lenient fields, in microseconds.
func (f *dateFields) instant(zone *time.Location) int64 {
	days, nanos, _ := f.local(true)
	local := days*dayMicros + nanos/1000
	if f.is(fOffset) {
		return local - f.v[fOffset]*1_000_000
	}
	if f.zone != nil {
		zone = f.zone
	}
	return fromLocal(zone, local, true)
}
