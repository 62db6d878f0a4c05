package builtin

import (
	"math"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	for _, f := range []struct {
		name, doc string
		f         func(x float64) float64
	}{
		{"SQRT", "The square root; NaN for what is less than 0.", math.Sqrt},
		{"EXP", "e to the power of x.", math.Exp},
		{"LN", "The natural logarithm.", math.Log},
		{"LOG10", "The logarithm to base 10.", math.Log10},
		{"LOG2", "The logarithm to base 2.", func(x float64) float64 { return math.Log(x) / math.Ln2 }},
		{"SIN", "The sine of an angle in radians.", math.Sin},
		{"COS", "The cosine of an angle in radians.", math.Cos},
		{"TAN", "The tangent of an angle in radians.", math.Tan},
		{"COT", "The cotangent of an angle in radians.", func(x float64) float64 { return 1 / math.Tan(x) }},
		{"ASIN", "The arc sine, in radians.", math.Asin},
		{"ACOS", "The arc cosine, in radians.", math.Acos},
		{"ATAN", "The arc tangent, in radians.", math.Atan},
		{"SINH", "The hyperbolic sine.", math.Sinh},
		{"COSH", "The hyperbolic cosine.", math.Cosh},
		{"TANH", "The hyperbolic tangent.", math.Tanh},
		{"DEGREES", "Radians in degrees.", func(x float64) float64 { return x * (180 / math.Pi) }},
		{"RADIANS", "Degrees in radians.", func(x float64) float64 { return x / 180 * math.Pi }},
	} {
		add("math", &Def{
			Func:  expr.Func{Name: f.name, Strict: true, Total: true, Compile: doubles(func(x, _ float64) float64 { return f.f(x) })},
			Typed: true,
			Doc:   f.doc, Args: []Arg{{"x", Numeric, false}}, Result: isDouble,
		})
	}
	two := func(a, b string) []Arg { return []Arg{{a, Numeric, false}, {b, Numeric, false}} }
	add("math",
		&Def{
			Func:  expr.Func{Name: "POWER", Strict: true, Total: true, Compile: doubles(math.Pow)},
			Typed: true,
			Doc:   "x to the power of y.", Args: two("x", "y"), Result: isDouble,
		},
		&Def{
			Func:  expr.Func{Name: "ATAN2", Strict: true, Total: true, Compile: doubles(math.Atan2)},
			Typed: true,
			Doc:   "The angle of the point (x, y), in radians.", Args: two("y", "x"), Result: isDouble,
		},
		&Def{
			Func:  expr.Func{Name: "LOG", Strict: true, Total: true, Compile: logKernel},
			Typed: true,
			Doc:   "The natural logarithm of a number, or with two arguments the logarithm to the base of the first.",
			Args:  []Arg{{"base or x", Numeric, false}, {"x", Numeric, true}}, Result: isDouble,
		},
		&Def{Func: expr.Func{Name: "PI", Strict: true, Total: true, Compile: constant(math.Pi)}, Doc: "π.", Result: isDouble},
		&Def{Func: expr.Func{Name: "E", Strict: true, Total: true, Compile: constant(math.E)}, Doc: "The base of the natural logarithm.", Result: isDouble},
		&Def{
			Func:  expr.Func{Name: "ABS", Strict: true, Total: true, Compile: absKernel},
			Typed: true,
			Doc:   "The number or interval without its sign.", Args: []Arg{{"x", signed, false}}, Result: As(0),
		},
		&Def{
			Func:  expr.Func{Name: "SIGN", Strict: true, Total: true, Compile: signKernel},
			Typed: true,
			Doc:   "-1, 0 or 1, for a number that is less than 0, 0, or greater.", Args: []Arg{{"x", Numeric, false}}, Result: As(0),
		},
		&Def{
			Func: expr.Func{Name: "BIN", Strict: true, Compile: appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
				out.Data = strconv.AppendUint(out.Data, uint64(wholeAt(args[0], i)), 2)
				return true
			})},
			Typed: true,
			Doc:   "The whole number in binary; one that is less than 0 has 64 digits.",
			Args:  []Arg{{"n", integerAsItIs, false}}, Result: isString,
		},
		&Def{
			Func:  expr.Func{Name: "HEX", Strict: true, Compile: hexKernel},
			Typed: true,
			Doc:   "The whole number, or the bytes of the text, in upper-case hexadecimal; a number less than 0 has 16 digits.",
			Args:  []Arg{{"x", Class{"<INTEGER> or <CHARACTER>", func(t *row.Type) bool { return t.IsInteger() || t.IsText() }, stay}, false}}, Result: isString,
		},
		&Def{
			Func: expr.Func{Name: "UNHEX", Strict: true, Compile: appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
				return appendUnhex(args[0].Bytes(i), out)
			})},
			Doc: "The bytes of a hexadecimal text, NULL if it has another character. The first of an odd number of digits " +
				"is a byte 0, as in Flink.",
			Args: []Arg{{"s", Text, false}}, Result: Is(row.BytesType()), Nullable: true,
		},
	)
}

// doubles is a function of one or two numbers.
func doubles(f func(x, y float64) float64) func(*expr.Call) expr.Kernel {
	return func(*expr.Call) expr.Kernel {
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			for i := range n {
				if !out.Valid.Has(i) {
					continue
				}
				y := 0.0
				if len(args) > 1 {
					y = floatOf(args[1], i)
				}
				out.F64[i] = f(floatOf(args[0], i), y)
			}
		}
	}
}

func logKernel(c *expr.Call) expr.Kernel {
	if len(c.Args) == 1 {
		return doubles(func(x, _ float64) float64 { return math.Log(x) })(c)
	}
	return doubles(func(base, x float64) float64 { return math.Log(x) / math.Log(base) })(c)
}

func constant(x float64) func(*expr.Call) expr.Kernel {
	return func(*expr.Call) expr.Kernel {
		return func(_ *expr.Context, n int, _ []*column.Vector, out *column.Vector) {
			for i := range n {
				out.F64[i] = x
			}
		}
	}
}

func absKernel(c *expr.Call) expr.Kernel {
	kind := c.T.Kind
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		switch v := args[0]; column.FormOf(c.T) {
		case column.FormF32:
			out.F32[i] = float32(math.Abs(float64(v.F32[i])))
		case column.FormF64:
			out.F64[i] = math.Abs(v.F64[i])
		case column.FormDecimal:
			d := v.Decimal(i)
			if d.Sign() < 0 {
				d = d.Neg()
			}
			out.SetDecimal(i, d)
		default:
			x := wholeAt(v, i)
			if x < 0 {
				x = -x
			}
			setWhole(out, i, x)
			narrowAt(kind, out, i)
		}
		return true
	})(c)
}

// narrowAt wraps number i around in the width of its type.
func narrowAt(k row.Kind, v *column.Vector, i int) {
	if column.FormOf(v.Type) == column.FormI32 {
		narrow(k, v.I32[i:i+1])
	}
}

func signKernel(c *expr.Call) expr.Kernel {
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		switch v := args[0]; column.FormOf(c.T) {
		case column.FormF32:
			out.F32[i] = float32(signOf(float64(v.F32[i])))
		case column.FormF64:
			out.F64[i] = signOf(v.F64[i])
		case column.FormDecimal:
			one, _ := column.Int128From(int64(v.Decimal(i).Sign())).Mul(column.PowersOf10[c.T.Scale])
			out.SetDecimal(i, one)
		default:
			setWhole(out, i, int64(signOf(float64(wholeAt(v, i)))))
		}
		return true
	})(c)
}

func signOf(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}

func hexKernel(c *expr.Call) expr.Kernel {
	isText := c.Args[0].Type().IsText()
	return appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		const digits = "0123456789ABCDEF"
		if isText {
			for _, b := range args[0].Bytes(i) {
				out.Data = append(out.Data, digits[b>>4], digits[b&15])
			}
			return true
		}
		x := uint64(wholeAt(args[0], i))
		shift := 60
		for shift > 0 && x>>shift == 0 {
			shift -= 4
		}
		for ; shift >= 0; shift -= 4 {
			out.Data = append(out.Data, digits[x>>shift&15])
		}
		return true
	})(c)
}

func appendUnhex(s []byte, out *column.Vector) bool {
	digit := func(c byte) int { return strings.IndexByte("0123456789abcdef", c|0x20) }
	for _, c := range s {
		if digit(c) < 0 || c < '0' {
			return false
		}
	}
	if len(s)%2 == 1 {
		out.Data = append(out.Data, 0)
		s = s[1:]
	}
	for ; len(s) > 0; s = s[2:] {
		out.Data = append(out.Data, byte(digit(s[0])<<4|digit(s[1])))
	}
	return true
}
