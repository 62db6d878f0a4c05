package avro

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/flott-dev/flott/row"
)

// recordName is the name of the record that the columns of a table are, as in Flink.
const recordName = "org.apache.flink.avro.generated.record"

// derive is the schema of columns, as Flink derives it.
func derive(s *row.Schema, legacy bool) (string, error) {
	d := deriver{legacy}
	var errs []error
	for _, f := range s.Fields {
		if _, err := d.nullable(f.Type, recordName+"_"+f.Name); err != nil {
			errs = append(errs, fmt.Errorf("column %s of type %s: %w", f.Name, f.Type, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	root, err := d.record(s.Fields, recordName)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(root)
	return string(text), err
}

type deriver struct{ legacy bool }

// object is a schema, or a part of one; its fields have the order that Flink writes them in.
type object struct {
	Type      any    `json:"type"`
	Name      string `json:"name,omitempty"`
	Fields    []any  `json:"fields,omitempty"`
	Items     any    `json:"items,omitempty"`
	Values    any    `json:"values,omitempty"`
	Logical   string `json:"logicalType,omitempty"`
	Precision int    `json:"precision,omitempty"`
	Scale     *int   `json:"scale,omitempty"`
}

type fieldSchema struct {
	Name string `json:"name"`
	Type any    `json:"type"`
}

type nullableField struct {
	fieldSchema
	Default any `json:"default"`
}

func (d deriver) record(fields []row.Field, name string) (any, error) {
	o := object{Type: "record", Name: name, Fields: []any{}}
	for _, f := range fields {
		t, err := d.nullable(f.Type, name+"_"+f.Name)
		if err != nil {
			return nil, err
		}
		s := fieldSchema{f.Name, t}
		if f.Type.NotNull {
			o.Fields = append(o.Fields, s)
		} else {
			o.Fields = append(o.Fields, nullableField{s, nil})
		}
	}
	return o, nil
}

func (d deriver) nullable(t *row.Type, name string) (any, error) {
	s, err := d.value(t, name)
	if err != nil || t.NotNull || t.Kind == row.Null {
		return s, err
	}
	return []any{"null", s}, nil
}

// value is the schema of a type without NULL. name is that of a record.
func (d deriver) value(t *row.Type, name string) (any, error) {
	switch t.Kind {
	case row.Boolean:
		return "boolean", nil
	case row.TinyInt, row.SmallInt, row.Int:
		return "int", nil
	case row.BigInt:
		return "long", nil
	case row.Float:
		return "float", nil
	case row.Double:
		return "double", nil
	case row.Char, row.Varchar:
		return "string", nil
	case row.Binary, row.Varbinary:
		return "bytes", nil
	case row.Date:
		return object{Type: "int", Logical: "date"}, nil
	case row.Time:
		if t.Precision > 3 {
			return nil, errors.New("the format avro has TIME up to precision 3")
		}
		return object{Type: "int", Logical: "time-millis"}, nil
	case row.Decimal:
		return object{Type: "bytes", Logical: "decimal", Precision: t.Precision, Scale: &t.Scale}, nil
	case row.Timestamp, row.TimestampLTZ:
		return d.timestamp(t)
	case row.Row:
		return d.record(t.Fields, name)
	case row.Array:
		items, err := d.nullable(t.Elem, name)
		return object{Type: "array", Items: items}, err
	case row.Map:
		if !t.Key.IsText() {
			return nil, errors.New("the keys of maps are STRING in the format avro")
		}
		values, err := d.nullable(t.Elem, name)
		return object{Type: "map", Values: values}, err
	case row.Multiset:
		if !t.Elem.IsText() {
			return nil, errors.New("the elements of multisets are STRING in the format avro")
		}
		return object{Type: "map", Values: []any{"null", "int"}}, nil
	}
	return nil, fmt.Errorf("the format avro has no values of type %s", t)
}

func (d deriver) timestamp(t *row.Type) (any, error) {
	name := "timestamp-"
	switch {
	case d.legacy && t.Kind == row.TimestampLTZ:
		return nil, errors.New("the format avro has no TIMESTAMP_LTZ with avro.timestamp_mapping.legacy; set it to false")
	case d.legacy && t.Precision > 3:
		return nil, errors.New("the format avro has timestamps up to precision 3, with avro.timestamp_mapping.legacy = false up to 6")
	case t.Precision > 6:
		return nil, errors.New("the format avro has timestamps up to precision 6")
	case !d.legacy && t.Kind == row.Timestamp:
		name = "local-timestamp-"
	}
	if millis(t) {
		return object{Type: "long", Logical: name + "millis"}, nil
	}
	return object{Type: "long", Logical: name + "micros"}, nil
}

// millis reports whether timestamps of a type are written in milliseconds, and not in microseconds.
func millis(t *row.Type) bool { return t.Precision <= 3 }
