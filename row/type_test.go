package row

import "testing"

func TestTypesAreWrittenAsFlinkDoes(t *testing.T) {
	rowtime := *TimestampOf(3).Nullable(false)
	rowtime.Attribute = Rowtime
	for want, kind := range map[string]*Type{
		"INT NOT NULL":                    Of(Int).Nullable(false),
		"STRING":                          StringType(),
		"VARCHAR(5)":                      VarcharOf(5),
		"CHAR(1) NOT NULL":                CharOf(1).Nullable(false),
		"BYTES":                           BytesType(),
		"BINARY(4)":                       {Kind: Binary, Length: 4},
		"DECIMAL(10, 2)":                  DecimalOf(10, 2),
		"TIMESTAMP(3) NOT NULL *ROWTIME*": &rowtime,
		"TIMESTAMP_LTZ(3)":                TimestampLTZOf(3),
		"TIME(0)":                         TimeOf(0),
		"INTERVAL SECOND(3)":              {Kind: IntervalDay, Unit: "SECOND(3)"},
		"ARRAY<INT NOT NULL> NOT NULL":    ArrayOf(Of(Int).Nullable(false)).Nullable(false),
		"MULTISET<STRING>":                MultisetOf(StringType()),
		"MAP<INT, STRING>":                MapOf(Of(Int), StringType()),
		"ROW<`a` INT NOT NULL, `b``c` STRING 'it''s'>": RowOf(
			Field{Name: "a", Type: Of(Int).Nullable(false)}, Field{Name: "b`c", Type: StringType(), Comment: "it's"}),
	} {
		if got := kind.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestEqual(t *testing.T) {
	rowOf := func(name string, k Kind) *Type { return RowOf(Field{Name: name, Type: Of(k)}) }
	distinct := []*Type{
		Of(Int), Of(BigInt), VarcharOf(3), VarcharOf(4), CharOf(3), DecimalOf(3, 2), DecimalOf(3, 1), TimestampOf(3),
		ArrayOf(Of(Int)), ArrayOf(Of(Int).Nullable(false)), MapOf(Of(Int), Of(Int)), rowOf("a", Int), rowOf("b", Int),
		rowOf("a", BigInt), RowOf(),
	}
	for i, a := range distinct {
		for j, b := range distinct {
			if a.Equal(b) != (i == j) {
				t.Errorf("%s and %s", a, b)
			}
		}
		if n := a.Nullable(false); a.Equal(n) || !a.Same(n) || !n.Nullable(true).Equal(a) {
			t.Errorf("%s and %s", a, n)
		}
	}
}
