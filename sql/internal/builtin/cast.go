package builtin

import (
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Cast makes x a value of another type. With try, a value that cannot be cast is NULL instead of a failure. The error
// is that no value of the one type can be cast to the other.
func Cast(at ast.Span, x expr.Expr, to *row.Type, try bool) (expr.Expr, error) {
	from := x.Type()
	t := to.Nullable(!from.NotNull || try)
	if from.Equal(t) {
		return x, nil
	}
	f := castFunc(from, t, try)
	if f == nil {
		return nil, fmt.Errorf("a value of type %s cannot be cast to %s", from.Nullable(true).SQL(), to.Nullable(true).SQL())
	}
	return &expr.Call{Span: at, Func: f, Args: []expr.Expr{x}, T: t}, nil
}

// Materialize makes the value of a time attribute one that watermarks are not about, as a cast to its own type does.
func Materialize(at ast.Span, x expr.Expr) expr.Expr {
	t := x.Type()
	if t.Computed().Origin == row.NoAttribute {
		return x
	}
	return &expr.Call{Span: at, Func: castFunc(t, t.Plain(), false), Args: []expr.Expr{x}, T: t.Plain()}
}

// castFunc is the function of a cast, nil if there is none.
func castFunc(from, to *row.Type, try bool) *expr.Func {
	kernel, total := castKernel(from, to, try), try || widenKernel(from, to) != nil
	if kernel == nil {
		return nil
	}
	f := &expr.Func{Name: "CAST", Strict: true, Total: total, Compile: func(*expr.Call) expr.Kernel { return kernel }}
	if try {
		f.Name = "TRY_CAST"
	}
	return f
}

// outcome is what became of a cast.
type outcome uint8

const (
	castOK   outcome = iota
	castNull         // the value is NULL in the other type, such as a DECIMAL with too many digits
	castBad          // there is no such value
)

// caster casts value i: it sets value i of out, or appends to its Data or children.
type caster func(c *expr.Context, in *column.Vector, i int, out *column.Vector) outcome

// castKernel is the kernel of a cast, nil if there is none.
func castKernel(from, to *row.Type, try bool) expr.Kernel {
	if from.Kind == row.Null {
		return nullKernel
	}
	if k := widenKernel(from, to); k != nil {
		return k
	}
	f := casterOf(from, to)
	if f == nil {
		return nil
	}
	return func(c *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		appended := expr.IsAppended(out.Type)
		for i := range n {
			if !out.Valid.Has(i) {
				if appended {
					out.AppendNull()
				}
				continue
			}
			castValue(c, f, args[0], i, out, appended, try)
		}
	}
}

func castValue(c *expr.Context, f caster, in *column.Vector, i int, out *column.Vector, appended, try bool) {
	begin := len(out.Data)
	o := f(c, in, i, out)
	switch {
	case o == castBad && !try:
		expr.Fail(i, "%q of type %s cannot be cast to %s", AppendText(nil, c, in, i), in.Type.Nullable(true).SQL(),
			out.Type.Nullable(true).SQL())
	case o != castOK && appended:
		out.Data = out.Data[:begin]
		out.AppendNull()
	case o != castOK:
		out.SetNull(i)
	case appended:
		endValue(out)
	}
}

// endValue makes a value of what has been appended.
func endValue(out *column.Vector) {
	switch column.FormOf(out.Type) {
	case column.FormBytes:
		out.EndBytes()
	case column.FormRow:
		out.EndRow()
	default:
		out.EndList()
	}
}

func nullKernel(_ *expr.Context, n int, _ []*column.Vector, out *column.Vector) {
	if expr.IsAppended(out.Type) {
		for range n {
			out.AppendNull()
		}
	}
}

// widenKernel casts numbers to types that have all of them, in loops over plain slices.
func widenKernel(from, to *row.Type) expr.Kernel {
	small := from.IsInteger() && from.Kind < row.BigInt
	switch {
	case small && to.Kind == row.BigInt:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			convert(out.I64[:n], args[0].I32[:n])
		}
	case small && to.Kind == row.Double:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			convert(out.F64[:n], args[0].I32[:n])
		}
	case from.Kind == row.BigInt && to.Kind == row.Double:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			convert(out.F64[:n], args[0].I64[:n])
		}
	case from.Kind == row.Float && to.Kind == row.Double:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			convert(out.F64[:n], args[0].F32[:n])
		}
	case small && to.Kind == row.Decimal && to.Scale == 0 && to.Precision >= digits[from.Kind]:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			convert(out.I64[:n], args[0].I32[:n])
		}
	case from.Kind == row.BigInt && to.Kind == row.Decimal && to.Scale == 0 && to.Precision >= digits[row.BigInt]:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			copy(out.I64[:n], args[0].I64[:n])
		}
	case from.Kind == row.Decimal && to.Kind == row.Decimal && to.Scale == from.Scale && to.Precision >= from.Precision:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			copy(out.I64[:n], args[0].I64[:n])
			if args[0].Hi != nil {
				out.Hi = append(out.Hi[:0], args[0].Hi[:n]...)
			}
		}
	case small && to.IsInteger() && to.Kind < row.BigInt:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			copy(out.I32[:n], args[0].I32[:n])
			narrow(to.Kind, out.I32[:n])
		}
	}
	return nil
}

type number interface {
	~int32 | ~int64 | ~float32 | ~float64
}

func convert[A, B number](out []A, in []B) {
	for i, x := range in {
		out[i] = A(x)
	}
}

// casterOf is the cast of one value, nil if there is none.
func casterOf(from, to *row.Type) caster {
	switch {
	case to.IsText():
		if from.IsBinary() {
			return textOfBytes
		}
		return castToText
	case from.IsText():
		return castFromText(to)
	case to.IsBinary() && from.IsBinary():
		return castToBytes
	case to.Kind == row.Boolean && from.IsNumeric():
		return func(c *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
			out.Bools[i] = !isZero(in, i)
			return castOK
		}
	case to.IsNumeric() && (from.IsNumeric() || from.Kind == row.Boolean):
		return castNumber(from, to)
	case from.IsTemporal() && to.IsTemporal():
		return castTemporal(from, to)
	case from.IsInterval() && from.Kind == to.Kind:
		return copyValue
	case from.Kind == to.Kind:
		return castNested(from, to)
	}
	return nil
}

func isZero(v *column.Vector, i int) bool {
	switch column.FormOf(v.Type) {
	case column.FormI32:
		return v.I32[i] == 0
	case column.FormI64:
		return v.I64[i] == 0
	case column.FormF32:
		return v.F32[i] == 0
	case column.FormF64:
		return v.F64[i] == 0
	}
	return v.Decimal(i).IsZero()
}

// copyValue casts between types that hold the same values in the same form.
func copyValue(_ *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
	switch column.FormOf(out.Type) {
	case column.FormI32:
		out.I32[i] = in.I32[i]
	case column.FormI64:
		out.I64[i] = in.I64[i]
	}
	return castOK
}

// castNested casts the elements of lists and maps, and the fields of rows.
func castNested(from, to *row.Type) caster {
	var parts []caster
	add := func(a, b *row.Type) bool {
		if a.Kind != row.Null && !a.Same(b) {
			f := valueCaster(a, b)
			if f == nil {
				return false
			}
			parts = append(parts, f)
			return true
		}
		parts = append(parts, nil)
		return true
	}
	switch to.Kind {
	case row.Array, row.Multiset:
		if !add(from.Elem, to.Elem) {
			return nil
		}
		if to.Kind == row.Multiset {
			parts = append(parts, nil)
		}
	case row.Map:
		if !add(from.Key, to.Key) || !add(from.Elem, to.Elem) {
			return nil
		}
	case row.Row:
		if len(from.Fields) != len(to.Fields) {
			return nil
		}
		for k, f := range from.Fields {
			if !add(f.Type, to.Fields[k].Type) {
				return nil
			}
		}
	default:
		return nil
	}
	return func(c *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
		begin, end := i, i+1
		if to.Kind != row.Row {
			begin, end = in.Range(i)
		}
		for k, child := range out.Children {
			for j := begin; j < end; j++ {
				appendCast(c, parts[k], in.Children[k], j, child)
			}
		}
		return castOK
	}
}

// valueCaster is a caster that appends one value to a vector of any form.
func valueCaster(from, to *row.Type) caster {
	k := castKernel(from, to, false)
	if k == nil {
		return nil
	}
	one, result := column.New(from), column.New(to)
	return func(c *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
		one.Reset()
		one.AppendFrom(in, i)
		expr.Prepare(result, 1)
		k(c, 1, []*column.Vector{one}, result)
		result.N = 1
		out.AppendFrom(result, 0)
		return castOK
	}
}

func appendCast(c *expr.Context, f caster, in *column.Vector, i int, out *column.Vector) {
	switch {
	case in.IsNull(i):
		out.AppendNull()
	case f == nil:
		out.AppendFrom(in, i)
	default:
		f(c, in, i, out)
	}
}
