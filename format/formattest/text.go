package formattest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// Rows are the rows of a batch as lines of JSON, as the golden cases of SQL have them; with the kinds
// of their changes before them where there are any.
func Rows(b *column.Batch) []string {
	lines := make([]string, b.Len())
	for i := range lines {
		at := b.Row(i)
		dst := []byte{}
		if b.Kinds != nil {
			dst = append(dst, b.Kind(at).String()...)
			dst = append(dst, ' ')
		}
		lines[i] = string(appendItems(dst, b.Cols, at))
	}
	return lines
}

func appendItems(dst []byte, cols []*column.Vector, i int) []byte {
	dst = append(dst, '[')
	for k, c := range cols {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = Value(dst, c, i)
	}
	return append(dst, ']')
}

// Value appends a value.
func Value(dst []byte, v *column.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, "null"...)
	}
	switch column.FormOf(v.Type) {
	case column.FormBool:
		return strconv.AppendBool(dst, v.Bools[i])
	case column.FormI64:
		return strconv.AppendInt(dst, v.I64[i], 10)
	case column.FormF32:
		return float(dst, float64(v.F32[i]), 32)
	case column.FormF64:
		return float(dst, v.F64[i], 64)
	case column.FormDecimal:
		return append(append(append(dst, '"'), decimal(v.Decimal(i), v.Type.Scale)...), '"')
	case column.FormTimestamp:
		return timestamp(dst, v, i)
	case column.FormI32:
		switch v.Type.Kind {
		case row.Date:
			return append(strip(valuetext.AppendDate(append(dst, '"'), int64(v.I32[i]))), '"')
		case row.Time:
			return append(valuetext.AppendTime(append(dst, '"'), int64(v.I32[i])*1_000_000), '"')
		}
		return strconv.AppendInt(dst, int64(v.I32[i]), 10)
	case column.FormBytes:
		if v.Type.IsBinary() {
			return append(append(append(dst, `"0x`...), hex.EncodeToString(v.Bytes(i))...), '"')
		}
		return text(dst, v.Bytes(i))
	case column.FormRow:
		return append(appendItems(append(dst, `{"row":`...), v.Children, i), '}')
	}
	return list(dst, v, i)
}

// strip takes away the plus of years of more than four digits, which the cases do not have.
func strip(dst []byte) []byte { return []byte(strings.Replace(string(dst), `"+`, `"`, 1)) }

func float(dst []byte, f float64, bits int) []byte {
	if f-f != 0 {
		return append(valuetext.AppendFloat(append(dst, '"'), f, bits), '"')
	}
	return valuetext.AppendFloat(dst, f, bits)
}

func decimal(d column.Int128, scale int) string {
	s, sign := d.String(), ""
	if s[0] == '-' {
		s, sign = s[1:], "-"
	}
	if scale == 0 {
		return sign + s
	}
	if len(s) <= scale {
		s = strings.Repeat("0", scale+1-len(s)) + s
	}
	return sign + s[:len(s)-scale] + "." + s[len(s)-scale:]
}

func timestamp(dst []byte, v *column.Vector, i int) []byte {
	nanos := int32(0)
	if v.Type.Precision > 6 {
		nanos = v.Nanos[i]
	}
	dst = append(dst, '"')
	t := string(valuetext.AppendTimestamp(nil, v.I64[i], nanos, ' '))
	whole, fraction, _ := strings.Cut(t, ".")
	dst = append(dst, strings.TrimPrefix(whole, "+")...)
	if p := v.Type.Precision; p > 0 {
		dst = append(dst, '.')
		dst = append(dst, (fraction + "000000000")[:p]...)
	}
	if v.Type.Kind == row.TimestampLTZ {
		dst = append(dst, 'Z')
	}
	return append(dst, '"')
}

func text(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

func list(dst []byte, v *column.Vector, i int) []byte {
	from, to := v.Range(i)
	var items []string
	for j := from; j < to; j++ {
		item := Value(nil, v.Children[0], j)
		if v.Type.Kind != row.Array {
			item = append(Value(append(append([]byte{'['}, item...), ','), v.Children[1], j), ']')
		}
		items = append(items, string(item))
	}
	open, end := "[", "]"
	if v.Type.Kind != row.Array {
		slices.Sort(items)
		open, end = `{"`+strings.ToLower(v.Type.Kind.String())+`":[`, "]}"
	}
	return append(dst, open+strings.Join(items, ",")+end...)
}
