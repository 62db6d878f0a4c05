package builtin

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// AppendText appends value i of a vector, which is not NULL, as CAST to STRING has it.
func AppendText(dst []byte, c *expr.Context, v *column.Vector, i int) []byte {
	switch v.Type.Kind {
	case row.Boolean:
		if v.Bools[i] {
			return append(dst, "TRUE"...)
		}
		return append(dst, "FALSE"...)
	case row.TinyInt, row.SmallInt, row.Int:
		return strconv.AppendInt(dst, int64(v.I32[i]), 10)
	case row.BigInt:
		return strconv.AppendInt(dst, v.I64[i], 10)
	case row.Float:
		return appendJavaFloat(dst, float64(v.F32[i]), 32)
	case row.Double:
		return appendJavaFloat(dst, v.F64[i], 64)
	case row.Decimal:
		return appendDecimal(dst, v.Decimal(i), v.Type.Scale)
	case row.Char, row.Varchar, row.Binary, row.Varbinary, row.Raw, row.Variant:
		return append(dst, v.Bytes(i)...)
	case row.Date:
		return appendDate(dst, int64(v.I32[i]))
	case row.Time:
		return appendTime(dst, int64(v.I32[i])*1_000_000, v.Type.Precision)
	case row.Timestamp:
		return appendTimestamp(dst, v.I64[i], nanos(v, i), v.Type.Precision)
	case row.TimestampLTZ:
		return appendTimestamp(dst, localMicros(c, v.I64[i]), nanos(v, i), v.Type.Precision)
	case row.IntervalMonth:
		return appendMonths(dst, int64(v.I32[i]))
	case row.IntervalDay:
		return appendMillis(dst, v.I64[i])
	}
	return appendNestedText(dst, c, v, i)
}

func appendNestedText(dst []byte, c *expr.Context, v *column.Vector, i int) []byte {
	item := func(dst []byte, v *column.Vector, i int) []byte {
		if v.IsNull(i) {
			return append(dst, "NULL"...)
		}
		return AppendText(dst, c, v, i)
	}
	if v.Type.Kind == row.Row {
		dst = append(dst, '(')
		for k, child := range v.Children {
			if k > 0 {
				dst = append(dst, ", "...)
			}
			if v.Type.Class != "" {
				dst = append(append(dst, v.Type.Fields[k].Name...), '=')
			}
			dst = item(dst, child, i)
		}
		return append(dst, ')')
	}
	open, end := byte('{'), byte('}')
	if v.Type.Kind == row.Array {
		open, end = '[', ']'
	}
	dst = append(dst, open)
	from, to := v.Range(i)
	for j := from; j < to; j++ {
		if j > from {
			dst = append(dst, ", "...)
		}
		dst = item(dst, v.Children[0], j)
		if v.Type.Kind != row.Array {
			dst = append(dst, '=')
			dst = item(dst, v.Children[1], j)
		}
	}
	return append(dst, end)
}

// appendJavaFloat appends a number as Java's Double.toString has it: with a point, and with an exponent
// below a thousandth and from ten million on.
func appendJavaFloat(dst []byte, f float64, bits int) []byte {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case abs == 0 || abs >= 1e-3 && abs < 1e7:
		begin := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		if !strings.Contains(string(dst[begin:]), ".") {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	s := strconv.FormatFloat(f, 'e', -1, bits)
	mantissa, exponent, _ := strings.Cut(s, "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return fmt.Appendf(dst, "%sE%d", mantissa, n)
}

// appendDecimal appends an unscaled value with its point.
func appendDecimal(dst []byte, d column.Int128, scale int) []byte {
	s := d.String()
	if s[0] == '-' {
		dst = append(dst, '-')
		s = s[1:]
	}
	if scale == 0 {
		return append(dst, s...)
	}
	if len(s) <= scale {
		s = strings.Repeat("0", scale+1-len(s)) + s
	}
	dst = append(dst, s[:len(s)-scale]...)
	return append(append(dst, '.'), s[len(s)-scale:]...)
}

func appendMonths(dst []byte, months int64) []byte {
	sign := byte('+')
	if months < 0 {
		sign, months = '-', -months
	}
	return fmt.Appendf(dst, "%c%d-%02d", sign, months/12, months%12)
}

func appendMillis(dst []byte, millis int64) []byte {
	sign := byte('+')
	if millis < 0 {
		sign, millis = '-', -millis
	}
	return fmt.Appendf(dst, "%c%d %02d:%02d:%02d.%03d", sign, millis/86_400_000, millis/3_600_000%24, millis/60_000%60,
		millis/1000%60, millis%1000)
}
