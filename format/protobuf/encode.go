package protobuf

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// encoder writes rows as messages.
type encoder struct{ root *messagePlan }

// messagePlan writes a message: its fields in the order of their numbers.
type messagePlan struct{ parts []*part }

// part writes a field.
type part struct {
	path     string
	number   protowire.Number
	kind     protoreflect.Kind
	wire     protowire.Type
	at       int // of the column
	repeated bool
	packed   bool
	isMap    bool
	sparse   bool // 0 is not written
	required bool
	symbols  map[string]int32 // of an enum that is written by its names
	first    int32            // symbol of an enum
	literal  string           // of a text that is NULL in an array or a map
	key      *part            // of a map
	elem     *part            // of a map, the value
	message  *messagePlan
	later    []int // columns of the same oneof that go before this one, if they are not NULL
}

// compileMessage makes the plan by which columns are written as a message.
func compileMessage(m protoreflect.MessageDescriptor, columns []row.Field, literal, path string) (*messagePlan, error) {
	p := &messagePlan{}
	var errs []error
	oneofs := map[int][]int{}
	for i, c := range columns {
		d := m.Fields().ByName(protoreflect.Name(c.Name))
		if d == nil {
			errs = append(errs, fmt.Errorf("the message %s has no field %s", m.FullName(), c.Name))
			continue
		}
		f, err := compileField(d, c.Type, literal, join(path, c.Name))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		f.at = i
		if o := d.ContainingOneof(); o != nil && !o.IsSynthetic() {
			oneofs[o.Index()] = append(oneofs[o.Index()], i)
		}
		p.parts = append(p.parts, f)
	}
	for _, f := range p.parts {
		for _, same := range oneofs {
			if at := slices.Index(same, f.at); at >= 0 { // the last one that is not NULL is written
				f.later = same[at+1:]
			}
		}
	}
	for i := range m.Fields().Len() {
		d := m.Fields().Get(i)
		if d.Cardinality() == protoreflect.Required && !slices.ContainsFunc(columns, func(c row.Field) bool { return c.Name == string(d.Name()) }) {
			errs = append(errs, fmt.Errorf("there is no column for the field %s, which is required", join(path, string(d.Name()))))
		}
	}
	slices.SortFunc(p.parts, func(a, b *part) int { return cmp.Compare(a.number, b.number) })
	return p, errors.Join(errs...)
}

func compileField(d protoreflect.FieldDescriptor, t *row.Type, literal, path string) (*part, error) {
	wrong := fmt.Errorf("field %s is %s in the message, which is not read or written as %s", path, describe(d), t)
	f := &part{
		path: path, number: d.Number(), kind: d.Kind(), wire: wireType(d.Kind()), repeated: d.IsList(), packed: d.IsPacked(), isMap: d.IsMap(),
		sparse: !d.HasPresence(), required: d.Cardinality() == protoreflect.Required, literal: literal,
	}
	if d.IsMap() {
		if t.Kind != row.Map {
			return nil, wrong
		}
		if !fits(d.MapKey().Kind(), t.Key) || !fits(d.MapValue().Kind(), t.Elem) {
			return nil, wrong
		}
		var err error
		if f.key, err = compileField(d.MapKey(), t.Key, literal, path); err != nil {
			return nil, err
		}
		f.elem, err = compileField(d.MapValue(), t.Elem, literal, path)
		return f, err
	}
	if d.IsList() {
		if t.Kind != row.Array {
			return nil, wrong
		}
		t = t.Elem
	}
	if !fits(d.Kind(), t) {
		return nil, wrong
	}
	switch d.Kind() {
	case protoreflect.EnumKind:
		f.first = int32(d.Enum().Values().Get(0).Number())
		if t.IsText() {
			f.symbols = map[string]int32{}
			for i := range d.Enum().Values().Len() {
				v := d.Enum().Values().Get(i)
				f.symbols[string(v.Name())] = int32(v.Number())
			}
		}
	case protoreflect.MessageKind:
		var err error
		f.message, err = compileMessage(d.Message(), t.Fields, literal, path)
		return f, err
	}
	return f, nil
}

// Append appends a message.
//
//flott:hot
func (e *encoder) Append(dst []byte, b *column.Batch, place int) ([]byte, error) {
	begin := len(dst)
	dst, err := e.root.append(dst, b.Cols, place)
	if err != nil {
		return dst[:begin], err
	}
	return dst, nil
}

func (m *messagePlan) append(dst []byte, cols []*column.Vector, i int) (_ []byte, err error) {
	for _, p := range m.parts {
		v := cols[p.at]
		if v.IsNull(i) {
			if p.required {
				return dst, fmt.Errorf("column %s is NULL, and the field is required", p.path)
			}
			continue
		}
		if slices.ContainsFunc(p.later, func(at int) bool { return !cols[at].IsNull(i) }) {
			continue
		}
		switch {
		case p.isMap:
			dst, err = p.entries(dst, v, i)
		case p.repeated:
			dst, err = p.elements(dst, v, i)
		default:
			dst, err = p.field(dst, v, i)
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// field appends a field with one value, unless it is left out as 0.
func (p *part) field(dst []byte, v *column.Vector, i int) ([]byte, error) {
	begin := len(dst)
	dst = protowire.AppendTag(dst, p.number, p.wire)
	body := len(dst)
	dst, err := p.value(dst, v, i)
	if err == nil && p.sparse && p.isZero(dst[body:]) {
		dst = dst[:begin]
	}
	return dst, err
}

// isZero reports whether a value that was written is the one that is left out.
func (p *part) isZero(b []byte) bool {
	return p.message == nil && !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
}

func (p *part) elements(dst []byte, v *column.Vector, i int) (_ []byte, err error) {
	from, to := v.Range(i)
	if from == to {
		return dst, nil
	}
	if p.packed {
		dst = protowire.AppendTag(dst, p.number, protowire.BytesType)
		begin := len(dst)
		for k := from; k < to; k++ {
			if dst, err = p.element(dst, v.Children[0], k); err != nil {
				return dst, err
			}
		}
		return prefix(dst, begin), nil
	}
	for k := from; k < to; k++ {
		if dst, err = p.element(protowire.AppendTag(dst, p.number, p.wire), v.Children[0], k); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// entries appends a map: messages with a key and a value.
func (p *part) entries(dst []byte, v *column.Vector, i int) (_ []byte, err error) {
	from, to := v.Range(i)
	for k := from; k < to; k++ {
		dst = protowire.AppendTag(dst, p.number, protowire.BytesType)
		begin := len(dst)
		for n, e := range []*part{p.key, p.elem} {
			if dst, err = e.element(protowire.AppendTag(dst, e.number, e.wire), v.Children[n], k); err != nil {
				return dst, err
			}
		}
		dst = prefix(dst, begin)
	}
	return dst, nil
}

// element is value for one in an array or a map, where NULL has something else in its place.
func (p *part) element(dst []byte, v *column.Vector, i int) ([]byte, error) {
	if !v.IsNull(i) {
		return p.value(dst, v, i)
	}
	switch p.kind {
	case protoreflect.StringKind:
		return protowire.AppendString(dst, p.literal), nil
	case protoreflect.EnumKind:
		return protowire.AppendVarint(dst, uint64(int64(p.first))), nil
	}
	switch p.wire {
	case protowire.Fixed32Type:
		return protowire.AppendFixed32(dst, 0), nil
	case protowire.Fixed64Type:
		return protowire.AppendFixed64(dst, 0), nil
	}
	return append(dst, 0), nil // 0, or a length
}

// value appends a value, behind its length if it has one.
//
//flott:hot
func (p *part) value(dst []byte, v *column.Vector, i int) ([]byte, error) {
	switch p.kind {
	case protoreflect.MessageKind:
		begin := len(dst)
		dst, err := p.message.append(dst, v.Children, i)
		return prefix(dst, begin), err
	case protoreflect.StringKind, protoreflect.BytesKind:
		return protowire.AppendBytes(dst, v.Bytes(i)), nil
	case protoreflect.BoolKind:
		return protowire.AppendVarint(dst, protowire.EncodeBool(v.Bools[i])), nil
	case protoreflect.FloatKind:
		return protowire.AppendFixed32(dst, math.Float32bits(v.F32[i])), nil
	case protoreflect.DoubleKind:
		return protowire.AppendFixed64(dst, math.Float64bits(v.F64[i])), nil
	case protoreflect.EnumKind:
		if p.symbols != nil {
			return p.symbol(dst, v.Bytes(i))
		}
	}
	x, ok := p.number64(v, i)
	if !ok {
		return dst, fmt.Errorf("column %s: %d has no room in %v", p.path, x, p.kind)
	}
	switch {
	case p.kind == protoreflect.Sint32Kind || p.kind == protoreflect.Sint64Kind:
		return protowire.AppendVarint(dst, protowire.EncodeZigZag(x)), nil
	case p.wire == protowire.Fixed32Type:
		return protowire.AppendFixed32(dst, uint32(x)), nil
	case p.wire == protowire.Fixed64Type:
		return protowire.AppendFixed64(dst, uint64(x)), nil
	case p.kind == protoreflect.Uint32Kind:
		return protowire.AppendVarint(dst, uint64(uint32(x))), nil
	}
	return protowire.AppendVarint(dst, uint64(x)), nil
}

// number64 is a whole number; ok is false if it is too large for the field.
func (p *part) number64(v *column.Vector, i int) (x int64, ok bool) {
	if column.FormOf(v.Type) == column.FormI32 {
		return int64(v.I32[i]), true
	}
	x = v.I64[i]
	switch p.kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.EnumKind:
		return x, x == int64(int32(x))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return x, x == int64(uint32(x))
	}
	return x, true
}

func (p *part) symbol(dst, name []byte) ([]byte, error) {
	x, ok := p.symbols[string(name)]
	if !ok {
		return dst, fmt.Errorf("column %s: the enum has no value %q", p.path, name)
	}
	return protowire.AppendVarint(dst, uint64(int64(x))), nil
}

// prefix puts the length of what begins somewhere before it.
func prefix(dst []byte, begin int) []byte {
	n := len(dst) - begin
	size := protowire.SizeVarint(uint64(n))
	for range size {
		dst = append(dst, 0)
	}
	copy(dst[begin+size:], dst[begin:begin+n])
	protowire.AppendVarint(dst[:begin], uint64(n))
	return dst
}
