package expr

import "github.com/flott-dev/flott/column"

// Composite is an expression with parts of its own that is no call: those that queries add.
type Composite interface {
	Expr
	// Parts are the expressions in it.
	Parts() []Expr
	// WithParts is the expression with other parts, as many of them.
	WithParts(parts []Expr) Expr
}

// parts are the expressions right inside of an expression.
func parts(x Expr) []Expr {
	switch x := x.(type) {
	case *Call:
		return x.Args
	case Composite:
		return x.Parts()
	}
	return nil
}

// Rewrite replaces parts of an expression: where f gives an expression it takes the place of the one that f was
// asked about, elsewhere the parts are looked at. What is not replaced is shared with x, which stays as it is.
func Rewrite(x Expr, f func(Expr) Expr) Expr {
	if y := f(x); y != nil {
		return y
	}
	old := parts(x)
	var changed []Expr
	for i, p := range old {
		q := Rewrite(p, f)
		if q != p && changed == nil {
			changed = append([]Expr(nil), old...)
		}
		if changed != nil {
			changed[i] = q
		}
	}
	if changed == nil {
		return x
	}
	if c, ok := x.(*Call); ok {
		d := *c
		d.Args = changed
		return &d
	}
	return x.(Composite).WithParts(changed)
}

// Shift replaces the columns of the input by those that to gives.
func Shift(x Expr, to func(index int) int) Expr {
	return Rewrite(x, func(x Expr) Expr {
		if in, ok := x.(*Input); ok {
			return in.At(to(in.Index))
		}
		return nil
	})
}

// At is the column at another place.
func (i *Input) At(index int) *Input {
	if index == i.Index {
		return i
	}
	c := *i
	c.Index = index
	return &c
}

// Replace replaces the columns of the input by expressions.
func Replace(x Expr, by []Expr) Expr {
	return Rewrite(x, func(x Expr) Expr {
		if in, ok := x.(*Input); ok {
			return by[in.Index]
		}
		return nil
	})
}

// Inputs calls f for each column of the input that an expression reads.
func Inputs(x Expr, f func(in *Input)) {
	Walk(x, func(x Expr) bool {
		if in, ok := x.(*Input); ok {
			f(in)
		}
		return true
	})
}

// Equal reports whether two expressions are the same but for where they were written. Volatile ones are never.
func Equal(x, y Expr) bool {
	switch x := x.(type) {
	case *Input:
		in, ok := y.(*Input)
		return ok && in.Index == x.Index
	case *Literal:
		l, ok := y.(*Literal)
		return ok && l.Type().Equal(x.Type()) && column.Same(x.Value, 0, l.Value, 0)
	case *Call:
		c, ok := y.(*Call)
		if !ok || c.Func.Name != x.Func.Name || x.Func.Volatile || len(c.Args) != len(x.Args) || !c.T.Equal(x.T) {
			return false
		}
		for i, a := range x.Args {
			if !Equal(a, c.Args[i]) {
				return false
			}
		}
		return true
	}
	return x == y
}
