package nexmark

import (
	"strconv"
	"time"
)

const dayMillis = 24 * 60 * 60 * 1000

// appendTimestamp appends milliseconds since 1970 as SQL text, "2024-01-01 00:00:00.12": the
// fraction as long as need be, none if it is zero.
func appendTimestamp(dst []byte, millis int64) []byte {
	day := millis / dayMillis
	rest := millis - day*dayMillis
	if rest < 0 {
		day--
		rest += dayMillis
	}
	year, month, dayOfMonth := time.UnixMilli(day * dayMillis).UTC().Date()
	dst = appendYear(dst, year)
	dst = appendPair(append(dst, '-'), int64(month))
	dst = appendPair(append(dst, '-'), int64(dayOfMonth))
	dst = appendPair(append(dst, ' '), rest/3_600_000)
	dst = appendPair(append(dst, ':'), rest/60_000%60)
	dst = appendPair(append(dst, ':'), rest/1000%60)
	return appendFraction(dst, rest%1000)
}

// appendYear appends a year in at least four digits, with a sign if it is not one of 0 to 9999.
func appendYear(dst []byte, year int) []byte {
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
	return strconv.AppendInt(dst, int64(year), 10)
}

func appendPair(dst []byte, v int64) []byte {
	return append(dst, '0'+byte(v/10), '0'+byte(v%10))
}

func appendFraction(dst []byte, millis int64) []byte {
	if millis == 0 {
		return dst
	}
	dst = append(dst, '.', '0'+byte(millis/100))
	if millis%100 == 0 {
		return dst
	}
	dst = append(dst, '0'+byte(millis/10%10))
	if millis%10 == 0 {
		return dst
	}
	return append(dst, '0'+byte(millis%10))
}

// parseTimestamp reads what appendTimestamp writes, for the years 0 to 9999.
func parseTimestamp(s string) (millis int64, ok bool) {
	const layout = "dddd-dd-dd dd:dd:dd"
	if len(s) < len(layout) || len(s) > len(layout)+4 || len(s) == len(layout)+1 {
		return 0, false
	}
	for i := range len(layout) {
		digit := s[i] >= '0' && s[i] <= '9'
		if digit != (layout[i] == 'd') || !digit && s[i] != layout[i] {
			return 0, false
		}
	}
	num := func(from, to int) (v int) {
		for _, c := range s[from:to] {
			v = v*10 + int(c-'0')
		}
		return v
	}
	year, month, day := num(0, 4), num(5, 7), num(8, 10)
	hour, minute, second := num(11, 13), num(14, 16), num(17, 19)
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if y, m, d := date.Date(); y != year || int(m) != month || d != day ||
		hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	fraction, ok := parseFraction(s[len(layout):])
	seconds := int64(hour*3600 + minute*60 + second)
	return date.UnixMilli() + seconds*1000 + fraction, ok
}

// parseFraction reads "", ".1", ".12" or ".123" as milliseconds.
func parseFraction(s string) (millis int64, ok bool) {
	if s == "" {
		return 0, true
	}
	if s[0] != '.' {
		return 0, false
	}
	for unit, i := int64(100), 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		millis += unit * int64(s[i]-'0')
		unit /= 10
	}
	return millis, true
}
