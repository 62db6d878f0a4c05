package builtin

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// These make kernels of strict functions out of functions of one row. ok is false for NULL.

// text1 is a function of a text.
func text1(f func(s []byte, out *column.Vector) (ok bool)) func(*expr.Call) expr.Kernel {
	return func(*expr.Call) expr.Kernel {
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			valid := out.Valid // what f makes NULL comes to out.Valid
			for i := range n {
				if !valid.Has(i) {
					out.AppendNull()
					continue
				}
				begin := len(out.Data)
				if f(args[0].Bytes(i), out) {
					out.EndBytes()
				} else {
					out.Data = out.Data[:begin]
					out.AppendNull()
				}
			}
		}
	}
}

// rows is a function of each row whose result has a fixed size: f sets value i of out, or reports false
// for NULL.
func rows(f func(c *expr.Context, i int, args []*column.Vector, out *column.Vector) (ok bool)) func(*expr.Call) expr.Kernel {
	return func(*expr.Call) expr.Kernel {
		return func(c *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			for i := range n {
				if out.Valid.Has(i) && !f(c, i, args, out) {
					out.SetNull(i)
				}
			}
		}
	}
}

// appends is rows for results that are appended: f appends to out.Data, or to its children, and one
// value is made of what it has appended.
func appends(f func(c *expr.Context, i int, args []*column.Vector, out *column.Vector) (ok bool)) func(*expr.Call) expr.Kernel {
	return func(*expr.Call) expr.Kernel {
		return func(c *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			valid := out.Valid // what f makes NULL comes to out.Valid
			for i := range n {
				if !valid.Has(i) {
					out.AppendNull()
					continue
				}
				begin := len(out.Data)
				if !f(c, i, args, out) {
					out.Data = out.Data[:begin]
					out.AppendNull()
					continue
				}
				if column.FormOf(out.Type) == column.FormBytes {
					out.EndBytes()
				} else {
					out.EndList()
				}
			}
		}
	}
}
