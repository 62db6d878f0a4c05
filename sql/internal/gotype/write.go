package gotype

import (
	"fmt"
	"reflect"
	"time"

	"github.com/flott-dev/flott/column"
)

// Writer appends a Go value to a vector of the type that TypeOf gives for its own.
type Writer func(from reflect.Value, v *column.Vector)

// NewWriter makes the writer of values of a Go type.
func NewWriter(t reflect.Type) (Writer, error) {
	if _, err := TypeOf(t); err != nil {
		return nil, err
	}
	return newWriter(t), nil
}

func newWriter(t reflect.Type) Writer {
	switch {
	case t.Implements(nullableType):
		inner := newWriter(t.Field(0).Type)
		return func(from reflect.Value, v *column.Vector) {
			if !from.Field(1).Bool() {
				v.AppendNull()
				return
			}
			inner(from.Field(0), v)
		}
	case t.Kind() == reflect.Pointer:
		inner := newWriter(t.Elem())
		return func(from reflect.Value, v *column.Vector) {
			if from.IsNil() {
				v.AppendNull()
				return
			}
			inner(from.Elem(), v)
		}
	case t == timeType:
		return func(from reflect.Value, v *column.Vector) {
			v.AppendTimestamp(from.Interface().(time.Time).UnixMicro(), 0)
		}
	case t == durationType:
		return func(from reflect.Value, v *column.Vector) { v.AppendI64(from.Int() / int64(time.Millisecond)) }
	case t == bytesType:
		return func(from reflect.Value, v *column.Vector) { v.AppendBytes(from.Bytes()) }
	}
	switch t.Kind() {
	case reflect.Bool:
		return func(from reflect.Value, v *column.Vector) { v.AppendBool(from.Bool()) }
	case reflect.Int8, reflect.Int16, reflect.Int32:
		return func(from reflect.Value, v *column.Vector) { v.AppendI32(int32(from.Int())) }
	case reflect.Int64, reflect.Int:
		return func(from reflect.Value, v *column.Vector) { v.AppendI64(from.Int()) }
	case reflect.Float32:
		return func(from reflect.Value, v *column.Vector) { v.AppendF32(float32(from.Float())) }
	case reflect.Float64:
		return func(from reflect.Value, v *column.Vector) { v.AppendF64(from.Float()) }
	case reflect.String:
		return func(from reflect.Value, v *column.Vector) { v.AppendString(from.String()) }
	case reflect.Slice:
		elem := newWriter(t.Elem())
		return func(from reflect.Value, v *column.Vector) {
			for i := range from.Len() {
				elem(from.Index(i), v.Children[0])
			}
			v.EndList()
		}
	case reflect.Map:
		key, value := newWriter(t.Key()), newWriter(t.Elem())
		return func(from reflect.Value, v *column.Vector) {
			for it := from.MapRange(); it.Next(); {
				key(it.Key(), v.Children[0])
				value(it.Value(), v.Children[1])
			}
			v.EndList()
		}
	case reflect.Struct:
		row := rowWriter(t)
		return func(from reflect.Value, v *column.Vector) {
			row(from, v.Children)
			v.EndRow()
		}
	}
	panic(fmt.Sprintf("gotype: %s was checked before", t))
}

// RowWriter appends a struct, or a value for one column, to columns.
type RowWriter func(from reflect.Value, cols []*column.Vector)

// NewRowWriter makes the writer of rows of a Go type, with the columns that Fields gives, or one.
func NewRowWriter(t reflect.Type) (RowWriter, error) {
	if t.Kind() == reflect.Struct && t != timeType && !t.Implements(nullableType) {
		if _, err := Fields(t); err != nil {
			return nil, err
		}
		return rowWriter(t), nil
	}
	w, err := NewWriter(t)
	if err != nil {
		return nil, err
	}
	return func(from reflect.Value, cols []*column.Vector) { w(from, cols[0]) }, nil
}

func rowWriter(t reflect.Type) RowWriter {
	fields, _ := Fields(t) // was checked
	writers := make([]Writer, len(fields))
	for i, f := range fields {
		writers[i] = newWriter(t.FieldByIndex(f.Index).Type)
	}
	return func(from reflect.Value, cols []*column.Vector) {
		for i, w := range writers {
			w(from.FieldByIndex(fields[i].Index), cols[i])
		}
	}
}
