package builtin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Def is a function of SQL.
type Def struct {
	expr.Func
	// Aliases are other names of it.
	Aliases []string
	// Family is the part of the documentation that it belongs to.
	Family string
	Doc    string // what it does, in a sentence
	// Args are what it takes. Those that may be left out come last. With Variadic the last one may come
	// more often than once.
	Args     []Arg
	Variadic bool
	// Result is the type of the result; the binder makes it NOT NULL where the function is strict and no argument takes
	// NULL, unless Nullable says that it can be NULL all the same.
	Result   func(args []expr.Expr) *row.Type
	Nullable bool
	// Nulls takes the place of that rule: it reports whether the result can be NULL.
	Nulls func(args []expr.Expr) bool
	// Infer takes the place of Args, Result and Check where they say too little: it returns the arguments, with
	// the casts that they need, and the type of the result.
	Infer func(args []expr.Expr) ([]expr.Expr, *row.Type, error)
	// Typed functions do not take a bare NULL, whose type is not known.
	Typed bool
	// Check looks at what the types of the arguments do not say; it may be nil.
	Check func(args []expr.Expr) error
}

// Arg is an argument.
type Arg struct {
	Name     string
	Accepts  Class
	Optional bool
}

// Class is a set of types that an argument can have.
type Class struct {
	// Text is the class in a message: <CHARACTER>.
	Text string
	// Has reports whether the class has a type.
	Has func(t *row.Type) bool
	// To is what values of the class are cast to, nil if they stay as they are.
	To func(t *row.Type) *row.Type
}

func stay(*row.Type) *row.Type { return nil }

func to(want *row.Type) func(t *row.Type) *row.Type {
	return func(t *row.Type) *row.Type {
		if t.Kind == want.Kind && t.Length == want.Length && t.Precision == want.Precision {
			return nil
		}
		return want.Nullable(!t.NotNull)
	}
}

// Classes of types.
var (
	Any     = Class{"<ANY>", func(*row.Type) bool { return true }, stay}
	Text    = Class{"<CHARACTER>", (*row.Type).IsText, stay}
	Binary  = Class{"<BINARY>", (*row.Type).IsBinary, stay}
	Bytes   = Class{"<CHARACTER> or <BINARY>", func(t *row.Type) bool { return t.IsText() || t.IsBinary() }, stay}
	Numeric = Class{"<NUMERIC>", (*row.Type).IsNumeric, stay}
	Exact   = Class{"<EXACT_NUMERIC>", (*row.Type).IsExact, stay}
	Double  = Class{"<NUMERIC>", (*row.Type).IsNumeric, to(row.Of(row.Double))}
	Int     = Class{"<INTEGER>", func(t *row.Type) bool { return t.Kind >= row.TinyInt && t.Kind <= row.Int }, to(row.Of(row.Int))}
	BigInt  = Class{"<INTEGER>", (*row.Type).IsInteger, to(row.Of(row.BigInt))}
	Boolean = Class{"<BOOLEAN>", func(t *row.Type) bool { return t.Kind == row.Boolean }, stay}
	Date    = Class{"<DATE>", func(t *row.Type) bool { return t.Kind == row.Date }, stay}
	// Datetime is a date, a time or a timestamp.
	Datetime  = Class{"<DATETIME>", (*row.Type).IsTemporal, stay}
	Timestamp = Class{"<TIMESTAMP>", (*row.Type).IsTimestamp, stay}
	Interval  = Class{"<INTERVAL>", (*row.Type).IsInterval, stay}
	Array     = Class{"<ARRAY>", func(t *row.Type) bool { return t.Kind == row.Array }, stay}
	Map       = Class{"<MAP>", func(t *row.Type) bool { return t.Kind == row.Map }, stay}
	Symbol    = Class{"<SYMBOL>", func(t *row.Type) bool { return t.Kind == row.Raw && t.Class == "symbol" }, stay}
)

// Result types.

// Is is a fixed type.
func Is(t *row.Type) func([]expr.Expr) *row.Type { return func([]expr.Expr) *row.Type { return t } }

// As is the type of an argument.
func As(i int) func([]expr.Expr) *row.Type {
	return func(args []expr.Expr) *row.Type { return args[i].Type().Computed() }
}

var (
	isString = Is(row.StringType())
	isInt    = Is(row.Of(row.Int))
	isBigInt = Is(row.Of(row.BigInt))
	isDouble = Is(row.Of(row.Double))
	isBool   = Is(row.Of(row.Boolean))
)

var (
	all    = map[string]*Def{}
	sorted []*Def
)

// add adds the functions of a family. It is called while the package is initialised.
func add(family string, defs ...*Def) {
	for _, d := range defs {
		d.Family = family
		for _, name := range append([]string{d.Name}, d.Aliases...) {
			if all[name] != nil {
				panic(fmt.Sprintf("builtin: there are two functions of the name %s", name))
			}
			all[name] = d
		}
		sorted = append(sorted, d)
	}
}

// Lookup finds a function by its name, in any case; nil if there is none.
func Lookup(name string) *Def { return all[strings.ToUpper(name)] }

// Names are the names of all functions, sorted.
func Names() []string {
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// All are all functions, by name.
func All() []*Def {
	slices.SortFunc(sorted, func(a, b *Def) int { return strings.Compare(a.Name, b.Name) })
	return sorted
}
