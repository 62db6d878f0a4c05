package valuetext

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/flott-dev/flott/column"
)

// Trim is a text without what String.trim takes away in Java: all up to the space, at both ends.
func Trim(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// Int reads a whole number of so many bits, as Integer.parseInt does.
func Int(b []byte, size int) (int64, bool) {
	digits := b
	negative := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		negative, digits = b[0] == '-', b[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	for len(digits) > 18 && digits[0] == '0' {
		digits = digits[1:]
	}
	if len(digits) > 19 {
		return 0, false
	}
	var n uint64
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	return signed(n, negative, size)
}

// signed is a number with its sign if so many bits are enough.
func signed(n uint64, negative bool, size int) (int64, bool) {
	limit := uint64(1) << (size - 1)
	switch {
	case negative:
		return -int64(n), n <= limit
	case n >= limit:
		return 0, false
	}
	return int64(n), true
}

// Float reads a number of 32 or 64 bits, as Double.parseDouble does: also NaN, Infinity, numbers with
// a d or f behind them, and spaces around. What is too large is infinite.
func Float(b []byte, size int) (float64, bool) {
	b = Trim(b)
	body, negative := b, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		negative, body = b[0] == '-', b[1:]
	}
	switch string(body) {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		if negative {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	}
	hex := len(body) > 2 && body[0] == '0' && body[1]|0x20 == 'x'
	if n := len(body); n > 1 {
		switch body[n-1] | 0x20 {
		case 'd', 'f': // of a hexadecimal number the exponent ends it, and has decimal digits
			b, body = b[:len(b)-1], body[:n-1]
		}
	}
	if !hex && !plainNumber(body) {
		return 0, false
	}
	if hex && !hexNumber(body) {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(b), size)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// plainNumber reports whether a text is a decimal number without a sign: 1, 1., .5, 1e-3.
func plainNumber(b []byte) bool {
	digits := 0
	for len(b) > 0 && isDigit(b[0]) {
		b, digits = b[1:], digits+1
	}
	if len(b) > 0 && b[0] == '.' {
		for b = b[1:]; len(b) > 0 && isDigit(b[0]); digits++ {
			b = b[1:]
		}
	}
	if digits == 0 {
		return false
	}
	if len(b) == 0 {
		return true
	}
	if b[0]|0x20 != 'e' {
		return false
	}
	if b = b[1:]; len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	if len(b) == 0 {
		return false
	}
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// hexNumber leaves the rest to strconv, which takes underscores that Java does not.
func hexNumber(b []byte) bool {
	for _, c := range b {
		if c == '_' {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// Decimal reads a number as new BigDecimal does and rounds it, halves up, to a scale. null says that
// the precision is not enough for it.
func Decimal(b []byte, precision, scale int) (d column.Int128, null, ok bool) {
	negative := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		negative, b = b[0] == '-', b[1:]
	}
	// Fast: up to 18 digits and no exponent.
	if n, fraction, plain := short(b); plain {
		if fraction <= scale && scale-fraction <= 18 {
			hi, lo := bits.Mul64(n, column.PowersOf10[scale-fraction].Lo)
			d = column.Int128{Hi: int64(hi), Lo: lo}
		} else if fraction > scale {
			p := column.PowersOf10[fraction-scale].Lo
			q, r := n/p, n%p
			if r >= p-r {
				q++
			}
			d = column.Int128{Lo: q}
		} else {
			return slowDecimal(b, negative, precision, scale)
		}
		return bounded(d, negative, precision)
	}
	if n, fraction, plain := long(b); plain && fraction <= scale {
		d, fits := n.Mul(column.PowersOf10[scale-fraction])
		if !fits {
			return column.Int128{}, true, true
		}
		return bounded(d, negative, precision)
	}
	return slowDecimal(b, negative, precision, scale)
}

// short is a number of at most 18 digits, one or more, and how many of them are behind the point.
func short(b []byte) (n uint64, fraction int, ok bool) {
	if len(b) > 19 {
		return 0, 0, false
	}
	point := -1
	digits := 0
	for i, c := range b {
		switch {
		case isDigit(c):
			n = n*10 + uint64(c-'0')
			digits++
		case c == '.' && point < 0:
			point = i
		default:
			return 0, 0, false
		}
	}
	if point >= 0 {
		fraction = len(b) - point - 1
	}
	return n, fraction, digits > 0 && digits <= 18
}

// long is short for up to 38 digits: a word takes 19 of them.
func long(b []byte) (n column.Int128, fraction int, ok bool) {
	if len(b) > 39 {
		return n, 0, false
	}
	point := -1
	digits, word := 0, uint64(0)
	for i, c := range b {
		switch {
		case isDigit(c):
			if digits == 19 {
				n, word = column.Int128{Lo: word}, 0
			}
			word = word*10 + uint64(c-'0')
			digits++
		case c == '.' && point < 0:
			point = i
		default:
			return n, 0, false
		}
	}
	if point >= 0 {
		fraction = len(b) - point - 1
	}
	if digits < 20 || digits > 38 {
		return column.Int128{Lo: word}, fraction, digits > 0 && digits < 20
	}
	hi, lo := bits.Mul64(n.Lo, column.PowersOf10[digits-19].Lo)
	lo, carry := bits.Add64(lo, word, 0)
	return column.Int128{Hi: int64(hi + carry), Lo: lo}, fraction, true
}

func bounded(d column.Int128, negative bool, precision int) (column.Int128, bool, bool) {
	if d.Cmp(column.PowersOf10[precision]) >= 0 {
		return column.Int128{}, true, true
	}
	if negative {
		d = d.Neg()
	}
	return d, false, true
}

// slowDecimal walks over the digits of any number without its sign, keeps those that the scale has
// and rounds by the first that it has not.
func slowDecimal(b []byte, negative bool, precision, scale int) (d column.Int128, null, ok bool) {
	if !plainNumber(b) {
		return d, false, false
	}
	mantissa, exponent := b, 0
	for i, c := range b {
		if c|0x20 == 'e' {
			mantissa = b[:i]
			e, ok := Int(b[i+1:], 32)
			if !ok {
				return d, false, false
			}
			exponent = int(e)
			break
		}
	}
	whole := len(mantissa) // digits before the point
	for i, c := range mantissa {
		if c == '.' {
			whole = i
			break
		}
	}
	keep := whole + exponent + scale // digits from the first that count
	seen, over := 0, false
	digit := func(c byte) {
		if d.Cmp(column.PowersOf10[precision-1]) >= 0 {
			over = true
			return
		}
		d, _ = d.Mul(column.Int128{Lo: 10})
		d, _ = d.Add(column.Int128{Lo: uint64(c)})
	}
	up := false
	for _, c := range mantissa {
		if c == '.' {
			continue
		}
		if seen == keep {
			up = c >= '5'
		}
		if seen < keep {
			digit(c - '0')
		}
		seen++
	}
	for ; seen < keep && !over && !d.IsZero(); seen++ {
		digit(0)
	}
	if over {
		return column.Int128{}, true, true
	}
	if up {
		d, _ = d.Add(column.Int128{Lo: 1})
	}
	return bounded(d, negative, precision)
}

// AppendFloat appends a number of 32 or 64 bits as Double.toString has it: with a point, and with an
// exponent below a thousandth and from ten million on.
func AppendFloat(dst []byte, f float64, size int) []byte {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case abs == 0 || abs >= 1e-3 && abs < 1e7:
		from := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, size)
		if !has(dst[from:], '.') {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	var buf [32]byte
	s := strconv.AppendFloat(buf[:0], f, 'e', -1, size)
	e := len(s) - 1
	for s[e] != 'e' {
		e--
	}
	dst = append(dst, s[:e]...)
	if !has(s[:e], '.') {
		dst = append(dst, ".0"...)
	}
	dst = append(dst, 'E')
	n, _ := Int(s[e+1:], 32)
	return strconv.AppendInt(dst, n, 10)
}

func has(b []byte, c byte) bool {
	for _, x := range b {
		if x == c {
			return true
		}
	}
	return false
}

// AppendDecimal appends a decimal without zeros at its end, as BigDecimal.stripTrailingZeros leaves
// it: plainly, 1200 and 1.2; or, if not plain, as toString has it, 1.2E+3 and 1.2.
func AppendDecimal(dst []byte, d column.Int128, scale int, plain bool) []byte {
	if d.IsZero() {
		return append(dst, '0')
	}
	ten := column.Int128{Lo: 10}
	for {
		q, r := d.DivRem(ten)
		if !r.IsZero() || plain && scale == 0 {
			break
		}
		d, scale = q, scale-1
	}
	if d.Sign() < 0 {
		dst, d = append(dst, '-'), d.Neg()
	}
	var buf [40]byte
	return appendDigits(dst, appendInt128(buf[:0], d), scale, plain)
}

// AppendExact appends a decimal with all digits of its scale.
func AppendExact(dst []byte, d column.Int128, scale int) []byte {
	if d.Sign() < 0 {
		dst, d = append(dst, '-'), d.Neg()
	}
	var buf [40]byte
	return appendDigits(dst, appendInt128(buf[:0], d), scale, true)
}

// AppendNumber appends a number of any length, which is JSON's, as BigDecimal has it without zeros at
// its end.
func AppendNumber(dst, s []byte) []byte {
	negative := s[0] == '-'
	if negative {
		s = s[1:]
	}
	var digits []byte
	scale, point := 0, false
	for i, c := range s {
		if c|0x20 == 'e' {
			exponent, _ := Int(s[i+1:], 32)
			scale -= int(exponent)
			break
		}
		switch {
		case c == '.':
			point = true
		default:
			digits = append(digits, c)
			if point {
				scale++
			}
		}
	}
	for len(digits) > 0 && digits[0] == '0' {
		digits = digits[1:]
	}
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits, scale = digits[:len(digits)-1], scale-1
	}
	if len(digits) == 0 {
		return append(dst, '0')
	}
	if negative {
		dst = append(dst, '-')
	}
	return appendDigits(dst, digits, scale, false)
}

// appendDigits appends a number of some digits, so many of them behind the point. If it is not plain,
// it has an exponent where BigDecimal.toString gives it one.
func appendDigits(dst, digits []byte, scale int, plain bool) []byte {
	exponent := len(digits) - 1 - scale
	if !plain && (scale < 0 || exponent < -6) {
		dst = append(dst, digits[0])
		if len(digits) > 1 {
			dst = append(append(dst, '.'), digits[1:]...)
		}
		dst = append(dst, 'E')
		if exponent > 0 {
			dst = append(dst, '+')
		}
		return strconv.AppendInt(dst, int64(exponent), 10)
	}
	if scale == 0 {
		return append(dst, digits...)
	}
	if len(digits) <= scale {
		dst = append(dst, "0."...)
		for range scale - len(digits) {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(append(dst, digits[:len(digits)-scale]...), '.')
	return append(dst, digits[len(digits)-scale:]...)
}

// appendInt128 appends a number that is not negative.
func appendInt128(dst []byte, d column.Int128) []byte {
	if d.Hi == 0 {
		return strconv.AppendUint(dst, d.Lo, 10)
	}
	const digits = 19 // of the lower word
	q, r := d.DivRem(column.PowersOf10[digits])
	dst = strconv.AppendUint(dst, q.Lo, 10)
	var buf [20]byte
	lower := strconv.AppendUint(buf[:0], r.Lo, 10)
	for range digits - len(lower) {
		dst = append(dst, '0')
	}
	return append(dst, lower...)
}
