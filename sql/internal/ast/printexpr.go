package ast

import (
	"encoding/hex"
	"strings"
)

// The binding strength of operators: what binds more loosely than its surroundings stands in
// parentheses.
const (
	PrecLowest  = 0
	PrecOr      = 22
	PrecAnd     = 24
	PrecNot     = 26
	PrecIs      = 28
	PrecCompare = 30
	PrecBetween = 32 // also IN and LIKE
	PrecAdd     = 40
	PrecMul     = 60 // also ||
	PrecUnary   = 80
	PrecPostfix = 100
)

// Prec is the binding strength of a binary operator, 0 if there is no such.
func Prec(op string) int {
	switch op {
	case "OR":
		return PrecOr
	case "AND":
		return PrecAnd
	case "=", "<>", "<", "<=", ">", ">=", "OVERLAPS", "CONTAINS", "PRECEDES", "SUCCEEDS", "EQUALS",
		"MEMBER OF", "SUBMULTISET OF":
		return PrecCompare
	case "+", "-":
		return PrecAdd
	case "*", "/", "%", "||":
		return PrecMul
	case "MULTISET UNION", "MULTISET EXCEPT":
		return 50
	case "MULTISET INTERSECT":
		return 55
	}
	return 0
}

// prec is how strongly what prints of an expression holds together.
func prec(x Expr) int {
	switch x := x.(type) {
	case *Binary:
		return Prec(x.Op)
	case *Quantified:
		return PrecCompare
	case *Unary:
		if x.Op == "NOT" {
			return PrecNot
		}
		return PrecUnary
	case *Is, *IsDistinct:
		return PrecIs
	case *Between, *In, *Like:
		return PrecBetween
	case *Named:
		return PrecLowest
	}
	return PrecPostfix + 1
}

// operand prints an operand of an operator of a strength; more is whether one of the same strength needs
// parentheses.
func (p *printer) operand(x Expr, strength int, more bool) {
	if q := prec(x); q < strength || more && q == strength {
		p.parens(func() { p.node(x) })
		return
	}
	p.node(x)
}

func (x *Number) write(p *printer)  { p.word(x.Text) }
func (x *Str) write(p *printer)     { p.str(x.Value) }
func (x *Bytes) write(p *printer)   { p.word("X'" + hex.EncodeToString(x.Value) + "'") }
func (x *Null) write(p *printer)    { p.word("NULL") }
func (x *Unknown) write(p *printer) { p.word("UNKNOWN") }
func (x *Symbol) write(p *printer)  { p.word(x.Word) }
func (x *Default) write(p *printer) { p.word("DEFAULT") }
func (x *Column) write(p *printer)  { p.node(x.Name) }

func (x *Bool) write(p *printer) {
	if x.Value {
		p.word("TRUE")
		return
	}
	p.word("FALSE")
}

func (x *Temporal) write(p *printer) {
	p.word(x.Kind)
	p.str(x.Text)
}

func (x *Interval) write(p *printer) {
	p.word("INTERVAL")
	if x.Negative {
		p.open("-")
	}
	p.str(x.Text)
	p.unit(x.Unit)
}

func (x *Difference) write(p *printer) {
	p.parens(func() { p.node(&Binary{Op: "-", X: x.X, Y: x.Y}) })
	p.unit(x.Unit)
}

func (x *Star) write(p *printer) {
	if x.Table != nil {
		p.node(x.Table)
		p.tight(".*")
		return
	}
	p.word("*")
}

func (x *Param) write(p *printer) {
	if x.Name == "" {
		p.word("?")
		return
	}
	p.word(":" + x.Name)
}

func (x *Unary) write(p *printer) {
	if x.Op == "NOT" {
		p.word("NOT")
		p.operand(x.X, PrecNot, false)
		return
	}
	p.open(x.Op)
	// A minus before another one would begin a comment.
	_, sign := x.X.(*Unary)
	if sign {
		p.parens(func() { p.node(x.X) })
		return
	}
	p.operand(x.X, PrecUnary, false)
}

func (x *Binary) write(p *printer) {
	strength := Prec(x.Op)
	p.operand(x.X, strength, false)
	p.word(x.Op)
	p.operand(x.Y, strength, true)
}

func (x *Is) write(p *printer) {
	p.operand(x.X, PrecIs, false)
	p.word("IS")
	p.when(x.Not, "NOT")
	p.word(x.What)
}

func (x *IsDistinct) write(p *printer) {
	p.operand(x.X, PrecIs, false)
	p.word("IS")
	p.when(x.Not, "NOT")
	p.words("DISTINCT", "FROM")
	p.operand(x.Y, PrecIs, true)
}

func (x *Between) write(p *printer) {
	p.operand(x.X, PrecBetween, true)
	p.when(x.Not, "NOT")
	p.word("BETWEEN")
	p.when(x.Symmetric, "SYMMETRIC")
	p.operand(x.Low, PrecBetween, true)
	p.word("AND")
	p.operand(x.High, PrecBetween, true)
}

func (x *In) write(p *printer) {
	p.operand(x.X, PrecBetween, true)
	p.when(x.Not, "NOT")
	p.word("IN")
	p.listOrQuery(x.List, x.Query)
}

func (p *printer) listOrQuery(items []Expr, q *Query) {
	p.parens(func() {
		if q != nil {
			p.node(q)
			return
		}
		p.exprs(items)
	})
}

func (x *Like) write(p *printer) {
	p.operand(x.X, PrecBetween, true)
	p.when(x.Not, "NOT")
	if x.Similar {
		p.words("SIMILAR", "TO")
	} else {
		p.word("LIKE")
	}
	p.operand(x.Pattern, PrecBetween, true)
	if x.Escape != nil {
		p.word("ESCAPE")
		p.operand(x.Escape, PrecBetween, true)
	}
}

func (x *Quantified) write(p *printer) {
	p.operand(x.X, PrecCompare, false)
	p.word(x.Op)
	if x.All {
		p.word("ALL")
	} else {
		p.word("ANY")
	}
	p.listOrQuery(x.List, x.Query)
}

func (x *Exists) write(p *printer) {
	p.word("EXISTS")
	p.listOrQuery(nil, x.Query)
}

func (x *Subquery) write(p *printer) { p.listOrQuery(nil, x.Query) }

func (x *Case) write(p *printer) {
	p.word("CASE")
	if x.Operand != nil {
		p.node(x.Operand)
	}
	for _, w := range x.Whens {
		p.word("WHEN")
		p.node(w.If)
		p.word("THEN")
		p.node(w.Then)
	}
	if x.Else != nil {
		p.word("ELSE")
		p.node(x.Else)
	}
	p.word("END")
}

func (x *Cast) write(p *printer) {
	if x.Try {
		p.word("TRY_CAST")
	} else {
		p.word("CAST")
	}
	p.call()
	p.node(x.X)
	p.word("AS")
	p.node(x.Type)
	p.tight(")")
}

func (x *Row) write(p *printer) {
	if x.Explicit {
		p.word("ROW")
		p.call()
		p.exprs(x.Items)
		p.tight(")")
		return
	}
	p.parens(func() { p.exprs(x.Items) })
}

func (x *Collection) write(p *printer) {
	p.word(x.Kind)
	if x.Query != nil {
		p.call()
		p.node(x.Query)
		p.tight(")")
		return
	}
	p.tight("[")
	p.glue = true
	p.exprs(x.Items)
	p.tight("]")
}

func (x *Index) write(p *printer) {
	p.operand(x.X, PrecPostfix, false)
	p.tight("[")
	p.glue = true
	p.node(x.At)
	p.tight("]")
}

func (x *Field) write(p *printer) {
	if isPostfix(x.X) {
		p.node(x.X)
	} else {
		p.parens(func() { p.node(x.X) })
	}
	p.tight(".")
	p.glue = true
	p.node(Name{x.Name})
}

// isPostfix is whether a field can be taken of an expression without parentheses.
func isPostfix(x Expr) bool {
	switch x.(type) {
	case *Index, *Field, *Call:
		return true
	}
	return false
}

func (x *Named) write(p *printer) {
	p.node(x.Name)
	p.word("=>")
	p.node(x.Value)
}

func (x *TableArg) write(p *printer) {
	p.word("TABLE")
	if x.Query != nil {
		p.parens(func() { p.node(x.Query) })
	} else {
		p.node(x.Table)
	}
	// A comma would end the argument.
	switch n := len(x.Partition); {
	case n > 1:
		p.words("PARTITION", "BY")
		p.parens(func() { p.exprs(x.Partition) })
	case n == 1:
		p.partitionBy(x.Partition)
	}
	switch n := len(x.Order); {
	case n > 1:
		p.words("ORDER", "BY")
		p.parens(func() { p.orderItems(x.Order) })
	case n == 1:
		p.orderBy(x.Order)
	}
}

func (p *printer) partitionBy(items []Expr) {
	if len(items) > 0 {
		p.words("PARTITION", "BY")
		p.exprs(items)
	}
}

func (p *printer) orderBy(items []OrderItem) {
	if len(items) > 0 {
		p.words("ORDER", "BY")
		p.orderItems(items)
	}
}

func (p *printer) orderItems(items []OrderItem) {
	list(p, items, func(o OrderItem) {
		p.node(o.X)
		p.when(o.Desc, "DESC")
		if o.Nulls != "" {
			p.words("NULLS", o.Nulls)
		}
	})
}

// between are the words that stand between the arguments of functions with a syntax of their own, by
// the number of arguments where that matters.
var between = map[string][]string{
	"EXTRACT": {"FROM"}, "POSITION": {"IN", "FROM"}, "OVERLAY": {"PLACING", "FROM", "FOR"},
}

func (x *Call) write(p *printer) {
	if name := x.Name.Last().Name; len(x.Name) == 1 && isPlain(name) && IsFunction(strings.ToUpper(name)) {
		p.word(name)
	} else {
		p.node(x.Name)
	}
	if x.Bare {
		return
	}
	p.call()
	p.when(x.Distinct, "DISTINCT")
	switch name := strings.ToUpper(x.Name.Last().Name); {
	case x.Star:
		p.word("*")
	case between[name] != nil && len(x.Args) > 1:
		p.separated(x.Args, between[name]...)
	case (name == "CEIL" || name == "FLOOR" || name == "CEILING") && len(x.Args) == 2 && isSymbol(x.Args[1]):
		p.separated(x.Args, "TO")
	case name == "TRIM" && len(x.Args) > 0 && isSymbol(x.Args[0]):
		p.node(x.Args[0])
		if len(x.Args) == 3 {
			p.node(x.Args[1])
		}
		p.word("FROM")
		p.node(x.Args[len(x.Args)-1])
	default:
		p.exprs(x.Args)
	}
	p.tight(")")
	if len(x.Within) > 0 {
		p.words("WITHIN", "GROUP")
		p.parens(func() { p.orderBy(x.Within) })
	}
	p.filterOver(x.Filter, x.Nulls, x.Over)
}

func isSymbol(x Expr) bool {
	_, ok := x.(*Symbol)
	return ok
}

func (p *printer) separated(args []Expr, words ...string) {
	for i, a := range args {
		if i > 0 {
			p.word(words[i-1])
		}
		if i < len(args)-1 { // IN and FROM end what is before them
			p.operand(a, PrecBetween, true)
		} else {
			p.node(a)
		}
	}
}

func (p *printer) filterOver(filter Expr, nulls string, over *Window) {
	if filter != nil {
		p.word("FILTER")
		p.parens(func() {
			p.word("WHERE")
			p.node(filter)
		})
	}
	if nulls != "" {
		p.words(nulls, "NULLS")
	}
	if over != nil {
		p.word("OVER")
		if over.Bare {
			p.node(over.Name)
			return
		}
		p.node(over)
	}
}

func (w *Window) write(p *printer) {
	p.parens(func() {
		if w.Name != nil {
			p.node(w.Name)
		}
		p.partitionBy(w.Partition)
		p.orderBy(w.Order)
		if w.Frame != nil {
			w.Frame.write(p)
		}
	})
}

func (f *Frame) write(p *printer) {
	if f.Rows {
		p.word("ROWS")
	} else {
		p.word("RANGE")
	}
	if f.Single {
		f.From.write(p)
	} else {
		p.word("BETWEEN")
		f.From.write(p)
		p.word("AND")
		f.To.write(p)
	}
	if f.Exclude != "" {
		p.words("EXCLUDE", f.Exclude)
	}
}

func (b Bound) write(p *printer) {
	if b.Offset != nil {
		p.operand(b.Offset, PrecAnd, true)
	}
	p.word(b.Kind)
}

func (x *JSON) write(p *printer) {
	p.word(x.Func)
	p.call()
	if x.Func == "JSON_OBJECT" || x.Func == "JSON_OBJECTAGG" {
		for i := 0; i+1 < len(x.Args); i += 2 {
			if i > 0 {
				p.tight(",")
			}
			p.word("KEY")
			p.node(x.Args[i])
			p.word("VALUE")
			p.node(x.Args[i+1])
		}
	} else {
		p.exprs(x.Args)
	}
	if x.Nulls != "" {
		p.words(x.Nulls, "ON", "NULL")
	}
	if x.Returning != nil {
		p.word("RETURNING")
		p.node(x.Returning)
	}
	if x.Wrapper != "" {
		p.when(x.Wrapper == "WITHOUT", "WITHOUT", "ARRAY", "WRAPPER")
		p.when(x.Wrapper != "WITHOUT", "WITH", x.Wrapper, "ARRAY", "WRAPPER")
	}
	p.behavior(x.Empty, "EMPTY")
	p.behavior(x.Error, "ERROR")
	p.tight(")")
	p.filterOver(x.Filter, "", x.Over)
}

func (p *printer) behavior(b *JSONBehavior, on string) {
	if b == nil {
		return
	}
	p.word(b.What)
	if b.Default != nil {
		p.node(b.Default)
	}
	if on == "ERROR" && (b.What == "TRUE" || b.What == "FALSE" || b.What == "UNKNOWN") {
		p.words("ON", "ERROR")
		return
	}
	p.words("ON", on)
}
