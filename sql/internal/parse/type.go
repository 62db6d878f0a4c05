package parse

import (
	"slices"
	"strings"

	"github.com/flott-dev/flott/sql/internal/ast"
)

// shortest are the names of types that others stand for.
var shortest = map[string]string{
	"CHARACTER": "CHAR", "INTEGER": "INT", "DEC": "DECIMAL", "NUMERIC": "DECIMAL", "REAL": "FLOAT",
}

// dataType reads a type.
func (p *Parser) dataType() *ast.Type {
	defer p.deeper()()
	from := p.begin()
	t := p.typeBody()
	for {
		switch {
		case p.accept("ARRAY"):
			t.Span = p.since(from)
			t = &ast.Type{Name: "ARRAY", Elems: []*ast.Type{t}}
		case p.accept("MULTISET"):
			t.Span = p.since(from)
			t = &ast.Type{Name: "MULTISET", Elems: []*ast.Type{t}}
		case p.accept("NOT", "NULL"):
			t.NotNull = true
		case p.is("NULL") && p.ahead(1).word != "ON": // not of NULL ON EMPTY
			p.advance()
		default:
			t.Span = p.since(from)
			return t
		}
	}
}

func (p *Parser) typeBody() *ast.Type {
	t := p.peek()
	if t.kind == tokQuoted {
		return &ast.Type{User: p.name()}
	}
	if t.kind != tokWord {
		p.want("a type")
		p.fail()
	}
	switch t.word {
	case "ROW", "STRUCTURED":
		p.advance()
		return p.rowType(t.word)
	case "ARRAY", "MULTISET":
		p.advance()
		return &ast.Type{Name: t.word, Elems: p.elems(1)}
	case "MAP":
		p.advance()
		return &ast.Type{Name: "MAP", Elems: p.elems(2)}
	case "RAW":
		p.advance()
		p.expect("(")
		texts := many(p, p.str)
		p.expect(")")
		return &ast.Type{Name: "RAW", Texts: texts}
	case "INTERVAL":
		p.advance()
		unit := p.unitRange()
		return &ast.Type{Name: "INTERVAL", Unit: &unit}
	case "TIME", "TIMESTAMP":
		p.advance()
		return p.timeType(t.word)
	}
	return p.plainType(t)
}

// plain are the types that are one word, perhaps with a length or a precision.
var plain = map[string]bool{
	"CHAR": true, "VARCHAR": true, "STRING": true, "BOOLEAN": true, "BINARY": true, "VARBINARY": true, "BYTES": true,
	"DECIMAL": true, "TINYINT": true, "SMALLINT": true, "INT": true, "BIGINT": true, "FLOAT": true, "DOUBLE": true,
	"DATE": true, "TIMESTAMP_LTZ": true, "NULL": true, "VARIANT": true,
}

func (p *Parser) plainType(t *token) *ast.Type {
	name := t.word
	if s := shortest[name]; s != "" {
		name = s
	}
	if !plain[name] {
		if !isIdent(t) {
			p.unknownType(t)
		}
		return &ast.Type{User: p.name()}
	}
	p.advance()
	switch {
	case name == "CHAR" && p.accept("VARYING"):
		name = "VARCHAR"
	case name == "BINARY" && p.accept("VARYING"):
		name = "VARBINARY"
	case name == "DOUBLE":
		p.accept("PRECISION")
	}
	x := &ast.Type{Name: name}
	if p.accept("(") {
		x.Args = many(p, p.count)
		p.expect(")")
	}
	return x
}

func (p *Parser) unknownType(t *token) {
	e := &Error{Span: t.span, Msg: "expected a type, found " + t.text}
	if n := NearestType(t.text); n != "" {
		e.Hint = "did you mean " + n + "?"
	}
	panic(e)
}

// NearestType is the type whose name is most like a word, empty if none is.
func NearestType(word string) string {
	names := []string{"ARRAY", "MAP", "MULTISET", "ROW", "RAW", "INTERVAL", "TIME", "TIMESTAMP"}
	for n := range plain {
		names = append(names, n)
	}
	for n := range shortest {
		names = append(names, n)
	}
	slices.Sort(names)
	return Nearest(strings.ToUpper(word), names)
}

// timeType reads what stands behind TIME or TIMESTAMP.
func (p *Parser) timeType(name string) *ast.Type {
	x := &ast.Type{Name: name}
	if p.accept("(") {
		x.Args = []int{p.count()}
		p.expect(")")
	}
	switch {
	case p.accept("WITHOUT", "TIME", "ZONE"):
	case name == "TIMESTAMP" && p.accept("WITH", "LOCAL", "TIME", "ZONE"):
		x.Name = "TIMESTAMP_LTZ"
	case name == "TIMESTAMP" && p.is("WITH") && p.ahead(1).word == "TIME":
		p.failAt(p.peek().span, "there is no TIMESTAMP WITH TIME ZONE; TIMESTAMP_LTZ is a point in time")
	}
	return x
}

// elems reads n types in angle brackets.
func (p *Parser) elems(n int) []*ast.Type {
	p.expect("<")
	types := make([]*ast.Type, n)
	for i := range types {
		if i > 0 {
			p.expect(",")
		}
		types[i] = p.dataType()
	}
	p.expect(">")
	return types
}

func (p *Parser) rowType(name string) *ast.Type {
	x := &ast.Type{Name: name}
	if p.is("<>") { // ROW<>
		p.advance()
		return x
	}
	end := ">"
	if !p.accept("<") {
		p.expect("(")
		end = ")"
	}
	if name == "STRUCTURED" {
		x.Texts = []string{p.str()}
		if p.accept(",") {
			x.Fields = many(p, p.typeField)
		}
	} else if !p.is(end) {
		x.Fields = many(p, p.typeField)
	}
	p.expect(end)
	return x
}

func (p *Parser) typeField() ast.TypeField {
	f := ast.TypeField{Name: p.ident()}
	f.Type = p.dataType()
	if p.peek().kind == tokString {
		s := p.advance().text
		f.Comment = &s
	}
	return f
}
