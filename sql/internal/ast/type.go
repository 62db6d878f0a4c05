package ast

// Type is the name of a type.
type Type struct {
	Span
	// Name is in upper case, the shortest of its synonyms: INT, not INTEGER. TIMESTAMP WITH LOCAL TIME
	// ZONE is TIMESTAMP_LTZ. ARRAY, MULTISET and MAP have Elems; ROW and STRUCTURED have Fields. It is empty
	// for a type that the grammar does not know, which has a User name.
	Name    string
	Args    []int    // length, or precision and scale
	Texts   []string // of RAW and STRUCTURED: the class, and how it is written
	Elems   []*Type
	Fields  []TypeField
	Unit    *Range // of INTERVAL
	NotNull bool
	User    Name
}

// TypeField is a field of a ROW.
type TypeField struct {
	Name    Ident
	Type    *Type
	Comment *string
}
