package parse

import "github.com/flott-dev/flott/sql/internal/ast"

// json reads the call of a function of JSON, which have a syntax of their own.
func (p *Parser) json(at ast.Span, name string) ast.Expr {
	x := &ast.JSON{Func: name}
	p.expect("(")
	switch name {
	case "JSON_OBJECT", "JSON_OBJECTAGG":
		if !p.isAny(")", "NULL", "ABSENT") {
			p.members(x)
		}
		p.jsonNulls(x)
	case "JSON_ARRAY", "JSON_ARRAYAGG":
		if !p.is(")") && !p.follows("NULL", "ON", "NULL") && !p.follows("ABSENT", "ON", "NULL") {
			x.Args = p.exprs()
		}
		p.jsonNulls(x)
	default:
		x.Args = []ast.Expr{p.expr()}
		p.expect(",")
		x.Args = append(x.Args, p.expr())
		p.jsonResult(x)
	}
	p.expect(")")
	x.Filter = p.filter()
	x.Over = p.over()
	x.Span = p.since(at.From)
	return x
}

// members reads KEY k VALUE v, …
func (p *Parser) members(x *ast.JSON) {
	many(p, func() struct{} {
		if p.is("KEY") && p.ahead(1).word != "VALUE" && p.ahead(1).word != ":" {
			p.advance()
		}
		x.Args = append(x.Args, p.expr())
		if !p.accept(":") && !p.accept(",") {
			p.expect("VALUE")
		}
		x.Args = append(x.Args, p.expr())
		return struct{}{}
	})
}

func (p *Parser) jsonNulls(x *ast.JSON) {
	if p.is("NULL") || p.is("ABSENT") {
		x.Nulls = p.advance().word
		p.expect("ON", "NULL")
	}
}

// jsonResult reads what JSON_VALUE, JSON_QUERY and JSON_EXISTS do with what they find.
func (p *Parser) jsonResult(x *ast.JSON) {
	if p.accept("RETURNING") {
		x.Returning = p.dataType()
	}
	switch {
	case p.accept("WITHOUT"):
		p.accept("ARRAY")
		p.expect("WRAPPER")
		x.Wrapper = "WITHOUT"
	case p.accept("WITH"):
		x.Wrapper = "UNCONDITIONAL"
		if p.accept("CONDITIONAL") {
			x.Wrapper = "CONDITIONAL"
		} else {
			p.accept("UNCONDITIONAL")
		}
		p.accept("ARRAY")
		p.expect("WRAPPER")
	}
	for p.isAny("NULL", "ERROR", "DEFAULT", "TRUE", "FALSE", "UNKNOWN", "EMPTY") {
		b := &ast.JSONBehavior{What: p.advance().word}
		switch b.What {
		case "DEFAULT":
			b.Default = p.expr()
		case "EMPTY":
			b.What += " " + p.oneOf("ARRAY", "OBJECT")
		}
		p.expect("ON")
		if p.oneOf("EMPTY", "ERROR") == "EMPTY" {
			x.Empty = b
		} else {
			x.Error = b
		}
	}
}
