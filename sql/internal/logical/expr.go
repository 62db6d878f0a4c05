package logical

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// SubqueryKind is what a query in an expression stands for.
type SubqueryKind uint8

// The kinds of subqueries.
const (
	Scalar     SubqueryKind = iota // the value of its one row, NULL without one
	Exists                         // whether there is a row
	In                             // whether Args are a row of it
	Quantified                     // whether a comparison of Args[0] with any of its rows holds; with all of them where All
)

// Subquery is a query in an expression. The rules replace it by joins.
type Subquery struct {
	ast.Span
	Kind SubqueryKind
	Plan Node
	// Args are what IN and a quantified comparison are about.
	Args []expr.Expr
	// Compare makes the comparison of Args[i] with column i of the query. It is nil for Scalar and Exists.
	Compare func(i int, x, y expr.Expr) expr.Expr
	All     bool
	// Params are what the query takes from around it: Outer refers to them.
	Params []expr.Expr
	T      *row.Type
}

// Type is that of the value.
func (s *Subquery) Type() *row.Type { return s.T }

// Parts are Args and Params.
func (s *Subquery) Parts() []expr.Expr {
	return append(append([]expr.Expr(nil), s.Args...), s.Params...)
}

// WithParts has other Args and Params.
func (s *Subquery) WithParts(parts []expr.Expr) expr.Expr {
	c := *s
	c.Args, c.Params = parts[:len(s.Args)], parts[len(s.Args):]
	return &c
}

// Outer is a parameter of the query that it stands in.
type Outer struct {
	ast.Span
	Index int
	Name  string
	T     *row.Type
}

// Type is that of the parameter.
func (o *Outer) Type() *row.Type { return o.T }

// TableFunc is a function that gives rows.
type TableFunc struct {
	Name string
	// Infer checks arguments, casts them to what the function takes, and gives the columns of the result.
	Infer func(args []expr.Expr) ([]expr.Expr, []row.Field, error)
	// New makes an instance for arguments of a subtask.
	New func(args []*row.Type, result []row.Field) Table
}

// Table computes a table function. It belongs to one goroutine.
type Table interface {
	// Append appends the rows for row i of the arguments to the columns out, and returns their number.
	Append(args []*column.Vector, i int, out []*column.Vector) int
}
