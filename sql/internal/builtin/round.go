package builtin

import (
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	for _, up := range []bool{false, true} {
		name, aliases := "FLOOR", []string(nil)
		doc := "The greatest whole number that is not greater, or the beginning of the unit that a time is in: FLOOR(t TO DAY). " +
			"Weeks begin on Sunday."
		if up {
			name, aliases = "CEIL", []string{"CEILING"}
			doc = "The least whole number that is not less, or the beginning of the next unit of a time, if it is not at the beginning " +
				"of one: CEIL(t TO DAY)."
		}
		add("math", &Def{
			Func: expr.Func{Name: name, Strict: true, Total: true, Compile: func(c *expr.Call) expr.Kernel {
				if len(c.Args) == 2 {
					return timeFloorKernel(up, c)
				}
				return floorKernel(up, c)
			}},
			Aliases: aliases,
			Typed:   true,
			Doc:     doc,
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				if len(args) == 2 {
					return inferTimeFloor(name, args)
				}
				if len(args) != 1 || !args[0].Type().IsNumeric() {
					return nil, nil, fmt.Errorf("%s takes a number, or a time and a unit: %s(t TO DAY)", name, name)
				}
				t := args[0].Type()
				if t.Kind == row.Decimal {
					t = row.DecimalOf(t.Precision, 0).Nullable(!t.NotNull)
				}
				return args, t, nil
			},
		})
	}
	for _, cut := range []bool{false, true} {
		name, doc := "ROUND", "The number with so many decimals, or none; halves are rounded away from zero. A negative number of decimals rounds before the point."
		if cut {
			name, doc = "TRUNCATE", "The number with so many decimals, or none, without the others."
		}
		add("math", &Def{
			Func:   expr.Func{Name: name, Strict: true, Total: true, Compile: func(c *expr.Call) expr.Kernel { return roundKernel(cut, c) }},
			Typed:  true,
			Doc:    doc,
			Args:   []Arg{{"x", Numeric, false}, {"decimals", Int, true}},
			Result: roundResult,
		})
	}
}

func floorKernel(up bool, c *expr.Call) expr.Kernel {
	f := math.Floor
	if up {
		f = math.Ceil
	}
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		switch v := args[0]; column.FormOf(c.T) {
		case column.FormF32:
			out.F32[i] = float32(f(float64(v.F32[i])))
		case column.FormF64:
			out.F64[i] = f(v.F64[i])
		case column.FormDecimal:
			q, r := v.Decimal(i).DivRem(column.PowersOf10[v.Type.Scale])
			if up && r.Sign() > 0 {
				q, _ = q.Add(column.Int128From(1))
			} else if !up && r.Sign() < 0 {
				q, _ = q.Sub(column.Int128From(1))
			}
			out.SetDecimal(i, q)
		default:
			setWhole(out, i, wholeAt(v, i))
		}
		return true
	})(c)
}

// roundResult is the type of a rounded number. That of a DECIMAL has room for one more digit before the point.
func roundResult(args []expr.Expr) *row.Type {
	t := args[0].Type().Plain()
	if t.Kind != row.Decimal {
		return t
	}
	decimals := int64(0)
	if len(args) > 1 {
		n, ok := constantInt(args[1])
		if !ok {
			return t
		}
		decimals = n
	}
	if decimals >= int64(t.Scale) {
		return t
	}
	scale := int(max(decimals, 0))
	return row.DecimalOf(min(row.MaxPrecision, 1+t.Precision-t.Scale+scale), scale)
}

func roundKernel(cut bool, c *expr.Call) expr.Kernel {
	kind := c.T.Kind
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		decimals := 0
		if len(args) > 1 {
			decimals = int(args[1].I32[i])
		}
		switch v := args[0]; column.FormOf(c.T) {
		case column.FormF32:
			out.F32[i] = float32(roundFloat(float64(v.F32[i]), decimals, 32, cut))
		case column.FormF64:
			out.F64[i] = roundFloat(v.F64[i], decimals, 64, cut)
		case column.FormDecimal:
			return roundDecimal(out, i, v.Decimal(i), v.Type.Scale, decimals, cut)
		default:
			setWhole(out, i, roundWhole(wholeAt(v, i), decimals, cut))
			narrowAt(kind, out, i)
		}
		return true
	})(c)
}

func roundWhole(x int64, decimals int, cut bool) int64 {
	if decimals >= 0 {
		return x
	}
	if decimals < -18 {
		return 0
	}
	power := int64(1)
	for range -decimals {
		power *= 10
	}
	q, r := x/power, x%power
	if !cut && r >= power-r && r > 0 {
		q++
	} else if !cut && -r >= power+r && r < 0 {
		q--
	}
	return q * power
}

// roundFloat rounds the decimal digits that a number is written with, as Flink does: 1.005 is 1.01 then.
func roundFloat(x float64, decimals, bits int, cut bool) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) || x == 0 {
		return x
	}
	var buf [32]byte
	digits := strconv.AppendFloat(buf[:0], math.Abs(x), 'e', -1, bits)
	m, exponent, point := uint64(0), 0, false
	for i, c := range digits {
		switch {
		case c == 'e':
			n, _ := strconv.Atoi(string(digits[i+1:]))
			exponent += n
			digits = nil
		case c == '.':
			point = true
		case digits != nil:
			m = m*10 + uint64(c-'0')
			if point {
				exponent--
			}
		}
		if digits == nil {
			break
		}
	}
	drop := -exponent - decimals
	if drop <= 0 {
		return x
	}
	if drop > 18 {
		return 0
	}
	power := uint64(1)
	for range drop {
		power *= 10
	}
	if !cut {
		m += power / 2
	}
	digits = append(strconv.AppendUint(buf[:0], m/power, 10), 'e')
	y, _ := strconv.ParseFloat(string(strconv.AppendInt(digits, int64(-decimals), 10)), bits)
	if x < 0 && y > 0 {
		return -y
	}
	return y
}

func roundDecimal(out *column.Vector, i int, d column.Int128, scale, decimals int, cut bool) bool {
	drop := scale - decimals
	if drop <= 0 {
		return setDecimal(out, i, d, scale)
	}
	if drop >= len(column.PowersOf10) {
		out.SetDecimal(i, column.Int128{})
		return true
	}
	power := column.PowersOf10[drop]
	q, r := d.DivRem(power)
	if !cut {
		q = roundHalf(q, r, power, d.Sign())
	}
	if decimals >= 0 {
		return setDecimal(out, i, q, decimals)
	}
	return setBig(out, i, new(big.Int).Mul(q.Big(), column.PowersOf10[-decimals].Big()), 0)
}
