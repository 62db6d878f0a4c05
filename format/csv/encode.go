package csv

import (
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// encoder writes rows as lines.
type encoder struct {
	settings
	safe byte // texts of characters from here on, and no backslash, need no quotes
}

func newEncoder(t *format.Table) (func() format.Encoder, error) {
	s, err := settingsOf(t.Options)
	if err = errors.Join(err, check(t.Schema)); err != nil {
		return nil, err
	}
	return func() format.Encoder {
		return &encoder{s, max(s.comma, s.quote, '\r', '\n') + 1}
	}, nil
}

// Append appends the line of a row.
func (e *encoder) Append(dst []byte, b *column.Batch, place int) ([]byte, error) {
	for i, v := range b.Cols {
		if i > 0 {
			dst = append(dst, e.comma)
		}
		dst = e.column(dst, v, place)
	}
	return dst, nil
}

func (e *encoder) column(dst []byte, v *column.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, e.null...)
	}
	from := len(dst)
	switch v.Type.Kind {
	case row.Boolean, row.TinyInt, row.SmallInt, row.Int, row.BigInt, row.Float, row.Double, row.Decimal:
		return e.value(dst, v, i)
	case row.Array:
		begin, end := v.Range(i)
		for j := begin; j < end; j++ {
			dst = e.element(dst, v.Children[0], j, j == begin)
		}
	case row.Row:
		for k, child := range v.Children {
			dst = e.element(dst, child, i, k == 0)
		}
	default:
		dst = e.value(dst, v, i)
	}
	return e.protect(dst, from)
}

func (e *encoder) element(dst []byte, v *column.Vector, i int, first bool) []byte {
	if !first {
		dst = append(dst, e.elem)
	}
	if v.IsNull(i) {
		return append(dst, e.null...)
	}
	return e.value(dst, v, i)
}

// value appends a value that is one text.
func (e *encoder) value(dst []byte, v *column.Vector, i int) []byte {
	switch v.Type.Kind {
	case row.Boolean:
		return strconv.AppendBool(dst, v.Bools[i])
	case row.TinyInt, row.SmallInt, row.Int:
		return strconv.AppendInt(dst, int64(v.I32[i]), 10)
	case row.BigInt:
		return strconv.AppendInt(dst, v.I64[i], 10)
	case row.Float:
		return valuetext.AppendFloat(dst, float64(v.F32[i]), 32)
	case row.Double:
		return valuetext.AppendFloat(dst, v.F64[i], 64)
	case row.Decimal:
		return valuetext.AppendDecimal(dst, v.Decimal(i), v.Type.Scale, !e.scientific)
	case row.Date:
		return valuetext.AppendDate(dst, int64(v.I32[i]))
	case row.Time:
		return valuetext.AppendTime(dst, int64(v.I32[i])*1_000_000)
	case row.Timestamp, row.TimestampLTZ:
		nanos := int32(0)
		if v.Type.Precision > 6 {
			nanos = v.Nanos[i]
		}
		dst = valuetext.AppendTimestamp(dst, v.I64[i], nanos, ' ')
		if v.Type.Kind == row.TimestampLTZ {
			dst = append(dst, 'Z')
		}
		return dst
	case row.Binary, row.Varbinary:
		return valuetext.AppendBase64(dst, v.Bytes(i))
	}
	return append(dst, v.Bytes(i)...)
}

// charsMax is how long a text may be, in units of UTF-16, that Jackson looks at for quotes it may need;
// longer ones get them.
const charsMax = 24

// protect puts the text dst[from:] in quotes where Jackson does, which is more often than it needs to:
// wherever a character is below the delimiters, as a space is.
func (e *encoder) protect(dst []byte, from int) []byte {
	text := dst[from:]
	if !e.quotes {
		if e.escapes {
			return e.escaped(dst, from)
		}
		return dst
	}
	needed, chars := false, 0
	for _, c := range text {
		if c < e.safe || c == '\\' || e.escapes && c == e.escape {
			needed = true
			break
		}
		if utf8.RuneStart(c) {
			if chars++; c >= 0xF0 {
				chars++
			}
		}
	}
	if !needed && chars <= charsMax {
		return dst
	}
	quoted := append([]byte(nil), text...)
	dst = append(dst[:from], e.quote)
	for _, c := range quoted {
		switch {
		case c == e.quote:
			dst = append(dst, c)
		case e.escapes && c == e.escape:
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, e.quote)
}

// escaped puts the escape character before what would be read as something else.
func (e *encoder) escaped(dst []byte, from int) []byte {
	text := append([]byte(nil), dst[from:]...)
	dst = dst[:from]
	for _, c := range text {
		switch c {
		case e.comma, e.escape:
			dst = append(dst, e.escape)
		case '\n':
			dst, c = append(dst, e.escape), 'n'
		case '\r':
			dst, c = append(dst, e.escape), 'r'
		}
		dst = append(dst, c)
	}
	return dst
}
