package parse

import (
	"slices"
	"strings"

	"github.com/flott-dev/flott/sql/internal/ast"
)

func (p *Parser) expr() ast.Expr { return p.operators(ast.PrecLowest) }

func (p *Parser) exprs() []ast.Expr { return many(p, p.expr) }

// operators reads an expression whose operators bind at least so strongly.
func (p *Parser) operators(least int) ast.Expr {
	defer p.deeper()()
	from := p.begin()
	x := p.prefix()
	for {
		y := p.infix(x, from, least)
		if y == nil {
			return x
		}
		x = y
	}
}

func (p *Parser) prefix() ast.Expr {
	from := p.begin()
	switch {
	case p.is("NOT"):
		p.advance()
		x := p.operators(ast.PrecNot)
		return &ast.Unary{Span: p.since(from), Op: "NOT", X: x}
	case p.isAny("+", "-"):
		op := p.advance().word
		x := p.operators(ast.PrecUnary)
		return &ast.Unary{Span: p.since(from), Op: op, X: x}
	}
	return p.postfix(p.primary(), from)
}

// postfix reads x[i] and x.field.
func (p *Parser) postfix(x ast.Expr, from int) ast.Expr {
	for {
		switch {
		case p.is("["):
			p.advance()
			at := p.expr()
			p.expect("]")
			x = &ast.Index{Span: p.since(from), X: x, At: at}
		case p.is("."):
			p.advance()
			x = &ast.Field{X: x, Name: p.fieldName()}
			x.(*ast.Field).Span = p.since(from)
		default:
			return x
		}
	}
}

func (p *Parser) fieldName() ast.Ident {
	if p.is("*") {
		return ast.Ident{Span: p.advance().span, Name: "*"}
	}
	return p.ident()
}

// infix reads an operator and what stands behind it, if it binds strongly enough; else it returns nil.
func (p *Parser) infix(x ast.Expr, from, least int) ast.Expr {
	t := p.peek()
	if t.kind != tokWord && t.kind != tokSymbol {
		return nil
	}
	op, words := p.operator()
	if strength := ast.Prec(op); strength > 0 {
		if strength < least {
			return nil
		}
		for range words {
			p.advance()
		}
		if strength == ast.PrecCompare && p.isAny("ANY", "SOME", "ALL") && p.ahead(1).word == "(" {
			return p.quantified(x, op, from)
		}
		y := p.operators(strength + 1)
		return &ast.Binary{Span: p.since(from), Op: op, X: x, Y: y}
	}
	switch {
	case p.is("IS") && least <= ast.PrecIs:
		return p.isExpr(x, from)
	case least <= ast.PrecBetween:
		return p.between(x, from)
	}
	return nil
}

// operator is the binary operator that the next tokens are, and how many.
func (p *Parser) operator() (op string, words int) {
	switch t := p.peek(); {
	case t.word == "MULTISET" && t.kind == tokWord:
		return "MULTISET " + p.ahead(1).word, 2
	case (t.word == "MEMBER" || t.word == "SUBMULTISET") && p.ahead(1).word == "OF":
		return t.word + " OF", 2
	default:
		return t.word, 1
	}
}

func (p *Parser) quantified(x ast.Expr, op string, from int) ast.Expr {
	q := &ast.Quantified{X: x, Op: op, All: p.advance().word == "ALL"}
	q.List, q.Query = p.listOrQuery()
	q.Span = p.since(from)
	return q
}

// listOrQuery reads either in parentheses.
func (p *Parser) listOrQuery() (items []ast.Expr, q *ast.Query) {
	p.expect("(")
	if q = p.tryQuery(); q == nil {
		items = p.exprs()
	}
	p.expect(")")
	return items, q
}

// tryQuery reads a query that ends before a closing parenthesis, if there is one; else it reads
// nothing. Behind several parentheses only reading on tells a query from an expression that begins with a
// subquery.
func (p *Parser) tryQuery() (q *ast.Query) {
	n := 0
	for n <= depthMax && p.ahead(n).word == "(" && p.ahead(n).kind == tokSymbol {
		n++
	}
	if !isQuery(p.ahead(n), p.ahead(n+1)) {
		return nil
	}
	if n == 0 {
		return p.query()
	}
	at, depth := p.at, p.depth
	defer func() {
		if r := recover(); r != nil || !p.is(")") {
			if _, ok := r.(*Error); r != nil && !ok {
				panic(r)
			}
			q, p.at, p.depth = nil, at, depth
			p.wanted = p.wanted[:0]
		}
	}()
	return p.query()
}

func isQuery(t, next *token) bool {
	if t.kind != tokWord {
		return false
	}
	switch t.word {
	case "SELECT", "VALUES", "WITH":
		return true
	case "TABLE":
		return isIdent(next)
	}
	return false
}

func (p *Parser) isExpr(x ast.Expr, from int) ast.Expr {
	p.expect("IS")
	not := p.accept("NOT")
	if p.accept("DISTINCT", "FROM") {
		y := p.operators(ast.PrecIs + 1)
		return &ast.IsDistinct{Span: p.since(from), X: x, Y: y, Not: not}
	}
	what := p.oneOf("NULL", "TRUE", "FALSE", "UNKNOWN", "JSON")
	if what == "JSON" {
		for _, kind := range []string{"VALUE", "OBJECT", "ARRAY", "SCALAR"} {
			if p.accept(kind) {
				what += " " + kind
				break
			}
		}
	}
	return &ast.Is{Span: p.since(from), X: x, Not: not, What: what}
}

// between reads BETWEEN, IN, LIKE and SIMILAR TO, each perhaps with NOT before it.
func (p *Parser) between(x ast.Expr, from int) ast.Expr {
	not := false
	if p.is("NOT") {
		switch p.ahead(1).word {
		case "BETWEEN", "IN", "LIKE", "SIMILAR":
			p.advance()
			not = true
		}
	}
	switch {
	case p.is("BETWEEN"):
		p.advance()
		b := &ast.Between{X: x, Not: not, Symmetric: p.accept("SYMMETRIC")}
		if !b.Symmetric {
			p.accept("ASYMMETRIC")
		}
		b.Low = p.operators(ast.PrecBetween + 1)
		p.expect("AND")
		b.High = p.operators(ast.PrecBetween + 1)
		b.Span = p.since(from)
		return b
	case p.is("IN"):
		p.advance()
		in := &ast.In{X: x, Not: not}
		in.List, in.Query = p.listOrQuery()
		in.Span = p.since(from)
		return in
	case p.is("LIKE") || p.is("SIMILAR"):
		l := &ast.Like{X: x, Not: not, Similar: p.advance().word == "SIMILAR"}
		if l.Similar {
			p.expect("TO")
		}
		l.Pattern = p.operators(ast.PrecBetween + 1)
		if p.accept("ESCAPE") {
			l.Escape = p.operators(ast.PrecBetween + 1)
		}
		l.Span = p.since(from)
		return l
	}
	return nil
}

// primary reads an expression without operators.
func (p *Parser) primary() ast.Expr {
	t := p.peek()
	switch t.kind {
	case tokNumber:
		p.advance()
		return &ast.Number{Span: t.span, Text: t.text}
	case tokString:
		p.advance()
		return &ast.Str{Span: t.span, Value: t.text}
	case tokBytes:
		p.advance()
		return &ast.Bytes{Span: t.span, Value: []byte(t.text)}
	case tokQuoted:
		return p.column()
	case tokWord:
		return p.wordExpr(t)
	case tokSymbol:
		switch t.word {
		case "(":
			return p.parens()
		case "?":
			p.advance()
			return &ast.Param{Span: t.span}
		case ":":
			if n := p.ahead(1); n.kind == tokWord {
				p.advance()
				p.advance()
				return &ast.Param{Span: t.span.Through(n.span), Name: n.text}
			}
		}
	}
	p.want(expression)
	p.fail()
	return nil
}

// parens reads a subquery, a row, or an expression in parentheses.
func (p *Parser) parens() ast.Expr {
	defer p.deeper()()
	from := p.begin()
	p.expect("(")
	if q := p.tryQuery(); q != nil {
		p.expect(")")
		return &ast.Subquery{Span: p.since(from), Query: q}
	}
	items := p.exprs()
	p.expect(")")
	if len(items) > 1 {
		return &ast.Row{Span: p.since(from), Items: items}
	}
	if b, ok := items[0].(*ast.Binary); ok && b.Op == "-" && p.peek().kind == tokWord && units[p.peek().word] != "" {
		d := &ast.Difference{X: b.X, Y: b.Y, Unit: p.unitRange()}
		d.Span = p.since(from)
		return d
	}
	return items[0]
}

// special are the words that begin an expression with a syntax of its own.
var special map[string]func(*Parser) ast.Expr

func init() {
	special = map[string]func(*Parser) ast.Expr{
		"NULL":      func(p *Parser) ast.Expr { return &ast.Null{Span: p.advance().span} },
		"UNKNOWN":   func(p *Parser) ast.Expr { return &ast.Unknown{Span: p.advance().span} },
		"TRUE":      func(p *Parser) ast.Expr { return &ast.Bool{Span: p.advance().span, Value: true} },
		"FALSE":     func(p *Parser) ast.Expr { return &ast.Bool{Span: p.advance().span} },
		"DEFAULT":   func(p *Parser) ast.Expr { return &ast.Default{Span: p.advance().span} },
		"CASE":      (*Parser).caseExpr,
		"INTERVAL":  (*Parser).interval,
		"EXISTS":    (*Parser).exists,
		"DATE":      (*Parser).temporal,
		"TIME":      (*Parser).temporal,
		"TIMESTAMP": (*Parser).temporal,
		"ARRAY":     (*Parser).collection,
		"MAP":       (*Parser).collection,
		"MULTISET":  (*Parser).collection,
		"ROW":       (*Parser).row,
		"CAST":      (*Parser).cast,
		"TRY_CAST":  (*Parser).cast,
	}
	for _, w := range []string{
		"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP",
		"CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER", "CURRENT_CATALOG", "CURRENT_DATABASE",
	} {
		special[w] = (*Parser).bare
	}
}

// wordExpr reads an expression that begins with a word.
func (p *Parser) wordExpr(t *token) ast.Expr {
	if f := special[t.word]; f != nil && (ast.IsReserved(t.text) || p.beginsSpecial(t)) {
		if x := f(p); x != nil {
			return x
		}
	}
	if p.ahead(1).word == "(" && p.ahead(1).kind == tokSymbol {
		if !ast.IsReserved(t.text) || ast.IsFunction(t.word) {
			return p.function(ast.Name{{Span: p.advance().span, Name: t.text}})
		}
	}
	if isIdent(t) {
		return p.column()
	}
	p.want(expression)
	p.fail()
	return nil
}

// beginsSpecial tells MAP[…] from a column that is called map.
func (p *Parser) beginsSpecial(t *token) bool {
	next := p.ahead(1)
	return t.word == "MAP" && next.kind == tokSymbol && (next.word == "[" || next.word == "(") &&
		next.span.From == t.span.To
}

// column reads a reference to a column, or the call of a function with a qualified name.
func (p *Parser) column() ast.Expr {
	n := ast.Name{p.ident()}
	for p.is(".") {
		if p.ahead(1).word == "*" {
			star := p.ahead(1).span
			p.advance()
			p.advance()
			return &ast.Star{Span: n.Extent().Through(star), Table: n}
		}
		p.advance()
		n = append(n, p.ident())
	}
	if p.is("(") {
		return p.function(n)
	}
	return &ast.Column{Span: n.Extent(), Name: n}
}

// bare reads the call of a function without parentheses.
func (p *Parser) bare() ast.Expr {
	t := p.peek()
	if p.ahead(1).word == "(" && p.ahead(1).kind == tokSymbol {
		return nil
	}
	p.advance()
	return &ast.Call{Span: t.span, Name: ast.Name{{Span: t.span, Name: t.word}}, Bare: true}
}

func (p *Parser) temporal() ast.Expr {
	t := p.peek()
	if p.ahead(1).kind != tokString {
		return nil // the function DATE(…), or a column
	}
	p.advance()
	text := p.advance()
	return &ast.Temporal{Span: t.span.Through(text.span), Kind: t.word, Text: text.text}
}

func (p *Parser) exists() ast.Expr {
	from := p.begin()
	p.expect("EXISTS", "(")
	q := p.query()
	p.expect(")")
	return &ast.Exists{Span: p.since(from), Query: q}
}

func (p *Parser) caseExpr() ast.Expr {
	from := p.begin()
	p.expect("CASE")
	c := &ast.Case{}
	if !p.is("WHEN") {
		c.Operand = p.expr()
	}
	for p.accept("WHEN") {
		w := ast.When{If: p.expr()}
		if c.Operand != nil && p.is(",") { // CASE x WHEN 1, 2 THEN: one of these
			w.If = p.several(w.If)
		}
		p.expect("THEN")
		w.Then = p.expr()
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		p.fail()
	}
	if p.accept("ELSE") {
		c.Else = p.expr()
	}
	p.expect("END")
	c.Span = p.since(from)
	return c
}

func (p *Parser) several(first ast.Expr) ast.Expr {
	items := []ast.Expr{first}
	for p.accept(",") {
		items = append(items, p.expr())
	}
	return &ast.Row{Span: first.Extent().Through(p.since(p.begin())), Items: items}
}

func (p *Parser) cast() ast.Expr {
	from := p.begin()
	c := &ast.Cast{Try: p.advance().word == "TRY_CAST"}
	p.expect("(")
	c.X = p.expr()
	p.expect("AS")
	c.Type = p.dataType()
	p.expect(")")
	c.Span = p.since(from)
	return c
}

func (p *Parser) row() ast.Expr {
	from := p.begin()
	p.expect("ROW", "(")
	r := &ast.Row{Explicit: true}
	if !p.is(")") {
		r.Items = p.exprs()
	}
	p.expect(")")
	r.Span = p.since(from)
	return r
}

func (p *Parser) collection() ast.Expr {
	t := p.peek()
	c := &ast.Collection{Kind: t.word}
	p.advance()
	switch {
	case p.accept("["):
		if !p.is("]") || t.word == "MULTISET" {
			c.Items = p.exprs()
		}
		p.expect("]")
	case p.accept("("):
		c.Query = p.query()
		p.expect(")")
	default:
		p.fail()
	}
	c.Span = p.since(t.span.From)
	return c
}

// units are the units of time, and what stands for the same.
var units = map[string]string{
	"YEAR": "YEAR", "YEARS": "YEAR", "MONTH": "MONTH", "MONTHS": "MONTH", "DAY": "DAY", "DAYS": "DAY",
	"HOUR": "HOUR", "HOURS": "HOUR", "MINUTE": "MINUTE", "MINUTES": "MINUTE", "SECOND": "SECOND",
	"SECONDS": "SECOND", "QUARTER": "QUARTER", "QUARTERS": "QUARTER", "WEEK": "WEEK", "WEEKS": "WEEK",
}

func (p *Parser) interval() ast.Expr {
	from := p.begin()
	p.expect("INTERVAL")
	x := &ast.Interval{}
	for p.isAny("+", "-") {
		x.Negative = x.Negative != (p.advance().word == "-")
	}
	if t := p.peek(); t.kind == tokNumber {
		x.Text = p.advance().text
	} else {
		x.Text = p.str()
	}
	x.Unit = p.unitRange()
	x.Span = p.since(from)
	return x
}

// unitRange reads DAY(3) TO SECOND(6).
func (p *Parser) unitRange() ast.Range {
	r := ast.Range{Precision: -1, Fraction: -1, From: p.unit()}
	if p.accept("(") {
		r.Precision = p.count()
		if p.accept(",") {
			r.Fraction = p.count()
		}
		p.expect(")")
	}
	if p.is("TO") && isFiner(units[p.ahead(1).word], r.From) { // else FLOOR(t + INTERVAL '1' DAY TO DAY)
		p.advance()
		r.To = p.unit()
		if p.accept("(") {
			r.Fraction = p.count()
			p.expect(")")
		}
	}
	return r
}

// isFiner reports whether an interval can go from one unit to another.
func isFiner(unit, from string) bool {
	order := []string{"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"}
	u, f := slices.Index(order, unit), slices.Index(order, from)
	return u > f && (u < 2) == (f < 2)
}

func (p *Parser) unit() string {
	u := units[p.peek().word]
	if u == "" || p.peek().kind != tokWord {
		for _, u := range []string{"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"} {
			p.want(u)
		}
		p.fail()
	}
	p.advance()
	return u
}

// symbolArg reads a keyword as an argument.
func (p *Parser) symbolArg() ast.Expr {
	t := p.peek()
	p.word()
	return &ast.Symbol{Span: t.span, Word: t.word}
}

// isJSON reports whether a function is one of those that ast.JSON has.
func isJSON(name string) bool {
	switch name {
	case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS", "JSON_OBJECT", "JSON_ARRAY", "JSON_OBJECTAGG", "JSON_ARRAYAGG":
		return true
	}
	return false
}

// function reads the call of a function behind its name.
func (p *Parser) function(name ast.Name) ast.Expr {
	defer p.deeper()()
	upper := ""
	if len(name) == 1 {
		upper = strings.ToUpper(name[0].Name)
	}
	if isJSON(upper) {
		return p.json(name[0].Span, upper)
	}
	c := &ast.Call{Name: name}
	p.expect("(")
	if !p.accept(")") {
		p.arguments(c, upper)
		p.expect(")")
	}
	if p.is("WITHIN") && p.ahead(1).word == "GROUP" {
		p.advance()
		p.expect("GROUP", "(", "ORDER", "BY")
		c.Within = many(p, p.orderItem)
		p.expect(")")
	}
	c.Filter = p.filter()
	if p.isAny("IGNORE", "RESPECT") && p.ahead(1).word == "NULLS" {
		c.Nulls = p.advance().word
		p.advance()
	}
	c.Over = p.over()
	c.Span = p.since(name.Extent().From)
	return c
}

// arguments reads what stands between the parentheses of a call.
func (p *Parser) arguments(c *ast.Call, name string) {
	switch name {
	case "EXTRACT":
		c.Args = []ast.Expr{p.symbolArg()}
		p.expect("FROM")
		c.Args = append(c.Args, p.expr())
		return
	case "POSITION":
		c.Args = []ast.Expr{p.operators(ast.PrecBetween + 1)}
		p.expect("IN")
		c.Args = append(c.Args, p.expr())
		p.optional(c, "FROM")
		return
	case "OVERLAY":
		c.Args = []ast.Expr{p.expr()}
		p.expect("PLACING")
		c.Args = append(c.Args, p.expr())
		p.expect("FROM")
		c.Args = append(c.Args, p.expr())
		p.optional(c, "FOR")
		return
	case "TRIM":
		p.trim(c)
		return
	case "TIMESTAMPADD", "TIMESTAMPDIFF":
		c.Args = append([]ast.Expr{p.symbolArg()}, p.moreArgs()...)
		return
	}
	switch {
	case p.accept("*"):
		c.Star = true
		return
	case p.accept("DISTINCT"):
		c.Distinct = true
	case p.accept("ALL"):
	}
	c.Args = []ast.Expr{p.argument()}
	switch {
	case name == "SUBSTRING" && p.accept("FROM"):
		c.Args = append(c.Args, p.expr())
		p.optional(c, "FOR")
		return
	case (name == "CEIL" || name == "CEILING" || name == "FLOOR") && p.accept("TO"):
		c.Args = append(c.Args, p.symbolArg())
		return
	}
	c.Args = append(c.Args, p.moreArgs()...)
}

// optional reads an argument if a word stands before it.
func (p *Parser) optional(c *ast.Call, word string) {
	if p.accept(word) {
		c.Args = append(c.Args, p.expr())
	}
}

func (p *Parser) moreArgs() (args []ast.Expr) {
	for p.accept(",") {
		args = append(args, p.argument())
	}
	return args
}

// argument reads an argument, which may have a name, or be a table.
func (p *Parser) argument() ast.Expr {
	from := p.begin()
	if p.isIdent() && p.ahead(1).word == "=>" {
		name := p.ident()
		p.advance()
		value := p.argument()
		return &ast.Named{Span: p.since(from), Name: name, Value: value}
	}
	if p.is("TABLE") {
		return p.tableArg()
	}
	if isQuery(p.peek(), p.ahead(1)) {
		q := p.query()
		return &ast.Subquery{Span: p.since(from), Query: q}
	}
	return p.expr()
}

func (p *Parser) tableArg() ast.Expr {
	from := p.begin()
	p.expect("TABLE")
	t := &ast.TableArg{}
	if p.accept("(") {
		t.Query = p.query()
		p.expect(")")
	} else {
		t.Table = p.name()
	}
	if p.accept("PARTITION", "BY") {
		t.Partition = p.byColumns()
	}
	if p.accept("ORDER", "BY") {
		if p.accept("(") {
			t.Order = many(p, p.orderItem)
			p.expect(")")
		} else {
			t.Order = []ast.OrderItem{p.orderItem()}
		}
	}
	t.Span = p.since(from)
	return t
}

// byColumns reads a column, or several in parentheses: a comma ends it, as it does arguments.
func (p *Parser) byColumns() []ast.Expr {
	if !p.accept("(") {
		return []ast.Expr{p.expr()}
	}
	items := p.exprs()
	p.expect(")")
	return items
}

func (p *Parser) trim(c *ast.Call) {
	from := p.begin()
	if p.isAny("BOTH", "LEADING", "TRAILING") {
		c.Args = []ast.Expr{p.symbolArg()}
		if !p.is("FROM") {
			c.Args = append(c.Args, p.expr())
		}
		p.expect("FROM")
		c.Args = append(c.Args, p.expr())
		return
	}
	c.Args = []ast.Expr{p.expr()}
	if p.accept("FROM") {
		both := &ast.Symbol{Span: ast.Span{From: from, To: from}, Word: "BOTH"}
		c.Args = append([]ast.Expr{both}, c.Args[0], p.expr())
		return
	}
	c.Args = append(c.Args, p.moreArgs()...)
}

func (p *Parser) filter() ast.Expr {
	if !p.is("FILTER") || p.ahead(1).word != "(" {
		return nil
	}
	p.advance()
	p.expect("(", "WHERE")
	x := p.expr()
	p.expect(")")
	return x
}

func (p *Parser) over() *ast.Window {
	if !p.is("OVER") {
		return nil
	}
	p.advance()
	if p.isIdent() {
		name := p.ident()
		return &ast.Window{Span: name.Span, Name: &name, Bare: true}
	}
	return p.window()
}

// window reads the description of a window, in parentheses.
func (p *Parser) window() *ast.Window {
	from := p.begin()
	p.expect("(")
	w := &ast.Window{}
	if p.isIdent() {
		name := p.ident()
		w.Name = &name
	}
	if p.accept("PARTITION", "BY") {
		w.Partition = p.exprs()
	}
	if p.accept("ORDER", "BY") {
		w.Order = many(p, p.orderItem)
	}
	if p.is("ROWS") || p.is("RANGE") {
		w.Frame = p.frame()
	}
	p.expect(")")
	w.Span = p.since(from)
	return w
}

func (p *Parser) frame() *ast.Frame {
	f := &ast.Frame{Rows: p.advance().word == "ROWS"}
	if p.accept("BETWEEN") {
		f.From = p.bound()
		p.expect("AND")
		f.To = p.bound()
		return f
	}
	f.Single = true
	f.From, f.To = p.bound(), ast.Bound{Kind: "CURRENT ROW"}
	return f
}

func (p *Parser) bound() ast.Bound {
	switch {
	case p.accept("CURRENT", "ROW"):
		return ast.Bound{Kind: "CURRENT ROW"}
	case p.accept("UNBOUNDED"):
		return ast.Bound{Kind: "UNBOUNDED " + p.oneOf("PRECEDING", "FOLLOWING")}
	}
	x := p.operators(ast.PrecAnd + 1)
	return ast.Bound{Offset: x, Kind: p.oneOf("PRECEDING", "FOLLOWING")}
}

func (p *Parser) orderItem() ast.OrderItem {
	o := ast.OrderItem{X: p.expr()}
	if p.accept("DESC") {
		o.Desc = true
	} else {
		p.accept("ASC")
	}
	if p.accept("NULLS") {
		o.Nulls = p.oneOf("FIRST", "LAST")
	}
	return o
}
