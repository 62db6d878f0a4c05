package opjson

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Types that are written in a way of their own, or not at all.
var (
	typeType      = reflect.TypeFor[*row.Type]()
	exprType      = reflect.TypeFor[expr.Expr]()
	literalType   = reflect.TypeFor[*expr.Literal]()
	aggregateType = reflect.TypeFor[*agg.Func]()
	tableType     = reflect.TypeFor[*logical.TableFunc]()
	left          = map[reflect.Type]bool{
		reflect.TypeFor[ast.Span](): true, reflect.TypeFor[exec.Session](): true, reflect.TypeFor[*catalog.Table](): true,
	}
)

// Encode makes a tree of a description: an operator, or a struct of what they are made of.
func Encode(x any) (tree any, err error) {
	defer catch(&err)
	return (&encoder{}).any(x), nil
}

// Canonical is what an operator computes, without the names of columns. Where column is not nil it names the columns that
// expressions read. With state only what state depends on counts: how long it is kept does not, but whether it expires does,
// and of a calculation the expressions do, but not what else its input has.
func Canonical(x any, column func(i int) string, state bool) (text []byte, err error) {
	defer catch(&err)
	return Print((&encoder{canonical: true, column: column, state: state}).any(x)), nil
}

// problem is an error on its way out of the recursion.
type problem struct{ err error }

func fail(format string, args ...any) { panic(problem{fmt.Errorf(format, args...)}) }

func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case problem:
		*err = r.err
	default:
		panic(r)
	}
}

type encoder struct {
	canonical, state bool
	column           func(i int) string
}

func (e *encoder) any(x any) any {
	v := reflect.ValueOf(x)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return e.value(v)
	}
	fields, _ := e.value(v).(Object)
	if _, isOp := x.(exec.Op); isOp || v.Type().Elem() == reflect.TypeFor[exec.Values]() {
		name, err := typeName(v.Type().Elem())
		if err != nil {
			fail("%w", err)
		}
		return append(Object{{"type", name}}, fields...)
	}
	return fields
}

func (e *encoder) value(v reflect.Value) any {
	t := v.Type()
	if k := v.Kind(); (k == reflect.Pointer || k == reflect.Interface) && v.IsNil() { // in a list
		return nil
	}
	if form, ok := texts[t]; ok {
		if e.state && t == reflect.TypeFor[time.Duration]() {
			return true
		}
		return form.write(v)
	}
	switch t {
	case typeType:
		t := v.Interface().(*row.Type).WithoutOrigin()
		if text := shortType(t); text != "" {
			return text
		}
		v = reflect.ValueOf(t)
	case exprType, literalType:
		return e.expr(v.Interface().(expr.Expr))
	case aggregateType:
		f := v.Interface().(*agg.Func)
		return named(f.Name, agg.Lookup(f.Name) == f)
	case tableType:
		f := v.Interface().(*logical.TableFunc)
		return named(f.Name, logical.BuiltinTable(f.Name) != nil)
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int64, reflect.Int32:
		return v.Int()
	case reflect.Uint64:
		return v.Uint()
	case reflect.String:
		return v.String()
	case reflect.Pointer:
		return e.value(v.Elem())
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = e.value(v.Index(i))
		}
		return list
	case reflect.Map:
		fields := Object{}
		for _, k := range sortedKeys(v) {
			fields = append(fields, Member{k, e.value(v.MapIndex(reflect.ValueOf(k)))})
		}
		return fields
	case reflect.Struct:
		return e.fields(Object{}, v)
	}
	fail("a value of type %s cannot be written", t)
	return nil
}

// fields appends the fields of a struct, those of embedded ones too.
func (e *encoder) fields(to Object, v reflect.Value) Object {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported() || left[f.Type] || f.Type.Kind() == reflect.Func || v.Field(i).IsZero() || e.canonical && e.isName(t, f.Name):
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			to = e.fields(to, v.Field(i))
		default:
			to = append(to, Member{fieldName(f.Name), e.value(v.Field(i))})
		}
	}
	return to
}

// isName reports whether a field has no influence on what is computed.
func (e *encoder) isName(t reflect.Type, field string) bool {
	switch t {
	case reflect.TypeFor[row.Field]():
		return field == "Name" || field == "Comment"
	case reflect.TypeFor[agg.Call]():
		return field == "Name"
	}
	return e.state && (field == "Before" || field == "EachRow" || t == reflect.TypeFor[exec.Calc]() && field == "In")
}

// fieldName is a field in JSON: leftKeys of LeftKeys, ttl of TTL.
func fieldName(s string) string {
	if strings.ToUpper(s) == s {
		return strings.ToLower(s)
	}
	return string(unicode.ToLower(rune(s[0]))) + s[1:]
}

// named is a function: its name, in an object for one of the program.
func named(name string, isBuiltin bool) any {
	if isBuiltin {
		return name
	}
	return Object{{"user", name}}
}

func (e *encoder) expr(x expr.Expr) any {
	switch x := x.(type) {
	case *expr.Input:
		if e.canonical {
			if e.column != nil && x.T.Kind == row.Row {
				return Object{{"column", e.column(x.Index)}} // whose fields may be those that others read too
			}
			if e.column != nil {
				return Object{{"column", e.column(x.Index)}, {"type", e.value(reflect.ValueOf(x.T))}}
			}
			return Object{{"column", x.Index}, {"type", e.value(reflect.ValueOf(x.T))}}
		}
		return Object{{"column", x.Index}, {"name", x.Name}, {"type", e.value(reflect.ValueOf(x.T))}}
	case *expr.Literal:
		return Object{{"literal", literal(x)}, {"type", e.value(reflect.ValueOf(x.Type()))}}
	case *expr.Call:
		args := make([]any, len(x.Args))
		for i, a := range x.Args {
			args[i] = e.expr(a)
		}
		if field, ok := fieldOf(x); ok && e.canonical {
			return Object{{"field", field}, {"args", args}, {"type", e.value(reflect.ValueOf(x.T))}}
		}
		d := builtin.Lookup(x.Func.Name)
		isBuiltin := d != nil && &d.Func == x.Func
		if !isBuiltin && d == nil {
			isBuiltin = builtin.Named(x.Func.Name, x.Args, x.T) != nil
		}
		return Object{{"call", named(x.Func.Name, isBuiltin)}, {"args", args}, {"type", e.value(reflect.ValueOf(x.T))}}
	}
	fail("an expression of type %T cannot be written", x)
	return nil
}

// fieldOf is the name of the field that a call takes of a row.
func fieldOf(x *expr.Call) (string, bool) {
	n, ok := strings.CutPrefix(x.Func.Name, "FIELD ")
	i, err := strconv.Atoi(n)
	if !ok || err != nil {
		return "", false
	}
	return x.Args[0].Type().Fields[i-1].Name, true
}

// literal is a value: a boolean, a number or a text, or else its bytes.
func literal(l *expr.Literal) any {
	v, t := l.Value, l.Type()
	switch {
	case l.IsNull():
		return nil
	case t.Kind == row.Boolean:
		return v.Bools[0]
	case t.Kind == row.BigInt:
		return v.I64[0]
	case t.IsInteger():
		return v.I32[0]
	case isText(t) && utf8.Valid(v.Bytes(0)):
		return string(v.Bytes(0))
	}
	bytes := colcodec.NewLayout([]*row.Type{t.Plain()}).Append(nil, []*column.Vector{v}, 0)
	return Object{{"bytes", base64.StdEncoding.EncodeToString(bytes)}}
}

func isText(t *row.Type) bool { return t.IsText() || t.Kind == row.Raw && t.Class == "symbol" }
