package sqltest

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Points in time are written in UTC, whatever the session's zone is.
var utc = &expr.Context{Zone: time.UTC}

// AppendRow appends a row of a batch as a JSON array.
func AppendRow(dst []byte, cols []*column.Vector, i int) []byte {
	dst = append(dst, '[')
	for c, v := range cols {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = AppendValue(dst, v, i)
	}
	return append(dst, ']')
}

// AppendValue appends value i of a vector as JSON.
func AppendValue(dst []byte, v *column.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, "null"...)
	}
	switch v.Type.Kind {
	case row.Boolean:
		return strconv.AppendBool(dst, v.Bools[i])
	case row.TinyInt, row.SmallInt, row.Int:
		return strconv.AppendInt(dst, int64(v.I32[i]), 10)
	case row.BigInt:
		return strconv.AppendInt(dst, v.I64[i], 10)
	case row.Float:
		return appendFloat(dst, float64(v.F32[i]), 32)
	case row.Double:
		return appendFloat(dst, v.F64[i], 64)
	case row.Decimal, row.Date, row.Time, row.Timestamp:
		return appendString(dst, string(builtin.AppendText(nil, utc, v, i)))
	case row.TimestampLTZ:
		return appendString(dst, string(builtin.AppendText(nil, utc, v, i))+"Z")
	case row.Char, row.Varchar, row.Variant:
		return appendString(dst, string(v.Bytes(i)))
	case row.Binary, row.Varbinary, row.Raw:
		return appendString(dst, "0x"+hex.EncodeToString(v.Bytes(i)))
	case row.IntervalMonth:
		return appendString(dst, fmt.Sprintf("P%dM", v.I32[i]))
	case row.IntervalDay:
		return appendString(dst, intervalText(v.I64[i]))
	}
	return appendNested(dst, v, i)
}

func appendNested(dst []byte, v *column.Vector, i int) []byte {
	if v.Type.Kind == row.Row {
		dst = append(dst, `{"row":`...)
		return append(AppendRow(dst, v.Children, i), '}')
	}
	from, to := v.Range(i)
	if v.Type.Kind == row.Array {
		dst = append(dst, '[')
		for j := from; j < to; j++ {
			if j > from {
				dst = append(dst, ',')
			}
			dst = AppendValue(dst, v.Children[0], j)
		}
		return append(dst, ']')
	}
	var pairs []string
	for j := from; j < to; j++ {
		pairs = append(pairs, string(AppendRow(nil, v.Children, j)))
	}
	slices.Sort(pairs)
	return append(dst, `{"`+strings.ToLower(v.Type.Kind.String())+`":[`+strings.Join(pairs, ",")+"]}"...)
}

// appendFloat appends a number with the fewest digits that tell it from others, or NaN and infinities as texts.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 0):
		if f > 0 {
			return append(dst, `"Infinity"`...)
		}
		return append(dst, `"-Infinity"`...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}

// appendString appends a JSON string in which only quotes, backslashes and control characters are escaped.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

func intervalText(millis int64) string {
	sign := ""
	if millis < 0 {
		sign, millis = "-", -millis
	}
	return fmt.Sprintf("PT%s%d.%03dS", sign, millis/1000, millis%1000)
}
