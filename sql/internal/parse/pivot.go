package parse

import "github.com/flott-dev/flott/sql/internal/ast"

// sample reads TABLESAMPLE ….
func (p *Parser) sample(input ast.Table, from int) ast.Table {
	p.expect("TABLESAMPLE")
	s := &ast.Sample{Input: input, Method: p.oneOf("BERNOULLI", "SYSTEM", "SUBSTITUTE")}
	p.expect("(")
	if s.Method == "SUBSTITUTE" {
		s.Dataset = p.str()
	} else {
		s.Percent = p.number()
	}
	p.expect(")")
	if s.Method != "SUBSTITUTE" && p.accept("REPEATABLE") {
		p.expect("(")
		s.Repeatable = p.number()
		p.expect(")")
	}
	s.Span = p.since(from)
	return s
}

// number reads a number without a sign.
func (p *Parser) number() *ast.Number {
	if p.peek().kind != tokNumber {
		p.want("a number")
		p.fail()
	}
	t := p.advance()
	return &ast.Number{Span: t.span, Text: t.text}
}

// pivot reads PIVOT (aggregates FOR columns IN (values)).
func (p *Parser) pivot(input ast.Table, from int) ast.Table {
	p.expect("PIVOT", "(")
	x := &ast.Pivot{Input: input, Aggs: many(p, p.item)}
	p.expect("FOR")
	x.Columns = p.oneOrMore()
	p.expect("IN", "(")
	x.Values = many(p, func() ast.PivotValue {
		v := ast.PivotValue{Exprs: p.values()}
		if p.accept("AS") || p.isIdent() {
			as := p.ident()
			v.As = &as
		}
		return v
	})
	p.expect(")", ")")
	x.Alias = p.alias()
	x.Span = p.since(from)
	return x
}

// unpivot reads UNPIVOT (columns FOR names IN (columns AS values)).
func (p *Parser) unpivot(input ast.Table, from int) ast.Table {
	p.expect("UNPIVOT")
	x := &ast.Unpivot{Input: input}
	if p.isAny("INCLUDE", "EXCLUDE") {
		x.Nulls = p.advance().word
		p.expect("NULLS")
	}
	p.expect("(")
	x.Measures = p.oneOrMore()
	p.expect("FOR")
	x.Names = p.oneOrMore()
	p.expect("IN", "(")
	x.In = many(p, func() ast.UnpivotColumns {
		c := ast.UnpivotColumns{Columns: p.oneOrMore()}
		if p.accept("AS") {
			c.As = p.values()
		}
		return c
	})
	p.expect(")", ")")
	x.Alias = p.alias()
	x.Span = p.since(from)
	return x
}

// oneOrMore reads a name, or several in parentheses.
func (p *Parser) oneOrMore() []ast.Ident {
	if p.is("(") {
		return p.idents()
	}
	return []ast.Ident{p.ident()}
}

// values reads an expression, or several in parentheses.
func (p *Parser) values() []ast.Expr {
	x := p.expr()
	if r, ok := x.(*ast.Row); ok && !r.Explicit {
		return r.Items
	}
	return []ast.Expr{x}
}
