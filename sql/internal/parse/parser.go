package parse

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/flott-dev/flott/sql/internal/ast"
)

// depthMax is how deeply a statement may be nested.
const depthMax = 20_000

// Error is what is wrong with a text, and where.
type Error struct {
	Span ast.Span
	Msg  string
	Hint string // what to do, may be empty
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Msg + "; " + e.Hint
	}
	return e.Msg
}

// Parser reads the statements of a text one by one.
type Parser struct {
	text   string
	tokens []token
	at     int
	depth  int
	wanted []string // what the token could have been
}

// New returns a Parser at the beginning of a text.
func New(text string) *Parser { return &Parser{text: text, tokens: lex(text)} }

// Next reads the next statement. It returns io.EOF when there is none, and an *Error when there is
// something else; nothing can be read behind that.
func (p *Parser) Next() (s ast.Statement, err error) {
	defer p.recover(&err)
	for p.accept(";") {
	}
	if p.peek().kind == tokEnd {
		return nil, io.EOF
	}
	p.wanted = p.wanted[:0]
	s = p.statement()
	if !p.accept(";") && p.peek().kind != tokEnd {
		p.fail()
	}
	return s, nil
}

// Text is the part of the text that a node was read from.
func (p *Parser) Text(n ast.Node) string {
	s := n.Extent()
	return p.text[s.From:s.To]
}

// Statement reads a text of one statement.
func Statement(text string) (s ast.Statement, err error) {
	p := New(text)
	if s, err = p.Next(); err != nil {
		if err == io.EOF {
			err = &Error{Msg: "there is no statement"}
		}
		return nil, err
	}
	defer p.recover(&err)
	for p.accept(";") {
	}
	if p.peek().kind != tokEnd {
		p.failAt(p.peek().span, "one statement is expected, and here another one begins")
	}
	return s, nil
}

// Query reads a text of one query, as views are kept.
func Query(text string) (q *ast.Query, err error) {
	p := New(text)
	defer p.recover(&err)
	q = p.query()
	p.end()
	return q, nil
}

// Expr reads a text of one expression.
func Expr(text string) (x ast.Expr, err error) {
	p := New(text)
	defer p.recover(&err)
	x = p.expr()
	p.end()
	return x, nil
}

// Type reads a text of one type.
func Type(text string) (t *ast.Type, err error) {
	p := New(text)
	defer p.recover(&err)
	t = p.dataType()
	p.end()
	return t, nil
}

func (p *Parser) end() {
	if p.peek().kind != tokEnd {
		p.fail()
	}
}

// recover turns a failure into an error.
func (p *Parser) recover(err *error) {
	switch r := recover().(type) {
	case nil:
	case *Error:
		*err = r
	default:
		panic(r)
	}
}

func (p *Parser) peek() *token { return &p.tokens[p.at] }

// ahead is the token n behind the next one.
func (p *Parser) ahead(n int) *token { return &p.tokens[min(p.at+n, len(p.tokens)-1)] }

func (p *Parser) advance() *token {
	t := p.peek()
	if p.at < len(p.tokens)-1 {
		p.at++
	}
	p.wanted = p.wanted[:0]
	return t
}

// is reports whether the next token is a keyword or a symbol.
func (p *Parser) is(word string) bool {
	t := p.peek()
	return t.word == word && (t.kind == tokWord || t.kind == tokSymbol || t.kind == tokHint)
}

// isAny is is for one of several.
func (p *Parser) isAny(words ...string) bool { return slices.ContainsFunc(words, p.is) }

// follows reports whether the next tokens are these keywords and symbols.
func (p *Parser) follows(words ...string) bool {
	for i, w := range words {
		t := p.ahead(i)
		if t.word != w || t.kind != tokWord && t.kind != tokSymbol {
			return false
		}
	}
	return true
}

// accept takes the next tokens if they are these; else it remembers that they could have been.
func (p *Parser) accept(words ...string) bool {
	if !p.follows(words...) {
		p.want(strings.Join(words, " "))
		return false
	}
	for range words {
		p.advance()
	}
	return true
}

func (p *Parser) want(what string) {
	if !slices.Contains(p.wanted, what) {
		p.wanted = append(p.wanted, what)
	}
}

// expect takes the next tokens, which must be these.
func (p *Parser) expect(words ...string) {
	for _, w := range words {
		if !p.accept(w) {
			p.fail()
		}
	}
}

// oneOf takes the next token, which must be one of these keywords.
func (p *Parser) oneOf(words ...string) string {
	for _, w := range words {
		if p.accept(w) {
			return w
		}
	}
	p.fail()
	return ""
}

// fail reports that the next token is none that could have been.
func (p *Parser) fail() {
	t := p.peek()
	if t.kind == tokBad {
		p.failAt(t.span, "%s", t.text)
	}
	found := "the end of the text"
	switch {
	case p.isReservedName(t):
		found = t.text + ", which is a reserved word"
	case t.kind != tokEnd:
		found = p.text[t.span.From:t.span.To]
		if len(found) > 40 {
			found = found[:40] + "…"
		}
	}
	e := &Error{Span: t.span, Msg: "found " + found}
	if len(p.wanted) > 0 {
		e.Msg = "expected " + alternatives(p.wanted) + ", " + e.Msg
	} else {
		e.Msg += ", where nothing of it can stand"
	}
	e.Hint = p.hint(t)
	panic(e)
}

// isReservedName reports whether a token was probably meant as a name, but is reserved.
func (p *Parser) isReservedName(t *token) bool {
	return t.kind == tokWord && ast.IsReserved(t.text) &&
		(slices.Contains(p.wanted, identifier) || slices.Contains(p.wanted, expression) && ast.IsFunction(t.word))
}

// What wanted has for what is no word.
const (
	identifier = "a name"
	expression = "an expression"
)

// alternatives lists some of what could have been.
func alternatives(words []string) string {
	const most = 8
	wanted := make([]string, len(words))
	for i, w := range words {
		if wanted[i] = w; !isLetter(w[0]) {
			wanted[i] = `"` + w + `"`
		}
	}
	if len(wanted) > most {
		wanted = append(slices.Clone(wanted[:most]), "…")
		return strings.Join(wanted, ", ")
	}
	if len(wanted) == 1 {
		return wanted[0]
	}
	n := len(wanted) - 1
	return strings.Join(wanted[:n], ", ") + " or " + wanted[n]
}

// hint guesses what was meant in place of a token.
func (p *Parser) hint(t *token) string {
	if t.kind != tokWord {
		return ""
	}
	if p.isReservedName(t) {
		return "write `" + t.text + "` in backticks if it is a name"
	}
	var words []string
	for _, w := range p.wanted {
		if w = strings.Fields(w)[0]; isLetter(w[0]) && w == strings.ToUpper(w) {
			words = append(words, w)
		}
	}
	if w := Nearest(t.word, words); w != "" && w != t.word {
		return "did you mean " + w + "?"
	}
	// A keyword with a mistake in it may just have been taken for an alias.
	if p.at > 0 {
		if last := p.tokens[p.at-1]; last.kind == tokWord && isIdent(&last) {
			if w := Nearest(last.word, words); w != "" {
				return "did you mean " + w + " in place of " + last.text + "?"
			}
		}
	}
	return ""
}

func (p *Parser) failAt(s ast.Span, format string, args ...any) {
	panic(&Error{Span: s, Msg: fmt.Sprintf(format, args...)})
}

// begin is the place of the next token.
func (p *Parser) begin() int { return p.peek().span.From }

// since is the span from a place up to the last token.
func (p *Parser) since(from int) ast.Span {
	if p.at == 0 {
		return ast.Span{From: from, To: from}
	}
	return ast.Span{From: from, To: max(from, p.tokens[p.at-1].span.To)}
}

// deeper is called where the grammar refers to itself; the caller calls the result when it is done.
func (p *Parser) deeper() func() {
	if p.depth++; p.depth > depthMax {
		p.failAt(p.peek().span, "the statement is nested too deeply; more than %d levels are not possible", depthMax)
	}
	return func() { p.depth-- }
}

// isIdent reports whether the next token can be an identifier.
func (p *Parser) isIdent() bool { return isIdent(p.peek()) }

func isIdent(t *token) bool {
	return t.kind == tokQuoted || t.kind == tokWord && !ast.IsReserved(t.text)
}

// ident reads an identifier.
func (p *Parser) ident() ast.Ident {
	if !p.isIdent() {
		p.want(identifier)
		p.fail()
	}
	t := p.advance()
	return ast.Ident{Span: t.span, Name: t.text}
}

// name reads a qualified name. The tables of information_schema have names that are reserved words, which need no
// backticks there.
func (p *Parser) name() ast.Name {
	n := ast.Name{p.ident()}
	for p.is(".") {
		p.advance()
		if t := p.peek(); t.kind == tokWord && strings.EqualFold(n.Last().Name, "information_schema") {
			n = append(n, ast.Ident{Span: t.span, Name: t.text})
			p.advance()
			continue
		}
		n = append(n, p.ident())
	}
	return n
}

// idents reads identifiers in parentheses.
func (p *Parser) idents() []ast.Ident {
	p.expect("(")
	names := many(p, p.ident)
	p.expect(")")
	return names
}

// many reads one or more with commas between them.
func many[T any](p *Parser, one func() T) []T {
	items := []T{one()}
	for p.accept(",") {
		items = append(items, one())
	}
	return items
}

// str reads a character string.
func (p *Parser) str() string {
	if p.peek().kind != tokString {
		p.want("a text in quotes")
		p.fail()
	}
	return p.advance().text
}

// word reads any word, reserved or not.
func (p *Parser) word() string {
	if p.peek().kind != tokWord {
		p.want("a word")
		p.fail()
	}
	return p.advance().word
}

// count reads a whole number.
func (p *Parser) count() int {
	t := p.peek()
	n := 0
	if t.kind != tokNumber {
		p.want("a whole number")
		p.fail()
	}
	for _, c := range []byte(t.text) {
		if !isDigit(c) || n > 1<<40 {
			p.want("a whole number")
			p.fail()
		}
		n = n*10 + int(c-'0')
	}
	p.advance()
	return n
}
