package builtin

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// castToText casts to CHAR(n), which is filled with blanks, to VARCHAR(n), which is cut, and to STRING.
func castToText(c *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
	begin := len(out.Data)
	out.Data = AppendText(out.Data, c, in, i)
	fitText(out, begin)
	return castOK
}

// fitText makes what has been appended as long as the type says.
func fitText(out *column.Vector, begin int) {
	n := out.Type.Length
	if out.Type.Kind == row.Varchar && len(out.Data)-begin <= n {
		return
	}
	have := 0
	for at := begin; at < len(out.Data); have++ {
		if have == n {
			out.Data = out.Data[:at]
			return
		}
		_, size := utf8.DecodeRune(out.Data[at:])
		at += size
	}
	if out.Type.Kind == row.Char {
		for ; have < n; have++ {
			out.Data = append(out.Data, ' ')
		}
	}
}

// textOfBytes reads bytes as UTF-8; what is none becomes U+FFFD.
func textOfBytes(_ *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
	begin := len(out.Data)
	out.Data = append(out.Data, strings.ToValidUTF8(string(in.Bytes(i)), "\uFFFD")...)
	fitText(out, begin)
	return castOK
}

// castToBytes casts to BINARY(n), which is filled with zeros, and to VARBINARY(n), which is cut.
func castToBytes(_ *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
	b := in.Bytes(i)
	n := out.Type.Length
	out.Data = append(out.Data, b[:min(len(b), n)]...)
	if out.Type.Kind == row.Binary {
		for k := len(b); k < n; k++ {
			out.Data = append(out.Data, 0)
		}
	}
	return castOK
}

// castFromText reads a value of a type, nil if there is no text for it.
func castFromText(to *row.Type) caster {
	switch {
	case to.Kind == row.Boolean:
		return textToBool
	case to.IsInteger():
		return textToInteger
	case to.IsApproximate():
		return textToFloat
	case to.Kind == row.Decimal:
		return textToDecimal
	case to.IsBinary():
		return castToBytes
	case to.Kind == row.Date:
		return func(_ *expr.Context, in *column.Vector, i int, out *column.Vector) (o outcome) {
			out.I32[i], o = parseDate(string(in.Bytes(i)))
			return o
		}
	case to.Kind == row.Time:
		return func(_ *expr.Context, in *column.Vector, i int, out *column.Vector) (o outcome) {
			out.I32[i], o = parseTime(string(in.Bytes(i)))
			return o
		}
	case to.IsTimestamp():
		return func(c *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
			micros, nanos, o := parseTimestamp(string(in.Bytes(i)))
			if out.Type.Kind == row.TimestampLTZ && o == castOK {
				micros = instantMicros(c, micros)
			}
			setTimestamp(out, i, micros, nanos)
			return o
		}
	}
	return nil
}

var boolTexts = map[string]bool{
	"t": true, "true": true, "y": true, "yes": true, "1": true,
	"f": false, "false": false, "n": false, "no": false, "0": false,
}

func textToBool(_ *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
	b, ok := boolTexts[strings.ToLower(string(in.Bytes(i)))]
	if !ok {
		return castBad
	}
	out.Bools[i] = b
	return castOK
}

// integerRange are the least and the largest number of a type.
func integerRange(k row.Kind) (least, most int64) {
	switch k {
	case row.TinyInt:
		return math.MinInt8, math.MaxInt8
	case row.SmallInt:
		return math.MinInt16, math.MaxInt16
	case row.Int:
		return math.MinInt32, math.MaxInt32
	}
	return math.MinInt64, math.MaxInt64
}

// textToInteger reads a whole number; what stands behind a point is checked and cut off.
func textToInteger(_ *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
	s := strings.TrimSpace(string(in.Bytes(i)))
	whole, fraction, point := strings.Cut(s, ".")
	if point && strings.Trim(fraction, "0123456789") != "" {
		return castBad
	}
	if point && (whole == "" || whole == "-" || whole == "+") && fraction != "" {
		whole += "0"
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	least, most := integerRange(out.Type.Kind)
	if err != nil || n < least || n > most {
		return castBad
	}
	setInteger(out, i, n)
	return castOK
}

func setInteger(out *column.Vector, i int, n int64) {
	if out.Type.Kind == row.BigInt {
		out.I64[i] = n
		return
	}
	out.I32[i] = int32(n)
	narrow(out.Type.Kind, out.I32[i:i+1])
}

func parseFloat(s string, bits int) (float64, bool) {
	s = strings.TrimSpace(s)
	switch strings.TrimLeft(s, "+-") {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		if s[0] == '-' {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	}
	if n := len(s); n > 1 && strings.ContainsRune("dDfF", rune(s[n-1])) && !strings.ContainsAny(s, "xX") {
		s = s[:n-1]
	}
	if strings.Trim(s, "0123456789.eE+-") != "" && !strings.ContainsAny(s, "pP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, bits)
	if e, ok := err.(*strconv.NumError); ok && e.Err == strconv.ErrRange {
		err = nil // an infinity, or 0
	}
	return f, err == nil
}

func textToFloat(_ *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
	if out.Type.Kind == row.Float {
		f, ok := parseFloat(string(in.Bytes(i)), 32)
		if !ok {
			return castBad
		}
		out.F32[i] = float32(f)
		return castOK
	}
	f, ok := parseFloat(string(in.Bytes(i)), 64)
	if !ok {
		return castBad
	}
	out.F64[i] = f
	return castOK
}

func textToDecimal(_ *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
	unscaled, scale, ok := parseDecimal(strings.TrimSpace(string(in.Bytes(i))))
	if !ok {
		return castBad
	}
	if !setBig(out, i, unscaled, scale) {
		return castNull
	}
	return castOK
}

// parseDecimal reads a number with a point and an exponent.
func parseDecimal(s string) (unscaled *big.Int, scale int, ok bool) {
	mantissa, exponent := s, 0
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		n, err := strconv.Atoi(s[at+1:])
		if err != nil || n > 1000 || n < -1000 {
			return nil, 0, false
		}
		mantissa, exponent = s[:at], n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole, "+-")
	if len(whole)-len(digits) > 1 || digits+fraction == "" || strings.Trim(digits+fraction, "0123456789") != "" {
		return nil, 0, false
	}
	unscaled, ok = new(big.Int).SetString(digits+fraction, 10)
	if strings.HasPrefix(whole, "-") && ok {
		unscaled.Neg(unscaled)
	}
	return unscaled, len(fraction) - exponent, ok
}
