package builtin

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	addElementFunctions()
	addSetFunctions()
	array := []Arg{{"array", Array, false}}
	add("collection",
		&Def{
			Func: expr.Func{Name: "ARRAY_DISTINCT", Strict: true, Compile: appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
				appendOnce(out, args[0], i, nil)
				return true
			})},
			Doc: "The elements of an array, each once, in the order of the first ones.", Args: array, Result: As(0),
		},
		&Def{
			Func: expr.Func{Name: "ARRAY_REVERSE", Strict: true, Compile: appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
				from, to := args[0].Range(i)
				for j := to - 1; j >= from; j-- {
					out.Children[0].AppendFrom(args[0].Children[0], j)
				}
				return true
			})},
			Doc: "The elements of an array, the last one first.", Args: array, Result: As(0),
		},
		&Def{
			Func: expr.Func{Name: "ARRAY_JOIN", Strict: true, Compile: appends(joinArray)},
			Doc:  "The texts of an array with a delimiter between them. NULLs are left out, unless there is a text for them.",
			Args: []Arg{
				{"array", Class{"<ARRAY OF CHARACTER>", func(t *row.Type) bool { return t.Kind == row.Array && t.Elem.IsText() }, stay}, false},
				{"delimiter", Text, false},
				{"null", Text, true},
			},
			Result: isString,
		},
		&Def{
			Func: expr.Func{Name: "ARRAY_SLICE", Strict: true, Compile: appends(sliceArray)},
			Doc: "The elements of an array from one place to another, both included, or to the end. Places count from 1, " +
				"those less than 0 from the end.",
			Args:   []Arg{{"array", Array, false}, {"from", Int, false}, {"to", Int, true}},
			Result: As(0),
		},
		&Def{
			Func: expr.Func{Name: "ARRAY_SORT", Strict: true, Compile: sortKernel},
			Doc: "The elements of an array in order, ascending unless the second argument is FALSE. NULLs come first when it ascends, " +
				"and last otherwise; the third argument says whether they come first.",
			Args:   []Arg{{"array", orderedArray, false}, {"ascending", Boolean, true}, {"nulls first", Boolean, true}},
			Result: As(0),
		})
	for _, f := range []struct {
		name, what string
		sign       int
	}{{"ARRAY_MAX", "greatest", 1}, {"ARRAY_MIN", "least", -1}} {
		add("collection", &Def{
			Func: expr.Func{Name: f.name, Strict: true, Compile: picks(func(args []*column.Vector, i int) (*column.Vector, int) {
				from, to := args[0].Range(i)
				v, best := args[0].Children[0], -1
				for j := from; j < to; j++ {
					if !v.IsNull(j) && (best < 0 || Compare(v, j, v, best)*f.sign > 0) {
						best = j
					}
				}
				return v, best
			})},
			Doc:  "The " + f.what + " element of an array that is not NULL; NULL if there is none.",
			Args: []Arg{{"array", orderedArray, false}}, Nullable: true,
			Result: func(args []expr.Expr) *row.Type {
				if t := args[0].Type(); t.Elem != nil {
					return t.Elem
				}
				return row.Of(row.Null)
			},
		})
	}
}

// orderedArray is an array of elements that have an order; as in Flink BOOLEANs and intervals have none here.
var orderedArray = Class{"<ARRAY OF COMPARABLE>", func(t *row.Type) bool {
	return t.Kind == row.Array && isOrdered(t.Elem) && t.Elem.Kind != row.Boolean && !t.Elem.IsInterval()
}, stay}

// addElementFunctions adds functions of an array and an element.
func addElementFunctions() {
	// The type of the result is from that of the array and that of the element.
	for _, f := range []struct {
		name, doc string
		result    func(array, element *row.Type) *row.Type
		compile   func(*expr.Call) expr.Kernel
	}{
		{"ARRAY_APPEND", "The array with one more element at the end.", grown, growKernel(false)},
		{"ARRAY_PREPEND", "The array with one more element at the beginning.", grown, growKernel(true)},
		{
			"ARRAY_REMOVE", "The array without the elements that are the same as a value; NULL removes the NULLs.",
			func(array, _ *row.Type) *row.Type { return array.Plain() }, ofArray(removeElement),
		},
		{
			"ARRAY_CONTAINS", "Whether an array has an element; it can be NULL.",
			func(array, _ *row.Type) *row.Type { return row.Of(row.Boolean).Nullable(!array.NotNull) },
			ofArray(func(args []*column.Vector, i int, out *column.Vector) {
				from, to := args[0].Range(i)
				out.Bools[i] = find(args[0].Children[0], from, to, args[1], i) >= 0
			}),
		},
		{
			"ARRAY_POSITION", "The place of the first element that is the same as a value, counted from 1, or 0. It is NULL for NULL.",
			func(array, element *row.Type) *row.Type {
				return row.Of(row.Int).Nullable(!array.NotNull || !element.NotNull)
			},
			ofArray(func(args []*column.Vector, i int, out *column.Vector) {
				if args[1].IsNull(i) {
					out.SetNull(i)
					return
				}
				from, to := args[0].Range(i)
				out.I32[i] = 0
				if j := find(args[0].Children[0], from, to, args[1], i); j >= 0 {
					out.I32[i] = int32(j - from + 1)
				}
			}),
		},
	} {
		add("collection", &Def{
			Func: expr.Func{Name: f.name, Compile: f.compile},
			Doc:  f.doc,
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				if len(args) != 2 || args[0].Type().Kind != row.Array || !isImplicit(args[1].Type(), args[0].Type().Elem) {
					return nil, nil, fmt.Errorf("%s takes an array and a value of the type of its elements, not (%s)", f.name, typeList(args))
				}
				array, element := args[0].Type(), args[1].Type()
				x, err := adapt(args[1], array.Elem.Nullable(!element.NotNull))
				return []expr.Expr{args[0], x}, f.result(array, element), err
			},
		})
	}
}

// grown is the type of an array with one more element.
func grown(array, element *row.Type) *row.Type {
	elem := array.Elem.Nullable(!array.Elem.NotNull || !element.NotNull)
	return row.ArrayOf(elem).Nullable(!array.NotNull || !element.NotNull)
}

// ofArray is a function of each row that is NULL where the array is; f makes the value otherwise.
func ofArray(f func(args []*column.Vector, i int, out *column.Vector)) func(*expr.Call) expr.Kernel {
	return func(*expr.Call) expr.Kernel {
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			isAppended := expr.IsAppended(out.Type)
			for i := range n {
				switch {
				case !args[0].IsNull(i):
					f(args, i, out)
				case isAppended:
					out.AppendNull()
				default:
					out.SetNull(i)
				}
			}
		}
	}
}

func growKernel(first bool) func(*expr.Call) expr.Kernel {
	return ofArray(func(args []*column.Vector, i int, out *column.Vector) {
		elements := out.Children[0]
		if first {
			elements.AppendFrom(args[1], i)
		}
		appendElements(out, args[0], i)
		if !first {
			elements.AppendFrom(args[1], i)
		}
		out.EndList()
	})
}

func removeElement(args []*column.Vector, i int, out *column.Vector) {
	from, to := args[0].Range(i)
	for j := from; j < to; j++ {
		if !sameAt(args[0].Children[0], j, args[1], i) {
			out.Children[0].AppendFrom(args[0].Children[0], j)
		}
	}
	out.EndList()
}

// appendElements appends the elements of list or map i.
func appendElements(out, v *column.Vector, i int) {
	from, to := v.Range(i)
	for k, c := range out.Children {
		for j := from; j < to; j++ {
			c.AppendFrom(v.Children[k], j)
		}
	}
}

// appendOnce appends the elements of array i of v that the array which is being made does not have yet, and that
// pass a test unless it is nil.
func appendOnce(out, v *column.Vector, i int, test func(j int) bool) {
	elements := out.Children[0]
	begin := int(out.Off[len(out.Off)-1])
	from, to := v.Range(i)
	for j := from; j < to; j++ {
		if (test == nil || test(j)) && find(elements, begin, elements.N, v.Children[0], j) < 0 {
			elements.AppendFrom(v.Children[0], j)
		}
	}
}

// addSetFunctions adds functions of several arrays.
func addSetFunctions() {
	// inOther keeps the elements of the first array that the second one has, or has not.
	inOther := func(want bool) func(args []*column.Vector, i int, out *column.Vector) {
		return func(args []*column.Vector, i int, out *column.Vector) {
			from, to := args[1].Range(i)
			appendOnce(out, args[0], i, func(j int) bool {
				return (find(args[1].Children[0], from, to, args[0].Children[0], j) >= 0) == want
			})
		}
	}
	for _, f := range []struct {
		name, doc string
		two       bool
		f         func(args []*column.Vector, i int, out *column.Vector)
	}{
		{"ARRAY_CONCAT", "The elements of arrays, one array after the other.", false, func(args []*column.Vector, i int, out *column.Vector) {
			for _, a := range args {
				appendElements(out, a, i)
			}
		}},
		{"ARRAY_UNION", "The elements of two arrays, each once.", true, func(args []*column.Vector, i int, out *column.Vector) {
			for _, a := range args {
				appendOnce(out, a, i, nil)
			}
		}},
		{"ARRAY_INTERSECT", "The elements of an array that another one has too, each once.", true, inOther(true)},
		{"ARRAY_EXCEPT", "The elements of an array that another one does not have, each once.", true, inOther(false)},
	} {
		add("collection", &Def{
			Func: expr.Func{Name: f.name, Strict: true, Compile: appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
				f.f(args, i, out)
				return true
			})},
			Doc: f.doc,
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				isArray := func(x expr.Expr) bool { return x.Type().Kind == row.Array }
				if len(args) == 0 || f.two && len(args) != 2 || slices.ContainsFunc(args, func(x expr.Expr) bool { return !isArray(x) }) {
					return nil, nil, fmt.Errorf("%s takes arrays, not (%s)", f.name, typeList(args))
				}
				t, args, err := toCommon(f.name, args)
				return args, t, err
			},
		})
	}
}

func joinArray(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	from, to := args[0].Range(i)
	elements, first := args[0].Children[0], true
	for j := from; j < to; j++ {
		if elements.IsNull(j) && len(args) < 3 {
			continue
		}
		if !first {
			out.Data = append(out.Data, args[1].Bytes(i)...)
		}
		first = false
		if elements.IsNull(j) {
			out.Data = append(out.Data, args[2].Bytes(i)...)
		} else {
			out.Data = append(out.Data, elements.Bytes(j)...)
		}
	}
	return true
}

func sliceArray(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	begin, end := args[0].Range(i)
	n := int64(end - begin)
	from, to := int64(args[1].I32[i]), n
	if len(args) > 2 {
		to = int64(args[2].I32[i])
	}
	if from < 0 {
		from += n + 1
	}
	if to < 0 {
		to += n + 1
	}
	if from = max(from, 1); to == 0 {
		to = 1
	}
	for j := from; j <= min(to, n); j++ {
		out.Children[0].AppendFrom(args[0].Children[0], begin+int(j)-1)
	}
	return true
}

func sortKernel(c *expr.Call) expr.Kernel {
	var places []int
	return appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		sign, nullsFirst := 1, true
		if len(args) > 1 && !args[1].Bools[i] {
			sign, nullsFirst = -1, false
		}
		if len(args) > 2 {
			nullsFirst = args[2].Bools[i]
		}
		v := args[0].Children[0]
		places = places[:0]
		from, to := args[0].Range(i)
		for j := from; j < to; j++ {
			places = append(places, j)
		}
		slices.SortStableFunc(places, func(a, b int) int {
			switch {
			case v.IsNull(a) && v.IsNull(b):
				return 0
			case v.IsNull(a) == nullsFirst && v.IsNull(a) != v.IsNull(b):
				return -1
			case v.IsNull(a) || v.IsNull(b):
				return 1
			}
			return sign * Compare(v, a, v, b)
		})
		for _, j := range places {
			out.Children[0].AppendFrom(v, j)
		}
		return true
	})(c)
}
