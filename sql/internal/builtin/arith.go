package builtin

import (
	"fmt"
	"math"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	for _, op := range []string{"+", "-", "*", "/", "%"} {
		add("arithmetic", &Def{
			Func: expr.Func{
				Name: op, Strict: true, Total: op != "/" && op != "%",
				Compile: func(c *expr.Call) expr.Kernel { return arithKernel(op, c) },
			},
			Doc:   arithDocs[op],
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) { return inferArith(op, args) },
		})
	}
	add("arithmetic",
		&Def{
			Func: expr.Func{Name: "UNARY -", Strict: true, Total: true, Compile: negateKernel},
			Doc:  "The number or interval with the other sign.", Args: []Arg{{"x", signed, false}}, Result: As(0),
		},
		&Def{
			Func: expr.Func{Name: "UNARY +", Strict: true, Total: true, Compile: copyKernel},
			Doc:  "The number or interval itself.", Args: []Arg{{"x", signed, false}}, Result: As(0),
		},
		&Def{
			Func: expr.Func{Name: "MOD", Strict: true, Compile: func(c *expr.Call) expr.Kernel { return arithKernel("%", c) }},
			Doc:  "What is left of a division, with the sign of the dividend.",
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				if len(args) != 2 || !Exact.Has(args[0].Type()) || !Exact.Has(args[1].Type()) {
					return nil, nil, fmt.Errorf("MOD takes two exact numbers")
				}
				return inferArith("%", args)
			},
		})
}

var arithDocs = map[string]string{
	"+": "The sum of numbers, of intervals, or of a time and an interval.",
	"-": "The difference of numbers, of intervals, or of a time and an interval.",
	"*": "The product of numbers, or of an interval and a number.",
	"/": "The quotient of numbers, or of an interval and a number; that of whole numbers is cut off towards zero.",
	"%": "What is left of a division, with the sign of the dividend.",
}

var signed = Class{"<NUMERIC> or <INTERVAL>", func(t *row.Type) bool { return t.IsNumeric() || t.IsInterval() }, stay}

// decimalResult is the type of an operation on DECIMALs.
func decimalResult(op string, a, b *row.Type) *row.Type {
	whole := max(a.Precision-a.Scale, b.Precision-b.Scale)
	switch op {
	case "*":
		return adjust(a.Precision+b.Precision+1, a.Scale+b.Scale)
	case "/":
		scale := max(6, a.Scale+b.Precision+1)
		return adjust(a.Precision-a.Scale+b.Scale+scale, scale)
	case "%":
		scale := max(a.Scale, b.Scale)
		return adjust(min(a.Precision-a.Scale, b.Precision-b.Scale)+scale, scale)
	}
	scale := max(a.Scale, b.Scale)
	return adjust(whole+scale+1, scale)
}

func inferArith(op string, args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	a, b := args[0].Type(), args[1].Type()
	nullable := !a.NotNull || !b.NotNull
	// NULL is of the other operand's type.
	if a.Kind == row.Null && b.Kind != row.Null {
		a = b
	} else if b.Kind == row.Null && a.Kind != row.Null {
		b = a
	}
	switch {
	case a.IsTemporal() || b.IsTemporal() || a.IsInterval() || b.IsInterval():
		return inferTimeArith(op, args, a, b, nullable)
	case !a.IsNumeric() || !b.IsNumeric():
		return nil, nil, cannotApply(op, args)
	case a.Kind == row.Decimal && b.IsExact() || b.Kind == row.Decimal && a.IsExact():
		x, y := asDecimal(a), asDecimal(b)
		cast, err := castAll(args, x, y)
		return cast, decimalResult(op, x, y).Nullable(nullable), err
	}
	t := commonNumber(a, b)
	cast, err := castAll(args, t, t)
	return cast, t.Nullable(nullable), err
}

func cannotApply(op string, args []expr.Expr) error {
	if len(args) == 1 {
		return fmt.Errorf("%s cannot be applied to %s", op, args[0].Type().Nullable(true).SQL())
	}
	return fmt.Errorf("%s cannot be applied to %s and %s", op,
		args[0].Type().Nullable(true).SQL(), args[1].Type().Nullable(true).SQL())
}

// castAll casts arguments to types, each keeping whether it takes NULL.
func castAll(args []expr.Expr, types ...*row.Type) ([]expr.Expr, error) {
	cast := make([]expr.Expr, len(args))
	for i, x := range args {
		t := types[min(i, len(types)-1)].Nullable(!x.Type().NotNull)
		y, err := Cast(x.Extent(), x, t, false)
		if err != nil {
			return nil, err
		}
		cast[i] = y
	}
	return cast, nil
}

type integer interface{ ~int32 | ~int64 }

type float interface{ ~float32 | ~float64 }

func arithKernel(op string, c *expr.Call) expr.Kernel {
	t := c.T
	if a, b := c.Args[0].Type(), c.Args[1].Type(); a.IsTemporal() || b.IsTemporal() || a.IsInterval() || b.IsInterval() {
		return timeArithKernel(op, c)
	}
	switch t.Kind {
	case row.TinyInt, row.SmallInt, row.Int:
		k := integers[int32](op)
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			k(out.I32[:n], args[0].I32[:n], args[1].I32[:n], out.Valid)
			narrow(t.Kind, out.I32[:n])
		}
	case row.BigInt:
		k := integers[int64](op)
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			k(out.I64[:n], args[0].I64[:n], args[1].I64[:n], out.Valid)
		}
	case row.Float:
		k := floats[float32](op)
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			k(out.F32[:n], args[0].F32[:n], args[1].F32[:n])
		}
	case row.Double:
		k := floats[float64](op)
		check := isConstantZero(c.Args[1]) && op == "/"
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			if check && n > 0 {
				expr.Fail(0, "division by zero")
			}
			k(out.F64[:n], args[0].F64[:n], args[1].F64[:n])
		}
	}
	return decimalKernel(op, t)
}

// isConstantZero reports whether a divisor is a constant 0, which Flink rejects also for DOUBLE: it folds
// such divisions while planning.
func isConstantZero(x expr.Expr) bool {
	isConstant := true
	expr.Walk(x, func(x expr.Expr) bool {
		_, isInput := x.(*expr.Input)
		isConstant = isConstant && !isInput
		return true
	})
	if !isConstant {
		return false
	}
	v, err := expr.Compile(x).Eval(&expr.Context{}, &column.Batch{N: 1})
	return err == nil && !v.IsNull(0) && v.Type.Kind == row.Double && v.F64[0] == 0
}

// narrow wraps numbers around in the width of their type.
func narrow(k row.Kind, x []int32) {
	switch k {
	case row.TinyInt:
		for i, v := range x {
			x[i] = int32(int8(v))
		}
	case row.SmallInt:
		for i, v := range x {
			x[i] = int32(int16(v))
		}
	}
}

// integers is an operation on whole numbers, which wrap around.
func integers[T integer](op string) func(out, a, b []T, valid column.Bitmap) {
	switch op {
	case "+":
		return func(out, a, b []T, _ column.Bitmap) {
			for i := range out {
				out[i] = a[i] + b[i]
			}
		}
	case "-":
		return func(out, a, b []T, _ column.Bitmap) {
			for i := range out {
				out[i] = a[i] - b[i]
			}
		}
	case "*":
		return func(out, a, b []T, _ column.Bitmap) {
			for i := range out {
				out[i] = a[i] * b[i]
			}
		}
	case "/":
		return divide[T](func(a, b T) T { return a / b })
	}
	return divide[T](func(a, b T) T { return a % b })
}

// divide looks at each divisor; what is under a NULL is not divided.
func divide[T integer](f func(a, b T) T) func(out, a, b []T, valid column.Bitmap) {
	return func(out, a, b []T, valid column.Bitmap) {
		for i := range out {
			if b[i] != 0 {
				out[i] = f(a[i], b[i])
			} else if valid.Has(i) {
				expr.Fail(i, "division by zero")
			}
		}
	}
}

func floats[T float](op string) func(out, a, b []T) {
	switch op {
	case "+":
		return func(out, a, b []T) {
			for i := range out {
				out[i] = a[i] + b[i]
			}
		}
	case "-":
		return func(out, a, b []T) {
			for i := range out {
				out[i] = a[i] - b[i]
			}
		}
	case "*":
		return func(out, a, b []T) {
			for i := range out {
				out[i] = a[i] * b[i]
			}
		}
	case "/":
		return func(out, a, b []T) {
			for i := range out {
				out[i] = a[i] / b[i]
			}
		}
	}
	return func(out, a, b []T) {
		for i := range out {
			out[i] = T(math.Mod(float64(a[i]), float64(b[i])))
		}
	}
}

func negateKernel(c *expr.Call) expr.Kernel {
	kind := c.T.Kind
	switch column.FormOf(c.T) {
	case column.FormI32:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			for i, x := range args[0].I32[:n] {
				out.I32[i] = -x
			}
			narrow(kind, out.I32[:n])
		}
	case column.FormI64:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			for i, x := range args[0].I64[:n] {
				out.I64[i] = -x
			}
		}
	case column.FormF32:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			for i, x := range args[0].F32[:n] {
				out.F32[i] = -x
			}
		}
	case column.FormF64:
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			for i, x := range args[0].F64[:n] {
				out.F64[i] = -x
			}
		}
	}
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		out.SetDecimal(i, args[0].Decimal(i).Neg())
		return true
	})(c)
}

// copyKernel gives the argument itself.
func copyKernel(c *expr.Call) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		out.Reset()
		for i := range n {
			out.AppendFrom(args[0], i)
		}
	}
}
