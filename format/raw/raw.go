// Package raw is the format of records that are the value of the one column of a table, as Flink's
// format 'raw' has it: text, bytes, or a number in binary.
//
// Data flow: connectors hand records to a decoder, which fills their batches; encoders append records
// to the buffers of connectors.
package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

var (
	charset = config.Enum(config.Doc{
		Key: "charset", Default: "UTF-8", Text: "How texts are written.",
	}, nil, "UTF-8", "US-ASCII", "ISO-8859-1", "UTF-16", "UTF-16BE", "UTF-16LE")
	endianness = config.Enum(config.Doc{
		Key: "endianness", Default: "big-endian", Text: "The order of the bytes of numbers.",
	}, nil, "big-endian", "little-endian")
)

// Factory is the format 'raw'.
var Factory = format.Factory{
	Name:    "raw",
	Options: config.Set{charset, endianness},
	Reads:   row.InsertOnly, Writes: row.InsertOnly,
	NewDecoder: func(t *format.Table) (func() format.Decoder, error) {
		c, err := newCodec(t)
		return func() format.Decoder { d := *c; return &d }, err
	},
	NewEncoder: func(t *format.Table) (func() format.Encoder, error) {
		c, err := newCodec(t)
		return func() format.Encoder { e := *c; return &e }, err
	},
}

// codec is both a decoder and an encoder.
type codec struct {
	row.Field
	wanted  bool // else values are checked only
	charset string
	order   interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}
}

func newCodec(t *format.Table) (*codec, error) {
	if len(t.Schema.Fields) != 1 {
		return nil, fmt.Errorf("the format raw has one column, but the table has %d: %s", len(t.Schema.Fields),
			strings.Join(t.Schema.Names(), ", "))
	}
	c := &codec{
		Field: t.Schema.Fields[0], wanted: t.Project == nil || len(t.Project) > 0, charset: charset.Get(t.Options),
		order: binary.BigEndian,
	}
	if endianness.Get(t.Options) == "little-endian" {
		c.order = binary.LittleEndian
	}
	if !c.Type.IsText() && !c.Type.IsBinary() && c.Type.Kind != row.Raw && c.size() == 0 {
		return nil, fmt.Errorf("column %s: the format raw has no values of type %s", c.Name, c.Type)
	}
	return c, nil
}

// size is the length of a value, 0 where it varies.
func (c *codec) size() int {
	switch c.Type.Kind {
	case row.Boolean, row.TinyInt:
		return 1
	case row.SmallInt:
		return 2
	case row.Int, row.Float:
		return 4
	case row.BigInt, row.Double:
		return 8
	}
	return 0
}

// Decode appends the value that a record is.
func (c *codec) Decode(record []byte, b *column.Batch) error {
	if n := c.size(); n > 0 && len(record) != n {
		return &format.Error{
			Field: c.Name, Value: string(record),
			Err: fmt.Errorf("has %d bytes, but a value of type %s has %d", len(record), c.Type, n),
		}
	}
	if c.wanted {
		c.decode(record, b.Cols[0])
	}
	b.N++
	if b.Kinds != nil {
		b.Kinds = append(b.Kinds, row.Insert)
	}
	return nil
}

func (c *codec) decode(s []byte, v *column.Vector) {
	switch c.Type.Kind {
	case row.Boolean:
		v.AppendBool(s[0] != 0)
	case row.TinyInt:
		v.AppendI32(int32(int8(s[0])))
	case row.SmallInt:
		v.AppendI32(int32(int16(c.order.Uint16(s))))
	case row.Int:
		v.AppendI32(int32(c.order.Uint32(s)))
	case row.BigInt:
		v.AppendI64(int64(c.order.Uint64(s)))
	case row.Float:
		v.AppendF32(math.Float32frombits(c.order.Uint32(s)))
	case row.Double:
		v.AppendF64(math.Float64frombits(c.order.Uint64(s)))
	case row.Char, row.Varchar:
		v.Data = c.appendText(v.Data, s)
		v.EndBytes()
	default:
		v.AppendBytes(s)
	}
}

// appendText appends a text in UTF-8. What the charset does not have becomes U+FFFD.
func (c *codec) appendText(dst, s []byte) []byte {
	switch c.charset {
	case "UTF-8":
		return valuetext.AppendUTF8(dst, s)
	case "ISO-8859-1":
		for _, x := range s {
			dst = utf8.AppendRune(dst, rune(x))
		}
		return dst
	case "US-ASCII":
		for _, x := range s {
			if x >= utf8.RuneSelf {
				dst = utf8.AppendRune(dst, utf8.RuneError)
			} else {
				dst = append(dst, x)
			}
		}
		return dst
	}
	var order binary.ByteOrder = binary.BigEndian
	if c.charset == "UTF-16LE" {
		order = binary.LittleEndian
	}
	if c.charset == "UTF-16" && len(s) >= 2 {
		switch mark := binary.BigEndian.Uint16(s); mark {
		case 0xFFFE:
			order, s = binary.LittleEndian, s[2:]
		case 0xFEFF:
			s = s[2:]
		}
	}
	units := make([]uint16, len(s)/2)
	for i := range units {
		units[i] = order.Uint16(s[2*i:])
	}
	for _, r := range utf16.Decode(units) {
		dst = utf8.AppendRune(dst, r)
	}
	if len(s)%2 != 0 {
		dst = utf8.AppendRune(dst, utf8.RuneError)
	}
	return dst
}

var errNull = errors.New("NULL cannot be written in the format raw; filter it, or give a value with COALESCE")

// Append appends the value of the column.
func (c *codec) Append(dst []byte, b *column.Batch, place int) ([]byte, error) {
	v := b.Cols[0]
	if v.IsNull(place) {
		return dst, fmt.Errorf("column %s: %w", c.Name, errNull)
	}
	switch c.Type.Kind {
	case row.Boolean:
		if v.Bools[place] {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case row.TinyInt:
		return append(dst, byte(v.I32[place])), nil
	case row.SmallInt:
		return c.order.AppendUint16(dst, uint16(v.I32[place])), nil
	case row.Int:
		return c.order.AppendUint32(dst, uint32(v.I32[place])), nil
	case row.BigInt:
		return c.order.AppendUint64(dst, uint64(v.I64[place])), nil
	case row.Float:
		return c.order.AppendUint32(dst, math.Float32bits(v.F32[place])), nil
	case row.Double:
		return c.order.AppendUint64(dst, math.Float64bits(v.F64[place])), nil
	case row.Char, row.Varchar:
		return c.encodeText(dst, v.Bytes(place)), nil
	}
	return append(dst, v.Bytes(place)...), nil
}

// encodeText appends a text in the charset. What that does not have becomes a question mark.
func (c *codec) encodeText(dst, s []byte) []byte {
	most := rune(0xFF)
	switch c.charset {
	case "UTF-8":
		return append(dst, s...)
	case "US-ASCII":
		most = 0x7F
	case "ISO-8859-1":
	default:
		return c.encodeUTF16(dst, s)
	}
	for _, r := range string(s) {
		if r > most {
			r = '?'
		}
		dst = append(dst, byte(r))
	}
	return dst
}

func (c *codec) encodeUTF16(dst, s []byte) []byte {
	var order binary.AppendByteOrder = binary.BigEndian
	if c.charset == "UTF-16LE" {
		order = binary.LittleEndian
	}
	if c.charset == "UTF-16" {
		dst = order.AppendUint16(dst, 0xFEFF)
	}
	for _, u := range utf16.Encode([]rune(string(s))) {
		dst = order.AppendUint16(dst, u)
	}
	return dst
}
