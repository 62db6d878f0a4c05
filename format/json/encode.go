package json

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// encoder writes rows as objects.
type encoder struct {
	fields     []row.Field
	between    byte
	nullKey    string // the mode
	nullName   string
	plain      bool
	ignoreNull bool
}

func newEncoder(t *format.Table) (func() format.Encoder, error) {
	if err := check(t.Schema); err != nil {
		return nil, err
	}
	return func() format.Encoder { return makeEncoder(t.Options, t.Schema.Fields) }, nil
}

func makeEncoder(c *config.Configuration, fields []row.Field) *encoder {
	e := &encoder{
		fields: fields, between: ' ', nullKey: mapNullKey.Get(c), nullName: mapNullLiteral.Get(c),
		plain: plainDecimal.Get(c), ignoreNull: ignoreNull.Get(c),
	}
	if timestampFormat.Get(c) == "ISO-8601" {
		e.between = 'T'
	}
	return e
}

// Append appends the object of a row.
func (e *encoder) Append(dst []byte, b *column.Batch, place int) ([]byte, error) {
	return e.object(dst, e.fields, b.Cols, place)
}

func (e *encoder) object(dst []byte, fields []row.Field, cols []*column.Vector, i int) (_ []byte, err error) {
	begin := len(dst)
	dst = append(dst, '{')
	first := true
	for k := range fields {
		null := cols[k].IsNull(i)
		if null && e.ignoreNull {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendString(dst, []byte(fields[k].Name)), ':')
		if dst, err = e.value(dst, cols[k], i); err != nil {
			return dst[:begin], fmt.Errorf("field %s: %w", fields[k].Name, err)
		}
	}
	return append(dst, '}'), nil
}

func (e *encoder) value(dst []byte, v *column.Vector, i int) ([]byte, error) {
	if v.IsNull(i) {
		return append(dst, "null"...), nil
	}
	switch opOf(v.Type) {
	case opBool:
		return strconv.AppendBool(dst, v.Bools[i]), nil
	case opSmall:
		return strconv.AppendInt(dst, int64(v.I32[i]), 10), nil
	case opInt:
		if v.Type.Kind == row.BigInt {
			return strconv.AppendInt(dst, v.I64[i], 10), nil
		}
		return strconv.AppendInt(dst, int64(v.I32[i]), 10), nil
	case opFloat:
		return appendFloat(dst, float64(v.F32[i]), 32), nil
	case opDouble:
		return appendFloat(dst, v.F64[i], 64), nil
	case opDecimal:
		if e.plain {
			return valuetext.AppendExact(dst, v.Decimal(i), v.Type.Scale), nil
		}
		return valuetext.AppendDecimal(dst, v.Decimal(i), v.Type.Scale, false), nil
	case opDate:
		return append(valuetext.AppendDate(append(dst, '"'), int64(v.I32[i])), '"'), nil
	case opTime:
		return append(valuetext.AppendTime(append(dst, '"'), int64(v.I32[i])*1_000_000), '"'), nil
	case opTimestamp, opLTZ:
		return e.timestamp(dst, v, i), nil
	case opText:
		return appendString(dst, v.Bytes(i)), nil
	case opBytes:
		return append(valuetext.AppendBase64(append(dst, '"'), v.Bytes(i)), '"'), nil
	case opRow:
		return e.object(dst, v.Type.Fields, v.Children, i)
	case opArray:
		return e.array(dst, v, i)
	}
	return e.mapping(dst, v, i)
}

// appendFloat appends a number, or the text of what JSON has no number for.
func appendFloat(dst []byte, f float64, bits int) []byte {
	if f-f != 0 { // NaN or infinite
		return append(valuetext.AppendFloat(append(dst, '"'), f, bits), '"')
	}
	return valuetext.AppendFloat(dst, f, bits)
}

func (e *encoder) timestamp(dst []byte, v *column.Vector, i int) []byte {
	nanos := int32(0)
	if v.Type.Precision > 6 {
		nanos = v.Nanos[i]
	}
	dst = valuetext.AppendTimestamp(append(dst, '"'), v.I64[i], nanos, e.between)
	if v.Type.Kind == row.TimestampLTZ {
		dst = append(dst, 'Z')
	}
	return append(dst, '"')
}

func (e *encoder) array(dst []byte, v *column.Vector, i int) (_ []byte, err error) {
	dst = append(dst, '[')
	from, to := v.Range(i)
	for j := from; j < to; j++ {
		if j > from {
			dst = append(dst, ',')
		}
		if dst, err = e.value(dst, v.Children[0], j); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

var errNullKey = errors.New("a key of a map is NULL, for which JSON has no text; set json.map-null-key.mode to DROP or LITERAL")

func (e *encoder) mapping(dst []byte, v *column.Vector, i int) (_ []byte, err error) {
	dst = append(dst, '{')
	from, to := v.Range(i)
	first := true
	for j := from; j < to; j++ {
		name := []byte(e.nullName)
		if !v.Children[0].IsNull(j) {
			name = v.Children[0].Bytes(j)
		} else if e.nullKey == "DROP" {
			continue
		} else if e.nullKey == "FAIL" {
			return dst, errNullKey
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendString(dst, name), ':')
		if dst, err = e.value(dst, v.Children[1], j); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// appendString appends a string as Jackson does to bytes: what lies outside of the basic plane is a
// pair of escapes.
func appendString(dst, s []byte) []byte {
	from := len(dst)
	dst = quote(dst, s)
	for i := from; i < len(dst); i++ {
		if dst[i] >= 0xF0 {
			return appendPairs(dst[:i], append([]byte(nil), dst[i:]...))
		}
	}
	return dst
}

func appendPairs(dst, s []byte) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if s[0] < 0xF0 || n == 1 {
			dst = append(dst, s[:n]...)
		} else {
			high, low := utf16.EncodeRune(r)
			dst = hexEscape(hexEscape(dst, high), low)
		}
		s = s[n:]
	}
	return dst
}
