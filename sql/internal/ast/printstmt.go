package ast

func (s *QueryStmt) write(p *printer) { p.node(s.Query) }

func (s *Insert) write(p *printer) {
	if s.Upsert {
		p.word("UPSERT")
	} else {
		p.word("INSERT")
	}
	if s.Overwrite {
		p.word("OVERWRITE")
	} else {
		p.word("INTO")
	}
	p.node(s.Into)
	p.hints(s.Hints)
	p.partition(s.Partition)
	p.columns(s.Columns)
	p.node(s.Query)
}

func (s *Update) write(p *printer) {
	p.word("UPDATE")
	p.node(s.Table)
	p.word("SET")
	p.assignments(s.Set)
	p.clause("WHERE", s.Where)
}

func (s *Delete) write(p *printer) {
	p.words("DELETE", "FROM")
	p.node(s.Table)
	p.clause("WHERE", s.Where)
}

func (s *StatementSet) write(p *printer) {
	p.words("STATEMENT", "SET", "BEGIN")
	for _, i := range s.Inserts {
		p.node(i)
		p.tight(";")
	}
	p.word("END")
}

func (s *Begin) write(p *printer) { p.words("BEGIN", "STATEMENT", "SET") }
func (s *End) write(p *printer)   { p.word("END") }

func (s *Execute) write(p *printer) {
	p.word("EXECUTE")
	p.node(s.Statement)
}

func (s *Explain) write(p *printer) {
	p.word("EXPLAIN")
	p.when(s.PlanFor, "PLAN", "FOR")
	list(p, s.Details, p.word)
	p.node(s.Statement)
}

func (s *CompilePlan) write(p *printer) {
	p.word("COMPILE")
	p.when(s.Execute, "AND", "EXECUTE")
	p.word("PLAN")
	p.str(s.File)
	p.when(s.IfNotExists, "IF", "NOT", "EXISTS")
	p.word("FOR")
	p.node(s.Statement)
}

func (s *ExecutePlan) write(p *printer) {
	p.words("EXECUTE", "PLAN")
	p.str(s.File)
}

func (p *printer) create(replace, temporary bool, kind string, ifNotExists bool) {
	p.word("CREATE")
	p.when(replace, "OR", "REPLACE")
	p.when(temporary, "TEMPORARY")
	p.word(kind)
	p.when(ifNotExists, "IF", "NOT", "EXISTS")
}

func (s *CreateTable) write(p *printer) {
	p.create(s.Replace, s.Temporary, "TABLE", s.IfNotExists)
	p.node(s.Name)
	if s.Definition != nil {
		p.parens(func() { p.definition(s.Definition) })
	}
	p.comment(s.Comment)
	p.distribution(s.Distribution)
	if len(s.Partitioned) > 0 {
		p.words("PARTITIONED", "BY")
		p.columns(s.Partitioned)
	}
	if s.HasWith {
		p.word("WITH")
		p.properties(s.With)
	}
	if s.Like != nil {
		p.word("LIKE")
		p.node(s.Like.Table)
		if len(s.Like.Options) > 0 {
			p.parens(func() {
				for _, o := range s.Like.Options {
					p.words(o.How, o.What)
				}
			})
		}
	}
	if s.As != nil {
		p.word("AS")
		p.node(s.As)
	}
}

// definition prints columns, constraints and the watermark, with commas between them.
func (p *printer) definition(d *TableDefinition) {
	var parts []Node
	for i := range d.Columns {
		parts = append(parts, &d.Columns[i])
	}
	for i := range d.Constraints {
		parts = append(parts, &d.Constraints[i])
	}
	if d.Watermark != nil {
		parts = append(parts, d.Watermark)
	}
	list(p, parts, p.node)
}

// Extent is the span of the column's name.
func (c *ColumnDefinition) Extent() Span { return c.Name.Span }

func (c *ColumnDefinition) write(p *printer) {
	p.node(c.Name)
	if c.Type != nil {
		p.node(c.Type)
	}
	if c.Computed != nil {
		p.word("AS")
		p.node(c.Computed)
	}
	if c.Metadata {
		p.word("METADATA")
		if c.From != nil {
			p.word("FROM")
			p.str(*c.From)
		}
		p.when(c.Virtual, "VIRTUAL")
	}
	if c.Primary {
		if c.Constraint != nil {
			p.word("CONSTRAINT")
			p.node(*c.Constraint)
		}
		p.words("PRIMARY", "KEY")
		p.enforced(c.Enforced)
	}
	p.comment(c.Comment)
	p.when(c.First, "FIRST")
	if c.After != nil {
		p.word("AFTER")
		p.node(*c.After)
	}
}

func (p *printer) enforced(e *bool) {
	if e != nil {
		p.when(!*e, "NOT")
		p.word("ENFORCED")
	}
}

func (c *Constraint) write(p *printer) {
	if c.Name != nil {
		p.word("CONSTRAINT")
		p.node(*c.Name)
	}
	if c.Unique {
		p.word("UNIQUE")
	} else {
		p.words("PRIMARY", "KEY")
	}
	p.columns(c.Columns)
	p.enforced(c.Enforced)
}

func (w *Watermark) write(p *printer) {
	p.words("WATERMARK", "FOR")
	p.node(w.Column)
	p.word("AS")
	p.node(w.As)
}

func (p *printer) distribution(d *Distribution) {
	if d == nil {
		return
	}
	p.word("DISTRIBUTED")
	if len(d.Columns) > 0 {
		p.words("BY", d.Kind)
		p.columns(d.Columns)
	}
	if d.Buckets > 0 {
		p.word("INTO")
		p.number(d.Buckets)
		p.word("BUCKETS")
	}
}

func (s *CreateView) write(p *printer) {
	p.create(s.Replace, s.Temporary, "VIEW", s.IfNotExists)
	p.node(s.Name)
	p.columns(s.Columns)
	p.comment(s.Comment)
	p.word("AS")
	p.node(s.Query)
}

func (s *CreateCatalog) write(p *printer) {
	p.create(false, false, "CATALOG", s.IfNotExists)
	p.node(s.Name)
	p.comment(s.Comment)
	p.with(s.With)
}

func (s *CreateDatabase) write(p *printer) {
	p.create(false, false, "DATABASE", s.IfNotExists)
	p.node(s.Name)
	p.comment(s.Comment)
	p.with(s.With)
}

func (s *CreateFunction) write(p *printer) {
	if s.Alter {
		p.word("ALTER")
	} else {
		p.word("CREATE")
	}
	p.when(s.Temporary, "TEMPORARY")
	p.when(s.System, "SYSTEM")
	p.word("FUNCTION")
	p.when(s.IfNotExists, "IF", "NOT", "EXISTS")
	p.when(s.IfExists, "IF", "EXISTS")
	p.node(s.Name)
	p.word("AS")
	p.str(s.As)
	if s.Language != "" {
		p.words("LANGUAGE", s.Language)
	}
	if len(s.Jars) > 0 {
		p.word("USING")
		list(p, s.Jars, func(j string) {
			p.word("JAR")
			p.str(j)
		})
	}
	p.with(s.With)
}

func (s *CreateModel) write(p *printer) {
	p.create(false, s.Temporary, "MODEL", s.IfNotExists)
	p.node(s.Name)
	for _, io := range []struct {
		word    string
		columns []ColumnDefinition
	}{{"INPUT", s.Input}, {"OUTPUT", s.Output}} {
		if len(io.columns) > 0 {
			p.word(io.word)
			p.parens(func() { list(p, io.columns, func(c ColumnDefinition) { p.node(&c) }) })
		}
	}
	p.comment(s.Comment)
	p.with(s.With)
	if s.As != nil {
		p.word("AS")
		p.node(s.As)
	}
}

func (s *Drop) write(p *printer) {
	p.word("DROP")
	p.when(s.Temporary, "TEMPORARY")
	p.when(s.System, "SYSTEM")
	p.word(s.Kind)
	p.when(s.IfExists, "IF", "EXISTS")
	p.node(s.Name)
	p.word(s.Cascade)
}

func (s *Alter) write(p *printer) {
	p.words("ALTER", s.Kind)
	p.when(s.IfExists, "IF", "EXISTS")
	p.node(s.Name)
	p.node(s.Action)
}

func (a *SetOptions) write(p *printer) {
	p.word("SET")
	p.properties(a.With)
}

func (a *ResetOptions) write(p *printer) {
	p.word("RESET")
	p.parens(func() { list(p, a.Keys, p.str) })
}

func (a *SetComment) write(p *printer) { p.comment(&a.Comment) }

func (a *RenameTo) write(p *printer) {
	p.words("RENAME", "TO")
	p.node(a.To)
}

func (a *RenameColumn) write(p *printer) {
	p.word("RENAME")
	p.node(a.From)
	p.word("TO")
	p.node(a.To)
}

func (a *SetQuery) write(p *printer) {
	p.word("AS")
	p.node(a.Query)
}

func (a *Modify) write(p *printer) {
	if a.Add {
		p.word("ADD")
	} else {
		p.word("MODIFY")
	}
	switch {
	case a.Distribution != nil:
		if d := a.Distribution; len(d.Columns) > 0 {
			p.words("DISTRIBUTION", "BY", d.Kind)
			p.columns(d.Columns)
		} else {
			p.word("DISTRIBUTION")
		}
		if a.Distribution.Buckets > 0 {
			p.word("INTO")
			p.number(a.Distribution.Buckets)
			p.word("BUCKETS")
		}
	case a.Parens:
		p.parens(func() { p.definition(a.Definition) })
	default:
		p.definition(a.Definition)
	}
}

func (a *DropParts) write(p *printer) {
	p.word("DROP")
	if a.What != "" {
		p.word(a.What)
		if a.Constraint != nil {
			p.node(*a.Constraint)
		}
		return
	}
	columns := func() { list(p, a.Columns, func(n Name) { p.node(n) }) }
	if a.Parens {
		p.parens(columns)
		return
	}
	columns()
}

func (a *Partitions) write(p *printer) {
	if a.Add {
		p.word("ADD")
		p.when(a.IfNotExists, "IF", "NOT", "EXISTS")
		for i, s := range a.Specs {
			p.partition(s)
			p.with(a.With[i])
		}
	} else {
		p.word("DROP")
		p.when(a.IfNotExists, "IF", "EXISTS")
		list(p, a.Specs, p.partition)
	}
}

func (s *Use) write(p *printer) {
	p.word("USE")
	p.when(s.Kind != "DATABASE", s.Kind)
	list(p, s.Names, func(n Name) { p.node(n) })
}

func (s *Show) write(p *printer) {
	p.words("SHOW", s.What)
	p.word(s.From)
	if s.Of != nil {
		p.node(s.Of)
	}
	p.partition(s.Parts)
	if s.Like != "" {
		p.when(s.Not, "NOT")
		p.word(s.Like)
		p.str(s.Pattern)
	}
}

func (s *Describe) write(p *printer) {
	p.word("DESCRIBE")
	p.when(s.Kind != "TABLE", s.Kind)
	p.when(s.Extended, "EXTENDED")
	if s.Kind == "JOB" {
		p.str(s.Job)
		return
	}
	p.node(s.Name)
}

func (s *StopJob) write(p *printer) {
	p.words("STOP", "JOB")
	p.str(s.Job)
	p.when(s.Savepoint, "WITH", "SAVEPOINT")
	p.when(s.Drain, "WITH", "DRAIN")
}

func (s *Set) write(p *printer) {
	p.word("SET")
	if s.Key != nil {
		p.str(*s.Key)
		p.word("=")
		p.str(*s.Value)
	}
}

func (s *Reset) write(p *printer) {
	p.word("RESET")
	if s.Key != nil {
		p.str(*s.Key)
	}
}

func (s *Truncate) write(p *printer) {
	p.words("TRUNCATE", "TABLE")
	p.node(s.Table)
}

func (s *Analyze) write(p *printer) {
	p.words("ANALYZE", "TABLE")
	p.node(s.Table)
	p.partition(s.Partition)
	p.words("COMPUTE", "STATISTICS")
	p.when(s.AllColumns, "FOR", "ALL", "COLUMNS")
	if len(s.Columns) > 0 {
		p.words("FOR", "COLUMNS")
		p.idents(s.Columns)
	}
}

func (s *LoadModule) write(p *printer) {
	if s.Unload {
		p.word("UNLOAD")
	} else {
		p.word("LOAD")
	}
	p.word("MODULE")
	p.node(s.Name)
	p.with(s.With)
}

func (s *Jar) write(p *printer) {
	if s.Remove {
		p.word("REMOVE")
	} else {
		p.word("ADD")
	}
	p.word("JAR")
	p.str(s.Path)
}

func (s *CallProcedure) write(p *printer) {
	p.word("CALL")
	p.node(s.Call)
}
