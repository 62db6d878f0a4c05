package builtin

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/jsonpath"
)

func init() {
	value := Arg{"value", Any, true}
	add("json",
		&Def{
			Func: expr.Func{Name: "JSON_STRING", Strict: true, Compile: func(c *expr.Call) expr.Kernel {
				write, _ := writerOf(c.Args[0])
				return appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
					out.Data = write(out.Data, args[0], i)
					return true
				})(c)
			}},
			Doc:  "The value as JSON.",
			Args: []Arg{{"value", Any, false}}, Result: isString,
			Check: func(args []expr.Expr) error {
				if args[0].Type().Kind == row.Null {
					return nil
				}
				return checkWritable(args[0])
			},
		},
		&Def{
			Func: expr.Func{Name: "JSON_OBJECT", Compile: jsonObject},
			Doc:  "The JSON object of names and values, in the order of the names. Members that are NULL are in it, unless ABSENT ON NULL.",
			Args: []Arg{{"name", Text, true}, value, {"nulls", Symbol, false}}, Infer: inferObject,
		},
		&Def{
			Func: expr.Func{Name: "JSON_ARRAY", Compile: jsonArray},
			Doc:  "The JSON array of values. Those that are NULL are left out, unless NULL ON NULL.",
			Args: []Arg{value, {"nulls", Symbol, false}}, Infer: inferArray,
		},
		&Def{
			Func: expr.Func{Name: "JSON", Strict: true, Compile: text1(func(s []byte, out *column.Vector) bool {
				if len(s) == 0 {
					return false
				}
				v, err := jsonpath.Read(s, false)
				if err != nil {
					expr.Fail(-1, "JSON: %v", err)
				}
				out.Data = jsonpath.Append(out.Data, v)
				return true
			})},
			Doc:  "JSON text as it is, as a value of JSON_OBJECT or JSON_ARRAY; it stands nowhere else.",
			Args: []Arg{{"s", Text, false}}, Result: isString, Nullable: true,
		},
	)
}

// writer appends value i of a vector, which is not NULL, as JSON.
type writer func(dst []byte, v *column.Vector, i int) []byte

// writerOf is the writer of an argument: what JSON_OBJECT, JSON_ARRAY and JSON make is JSON already.
func writerOf(x expr.Expr) (writer, error) {
	if c, ok := x.(*expr.Call); ok && (c.Func.Name == "JSON_OBJECT" || c.Func.Name == "JSON_ARRAY" || c.Func.Name == "JSON") {
		return func(dst []byte, v *column.Vector, i int) []byte { return append(dst, v.Bytes(i)...) }, nil
	}
	return writerOfType(x.Type())
}

// JSONWriter appends values of a type as JSON, as null where they are NULL. The error says that the type has no JSON.
func JSONWriter(t *row.Type) (func(dst []byte, v *column.Vector, i int) []byte, error) {
	write, err := writerOfType(t)
	if err != nil {
		return nil, err
	}
	return func(dst []byte, v *column.Vector, i int) []byte { return appendOrNull(dst, write, v, i) }, nil
}

func checkWritable(x expr.Expr) error {
	if x.Type().Kind == row.Null {
		return errors.New("NULL has no type here: CAST it to one")
	}
	_, err := writerOf(x)
	return err
}

func writerOfType(t *row.Type) (writer, error) {
	switch t.Kind {
	case row.Char, row.Varchar:
		return func(dst []byte, v *column.Vector, i int) []byte { return jsonpath.AppendString(dst, v.Bytes(i)) }, nil
	case row.Boolean:
		return func(dst []byte, v *column.Vector, i int) []byte { return strconv.AppendBool(dst, v.Bools[i]) }, nil
	case row.TinyInt, row.SmallInt, row.Int, row.BigInt:
		return func(dst []byte, v *column.Vector, i int) []byte { return strconv.AppendInt(dst, wholeOf(v, i), 10) }, nil
	case row.Float:
		return func(dst []byte, v *column.Vector, i int) []byte { return appendDouble(dst, float64(v.F32[i])) }, nil
	case row.Double:
		return func(dst []byte, v *column.Vector, i int) []byte { return appendDouble(dst, v.F64[i]) }, nil
	case row.Decimal:
		return func(dst []byte, v *column.Vector, i int) []byte {
			return append(dst, jsonpath.DecimalText(plainDecimal(v.Decimal(i).String(), t.Scale))...)
		}, nil
	case row.Binary, row.Varbinary:
		return func(dst []byte, v *column.Vector, i int) []byte {
			return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes(i)), '"')
		}, nil
	case row.Timestamp, row.TimestampLTZ:
		return func(dst []byte, v *column.Vector, i int) []byte {
			dst = appendISO(append(dst, '"'), v, i, false)
			if t.Kind == row.TimestampLTZ {
				dst = append(dst, 'Z')
			}
			return append(dst, '"')
		}, nil
	case row.Array:
		return arrayWriter(t)
	case row.Map, row.Multiset:
		return mapWriter(t)
	case row.Row:
		return rowWriter(t)
	}
	return nil, fmt.Errorf("a value of type %s cannot be JSON: CAST it to STRING", t.Nullable(true).SQL())
}

func appendDouble(dst []byte, f float64) []byte {
	s := jsonpath.DoubleText(f)
	if c := s[len(s)-1]; c == 'y' || c == 'N' { // Infinity, NaN
		return jsonpath.AppendString(dst, s)
	}
	return append(dst, jsonpath.DecimalText(s)...)
}

// appendOrNull appends a value that may be NULL.
func appendOrNull(dst []byte, write writer, v *column.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, "null"...)
	}
	return write(dst, v, i)
}

func arrayWriter(t *row.Type) (writer, error) {
	elem, err := writerOfType(t.Elem)
	return func(dst []byte, v *column.Vector, i int) []byte {
		dst = append(dst, '[')
		from, to := v.Range(i)
		for j := from; j < to; j++ {
			if j > from {
				dst = append(dst, ',')
			}
			dst = appendOrNull(dst, elem, v.Children[0], j)
		}
		return append(dst, ']')
	}, err
}

// mapWriter writes maps, and multisets with counts for values, as objects.
func mapWriter(t *row.Type) (writer, error) {
	key, value := t.Key, t.Elem
	if t.Kind == row.Multiset {
		key, value = t.Elem, row.Of(row.Int)
	}
	if !key.IsText() {
		return nil, fmt.Errorf("a value of type %s cannot be JSON: its keys must be text", t.Nullable(true).SQL())
	}
	write, err := writerOfType(value)
	return func(dst []byte, v *column.Vector, i int) []byte {
		from, to := v.Range(i)
		keys := v.Children[0]
		order := make([]int, 0, to-from)
		for j := from; j < to; j++ {
			if keys.IsNull(j) {
				expr.Fail(-1, "a key of the map is NULL, which JSON has not")
			}
			order = append(order, j)
		}
		slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(string(keys.Bytes(a)), string(keys.Bytes(b))) })
		dst = append(dst, '{')
		for k, j := range order {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = append(jsonpath.AppendString(dst, keys.Bytes(j)), ':')
			dst = appendOrNull(dst, write, v.Children[1], j)
		}
		return append(dst, '}')
	}, err
}

func rowWriter(t *row.Type) (writer, error) {
	writers := make([]writer, len(t.Fields))
	names := make([]string, len(t.Fields))
	for k, f := range t.Fields {
		var err error
		if writers[k], err = writerOfType(f.Type); err != nil {
			return nil, err
		}
		names[k] = f.Name
	}
	order := byName(names)
	return func(dst []byte, v *column.Vector, i int) []byte {
		dst = append(dst, '{')
		for n, k := range order {
			if n > 0 {
				dst = append(dst, ',')
			}
			dst = append(jsonpath.AppendString(dst, names[k]), ':')
			dst = appendOrNull(dst, writers[k], v.Children[k], i)
		}
		return append(dst, '}')
	}, nil
}

// byName are the places of names in their order, of those that are the same the last one only.
func byName(names []string) []int {
	last := map[string]int{}
	for k, n := range names {
		last[n] = k
	}
	order := make([]int, 0, len(last))
	for _, k := range last {
		order = append(order, k)
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	return order
}

func inferObject(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	for i := 0; i+1 < len(args); i += 2 {
		if _, ok := constantText(args[i]); !ok {
			return nil, nil, errors.New("a name in JSON_OBJECT must be a constant text")
		}
		if err := checkWritable(args[i+1]); err != nil {
			return nil, nil, fmt.Errorf("JSON_OBJECT: %w", err)
		}
	}
	return args, row.StringType().Nullable(false), nil
}

func inferArray(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	for _, a := range args[:len(args)-1] {
		if err := checkWritable(a); err != nil {
			return nil, nil, fmt.Errorf("JSON_ARRAY: %w", err)
		}
	}
	return args, row.StringType().Nullable(false), nil
}

func jsonObject(c *expr.Call) expr.Kernel {
	nulls, _ := constantText(c.Args[len(c.Args)-1])
	var names []string
	var writers []writer
	for i := 0; i+1 < len(c.Args); i += 2 {
		name, _ := constantText(c.Args[i])
		write, _ := writerOf(c.Args[i+1])
		names, writers = append(names, name), append(writers, write)
	}
	order := byName(names)
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		for i := range n {
			out.Data = append(out.Data, '{')
			first := true
			for _, k := range order {
				v := args[2*k+1]
				if nulls == "ABSENT" && v.IsNull(i) {
					continue
				}
				if !first {
					out.Data = append(out.Data, ',')
				}
				first = false
				out.Data = append(jsonpath.AppendString(out.Data, names[k]), ':')
				out.Data = appendOrNull(out.Data, writers[k], v, i)
			}
			out.Data = append(out.Data, '}')
			out.EndBytes()
		}
	}
}

func jsonArray(c *expr.Call) expr.Kernel {
	values := c.Args[:len(c.Args)-1]
	nulls, _ := constantText(c.Args[len(values)])
	writers := make([]writer, len(values))
	for k, a := range values {
		writers[k], _ = writerOf(a)
	}
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		for i := range n {
			out.Data = append(out.Data, '[')
			first := true
			for k, write := range writers {
				if nulls != "NULL" && args[k].IsNull(i) {
					continue
				}
				if !first {
					out.Data = append(out.Data, ',')
				}
				first = false
				out.Data = appendOrNull(out.Data, write, args[k], i)
			}
			out.Data = append(out.Data, ']')
			out.EndBytes()
		}
	}
}
