package sql

import (
	"fmt"
	"reflect"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/gotype"
)

// AggregateFunction is a function that gives a value for the rows of a group, by a state of type S. A group without rows
// has the zero value. States are kept encoded, so S has exported fields. The functions are called by several
// goroutines.
type AggregateFunction[S any] struct {
	// Add adds a row: func(s *S, a A, b B, …), with an error as its result or without one. Arguments have the types of
	// package doc; rows in which one is NULL that is no pointer are left out.
	Add any
	// Retract takes a row away that was added, as Add adds it. Without it the function cannot be used on rows that
	// change.
	Retract any
	// Merge adds the rows of another state. It may be nil; sessions need it.
	Merge func(s, other *S)
	// Value is the value of a state: func(s *S) R, or func(s *S) (R, error).
	Value any
}

// Aggregate is an aggregate function in Go.
func Aggregate[S any](name string, f AggregateFunction[S]) Function {
	return aggregateFunction[S]{name, f}
}

type aggregateFunction[S any] struct {
	name string
	f    AggregateFunction[S]
}

var errorType = reflect.TypeFor[error]()

func (s aggregateFunction[S]) register(fs *functions) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("sql.Aggregate(%q): %w", s.name, fmt.Errorf(format, args...))
	}
	c, err := codec.For[S](nil)
	if err != nil {
		return bad("the state cannot be kept: %w", err)
	}
	add, value := reflect.ValueOf(s.f.Add), reflect.ValueOf(s.f.Value)
	state := reflect.TypeFor[*S]()
	if !takesState(add, state) || !returns(add.Type(), 0) {
		return bad("Add is func(s %s, a A, …), with an error as its result or without one", state)
	}
	if !takesState(value, state) || value.Type().NumIn() != 1 || !returns(value.Type(), 1) {
		return bad("Value is func(s %s) R, or func(s %s) (R, error)", state, state)
	}
	if s.f.Retract != nil && reflect.TypeOf(s.f.Retract) != add.Type() {
		return bad("Retract is of another type than Add")
	}
	args, err := argumentTypes(add.Type(), 1)
	if err != nil {
		return bad("%w", err)
	}
	result, err := gotype.TypeOf(value.Type().Out(0))
	if err != nil {
		return bad("%w", err)
	}
	write, err := gotype.NewWriter(value.Type().Out(0))
	if err != nil {
		return bad("%w", err)
	}
	f := &agg.Func{
		Name: s.name, Least: len(args), Most: len(args), NeverNull: result.NotNull, AlwaysNull: !result.NotNull,
		Retracts: s.f.Retract != nil, Merges: s.f.Merge != nil,
	}
	f.Result = func(xs []expr.Expr) (*row.Type, error) {
		cast, _, err := castArguments(s.name, xs, args)
		copy(xs, cast)
		return result, err
	}
	f.Custom = func(types []*row.Type) agg.Custom {
		xs := make([]expr.Expr, len(types))
		for i, t := range types {
			xs[i] = &expr.Input{Index: i, T: t}
		}
		read, err := argumentReaders(add.Type(), 1, xs)
		if err != nil {
			panic(err) // the types were checked
		}
		g := &goAggregate[S]{
			name: s.name, codec: c, add: add, value: value, merge: s.f.Merge, read: read, write: write,
			values: newValues(add.Type(), 1), state: new(S),
		}
		if s.f.Retract != nil {
			g.retract = reflect.ValueOf(s.f.Retract)
		}
		g.values[0] = reflect.ValueOf(g.state)
		return g
	}
	return fs.add(s.name, func(key string) { fs.aggregates[key] = f })
}

// takesState reports whether f is a function whose first argument is a state.
func takesState(f reflect.Value, state reflect.Type) bool {
	return f.Kind() == reflect.Func && !f.Type().IsVariadic() && f.Type().NumIn() > 0 && f.Type().In(0) == state
}

// returns reports whether a function has n results, or n and an error.
func returns(t reflect.Type, n int) bool {
	return t.NumOut() == n && (n == 0 || t.Out(0) != errorType) || t.NumOut() == n+1 && t.Out(n) == errorType
}

// goAggregate computes an aggregate function in Go.
type goAggregate[S any] struct {
	name                string
	codec               *codec.Codec[S]
	add, retract, value reflect.Value
	merge               func(s, other *S)
	read                func(in []*column.Vector, i int, to []reflect.Value) bool
	write               gotype.Writer
	values              []reflect.Value // arguments, of which the first is the state
	state               *S
}

func (g *goAggregate[S]) Add(state []byte, args []*column.Vector, place int) []byte {
	return g.change(g.add, state, args, place)
}

func (g *goAggregate[S]) Retract(state []byte, args []*column.Vector, place int) []byte {
	return g.change(g.retract, state, args, place)
}

func (g *goAggregate[S]) change(f reflect.Value, state []byte, args []*column.Vector, place int) []byte {
	if !g.read(args, place, g.values) {
		return state
	}
	g.decode(state, g.state)
	g.check(f.Call(g.values), 0)
	return g.codec.Append(state[:0], g.state)
}

// check fails where a function has returned an error behind n results.
func (g *goAggregate[S]) check(results []reflect.Value, n int) {
	if len(results) > n && !results[n].IsNil() {
		expr.Fail(-1, "%s: %v", g.name, results[n].Interface())
	}
}

func (g *goAggregate[S]) decode(state []byte, to *S) {
	var zero S
	*to = zero
	if len(state) == 0 {
		return
	}
	if _, err := g.codec.Decode(state, to); err != nil {
		panic(err) // what was encoded here
	}
}

func (g *goAggregate[S]) Merge(state, other []byte) []byte {
	var o S
	g.decode(state, g.state)
	g.decode(other, &o)
	g.merge(g.state, &o)
	return g.codec.Append(state[:0], g.state)
}

func (g *goAggregate[S]) Append(state []byte, out *column.Vector) {
	g.decode(state, g.state)
	results := g.value.Call(g.values[:1])
	g.check(results, 1)
	g.write(results[0], out)
}
