package expr

import (
	"strconv"

	"github.com/flott-dev/flott/column"
)

// FieldOf is the function that takes field i of a ROW.
func FieldOf(i int) *Func {
	return &Func{
		Name: "FIELD " + strconv.Itoa(i+1), Strict: true, Total: true,
		Compile: func(*Call) Kernel {
			return func(_ *Context, n int, args []*column.Vector, out *column.Vector) {
				valid := out.Valid
				out.Reset()
				for r := range n {
					if valid.Has(r) {
						out.AppendFrom(args[0].Children[i], r)
					} else {
						out.AppendNull()
					}
				}
			}
		},
	}
}
