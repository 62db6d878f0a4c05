package sql

import (
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// AppendText appends value i of a column of the result as CAST(… AS STRING) writes it, and NULL for NULL.
func (r *Result) AppendText(dst []byte, v *column.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, "NULL"...)
	}
	zone := r.zone
	if zone == nil {
		zone = time.UTC
	}
	return builtin.AppendText(dst, &expr.Context{Zone: zone}, v, i)
}

// AppendJSON appends row i of a batch of the result as a JSON object. Whole numbers and floats are numbers, other
// values their texts.
func (r *Result) AppendJSON(dst []byte, b *column.Batch, i int) []byte {
	dst = append(dst, '{')
	for c, f := range r.Schema.Fields {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, f.Name), ':')
		dst = r.appendJSON(dst, b.Cols[c], i)
	}
	return append(dst, '}')
}

func (r *Result) appendJSON(dst []byte, v *column.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, "null"...)
	}
	switch t := v.Type; {
	case t.Kind == row.Boolean:
		return strconv.AppendBool(dst, v.Bools[i])
	case t.IsInteger(), t.Kind == row.Decimal:
		return r.AppendText(dst, v, i)
	case t.Kind == row.Float:
		return appendFloat(dst, float64(v.F32[i]), 32)
	case t.Kind == row.Double:
		return appendFloat(dst, v.F64[i], 64)
	case t.Kind == row.Array:
		dst = append(dst, '[')
		from, to := v.Range(i)
		for k := from; k < to; k++ {
			if k > from {
				dst = append(dst, ',')
			}
			dst = r.appendJSON(dst, v.Children[0], k)
		}
		return append(dst, ']')
	case t.Kind == row.Row:
		dst = append(dst, '{')
		for c, f := range t.Fields {
			if c > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendQuoted(dst, f.Name), ':')
			dst = r.appendJSON(dst, v.Children[c], i)
		}
		return append(dst, '}')
	case t.Kind == row.Map || t.Kind == row.Multiset:
		dst = append(dst, '{')
		from, to := v.Range(i)
		for k := from; k < to; k++ {
			if k > from {
				dst = append(dst, ',')
			}
			dst = append(appendQuoted(dst, string(r.AppendText(nil, v.Children[0], k))), ':')
			dst = r.appendJSON(dst, v.Children[1], k)
		}
		return append(dst, '}')
	}
	return appendQuoted(dst, string(r.AppendText(nil, v, i)))
}

// appendFloat appends a number, or a text where JSON has no such number.
func appendFloat(dst []byte, f float64, bits int) []byte {
	s := strconv.FormatFloat(f, 'g', -1, bits)
	if strings.ContainsAny(s, "NI") {
		return appendQuoted(dst, s)
	}
	return append(dst, s...)
}

// appendQuoted appends a JSON string.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c < ' ':
			const hex = "0123456789abcdef"
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
