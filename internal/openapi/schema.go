package openapi

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Schemas makes the schemas of Go types as encoding/json writes and reads them. A struct that has a name becomes a component, which
// others refer to by that name: two of one name are an error of the program.
//
// # Non-obvious
//
//   - A field is required unless it is left out when it is empty. Whoever writes JSON by hand may leave out more: types that are
//     described first as a request's have no required fields.
//   - nil is the null of a pointer only. Who answers makes slices and maps that are empty, and not nil.
type Schemas struct {
	// Home is the path of the package whose types have their own names; those of others go on with their package: control.Submission.
	Home string
	// Known are schemas of types that write their JSON by themselves.
	Known map[reflect.Type]*Schema

	all   map[string]*Schema
	types map[string]reflect.Type
}

// All are the components that there are, by their names.
func (s *Schemas) All() map[string]*Schema { return s.all }

// Answer is the schema of what is answered.
func (s *Schemas) Answer(t reflect.Type) *Schema { return s.of(t, true) }

// Request is the schema of what is asked for.
func (s *Schemas) Request(t reflect.Type) *Schema { return s.of(t, false) }

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

func (s *Schemas) of(t reflect.Type, whole bool) *Schema {
	switch known := s.Known[t]; {
	case known != nil:
		return known
	case t.Implements(jsonMarshaler):
		return &Schema{}
	case t.Implements(textMarshaler):
		return &Schema{Type: "string"}
	}
	switch t.Kind() {
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Int64, reflect.Uint64:
		return &Schema{Type: "integer", Format: "int64"}
	case reflect.Int32, reflect.Uint16, reflect.Int16, reflect.Int8, reflect.Uint8:
		return &Schema{Type: "integer", Format: "int32"}
	case reflect.Int, reflect.Uint, reflect.Uint32:
		return &Schema{Type: "integer"}
	case reflect.Float32, reflect.Float64:
		return &Schema{Type: "number", Format: "double"}
	case reflect.String:
		return &Schema{Type: "string"}
	case reflect.Interface:
		return &Schema{}
	case reflect.Pointer:
		return s.of(t.Elem(), whole)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return &Schema{Type: "string", Encoding: "base64"}
		}
		return &Schema{Type: "array", Items: s.of(t.Elem(), whole)}
	case reflect.Array:
		return &Schema{Type: "array", Items: s.of(t.Elem(), whole)}
	case reflect.Map:
		return &Schema{Type: "object", Values: s.of(t.Elem(), whole)}
	case reflect.Struct:
		return s.component(t, whole)
	}
	panic(fmt.Sprintf("openapi: a %v has no JSON", t))
}

// component is a reference to the schema of a struct.
func (s *Schemas) component(t reflect.Type, whole bool) *Schema {
	name := t.Name()
	if name == "" {
		return s.object(t, whole)
	}
	if t.PkgPath() != s.Home {
		name = t.String()
	}
	switch other := s.types[name]; {
	case other == nil:
		if s.all == nil {
			s.all, s.types = map[string]*Schema{}, map[string]reflect.Type{}
		}
		s.types[name] = t // before its fields: they may be of the type, too
		s.all[name] = s.object(t, whole)
	case other != t:
		panic(fmt.Sprintf("openapi: %v and %v have the same name", t, other))
	}
	return &Schema{Ref: "#/components/schemas/" + name}
}

func (s *Schemas) object(t reflect.Type, whole bool) *Schema {
	o := &Schema{Type: "object", Properties: map[string]*Schema{}}
	s.fields(o, t, whole)
	slices.Sort(o.Required)
	return o
}

// fields adds the fields of a struct. Those that it names itself come before those of structs that are embedded in it.
func (s *Schemas) fields(o *Schema, t reflect.Type, whole bool) {
	var embedded []reflect.StructField
	for f := range t.Fields() {
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		options := strings.Split(rest, ",")
		switch {
		case name == "-" && rest == "":
		case f.Anonymous && name == "":
			embedded = append(embedded, f)
		case f.IsExported():
			if name == "" {
				name = f.Name
			}
			if o.Properties[name] != nil {
				continue
			}
			always := !slices.Contains(options, "omitempty") && !slices.Contains(options, "omitzero")
			o.Properties[name] = s.field(f.Type, whole, always)
			if whole && always {
				o.Required = append(o.Required, name)
			}
		}
	}
	for _, f := range embedded {
		if t := f.Type; t.Kind() == reflect.Pointer {
			s.fields(o, t.Elem(), false) // its fields are there or not together
		} else {
			s.fields(o, t, whole)
		}
	}
}

// field is the schema of a field, whose pointer may be null if the field is always there.
func (s *Schemas) field(t reflect.Type, whole, always bool) *Schema {
	schema := s.of(t, whole)
	if t.Kind() == reflect.Pointer && always {
		return &Schema{AnyOf: []*Schema{schema, {Type: "null"}}}
	}
	return schema
}
