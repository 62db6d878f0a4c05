package builtin

import (
	"math"
	"strconv"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// castNumber casts numbers, and BOOLEAN, to numbers. Whole numbers wrap around; floating-point ones are cut off, and are
// the least or the largest where they are beyond; DECIMAL rounds halves away from zero, and is NULL where it
// has too few digits.
func castNumber(from, to *row.Type) caster {
	switch {
	case to.Kind == row.Decimal:
		return toDecimal
	case to.IsInteger():
		return toInteger
	case to.Kind == row.Float:
		return func(_ *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
			out.F32[i] = float32(floatOf(in, i))
			return castOK
		}
	}
	return func(_ *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
		out.F64[i] = floatOf(in, i)
		return castOK
	}
}

// floatOf is a number as a DOUBLE.
func floatOf(v *column.Vector, i int) float64 {
	switch column.FormOf(v.Type) {
	case column.FormBool:
		return float64(boolInt(v.Bools[i]))
	case column.FormI32:
		return float64(v.I32[i])
	case column.FormI64:
		return float64(v.I64[i])
	case column.FormF32:
		return float64(v.F32[i])
	case column.FormF64:
		return v.F64[i]
	}
	f, _ := strconv.ParseFloat(string(appendDecimal(nil, v.Decimal(i), v.Type.Scale)), 64)
	return f
}

func toInteger(_ *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
	switch column.FormOf(in.Type) {
	case column.FormBool:
		setInteger(out, i, int64(boolInt(in.Bools[i])))
	case column.FormI32:
		setInteger(out, i, int64(in.I32[i]))
	case column.FormI64:
		setInteger(out, i, in.I64[i])
	case column.FormDecimal:
		whole, _ := in.Decimal(i).DivRem(column.PowersOf10[in.Type.Scale])
		setInteger(out, i, int64(whole.Lo))
	default:
		setInteger(out, i, saturate(floatOf(in, i), out.Type.Kind))
	}
	return castOK
}

// saturate cuts a number off. TINYINT and SMALLINT go by way of INT, as in Java.
func saturate(f float64, k row.Kind) int64 {
	least, most := integerRange(max(k, row.Int))
	switch {
	case math.IsNaN(f):
		return 0
	case f <= float64(least):
		return least
	case f >= float64(most):
		return most
	}
	return int64(f)
}

func toDecimal(_ *expr.Context, in *column.Vector, i int, out *column.Vector) outcome {
	ok := false
	switch column.FormOf(in.Type) {
	case column.FormBool:
		ok = setDecimal(out, i, column.Int128From(int64(boolInt(in.Bools[i]))), 0)
	case column.FormI32:
		ok = setDecimal(out, i, column.Int128From(int64(in.I32[i])), 0)
	case column.FormI64:
		ok = setDecimal(out, i, column.Int128From(in.I64[i]), 0)
	case column.FormDecimal:
		ok = setDecimal(out, i, in.Decimal(i), in.Type.Scale)
	default:
		f := floatOf(in, i)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return castBad
		}
		bits := 64
		if in.Type.Kind == row.Float {
			bits = 32
		}
		unscaled, scale, _ := parseDecimal(strconv.FormatFloat(f, 'e', -1, bits))
		ok = setBig(out, i, unscaled, scale)
	}
	if !ok {
		return castNull
	}
	return castOK
}
