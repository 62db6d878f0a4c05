package protobuf

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// node reads a message.
type node struct {
	fields []*field
	byNum  []*field // by number, up to numberMax
	others map[protowire.Number]*field
	oneofs bool // some of the fields exclude each other
}

const numberMax = 64

// field reads a field of a message, or its elements.
type field struct {
	path     string
	kind     protoreflect.Kind
	wire     protowire.Type
	form     column.Form
	at       int              // of the column among those of the message
	repeated bool             // also of a map, whose entries are messages
	isMap    bool             //
	required bool             // of proto2
	utf8     bool             // a text must be UTF-8
	text     bool             // the column is a text
	symbols  map[int32]string // of an enum that is read as its names
	null     bool             // what is not there is NULL
	def      value            // else this
	message  *node            // of a message; of a map the entry
	oneof    int              // number of the oneof, from 1; 0 for none
	out      *column.Vector

	value
	list *column.Vector // of the elements
}

// value is one that was met, and is not appended yet.
type value struct {
	has bool
	x   uint64
	b   []byte
}

type planner struct{ defaults bool }

// message has fields of a message go to columns of their names.
func (p *planner) message(m protoreflect.MessageDescriptor, columns []row.Field, path string) (*node, error) {
	n := &node{byNum: make([]*field, numberMax)}
	var errs []error
	for i, c := range columns {
		d := m.Fields().ByName(protoreflect.Name(c.Name))
		if d == nil {
			errs = append(errs, fmt.Errorf("the message %s has no field %s", m.FullName(), c.Name))
			continue
		}
		f, err := p.field(d, c.Type, join(path, c.Name))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		f.at = i
		if o := d.ContainingOneof(); o != nil && !o.IsSynthetic() {
			f.oneof = o.Index() + 1
		}
		n.add(d.Number(), f)
	}
	n.exclude(m)
	return n, errors.Join(errs...)
}

// exclude has fields be known that no column wants, but that take back what others of their oneof have said.
func (n *node) exclude(m protoreflect.MessageDescriptor) {
	for _, f := range slices.Clone(n.fields) {
		if f.oneof == 0 {
			continue
		}
		n.oneofs = true
		all := m.Oneofs().Get(f.oneof - 1).Fields()
		for i := range all.Len() {
			d := all.Get(i)
			if n.find(d.Number()) == nil {
				n.put(d.Number(), &field{kind: d.Kind(), wire: wireType(d.Kind()), oneof: f.oneof, at: -1})
			}
		}
	}
}

func (n *node) add(number protowire.Number, f *field) {
	n.fields = append(n.fields, f)
	n.put(number, f)
}

func (n *node) put(number protowire.Number, f *field) {
	if number < numberMax {
		n.byNum[number] = f
		return
	}
	if n.others == nil {
		n.others = map[protowire.Number]*field{}
	}
	n.others[number] = f
}

func (n *node) find(number protowire.Number) *field {
	if number < numberMax {
		return n.byNum[number]
	}
	return n.others[number]
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// field has a field go to a column of a type.
func (p *planner) field(d protoreflect.FieldDescriptor, t *row.Type, path string) (*field, error) {
	wrong := fmt.Errorf("field %s is %s in the message, which is not read or written as %s", path, describe(d), t)
	if d.Kind() == protoreflect.GroupKind {
		return nil, fmt.Errorf("field %s is a group, which cannot be read; leave it out", path)
	}
	switch {
	case d.IsMap():
		if t.Kind != row.Map {
			return nil, wrong
		}
		f := &field{path: path, kind: d.Kind(), wire: protowire.BytesType, repeated: true, isMap: true, null: !p.defaults && !t.NotNull}
		f.message = &node{byNum: make([]*field, numberMax)}
		for i, part := range []protoreflect.FieldDescriptor{d.MapKey(), d.MapValue()} { // an entry has both, or their defaults
			e, err := p.single(part, []*row.Type{t.Key, t.Elem}[i], path, wrong)
			if err != nil {
				return nil, err
			}
			e.at, e.def = i, defaultOf(part)
			f.message.add(part.Number(), e)
		}
		return f, nil
	case d.IsList():
		if t.Kind != row.Array {
			return nil, wrong
		}
		f, err := p.single(d, t.Elem, path, wrong)
		if err == nil {
			f.repeated, f.null = true, !p.defaults && !t.NotNull
		}
		return f, err
	}
	f, err := p.single(d, t, path, wrong)
	if err != nil {
		return nil, err
	}
	f.null = !t.NotNull && !p.defaults && d.HasPresence()
	f.required = d.Cardinality() == protoreflect.Required
	f.def = defaultOf(d)
	return f, nil
}

// single is field for one value.
func (p *planner) single(d protoreflect.FieldDescriptor, t *row.Type, path string, wrong error) (*field, error) {
	f := &field{path: path, kind: d.Kind(), wire: wireType(d.Kind()), form: column.FormOf(t), text: t.IsText()}
	if !fits(d.Kind(), t) {
		return nil, wrong
	}
	switch d.Kind() {
	case protoreflect.EnumKind:
		if t.IsText() {
			f.symbols = map[int32]string{}
			for i := d.Enum().Values().Len() - 1; i >= 0; i-- {
				v := d.Enum().Values().Get(i)
				f.symbols[int32(v.Number())] = string(v.Name())
			}
		}
	case protoreflect.StringKind:
		f.utf8 = d.ParentFile().Syntax() != protoreflect.Proto2
	case protoreflect.MessageKind:
		var err error
		f.message, err = p.message(d.Message(), t.Fields, path)
		return f, err
	}
	return f, nil
}

// fits reports whether values of a kind are read and written as a type.
func fits(k protoreflect.Kind, t *row.Type) bool {
	switch k {
	case protoreflect.BoolKind:
		return t.Kind == row.Boolean
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return t.Kind == row.Int || t.Kind == row.BigInt
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return t.Kind == row.BigInt
	case protoreflect.FloatKind:
		return t.Kind == row.Float
	case protoreflect.DoubleKind:
		return t.Kind == row.Double
	case protoreflect.StringKind:
		return t.IsText()
	case protoreflect.BytesKind:
		return t.IsBinary()
	case protoreflect.EnumKind:
		return t.IsText() || t.IsInteger()
	case protoreflect.MessageKind:
		return t.Kind == row.Row
	}
	return false
}

func describe(d protoreflect.FieldDescriptor) string {
	name := d.Kind().String()
	switch {
	case d.IsMap():
		return fmt.Sprintf("map<%s, %s>", describe(d.MapKey()), describe(d.MapValue()))
	case d.Message() != nil:
		name = string(d.Message().FullName())
	case d.Enum() != nil:
		name = string(d.Enum().FullName())
	}
	if d.IsList() {
		return "repeated " + name
	}
	return name
}

// wireType is how a value of a kind lies in a message.
func wireType(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	}
	return protowire.VarintType
}

// defaultOf is what a field is that is not there, as it would lie in a message.
func defaultOf(d protoreflect.FieldDescriptor) value {
	if d.Message() != nil {
		return value{}
	}
	v := d.Default()
	switch d.Kind() {
	case protoreflect.EnumKind:
		return value{x: uint64(v.Enum())}
	case protoreflect.StringKind:
		return value{b: []byte(v.String())}
	case protoreflect.BytesKind:
		return value{b: v.Bytes()}
	}
	return value{x: scalar(d.Kind(), v)}
}

// scalar is a number as it lies in a message.
func scalar(k protoreflect.Kind, v protoreflect.Value) uint64 {
	switch k {
	case protoreflect.BoolKind:
		return protowire.EncodeBool(v.Bool())
	case protoreflect.FloatKind:
		return uint64(math.Float32bits(float32(v.Float())))
	case protoreflect.DoubleKind:
		return math.Float64bits(v.Float())
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return protowire.EncodeZigZag(v.Int())
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return v.Uint()
	}
	return uint64(v.Int())
}

// name is that of a symbol, or its number if it has none.
func (f *field) name(number int32) string {
	if s, ok := f.symbols[number]; ok {
		return s
	}
	return strconv.Itoa(int(number))
}

// bind has the values of a message go to columns.
func (n *node) bind(cols []*column.Vector) {
	for _, f := range n.fields {
		f.out = cols[f.at]
		switch {
		case f.isMap:
			f.message.bind(f.out.Children[:2])
		case f.repeated:
			if f.list = f.out.Children[0]; f.message != nil {
				f.message.bind(f.list.Children)
			}
		case f.message != nil:
			f.message.bind(f.out.Children)
		}
	}
}
