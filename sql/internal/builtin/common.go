package builtin

import "github.com/flott-dev/flott/row"

// digits are the numbers of decimal digits of whole numbers, as DECIMAL counts them.
var digits = map[row.Kind]int{row.TinyInt: 3, row.SmallInt: 5, row.Int: 10, row.BigInt: 19}

// asDecimal is the DECIMAL that has all values of an exact type.
func asDecimal(t *row.Type) *row.Type {
	if t.Kind == row.Decimal {
		return t
	}
	return row.DecimalOf(digits[t.Kind], 0)
}

// adjust is DECIMAL(precision, scale), with a smaller scale where that has more than 38 digits: no fewer than
// 6 digits behind the point are kept at the cost of those before it.
func adjust(precision, scale int) *row.Type {
	if precision <= row.MaxPrecision {
		return row.DecimalOf(precision, scale)
	}
	return row.DecimalOf(row.MaxPrecision, max(row.MaxPrecision-(precision-scale), min(scale, 6)))
}

// Common is the type that values of all types can be taken as, without loss but for what DECIMAL and
// FLOAT lose; nil if there is none. It takes NULL if one of them does. Its Origin is
// that of the first one, as in Flink.
func Common(types ...*row.Type) *row.Type {
	t := types[0]
	for _, u := range types[1:] {
		if t = common(t, u); t == nil {
			return nil
		}
	}
	first := 0
	for first < len(types)-1 && types[first].Kind == row.Null {
		first++
	}
	return t.WithOrigin(types[first].Computed().Origin)
}

func common(a, b *row.Type) *row.Type {
	nullable := !a.NotNull || !b.NotNull
	switch {
	case a.Same(b):
		return a.Nullable(nullable)
	case a.Kind == row.Null:
		return b.Nullable(true)
	case b.Kind == row.Null:
		return a.Nullable(true)
	}
	t := commonKind(a, b)
	if t == nil {
		return nil
	}
	return t.Nullable(nullable)
}

func commonKind(a, b *row.Type) *row.Type {
	switch {
	case a.IsNumeric() && b.IsNumeric():
		return commonNumber(a, b)
	case a.IsText() && b.IsText():
		return row.VarcharOf(max(a.Length, b.Length))
	case a.IsBinary() && b.IsBinary():
		return &row.Type{Kind: row.Varbinary, Length: max(a.Length, b.Length)}
	case a.Kind == b.Kind && (a.IsTimestamp() || a.Kind == row.Time):
		return &row.Type{Kind: a.Kind, Precision: max(a.Precision, b.Precision)}
	case a.Kind == row.Date && b.IsTimestamp():
		return b
	case b.Kind == row.Date && a.IsTimestamp():
		return a
	case a.Kind == row.Timestamp && b.Kind == row.TimestampLTZ, b.Kind == row.Timestamp && a.Kind == row.TimestampLTZ:
		return row.TimestampLTZOf(max(a.Precision, b.Precision))
	case a.Kind == b.Kind && a.IsInterval():
		return a
	case a.Kind != b.Kind:
		return nil
	}
	return commonNested(a, b)
}

func commonNested(a, b *row.Type) *row.Type {
	switch a.Kind {
	case row.Array, row.Multiset:
		if e := common(a.Elem, b.Elem); e != nil {
			return &row.Type{Kind: a.Kind, Elem: e}
		}
	case row.Map:
		k, v := common(a.Key, b.Key), common(a.Elem, b.Elem)
		if k != nil && v != nil {
			return row.MapOf(k, v)
		}
	case row.Row:
		if len(a.Fields) != len(b.Fields) || a.Class != b.Class {
			return nil
		}
		t := row.RowOf()
		t.Class = a.Class
		for i, f := range a.Fields {
			e := common(f.Type, b.Fields[i].Type)
			if e == nil {
				return nil
			}
			t.Fields = append(t.Fields, row.Field{Name: f.Name, Type: e})
		}
		return t
	}
	return nil
}

// commonNumber is the type of both numbers. As in Flink a FLOAT stays one beside whole numbers and DOUBLEs.
func commonNumber(a, b *row.Type) *row.Type {
	switch {
	case a.IsApproximate() || b.IsApproximate():
		if a.Kind == row.Decimal || b.Kind == row.Decimal {
			return row.Of(row.Double)
		}
		if a.Kind == row.Float || b.Kind == row.Float {
			return row.Of(row.Float)
		}
		return row.Of(row.Double)
	case a.Kind == row.Decimal || b.Kind == row.Decimal:
		x, y := asDecimal(a), asDecimal(b)
		scale := max(x.Scale, y.Scale)
		return adjust(max(x.Precision-x.Scale, y.Precision-y.Scale)+scale, scale)
	}
	return row.Of(max(a.Kind, b.Kind))
}
