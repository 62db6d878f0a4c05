package opjson

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Functions are those of the program, by name; nil for one that is not there.
type Functions interface {
	Scalar(name string) *builtin.Def
	Aggregate(name string) *agg.Func
	Table(name string) *logical.TableFunc
}

// Decoder reads descriptions.
type Decoder struct {
	Functions Functions
	// Zone is the session's time zone, which operators get.
	Zone *time.Location

	columns int // as many does the operator at work read of its input
}

// columns is how many columns the inputs of an operator have together.
func columns(op reflect.Value) (n int) {
	for _, name := range []string{"In", "Left", "Right"} {
		if f := op.FieldByName(name); f.IsValid() {
			n += f.Len()
		}
	}
	return n
}

// Op reads an operator. The tree is what encoding/json reads, with json.Number.
func (d *Decoder) Op(tree any) (op any, err error) {
	defer catch(&err)
	m, ok := tree.(map[string]any)
	if !ok {
		fail("an operator is an object, not %s", show(tree))
	}
	name, _ := m["type"].(string)
	t := Types[name]
	if t == nil {
		fail("there is no operator of the type %s: the plan is of a later release, or damaged", show(m["type"]))
	}
	v := reflect.New(t)
	fields := maps.Clone(m)
	delete(fields, "type")
	d.columns = 0
	d.fields(v.Elem(), fields, name)
	if has := columns(v.Elem()); d.columns > has {
		fail("%s reads column %d, and has %d", name, d.columns-1, has)
	}
	if s := v.Elem().FieldByName("Session"); s.IsValid() {
		s.Set(reflect.ValueOf(exec.Session{Zone: d.Zone}))
	}
	return v.Interface(), nil
}

// Struct reads a struct that Encode has written into what to points at.
func (d *Decoder) Struct(tree, to any) (err error) {
	defer catch(&err)
	d.value(reflect.ValueOf(to).Elem(), tree, "it")
	return nil
}

// fields reads the members of an object into a struct. Each must be a field.
func (d *Decoder) fields(v reflect.Value, m map[string]any, path string) {
	known := map[string]reflect.Value{}
	collect(v, known)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		f, ok := known[key]
		if !ok {
			fail("%s has no field %s: the plan is of a later release, or damaged", path, key)
		}
		d.value(f, m[key], path+"."+key)
	}
}

// collect finds the fields of a struct, those of embedded ones too, by their names in JSON.
func collect(v reflect.Value, to map[string]reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported() || left[f.Type] || f.Type.Kind() == reflect.Func:
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			collect(v.Field(i), to)
		default:
			to[fieldName(f.Name)] = v.Field(i)
		}
	}
}

func (d *Decoder) value(v reflect.Value, tree any, path string) {
	t := v.Type()
	if k := v.Kind(); (k == reflect.Pointer || k == reflect.Interface) && tree == nil {
		return
	}
	if form, ok := texts[t]; ok {
		if s, ok := tree.(string); !ok || !form.read(s, v) {
			fail("%s is %s, which is no %s", path, show(tree), t.Name())
		}
		return
	}
	switch t {
	case typeType:
		if text, ok := tree.(string); ok {
			short := readShortType(text)
			if short == nil {
				fail("%s is %s, which is no type", path, show(tree))
			}
			v.Set(reflect.ValueOf(short))
			return
		}
	case exprType, literalType:
		x := reflect.ValueOf(d.expr(tree, path))
		if !x.Type().AssignableTo(t) {
			fail("%s is no literal", path)
		}
		v.Set(x)
		return
	case aggregateType:
		v.Set(reflect.ValueOf(function(tree, path, "aggregate", agg.Lookup, func(n string) *agg.Func { return d.Functions.Aggregate(n) })))
		return
	case tableType:
		v.Set(reflect.ValueOf(function(tree, path, "table", logical.BuiltinTable, func(n string) *logical.TableFunc { return d.Functions.Table(n) })))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(as[bool](tree, path))
	case reflect.Int, reflect.Int64, reflect.Int32:
		n := integer(tree, path)
		if v.OverflowInt(n) {
			fail("%s is too large: %d", path, n)
		}
		v.SetInt(n)
	case reflect.Uint64:
		n, err := strconv.ParseUint(as[json.Number](tree, path).String(), 10, 64)
		if err != nil {
			fail("%s is %s, which is no whole number", path, show(tree))
		}
		v.SetUint(n)
	case reflect.String:
		v.SetString(as[string](tree, path))
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		d.value(v.Elem(), tree, path)
	case reflect.Slice:
		list := as[[]any](tree, path)
		v.Set(reflect.MakeSlice(t, len(list), len(list)))
		for i, x := range list {
			d.value(v.Index(i), x, fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		for k, x := range as[map[string]any](tree, path) {
			item := reflect.New(t.Elem()).Elem()
			d.value(item, x, path+"."+k)
			v.SetMapIndex(reflect.ValueOf(k), item)
		}
	case reflect.Struct:
		d.fields(v, as[map[string]any](tree, path), path)
	default:
		fail("%s is of a type that cannot be read: %s", path, t)
	}
}

// as is a value of a JSON type.
func as[T any](tree any, path string) T {
	x, ok := tree.(T)
	if !ok {
		fail("%s is %s, which is no %s", path, show(tree), jsonName(x))
	}
	return x
}

// jsonName is what a value of a type is called.
func jsonName(x any) string {
	switch x.(type) {
	case bool:
		return "truth value"
	case string:
		return "text"
	case json.Number:
		return "number"
	case []any:
		return "list"
	}
	return "object"
}

func integer(tree any, path string) int64 {
	n, err := as[json.Number](tree, path).Int64()
	if err != nil {
		fail("%s is %s, which is no whole number", path, show(tree))
	}
	return n
}

// show is a value in a message.
func show(tree any) string {
	text, err := json.Marshal(tree)
	if err != nil || tree == nil {
		return "missing"
	}
	if len(text) > 60 {
		return string(text[:57]) + "…"
	}
	return string(text)
}

// MissingFunctionError is about a function of the program that the session does not have.
type MissingFunctionError struct{ Kind, Name string }

func (e *MissingFunctionError) Error() string {
	return fmt.Sprintf("the plan calls the %s function %s, which the session does not have", e.Kind, e.Name)
}

// function finds a function by what named has made of it.
func function[F any](tree any, path, kind string, builtins, users func(name string) *F) *F {
	if name, ok := tree.(string); ok {
		if f := builtins(name); f != nil {
			return f
		}
		fail("%s: there is no %s function %s: the plan is of a later release, or damaged", path, kind, name)
	}
	m, _ := tree.(map[string]any)
	name, ok := m["user"].(string)
	if !ok || len(m) != 1 {
		fail("%s is %s, which is no function", path, show(tree))
	}
	f := users(name)
	if f == nil {
		panic(problem{&MissingFunctionError{kind, name}})
	}
	return f
}

func (d *Decoder) expr(tree any, path string) expr.Expr {
	m := as[map[string]any](tree, path)
	var t *row.Type
	d.value(reflect.ValueOf(&t).Elem(), m["type"], path+".type")
	if t == nil || !isComplete(t) {
		fail("%s.type is %s, which is no type", path, show(m["type"]))
	}
	known := 2
	var x expr.Expr
	switch {
	case m["column"] != nil:
		known = 3
		in := &expr.Input{Index: int(integer(m["column"], path+".column")), Name: as[string](m["name"], path+".name"), T: t}
		if in.Index < 0 {
			fail("%s is column %d", path, in.Index)
		}
		d.columns = max(d.columns, in.Index+1)
		x = in
	case m["call"] != nil:
		known = 3
		x = d.call(m, t, path)
	default:
		value, ok := m["literal"]
		if !ok {
			fail("%s is neither a column, a literal nor a call", path)
		}
		x = readLiteral(value, t, path)
	}
	if len(m) != known {
		fail("%s has fields that are not known: the plan is of a later release, or damaged", path)
	}
	return x
}

// isComplete reports whether a type has the parts that its kind has.
func isComplete(t *row.Type) bool {
	switch t.Kind {
	case row.Array, row.Multiset:
		return t.Elem != nil && isComplete(t.Elem)
	case row.Map:
		return t.Elem != nil && t.Key != nil && isComplete(t.Elem) && isComplete(t.Key)
	case row.Row:
		return !slices.ContainsFunc(t.Fields, func(f row.Field) bool { return f.Type == nil || !isComplete(f.Type) })
	}
	return true
}

func (d *Decoder) call(m map[string]any, t *row.Type, path string) *expr.Call {
	c := &expr.Call{T: t}
	for i, a := range as[[]any](m["args"], path+".args") {
		c.Args = append(c.Args, d.expr(a, fmt.Sprintf("%s.args[%d]", path, i)))
	}
	c.Func = function(m["call"], path, "scalar", func(name string) *expr.Func { return builtin.Named(name, c.Args, t) }, func(name string) *expr.Func {
		if f := d.Functions.Scalar(name); f != nil {
			return &f.Func
		}
		return nil
	})
	return c
}

// readLiteral reads what literal has written.
func readLiteral(tree any, t *row.Type, path string) *expr.Literal {
	v := column.New(t)
	switch x := tree.(type) {
	case nil:
		v.AppendNull()
	case bool:
		must(t.Kind == row.Boolean, path, t)
		v.AppendBool(x)
	case string:
		must(isText(t), path, t)
		v.AppendString(x)
	case json.Number:
		must(t.IsInteger(), path, t)
		n := integer(x, path)
		if t.Kind == row.BigInt {
			v.AppendI64(n)
			break
		}
		must(n >= math.MinInt32 && n <= math.MaxInt32, path, t)
		v.AppendI32(int32(n))
	case map[string]any:
		text, _ := x["bytes"].(string)
		bytes, err := base64.StdEncoding.DecodeString(text)
		if err == nil {
			bytes, err = colcodec.NewLayout([]*row.Type{t.Plain()}).Decode(bytes, []*column.Vector{v})
		}
		must(err == nil && len(bytes) == 0 && len(x) == 1, path, t)
	default:
		must(false, path, t)
	}
	return &expr.Literal{Value: v}
}

func must(ok bool, path string, t *row.Type) {
	if !ok {
		fail("%s is no value of the type %s", path, t)
	}
}

// sortedKeys are the keys of a map with texts as keys.
func sortedKeys(v reflect.Value) []string {
	keys := make([]string, 0, v.Len())
	for _, k := range v.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}
