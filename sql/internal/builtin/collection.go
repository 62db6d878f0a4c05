package builtin

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("collection",
		&Def{
			Func: expr.Func{Name: "ARRAY", Compile: arrayKernel},
			Doc:  "An array of the values: ARRAY[1, 2].",
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				if len(args) == 0 {
					return nil, nil, errors.New("ARRAY[] takes one value or more")
				}
				t, args, err := toCommon("ARRAY[]", args)
				if err != nil {
					return nil, nil, err
				}
				if t.Kind == row.Null {
					return nil, nil, errors.New("the type of ARRAY[NULL] is not known; CAST one of the values to a type")
				}
				return args, row.ArrayOf(t).Nullable(false), nil
			},
		},
		&Def{
			Func:  expr.Func{Name: "MAP", Compile: mapKernel},
			Doc:   "A map of keys and values: MAP['a', 1, 'b', 2]. Of two values with the same key the last one counts.",
			Infer: inferMap,
		},
		&Def{
			Func:  expr.Func{Name: "ROW", Compile: rowKernel},
			Doc:   "A row of the values: ROW(1, 'a').",
			Infer: inferRow,
		},
		&Def{
			Func: expr.Func{Name: "ITEM", Strict: true, Compile: itemKernel},
			Doc: "The element of an array at a place from 1 on, the value of a map for a key, or the field of a row at a place; " +
				"NULL if there is none.",
			Infer: inferItem,
		},
		&Def{
			Func: expr.Func{Name: "CARDINALITY", Strict: true, Compile: rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
				from, to := args[0].Range(i)
				out.I32[i] = int32(to - from)
				return true
			})},
			Typed: true,
			Doc:   "The number of elements.", Args: []Arg{{"collection", collection, false}}, Result: isInt,
		},
		&Def{
			Func: expr.Func{Name: "ELEMENT", Strict: true, Compile: picks(func(args []*column.Vector, i int) (*column.Vector, int) {
				from, to := args[0].Range(i)
				switch to - from {
				case 0:
					return nil, -1
				case 1:
					return args[0].Children[0], from
				}
				expr.Fail(i, "ELEMENT takes an array of one element, and this one has %d", to-from)
				return nil, -1
			})},
			Doc:  "The only element of an array, NULL if it has none.",
			Args: []Arg{{"array", Array, false}},
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				if len(args) != 1 || args[0].Type().Kind != row.Array {
					return nil, nil, fmt.Errorf("ELEMENT takes an array, not (%s)", typeList(args))
				}
				t := args[0].Type()
				return args, t.Elem.Nullable(!t.NotNull || !t.Elem.NotNull), nil
			},
		},
	)
}

var collection = Class{"<ARRAY>, <MAP> or <MULTISET>", func(t *row.Type) bool {
	return t.Kind == row.Array || t.Kind == row.Map || t.Kind == row.Multiset
}, stay}

// toCommon takes arguments as the type that they have in common.
func toCommon(name string, args []expr.Expr) (*row.Type, []expr.Expr, error) {
	t, err := commonOf(name, args)
	if err != nil {
		return nil, nil, err
	}
	args, err = adaptAll(args, t)
	return t, args, err
}

func arrayKernel(*expr.Call) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		for i := range n {
			for _, a := range args {
				out.Children[0].AppendFrom(a, i)
			}
			out.EndList()
		}
	}
}

func inferMap(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	if len(args) == 0 || len(args)%2 == 1 {
		return nil, nil, errors.New("MAP[] takes keys and values: MAP['a', 1, 'b', 2]")
	}
	var keys, values []expr.Expr
	for i := 0; i < len(args); i += 2 {
		keys, values = append(keys, args[i]), append(values, args[i+1])
	}
	keyType, keys, err := toCommon("MAP[] as keys", keys)
	if err != nil {
		return nil, nil, err
	}
	if keyType.Kind == row.Null {
		return nil, nil, errors.New("the type of the keys of MAP[NULL, …] is not known; CAST one of them to a type")
	}
	for i, x := range values {
		if x.Type().Kind == row.Null { // as in Flink it is of the type of the keys
			if values[i], err = adapt(x, keyType.Nullable(true)); err != nil {
				return nil, nil, err
			}
		}
	}
	valueType, values, err := toCommon("MAP[] as values", values)
	if err != nil {
		return nil, nil, err
	}
	args = nil
	for i, k := range keys {
		args = append(args, k, values[i])
	}
	return args, row.MapOf(keyType, valueType).Nullable(false), nil
}

func mapKernel(*expr.Call) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		for i := range n {
		pairs:
			for k := 0; k < len(args); k += 2 {
				for later := k + 2; later < len(args); later += 2 {
					if sameAt(args[k], i, args[later], i) {
						continue pairs
					}
				}
				out.Children[0].AppendFrom(args[k], i)
				out.Children[1].AppendFrom(args[k+1], i)
			}
			out.EndList()
		}
	}
}

func inferRow(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	if len(args) == 0 {
		return nil, nil, errors.New("ROW takes one value or more")
	}
	t := row.RowOf()
	for i, x := range args {
		if x.Type().Kind == row.Null {
			return nil, nil, errors.New("the type of NULL in ROW is not known; CAST it to a type")
		}
		t.Fields = append(t.Fields, row.Field{Name: fmt.Sprintf("EXPR$%d", i), Type: x.Type().Computed()})
	}
	return args, t.Nullable(false), nil
}

func rowKernel(*expr.Call) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		for i := range n {
			for k, a := range args {
				out.Children[k].AppendFrom(a, i)
			}
			out.EndRow()
		}
	}
}

func inferItem(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	t, at := args[0].Type(), args[1].Type()
	bad := fmt.Errorf("the brackets behind a value take <ARRAY>[<INT>], <MAP>[<KEY>] or <ROW>[<INT>], not %s[%s]",
		t.Nullable(true).SQL(), at.Nullable(true).SQL())
	switch t.Kind {
	case row.Array:
		if at.Kind != row.Int && at.Kind != row.Null {
			return nil, nil, bad
		}
		if n, ok := constantInt(args[1]); ok && n < 1 {
			return nil, nil, fmt.Errorf("the elements of an array count from 1, and there is none at %d", n)
		}
		return args, t.Elem.Nullable(true), nil
	case row.Map:
		if k := t.Key; !(at.Kind == row.Null || k.IsNumeric() && at.IsNumeric() || Common(k, at) != nil) {
			return nil, nil, bad
		}
		if !t.Key.IsNumeric() {
			key, err := adapt(args[1], Common(t.Key, at))
			return []expr.Expr{args[0], key}, t.Elem.Nullable(true), err
		}
		return args, t.Elem.Nullable(true), nil
	case row.Row:
		n, ok := constantInt(args[1])
		if t.Class != "" {
			return nil, nil, bad
		}
		if !ok || n < 1 || int(n) > len(t.Fields) {
			return nil, nil, fmt.Errorf("the field of a row is a constant from 1 to %d", len(t.Fields))
		}
		f := t.Fields[n-1].Type
		return args, f.Nullable(!t.NotNull || !f.NotNull), nil
	}
	return nil, nil, bad
}

func itemKernel(c *expr.Call) expr.Kernel {
	switch c.Args[0].Type().Kind {
	case row.Array:
		return picks(func(args []*column.Vector, i int) (*column.Vector, int) {
			from, to := args[0].Range(i)
			n := int(args[1].I32[i])
			if n < 1 || n > to-from {
				return nil, -1
			}
			return args[0].Children[0], from + n - 1
		})(c)
	case row.Map:
		return picks(func(args []*column.Vector, i int) (*column.Vector, int) {
			from, to := args[0].Range(i)
			keys := args[0].Children[0]
			for j := from; j < to; j++ {
				if !keys.IsNull(j) && sameKey(keys, j, args[1], i) {
					return args[0].Children[1], j
				}
			}
			return nil, -1
		})(c)
	}
	n, _ := constantInt(c.Args[1])
	return picks(func(args []*column.Vector, i int) (*column.Vector, int) { return args[0].Children[n-1], i })(c)
}

// sameKey is sameAt for numbers of different types too.
func sameKey(a *column.Vector, i int, b *column.Vector, j int) bool {
	x, y := a.Type, b.Type
	switch {
	case !x.IsNumeric() || x.Kind == y.Kind && x.Scale == y.Scale:
		return sameAt(a, i, b, j)
	case x.IsInteger() && y.IsInteger():
		return wholeAt(a, i) == wholeAt(b, j)
	case x.IsApproximate() || y.IsApproximate():
		return floatOf(a, i) == floatOf(b, j)
	}
	scale := max(x.Scale, y.Scale)
	p, okP := rescale(exactAt(a, i), x.Scale, scale)
	q, okQ := rescale(exactAt(b, j), y.Scale, scale)
	return okP && okQ && p == q
}

// exactAt is the unscaled value of a whole number or a DECIMAL.
func exactAt(v *column.Vector, i int) column.Int128 {
	if v.Type.Kind == row.Decimal {
		return v.Decimal(i)
	}
	return column.Int128From(wholeAt(v, i))
}
