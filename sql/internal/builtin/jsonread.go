package builtin

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/jsonpath"
)

func init() {
	args := []Arg{{"json", Text, false}, {"path", Text, false}}
	const paths = " A path is one of Jayway's JsonPath with strict, which is the default, or lax before it: " +
		"what a lax path does not find is empty, and what a strict one does not is an error."
	add("json",
		&Def{
			Func: expr.Func{Name: "JSON_EXISTS", Compile: jsonExists},
			Doc:  "Whether a path leads to a value in JSON text." + paths,
			Args: args, Infer: inferJSON("JSON_EXISTS"),
		},
		&Def{
			Func: expr.Func{Name: "JSON_VALUE", Compile: jsonValue},
			Doc:  "The scalar that a path leads to in JSON text." + paths,
			Args: args, Infer: inferJSON("JSON_VALUE"),
		},
		&Def{
			Func: expr.Func{Name: "JSON_QUERY", Compile: jsonQuery},
			Doc:  "The array or object that a path leads to in JSON text, as text." + paths,
			Args: args, Infer: inferJSON("JSON_QUERY"),
		},
	)
	for _, kind := range []string{"", " VALUE", " SCALAR", " ARRAY", " OBJECT"} {
		add("json", isJSON("IS JSON"+kind, kind, false), isJSON("IS NOT JSON"+kind, kind, true))
	}
}

func isJSON(name, kind string, not bool) *Def {
	return &Def{
		Func: expr.Func{Name: name, Compile: func(*expr.Call) expr.Kernel {
			return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
				for i := range n {
					out.Bools[i] = (!args[0].IsNull(i) && hasKind(args[0].Bytes(i), kind)) != not
				}
			}
		}},
		Doc:   "Whether the text is JSON" + map[bool]string{false: "", true: " or not"}[not] + ", of the kind that is asked for; never NULL.",
		Typed: true, Args: []Arg{{"s", Text, false}}, Result: isBool, Nulls: never,
	}
}

func hasKind(s []byte, kind string) bool {
	got, err := jsonpath.Check(s)
	switch {
	case err != nil:
		return false
	case kind == " SCALAR":
		return got < jsonpath.Array
	case kind == " ARRAY":
		return got == jsonpath.Array
	case kind == " OBJECT":
		return got == jsonpath.Object
	}
	return true
}

// The places of the arguments of JSON_EXISTS, JSON_VALUE and JSON_QUERY.
const (
	jsonText = iota
	jsonPath
	jsonWrapper
	jsonOnEmpty
	jsonEmptyDefault
	jsonOnError
	jsonErrorDefault
	jsonReturning
)

// inferJSON checks the arguments of a function and finds the type that is returned.
func inferJSON(name string) func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	return func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
		t, err := typeOfJSON(name, args)
		return args, t, err
	}
}

func typeOfJSON(name string, args []expr.Expr) (*row.Type, error) {
	if t := args[jsonText].Type(); !t.IsText() {
		return nil, fmt.Errorf("JSON must be text, not %s", t.SQL())
	}
	if _, ok := constantText(args[jsonPath]); !ok || !args[jsonPath].Type().IsText() {
		return nil, errors.New("a path into JSON must be a constant text")
	}
	if name == "JSON_EXISTS" {
		return row.Of(row.Boolean), nil
	}
	t := row.StringType()
	if len(args) > jsonReturning {
		t = args[jsonReturning].Type()
	}
	for _, k := range []int{jsonEmptyDefault, jsonErrorDefault} {
		v, ok := constantValue(args[k])
		if !ok {
			return nil, errors.New("a DEFAULT of JSON_VALUE must be a constant")
		}
		if !v.IsNull(0) && !canDefault(v.Type, t) {
			return nil, fmt.Errorf("a DEFAULT of type %s is no %s, which JSON_VALUE returns", v.Type.Nullable(true), t)
		}
	}
	return t.Nullable(true), checkReturning(name, args, t)
}

// checkReturning checks what JSON_VALUE and JSON_QUERY return.
func checkReturning(name string, args []expr.Expr, t *row.Type) error {
	isArray := t.Kind == row.Array && t.Elem.Kind == row.Varchar
	switch {
	case t.Kind == row.Varchar, name == "JSON_QUERY" && isArray:
	case name == "JSON_VALUE" && (t.Kind == row.Boolean || t.Kind == row.Int || t.Kind == row.Double):
	case name == "JSON_QUERY":
		return fmt.Errorf("JSON_QUERY cannot return %s: it returns STRING or ARRAY<STRING>", t.SQL())
	default:
		return fmt.Errorf("JSON_VALUE cannot return %s: it returns STRING, BOOLEAN, INT or DOUBLE", t.SQL())
	}
	for _, k := range []int{jsonOnEmpty, jsonOnError} {
		if what, _ := constantText(args[k]); isArray && what == "EMPTY OBJECT" {
			return errors.New("EMPTY OBJECT is no array: JSON_QUERY returns ARRAY<STRING>")
		}
	}
	return nil
}

// canDefault reports whether a constant can stand for a value that is returned.
func canDefault(from, to *row.Type) bool {
	switch to.Kind {
	case row.Double:
		return from.IsNumeric()
	case row.Varchar:
		return from.Kind <= row.Double
	}
	return from.Kind == to.Kind
}

// constantValue is the value of a constant: a literal, a cast of one, or a negative one.
func constantValue(x expr.Expr) (v *column.Vector, ok bool) {
	y := x
	for {
		c, isCall := y.(*expr.Call)
		if !isCall {
			break
		}
		if c.Func.Name != "CAST" && c.Func.Name != "unary -" {
			return nil, false
		}
		y = c.Args[0]
	}
	if _, ok := y.(*expr.Literal); !ok {
		return nil, false
	}
	v, err := expr.Compile(x).Eval(&expr.Context{}, &column.Batch{N: 1})
	return v, err == nil
}

// search is a function that looks for a path.
type search struct {
	name             string
	path             *jsonpath.Path
	err              error // of the path
	lax              bool
	wrapper          string
	onEmpty, onError behavior
}

// behavior is what to do without a result.
type behavior struct {
	what  string // ERROR, NULL, DEFAULT, …; empty is NULL
	value *column.Vector
}

var pathMode = regexp.MustCompile(`(?is)^\s*(strict|lax)\s+(.+)$`)

func searchOf(c *expr.Call) *search {
	q := &search{name: c.Func.Name}
	path, _ := constantText(c.Args[jsonPath])
	if m := pathMode.FindStringSubmatch(path); m != nil {
		q.lax, path = strings.EqualFold(m[1], "lax"), m[2]
	}
	q.path, q.err = jsonpath.Compile(path)
	q.wrapper, _ = constantText(c.Args[jsonWrapper])
	of := func(what, value int) behavior {
		b := behavior{}
		b.what, _ = constantText(c.Args[what])
		b.value, _ = constantValue(c.Args[value])
		return b
	}
	q.onEmpty, q.onError = of(jsonOnEmpty, jsonEmptyDefault), of(jsonOnError, jsonErrorDefault)
	return q
}

// find finds the value; nil is JSON's null, or that a lax path finds nothing.
func (q *search) find(f *jsonpath.Finder, s []byte) (*jsonpath.Value, error) {
	if q.err != nil {
		return nil, q.err
	}
	v, err := f.Find(q.path, s)
	switch {
	case err != nil && q.lax:
		return nil, nil
	case err != nil:
		return nil, err
	case v.Kind == jsonpath.Null:
		return nil, nil
	}
	return v, nil
}

// each makes a kernel: found puts a value into row i, or returns an error; without puts what there is
// without one.
func (q *search) each(
	found func(v *jsonpath.Value, i int, out *column.Vector) error, without func(b behavior, i int, out *column.Vector),
) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		var f jsonpath.Finder
		for i := range n {
			if args[jsonText].IsNull(i) {
				putNull(out, i)
				continue
			}
			v, err := q.find(&f, args[jsonText].Bytes(i))
			if err == nil {
				err = found(v, i, out)
			}
			b := q.onError
			switch {
			case err == nil:
				continue
			case err == errEmpty:
				b = q.onEmpty
			}
			if b.what == "ERROR" {
				expr.Fail(i, "%s: %v", q.name, err)
			}
			without(b, i, out)
		}
	}
}

var (
	errEmpty = errors.New("the path leads to nothing")
	errNull  = errors.New("the path leads to null")
)

// putNull makes row i NULL: the next one where values are appended.
func putNull(out *column.Vector, i int) {
	if expr.IsAppended(out.Type) {
		out.AppendNull()
		return
	}
	out.SetNull(i)
}

func jsonExists(c *expr.Call) expr.Kernel {
	q := searchOf(c)
	return q.each(
		func(v *jsonpath.Value, i int, out *column.Vector) error {
			out.Bools[i] = v != nil
			return nil
		},
		func(b behavior, i int, out *column.Vector) {
			out.Bools[i] = b.what == "TRUE"
			if b.what == "UNKNOWN" {
				out.SetNull(i)
			}
		})
}

func jsonValue(c *expr.Call) expr.Kernel {
	q := searchOf(c)
	return q.each(
		func(v *jsonpath.Value, i int, out *column.Vector) error {
			switch {
			case q.lax && (v == nil || !v.IsScalar()):
				return errEmpty
			case v == nil:
				return errNull
			case !v.IsScalar():
				return errors.New("the path leads to an array or an object: use JSON_QUERY")
			}
			return putScalar(out, i, v)
		},
		func(b behavior, i int, out *column.Vector) {
			if b.what != "DEFAULT" || b.value.IsNull(0) {
				putNull(out, i)
				return
			}
			putDefault(out, i, b.value)
		})
}

// putScalar puts a scalar into row i, as the type that is returned.
func putScalar(out *column.Vector, i int, v *jsonpath.Value) (err error) {
	switch out.Type.Kind {
	case row.Boolean:
		if v.Kind == jsonpath.True || v.Kind == jsonpath.False {
			out.Bools[i] = v.Kind == jsonpath.True
			return nil
		}
	case row.Int:
		if n, err := strconv.ParseInt(v.Text, 10, 32); err == nil && v.Kind == jsonpath.Number {
			out.I32[i] = int32(n)
			return nil
		}
	case row.Double:
		if f, err := strconv.ParseFloat(v.Text, 64); err == nil && v.Kind == jsonpath.Number {
			out.F64[i] = f
			return nil
		}
	default:
		out.Data = append(out.Data, cutTo(v.ScalarText(), out.Type)...)
		out.EndBytes()
		return nil
	}
	return fmt.Errorf("the value %s is no %s", v.ScalarText(), out.Type.Kind)
}

// cutTo cuts a text to the length of its type.
func cutTo(s string, t *row.Type) string {
	if t.Length == row.MaxLength {
		return s
	}
	return s[:cut([]byte(s), t.Length)]
}

// putDefault puts a DEFAULT into row i.
func putDefault(out *column.Vector, i int, v *column.Vector) {
	switch out.Type.Kind {
	case row.Boolean:
		out.Bools[i] = v.Bools[0]
	case row.Int:
		out.I32[i] = v.I32[0]
	case row.Double:
		f, _ := strconv.ParseFloat(javaText(v, 0), 64)
		out.F64[i] = f
	default:
		out.AppendString(cutTo(javaText(v, 0), out.Type))
	}
}

func jsonQuery(c *expr.Call) expr.Kernel {
	q := searchOf(c)
	return q.each(
		func(v *jsonpath.Value, _ int, out *column.Vector) error {
			if v != nil && (q.wrapper == "UNCONDITIONAL" || q.wrapper == "CONDITIONAL" && v.Kind != jsonpath.Array) {
				v = &jsonpath.Value{Kind: jsonpath.Array, Items: []*jsonpath.Value{v}}
			}
			switch {
			case q.lax && (v == nil || v.IsScalar()):
				return errEmpty
			case v == nil:
				return errNull
			case v.IsScalar():
				return errors.New("the path leads to a scalar: use JSON_VALUE, or WITH WRAPPER")
			}
			return putFragment(out, v)
		},
		func(b behavior, _ int, out *column.Vector) {
			switch {
			case b.what == "EMPTY ARRAY" && out.Type.Kind == row.Array:
				out.EndList()
			case b.what == "EMPTY ARRAY":
				out.AppendString("[]")
			case b.what == "EMPTY OBJECT":
				out.AppendString("{}")
			default:
				out.AppendNull()
			}
		})
}

// putFragment appends an array or an object, or the items of an array.
func putFragment(out *column.Vector, v *jsonpath.Value) error {
	if out.Type.Kind != row.Array {
		from := len(out.Data)
		out.Data = jsonpath.Append(out.Data, v)
		if out.Type.Length != row.MaxLength {
			out.Data = out.Data[:from+cut(out.Data[from:], out.Type.Length)]
		}
		out.EndBytes()
		return nil
	}
	if v.Kind != jsonpath.Array {
		return errors.New("the path leads to an object, not to an array")
	}
	for _, x := range v.Items {
		switch {
		case x.Kind == jsonpath.Null:
			out.Children[0].AppendNull()
		case x.IsScalar():
			out.Children[0].AppendString(x.ScalarText())
		default:
			out.Children[0].AppendBytes(jsonpath.Append(nil, x))
		}
	}
	out.EndList()
	return nil
}
