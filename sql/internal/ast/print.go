package ast

import (
	"strconv"
	"strings"
)

// printer prints nodes. Words are separated as they come: a space stands between two of them unless one
// side says no.
type printer struct {
	b      *strings.Builder
	glue   bool // no space before what comes next
	quoted bool // identifiers stand in backticks, whether they need them or not
}

// word prints a keyword, an identifier, or anything else that stands apart.
func (p *printer) word(s string) {
	if s == "" {
		return
	}
	if p.b.Len() > 0 && !p.glue {
		p.b.WriteByte(' ')
	}
	p.b.WriteString(s)
	p.glue = false
}

func (p *printer) words(s ...string) {
	for _, w := range s {
		p.word(w)
	}
}

// open prints a bracket that needs a space before it, and none behind it.
func (p *printer) open(s string) {
	p.word(s)
	p.glue = true
}

// tight prints what has no space before it: a closing bracket, a comma, or the bracket of a call.
func (p *printer) tight(s string) {
	p.b.WriteString(s)
	p.glue = false
}

// call prints the opening bracket of a call.
func (p *printer) call() {
	p.b.WriteByte('(')
	p.glue = true
}

func (p *printer) node(n Node) { n.write(p) }

// when prints a word if a condition holds.
func (p *printer) when(ok bool, s ...string) {
	if ok {
		p.words(s...)
	}
}

// list prints items with commas between them.
func list[T any](p *printer, items []T, f func(T)) {
	for i, it := range items {
		if i > 0 {
			p.tight(",")
		}
		f(it)
	}
}

func (p *printer) exprs(items []Expr) { list(p, items, func(x Expr) { p.node(x) }) }

func (p *printer) idents(items []Ident) { list(p, items, func(x Ident) { p.node(x) }) }

// parens prints something in parentheses.
func (p *printer) parens(f func()) {
	p.open("(")
	f()
	p.tight(")")
}

// str prints a character string.
func (p *printer) str(s string) { p.word(quote(s)) }

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (p *printer) comment(s *string) {
	if s != nil {
		p.word("COMMENT")
		p.str(*s)
	}
}

func (p *printer) number(n int) { p.word(strconv.Itoa(n)) }

func (p *printer) properties(with []Property) {
	p.parens(func() {
		list(p, with, func(x Property) {
			p.str(x.Key)
			p.word("=")
			p.str(x.Value)
		})
	})
}

func (p *printer) with(with []Property) {
	if len(with) > 0 {
		p.word("WITH")
		p.properties(with)
	}
}

func (p *printer) assignments(items []Assignment) {
	list(p, items, func(x Assignment) {
		p.node(x.Name)
		if x.Value != nil {
			p.word("=")
			p.node(x.Value)
		}
	})
}

func (p *printer) partition(items []Assignment) {
	if len(items) > 0 {
		p.word("PARTITION")
		p.parens(func() { p.assignments(items) })
	}
}

func (id Ident) write(p *printer) {
	if p.quoted {
		p.word("`" + strings.ReplaceAll(id.Name, "`", "``") + "`")
		return
	}
	p.word(QuoteIdent(id.Name))
}

// QuoteIdent is an identifier as it is written: in backticks unless it is a plain word.
func QuoteIdent(s string) string {
	if isPlain(s) && !IsReserved(s) {
		return s
	}
	return "`" + strings.ReplaceAll(s, "`", "``") + "`"
}

func isPlain(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func (n Name) write(p *printer) {
	for i, id := range n {
		if i > 0 {
			p.tight(".")
			p.glue = true
		}
		if id.Name == "*" {
			p.word("*")
			continue
		}
		p.node(id)
	}
}

func (t *Type) write(p *printer) {
	switch t.Name {
	case "":
		p.node(t.User)
	case "ARRAY", "MULTISET", "MAP":
		p.word(t.Name)
		p.tight("<")
		p.glue = true
		list(p, t.Elems, func(e *Type) { p.node(e) })
		p.tight(">")
	case "ROW", "STRUCTURED":
		p.word(t.Name)
		p.tight("<")
		p.glue = true
		for _, s := range t.Texts {
			p.str(s)
			if len(t.Fields) > 0 {
				p.tight(",")
			}
		}
		list(p, t.Fields, func(f TypeField) {
			p.node(f.Name)
			p.node(f.Type)
			if f.Comment != nil {
				p.str(*f.Comment)
			}
		})
		p.tight(">")
	case "RAW":
		p.word("RAW")
		p.call()
		list(p, t.Texts, p.str)
		p.tight(")")
	case "INTERVAL":
		p.word("INTERVAL")
		p.unit(*t.Unit)
	default:
		p.word(t.Name)
		if len(t.Args) > 0 {
			p.call()
			list(p, t.Args, p.number)
			p.tight(")")
		}
	}
	p.when(t.NotNull, "NOT", "NULL")
}

// unit prints the units of an interval: DAY(3) TO SECOND(6).
func (p *printer) unit(r Range) {
	single := r.To == ""
	p.word(r.From)
	switch {
	case r.Precision >= 0 && r.Fraction >= 0 && single:
		p.call()
		list(p, []int{r.Precision, r.Fraction}, p.number)
		p.tight(")")
	case r.Precision >= 0:
		p.call()
		p.number(r.Precision)
		p.tight(")")
	}
	if !single {
		p.words("TO", r.To)
		if r.Fraction >= 0 {
			p.call()
			p.number(r.Fraction)
			p.tight(")")
		}
	}
}
