package savepoint

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"
)

// Struct is a dynamic struct: its fields in their order.
type Struct []Field

// Field is a field of a Struct.
type Field struct {
	Name  string
	Value any
}

// Get is the value of a field, nil when there is none of that name.
func (s Struct) Get(name string) any {
	for _, f := range s {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Map is a dynamic map: its entries, in the order in which they are stored.
type Map []Entry

// Entry is an entry of a Map.
type Entry struct{ Key, Value any }

// Opaque is a value that only its own type can decode: one with MarshalBinary, or with a registered
// codec, which Read and Get take (WithCodec). As text it is its type and the bytes in hexadecimal, such as
// netip.Addr(0x7f000001).
type Opaque struct {
	Type  string
	Bytes []byte
}

// Text is a dynamic value as people read it: numbers and texts as they are, what has parts as JSON.
func Text(v any) string {
	if s, ok := scalar(v); ok {
		return s
	}
	return string(appendJSON(nil, v))
}

// MarshalJSON is the object with the fields in their order.
func (s Struct) MarshalJSON() ([]byte, error) { return appendJSON(nil, s), nil }

// MarshalJSON is an object whose names are the texts of the keys.
func (m Map) MarshalJSON() ([]byte, error) { return appendJSON(nil, m), nil }

// MarshalJSON is the text.
func (o Opaque) MarshalJSON() ([]byte, error) { return appendJSON(nil, o), nil }

// scalar is the text of a value without parts.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case []byte:
		return bytesText(v), true
	case Opaque:
		return fmt.Sprintf("%s(0x%x)", v.Type, v.Bytes), true
	case time.Time:
		return v.Format(time.RFC3339Nano), true
	case *big.Float:
		return v.Text('g', -1), true
	case Struct, Map, []any:
		return "", false
	}
	return fmt.Sprint(v), true
}

// bytesText is bytes as text, in hexadecimal where they are not printable.
func bytesText(b []byte) string {
	if utf8.Valid(b) && strconv.CanBackquote(string(b)) {
		return string(b)
	}
	return "0x" + hex.EncodeToString(b)
}

func appendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case Struct:
		dst = append(dst, '{')
		for i, f := range v {
			dst = appendMember(dst, i, f.Name, f.Value)
		}
		return append(dst, '}')
	case Map:
		dst = append(dst, '{')
		for i, e := range v {
			dst = appendMember(dst, i, Text(e.Key), e.Value)
		}
		return append(dst, '}')
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, e)
		}
		return append(dst, ']')
	case float32:
		return appendFloat(dst, float64(v), 32)
	case float64:
		return appendFloat(dst, v, 64)
	case bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, *big.Int:
		return fmt.Append(dst, v)
	}
	text, _ := scalar(v)
	return appendText(dst, text)
}

func appendMember(dst []byte, i int, name string, v any) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return appendJSON(append(appendText(dst, name), ':'), v)
}

func appendText(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string has a form
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// appendFloat appends a number, or as text what JSON has no number for.
func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return appendText(dst, fmt.Sprint(f))
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}
