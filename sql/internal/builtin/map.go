package builtin

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	for _, f := range []struct {
		name, doc string
		elem      func(t *row.Type) *row.Type
		f         func(v *column.Vector, i int, out *column.Vector)
	}{
		{
			"MAP_KEYS", "The keys of a map, in no particular order.", func(t *row.Type) *row.Type { return t.Key },
			func(v *column.Vector, i int, out *column.Vector) { appendPart(out.Children[0], v, i, 0) },
		},
		{
			"MAP_VALUES", "The values of a map, in the order of MAP_KEYS.", func(t *row.Type) *row.Type { return t.Elem },
			func(v *column.Vector, i int, out *column.Vector) { appendPart(out.Children[0], v, i, 1) },
		},
		{
			"MAP_ENTRIES", "The keys and values of a map, as rows of the fields key and value.",
			func(t *row.Type) *row.Type {
				return row.RowOf(row.Field{Name: "key", Type: t.Key}, row.Field{Name: "value", Type: t.Elem})
			},
			func(v *column.Vector, i int, out *column.Vector) {
				entries := out.Children[0]
				appendPart(entries.Children[0], v, i, 0)
				appendPart(entries.Children[1], v, i, 1)
				from, to := v.Range(i)
				for range to - from {
					entries.EndRow()
				}
			},
		},
	} {
		add("collection", &Def{
			Func: expr.Func{Name: f.name, Strict: true, Compile: appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
				f.f(args[0], i, out)
				return true
			})},
			Doc: f.doc,
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				if len(args) != 1 || args[0].Type().Kind != row.Map {
					return nil, nil, fmt.Errorf("%s takes a map, not (%s)", f.name, typeList(args))
				}
				t := args[0].Type()
				return args, row.ArrayOf(f.elem(t)).Nullable(!t.NotNull), nil
			},
		})
	}
	add("collection",
		&Def{
			Func: expr.Func{Name: "MAP_FROM_ARRAYS", Strict: true, Compile: appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
				from, to := args[0].Range(i)
				from2, to2 := args[1].Range(i)
				if to-from != to2-from2 {
					expr.Fail(i, "MAP_FROM_ARRAYS takes as many keys as values, not %d and %d", to-from, to2-from2)
				}
				keys := args[0].Children[0]
				for j := from; j < to; j++ {
					if find(keys, j+1, to, keys, j) < 0 {
						out.Children[0].AppendFrom(keys, j)
						out.Children[1].AppendFrom(args[1].Children[0], from2+j-from)
					}
				}
				return true
			})},
			Doc: "The map of an array of keys and an array of values, which have the same length. Of two values with the same key " +
				"the last one counts.",
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				if len(args) != 2 || args[0].Type().Kind != row.Array || args[1].Type().Kind != row.Array {
					return nil, nil, fmt.Errorf("MAP_FROM_ARRAYS takes two arrays, not (%s)", typeList(args))
				}
				k, v := args[0].Type(), args[1].Type()
				return args, row.MapOf(k.Elem, v.Elem).Nullable(!k.NotNull || !v.NotNull), nil
			},
		},
		&Def{
			Func: expr.Func{Name: "MAP_UNION", Strict: true, Compile: appends(unionMaps)},
			Doc:  "The keys and values of maps; of a key that several have the value of the last map counts.",
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				isMap := func(x expr.Expr) bool { return x.Type().Kind == row.Map }
				if len(args) == 0 || slices.ContainsFunc(args, func(x expr.Expr) bool { return !isMap(x) }) {
					return nil, nil, fmt.Errorf("MAP_UNION takes maps, not (%s)", typeList(args))
				}
				t, args, err := toCommon("MAP_UNION", args)
				return args, t, err
			},
		})
}

// appendPart appends the keys, 0, or values, 1, of map i.
func appendPart(out, v *column.Vector, i, part int) {
	from, to := v.Range(i)
	for j := from; j < to; j++ {
		out.AppendFrom(v.Children[part], j)
	}
}

func unionMaps(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	for k, a := range args {
		from, to := a.Range(i)
	keys:
		for j := from; j < to; j++ {
			for _, b := range args[k+1:] {
				if from, to := b.Range(i); find(b.Children[0], from, to, a.Children[0], j) >= 0 {
					continue keys
				}
			}
			out.Children[0].AppendFrom(a.Children[0], j)
			out.Children[1].AppendFrom(a.Children[1], j)
		}
	}
	return true
}
