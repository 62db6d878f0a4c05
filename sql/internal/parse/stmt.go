package parse

import "github.com/flott-dev/flott/sql/internal/ast"

// statements are the words that begin a statement that is no query.
var statements map[string]func(p *Parser, from int) ast.Statement

func init() {
	statements = map[string]func(p *Parser, from int) ast.Statement{
		"CREATE": (*Parser).create, "ALTER": (*Parser).alter, "DROP": (*Parser).drop,
		"USE": (*Parser).use, "SHOW": (*Parser).show, "DESCRIBE": (*Parser).describe, "DESC": (*Parser).describe,
		"INSERT": (*Parser).insertStmt, "UPSERT": (*Parser).insertStmt,
		"UPDATE": (*Parser).update, "DELETE": (*Parser).delete,
		"EXPLAIN": (*Parser).explain, "EXECUTE": (*Parser).execute, "COMPILE": (*Parser).compile,
		"BEGIN": (*Parser).beginStmt, "END": (*Parser).endStmt, "STOP": (*Parser).stopJob,
		"SET": (*Parser).set, "RESET": (*Parser).reset, "TRUNCATE": (*Parser).truncate,
		"ANALYZE": (*Parser).analyze, "LOAD": (*Parser).module, "UNLOAD": (*Parser).module,
		"ADD": (*Parser).jar, "REMOVE": (*Parser).jar, "CALL": (*Parser).callStmt,
		"REPLACE": (*Parser).replaceTable,
	}
}

// statement reads a statement.
func (p *Parser) statement() ast.Statement {
	t := p.peek()
	from := t.span.From
	if isQuery(t, p.ahead(1)) || p.is("(") {
		q := p.query()
		return &ast.QueryStmt{Span: p.since(from), Query: q}
	}
	if f := statements[t.word]; f != nil && t.kind == tokWord {
		return f(p, from)
	}
	for _, w := range []string{"SELECT", "INSERT", "CREATE", "WITH", "VALUES", "SET", "SHOW"} {
		p.want(w)
	}
	if t.kind == tokWord {
		words := []string{"SELECT", "VALUES", "WITH"}
		for w := range statements {
			words = append(words, w)
		}
		if w := Nearest(t.word, words); w != "" {
			panic(&Error{Span: t.span, Msg: "no statement begins with " + t.text, Hint: "did you mean " + w + "?"})
		}
	}
	p.fail()
	return nil
}

func (p *Parser) insertStmt(from int) ast.Statement {
	i := p.insert()
	i.Span = p.since(from)
	return i
}

func (p *Parser) insert() *ast.Insert {
	from := p.begin()
	i := &ast.Insert{Upsert: p.oneOf("INSERT", "UPSERT") == "UPSERT"}
	i.Overwrite = p.oneOf("INTO", "OVERWRITE") == "OVERWRITE"
	p.accept("TABLE")
	i.Into = p.name()
	i.Hints = p.hints()
	if p.accept("PARTITION") {
		i.Partition = p.partitionSpec()
	}
	if p.is("(") && isIdent(p.ahead(1)) && (p.ahead(2).word == "," || p.ahead(2).word == ")") {
		i.Columns = p.idents()
	}
	i.Query = p.query()
	i.Span = p.since(from)
	return i
}

// partitionSpec reads (column = value, …).
func (p *Parser) partitionSpec() []ast.Assignment {
	p.expect("(")
	items := many(p, func() ast.Assignment {
		a := ast.Assignment{Name: ast.Name{p.ident()}}
		if p.accept("=") {
			a.Value = p.operators(ast.PrecCompare + 1)
		}
		return a
	})
	p.expect(")")
	return items
}

func (p *Parser) update(from int) ast.Statement {
	p.expect("UPDATE")
	u := &ast.Update{Table: p.name()}
	p.expect("SET")
	u.Set = many(p, func() ast.Assignment {
		a := ast.Assignment{Name: p.name()}
		p.expect("=")
		a.Value = p.expr()
		return a
	})
	u.Where = p.clause("WHERE")
	u.Span = p.since(from)
	return u
}

func (p *Parser) delete(from int) ast.Statement {
	p.expect("DELETE", "FROM")
	d := &ast.Delete{Table: p.name()}
	d.Where = p.clause("WHERE")
	d.Span = p.since(from)
	return d
}

func (p *Parser) explain(from int) ast.Statement {
	p.expect("EXPLAIN")
	e := &ast.Explain{}
	switch {
	case p.accept("PLAN", "FOR"):
		e.PlanFor = true
	case p.isAny("ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE"):
		e.Details = many(p, func() string {
			return p.oneOf("ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE")
		})
	}
	e.Statement = p.planned()
	e.Span = p.since(from)
	return e
}

// planned reads a statement that there is a plan for.
func (p *Parser) planned() ast.Statement {
	from := p.begin()
	switch {
	case p.is("STATEMENT"):
		return p.statementSet(from)
	case p.isAny("INSERT", "UPSERT"):
		return p.insertStmt(from)
	case p.is("CREATE"), p.is("REPLACE"):
		x := p.statement()
		if t, ok := x.(*ast.CreateTable); !ok || t.As == nil {
			p.failAt(x.Extent(), "of statements with CREATE only CREATE TABLE … AS has a plan")
		}
		return x
	case p.is("EXECUTE"), p.is("UPDATE"), p.is("DELETE"):
		return p.statement()
	}
	q := p.query()
	return &ast.QueryStmt{Span: p.since(from), Query: q}
}

func (p *Parser) statementSet(from int) ast.Statement {
	p.expect("STATEMENT", "SET", "BEGIN")
	s := &ast.StatementSet{}
	for {
		s.Inserts = append(s.Inserts, p.insert())
		p.expect(";")
		if p.accept("END") {
			break
		}
		if !p.isAny("INSERT", "UPSERT") {
			p.fail()
		}
	}
	s.Span = p.since(from)
	return s
}

func (p *Parser) execute(from int) ast.Statement {
	p.expect("EXECUTE")
	if p.accept("PLAN") {
		file := p.str()
		return &ast.ExecutePlan{Span: p.since(from), File: file}
	}
	s := p.planned()
	return &ast.Execute{Span: p.since(from), Statement: s}
}

func (p *Parser) compile(from int) ast.Statement {
	p.expect("COMPILE")
	c := &ast.CompilePlan{Execute: p.accept("AND", "EXECUTE")}
	p.expect("PLAN")
	c.File = p.str()
	c.IfNotExists = p.accept("IF", "NOT", "EXISTS")
	p.expect("FOR")
	c.Statement = p.planned()
	c.Span = p.since(from)
	return c
}

func (p *Parser) beginStmt(from int) ast.Statement {
	p.expect("BEGIN", "STATEMENT", "SET")
	return &ast.Begin{Span: p.since(from)}
}

func (p *Parser) endStmt(from int) ast.Statement {
	p.expect("END")
	return &ast.End{Span: p.since(from)}
}

func (p *Parser) stopJob(from int) ast.Statement {
	p.expect("STOP", "JOB")
	s := &ast.StopJob{Job: p.str()}
	s.Savepoint = p.accept("WITH", "SAVEPOINT")
	s.Drain = p.accept("WITH", "DRAIN")
	s.Span = p.since(from)
	return s
}

func (p *Parser) set(from int) ast.Statement {
	p.expect("SET")
	s := &ast.Set{}
	if p.peek().kind == tokString {
		k := p.property()
		s.Key, s.Value = &k.Key, &k.Value
	} else if !p.is(";") && p.peek().kind != tokEnd {
		panic(&Error{
			Span: p.peek().span, Msg: "the key and the value of SET stand in quotes",
			Hint: "write SET 'key' = 'value'",
		})
	}
	s.Span = p.since(from)
	return s
}

func (p *Parser) reset(from int) ast.Statement {
	p.expect("RESET")
	s := &ast.Reset{}
	if p.peek().kind == tokString {
		k := p.str()
		s.Key = &k
	}
	s.Span = p.since(from)
	return s
}

func (p *Parser) use(from int) ast.Statement {
	p.expect("USE")
	u := &ast.Use{Kind: "DATABASE"}
	switch {
	case p.accept("CATALOG"):
		u.Kind = "CATALOG"
		u.Names = []ast.Name{{p.ident()}}
	case p.accept("MODULES"):
		u.Kind = "MODULES"
		u.Names = many(p, p.name)
	default:
		u.Names = []ast.Name{p.name()}
	}
	u.Span = p.since(from)
	return u
}

func (p *Parser) describe(from int) ast.Statement {
	p.oneOf("DESCRIBE", "DESC")
	d := &ast.Describe{Kind: "TABLE"}
	for _, k := range []string{"CATALOG", "DATABASE", "FUNCTION", "MODEL", "JOB"} {
		if p.accept(k) {
			d.Kind = k
			break
		}
	}
	if d.Kind == "JOB" {
		d.Job = p.str()
	} else {
		d.Extended = p.accept("EXTENDED")
		d.Name = p.name()
	}
	d.Span = p.since(from)
	return d
}

// shows are what SHOW can be followed by, longest first.
var shows = [][]string{
	{"CURRENT", "CATALOG"},
	{"CURRENT", "DATABASE"},
	{"CATALOGS"},
	{"DATABASES"},
	{"TABLES"},
	{"VIEWS"},
	{"USER", "FUNCTIONS"},
	{"FUNCTIONS"},
	{"PROCEDURES"},
	{"MODELS"},
	{"FULL", "MODULES"},
	{"MODULES"},
	{"JARS"},
	{"JOBS"},
	{"COLUMNS"},
	{"PARTITIONS"},
	{"CREATE", "TABLE"},
	{"CREATE", "VIEW"},
	{"CREATE", "CATALOG"},
	{"CREATE", "MODEL"},
}

func (p *Parser) show(from int) ast.Statement {
	p.expect("SHOW")
	s := &ast.Show{}
	for _, words := range shows {
		if p.accept(words...) {
			s.What = words[0]
			for _, w := range words[1:] {
				s.What += " " + w
			}
			break
		}
	}
	switch {
	case s.What == "":
		p.fail()
	case s.What == "PARTITIONS":
		s.Of = p.name()
		if p.accept("PARTITION") {
			s.Parts = p.partitionSpec()
		}
	case len(s.What) > 6 && s.What[:6] == "CREATE":
		s.Of = p.name()
	case s.What == "COLUMNS":
		s.From = p.oneOf("FROM", "IN")
		s.Of = p.name()
	case p.isAny("FROM", "IN"):
		s.From = p.advance().word
		s.Of = p.name()
	}
	s.Not = p.accept("NOT")
	if s.Not || p.isAny("LIKE", "ILIKE") {
		s.Like = p.oneOf("LIKE", "ILIKE")
		s.Pattern = p.str()
	}
	s.Span = p.since(from)
	return s
}

func (p *Parser) truncate(from int) ast.Statement {
	p.expect("TRUNCATE", "TABLE")
	n := p.name()
	return &ast.Truncate{Span: p.since(from), Table: n}
}

func (p *Parser) analyze(from int) ast.Statement {
	p.expect("ANALYZE", "TABLE")
	a := &ast.Analyze{Table: p.name()}
	if p.accept("PARTITION") {
		a.Partition = p.partitionSpec()
	}
	p.expect("COMPUTE", "STATISTICS")
	if p.accept("FOR") {
		if a.AllColumns = p.accept("ALL", "COLUMNS"); !a.AllColumns {
			p.expect("COLUMNS")
			a.Columns = many(p, p.ident)
		}
	}
	a.Span = p.since(from)
	return a
}

func (p *Parser) module(from int) ast.Statement {
	m := &ast.LoadModule{Unload: p.oneOf("LOAD", "UNLOAD") == "UNLOAD"}
	p.expect("MODULE")
	m.Name = p.ident()
	m.With = p.with()
	m.Span = p.since(from)
	return m
}

// with reads WITH (…), if it is there.
func (p *Parser) with() []ast.Property {
	if !p.accept("WITH") {
		return nil
	}
	return p.properties()
}

func (p *Parser) jar(from int) ast.Statement {
	j := &ast.Jar{Remove: p.oneOf("ADD", "REMOVE") == "REMOVE"}
	p.expect("JAR")
	j.Path = p.str()
	j.Span = p.since(from)
	return j
}

func (p *Parser) callStmt(from int) ast.Statement {
	p.expect("CALL")
	n := p.name()
	if !p.is("(") {
		p.expect("(")
	}
	call, ok := p.function(n).(*ast.Call)
	if !ok {
		p.failAt(n.Extent(), "%s is no procedure", n.Last().Name)
	}
	return &ast.CallProcedure{Span: p.since(from), Call: call}
}
