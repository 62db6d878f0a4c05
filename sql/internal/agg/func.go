package agg

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Func is an aggregate function, or one that stands with OVER only.
type Func struct {
	Name    string
	Aliases []string
	Doc     string // what it does, in a sentence
	// Least and Most are the numbers of arguments that it takes.
	Least, Most int
	// Result is the type of the result for arguments; it may cast them.
	Result func(args []expr.Expr) (*row.Type, error)
	// NeverNull functions have a value for no rows too, and do not care about NULLs.
	NeverNull bool
	// AlwaysNull functions may be NULL although no argument is.
	AlwaysNull bool
	// OverOnly functions stand with OVER only, Ranked ones need an ORDER BY there.
	OverOnly, Ranked bool
	// Ordered functions depend on the order of rows.
	Ordered bool
	// Custom makes what computes a function of the program's, for arguments of some types; nil for the others.
	// Retracts says that it can take rows away, and Merges that it can put groups together.
	Custom           func(args []*row.Type) Custom
	Retracts, Merges bool
}

var (
	all   = map[string]*Func{}
	names []string
)

func add(fs ...*Func) {
	for _, f := range fs {
		for _, n := range append([]string{f.Name}, f.Aliases...) {
			all[n] = f
			names = append(names, n)
		}
	}
}

// Lookup finds a function by its name, in any case; nil if there is none.
func Lookup(name string) *Func { return all[strings.ToUpper(name)] }

// Names are the names of all functions, sorted.
func Names() []string {
	slices.Sort(names)
	return names
}

// Type checks the arguments and returns the type of the result. empty says that there may be groups without rows:
// the global one, or one whose rows a FILTER leaves out.
func (f *Func) Type(args []expr.Expr, empty bool) (*row.Type, error) {
	if len(args) < f.Least || len(args) > f.Most {
		takes := fmt.Sprint(f.Least)
		if f.Most != f.Least {
			takes = fmt.Sprintf("%d to %d", f.Least, f.Most)
		}
		return nil, fmt.Errorf("%s takes %s arguments, not %d", f.Name, takes, len(args))
	}
	t, err := f.Result(args)
	if err != nil {
		return nil, err
	}
	t = t.Computed()
	switch {
	case f.NeverNull:
		return t.Nullable(false), nil
	case f.AlwaysNull || empty || !args[0].Type().NotNull:
		return t.Nullable(true), nil
	}
	return t.Nullable(false), nil
}

// mismatch says that an argument is of no type that the function takes.
func mismatch(name, takes string, args []expr.Expr) error {
	var types []string
	for _, a := range args {
		types = append(types, a.Type().Nullable(true).SQL())
	}
	return fmt.Errorf("%s takes %s, not (%s)", name, takes, strings.Join(types, ", "))
}

func is(t *row.Type) func([]expr.Expr) (*row.Type, error) {
	return func([]expr.Expr) (*row.Type, error) { return t, nil }
}

func first(args []expr.Expr) (*row.Type, error) { return args[0].Type(), nil }

// comparable has values that MIN and MAX order.
func comparableTypes(name string) func(args []expr.Expr) (*row.Type, error) {
	return func(args []expr.Expr) (*row.Type, error) {
		switch t := args[0].Type(); t.Kind {
		case row.Array, row.Map, row.Multiset, row.Row, row.Raw, row.Variant, row.Null:
			return nil, mismatch(name, "a value that has an order", args)
		default:
			return t, nil
		}
	}
}

func numeric(name string, of func(t *row.Type) *row.Type) func(args []expr.Expr) (*row.Type, error) {
	return func(args []expr.Expr) (*row.Type, error) {
		t := args[0].Type()
		if !t.IsNumeric() {
			return nil, mismatch(name, "a number", args)
		}
		return of(t), nil
	}
}

// sumOf is the type of a SUM: that of what is added, but DECIMALs get as long as they can.
func sumOf(t *row.Type) *row.Type {
	if t.Kind == row.Decimal {
		return row.DecimalOf(row.MaxPrecision, t.Scale)
	}
	return t
}

// averageOf is the type of AVG: that of what it is about, but DECIMALs get at least six digits behind the point.
func averageOf(t *row.Type) *row.Type {
	if t.Kind == row.Decimal {
		return row.DecimalOf(row.MaxPrecision, max(6, t.Scale))
	}
	return t
}

func init() {
	add(
		&Func{Name: "COUNT", Most: 1, NeverNull: true, Result: is(row.Of(row.BigInt)), Doc: "is the number of rows, or of values that are not NULL."},
		&Func{Name: "SUM", Least: 1, Most: 1, Result: numeric("SUM", sumOf), Doc: "is the sum of the values, NULL without one."},
		&Func{Name: "$SUM0", Least: 1, Most: 1, Result: numeric("$SUM0", sumOf), Doc: "is the sum of the values, 0 without one."},
		&Func{Name: "AVG", Least: 1, Most: 1, Result: numeric("AVG", averageOf), Doc: "is the average of the values; that of whole numbers is a whole one."},
		&Func{Name: "$AVG", Least: 2, Most: 2, Result: numeric("$AVG", averageOf), Doc: "is the average of values of which there are sums and counts."},
		&Func{Name: "MIN", Least: 1, Most: 1, Result: comparableTypes("MIN"), Doc: "is the least of the values."},
		&Func{Name: "MAX", Least: 1, Most: 1, Result: comparableTypes("MAX"), Doc: "is the greatest of the values."},
		&Func{Name: "STDDEV_POP", Least: 1, Most: 1, Result: numeric("STDDEV_POP", averageOf), Doc: "is the standard deviation of all values."},
		&Func{Name: "STDDEV_SAMP", Aliases: []string{"STDDEV"}, Least: 1, Most: 1, AlwaysNull: true, Result: numeric("STDDEV_SAMP", averageOf), Doc: "is the standard deviation that a sample stands for."},
		&Func{Name: "VAR_POP", Least: 1, Most: 1, Result: numeric("VAR_POP", averageOf), Doc: "is the variance of all values."},
		&Func{Name: "VAR_SAMP", Aliases: []string{"VARIANCE"}, Least: 1, Most: 1, AlwaysNull: true, Result: numeric("VAR_SAMP", averageOf), Doc: "is the variance that a sample stands for."},
		&Func{Name: "COLLECT", Least: 1, Most: 1, NeverNull: true, Result: collect, Doc: "is a MULTISET of the values."},
		&Func{Name: "ARRAY_AGG", Least: 1, Most: 1, AlwaysNull: true, Ordered: true, Result: arrayOf, Doc: "is an ARRAY of the values."},
		&Func{Name: "LISTAGG", Least: 1, Most: 2, Ordered: true, AlwaysNull: true, Result: listagg, Doc: "is the values one behind the other, with a text between them, a comma if none is given."},
		&Func{Name: "FIRST_VALUE", Least: 1, Most: 1, Ordered: true, Result: first, Doc: "is the first value."},
		&Func{Name: "LAST_VALUE", Least: 1, Most: 1, Ordered: true, Result: first, Doc: "is the last value."},
		&Func{Name: "PERCENTILE", Least: 2, Most: 3, AlwaysNull: true, Result: percentile, Doc: "is the value below which a part of the values lies, or an ARRAY of such."},
		&Func{Name: "APPROX_COUNT_DISTINCT", Least: 1, Most: 1, NeverNull: true, Result: is(row.Of(row.BigInt)), Doc: "is about the number of different values."},
		&Func{Name: "JSON_OBJECTAGG", Aliases: []string{"JSON_OBJECTAGG NULL"}, Least: 2, Most: 2, NeverNull: true, Ordered: true, Result: jsonObjectType, Doc: "is a JSON object of keys and values."},
		&Func{Name: "JSON_OBJECTAGG ABSENT", Least: 2, Most: 2, NeverNull: true, Ordered: true, Result: jsonObjectType, Doc: "is a JSON object of keys and values that are not NULL."},
		&Func{Name: "JSON_ARRAYAGG", Aliases: []string{"JSON_ARRAYAGG ABSENT"}, Least: 1, Most: 1, NeverNull: true, Ordered: true, Result: jsonArrayType, Doc: "is a JSON array of values that are not NULL."},
		&Func{Name: "JSON_ARRAYAGG NULL", Least: 1, Most: 1, NeverNull: true, Ordered: true, Result: jsonArrayType, Doc: "is a JSON array of values."},
		&Func{Name: "SINGLE_VALUE", Least: 1, Most: 1, AlwaysNull: true, Result: first, Doc: "is the only value; it fails where there are several."},
		&Func{Name: "ROW_NUMBER", OverOnly: true, Ranked: true, NeverNull: true, Result: is(row.Of(row.BigInt)), Doc: "is the number of the row, from 1."},
		&Func{Name: "RANK", OverOnly: true, Ranked: true, NeverNull: true, Result: is(row.Of(row.BigInt)), Doc: "is 1 and the number of rows before the first that is equal."},
		&Func{Name: "DENSE_RANK", OverOnly: true, Ranked: true, NeverNull: true, Result: is(row.Of(row.BigInt)), Doc: "is 1 and the number of different rows before."},
		&Func{Name: "NTILE", Least: 1, Most: 1, OverOnly: true, Ranked: true, NeverNull: true, Result: is(row.Of(row.BigInt)), Doc: "is the number of the part that the row is in, of so many parts."},
		&Func{Name: "CUME_DIST", OverOnly: true, Ranked: true, NeverNull: true, Result: is(row.Of(row.Double)), Doc: "is the part of the rows that come before the row or are equal."},
		&Func{Name: "PERCENT_RANK", OverOnly: true, Ranked: true, NeverNull: true, Result: is(row.Of(row.Double)), Doc: "is the rank from 0 to 1."},
		&Func{Name: "LAG", Least: 1, Most: 3, OverOnly: true, Result: shifted, Doc: "is the value of a row before, by default of the last one."},
		&Func{Name: "LEAD", Least: 1, Most: 3, OverOnly: true, Result: shifted, Doc: "is the value of a row behind, by default of the next one."},
	)
}

func collect(args []expr.Expr) (*row.Type, error) {
	return row.MultisetOf(args[0].Type().Computed()), nil
}

func arrayOf(args []expr.Expr) (*row.Type, error) { return row.ArrayOf(args[0].Type().Computed()), nil }

func listagg(args []expr.Expr) (*row.Type, error) {
	if !args[0].Type().IsText() {
		return nil, mismatch("LISTAGG", "a text", args)
	}
	if len(args) == 2 {
		if l, ok := args[1].(*expr.Literal); !ok || !l.Type().IsText() {
			return nil, fmt.Errorf("the separator of LISTAGG is a constant text")
		}
	}
	return row.StringType(), nil
}

func jsonArrayType(args []expr.Expr) (*row.Type, error) {
	if _, err := builtin.JSONWriter(args[0].Type()); err != nil {
		return nil, fmt.Errorf("JSON_ARRAYAGG: %w", err)
	}
	return row.VarcharOf(2000), nil
}

func jsonObjectType(args []expr.Expr) (*row.Type, error) {
	if !args[0].Type().IsText() {
		return nil, mismatch("JSON_OBJECTAGG", "a text and a value", args)
	}
	if _, err := builtin.JSONWriter(args[1].Type()); err != nil {
		return nil, fmt.Errorf("JSON_OBJECTAGG: %w", err)
	}
	return row.VarcharOf(2000), nil
}

func percentile(args []expr.Expr) (*row.Type, error) {
	if !args[0].Type().IsNumeric() {
		return nil, mismatch("PERCENTILE", "a number and a part from 0 to 1", args)
	}
	if len(args) == 3 && !args[2].Type().IsInteger() {
		return nil, mismatch("PERCENTILE", "a number, a part and a whole number", args)
	}
	switch t := args[1].Type(); {
	case t.IsNumeric():
		return row.Of(row.Double), nil
	case t.Kind == row.Array && t.Elem.IsNumeric():
		return row.ArrayOf(row.Of(row.Double)), nil
	}
	return nil, mismatch("PERCENTILE", "a number and a part from 0 to 1", args)
}

// shifted is the type of LAG and LEAD: NULL comes for rows that are not there, unless another value is given.
func shifted(args []expr.Expr) (*row.Type, error) {
	if len(args) > 1 && !args[1].Type().IsInteger() {
		return nil, mismatch("LAG", "a value, a number of rows and a value", args)
	}
	if len(args) < 3 {
		return args[0].Type().Nullable(true), nil
	}
	t := builtin.Common(args[0].Type().Nullable(true), args[2].Type().Nullable(true))
	if t == nil {
		return nil, mismatch("LAG", "a value, a number of rows and another value of its type", args)
	}
	return t, nil
}
