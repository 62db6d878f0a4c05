package parse

import "github.com/flott-dev/flott/sql/internal/ast"

func (p *Parser) create(from int) ast.Statement {
	p.expect("CREATE")
	replace := p.accept("OR", "REPLACE")
	temporary := p.accept("TEMPORARY")
	system := temporary && p.accept("SYSTEM")
	switch {
	case p.accept("TABLE"):
		return p.createTable(from, replace, temporary)
	case p.accept("VIEW"):
		v := &ast.CreateView{Replace: replace, Temporary: temporary, IfNotExists: p.ifNotExists(), Name: p.name()}
		if p.is("(") {
			v.Columns = p.idents()
		}
		v.Comment = p.comment()
		p.expect("AS")
		v.Query = p.query()
		v.Span = p.since(from)
		return v
	case p.accept("FUNCTION"):
		f := &ast.CreateFunction{Temporary: temporary, System: system, IfNotExists: p.ifNotExists(), Name: p.name()}
		return p.functionBody(f, from)
	case p.accept("CATALOG"):
		c := &ast.CreateCatalog{IfNotExists: p.ifNotExists(), Name: p.ident(), Comment: p.comment()}
		c.With = p.with()
		c.Span = p.since(from)
		return c
	case p.accept("DATABASE"):
		d := &ast.CreateDatabase{IfNotExists: p.ifNotExists(), Name: p.name(), Comment: p.comment()}
		d.With = p.with()
		d.Span = p.since(from)
		return d
	case p.accept("MODEL"):
		return p.createModel(from, temporary)
	case p.is("MATERIALIZED"):
		p.failAt(p.peek().span, "materialized tables are not supported")
	}
	p.fail()
	return nil
}

func (p *Parser) ifNotExists() bool { return p.accept("IF", "NOT", "EXISTS") }
func (p *Parser) ifExists() bool    { return p.accept("IF", "EXISTS") }

func (p *Parser) comment() *string {
	if !p.accept("COMMENT") {
		return nil
	}
	s := p.str()
	return &s
}

// replaceTable reads REPLACE TABLE … AS, which is CREATE OR REPLACE.
func (p *Parser) replaceTable(from int) ast.Statement {
	p.expect("REPLACE")
	temporary := p.accept("TEMPORARY")
	p.expect("TABLE")
	return p.createTable(from, true, temporary)
}

func (p *Parser) createTable(from int, replace, temporary bool) ast.Statement {
	t := &ast.CreateTable{Replace: replace, Temporary: temporary, IfNotExists: p.ifNotExists(), Name: p.name()}
	if p.accept("(") {
		t.Definition = &ast.TableDefinition{}
		if !p.is(")") {
			p.definition(t.Definition, false)
		}
		p.expect(")")
	}
	t.Comment = p.comment()
	if p.accept("DISTRIBUTED") {
		t.Distribution = p.distribution()
	}
	if p.accept("PARTITIONED", "BY") {
		t.Partitioned = p.idents()
	}
	if p.accept("WITH") {
		t.HasWith = true
		t.With = p.properties()
	}
	switch {
	case p.accept("LIKE"):
		t.Like = p.like()
	case p.accept("AS"):
		t.As = p.query()
	}
	t.Span = p.since(from)
	return t
}

func (p *Parser) like() *ast.TableLike {
	l := &ast.TableLike{Table: p.name()}
	if !p.accept("(") {
		return l
	}
	for !p.accept(")") {
		how := p.oneOf("INCLUDING", "EXCLUDING", "OVERWRITING")
		what := p.oneOf("ALL", "CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS")
		l.Options = append(l.Options, ast.LikeOption{How: how, What: what})
	}
	return l
}

// definition reads columns, constraints and a watermark, with commas between them. In ALTER TABLE a
// column may have a place.
func (p *Parser) definition(d *ast.TableDefinition, place bool) {
	many(p, func() struct{} {
		p.definitionPart(d, place)
		return struct{}{}
	})
}

func (p *Parser) definitionPart(d *ast.TableDefinition, place bool) {
	switch {
	case p.is("WATERMARK"):
		w := p.watermark()
		if d.Watermark != nil {
			p.failAt(w.Span, "the table has two watermarks")
		}
		d.Watermark = w
	case p.isAny("CONSTRAINT", "PRIMARY", "UNIQUE"):
		d.Constraints = append(d.Constraints, p.constraint())
	default:
		d.Columns = append(d.Columns, p.columnDefinition(place))
	}
}

func (p *Parser) watermark() *ast.Watermark {
	from := p.begin()
	p.expect("WATERMARK", "FOR")
	w := &ast.Watermark{Column: p.name()}
	p.expect("AS")
	w.As = p.expr()
	w.Span = p.since(from)
	return w
}

func (p *Parser) constraint() ast.Constraint {
	from := p.begin()
	c := ast.Constraint{}
	if p.accept("CONSTRAINT") {
		n := p.ident()
		c.Name = &n
	}
	if c.Unique = p.accept("UNIQUE"); !c.Unique {
		p.expect("PRIMARY", "KEY")
	}
	c.Columns = p.idents()
	c.Enforced = p.enforced()
	c.Span = p.since(from)
	return c
}

func (p *Parser) enforced() *bool {
	yes, no := true, false
	switch {
	case p.accept("NOT", "ENFORCED"):
		return &no
	case p.accept("ENFORCED"):
		return &yes
	}
	return nil
}

func (p *Parser) columnDefinition(place bool) ast.ColumnDefinition {
	c := ast.ColumnDefinition{Name: p.ident()}
	switch {
	case p.accept("AS"):
		c.Computed = p.expr()
	case p.isAny(",", ")"): // a column of CREATE TABLE … AS, by name
	default:
		c.Type = p.dataType()
		if p.accept("METADATA") {
			c.Metadata = true
			if p.accept("FROM") {
				s := p.str()
				c.From = &s
			}
			c.Virtual = p.accept("VIRTUAL")
		}
		p.columnConstraint(&c)
	}
	c.Comment = p.comment()
	if place {
		if c.First = p.accept("FIRST"); !c.First && p.accept("AFTER") {
			n := p.ident()
			c.After = &n
		}
	}
	return c
}

func (p *Parser) columnConstraint(c *ast.ColumnDefinition) {
	if p.accept("CONSTRAINT") {
		n := p.ident()
		c.Constraint = &n
	}
	switch {
	case p.accept("PRIMARY", "KEY"):
		c.Primary = true
		c.Enforced = p.enforced()
	case c.Constraint != nil:
		p.fail()
	case p.is("UNIQUE"):
		p.failAt(p.peek().span, "UNIQUE is not supported; a table has one PRIMARY KEY")
	}
}

// distribution reads what stands behind DISTRIBUTED, and behind DISTRIBUTION of ALTER TABLE.
func (p *Parser) distribution() *ast.Distribution {
	d := &ast.Distribution{}
	if p.accept("BY") {
		if p.isAny("HASH", "RANGE") {
			d.Kind = p.advance().word
		}
		d.Columns = p.idents()
	}
	if p.accept("INTO") {
		d.Buckets = p.count()
		p.expect("BUCKETS")
	}
	if len(d.Columns) == 0 && d.Buckets == 0 {
		p.fail()
	}
	return d
}

// functionBody reads CREATE and ALTER FUNCTION behind the name.
func (p *Parser) functionBody(f *ast.CreateFunction, from int) ast.Statement {
	p.expect("AS")
	f.As = p.str()
	if p.accept("LANGUAGE") {
		f.Language = p.oneOf("GO", "SQL", "JAVA", "SCALA", "PYTHON")
	}
	if p.accept("USING") {
		f.Jars = many(p, func() string {
			p.expect("JAR")
			return p.str()
		})
	}
	f.With = p.with()
	f.Span = p.since(from)
	return f
}

func (p *Parser) createModel(from int, temporary bool) ast.Statement {
	m := &ast.CreateModel{Temporary: temporary, IfNotExists: p.ifNotExists(), Name: p.name()}
	columns := func(word string) (cs []ast.ColumnDefinition) {
		if p.accept(word) {
			p.expect("(")
			cs = many(p, func() ast.ColumnDefinition { return p.columnDefinition(false) })
			p.expect(")")
		}
		return cs
	}
	m.Input, m.Output = columns("INPUT"), columns("OUTPUT")
	m.Comment = p.comment()
	m.With = p.with()
	if p.accept("AS") {
		m.As = p.query()
	}
	m.Span = p.since(from)
	return m
}

func (p *Parser) drop(from int) ast.Statement {
	p.expect("DROP")
	d := &ast.Drop{Temporary: p.accept("TEMPORARY")}
	d.System = d.Temporary && p.accept("SYSTEM")
	d.Kind = p.oneOf("TABLE", "VIEW", "DATABASE", "CATALOG", "FUNCTION", "MODEL")
	d.IfExists = p.ifExists()
	d.Name = p.name()
	if d.Kind == "DATABASE" {
		for _, w := range []string{"RESTRICT", "CASCADE"} {
			if p.accept(w) {
				d.Cascade = w
				break
			}
		}
	}
	d.Span = p.since(from)
	return d
}

func (p *Parser) alter(from int) ast.Statement {
	p.expect("ALTER")
	temporary := p.accept("TEMPORARY")
	system := temporary && p.accept("SYSTEM")
	if p.accept("FUNCTION") {
		f := &ast.CreateFunction{Alter: true, Temporary: temporary, System: system, IfExists: p.ifExists(), Name: p.name()}
		return p.functionBody(f, from)
	}
	if temporary {
		p.expect("FUNCTION")
	}
	a := &ast.Alter{Kind: p.oneOf("TABLE", "VIEW", "DATABASE", "CATALOG", "MODEL")}
	if a.Kind == "TABLE" || a.Kind == "MODEL" {
		a.IfExists = p.ifExists()
	}
	a.Name = p.name()
	a.Action = p.action(a.Kind)
	a.Span = p.since(from)
	return a
}

func (p *Parser) action(kind string) ast.Action {
	from := p.begin()
	switch {
	case kind != "VIEW" && p.accept("SET"):
		with := p.properties()
		return &ast.SetOptions{Span: p.since(from), With: with}
	case kind != "VIEW" && kind != "DATABASE" && p.accept("RESET"):
		p.expect("(")
		r := &ast.ResetOptions{}
		if !p.is(")") {
			r.Keys = many(p, p.str)
		}
		p.expect(")")
		r.Span = p.since(from)
		return r
	case kind == "CATALOG" && p.accept("COMMENT"):
		s := p.str()
		return &ast.SetComment{Span: p.since(from), Comment: s}
	case kind == "VIEW" && p.accept("AS"):
		q := p.query()
		return &ast.SetQuery{Span: p.since(from), Query: q}
	case (kind == "TABLE" || kind == "VIEW" || kind == "MODEL") && p.accept("RENAME"):
		return p.rename(kind, from)
	case kind == "TABLE":
		return p.tableAction(from)
	}
	p.fail()
	return nil
}

func (p *Parser) rename(kind string, from int) ast.Action {
	if kind != "TABLE" || p.is("TO") {
		p.expect("TO")
		n := p.name()
		return &ast.RenameTo{Span: p.since(from), To: n}
	}
	r := &ast.RenameColumn{From: p.name()}
	p.expect("TO")
	r.To = p.name()
	r.Span = p.since(from)
	return r
}

func (p *Parser) tableAction(from int) ast.Action {
	switch p.oneOf("ADD", "MODIFY", "DROP") {
	case "ADD":
		if p.is("PARTITION") || p.follows("IF", "NOT", "EXISTS") {
			a := &ast.Partitions{Add: true, IfNotExists: p.ifNotExists()}
			for p.accept("PARTITION") {
				a.Specs, a.With = append(a.Specs, p.partitionSpec()), append(a.With, p.with())
			}
			if len(a.Specs) == 0 {
				p.fail()
			}
			a.Span = p.since(from)
			return a
		}
		return p.modify(true, from)
	case "MODIFY":
		return p.modify(false, from)
	}
	return p.dropParts(from)
}

func (p *Parser) modify(add bool, from int) ast.Action {
	m := &ast.Modify{Add: add}
	switch {
	case p.accept("DISTRIBUTION"):
		m.Distribution = p.distribution()
	case p.accept("("):
		m.Parens = true
		m.Definition = &ast.TableDefinition{}
		p.definition(m.Definition, true)
		p.expect(")")
	default:
		m.Definition = &ast.TableDefinition{}
		p.definitionPart(m.Definition, true)
	}
	m.Span = p.since(from)
	return m
}

func (p *Parser) dropParts(from int) ast.Action {
	d := &ast.DropParts{}
	switch {
	case p.is("PARTITION") || p.follows("IF", "EXISTS"):
		a := &ast.Partitions{IfNotExists: p.ifExists()}
		a.Specs = many(p, func() []ast.Assignment {
			p.expect("PARTITION")
			return p.partitionSpec()
		})
		a.Span = p.since(from)
		return a
	case p.accept("PRIMARY", "KEY"):
		d.What = "PRIMARY KEY"
	case p.accept("WATERMARK"):
		d.What = "WATERMARK"
	case p.accept("DISTRIBUTION"):
		d.What = "DISTRIBUTION"
	case p.accept("CONSTRAINT"):
		d.What = "CONSTRAINT"
		n := p.ident()
		d.Constraint = &n
	case p.accept("("):
		d.Parens = true
		d.Columns = many(p, p.name)
		p.expect(")")
	default:
		d.Columns = []ast.Name{p.name()}
	}
	d.Span = p.since(from)
	return d
}
