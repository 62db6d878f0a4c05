package sql

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/gotype"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Null is a value, or NULL where Valid is false.
type Null[T any] struct {
	V     T
	Valid bool
}

// IsNullable marks the type for package gotype.
func (Null[T]) IsNullable() {}

// Function is a function in Go that statements can call.
type Function interface {
	register(f *functions) error
}

// Functions adds functions to a session. It panics if one cannot be: its types have no SQL types, or its name is
// taken.
func Functions(fs ...Function) Option {
	return func(s *Session) {
		for _, f := range fs {
			if err := f.register(s.functions); err != nil {
				panic(err)
			}
		}
	}
}

// ScalarOption says more of a scalar function.
type ScalarOption func(d *builtin.Def)

// Volatile says that a function gives another result each time: it is computed for each row at
// each place of a query, and never beforehand. Other functions may be computed once for all places with the same arguments.
func Volatile() ScalarOption { return func(d *builtin.Def) { d.Volatile = true } }

// Scalar is a function that gives a value for the values of its arguments: func(A, B, …) R or func(A, B, …) (R, error).
// Arguments and result have the types of package doc; where an argument that is no pointer is NULL the result is NULL,
// and f is not called. f is called by several goroutines.
func Scalar(name string, f any, options ...ScalarOption) Function { return scalar{name, f, options} }

type scalar struct {
	name    string
	f       any
	options []ScalarOption
}

func (s scalar) register(fs *functions) error {
	v := reflect.ValueOf(s.f)
	if v.Kind() != reflect.Func || v.Type().IsVariadic() || v.Type().NumOut() < 1 || v.Type().NumOut() > 2 {
		return fmt.Errorf("sql.Scalar(%q): it takes a function that returns a value, or a value and an error", s.name)
	}
	t := v.Type()
	hasError := t.NumOut() == 2
	if hasError && t.Out(1) != reflect.TypeFor[error]() {
		return fmt.Errorf("sql.Scalar(%q): the second result is an error", s.name)
	}
	args, err := argumentTypes(t, 0)
	if err != nil {
		return fmt.Errorf("sql.Scalar(%q): %w", s.name, err)
	}
	result, err := gotype.TypeOf(t.Out(0))
	if err != nil {
		return fmt.Errorf("sql.Scalar(%q): %w", s.name, err)
	}
	write, err := gotype.NewWriter(t.Out(0))
	if err != nil {
		return fmt.Errorf("sql.Scalar(%q): %w", s.name, err)
	}
	d := &builtin.Def{Family: "user", Func: expr.Func{Name: s.name}}
	d.Infer = func(xs []expr.Expr) ([]expr.Expr, *row.Type, error) {
		xs, strict, err := castArguments(s.name, xs, args)
		return xs, result.Nullable(!result.NotNull || strict), err
	}
	d.Compile = func(call *expr.Call) expr.Kernel {
		read, err := argumentReaders(t, 0, call.Args)
		if err != nil {
			panic(err) // the types were checked
		}
		return func(_ *expr.Context, n int, in []*column.Vector, out *column.Vector) {
			out.Reset()
			values := newValues(t, 0)
			for i := range n {
				if !read(in, i, values) {
					out.AppendNull()
					continue
				}
				results := v.Call(values)
				if hasError && !results[1].IsNil() {
					expr.Fail(i, "%s: %v", s.name, results[1].Interface())
				}
				write(results[0], out)
			}
		}
	}
	for _, o := range s.options {
		o(d)
	}
	return fs.add(s.name, func(key string) { fs.scalars[key] = d })
}

// argumentTypes are the SQL types of a function's arguments from one on.
func argumentTypes(t reflect.Type, from int) ([]*row.Type, error) {
	var types []*row.Type
	for i := from; i < t.NumIn(); i++ {
		x, err := gotype.TypeOf(t.In(i))
		if err != nil {
			return nil, err
		}
		types = append(types, x)
	}
	return types, nil
}

// castArguments casts arguments to the types that a function takes. strict says that one may be NULL that the function
// does not take as NULL.
func castArguments(name string, xs []expr.Expr, args []*row.Type) (out []expr.Expr, strict bool, err error) {
	if len(xs) != len(args) {
		return nil, false, fmt.Errorf("%s takes %d arguments, not %d", name, len(args), len(xs))
	}
	for i, x := range xs {
		from := x.Type()
		if !from.NotNull && args[i].NotNull {
			strict = true
		}
		if from.Plain().Same(args[i]) {
			out = append(out, x)
			continue
		}
		if from.Kind != row.Null && !builtin.Stores(from, args[i].Nullable(true)) {
			return nil, false, fmt.Errorf("argument %d of %s is %s, not %s; CAST it", i+1, name, args[i].Nullable(true), from.Nullable(true))
		}
		y, err := builtin.Cast(x.Extent(), x, args[i].Nullable(!from.NotNull), false)
		if err != nil {
			return nil, false, err
		}
		out = append(out, y)
	}
	return out, strict, nil
}

// argumentReaders reads the arguments of a call into values, false where one is NULL that cannot be.
func argumentReaders(t reflect.Type, from int, xs []expr.Expr) (func(in []*column.Vector, i int, to []reflect.Value) bool, error) {
	readers := make([]gotype.Reader, len(xs))
	for k, x := range xs {
		r, err := gotype.NewReader(t.In(from+k), x.Type())
		if err != nil {
			return nil, err
		}
		readers[k] = r
	}
	return func(in []*column.Vector, i int, to []reflect.Value) bool {
		for k, r := range readers {
			if r(in[k], i, to[from+k]) != nil {
				return false
			}
		}
		return true
	}, nil
}

// newValues are settable values of a function's arguments.
func newValues(t reflect.Type, from int) []reflect.Value {
	values := make([]reflect.Value, t.NumIn())
	for i := range values {
		if i >= from {
			values[i] = reflect.New(t.In(i)).Elem()
		}
	}
	return values
}

// Table is a function that gives rows: func(A, B, …, emit func(R)). R is a struct, whose fields are the columns, or one
// value, whose column is named by names. Where an argument that is no pointer is NULL it gives none.
func Table(name string, f any, names ...string) Function { return tableFunction{name, f, names} }

type tableFunction struct {
	name  string
	f     any
	names []string
}

func (s tableFunction) register(fs *functions) error {
	bad := func(err error) error { return fmt.Errorf("sql.Table(%q): %w", s.name, err) }
	v := reflect.ValueOf(s.f)
	if v.Kind() != reflect.Func || v.Type().NumIn() < 1 || v.Type().NumOut() != 0 {
		return bad(fmt.Errorf("it takes a function whose last argument is emit func(R), without results"))
	}
	t := v.Type()
	last := t.NumIn() - 1
	emit := t.In(last)
	if emit.Kind() != reflect.Func || emit.NumIn() != 1 || emit.NumOut() != 0 {
		return bad(fmt.Errorf("its last argument is emit func(R)"))
	}
	var args []*row.Type
	for i := range last {
		x, err := gotype.TypeOf(t.In(i))
		if err != nil {
			return bad(err)
		}
		args = append(args, x)
	}
	cols, err := resultColumns(emit.In(0), s.names)
	if err != nil {
		return bad(err)
	}
	write, err := gotype.NewRowWriter(emit.In(0))
	if err != nil {
		return bad(err)
	}
	f := &logical.TableFunc{Name: s.name}
	f.Infer = func(xs []expr.Expr) ([]expr.Expr, []row.Field, error) {
		xs, _, err := castArguments(s.name, xs, args)
		return xs, cols, err
	}
	f.New = func(types []*row.Type, _ []row.Field) logical.Table {
		xs := make([]expr.Expr, len(types))
		for i, x := range types {
			xs[i] = &expr.Input{Index: i, T: x}
		}
		read, err := argumentReaders(t, 0, xs)
		if err != nil {
			panic(err) // the types were checked
		}
		return &goTable{f: v, read: read, write: write, values: newValues(t, 0), emit: emit}
	}
	return fs.add(s.name, func(key string) { fs.tables[key] = f })
}

// resultColumns are the columns of a table function's rows.
func resultColumns(t reflect.Type, names []string) ([]row.Field, error) {
	var cols []row.Field
	if t.Kind() == reflect.Struct {
		if fields, err := gotype.Fields(t); err == nil {
			for _, f := range fields {
				cols = append(cols, row.Field{Name: f.Name, Type: f.Type})
			}
		}
	}
	if cols == nil {
		x, err := gotype.TypeOf(t)
		if err != nil {
			return nil, err
		}
		cols = []row.Field{{Name: "f0", Type: x}}
	}
	if len(names) > 0 && len(names) != len(cols) {
		return nil, fmt.Errorf("there are names for %d columns, and %d columns", len(names), len(cols))
	}
	for i, n := range names {
		cols[i].Name = n
	}
	return cols, nil
}

type goTable struct {
	f      reflect.Value
	read   func(in []*column.Vector, i int, to []reflect.Value) bool
	write  gotype.RowWriter
	values []reflect.Value
	emit   reflect.Type
}

func (g *goTable) Append(args []*column.Vector, i int, out []*column.Vector) int {
	if !g.read(args, i, g.values) {
		return 0
	}
	n := 0
	g.values[len(g.values)-1] = reflect.MakeFunc(g.emit, func(in []reflect.Value) []reflect.Value {
		g.write(in[0], out)
		n++
		return nil
	})
	g.f.Call(g.values)
	return n
}

// add registers a function under a name that is free.
func (f *functions) add(name string, put func(key string)) error {
	key := strings.ToUpper(name)
	if f.scalars[key] != nil || f.aggregates[key] != nil || f.tables[key] != nil {
		return fmt.Errorf("there is a function %s already", name)
	}
	if name == "" || strings.ContainsAny(name, " .`") {
		return fmt.Errorf("%q is no name of a function", name)
	}
	put(key)
	return nil
}
