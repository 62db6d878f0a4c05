package expr

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
)

// Expr is an expression whose type is known.
type Expr interface {
	Type() *row.Type
	// Extent is where it was written.
	Extent() ast.Span
}

// Literal is a constant: the one value of Value.
type Literal struct {
	ast.Span
	Value *column.Vector
}

// Type is the type of the value.
func (l *Literal) Type() *row.Type { return l.Value.Type }

// IsNull reports whether the constant is NULL.
func (l *Literal) IsNull() bool { return l.Value.IsNull(0) }

// Input is a column of the input.
type Input struct {
	ast.Span
	Index int
	Name  string
	T     *row.Type
}

// Type is the type of the column.
func (i *Input) Type() *row.Type { return i.T }

// Call is a function of arguments.
type Call struct {
	ast.Span
	Func *Func
	Args []Expr
	T    *row.Type
}

// Type is the type of the result.
func (c *Call) Type() *row.Type { return c.T }

// Func is a scalar function.
type Func struct {
	// Name is that of SQL, in upper case, or the operator.
	Name string
	// Strict functions are NULL where an argument is. Their kernels find the validity of the result set, and
	// may only make more of it NULL; where values are appended, they append NULL where it has none. What
	// arguments hold at these places has no meaning.
	Strict bool
	// Total functions never fail, whatever the arguments are: they may be computed for rows that do not need
	// them.
	Total bool
	// Volatile functions give another result each time: they are not folded, shared or duplicated.
	Volatile bool
	// Compile makes the kernel for arguments. It may look at literals, to prepare what does not change.
	Compile func(call *Call) Kernel
	// Branches evaluates functions that do not evaluate all arguments for all rows. It is nil for others.
	Branches func(call *Call, args []*Program) Branching
}

// Kernel computes n values of out from n values of each argument. Vectors of fixed size have their
// length; of the others, and of out's children, values are to be appended.
type Kernel func(c *Context, n int, args []*column.Vector, out *column.Vector)

// Branching computes the values of out for the n rows of b that are selected.
type Branching func(c *Context, b *column.Batch, sel []int32, n int, out *column.Vector)

// Walk calls f for an expression and those in it, from the outside; f says whether to go on inside.
func Walk(x Expr, f func(Expr) bool) {
	if !f(x) {
		return
	}
	for _, p := range parts(x) {
		Walk(p, f)
	}
}

// IsTotal reports whether an expression never fails, and may be computed for any row.
func IsTotal(x Expr) bool {
	total := true
	Walk(x, func(x Expr) bool {
		if c, ok := x.(*Call); ok {
			total = total && c.Func.Total && !c.Func.Volatile
		}
		return total
	})
	return total
}
