package file

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// column is a field of a struct that stands for a cell.
type column struct {
	name   string
	field  int
	decode func(v reflect.Value, cell string) error
	encode func(dst []byte, v reflect.Value) ([]byte, error)
}

var (
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	textAppender    = reflect.TypeFor[encoding.TextAppender]()
)

// columnsOf finds the exported fields of a struct. The tag csv:"name" names a column, csv:"-"
// leaves a field out.
func columnsOf(t reflect.Type) ([]column, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("file: a CSV record is a struct or []string, not %v", t)
	}
	var out []column
	seen := map[string]string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("csv")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		lower := strings.ToLower(name)
		if other, ok := seen[lower]; ok {
			return nil, fmt.Errorf("file: the fields %s and %s of %v have the same column %q", other,
				f.Name, t, name)
		}
		seen[lower] = f.Name
		c := column{name: name, field: i}
		if c.decode, c.encode = cellOf(f.Type); c.decode == nil {
			return nil, fmt.Errorf("file: field %s of %v: a cell cannot be a %v; use a number, a string, "+
				"a bool, a type with MarshalText and UnmarshalText, or a pointer to one", f.Name, t, f.Type)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("file: %v has no exported field for a CSV column", t)
	}
	return out, nil
}

type (
	decodeCell = func(v reflect.Value, cell string) error
	encodeCell = func(dst []byte, v reflect.Value) ([]byte, error)
)

// cellOf is how values of t are written in a cell; nil if they cannot be.
func cellOf(t reflect.Type) (decodeCell, encodeCell) {
	p := reflect.PointerTo(t)
	if p.Implements(textUnmarshaler) && (p.Implements(textAppender) || p.Implements(textMarshaler)) {
		return decodeText, encodeText
	}
	switch t.Kind() {
	case reflect.String:
		return func(v reflect.Value, cell string) error {
				v.SetString(cell)
				return nil
			}, func(dst []byte, v reflect.Value) ([]byte, error) {
				return append(dst, v.String()...), nil
			}
	case reflect.Bool:
		return decodeBool, func(dst []byte, v reflect.Value) ([]byte, error) {
			return strconv.AppendBool(dst, v.Bool()), nil
		}
	case reflect.Pointer:
		return pointerCell(t.Elem())
	}
	return numberCell(t)
}

func numberCell(t reflect.Type) (decodeCell, encodeCell) {
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return decodeInt, func(dst []byte, v reflect.Value) ([]byte, error) {
			return strconv.AppendInt(dst, v.Int(), 10), nil
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return decodeUint, func(dst []byte, v reflect.Value) ([]byte, error) {
			return strconv.AppendUint(dst, v.Uint(), 10), nil
		}
	case reflect.Float32, reflect.Float64:
		return decodeFloat, func(dst []byte, v reflect.Value) ([]byte, error) {
			return strconv.AppendFloat(dst, v.Float(), 'g', -1, v.Type().Bits()), nil
		}
	}
	return nil, nil
}

func decodeInt(v reflect.Value, cell string) error {
	n, err := strconv.ParseInt(cell, 10, v.Type().Bits())
	v.SetInt(n)
	return err
}

func decodeUint(v reflect.Value, cell string) error {
	n, err := strconv.ParseUint(cell, 10, v.Type().Bits())
	v.SetUint(n)
	return err
}

func decodeFloat(v reflect.Value, cell string) error {
	x, err := strconv.ParseFloat(cell, v.Type().Bits())
	v.SetFloat(x)
	return err
}

func decodeBool(v reflect.Value, cell string) error {
	b, err := strconv.ParseBool(cell)
	v.SetBool(b)
	return err
}

func decodeText(v reflect.Value, cell string) error {
	return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(cell))
}

func encodeText(dst []byte, v reflect.Value) ([]byte, error) {
	if a, ok := v.Addr().Interface().(encoding.TextAppender); ok {
		return a.AppendText(dst)
	}
	text, err := v.Addr().Interface().(encoding.TextMarshaler).MarshalText()
	return append(dst, text...), err
}

// pointerCell makes an empty cell nil.
func pointerCell(t reflect.Type) (decodeCell, encodeCell) {
	if t.Kind() == reflect.Pointer {
		return nil, nil
	}
	decode, encode := cellOf(t)
	if decode == nil {
		return nil, nil
	}
	return func(v reflect.Value, cell string) error {
			if cell == "" {
				v.SetZero()
				return nil
			}
			p := reflect.New(t)
			v.Set(p)
			return decode(p.Elem(), cell)
		}, func(dst []byte, v reflect.Value) ([]byte, error) {
			if v.IsNil() {
				return dst, nil
			}
			return encode(dst, v.Elem())
		}
}
