package bind

import (
	"strings"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// kindOf are the kinds of types that are a word.
var kindOf = map[string]row.Kind{
	"BOOLEAN": row.Boolean, "TINYINT": row.TinyInt, "SMALLINT": row.SmallInt, "INT": row.Int, "BIGINT": row.BigInt,
	"FLOAT": row.Float, "DOUBLE": row.Double, "DATE": row.Date, "NULL": row.Null, "VARIANT": row.Variant,
}

// Type resolves the name of a type. It fails by panic with an *Error.
func Type(t *ast.Type) *row.Type {
	x := typeOf(t)
	return x.Nullable(!t.NotNull)
}

func typeOf(t *ast.Type) *row.Type {
	if k, ok := kindOf[t.Name]; ok {
		args(t, 0)
		return row.Of(k)
	}
	switch t.Name {
	case "CHAR":
		return row.CharOf(length(t, 1))
	case "VARCHAR":
		return row.VarcharOf(length(t, 1))
	case "STRING":
		args(t, 0)
		return row.StringType()
	case "BINARY":
		return &row.Type{Kind: row.Binary, Length: length(t, 1)}
	case "VARBINARY":
		return &row.Type{Kind: row.Varbinary, Length: length(t, 1)}
	case "BYTES":
		args(t, 0)
		return row.BytesType()
	case "DECIMAL":
		return decimal(t)
	case "TIME":
		fraction(t, 0)
		return row.TimeOf(0) // as in Flink, whatever is asked for
	case "TIMESTAMP":
		return row.TimestampOf(fraction(t, 6))
	case "TIMESTAMP_LTZ":
		return row.TimestampLTZOf(fraction(t, 6))
	case "INTERVAL":
		return builtin.IntervalType(*t.Unit)
	case "ARRAY":
		return row.ArrayOf(Type(t.Elems[0]))
	case "MULTISET":
		return row.MultisetOf(Type(t.Elems[0]))
	case "MAP":
		return row.MapOf(Type(t.Elems[0]), Type(t.Elems[1]))
	case "ROW":
		return rowType(t)
	case "STRUCTURED":
		x := rowType(t)
		x.Class = t.Texts[0]
		return x
	}
	name := t.Name
	if name == "" {
		name = strings.Join(t.User.Strings(), ".")
	}
	hint := ""
	if n := parse.NearestType(name); n != "" && n != name {
		hint = "did you mean " + n + "?"
	}
	failHint(t.Span, hint, "there is no type %s", name)
	return nil
}

// args checks that a type has no more than so many numbers behind it.
func args(t *ast.Type, most int) {
	if len(t.Args) > most {
		fail(t.Span, "%s takes %d numbers in parentheses at most", t.Name, most)
	}
}

func length(t *ast.Type, otherwise int) int {
	args(t, 1)
	if len(t.Args) == 0 {
		return otherwise
	}
	if n := t.Args[0]; n < 1 || n > row.MaxLength {
		fail(t.Span, "the length of %s is 1 to %d", t.Name, row.MaxLength)
	}
	return t.Args[0]
}

func fraction(t *ast.Type, otherwise int) int {
	args(t, 1)
	if len(t.Args) == 0 {
		return otherwise
	}
	if t.Args[0] > 9 {
		fail(t.Span, "the precision of %s is 0 to 9", t.Name)
	}
	return t.Args[0]
}

func decimal(t *ast.Type) *row.Type {
	args(t, 2)
	precision, scale := 10, 0
	if len(t.Args) > 0 {
		precision = t.Args[0]
	}
	if len(t.Args) > 1 {
		scale = t.Args[1]
	}
	if precision < 1 || precision > row.MaxPrecision || scale > precision {
		fail(t.Span, "the precision of DECIMAL is 1 to %d, and its scale no more than that", row.MaxPrecision)
	}
	return row.DecimalOf(precision, scale)
}

func rowType(t *ast.Type) *row.Type {
	x := row.RowOf()
	for _, f := range t.Fields {
		c := ""
		if f.Comment != nil {
			c = *f.Comment
		}
		for _, g := range x.Fields {
			if g.Name == f.Name.Name {
				fail(f.Name.Span, "there are two fields %s", g.Name)
			}
		}
		x.Fields = append(x.Fields, row.Field{Name: f.Name.Name, Type: Type(f.Type), Comment: c})
	}
	return x
}
