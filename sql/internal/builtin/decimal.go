package builtin

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// rescale changes the scale of an unscaled value, rounding halves away from zero; ok is false if 128 bits are
// not enough.
func rescale(x column.Int128, from, to int) (y column.Int128, ok bool) {
	switch {
	case from == to:
		return x, true
	case to > from:
		if to-from >= len(column.PowersOf10) {
			return x, x.IsZero()
		}
		return x.Mul(column.PowersOf10[to-from])
	case from-to >= len(column.PowersOf10):
		return column.Int128{}, true
	}
	q, r := x.DivRem(column.PowersOf10[from-to])
	return roundHalf(q, r, column.PowersOf10[from-to], x.Sign()), true
}

// roundHalf rounds a quotient by what is left of the division.
func roundHalf(q, r, divisor column.Int128, sign int) column.Int128 {
	if r.Sign() < 0 {
		r = r.Neg()
	}
	if divisor.Sign() < 0 {
		divisor = divisor.Neg()
	}
	rest, _ := divisor.Sub(r)
	if r.Cmp(rest) < 0 {
		return q
	}
	q, _ = q.Add(column.Int128From(int64(sign)))
	return q
}

// fitsPrecision reports whether an unscaled value has no more digits than a precision.
func fitsPrecision(x column.Int128, precision int) bool {
	if x.Sign() < 0 {
		x = x.Neg()
	}
	return x.Sign() >= 0 && x.Cmp(column.PowersOf10[precision]) < 0
}

// setDecimal sets value i to an unscaled value of another scale, and reports false where it has too many
// digits: it is NULL then, never an error.
func setDecimal(out *column.Vector, i int, x column.Int128, scale int) bool {
	y, ok := rescale(x, scale, out.Type.Scale)
	if !ok || !fitsPrecision(y, out.Type.Precision) {
		return false
	}
	out.SetDecimal(i, y)
	return true
}

// setBig is setDecimal for what 128 bits may not be enough for.
func setBig(out *column.Vector, i int, x *big.Int, scale int) bool {
	if d := scale - out.Type.Scale; d > 0 {
		power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d)), nil)
		x = roundBig(x, power)
	} else if d < 0 {
		x = new(big.Int).Mul(x, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-d)), nil))
	}
	y, ok := column.Int128FromBig(x)
	if !ok || !fitsPrecision(y, out.Type.Precision) {
		return false
	}
	out.SetDecimal(i, y)
	return true
}

// roundBig is x / y, rounding halves away from zero.
func roundBig(x, y *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(x, y, new(big.Int))
	r.Abs(r).Lsh(r, 1)
	if r.CmpAbs(y) >= 0 {
		q.Add(q, big.NewInt(int64(x.Sign()*y.Sign())))
	}
	return q
}

// decimalKernel is an operation on DECIMALs. Where 64 bits are enough, as nearly always, + - and * are loops
// over plain numbers.
func decimalKernel(op string, t *row.Type) expr.Kernel {
	slow := decimalRows(op)
	return func(c *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		a, b := args[0], args[1]
		scale := max(a.Type.Scale, b.Type.Scale)
		if op == "*" {
			scale = a.Type.Scale + b.Type.Scale
		}
		done := 0
		if a.Hi == nil && b.Hi == nil && scale == t.Scale {
			x, y, to := a.I64[:n], b.I64[:n], out.I64[:n]
			limit := int64(math.MaxInt64)
			if t.Precision <= 18 {
				limit = int64(column.PowersOf10[t.Precision].Lo) - 1
			}
			same := a.Type.Scale == b.Type.Scale
			switch {
			case op == "*":
				done = multiply64(to, x, y, limit)
			case op == "+" && same:
				done = add64(to, x, y, 1, limit)
			case op == "-" && same:
				done = add64(to, x, y, -1, limit)
			}
		}
		slow(done, n, args, out)
	}
}

// multiply64 multiplies up to the first product that is beyond the limit, and returns how many it did.
func multiply64(to, x, y []int64, limit int64) int {
	for i := range to {
		hi, lo := bits.Mul64(uint64(x[i]), uint64(y[i]))
		// The product of the unsigned numbers, made that of the signed ones.
		hi -= uint64(x[i]>>63)&uint64(y[i]) + uint64(y[i]>>63)&uint64(x[i])
		p := int64(lo)
		if int64(hi) != p>>63 || p > limit || p < -limit {
			return i
		}
		to[i] = p
	}
	return len(to)
}

// add64 is multiply64 for x + y or, with a sign of -1, x - y.
func add64(to, x, y []int64, sign, limit int64) int {
	for i := range to {
		b := y[i] * sign
		s := x[i] + b
		if (x[i]^s)&(b^s) < 0 || s > limit || s < -limit || y[i] == math.MinInt64 {
			return i
		}
		to[i] = s
	}
	return len(to)
}

// decimalRows is an operation on DECIMALs row by row, from a row on.
func decimalRows(op string) func(from, n int, args []*column.Vector, out *column.Vector) {
	row := map[string]decimalRow{"*": multiplyDecimal, "/": divideDecimal, "%": restDecimal, "+": addDecimal, "-": subtractDecimal}[op]
	return func(from, n int, args []*column.Vector, out *column.Vector) {
		sa, sb := args[0].Type.Scale, args[1].Type.Scale
		for i := from; i < n; i++ {
			if out.Valid.Has(i) && !row(out, i, args[0].Decimal(i), args[1].Decimal(i), sa, sb) {
				out.SetNull(i)
			}
		}
	}
}

// decimalRow sets value i to that of an operation on a and b of the scales sa and sb; false is NULL.
type decimalRow func(out *column.Vector, i int, a, b column.Int128, sa, sb int) bool

func multiplyDecimal(out *column.Vector, i int, a, b column.Int128, sa, sb int) bool {
	if p, ok := a.Mul(b); ok {
		return setDecimal(out, i, p, sa+sb)
	}
	if down := sa + sb - out.Type.Scale; down >= 0 && down < len(column.PowersOf10) {
		return setWide(out, i, a.MulWide(b), column.PowersOf10[down], a.Sign() != b.Sign())
	}
	return setBig(out, i, new(big.Int).Mul(a.Big(), b.Big()), sa+sb)
}

// setWide sets value i to x / y, rounded, and reports false where it has too many digits.
func setWide(out *column.Vector, i int, x column.Wide, y column.Int128, negative bool) bool {
	q, ok := x.DivRound(y)
	if !ok || !fitsPrecision(q, out.Type.Precision) {
		return false
	}
	if negative {
		q = q.Neg()
	}
	out.SetDecimal(i, q)
	return true
}

func addDecimal(out *column.Vector, i int, a, b column.Int128, sa, sb int) bool {
	scale := max(sa, sb)
	x, okA := rescale(a, sa, scale)
	y, okB := rescale(b, sb, scale)
	if sum, ok := x.Add(y); ok && okA && okB {
		return setDecimal(out, i, sum, scale)
	}
	return bigDecimal("+", out, i, a, b, sa, sb)
}

func subtractDecimal(out *column.Vector, i int, a, b column.Int128, sa, sb int) bool {
	scale := max(sa, sb)
	x, okA := rescale(a, sa, scale)
	y, okB := rescale(b, sb, scale)
	if d, ok := x.Sub(y); ok && okA && okB {
		return setDecimal(out, i, d, scale)
	}
	return bigDecimal("-", out, i, a, b, sa, sb)
}

func restDecimal(out *column.Vector, i int, a, b column.Int128, sa, sb int) bool {
	if b.IsZero() {
		expr.Fail(i, "division by zero")
	}
	scale := max(sa, sb)
	x, okA := rescale(a, sa, scale)
	y, okB := rescale(b, sb, scale)
	if !okA || !okB {
		return bigDecimal("%", out, i, a, b, sa, sb)
	}
	_, r := x.DivRem(y)
	return setDecimal(out, i, r, scale)
}

// bigDecimal adds, subtracts and divides with rest where 128 bits are not enough.
func bigDecimal(op string, out *column.Vector, i int, a, b column.Int128, sa, sb int) bool {
	scale := max(sa, sb)
	power := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
	x, y := a.Big(), b.Big()
	x.Mul(x, power(scale-sa))
	y.Mul(y, power(scale-sb))
	switch op {
	case "+":
		x.Add(x, y)
	case "-":
		x.Sub(x, y)
	default:
		x.Rem(x, y)
	}
	return setBig(out, i, x, scale)
}

// divideDecimal sets value i to the quotient, rounded to the scale of the result.
func divideDecimal(out *column.Vector, i int, a, b column.Int128, sa, sb int) bool {
	if b.IsZero() {
		expr.Fail(i, "division by zero")
	}
	up := out.Type.Scale - sa + sb // a * 10^up / b has the scale of the result
	if up >= 0 && up < len(column.PowersOf10) {
		return setWide(out, i, a.MulWide(column.PowersOf10[up]), b, a.Sign()*b.Sign() < 0)
	}
	x, y := a.Big(), b.Big()
	if up >= 0 {
		x.Mul(x, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(up)), nil))
	} else {
		y.Mul(y, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-up)), nil))
	}
	return setBig(out, i, roundBig(x, y), out.Type.Scale)
}
