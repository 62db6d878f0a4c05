// Package gotype converts between values of Go and values in columns.
//
//	bool                    BOOLEAN                 []T         ARRAY<T>
//	int8, int16, int32      TINYINT, SMALLINT, INT  map[K]V     MAP<K, V>
//	int64, int              BIGINT                  struct      ROW, by its exported fields
//	float32, float64        FLOAT, DOUBLE           *T          T that may be NULL
//	string, []byte          STRING, BYTES           NullType    the same without a pointer
//	time.Time               TIMESTAMP_LTZ(6)        time.Duration  INTERVAL DAY TO SECOND
//
// A string reads what any type is written as, so that a DECIMAL can be read exactly; numbers read narrower ones.
//
// Data flow: functions, queries and tables in Go programs make readers and writers once and use them for each
// value.
package gotype

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
)

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[[]byte]()
)

// Nullable is a struct that stands for a value or NULL: sql.Null. Its first field is the value, its second whether it is
// there.
type Nullable interface{ IsNullable() }

var nullableType = reflect.TypeFor[Nullable]()

// TypeOf is the SQL type of a Go type.
func TypeOf(t reflect.Type) (*row.Type, error) {
	switch {
	case t.Implements(nullableType):
		x, err := TypeOf(t.Field(0).Type)
		if err != nil {
			return nil, err
		}
		return x.Nullable(true), nil
	case t.Kind() == reflect.Pointer:
		x, err := TypeOf(t.Elem())
		if err != nil {
			return nil, err
		}
		return x.Nullable(true), nil
	}
	x, err := typeOf(t)
	if err != nil {
		return nil, err
	}
	return x.Nullable(false), nil
}

func typeOf(t reflect.Type) (*row.Type, error) {
	switch t {
	case timeType:
		return row.TimestampLTZOf(6), nil
	case durationType:
		return &row.Type{Kind: row.IntervalDay, Precision: 3, Unit: "SECOND(3)"}, nil
	case bytesType:
		return row.BytesType(), nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return row.Of(row.Boolean), nil
	case reflect.Int8:
		return row.Of(row.TinyInt), nil
	case reflect.Int16:
		return row.Of(row.SmallInt), nil
	case reflect.Int32:
		return row.Of(row.Int), nil
	case reflect.Int64, reflect.Int:
		return row.Of(row.BigInt), nil
	case reflect.Float32:
		return row.Of(row.Float), nil
	case reflect.Float64:
		return row.Of(row.Double), nil
	case reflect.String:
		return row.StringType(), nil
	case reflect.Slice:
		e, err := TypeOf(t.Elem())
		if err != nil {
			return nil, err
		}
		return row.ArrayOf(e), nil
	case reflect.Map:
		k, err := TypeOf(t.Key())
		if err != nil {
			return nil, err
		}
		v, err := TypeOf(t.Elem())
		if err != nil {
			return nil, err
		}
		return row.MapOf(k, v), nil
	case reflect.Struct:
		fields, err := Fields(t)
		if err != nil {
			return nil, err
		}
		x := row.RowOf()
		for _, f := range fields {
			x.Fields = append(x.Fields, row.Field{Name: f.Name, Type: f.Type})
		}
		return x, nil
	}
	return nil, fmt.Errorf("there is no SQL type for the Go type %s", t)
}

// Field is a field of a struct as a column.
type Field struct {
	Name  string
	Type  *row.Type
	Index []int // in the struct
}

// Fields are the exported fields of a struct. The tag `sql:"name"` names one, "-" leaves it out; else it has the name of
// the field with a small first letter.
func Fields(t reflect.Type) ([]Field, error) {
	var fields []Field
	for _, f := range reflect.VisibleFields(t) {
		tag := f.Tag.Get("sql")
		if !f.IsExported() || tag == "-" || f.Anonymous {
			continue
		}
		name := tag
		if name == "" {
			name = strings.ToLower(f.Name[:1]) + f.Name[1:]
		}
		x, err := TypeOf(f.Type)
		if err != nil {
			return nil, fmt.Errorf("field %s of %s: %w", f.Name, t, err)
		}
		fields = append(fields, Field{name, x, f.Index})
	}
	if len(fields) == 0 {
		return nil, fmt.Errorf("the struct %s has no exported fields", t)
	}
	return fields, nil
}

// Reader sets a Go value to value i of a vector.
type Reader func(v *column.Vector, i int, to reflect.Value) error

// ErrNull is a NULL for a Go value that has none.
var ErrNull = errors.New("it is NULL; read it into a pointer or a sql.Null")

// NewReader makes the reader of values of a SQL type into a Go type.
func NewReader(t reflect.Type, from *row.Type) (Reader, error) {
	switch {
	case t.Implements(nullableType):
		inner, err := NewReader(t.Field(0).Type, from)
		if err != nil {
			return nil, err
		}
		return func(v *column.Vector, i int, to reflect.Value) error {
			to.SetZero()
			if v.IsNull(i) {
				return nil
			}
			to.Field(1).SetBool(true)
			return inner(v, i, to.Field(0))
		}, nil
	case t.Kind() == reflect.Pointer:
		inner, err := NewReader(t.Elem(), from)
		if err != nil {
			return nil, err
		}
		return func(v *column.Vector, i int, to reflect.Value) error {
			if v.IsNull(i) {
				to.SetZero()
				return nil
			}
			p := reflect.New(t.Elem())
			to.Set(p)
			return inner(v, i, p.Elem())
		}, nil
	}
	inner, err := newReader(t, from)
	if err != nil {
		return nil, err
	}
	return func(v *column.Vector, i int, to reflect.Value) error {
		if v.IsNull(i) {
			return ErrNull
		}
		return inner(v, i, to)
	}, nil
}

var utc = &expr.Context{Zone: time.UTC}

func mismatch(t reflect.Type, from *row.Type) error {
	return fmt.Errorf("a value of %s cannot be read into the Go type %s", from.Nullable(true), t)
}

func newReader(t reflect.Type, from *row.Type) (Reader, error) {
	form := column.FormOf(from)
	switch {
	case t == timeType && (from.IsTimestamp() || from.Kind == row.Date):
		return readTime, nil
	case t == durationType && from.Kind == row.IntervalDay:
		return func(v *column.Vector, i int, to reflect.Value) error {
			to.SetInt(v.I64[i] * int64(time.Millisecond))
			return nil
		}, nil
	case t == bytesType && form == column.FormBytes:
		return func(v *column.Vector, i int, to reflect.Value) error {
			to.SetBytes(append([]byte{}, v.Bytes(i)...))
			return nil
		}, nil
	}
	switch t.Kind() {
	case reflect.Bool:
		if form == column.FormBool {
			return func(v *column.Vector, i int, to reflect.Value) error { to.SetBool(v.Bools[i]); return nil }, nil
		}
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		return readInt(t, from)
	case reflect.Float32, reflect.Float64:
		return readFloat(t, from)
	case reflect.String:
		if from.IsText() || from.IsBinary() {
			return func(v *column.Vector, i int, to reflect.Value) error { to.SetString(string(v.Bytes(i))); return nil }, nil
		}
		return func(v *column.Vector, i int, to reflect.Value) error {
			to.SetString(string(builtin.AppendText(nil, utc, v, i)))
			return nil
		}, nil
	case reflect.Slice:
		if from.Kind == row.Array {
			return readSlice(t, from)
		}
	case reflect.Map:
		if from.Kind == row.Map {
			return readMap(t, from)
		}
	case reflect.Struct:
		if from.Kind == row.Row {
			return readStruct(t, from)
		}
	}
	return nil, mismatch(t, from)
}

func readTime(v *column.Vector, i int, to reflect.Value) error {
	if v.Type.Kind == row.Date {
		to.Set(reflect.ValueOf(time.Unix(int64(v.I32[i])*86400, 0).UTC()))
		return nil
	}
	t := time.UnixMicro(v.I64[i]).UTC()
	if len(v.Nanos) > 0 {
		t = t.Add(time.Duration(v.Nanos[i]))
	}
	to.Set(reflect.ValueOf(t))
	return nil
}

// widths are the bits of whole numbers.
var widths = map[row.Kind]int{row.TinyInt: 8, row.SmallInt: 16, row.Int: 32, row.BigInt: 64}

func readInt(t reflect.Type, from *row.Type) (Reader, error) {
	bits, ok := widths[from.Kind]
	if !ok || bits > t.Bits() {
		return nil, mismatch(t, from)
	}
	if from.Kind == row.BigInt {
		return func(v *column.Vector, i int, to reflect.Value) error { to.SetInt(v.I64[i]); return nil }, nil
	}
	return func(v *column.Vector, i int, to reflect.Value) error { to.SetInt(int64(v.I32[i])); return nil }, nil
}

func readFloat(t reflect.Type, from *row.Type) (Reader, error) {
	switch from.Kind {
	case row.Float:
		return func(v *column.Vector, i int, to reflect.Value) error { to.SetFloat(float64(v.F32[i])); return nil }, nil
	case row.Double:
		if t.Kind() == reflect.Float64 {
			return func(v *column.Vector, i int, to reflect.Value) error { to.SetFloat(v.F64[i]); return nil }, nil
		}
	case row.Decimal:
		return func(v *column.Vector, i int, to reflect.Value) error {
			f, err := strconv.ParseFloat(string(builtin.AppendText(nil, utc, v, i)), 64)
			to.SetFloat(f)
			return err
		}, nil
	case row.TinyInt, row.SmallInt, row.Int:
		return func(v *column.Vector, i int, to reflect.Value) error { to.SetFloat(float64(v.I32[i])); return nil }, nil
	}
	return nil, mismatch(t, from)
}

func readSlice(t reflect.Type, from *row.Type) (Reader, error) {
	elem, err := NewReader(t.Elem(), from.Elem)
	if err != nil {
		return nil, err
	}
	return func(v *column.Vector, i int, to reflect.Value) error {
		first, end := v.Range(i)
		s := reflect.MakeSlice(t, end-first, end-first)
		for k := first; k < end; k++ {
			if err := elem(v.Children[0], k, s.Index(k-first)); err != nil {
				return fmt.Errorf("element %d: %w", k-first+1, err)
			}
		}
		to.Set(s)
		return nil
	}, nil
}

func readMap(t reflect.Type, from *row.Type) (Reader, error) {
	key, err := NewReader(t.Key(), from.Key)
	if err != nil {
		return nil, err
	}
	value, err := NewReader(t.Elem(), from.Elem)
	if err != nil {
		return nil, err
	}
	return func(v *column.Vector, i int, to reflect.Value) error {
		first, end := v.Range(i)
		m := reflect.MakeMapWithSize(t, end-first)
		for j := first; j < end; j++ {
			k, x := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			if err := key(v.Children[0], j, k); err != nil {
				return fmt.Errorf("a key: %w", err)
			}
			if err := value(v.Children[1], j, x); err != nil {
				return fmt.Errorf("a value: %w", err)
			}
			m.SetMapIndex(k, x)
		}
		to.Set(m)
		return nil
	}, nil
}

func readStruct(t reflect.Type, from *row.Type) (Reader, error) {
	r, err := NewRowReader(t, from.Fields)
	if err != nil {
		return nil, err
	}
	return func(v *column.Vector, i int, to reflect.Value) error { return r(v.Children, i, to) }, nil
}

// RowReader sets a struct, or a value where there is one column, to a row.
type RowReader func(cols []*column.Vector, i int, to reflect.Value) error

// NewRowReader makes the reader of rows with some columns. Each field of a struct needs a column of its name, and each
// column a field.
func NewRowReader(t reflect.Type, cols []row.Field) (RowReader, error) {
	if t.Kind() != reflect.Struct || t == timeType || t.Implements(nullableType) {
		if len(cols) != 1 {
			return nil, fmt.Errorf("%d columns cannot be read into the Go type %s; a struct with a field for each can", len(cols), t)
		}
		r, err := NewReader(t, cols[0].Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", cols[0].Name, err)
		}
		return func(cs []*column.Vector, i int, to reflect.Value) error { return r(cs[0], i, to) }, nil
	}
	fields, err := Fields(t)
	if err != nil {
		return nil, err
	}
	readers := make([]Reader, len(cols))
	targets := make([]Field, len(cols))
	for i, c := range cols {
		at := -1
		for k, f := range fields {
			if strings.EqualFold(f.Name, c.Name) {
				at = k
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("the struct %s has no field for the column %s; name one by the tag `sql:\"%s\"`", t, c.Name, c.Name)
		}
		targets[i] = fields[at]
		if readers[i], err = NewReader(t.FieldByIndex(fields[at].Index).Type, c.Type); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		if !c.Type.NotNull && targets[i].Type.NotNull {
			return nil, fmt.Errorf("column %s may be NULL, and the field of %s cannot: make it a pointer or a sql.Null", c.Name, t)
		}
	}
	return func(cs []*column.Vector, i int, to reflect.Value) error {
		for k, r := range readers {
			if err := r(cs[k], i, to.FieldByIndex(targets[k].Index)); err != nil {
				return fmt.Errorf("column %s: %w", cols[k].Name, err)
			}
		}
		return nil
	}, nil
}
