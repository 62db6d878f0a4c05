package expr

import (
	"fmt"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
)

// Context is what kernels know beside their arguments.
type Context struct {
	// Zone is the session's time zone.
	Zone *time.Location
	// Now is the time of the batch: clock functions are read once for each.
	Now time.Time
	// Watermark is that of the rows' event time, in milliseconds since 1970, if there is one.
	Watermark    int64
	HasWatermark bool
}

// Error is what a kernel fails with, by panic; Program.Eval returns it.
type Error struct {
	Span ast.Span // of the expression
	X    Expr
	// Row is the place of the row in the batch, -1 if it is not known.
	Row int
	Msg string
}

func (e *Error) Error() string { return e.Msg }

// Fail fails the evaluation at a row, by its number among those that are evaluated.
func Fail(row int, format string, args ...any) {
	panic(&Error{Row: row, Msg: fmt.Sprintf(format, args...)})
}

// Program computes an expression. It belongs to one goroutine.
type Program struct {
	x        Expr
	args     []*Program
	in       []*column.Vector
	kernel   Kernel
	branches Branching
	constant *column.Vector // a literal, repeated
	out      *column.Vector
	valid    column.Bitmap // memory for the validity of strict functions
	field    *fieldPath    // of a field of a column, which is not computed
	memo     *memo         // of what is computed once for several programs, in place of args, kernel and branches
	view     column.Vector // of values of the memo
}

// Compile makes a Program of an expression.
func Compile(x Expr) *Program { return (&compiler{}).compile(x) }

// compiler makes programs of expressions, some calls of which are computed once.
type compiler struct {
	common map[*Call]*memo
}

func (c *compiler) compile(x Expr) *Program {
	p := &Program{x: x, out: column.New(x.Type())}
	switch x := x.(type) {
	case *Literal:
		p.constant = column.New(x.Type())
	case *Call:
		if p.memo = c.common[x]; p.memo == nil {
			c.call(p, x)
		} else if p.memo.program == nil {
			p.memo.program = &Program{x: x, out: column.New(x.Type())}
			c.call(p.memo.program, x)
		}
	}
	return p
}

func (c *compiler) call(p *Program, x *Call) {
	if p.field = fieldOf(x); p.field != nil {
		return
	}
	p.args = make([]*Program, len(x.Args))
	p.in = make([]*column.Vector, len(x.Args))
	for i, a := range x.Args {
		p.args[i] = c.compile(a)
	}
	if x.Func.Branches != nil {
		p.branches = x.Func.Branches(x, p.args)
	} else {
		p.kernel = x.Func.Compile(x)
	}
}

// Arg is the program of an argument of a call.
func (p *Program) Arg(i int) *Program {
	if p.memo != nil {
		p = p.memo.program
	}
	return p.args[i]
}

// Type is the type of the result.
func (p *Program) Type() *row.Type { return p.x.Type() }

// Eval computes the expression for the selected rows of a batch. The result is valid until the next
// call. The error is an *Error.
func (p *Program) Eval(c *Context, b *column.Batch) (v *column.Vector, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			v, err = nil, e
		}
	}()
	return p.Run(c, b, b.Sel, b.Len()), nil
}

// Run is Eval for n rows, of which sel are the places unless it is nil. It fails by panic.
func (p *Program) Run(c *Context, b *column.Batch, sel []int32, n int) *column.Vector {
	switch x := p.x.(type) {
	case *Input:
		if sel == nil {
			return b.Cols[x.Index]
		}
		p.out.Reset()
		Gather(p.out, b.Cols[x.Index], sel)
		return p.out
	case *Literal:
		return p.repeat(x, n)
	}
	if p.field != nil {
		v := p.field.of(b)
		if sel == nil {
			return v
		}
		p.out.Reset()
		Gather(p.out, v, sel)
		return p.out
	}
	if p.memo != nil {
		return p.memo.run(c, b, sel, n, p.out, &p.view)
	}
	if p.branches != nil {
		p.out.Reset()
		p.branches(c, b, sel, n, p.out)
		return p.out
	}
	for i, a := range p.args {
		p.in[i] = a.Run(c, b, sel, n)
	}
	p.apply(c, sel, n)
	return p.out
}

// apply calls the kernel.
func (p *Program) apply(c *Context, sel []int32, n int) {
	call := p.x.(*Call)
	defer func() {
		if r := recover(); r != nil {
			if e, ok := r.(*Error); ok && e.X == nil {
				e.Span, e.X = call.Span, call
				if sel != nil && e.Row >= 0 {
					e.Row = int(sel[e.Row])
				}
			}
			panic(r)
		}
	}()
	Prepare(p.out, n)
	if call.Func.Strict {
		valid := column.Bitmap(nil)
		for _, in := range p.in {
			switch {
			case in.Type.Kind == row.Null:
				p.nulls(n)
				return
			case valid == nil && in.Valid != nil:
				p.valid = append(p.valid[:0], in.Valid[:(n+63)>>6]...)
				valid = p.valid
			case in.Valid != nil:
				valid = column.And(valid, valid, in.Valid, n)
			}
		}
		p.out.Valid = valid
	}
	p.kernel(c, n, p.in, p.out)
}

// nulls makes the result NULL.
func (p *Program) nulls(n int) {
	p.out.Reset()
	for range n {
		p.out.AppendNull()
	}
}

// IsAppended reports whether the values of a type are appended, because they differ in size.
func IsAppended(t *row.Type) bool {
	switch column.FormOf(t) {
	case column.FormBytes, column.FormRow, column.FormList, column.FormMap:
		return true
	}
	return false
}

// Prepare makes a vector ready for n results: of their length where they have a fixed size, else empty.
func Prepare(v *column.Vector, n int) {
	if IsAppended(v.Type) {
		v.Reset()
		return
	}
	v.Resize(n)
}

// repeat is a literal n times.
func (p *Program) repeat(x *Literal, n int) *column.Vector {
	v := p.constant
	if v.N < n {
		most := 1024
		if len(x.Value.Data) > 1024 {
			most = n // a long text is not repeated for rows that may never come
		}
		for v.N < max(n, most) {
			v.AppendFrom(x.Value, 0)
		}
	}
	if v.N == n {
		return v
	}
	*p.out = *v // of which the first n count
	p.out.N = n
	return p.out
}

// Gather sets out, which is empty, to the values of a vector at places.
func Gather(out, from *column.Vector, sel []int32) { out.AppendAll(from, sel) }

// Owns reports whether a result is in memory of the program's own, so that it can be taken away with Give.
func (p *Program) Owns(v *column.Vector) bool {
	_, isCall := p.x.(*Call)
	return isCall && v == p.out
}

// Give gives the program other memory for its results, of the same type: the last one stays as it is.
func (p *Program) Give(v *column.Vector) {
	p.out, p.valid = v, nil
}

// IsField reports whether the program is a field of a column, whose values are there already: see Field.
func (p *Program) IsField() bool { return p.field != nil }

// Field is the vector of a field of a column in a batch, with a header of its own: it is valid as long as the batch.
func (p *Program) Field(b *column.Batch) *column.Vector {
	v := *p.field.of(b)
	if len(v.Valid) > 0 && len(p.field.valid) > 0 && &v.Valid[0] == &p.field.valid[0] {
		p.field.valid = nil // it goes away with the header
	}
	return &v
}
