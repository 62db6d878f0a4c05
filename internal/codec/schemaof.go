package codec

import "reflect"

// schemaOf returns the schema of t, which has been compiled.
func (c *compiler) schemaOf(t reflect.Type) *Schema {
	b := schemaBuilder{c: c, first: make(map[reflect.Type]int)}
	s := new(Schema)
	b.build(s, t)
	return s
}

// schemaBuilder writes schemas in preorder, the order in which references count.
type schemaBuilder struct {
	c     *compiler
	first map[reflect.Type]int // number of the first schema of a recursive type
	n     int                  // schemas so far
}

// build sets s to the schema of t. A recursive type that was met before becomes a reference: not
// only where it would not end, since types that all refer to each other have exponentially many
// paths.
func (b *schemaBuilder) build(s *Schema, t reflect.Type) {
	at := b.n
	b.n++
	s.Kind = b.c.kindOf(t)
	if b.c.programs[t].recursive {
		if first, ok := b.first[t]; ok {
			*s = Schema{Kind: KindRef, Name: t.String(), Len: first}
			return
		}
		b.first[t] = at
	}
	switch s.Kind {
	case KindCustom:
		s.Name = b.c.customs[t].name
	case KindBinary:
		s.Name = t.String()
	case KindArray:
		s.Len = t.Len()
		s.Elem = b.child(t.Elem())
	case KindSlice:
		s.Elem = b.child(t.Elem())
		if elem := b.c.programs[t.Elem()]; !b.c.key && elem != nil && elem.min == 0 && t.Elem().Size() > 0 {
			s.Len = 1
		}
	case KindPointer:
		s.Elem = b.child(t.Elem())
	case KindMap:
		s.Key = b.child(t.Key())
		s.Elem = b.child(t.Elem())
	case KindStruct:
		b.buildStruct(s, t)
	}
}

func (b *schemaBuilder) child(t reflect.Type) *Schema {
	s := new(Schema)
	b.build(s, t)
	return s
}

func (b *schemaBuilder) buildStruct(s *Schema, t reflect.Type) {
	s.Name = t.String()
	if t.Name() == "" {
		s.Name = "struct"
	}
	fields, _, _ := b.c.fieldsOf(t)
	s.Fields = make([]Field, len(fields))
	for i, f := range fields {
		s.Fields[i].Name, s.Fields[i].Was = f.name, f.was
		b.build(&s.Fields[i].Schema, f.typ)
	}
}
