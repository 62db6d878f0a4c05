package ast

func (q *Query) write(p *printer) {
	if len(q.With) > 0 {
		p.word("WITH")
		p.when(q.Recursive, "RECURSIVE")
		list(p, q.With, func(c CTE) {
			p.node(c.Name)
			p.columns(c.Columns)
			p.word("AS")
			p.parens(func() { p.node(c.Query) })
		})
	}
	p.node(q.Body)
	p.orderBy(q.Order)
	if q.Limit != nil {
		p.word("LIMIT")
		p.node(q.Limit)
	}
	p.when(q.All, "LIMIT", "ALL")
	if q.Offset != nil {
		p.word("OFFSET")
		p.node(q.Offset)
	}
}

// columns prints identifiers in parentheses, if there are any.
func (p *printer) columns(names []Ident) {
	if len(names) > 0 {
		p.parens(func() { p.idents(names) })
	}
}

func (s *Select) write(p *printer) {
	p.word("SELECT")
	p.hints(s.Hints)
	p.when(s.Distinct, "DISTINCT")
	list(p, s.Items, func(i Item) {
		p.node(i.X)
		if i.As != nil {
			p.word("AS")
			p.node(*i.As)
		}
	})
	if s.From != nil {
		p.word("FROM")
		p.node(s.From)
	}
	p.clause("WHERE", s.Where)
	if s.Grouped {
		p.words("GROUP", "BY")
		p.when(s.GroupDistinct, "DISTINCT")
		list(p, s.Group, p.grouping)
	}
	p.clause("HAVING", s.Having)
	if len(s.Windows) > 0 {
		p.word("WINDOW")
		list(p, s.Windows, func(w NamedWindow) {
			p.node(w.Name)
			p.word("AS")
			p.node(&w.Window)
		})
	}
	p.clause("QUALIFY", s.Qualify)
}

func (p *printer) clause(word string, x Expr) {
	if x != nil {
		p.word(word)
		p.node(x)
	}
}

func (p *printer) hints(hints []Hint) {
	if len(hints) == 0 {
		return
	}
	p.word("/*+")
	list(p, hints, func(h Hint) {
		p.word(h.Name)
		if len(h.Options) == 0 && len(h.Args) == 0 {
			return
		}
		p.call()
		list(p, h.Args, func(a string) { p.word(hintWord(a)) })
		list(p, h.Options, func(o Property) {
			p.str(o.Key)
			p.word("=")
			p.str(o.Value)
		})
		p.tight(")")
	})
	p.word("*/")
}

func hintWord(s string) string {
	if isPlain(s) {
		return s
	}
	return quote(s)
}

func (p *printer) grouping(g Grouping) {
	if g.Kind == "" {
		if g.Parens || len(g.Exprs) != 1 {
			p.parens(func() { p.exprs(g.Exprs) })
			return
		}
		p.node(g.Exprs[0])
		return
	}
	p.word(g.Kind)
	p.parens(func() { list(p, g.Sets, p.grouping) })
}

func (v *Values) write(p *printer) {
	p.word("VALUES")
	p.exprs(v.Rows)
}

func (t *TableBody) write(p *printer) {
	p.word("TABLE")
	p.node(t.Name)
}

func (s *SetOp) write(p *printer) {
	p.setOperand(s.X, s.Op, false)
	p.word(s.Op)
	p.when(s.All, "ALL")
	p.setOperand(s.Y, s.Op, true)
}

// setOperand prints an operand of a set operation; INTERSECT binds more tightly than the others.
func (p *printer) setOperand(b Body, op string, right bool) {
	inner, ok := b.(*SetOp)
	if ok && (right || op == "INTERSECT" && inner.Op != "INTERSECT") &&
		!(right && op != "INTERSECT" && inner.Op == "INTERSECT") {
		p.parens(func() { p.node(b) })
		return
	}
	p.node(b)
}

func (n *Nested) write(p *printer) { p.parens(func() { p.node(n.Query) }) }

func (p *printer) alias(a Alias) {
	if a.Name != nil {
		p.word("AS")
		p.node(*a.Name)
		p.columns(a.Columns)
	}
}

func (p *printer) asOf(x Expr) {
	if x != nil {
		p.words("FOR", "SYSTEM_TIME", "AS", "OF")
		p.node(x)
	}
}

func (t *TableName) write(p *printer) {
	p.node(t.Name)
	p.hints(t.Hints)
	p.asOf(t.AsOf)
	p.alias(t.Alias)
}

func (f *File) write(p *printer) {
	p.str(f.Path)
	p.alias(f.Alias)
}

func (d *Derived) write(p *printer) {
	p.when(d.Lateral, "LATERAL")
	p.parens(func() { p.node(d.Query) })
	p.alias(d.Alias)
}

func (f *Function) write(p *printer) {
	p.when(f.Lateral, "LATERAL")
	if f.Wrapped {
		p.word("TABLE")
		p.call()
		p.node(f.Call)
		p.tight(")")
	} else {
		p.node(f.Call)
	}
	p.asOf(f.AsOf)
	p.alias(f.Alias)
}

func (u *Unnest) write(p *printer) {
	p.when(u.Lateral, "LATERAL")
	p.word("UNNEST")
	p.call()
	p.exprs(u.Exprs)
	p.tight(")")
	p.when(u.Ordinality, "WITH", "ORDINALITY")
	p.alias(u.Alias)
}

func (t *Paren) write(p *printer) {
	p.parens(func() { p.node(t.Table) })
	p.alias(t.Alias)
}

func (j *Join) write(p *printer) {
	p.node(j.X)
	if j.Kind == "," {
		p.tight(",")
	} else {
		p.when(j.Natural, "NATURAL")
		p.words(j.Kind, "JOIN")
	}
	p.node(j.Y)
	if j.On != nil {
		p.word("ON")
		p.node(j.On)
	}
	if len(j.Using) > 0 {
		p.word("USING")
		p.columns(j.Using)
	}
}

func (m *Match) write(p *printer) {
	p.node(m.Input)
	p.word("MATCH_RECOGNIZE")
	p.parens(func() {
		p.partitionBy(m.Partition)
		p.orderBy(m.Order)
		if len(m.Measures) > 0 {
			p.word("MEASURES")
			list(p, m.Measures, func(x Measure) {
				p.node(x.X)
				p.word("AS")
				p.node(x.As)
			})
		}
		switch {
		case m.AllRows:
			p.words("ALL", "ROWS", "PER", "MATCH")
		case m.Rows:
			p.words("ONE", "ROW", "PER", "MATCH")
		}
		if m.After != nil {
			p.words("AFTER", "MATCH", "SKIP", m.After.Kind)
			if m.After.Var != nil {
				p.node(*m.After.Var)
			}
		}
		p.word("PATTERN")
		p.parens(func() { m.Pattern.write(p) })
		p.clause("WITHIN", m.Within)
		if len(m.Subsets) > 0 {
			p.word("SUBSET")
			list(p, m.Subsets, func(s Subset) {
				p.node(s.Name)
				p.word("=")
				p.columns(s.Vars)
			})
		}
		p.word("DEFINE")
		list(p, m.Define, func(d Definition) {
			p.node(d.Name)
			p.word("AS")
			p.node(d.X)
		})
	})
	p.alias(m.Alias)
}

func (t Pattern) write(p *printer) {
	if t.Group {
		p.open("(")
	}
	p.when(t.Start, "^")
	switch {
	case t.Var != nil:
		p.node(*t.Var)
	case t.Seq != nil:
		for _, s := range t.Seq {
			s.write(p)
		}
	case t.Alt != nil:
		for i, a := range t.Alt {
			p.when(i > 0, "|")
			a.write(p)
		}
	case t.Permute != nil:
		p.word("PERMUTE")
		p.parens(func() { list(p, t.Permute, func(x Pattern) { x.write(p) }) })
	case t.Exclude != nil:
		p.word("{-")
		t.Exclude.write(p)
		p.word("-}")
	}
	p.when(t.End, "$")
	if t.Group {
		p.tight(")")
	}
	if q := t.Quantifier; q != nil {
		p.tight(q.Text)
		if q.Reluctant {
			p.tight("?")
		}
	}
}
