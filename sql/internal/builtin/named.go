package builtin

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Named is the function of a call by the name that it has in a plan, for arguments and a result of known types; nil if
// there is none. It knows the functions too that have no Def.
func Named(name string, args []expr.Expr, result *row.Type) *expr.Func {
	switch name {
	case "CAST", "TRY_CAST":
		if len(args) != 1 {
			return nil
		}
		return castFunc(args[0].Type(), result, name == "TRY_CAST")
	}
	if n, ok := strings.CutPrefix(name, "FIELD "); ok {
		i, err := strconv.Atoi(n)
		if err != nil || len(args) != 1 || i < 1 || i > len(args[0].Type().Fields) {
			return nil
		}
		return expr.FieldOf(i - 1)
	}
	if strings.HasPrefix(name, "GROUPING") {
		return groupingNamed(name)
	}
	if d := Lookup(name); d != nil {
		return &d.Func
	}
	return nil
}

// Grouping is GROUPING or GROUPING_ID: of the number of a grouping set over keys, the bits of those at some places.
func Grouping(name string, at []int, keys int) *expr.Func {
	return &expr.Func{
		Name: fmt.Sprintf("%s %v of %d", name, at, keys), Strict: true, Total: true,
		Compile: func(*expr.Call) expr.Kernel {
			return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
				for r := range n {
					bits := int64(0)
					for _, i := range at {
						bits = bits<<1 | args[0].I64[r]>>(keys-1-i)&1
					}
					out.I64[r] = bits
				}
			}
		},
	}
}

// groupingNamed reads the name that Grouping makes.
func groupingNamed(name string) *expr.Func {
	name, list, _ := strings.Cut(name, " [")
	list, of, _ := strings.Cut(list, "] of ")
	keys, err := strconv.Atoi(of)
	if err != nil {
		return nil
	}
	var at []int
	for _, text := range strings.Fields(list) {
		i, err := strconv.Atoi(text)
		if err != nil || i < 0 || i >= keys {
			return nil
		}
		at = append(at, i)
	}
	return Grouping(name, at, keys)
}
