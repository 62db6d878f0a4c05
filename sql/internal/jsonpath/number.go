package jsonpath

import (
	"math"
	"strconv"
	"strings"
)

// DecimalText is a number as Java's BigDecimal prints it: 1.50 stays, 1e5 is 1E+5, and 0.0000001 is 1E-7.
func DecimalText(s string) string {
	sign := ""
	if s[0] == '-' || s[0] == '+' {
		sign, s = strings.TrimPrefix(s[:1], "+"), s[1:]
	}
	exponent := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent, _ = strconv.Atoi(s[i+1:])
		s = s[:i]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		digits, sign = "0", ""
	}
	scale := len(fraction) - exponent
	adjusted := len(digits) - 1 - scale
	switch {
	case scale == 0:
		return sign + digits
	case scale > 0 && adjusted >= -6:
		if len(digits) <= scale {
			digits = strings.Repeat("0", scale+1-len(digits)) + digits
		}
		return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	s = sign + digits[:1]
	if len(digits) > 1 {
		s += "." + digits[1:]
	}
	if adjusted == 0 {
		return s
	}
	if adjusted > 0 {
		return s + "E+" + strconv.Itoa(adjusted)
	}
	return s + "E" + strconv.Itoa(adjusted)
}

// DoubleText is a DOUBLE as Java prints it: 1.0, 1.0E7, 1.0E-4, NaN, Infinity.
func DoubleText(f float64) string { return floatText(f, 64) }

// FloatText is a FLOAT as Java prints it.
func FloatText(f float32) string { return floatText(float64(f), 32) }

func floatText(f float64, bits int) string {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case a == 0 || a >= 1e-3 && a < 1e7:
		s := strconv.FormatFloat(f, 'f', -1, bits)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	m, e, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, bits), "e")
	if !strings.Contains(m, ".") {
		m += ".0"
	}
	n, _ := strconv.Atoi(e)
	return m + "E" + strconv.Itoa(n)
}

// PlainText is the number of a DecimalText without an exponent.
func PlainText(s string) string {
	mantissa, e, ok := strings.Cut(s, "E")
	exponent, err := strconv.Atoi(e)
	if !ok || err != nil || exponent > 0 {
		return s
	}
	sign := ""
	if mantissa[0] == '-' {
		sign, mantissa = "-", mantissa[1:]
	}
	return sign + "0." + strings.Repeat("0", -exponent-1) + strings.Replace(mantissa, ".", "", 1)
}
