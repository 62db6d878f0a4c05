package valuetext

import (
	"encoding/binary"
	"strconv"
	"time"
)

const (
	secondMicros = 1_000_000
	dayMicros    = 86_400 * secondMicros
)

// Days is the number of days from 1970-01-01 to a day of the Gregorian calendar.
func Days(year, month, day int) int64 {
	// Years begin with March, so that the day of leap years comes last: the algorithm days_from_civil
	// of Howard Hinnant, chrono-Compatible Low-Level Date Algorithms.
	y := int64(year)
	if month <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yearOfEra := y - era*400
	m := int64(month+9) % 12
	dayOfYear := (153*m+2)/5 + int64(day) - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return era*146_097 + dayOfEra - 719_468
}

var monthDays = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func daysIn(year, month int) int {
	if month == 2 && (year%4 != 0 || year%100 == 0 && year%400 != 0) {
		return 28
	}
	return monthDays[month]
}

// two reads two digits; more than 99 if they are none.
func two(b []byte, i int) int {
	hi, lo := b[i]-'0', b[i+1]-'0'
	if hi > 9 || lo > 9 {
		return 1000
	}
	return int(hi)*10 + int(lo)
}

// date reads yyyy-MM-dd from the beginning of b; years have four digits, or more behind a sign. n is
// its length, 0 if there is none. Smart takes a day that the month does not have, up to 31, for its
// last day; if not so it is an error, as ISO_LOCAL_DATE has it.
func date(b []byte, smart bool) (days int64, n int) {
	if len(b) < 10 {
		return 0, 0
	}
	year, at := two(b, 0)*100+two(b, 2), 4
	if b[0] == '-' || b[0] == '+' {
		if year, at = signedYear(b); at == 0 {
			return 0, 0
		}
	} else if year > 9999 {
		return 0, 0
	}
	if len(b) < at+6 || b[at] != '-' || b[at+3] != '-' {
		return 0, 0
	}
	month, day := two(b, at+1), two(b, at+4)
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return 0, 0
	}
	if last := daysIn(year, month); day > last {
		if !smart {
			return 0, 0
		}
		day = last
	}
	return Days(year, month, day), at + 6
}

// signedYear reads a year of a sign and 4 to 9 digits: more than four behind a plus.
func signedYear(b []byte) (year, n int) {
	n = 1
	for n < len(b) && n <= 9 && isDigit(b[n]) {
		year = year*10 + int(b[n]-'0')
		n++
	}
	if n < 5 || b[0] == '+' && n == 5 || n > 5 && b[1] == '0' {
		return 0, 0
	}
	if b[0] == '-' {
		if year == 0 {
			return 0, 0
		}
		year = -year
	}
	return year, n
}

// Date reads a date as ISO_LOCAL_DATE does, as days since 1970.
func Date(b []byte) (days int32, ok bool) {
	d, n := date(b, false)
	if n != len(b) || n == 0 || int64(int32(d)) != d {
		return 0, false
	}
	return int32(d), true
}

// Clock is how the time of a text may be written.
type Clock uint8

const (
	// ISO is HH:mm, with seconds, with a fraction: as ISO_LOCAL_TIME.
	ISO Clock = iota
	// SQL is HH:mm:ss, and 24:00:00 for the end of the day.
	SQL
)

// clock reads a time that is all of b, as nanoseconds of the day.
func clock(b []byte, c Clock) (nanos int64, ok bool) {
	if len(b) < 5 || b[2] != ':' {
		return 0, false
	}
	hour, minute, second := two(b, 0), two(b, 3), 0
	fraction := int64(0)
	switch {
	case len(b) == 5:
		if c == SQL {
			return 0, false
		}
	case len(b) < 8 || b[5] != ':':
		return 0, false
	default:
		second = two(b, 6)
		if len(b) > 8 {
			if fraction, ok = fractionOf(b[8:]); !ok {
				return 0, false
			}
		}
	}
	if hour > 23 || minute > 59 || second > 59 {
		if c != SQL || hour != 24 || minute != 0 || second != 0 || fraction != 0 {
			return 0, false
		}
	}
	return int64(hour*3600+minute*60+second)*1_000_000_000 + fraction, true
}

// fractionOf reads a point and up to nine digits, or none.
func fractionOf(b []byte) (nanos int64, ok bool) {
	if b[0] != '.' || len(b) > 10 {
		return 0, false
	}
	for _, c := range b[1:] {
		if c -= '0'; c > 9 {
			return 0, false
		}
		nanos = nanos*10 + int64(c)
	}
	return nanos * powers[10-len(b)], true
}

var powers = [10]int64{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000}

// Time reads a time of day, as nanoseconds. The end of the day is its beginning.
func Time(b []byte, c Clock) (nanos int64, ok bool) {
	nanos, ok = clock(b, c)
	return nanos % (dayMicros * 1000), ok
}

// SQLDate reads a date as java.sql.Date.valueOf does, as days since 1970: months and days may have one
// digit, and a day that the month does not have is one of the next.
func SQLDate(b []byte) (days int32, ok bool) {
	if len(b) < 8 || len(b) > 10 || b[4] != '-' {
		return 0, false
	}
	year := two(b, 0)*100 + two(b, 2)
	month, n := oneOrTwo(b[5:])
	if n == 0 || 5+n >= len(b) || b[5+n] != '-' {
		return 0, false
	}
	day, m := oneOrTwo(b[6+n:])
	if m == 0 || 6+n+m != len(b) || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 {
		return 0, false
	}
	return int32(Days(year, month, 1)) + int32(day) - 1, true
}

// oneOrTwo reads one digit or two.
func oneOrTwo(b []byte) (v, n int) {
	for n < len(b) && n < 2 && isDigit(b[n]) {
		v = v*10 + int(b[n]-'0')
		n++
	}
	return v, n
}

// Timestamp reads a date, a T or a space, and a time, as microseconds since 1970 and nanoseconds
// from 0 to 999. For SQL a day that the month does not have, up to 31, is its last.
//
//flott:hot
func Timestamp(b []byte, between byte, c Clock) (micros int64, nanos int32, ok bool) {
	if len(b) >= 19 {
		if year, month, day, seconds, ok := plainTimestamp(b, between); ok {
			days, fraction := Days(year, month, day), int64(0)
			if len(b) > 19 {
				if fraction, ok = fractionOf(b[19:]); !ok {
					return 0, 0, false
				}
			}
			return days*dayMicros + seconds*secondMicros + fraction/1000, int32(fraction % 1000), true
		}
	}
	days, n := date(b, c == SQL)
	if n == 0 || n >= len(b) || b[n] != between {
		return 0, 0, false
	}
	t, ok := clock(b[n+1:], c)
	if !ok {
		return 0, 0, false
	}
	return days*dayMicros + t/1000, int32(t % 1000), true
}

// AppendDate appends the day of a number of days since 1970: yyyy-MM-dd.
func AppendDate(dst []byte, days int64) []byte {
	year, month, day := time.Unix(days*86_400, 0).UTC().Date()
	switch {
	case year < 0:
		dst = append(dst, '-')
		year = -year
	case year > 9999:
		dst = append(dst, '+')
	}
	for limit := 1000; year < limit && limit > 1; limit /= 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, int64(year), 10)
	dst = pair(append(dst, '-'), int(month))
	return pair(append(dst, '-'), day)
}

func pair(dst []byte, n int) []byte { return append(dst, '0'+byte(n/10), '0'+byte(n%10)) }

// AppendTime appends a time of day of nanoseconds, HH:mm:ss, and a fraction without zeros at its end.
func AppendTime(dst []byte, nanos int64) []byte {
	seconds := int(nanos / 1_000_000_000)
	dst = pair(dst, seconds/3600)
	dst = pair(append(dst, ':'), seconds/60%60)
	dst = pair(append(dst, ':'), seconds%60)
	rest := nanos % 1_000_000_000
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int64(100_000_000); rest > 0; unit /= 10 {
		dst = append(dst, '0'+byte(rest/unit))
		rest %= unit
	}
	return dst
}

// AppendTimestamp appends a date, what is between, and a time.
func AppendTimestamp(dst []byte, micros int64, nanos int32, between byte) []byte {
	days := micros / dayMicros
	if micros%dayMicros < 0 {
		days--
	}
	dst = append(AppendDate(dst, days), between)
	return AppendTime(dst, (micros-days*dayMicros)*1000+int64(nanos))
}

// Millis is a time of day in milliseconds, cut off to a number of digits behind the second.
func Millis(nanos int64, precision int) int32 {
	unit := powers[9-min(precision, 3)]
	return int32((nanos - nanos%unit) / 1_000_000)
}

// Cut cuts a timestamp off to a number of digits behind the second, towards the past.
func Cut(micros int64, nanos int32, precision int) (int64, int32) {
	if precision >= 6 {
		return micros, nanos - nanos%int32(powers[9-min(precision, 9)])
	}
	unit := powers[6-precision]
	rest := micros % unit
	if rest < 0 {
		rest += unit
	}
	return micros - rest, 0
}

// IsTimestamp reports whether Timestamp reads a text.
func IsTimestamp(b []byte, between byte, c Clock) bool {
	if len(b) > 19 {
		if _, _, _, _, ok := plainTimestamp(b, between); ok {
			_, ok = fractionOf(b[19:])
			return ok
		}
	}
	_, _, ok := Timestamp(b, between, c)
	return ok
}

const (
	zeros  = 0x3030303030303030
	sevens = 0x7676767676767676 // carries into the high bit what is above 9
	highs  = 0x8080808080808080
)

// plainTimestamp reads the 19 bytes of yyyy-MM-dd?HH:mm:ss, eight at a time, with a day that any month
// has; it returns false for all else, which may be right too. Of eight digits t, each in its byte,
// t*10 + t>>8 has in each byte the number of two digits that begins there.
//
//	yyyy-MM-          dd?HH:mm             HH:mm:ss
//	^ 0               ^ 8                     ^ 11
//
//flott:hot
func plainTimestamp(b []byte, between byte) (year, month, day int, seconds int64, ok bool) {
	const (
		yearDigits = 0x00FFFF00FFFFFFFF
		timeDigits = 0xFFFF00FFFF00FFFF
	)
	x := binary.LittleEndian.Uint64(b)
	z := binary.LittleEndian.Uint64(b[11:])
	d1, d2 := b[8]-'0', b[9]-'0'
	separators := x&^yearDigits == '-'<<32|'-'<<56 && z&^timeDigits == ':'<<16|':'<<40 && b[10] == between
	x = x&yearDigits ^ zeros&yearDigits
	z = z&timeDigits ^ zeros&timeDigits
	if !separators || ((x+sevens)|x|(z+sevens)|z)&highs != 0 || d1 > 9 || d2 > 9 {
		return 0, 0, 0, 0, false
	}
	x, z = x*10+x>>8, z*10+z>>8
	year, month, day = int(x&0xFF)*100+int(x>>16&0xFF), int(x>>40&0xFF), int(d1)*10+int(d2)
	hour, minute, second := int64(z&0xFF), int64(z>>24&0xFF), int64(z>>48&0xFF)
	if month-1 > 11 || month < 1 || day < 1 || day > 28 || hour > 23 || minute > 59 || second > 59 {
		return 0, 0, 0, 0, false
	}
	return year, month, day, hour*3600 + minute*60 + second, true
}

// AppendLocalTime appends a time of day as LocalTime.toString does: HH:mm, seconds unless they are zero
// and may be left out, and a fraction of three, six or nine digits.
func AppendLocalTime(dst []byte, nanos int64, short bool) []byte {
	seconds := int(nanos / 1_000_000_000)
	dst = pair(dst, seconds/3600)
	dst = pair(append(dst, ':'), seconds/60%60)
	rest := nanos % 1_000_000_000
	if short && seconds%60 == 0 && rest == 0 {
		return dst
	}
	dst = pair(append(dst, ':'), seconds%60)
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int64(1_000_000); rest > 0; unit /= 1000 {
		group := int(rest / unit)
		dst = pair(append(dst, '0'+byte(group/100)), group%100)
		if rest %= unit; unit == 1 {
			break
		}
	}
	return dst
}

// AppendDateTime appends a timestamp as LocalDateTime.toString does, or if it is not local as
// Instant.toString does without its Z.
func AppendDateTime(dst []byte, micros int64, nanos int32, local bool) []byte {
	days := micros / dayMicros
	if micros%dayMicros < 0 {
		days--
	}
	dst = append(AppendDate(dst, days), 'T')
	return AppendLocalTime(dst, (micros-days*dayMicros)*1000+int64(nanos), local)
}
