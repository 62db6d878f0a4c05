package ast

// Sample is table TABLESAMPLE BERNOULLI (10), SYSTEM (10) or SUBSTITUTE ('name').
type Sample struct {
	Span
	Input      Table
	Method     string
	Percent    *Number // nil for SUBSTITUTE
	Repeatable *Number // may be nil
	Dataset    string  // of SUBSTITUTE
}

// Pivot is table PIVOT (aggregates FOR columns IN (values)).
type Pivot struct {
	Span
	Input   Table
	Aggs    []Item
	Columns []Ident
	Values  []PivotValue
	Alias   Alias
}

// PivotValue is a value of each column that is pivoted, with the name of what becomes of it.
type PivotValue struct {
	Exprs []Expr
	As    *Ident // may be nil
}

// Unpivot is table UNPIVOT (columns FOR names IN (columns AS values)).
type Unpivot struct {
	Span
	Input    Table
	Nulls    string // INCLUDE, EXCLUDE or empty
	Measures []Ident
	Names    []Ident
	In       []UnpivotColumns
	Alias    Alias
}

// UnpivotColumns are columns that become rows, and the names that these have.
type UnpivotColumns struct {
	Columns []Ident
	As      []Expr // may be nil
}

func (*Sample) table()  {}
func (*Pivot) table()   {}
func (*Unpivot) table() {}

func (s *Sample) write(p *printer) {
	p.node(s.Input)
	p.words("TABLESAMPLE", s.Method)
	p.parens(func() {
		if s.Percent == nil {
			p.str(s.Dataset)
		} else {
			p.node(s.Percent)
		}
	})
	if s.Repeatable != nil {
		p.word("REPEATABLE")
		p.parens(func() { p.node(s.Repeatable) })
	}
}

func (x *Pivot) write(p *printer) {
	p.node(x.Input)
	p.word("PIVOT")
	p.parens(func() {
		list(p, x.Aggs, func(i Item) {
			p.node(i.X)
			p.as(i.As)
		})
		p.word("FOR")
		p.columns(x.Columns)
		p.word("IN")
		p.parens(func() {
			list(p, x.Values, func(v PivotValue) {
				p.parens(func() { p.exprs(v.Exprs) })
				p.as(v.As)
			})
		})
	})
	p.alias(x.Alias)
}

func (x *Unpivot) write(p *printer) {
	p.node(x.Input)
	p.word("UNPIVOT")
	p.when(x.Nulls != "", x.Nulls, "NULLS")
	p.parens(func() {
		p.columns(x.Measures)
		p.word("FOR")
		p.columns(x.Names)
		p.word("IN")
		p.parens(func() {
			list(p, x.In, func(c UnpivotColumns) {
				p.columns(c.Columns)
				if c.As != nil {
					p.word("AS")
					p.parens(func() { p.exprs(c.As) })
				}
			})
		})
	})
	p.alias(x.Alias)
}

// as prints AS name, if there is one.
func (p *printer) as(name *Ident) {
	if name != nil {
		p.word("AS")
		p.node(*name)
	}
}
