package builtin

import (
	"errors"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/jsonpath"
)

func init() {
	args := []Arg{{"s", Text, false}, {"allowDuplicateKeys", Boolean, true}}
	add("json",
		&Def{
			Func: expr.Func{Name: "PARSE_JSON", Strict: true, Compile: appends(parseJSON(false))},
			Doc:  "The VARIANT that JSON text is; an error if it is none, or has a name twice in an object, unless the second argument allows that.",
			Args: args, Result: Is(row.Of(row.Variant)),
		},
		&Def{
			Func:  expr.Func{Name: "TRY_PARSE_JSON", Strict: true, Total: true, Compile: appends(parseJSON(true))},
			Doc:   "The VARIANT that JSON text is; NULL where PARSE_JSON would be an error.",
			Typed: true, Args: args, Result: Is(row.Of(row.Variant)), Nullable: true,
		},
	)
}

// parseJSON makes a VARIANT, which is kept as JSON text.
func parseJSON(try bool) func(*expr.Context, int, []*column.Vector, *column.Vector) bool {
	return func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		v, err := jsonpath.Read(args[0].Bytes(i), len(args) == 1 || !args[1].Bools[i])
		if err != nil {
			if !try {
				expr.Fail(i, "PARSE_JSON: %v", err)
			}
			return false
		}
		asVariant(v)
		out.Data = jsonpath.Append(out.Data, v)
		return true
	}
}

// asVariant makes numbers those that a VARIANT has: whole ones, decimals of 38 digits, and DOUBLE where they have an
// exponent or more digits.
func asVariant(v *jsonpath.Value) {
	for _, x := range v.Items {
		asVariant(x)
	}
	if v.Kind != jsonpath.Number {
		return
	}
	digits := strings.Trim(strings.Replace(v.Text, ".", "", 1), "-0")
	isDecimal := !v.Exponent && len(digits) <= row.MaxPrecision
	if !isDecimal {
		f, err := strconv.ParseFloat(v.Text, 64)
		if err == nil || errors.Is(err, strconv.ErrRange) {
			v.Text = jsonpath.DoubleText(f)
		}
		return
	}
	if v.Text = jsonpath.PlainText(v.Text); strings.Contains(v.Text, ".") {
		v.Text = strings.TrimRight(strings.TrimRight(v.Text, "0"), ".")
	}
}
