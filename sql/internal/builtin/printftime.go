package builtin

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/column"
)

// timeParts are what can stand behind %t.
const timeParts = "HIklMSLNpzZsQBbhAaCYyjmdeRTrDFc"

// timeForms are those that Go's formats have, with times of day of two digits.
var timeForms = map[byte]string{
	'H': "15", 'I': "03", 'l': "3", 'M': "04", 'S': "05", 'L': "000", 'N': "000000000", 'p': "pm", 'z': "-0700", 'Z': "MST", 'B': "January",
	'b': "Jan", 'h': "Jan", 'A': "Monday", 'a': "Mon", 'm': "01", 'd': "02", 'e': "2", 'R': "15:04", 'T': "15:04:05", 'r': "03:04:05 PM",
}

// timePart is a part of a time as %t has it. Days before 1582-10-15 are those of the Julian calendar, as in Java.
func timePart(t time.Time, part byte) string {
	year, day := calendarOf(t)
	switch part {
	case 'L':
		return fmt.Sprintf("%03d", t.Nanosecond()/1e6)
	case 'N':
		return fmt.Sprintf("%09d", t.Nanosecond())
	case 'k':
		return strconv.Itoa(t.Hour())
	case 's':
		return strconv.FormatInt(t.UnixMilli()/1000, 10) // towards zero
	case 'Q':
		return strconv.FormatInt(t.UnixMilli(), 10)
	case 'C':
		return fmt.Sprintf("%02d", year/100)
	case 'Y':
		return fmt.Sprintf("%04d", year)
	case 'y':
		return fmt.Sprintf("%02d", year%100)
	case 'j':
		return fmt.Sprintf("%03d", day.YearDay())
	case 'D':
		return day.Format("01/02/") + timePart(t, 'y')
	case 'F':
		return timePart(t, 'Y') + day.Format("-01-02")
	case 'c':
		return t.Format("Mon ") + day.Format("Jan 02 ") + t.Format("15:04:05 MST ") + timePart(t, 'Y')
	case 'B', 'b', 'h', 'm', 'd', 'e':
		return day.Format(timeForms[part])
	}
	return t.Format(timeForms[part])
}

// calendarOf is the year, counted from 1 before Christ too, and a day of the same month and the same number.
func calendarOf(t time.Time) (year int, day time.Time) {
	day = t
	if days := int(math.Floor(float64(t.Unix()) / 86400)); days < -141427 { // 1582-10-15
		// The day of the Julian calendar, from 1 March of the year 0, with a leap day every four years.
		n := days + 719470
		cycle := n / 1461
		if n < 0 && n%1461 != 0 {
			cycle--
		}
		in := n - cycle*1461
		of := min(in/365, 3)
		day = time.Date(2000+of, 3, 1+in-of*365, 0, 0, 0, 0, time.UTC)
		year = cycle*4 + day.Year() - 2000
	} else {
		year = t.Year()
	}
	if year <= 0 {
		year = 1 - year
	}
	return year, day
}

// hashOf is the hash of a value as Flink's classes have it. Bytes have that of a text, where those of Java differ from
// run to run.
func hashOf(x *column.Vector, i int) int32 {
	long := func(n int64) int32 { return int32(n ^ int64(uint64(n)>>32)) }
	switch column.FormOf(x.Type) {
	case column.FormBool:
		if x.Bools[i] {
			return 1231
		}
		return 1237
	case column.FormI32:
		return x.I32[i]
	case column.FormI64:
		return long(x.I64[i])
	case column.FormF32:
		return int32(math.Float32bits(x.F32[i]))
	case column.FormF64:
		return long(int64(math.Float64bits(x.F64[i])))
	case column.FormTimestamp:
		micros := x.I64[i]
		millis := floorQuo(micros, 1000)
		nanos := (micros - millis*1000) * 1000
		if x.Type.Precision > 6 {
			nanos += int64(x.Nanos[i])
		}
		return 31*long(millis) + int32(nanos)
	case column.FormDecimal:
		text, isNegative := strings.CutPrefix(x.Decimal(i).String(), "-")
		unscaled, _ := new(big.Int).SetString(text, 10)
		h := int32(0)
		for _, b := range fourBytes(unscaled.Bytes()) {
			h = 31*h + int32(b)
		}
		if isNegative {
			h = -h
		}
		return 31*h + int32(x.Type.Scale)
	}
	return murmur(x.Bytes(i))
}

// fourBytes are the digits of a number in base 2^32, the first one first.
func fourBytes(b []byte) (words []uint32) {
	for len(b)%4 != 0 {
		b = append([]byte{0}, b...)
	}
	for ; len(b) > 0; b = b[4:] {
		words = append(words, binary.BigEndian.Uint32(b))
	}
	return words
}

// murmur is the hash of texts in Flink: MurmurHash3 of 32 bits, with a step of its own for each byte behind the last
// four.
func murmur(b []byte) int32 {
	h := uint32(42)
	mix := func(k uint32) {
		k *= 0xcc9e2d51
		k = bits.RotateLeft32(k, 15) * 0x1b873593
		h = bits.RotateLeft32(h^k, 13)*5 + 0xe6546b64
	}
	n := len(b)
	for ; len(b) >= 4; b = b[4:] {
		mix(binary.LittleEndian.Uint32(b))
	}
	for _, c := range b {
		mix(uint32(int32(int8(c))))
	}
	h ^= uint32(n)
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return int32(h ^ h>>16)
}
