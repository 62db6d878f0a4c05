package ast

// Walk calls f for an expression and those in it, from the outside; f says whether to go on inside. It does not go
// into queries.
func Walk(x Expr, f func(Expr) bool) {
	if x == nil || !f(x) {
		return
	}
	for _, y := range children(x) {
		if y != nil {
			Walk(y, f)
		}
	}
}

// children are the expressions right inside of an expression; some may be nil.
func children(x Expr) []Expr {
	switch x := x.(type) {
	case *Difference:
		return []Expr{x.X, x.Y}
	case *Unary:
		return []Expr{x.X}
	case *Binary:
		return []Expr{x.X, x.Y}
	case *Is:
		return []Expr{x.X}
	case *IsDistinct:
		return []Expr{x.X, x.Y}
	case *Between:
		return []Expr{x.X, x.Low, x.High}
	case *In:
		return append([]Expr{x.X}, x.List...)
	case *Like:
		return []Expr{x.X, x.Pattern, x.Escape}
	case *Quantified:
		return append([]Expr{x.X}, x.List...)
	case *Case:
		xs := []Expr{x.Operand, x.Else}
		for _, w := range x.Whens {
			xs = append(xs, w.If, w.Then)
		}
		return xs
	case *Cast:
		return []Expr{x.X}
	case *Row:
		return x.Items
	case *Collection:
		return x.Items
	case *Index:
		return []Expr{x.X, x.At}
	case *Field:
		return []Expr{x.X}
	case *Named:
		return []Expr{x.Value}
	case *Call:
		return callChildren(x)
	case *JSON:
		return x.Args
	}
	return nil
}

// callChildren are the arguments of a call, and what its FILTER and OVER have.
func callChildren(x *Call) []Expr {
	xs := append([]Expr{x.Filter}, x.Args...)
	if x.Over != nil {
		xs = append(xs, x.Over.Partition...)
		for _, o := range x.Over.Order {
			xs = append(xs, o.X)
		}
	}
	return xs
}
