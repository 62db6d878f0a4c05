package codec

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"
)

// Kind says how a value is encoded. The numbers are part of the format of checkpoints.
type Kind uint8

// Kinds of values. int, uint and named types have the kind of what they are made of.
const (
	KindInvalid Kind = iota
	KindBool
	KindInt8
	KindInt16
	KindInt32
	KindInt64
	KindUint8
	KindUint16
	KindUint32
	KindUint64
	KindFloat32
	KindFloat64
	KindComplex64
	KindComplex128
	KindString
	KindBytes
	KindStruct   // Name, Fields
	KindSlice    // Elem, Len: 1 if each element takes a byte though it has nothing to encode
	KindArray    // Elem, Len
	KindMap      // Key, Elem
	KindPointer  // Elem
	KindTime     // time.Time
	KindDuration // time.Duration
	KindBigInt   // big.Int
	KindBigRat   // big.Rat
	KindBigFloat // big.Float
	KindBinary   // Name: a type with MarshalBinary and UnmarshalBinary
	KindCustom   // Name: the schema name of a registered codec
	KindRef      // Name, Len: repeats schema number Len in preorder; see Resolve
)

var kindNames = [...]string{
	"invalid", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
	"float32", "float64", "complex64", "complex128", "string", "bytes", "struct", "slice", "array",
	"map", "pointer", "time", "duration", "bigint", "bigrat", "bigfloat", "binary", "custom", "ref",
}

// String returns the name of the kind in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind" + strconv.Itoa(int(k))
}

// Schema describes the encoding of a type as a tree. It holds all that is needed to walk encoded
// bytes without the Go type, except those of KindBinary and KindCustom, which carry their length.
//
// Elements of a slice that have nothing to encode take a byte each, unless their type has no size: so a
// slice of structs whose fields are all left out is not one of structs without fields. Schemas of before
// the Len of a slice was set do not tell them apart; it counts in no comparison.
type Schema struct {
	Kind   Kind
	Name   string  // see Kind; names of Go types are as reflect.Type.String gives them
	Len    int     // see Kind
	Key    *Schema // of a map
	Elem   *Schema // of a slice, array, map or pointer
	Fields []Field // of a struct, in encoded order
}

// Field is an encoded field of a struct.
type Field struct {
	Name   string // name of the Go field, or of its tag
	Schema Schema
	// Was is the names that the field had before. It says how to read older schemas and is not
	// encoded, nor does it count in comparisons.
	Was []string `flott:"-"`
}

// String returns the schema as text that determines it, such as
//
//	main.Order{ID int64; Items []main.Item{SKU string; Tags map[string]bool}; Next *^main.Order@0}
func (s Schema) String() string {
	var b strings.Builder
	s.write(&b)
	return b.String()
}

func (s *Schema) write(b *strings.Builder) {
	switch s.Kind {
	case KindStruct:
		s.writeStruct(b)
	case KindSlice:
		b.WriteString("[]")
	case KindArray:
		fmt.Fprintf(b, "[%d]", s.Len)
	case KindMap:
		b.WriteString("map[")
		if s.Key != nil {
			s.Key.write(b)
		}
		b.WriteString("]")
	case KindPointer:
		b.WriteString("*")
	case KindBinary, KindCustom:
		fmt.Fprintf(b, "%s(%q)", s.Kind, s.Name)
	case KindRef:
		fmt.Fprintf(b, "^%s@%d", s.Name, s.Len)
	default:
		b.WriteString(s.Kind.String())
	}
	if s.Elem != nil {
		s.Elem.write(b)
	}
}

func (s *Schema) writeStruct(b *strings.Builder) {
	b.WriteString(s.Name)
	b.WriteByte('{')
	for i := range s.Fields {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(s.Fields[i].Name)
		b.WriteByte(' ')
		s.Fields[i].Schema.write(b)
	}
	b.WriteByte('}')
}

// Fingerprint returns a hash of the text of the schema.
func (s Schema) Fingerprint() uint64 { return xxh3.HashString(s.String()) }

// Equal reports whether values of both schemas are encoded alike and have the same names.
func (s Schema) Equal(t Schema) bool { return s.String() == t.String() }

// Resolve returns the schema that ref, found below s, stands for: ref itself unless it is a
// KindRef. It returns nil if there is none, which a decoded schema may lead to.
func (s *Schema) Resolve(ref *Schema) *Schema {
	if ref.Kind != KindRef {
		return ref
	}
	n := ref.Len
	found := s.nth(&n)
	if found != nil && found.Kind == KindRef {
		return nil
	}
	return found
}

// Part returns the schema of a field of s as one that stands by itself.
func (s *Schema) Part(field int) Schema {
	before := 1 // schemas ahead of the field
	for i := range field {
		before += s.Fields[i].Schema.count()
	}
	part := s.Fields[field].Schema
	return *part.moved(before)
}

// count returns the number of schemas that s consists of.
func (s *Schema) count() int {
	n := 1
	for _, child := range []*Schema{s.Key, s.Elem} {
		if child != nil {
			n += child.count()
		}
	}
	for i := range s.Fields {
		n += s.Fields[i].Schema.count()
	}
	return n
}

// moved returns a copy of s whose references count from before schemas further on.
func (s *Schema) moved(before int) *Schema {
	t := *s
	if t.Kind == KindRef {
		t.Len -= before
	}
	if s.Key != nil {
		t.Key = s.Key.moved(before)
	}
	if s.Elem != nil {
		t.Elem = s.Elem.moved(before)
	}
	t.Fields = slices.Clone(s.Fields)
	for i := range t.Fields {
		t.Fields[i].Schema = *s.Fields[i].Schema.moved(before)
	}
	return &t
}

// nth returns the schema that comes after *n others in preorder: itself, key, element, fields.
func (s *Schema) nth(n *int) *Schema {
	if *n == 0 {
		return s
	}
	*n--
	for _, child := range []*Schema{s.Key, s.Elem} {
		if child == nil {
			continue
		}
		if found := child.nth(n); found != nil {
			return found
		}
	}
	for i := range s.Fields {
		if found := s.Fields[i].Schema.nth(n); found != nil {
			return found
		}
	}
	return nil
}

// schemaVersion is the first byte of an encoded schema. It changes with the encoding of values,
// too.
const schemaVersion = 1

var errSchema = errors.New("malformed schema")

// AppendSchema appends the encoding of s to dst.
func AppendSchema(dst []byte, s Schema) []byte {
	return schemaCodec().Append(append(dst, schemaVersion), &s)
}

// DecodeSchema returns the schema at the start of src and what follows it.
func DecodeSchema(src []byte) (s Schema, rest []byte, err error) {
	if len(src) == 0 {
		return Schema{}, nil, fmt.Errorf("codec: decode schema: %w", errShort)
	}
	if src[0] != schemaVersion {
		return Schema{}, nil, fmt.Errorf("codec: decode schema: unknown version %d", src[0])
	}
	rest, err = schemaCodec().Decode(src[1:], &s)
	if err != nil {
		return Schema{}, nil, err
	}
	if !s.valid() {
		return Schema{}, nil, fmt.Errorf("codec: decode schema: %w", errSchema)
	}
	return s, rest, nil
}

// schemaCodec returns the codec of schemas, which are encoded like any other type.
func schemaCodec() *Codec[Schema] {
	c, err := For[Schema](nil)
	if err != nil {
		panic(err)
	}
	return c
}

// valid reports whether each part has the children that its kind has.
func (s *Schema) valid() bool {
	elem := s.Kind == KindSlice || s.Kind == KindArray || s.Kind == KindMap || s.Kind == KindPointer
	if s.Kind == KindInvalid || int(s.Kind) >= len(kindNames) || s.Len < 0 ||
		(s.Elem != nil) != elem || (s.Key != nil) != (s.Kind == KindMap) ||
		s.Kind != KindStruct && len(s.Fields) > 0 {
		return false
	}
	if elem && !s.Elem.valid() || s.Key != nil && !s.Key.valid() {
		return false
	}
	for i := range s.Fields {
		if !s.Fields[i].Schema.valid() {
			return false
		}
	}
	return true
}
