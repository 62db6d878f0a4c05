package row

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a type is, without length, precision and elements.
type Kind uint8

// The kinds of types.
const (
	Null Kind = iota // of NULL, where nothing says which
	Char
	Varchar // STRING is the longest
	Boolean
	Binary
	Varbinary // BYTES is the longest
	Decimal
	TinyInt
	SmallInt
	Int
	BigInt
	Float
	Double
	Date          // days since 1970
	Time          // milliseconds of a day
	Timestamp     // without a zone
	TimestampLTZ  // a point in time
	IntervalMonth // YEAR TO MONTH, in months
	IntervalDay   // DAY TO SECOND, in milliseconds
	Array
	Multiset
	Map
	Row
	Raw
	Variant
	Descriptor // of columns, an argument of functions
	kinds
)

var kindNames = [kinds]string{
	"NULL", "CHAR", "VARCHAR", "BOOLEAN", "BINARY", "VARBINARY", "DECIMAL", "TINYINT", "SMALLINT", "INT",
	"BIGINT", "FLOAT", "DOUBLE", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "INTERVAL", "INTERVAL", "ARRAY",
	"MULTISET", "MAP", "ROW", "RAW", "VARIANT", "DESCRIPTOR",
}

// String is the word for the kind in SQL.
func (k Kind) String() string { return kindNames[k] }

// MaxLength is the length of STRING and BYTES.
const MaxLength = 1<<31 - 1

// MaxPrecision is the largest number of digits of a DECIMAL.
const MaxPrecision = 38

// TimeAttribute is what a column of time is beside its value.
type TimeAttribute uint8

// The kinds of time attributes.
const (
	NoAttribute TimeAttribute = iota
	Rowtime                   // watermarks are about it
	Proctime                  // it is read from the clock when it is needed
)

// Type is the type of a column or a value. Types are compared with Equal, and not changed once they are
// used.
type Type struct {
	Kind      Kind
	NotNull   bool
	Attribute TimeAttribute
	// Origin is the attribute of the time that a value was computed of. It is written with the type, and means nothing:
	// watermarks are not about the value.
	Origin TimeAttribute
	// Length is that of CHAR, VARCHAR, BINARY and VARBINARY.
	Length int
	// Precision is that of DECIMAL, of fractions of a second of TIME and TIMESTAMP, and of fractions of
	// INTERVAL … SECOND. Scale is that of DECIMAL.
	Precision, Scale int
	// Elem is that of ARRAY and MULTISET, and the value of MAP.
	Elem *Type
	// Key is that of MAP.
	Key *Type
	// Fields are those of ROW.
	Fields []Field
	// Unit is how an interval is written: DAY TO SECOND, with its precisions.
	Unit string
	// Class is the name of what RAW has, and that of a structured type, which is a ROW with a class.
	Class string
}

// Field is a column of a schema, or a field of a ROW.
type Field struct {
	Name    string
	Type    *Type
	Comment string
}

// Of is a type without length, precision or elements that takes NULL.
func Of(k Kind) *Type { return &Type{Kind: k} }

// String types, by length.
func VarcharOf(length int) *Type { return &Type{Kind: Varchar, Length: length} }

// CharOf is CHAR(length).
func CharOf(length int) *Type { return &Type{Kind: Char, Length: length} }

// StringType is STRING.
func StringType() *Type { return VarcharOf(MaxLength) }

// BytesType is BYTES.
func BytesType() *Type { return &Type{Kind: Varbinary, Length: MaxLength} }

// DecimalOf is DECIMAL(precision, scale).
func DecimalOf(precision, scale int) *Type {
	return &Type{Kind: Decimal, Precision: precision, Scale: scale}
}

// TimestampOf is TIMESTAMP(precision).
func TimestampOf(precision int) *Type { return &Type{Kind: Timestamp, Precision: precision} }

// TimestampLTZOf is TIMESTAMP_LTZ(precision).
func TimestampLTZOf(precision int) *Type { return &Type{Kind: TimestampLTZ, Precision: precision} }

// TimeOf is TIME(precision).
func TimeOf(precision int) *Type { return &Type{Kind: Time, Precision: precision} }

// ArrayOf is ARRAY<elem>.
func ArrayOf(elem *Type) *Type { return &Type{Kind: Array, Elem: elem} }

// MultisetOf is MULTISET<elem>.
func MultisetOf(elem *Type) *Type { return &Type{Kind: Multiset, Elem: elem} }

// MapOf is MAP<key, value>.
func MapOf(key, value *Type) *Type { return &Type{Kind: Map, Key: key, Elem: value} }

// RowOf is ROW<fields>.
func RowOf(fields ...Field) *Type { return &Type{Kind: Row, Fields: fields} }

// Nullable is the type, with or without NULL.
func (t *Type) Nullable(yes bool) *Type {
	if t.NotNull != yes {
		return t
	}
	c := *t
	c.NotNull = !yes
	return &c
}

// Plain is the type without a time attribute, and without where it comes from.
func (t *Type) Plain() *Type { return t.WithOrigin(NoAttribute) }

// Computed is the type of a value that is computed of one of this type: its time attribute becomes its Origin.
func (t *Type) Computed() *Type { return t.WithOrigin(max(t.Attribute, t.Origin)) }

// WithoutOrigin is the type without what is only written.
func (t *Type) WithoutOrigin() *Type {
	if t.Origin == NoAttribute {
		return t
	}
	return t.Plain()
}

// WithOrigin is the type without a time attribute, and with an Origin.
func (t *Type) WithOrigin(origin TimeAttribute) *Type {
	if t.Attribute == NoAttribute && t.Origin == origin {
		return t
	}
	c := *t
	c.Attribute, c.Origin = NoAttribute, origin
	return &c
}

// Equal reports whether two types are the same, nullability included and attributes not.
func (t *Type) Equal(u *Type) bool { return t.NotNull == u.NotNull && t.Same(u) }

// Same is Equal but for the nullability of the type itself; that of its parts counts.
func (t *Type) Same(u *Type) bool {
	if t.Kind != u.Kind || t.Length != u.Length || t.Precision != u.Precision || t.Scale != u.Scale ||
		t.Class != u.Class || t.Unit != u.Unit {
		return false
	}
	if t.Elem != nil && !t.Elem.Equal(u.Elem) || t.Key != nil && !t.Key.Equal(u.Key) {
		return false
	}
	return slices.EqualFunc(t.Fields, u.Fields, func(a, b Field) bool {
		return a.Name == b.Name && a.Type.Equal(b.Type)
	})
}

// String is the type as Flink writes it, time attributes included: TIMESTAMP(3) NOT NULL *ROWTIME*.
func (t *Type) String() string {
	s := t.nulls(t.base((*Type).String))
	switch max(t.Attribute, t.Origin) {
	case Rowtime:
		s += " *ROWTIME*"
	case Proctime:
		s += " *PROCTIME*"
	}
	return s
}

// SQL is the type as a statement has it.
func (t *Type) SQL() string { return t.nulls(t.base((*Type).SQL)) }

// Long is SQL without short names: VARCHAR(2147483647) for STRING.
func (t *Type) Long() string {
	switch {
	case (t.Kind == Varchar || t.Kind == Varbinary) && t.Length == MaxLength:
		return t.nulls(fmt.Sprintf("%s(%d)", t.Kind, t.Length))
	case t.Kind == TimestampLTZ:
		return t.nulls(fmt.Sprintf("TIMESTAMP(%d) WITH LOCAL TIME ZONE", t.Precision))
	}
	return t.nulls(t.base((*Type).Long))
}

// nulls appends whether the type takes NULL.
func (t *Type) nulls(s string) string {
	if t.NotNull {
		return s + " NOT NULL"
	}
	return s
}

// base is the type without NOT NULL; part writes the types in it.
func (t *Type) base(part func(*Type) string) string {
	name := t.Kind.String()
	switch t.Kind {
	case Varchar:
		if t.Length == MaxLength {
			return "STRING"
		}
		return fmt.Sprintf("%s(%d)", name, t.Length)
	case Varbinary:
		if t.Length == MaxLength {
			return "BYTES"
		}
		return fmt.Sprintf("%s(%d)", name, t.Length)
	case Char, Binary:
		return fmt.Sprintf("%s(%d)", name, t.Length)
	case Decimal:
		return fmt.Sprintf("%s(%d, %d)", name, t.Precision, t.Scale)
	case Time, Timestamp, TimestampLTZ:
		return fmt.Sprintf("%s(%d)", name, t.Precision)
	case IntervalMonth, IntervalDay:
		return name + " " + t.Unit
	case Array, Multiset:
		return name + "<" + part(t.Elem) + ">"
	case Map:
		return name + "<" + part(t.Key) + ", " + part(t.Elem) + ">"
	case Row:
		fields := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = quoteName(f.Name) + " " + part(f.Type)
			if f.Comment != "" {
				fields[i] += " '" + strings.ReplaceAll(f.Comment, "'", "''") + "'"
			}
		}
		if t.Class != "" {
			return "STRUCTURED<'" + strings.ReplaceAll(t.Class, "'", "''") + "', " + strings.Join(fields, ", ") + ">"
		}
		return name + "<" + strings.Join(fields, ", ") + ">"
	case Raw:
		return name + "('" + t.Class + "', " + strconv.Quote("") + ")"
	}
	return name
}

func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

// IsNumeric reports whether the type is a number.
func (t *Type) IsNumeric() bool { return t.Kind >= Decimal && t.Kind <= Double }

// IsInteger reports whether the type is a whole number other than a DECIMAL.
func (t *Type) IsInteger() bool { return t.Kind >= TinyInt && t.Kind <= BigInt }

// IsExact reports whether the type is a whole number or a DECIMAL.
func (t *Type) IsExact() bool { return t.Kind >= Decimal && t.Kind <= BigInt }

// IsApproximate reports whether the type is FLOAT or DOUBLE.
func (t *Type) IsApproximate() bool { return t.Kind == Float || t.Kind == Double }

// IsText reports whether the type is CHAR, VARCHAR or STRING.
func (t *Type) IsText() bool { return t.Kind == Char || t.Kind == Varchar }

// IsBinary reports whether the type is BINARY, VARBINARY or BYTES.
func (t *Type) IsBinary() bool { return t.Kind == Binary || t.Kind == Varbinary }

// IsTimestamp reports whether the type is TIMESTAMP or TIMESTAMP_LTZ.
func (t *Type) IsTimestamp() bool { return t.Kind == Timestamp || t.Kind == TimestampLTZ }

// IsTemporal reports whether the type is a date, a time or a timestamp.
func (t *Type) IsTemporal() bool { return t.Kind >= Date && t.Kind <= TimestampLTZ }

// IsInterval reports whether the type is an INTERVAL.
func (t *Type) IsInterval() bool { return t.Kind == IntervalMonth || t.Kind == IntervalDay }

// Schema is the columns of a table.
type Schema struct{ Fields []Field }

// Index is the place of a column, -1 if there is none of that name.
func (s *Schema) Index(name string) int {
	return slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name })
}

// Names are the columns' names.
func (s *Schema) Names() []string {
	names := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		names[i] = f.Name
	}
	return names
}
