package parse

import (
	"slices"
	"strings"

	"github.com/flott-dev/flott/sql/internal/ast"
)

// query reads WITH …, a body, ORDER BY and LIMIT.
func (p *Parser) query() *ast.Query {
	defer p.deeper()()
	from := p.begin()
	q := &ast.Query{}
	if p.accept("WITH") {
		q.Recursive = p.accept("RECURSIVE")
		q.With = many(p, p.cte)
	}
	q.Body = p.body(0)
	p.orderLimit(q)
	q.Span = p.since(from)
	if n, ok := q.Body.(*ast.Nested); ok && isBare(q) { // (query) is the query
		inner := n.Query
		inner.Span = q.Span
		return inner
	}
	return q
}

// isBare reports whether a query is its body and nothing else.
func isBare(q *ast.Query) bool {
	return len(q.With) == 0 && len(q.Order) == 0 && q.Offset == nil && q.Limit == nil && !q.All
}

func (p *Parser) cte() ast.CTE {
	c := ast.CTE{Name: p.ident()}
	if p.is("(") {
		c.Columns = p.idents()
	}
	p.expect("AS", "(")
	c.Query = p.query()
	p.expect(")")
	return c
}

func (p *Parser) orderLimit(q *ast.Query) {
	if p.accept("ORDER", "BY") {
		q.Order = many(p, p.orderItem)
	}
	limit, offset := false, false
	for {
		switch {
		case !limit && p.accept("LIMIT"):
			limit = true
			if q.All = p.accept("ALL"); q.All {
				continue
			}
			q.Limit = p.rowCount()
			if p.is(",") {
				panic(&Error{
					Span: p.peek().span, Msg: "LIMIT has one number",
					Hint: "write LIMIT count OFFSET start",
				})
			}
		case !offset && p.accept("OFFSET"):
			offset = true
			q.Offset = p.rowCount()
			if !p.accept("ROWS") {
				p.accept("ROW")
			}
		case !limit && p.accept("FETCH"):
			limit = true
			p.oneOf("FIRST", "NEXT")
			q.Limit = p.rowCount()
			p.oneOf("ROWS", "ROW")
			p.expect("ONLY")
		default:
			return
		}
	}
}

// rowCount reads a number or a parameter.
func (p *Parser) rowCount() ast.Expr {
	if t := p.peek(); t.kind != tokNumber && !p.is("?") && !p.is(":") {
		p.want("a number")
		p.fail()
	}
	return p.primary()
}

// The binding strength of set operations.
const (
	precUnion     = 1
	precIntersect = 2
)

// body reads SELECTs and set operations that bind at least so strongly.
func (p *Parser) body(least int) ast.Body {
	from := p.begin()
	x := p.simpleBody()
	for {
		strength := precUnion
		switch {
		case p.isAny("UNION", "EXCEPT", "MINUS"):
		case p.is("INTERSECT"):
			strength = precIntersect
		default:
			for _, w := range []string{"UNION", "EXCEPT", "INTERSECT"} {
				p.want(w)
			}
			return x
		}
		if strength < least {
			return x
		}
		s := &ast.SetOp{Op: p.advance().word, X: x}
		if s.Op == "MINUS" {
			s.Op = "EXCEPT"
		}
		if s.All = p.accept("ALL"); !s.All {
			p.accept("DISTINCT")
		}
		s.Y = p.body(strength + 1)
		s.Span = p.since(from)
		x = s
	}
}

func (p *Parser) simpleBody() ast.Body {
	from := p.begin()
	switch {
	case p.accept("SELECT"):
		return p.selectBody(from)
	case p.accept("VALUES"):
		rows := many(p, p.valuesRow)
		return &ast.Values{Span: p.since(from), Rows: rows}
	case p.is("TABLE") && isIdent(p.ahead(1)):
		p.advance()
		n := p.name()
		return &ast.TableBody{Span: p.since(from), Name: n}
	case p.accept("("):
		q := p.query()
		p.expect(")")
		if isBare(q) {
			return q.Body
		}
		return &ast.Nested{Span: p.since(from), Query: q}
	}
	p.want("TABLE")
	p.fail()
	return nil
}

// valuesRow reads (1, 2), ROW(1, 2) or 1.
func (p *Parser) valuesRow() ast.Expr {
	from := p.begin()
	if p.is("(") && p.ahead(1).word != "(" {
		// One value in parentheses is a row, too.
		at := p.at
		p.advance()
		if !isQuery(p.peek(), p.ahead(1)) {
			items := p.exprs()
			if p.accept(")") && (p.isAny(",", ")", ";") || p.endsRow()) {
				return &ast.Row{Span: p.since(from), Items: items}
			}
		}
		p.at = at
	}
	return p.expr()
}

// endsRow reports whether no operator follows.
func (p *Parser) endsRow() bool {
	t := p.peek()
	if t.kind == tokSymbol {
		return false
	}
	op, _ := p.operator()
	return t.kind == tokEnd || ast.Prec(op) == 0 && !slices.Contains([]string{"IS", "BETWEEN", "IN", "LIKE", "NOT"}, t.word)
}

func (p *Parser) selectBody(from int) ast.Body {
	s := &ast.Select{Hints: p.hints()}
	if s.Distinct = p.accept("DISTINCT"); !s.Distinct {
		p.accept("ALL")
	}
	s.Items = many(p, p.item)
	if p.accept("FROM") {
		s.From = p.tables()
	} else if p.is("WHERE") {
		panic(&Error{Span: p.peek().span, Msg: "there is no FROM before WHERE"})
	}
	s.Where = p.clause("WHERE")
	if p.accept("GROUP", "BY") {
		s.Grouped = true
		if s.GroupDistinct = p.accept("DISTINCT"); !s.GroupDistinct {
			p.accept("ALL")
		}
		s.Group = many(p, p.grouping)
	}
	s.Having = p.clause("HAVING")
	if p.accept("WINDOW") {
		s.Windows = many(p, func() ast.NamedWindow {
			w := ast.NamedWindow{Name: p.ident()}
			p.expect("AS")
			w.Window = *p.window()
			return w
		})
	}
	s.Qualify = p.clause("QUALIFY")
	s.Span = p.since(from)
	return s
}

func (p *Parser) clause(word string) ast.Expr {
	if !p.accept(word) {
		return nil
	}
	return p.expr()
}

func (p *Parser) item() ast.Item {
	if p.is("*") {
		return ast.Item{X: &ast.Star{Span: p.advance().span}}
	}
	i := ast.Item{X: p.expr()}
	if p.accept("AS") || p.isIdent() {
		as := p.ident()
		i.As = &as
	}
	return i
}

func (p *Parser) grouping() ast.Grouping {
	defer p.deeper()()
	switch {
	case p.accept("GROUPING", "SETS"):
		return p.groupingSets("GROUPING SETS")
	case p.is("CUBE") && p.ahead(1).word == "(":
		p.advance()
		return p.groupingSets("CUBE")
	case p.is("ROLLUP") && p.ahead(1).word == "(":
		p.advance()
		return p.groupingSets("ROLLUP")
	case p.follows("(", ")"):
		p.advance()
		p.advance()
		return ast.Grouping{Parens: true}
	}
	x := p.expr()
	if r, ok := x.(*ast.Row); ok && !r.Explicit {
		return ast.Grouping{Exprs: r.Items, Parens: true}
	}
	return ast.Grouping{Exprs: []ast.Expr{x}}
}

func (p *Parser) groupingSets(kind string) ast.Grouping {
	p.expect("(")
	g := ast.Grouping{Kind: kind, Sets: many(p, p.grouping)}
	p.expect(")")
	return g
}

// hints reads /*+ … */, if it is there.
func (p *Parser) hints() (hints []ast.Hint) {
	for p.peek().kind == tokHint {
		p.advance()
		for !p.is("*/") {
			hints = append(hints, p.hint1())
			p.accept(",")
		}
		p.expect("*/")
	}
	return hints
}

func (p *Parser) hint1() ast.Hint {
	from := p.begin()
	h := ast.Hint{Name: p.word()}
	if !p.accept("(") {
		h.Span = p.since(from)
		return h
	}
	for !p.is(")") {
		t := p.peek()
		switch {
		case t.kind == tokString && p.ahead(1).word == "=":
			h.Options = append(h.Options, p.property())
		case t.kind == tokString || t.kind == tokWord || t.kind == tokQuoted || t.kind == tokNumber:
			p.advance()
			arg := t.text
			for p.accept(".") {
				arg += "." + p.advance().text
			}
			if p.accept("=") { // key = 'value' without quotes around the key
				h.Options = append(h.Options, ast.Property{Span: t.span, Key: arg, Value: p.advance().text})
				break
			}
			h.Args = append(h.Args, arg)
		default:
			p.fail()
		}
		if !p.accept(",") && !p.is(")") {
			p.fail()
		}
	}
	p.expect(")")
	h.Span = p.since(from)
	return h
}

func (p *Parser) property() ast.Property {
	from := p.begin()
	k := ast.Property{Key: p.str()}
	p.expect("=")
	k.Value = p.str()
	k.Span = p.since(from)
	return k
}

func (p *Parser) properties() []ast.Property {
	p.expect("(")
	if p.accept(")") {
		return nil
	}
	with := many(p, p.property)
	p.expect(")")
	return with
}

// tables reads what stands behind FROM.
func (p *Parser) tables() ast.Table {
	from := p.begin()
	x := p.joins()
	for p.accept(",") {
		y := p.joins()
		x = &ast.Join{Span: p.since(from), Kind: ",", X: x, Y: y}
	}
	return x
}

func (p *Parser) joins() ast.Table {
	defer p.deeper()()
	from := p.begin()
	x := p.table()
	for {
		j := p.joinKind()
		if j == nil {
			return x
		}
		j.X = x
		j.Y = p.table()
		switch {
		case p.accept("ON"):
			j.On = p.expr()
		case p.is("USING"):
			p.advance()
			j.Using = p.idents()
		case j.Kind != "CROSS" && !j.Natural && !isLateral(j.Y):
			p.fail()
		}
		j.Span = p.since(from)
		x = j
	}
}

// isLateral reports whether a table depends on those before it, so that a join needs no condition.
func isLateral(t ast.Table) bool {
	switch t := t.(type) {
	case *ast.Function:
		return t.Lateral
	case *ast.Derived:
		return t.Lateral
	case *ast.Unnest:
		return true
	}
	return false
}

// joinKind reads LEFT OUTER JOIN and its like; nil is no join.
func (p *Parser) joinKind() *ast.Join {
	n := 0
	j := &ast.Join{Kind: "INNER"}
	if p.is("NATURAL") {
		j.Natural = true
		n++
	}
	switch w := p.ahead(n).word; w {
	case "INNER", "CROSS":
		j.Kind = w
		n++
	case "LEFT", "RIGHT", "FULL":
		j.Kind = w
		n++
		if p.ahead(n).word == "OUTER" {
			n++
		}
	}
	if p.ahead(n).word != "JOIN" || p.ahead(n).kind != tokWord {
		p.want("JOIN")
		return nil
	}
	for range n + 1 {
		p.advance()
	}
	return j
}

// table reads one table, with what stands behind it.
func (p *Parser) table() ast.Table {
	from := p.begin()
	t := p.simpleTable()
	switch {
	case p.is("PIVOT"):
		t = p.pivot(t, from)
	case p.is("UNPIVOT"):
		t = p.unpivot(t, from)
	case p.is("MATCH_RECOGNIZE"):
		t = p.match(t, from)
	}
	if p.is("TABLESAMPLE") {
		return p.sample(t, from)
	}
	return t
}

func (p *Parser) simpleTable() ast.Table {
	from := p.begin()
	lateral := p.accept("LATERAL")
	switch {
	case p.is("UNNEST"):
		return p.unnest(from, lateral)
	case p.is("TABLE") && p.ahead(1).word == "(":
		p.advance()
		p.expect("(")
		f := &ast.Function{Call: p.tableCall(), Lateral: lateral, Wrapped: true}
		p.expect(")")
		return p.functionTable(f, from)
	case p.is("("):
		return p.parenTable(from, lateral)
	case p.peek().kind == tokString && !lateral:
		f := &ast.File{Path: p.str()}
		f.Alias = p.alias()
		f.Span = p.since(from)
		return f
	case p.ahead(1).word == "(" && p.ahead(1).kind == tokSymbol && p.peek().kind == tokWord && !p.isIdent() &&
		ast.IsFunction(p.peek().word):
		return p.functionTable(&ast.Function{Call: p.tableCall(), Lateral: lateral}, from)
	}
	n := p.name()
	if p.is("(") {
		call, ok := p.function(n).(*ast.Call)
		if !ok {
			p.failAt(n.Extent(), "%s is no table function", strings.Join(n.Strings(), "."))
		}
		return p.functionTable(&ast.Function{Call: call, Lateral: lateral}, from)
	}
	t := &ast.TableName{Name: n, Hints: p.hints(), AsOf: p.asOf()}
	if !p.is("MATCH_RECOGNIZE") {
		t.Alias = p.alias()
	}
	t.Hints = append(t.Hints, p.hints()...)
	if t.AsOf == nil {
		if t.AsOf = p.asOf(); t.AsOf != nil && t.Alias.Name == nil {
			t.Alias = p.alias()
		}
	}
	t.Span = p.since(from)
	return t
}

func (p *Parser) tableCall() *ast.Call {
	t := p.peek()
	var n ast.Name
	if p.isIdent() {
		n = p.name()
	} else {
		n = ast.Name{{Span: t.span, Name: t.text}}
		p.word()
	}
	call, ok := p.function(n).(*ast.Call)
	if !ok {
		p.failAt(t.span, "%s is no table function", t.text)
	}
	return call
}

func (p *Parser) functionTable(f *ast.Function, from int) ast.Table {
	f.AsOf = p.asOf()
	f.Alias = p.alias()
	f.Span = p.since(from)
	return f
}

func (p *Parser) asOf() ast.Expr {
	if !p.accept("FOR", "SYSTEM_TIME") {
		return nil
	}
	p.expect("AS", "OF")
	return p.operators(ast.PrecAdd)
}

func (p *Parser) unnest(from int, lateral bool) ast.Table {
	p.expect("UNNEST", "(")
	u := &ast.Unnest{Exprs: p.exprs(), Lateral: lateral}
	p.expect(")")
	if p.accept("WITH") {
		p.expect("ORDINALITY")
		u.Ordinality = true
	}
	u.Alias = p.alias()
	u.Span = p.since(from)
	return u
}

// parenTable reads a query or a join in parentheses.
func (p *Parser) parenTable(from int, lateral bool) ast.Table {
	defer p.deeper()()
	p.expect("(")
	if q := p.tryQuery(); q != nil {
		p.expect(")")
		d := &ast.Derived{Query: q, Lateral: lateral}
		if !p.is("MATCH_RECOGNIZE") {
			d.Alias = p.alias()
		}
		d.Span = p.since(from)
		return d
	}
	t := p.tables()
	p.expect(")")
	a := p.alias()
	if a.Name == nil {
		if _, ok := t.(*ast.Join); !ok {
			return t // the parentheses say nothing
		}
	}
	return &ast.Paren{Span: p.since(from), Table: t, Alias: a}
}

func (p *Parser) alias() ast.Alias {
	if !p.accept("AS") && !p.isIdent() {
		return ast.Alias{}
	}
	name := p.ident()
	a := ast.Alias{Name: &name}
	if p.is("(") {
		a.Columns = p.idents()
	}
	return a
}

func (p *Parser) match(input ast.Table, from int) ast.Table {
	p.expect("MATCH_RECOGNIZE", "(")
	m := &ast.Match{Input: input}
	if p.accept("PARTITION", "BY") {
		m.Partition = p.exprs()
	}
	if p.accept("ORDER", "BY") {
		m.Order = many(p, p.orderItem)
	}
	if p.accept("MEASURES") {
		m.Measures = many(p, func() ast.Measure {
			x := ast.Measure{X: p.measure()}
			p.expect("AS")
			x.As = p.ident()
			return x
		})
	}
	switch {
	case p.accept("ONE", "ROW", "PER", "MATCH"):
		m.Rows = true
	case p.accept("ALL", "ROWS", "PER", "MATCH"):
		m.Rows, m.AllRows = true, true
	}
	if p.accept("AFTER", "MATCH") {
		m.After = p.skipTo()
	}
	p.expect("PATTERN", "(")
	m.Pattern = p.pattern()
	p.expect(")")
	m.Within = p.clause("WITHIN")
	if p.accept("SUBSET") {
		m.Subsets = many(p, func() ast.Subset {
			s := ast.Subset{Name: p.ident()}
			p.expect("=")
			s.Vars = p.idents()
			return s
		})
	}
	p.expect("DEFINE")
	m.Define = many(p, func() ast.Definition {
		d := ast.Definition{Name: p.ident()}
		p.expect("AS")
		d.X = p.expr()
		return d
	})
	p.expect(")")
	m.Alias = p.alias()
	m.Span = p.since(from)
	return m
}

// measure reads an expression, perhaps with FINAL or RUNNING before it, which say nothing for one row for
// each match.
func (p *Parser) measure() ast.Expr {
	if p.is("FINAL") || p.is("RUNNING") {
		p.advance()
	}
	return p.expr()
}

func (p *Parser) skipTo() *ast.Skip {
	p.expect("SKIP")
	switch {
	case p.accept("PAST", "LAST", "ROW"):
		return &ast.Skip{Kind: "PAST LAST ROW"}
	case p.accept("TO", "NEXT", "ROW"):
		return &ast.Skip{Kind: "TO NEXT ROW"}
	}
	p.expect("TO")
	s := &ast.Skip{Kind: "TO LAST"}
	if p.accept("FIRST") {
		s.Kind = "TO FIRST"
	} else {
		p.accept("LAST")
	}
	v := p.ident()
	s.Var = &v
	return s
}

// pattern reads alternatives of sequences.
func (p *Parser) pattern() ast.Pattern {
	defer p.deeper()()
	from := p.begin()
	start := p.accept("^")
	alts := []ast.Pattern{p.sequence()}
	for p.accept("|") {
		alts = append(alts, p.sequence())
	}
	x := alts[0]
	if len(alts) > 1 {
		x = ast.Pattern{Alt: alts}
	}
	x.Start = x.Start || start
	x.End = p.accept("$") || x.End
	x.Span = p.since(from)
	return x
}

func (p *Parser) sequence() ast.Pattern {
	from := p.begin()
	var seq []ast.Pattern
	for {
		x := p.factor()
		x.Quantifier = p.quantifier()
		seq = append(seq, x)
		if !p.isIdent() && !p.isAny("(", "{-", "PERMUTE") {
			break
		}
	}
	if len(seq) == 1 {
		return seq[0]
	}
	return ast.Pattern{Span: p.since(from), Seq: seq}
}

func (p *Parser) factor() ast.Pattern {
	from := p.begin()
	switch {
	case p.accept("("):
		x := p.pattern()
		p.expect(")")
		if x.Group || x.Quantifier != nil || x.Var != nil {
			x = ast.Pattern{Seq: []ast.Pattern{x}}
		}
		x.Group = true
		x.Span = p.since(from)
		return x
	case p.accept("{-"):
		x := p.pattern()
		p.expect("-}")
		return ast.Pattern{Span: p.since(from), Exclude: &x}
	case p.accept("PERMUTE"):
		p.expect("(")
		items := many(p, p.pattern)
		p.expect(")")
		return ast.Pattern{Span: p.since(from), Permute: items}
	}
	v := p.ident()
	return ast.Pattern{Span: v.Span, Var: &v}
}

func (p *Parser) quantifier() *ast.Quantifier {
	from := p.begin()
	q := &ast.Quantifier{Max: -1}
	switch {
	case p.accept("*"):
	case p.accept("+"):
		q.Min = 1
	case p.accept("?"):
		q.Max = 1
	case p.accept("{"):
		if !p.is(",") {
			q.Min = p.count()
		}
		if !p.accept(",") {
			q.Max = q.Min
		} else if !p.is("}") {
			q.Max = p.count()
		}
		p.expect("}")
	default:
		return nil
	}
	q.Text = strings.ReplaceAll(p.text[from:p.since(from).To], " ", "")
	q.Reluctant = p.accept("?")
	return q
}
