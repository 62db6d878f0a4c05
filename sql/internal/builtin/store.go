package builtin

import "github.com/flott-dev/flott/row"

// Stores reports whether INSERT casts values of a type to that of a column by itself: where the target is wider, or
// texts are of other lengths. Nullability does not matter.
func Stores(from, to *row.Type) bool {
	switch {
	case from.Kind == row.Null || from.Plain().Same(to):
		return true
	case from.IsNumeric() && to.IsNumeric():
		return storesNumber(from, to)
	case from.IsText() && to.IsText(), from.IsBinary() && to.IsBinary():
		return true
	case from.Kind == row.Date && to.IsTimestamp(), from.IsTimestamp() && to.IsTimestamp():
		return true
	case from.Kind != to.Kind:
		return false
	case from.Kind == row.Time, from.IsInterval():
		return true
	}
	switch from.Kind {
	case row.Array, row.Multiset:
		return Stores(from.Elem, to.Elem)
	case row.Map:
		return Stores(from.Key, to.Key) && Stores(from.Elem, to.Elem)
	case row.Row:
		if len(from.Fields) != len(to.Fields) {
			return false
		}
		for i, f := range from.Fields {
			if !Stores(f.Type, to.Fields[i].Type) {
				return false
			}
		}
		return true
	}
	return false
}

// storesNumber reports whether a column takes numbers of a type.
func storesNumber(from, to *row.Type) bool {
	switch {
	case to.Kind == row.Double:
		return true
	case to.Kind == row.Float:
		return from.Kind != row.Double
	case from.IsApproximate():
		return false
	case to.Kind == row.Decimal:
		return true
	case from.Kind == row.Decimal:
		return false
	}
	return from.Kind <= to.Kind
}
