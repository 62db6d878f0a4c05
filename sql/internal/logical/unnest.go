package logical

import (
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// The names of the table functions that statements do not call by a name.
const (
	unnestName     = "UNNEST"
	ordinalityName = "UNNEST WITH ORDINALITY"
)

// BuiltinTable finds a table function that is no function of the program, nil if there is none.
func BuiltinTable(name string) *TableFunc {
	switch name {
	case unnestName:
		return Unnest(false)
	case ordinalityName:
		return Unnest(true)
	case Replicate.Name:
		return Replicate
	}
	return nil
}

// Unnest is the table function of UNNEST, with a column of numbers where ordinality is asked for.
func Unnest(ordinality bool) *TableFunc {
	name := unnestName
	if ordinality {
		name = ordinalityName
	}
	return &TableFunc{
		Name: name,
		Infer: func(args []expr.Expr) ([]expr.Expr, []row.Field, error) {
			cols, err := unnested(args[0].Type())
			if ordinality {
				cols = append(cols, row.Field{Name: "ORDINALITY", Type: row.Of(row.Int).Nullable(false)})
			}
			return args, cols, err
		},
		New: func([]*row.Type, []row.Field) Table { return unnest{ordinality} },
	}
}

// unnested are the columns that an array, a map or a multiset has.
func unnested(t *row.Type) ([]row.Field, error) {
	switch t.Kind {
	case row.Array, row.Multiset:
		if t.Elem.Kind != row.Row {
			return []row.Field{{Name: "EXPR$0", Type: t.Elem}}, nil
		}
		var cols []row.Field
		for _, f := range t.Elem.Fields {
			f.Type = f.Type.Nullable(!f.Type.NotNull || !t.Elem.NotNull)
			cols = append(cols, f)
		}
		return cols, nil
	case row.Map:
		return []row.Field{{Name: "KEY", Type: t.Key}, {Name: "VALUE", Type: t.Elem}}, nil
	}
	return nil, fmt.Errorf("UNNEST takes an array, a map or a multiset, not %s", t.Nullable(true))
}

type unnest struct{ ordinality bool }

func (u unnest) Append(args []*column.Vector, i int, out []*column.Vector) int {
	v := args[0]
	if v.IsNull(i) {
		return 0
	}
	n := 0
	for from, to := v.Range(i); from < to; from++ {
		if elem := v.Children[0]; v.Type.Kind != row.Map && elem.Type.Kind == row.Row && elem.IsNull(from) {
			continue // Flink has no row for a ROW that is NULL
		}
		times := 1
		if v.Type.Kind == row.Multiset {
			times = int(v.Children[1].I32[from])
		}
		for range times {
			n++
			u.element(v, from, out)
			if u.ordinality {
				out[len(out)-1].AppendI32(int32(n))
			}
		}
	}
	return n
}

// element appends one element.
func (u unnest) element(v *column.Vector, at int, out []*column.Vector) {
	elem := v.Children[0]
	switch {
	case v.Type.Kind == row.Map:
		out[0].AppendFrom(elem, at)
		out[1].AppendFrom(v.Children[1], at)
	case elem.Type.Kind == row.Row:
		for f, child := range elem.Children {
			out[f].AppendFrom(child, at)
		}
	default:
		out[0].AppendFrom(elem, at)
	}
}
