package ast

import "strings"

// Node is a part of a statement.
type Node interface {
	// Extent is the part of the text that the node was read from.
	Extent() Span
	write(p *printer)
}

// Span is a part of a text, in bytes: from From up to, not including, To. Nodes that were not read
// have an empty one.
type Span struct{ From, To int }

// Extent returns the span itself; nodes embed it.
func (s Span) Extent() Span { return s }

// Through is the span from the beginning of s to the end of t.
func (s Span) Through(t Span) Span { return Span{s.From, t.To} }

// Ident is one identifier. Names are compared with case.
type Ident struct {
	Span
	Name string
}

// Name is an identifier with what it is qualified by: catalog.database.table, or table.column.field.
type Name []Ident

// Extent is the span from the first identifier to the last.
func (n Name) Extent() Span {
	if len(n) == 0 {
		return Span{}
	}
	return n[0].Span.Through(n[len(n)-1].Span)
}

// Strings are the identifiers of the name.
func (n Name) Strings() []string {
	s := make([]string, len(n))
	for i, id := range n {
		s[i] = id.Name
	}
	return s
}

// Last is the identifier that the others qualify.
func (n Name) Last() Ident { return n[len(n)-1] }

// Make is a name that was not read.
func Make(parts ...string) Name {
	n := make(Name, len(parts))
	for i, s := range parts {
		n[i] = Ident{Name: s}
	}
	return n
}

// String prints a node as SQL.
func String(n Node) string {
	var b strings.Builder
	n.write(&printer{b: &b})
	return b.String()
}

// Quoted is String with all identifiers in backticks.
func Quoted(n Node) string {
	var b strings.Builder
	n.write(&printer{b: &b, quoted: true})
	return b.String()
}
