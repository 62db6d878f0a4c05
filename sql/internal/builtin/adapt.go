package builtin

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// adapt makes x a value of a type, by a cast unless values of both types lie in the same way.
func adapt(x expr.Expr, t *row.Type) (expr.Expr, error) {
	if lieAlike(x.Type(), t) {
		return x, nil
	}
	return Cast(x.Extent(), x, t.Nullable(!x.Type().NotNull), false)
}

// adaptAll adapts arguments to one type.
func adaptAll(args []expr.Expr, t *row.Type) ([]expr.Expr, error) {
	adapted := make([]expr.Expr, len(args))
	for i, x := range args {
		y, err := adapt(x, t)
		if err != nil {
			return nil, err
		}
		adapted[i] = y
	}
	return adapted, nil
}

// lieAlike reports whether each value of one type is the same value of another as it lies: nullability, names and
// the length of a longer VARCHAR make no difference.
func lieAlike(from, to *row.Type) bool {
	if from.IsText() && to.Kind == row.Varchar {
		return from.Length <= to.Length
	}
	if from.Kind != to.Kind || from.Length != to.Length || from.Precision != to.Precision || from.Scale != to.Scale ||
		from.Class != to.Class || len(from.Fields) != len(to.Fields) {
		return false
	}
	if from.Elem != nil && !lieAlike(from.Elem, to.Elem) || from.Key != nil && !lieAlike(from.Key, to.Key) {
		return false
	}
	for i, f := range from.Fields {
		if !lieAlike(f.Type, to.Fields[i].Type) {
			return false
		}
	}
	return true
}

// isImplicit reports whether a value is cast to another type without being asked, because no whole part of it
// can be lost.
func isImplicit(from, to *row.Type) bool {
	switch {
	case from.Kind == row.Null, lieAlike(from, to), from.IsText() && to.IsText(), from.IsBinary() && to.IsBinary():
		return true
	case from.IsNumeric() && to.IsNumeric():
		return to.Kind == row.Decimal || rank[from.Kind] <= rank[to.Kind]
	case from.IsTimestamp() && (to.IsTimestamp() || to.Kind == row.Date || to.Kind == row.Time):
		return from.Kind == row.Timestamp || to.IsTimestamp()
	case from.Kind != to.Kind:
		return false
	}
	switch from.Kind {
	case row.Time, row.IntervalDay, row.IntervalMonth:
		return true
	case row.Array, row.Multiset:
		return isImplicit(from.Elem, to.Elem)
	case row.Map:
		return isImplicit(from.Key, to.Key) && isImplicit(from.Elem, to.Elem)
	case row.Row:
		for i, f := range from.Fields {
			if len(from.Fields) != len(to.Fields) || !isImplicit(f.Type, to.Fields[i].Type) {
				return false
			}
		}
		return true
	}
	return false
}

// rank orders the types of numbers: each has the numbers of those before it.
var rank = map[row.Kind]int{
	row.TinyInt: 1, row.SmallInt: 2, row.Int: 3, row.BigInt: 4, row.Decimal: 5, row.Float: 6, row.Double: 7,
}

// picks is a function whose result is a value that lies in its arguments: f says where, with -1 for NULL.
func picks(f func(args []*column.Vector, i int) (from *column.Vector, at int)) func(*expr.Call) expr.Kernel {
	return func(*expr.Call) expr.Kernel {
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			valid := out.Valid
			out.Reset()
			out.Valid = valid
			for i := range n {
				if !valid.Has(i) {
					out.AppendNull()
				} else if from, at := f(args, i); at < 0 {
					out.AppendNull()
				} else {
					out.AppendFrom(from, at)
				}
			}
		}
	}
}
