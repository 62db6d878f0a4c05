package builtin

import "time"

const nanosOfDay = 86_400_000_000_000

// daysOf is the number of days from 1970-01-01 to a date of the Gregorian calendar. Months and days out of
// their ranges count on from there, as they do in a lenient calendar.
func daysOf(year, month, day int64) int64 {
	year += floorQuo(month-1, 12)
	month = floorMod(month-1, 12) + 1
	if month <= 2 {
		year--
		month += 12
	}
	era := floorQuo(year, 400)
	y := year - era*400
	return era*146097 + y*365 + y/4 - y/100 + (153*(month-3)+2)/5 - 719468 + day - 1
}

// dateOf is the date some days after 1970-01-01.
func dateOf(days int64) (year, month, day int64) {
	days += 719468
	era := floorQuo(days, 146097)
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	month = (5*doy + 2) / 153
	day = doy - (153*month+2)/5 + 1
	if month += 3; month > 12 {
		month -= 12
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

func isLeap(year int64) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// lastDay is the number of days of a month.
func lastDay(year, month int64) int64 {
	switch month {
	case 2:
		if isLeap(year) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// addMonths adds months to a date; where the month is too short it is the last day of it.
func addMonths(days, months int64) int64 {
	y, m, d := dateOf(days)
	m += months - 1
	y, m = y+floorQuo(m, 12), floorMod(m, 12)+1
	return daysOf(y, m, min(d, lastDay(y, m)))
}

// dayOfWeek is 0 for a Sunday.
func dayOfWeek(days int64) int64 { return floorMod(days+4, 7) }

// isoWeek is the week of ISO 8601, and the year that it belongs to.
func isoWeek(days int64) (year, week int64) {
	thursday := days + 3 - floorMod(days+3, 7)
	year, _, _ = dateOf(thursday)
	return year, (thursday-daysOf(year, 1, 1))/7 + 1
}

// usWeek is the week of the United States: it begins on Sunday, and the first one has January 1st.
func usWeek(days int64) (year, week int64) {
	saturday := days + 6 - dayOfWeek(days)
	year, _, _ = dateOf(saturday)
	return year, (saturday-daysOf(year, 1, 1))/7 + 1
}

// floorQuo is a / b, rounded down.
func floorQuo(a, b int64) int64 {
	q, _ := floorDiv(a, b)
	return q
}

// floorMod is what floorQuo leaves.
func floorMod(a, b int64) int64 {
	_, r := floorDiv(a, b)
	return r
}

// offsetAt is the offset of a zone at a point of time, both in microseconds.
func offsetAt(zone *time.Location, micros int64) int64 {
	if zone == nil || zone == time.UTC {
		return 0
	}
	_, s := time.Unix(floorQuo(micros, 1_000_000), 0).In(zone).Zone()
	return int64(s) * 1_000_000
}

// toLocal is what a clock in a zone shows.
func toLocal(zone *time.Location, micros int64) int64 { return micros + offsetAt(zone, micros) }

// fromLocal is the point in time at which a clock in a zone shows something. A time that the clock skips is as
// much later as the clock is put forward; of one that it shows twice the first counts, or with later the second.
func fromLocal(zone *time.Location, local int64, later bool) int64 {
	if zone == nil || zone == time.UTC {
		return local
	}
	before, after := offsetAt(zone, local-dayMicros), offsetAt(zone, local+dayMicros)
	first, second := local-before, local-after
	isFirst, isSecond := offsetAt(zone, first) == before, offsetAt(zone, second) == after
	if isSecond && (!isFirst || later) {
		return second
	}
	return first
}
