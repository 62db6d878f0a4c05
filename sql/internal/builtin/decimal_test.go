package builtin

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// decimals are a vector of a drawn type, with drawn values.
func decimals(t *rapid.T, n int) *column.Vector {
	precision := rapid.IntRange(1, row.MaxPrecision).Draw(t, "precision")
	v := column.New(row.DecimalOf(precision, rapid.IntRange(0, precision).Draw(t, "scale")))
	for range n {
		digits := rapid.IntRange(1, precision).Draw(t, "digits")
		x, _ := new(big.Int).SetString(rapid.StringMatching(`[0-9]{38}`).Draw(t, "value")[:digits], 10)
		if rapid.Bool().Draw(t, "negative") {
			x.Neg(x)
		}
		d, _ := column.Int128FromBig(x)
		v.AppendDecimal(d)
	}
	return v
}

func rat(v *column.Vector, i int) *big.Rat {
	return new(big.Rat).SetFrac(v.Decimal(i).Big(), power(v.Type.Scale))
}

func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// Operations on DECIMALs give the exact result, rounded half away from zero to the scale of their type, and NULL
// where that has too few digits.
func TestDecimalArithmeticIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 3
		a, b := decimals(t, n), decimals(t, n)
		op := rapid.SampledFrom([]string{"+", "-", "*", "/"}).Draw(t, "op")
		for i := range n {
			if op == "/" && b.Decimal(i).IsZero() {
				b.SetDecimal(i, column.Int128From(1))
			}
		}
		args := []expr.Expr{&expr.Input{T: a.Type}, &expr.Input{Index: 1, T: b.Type}}
		call, err := Lookup(op).Call(ast.Span{}, args)
		if err != nil {
			t.Fatal(err)
		}
		got, err := expr.Compile(call).Eval(&expr.Context{}, &column.Batch{N: n, Cols: []*column.Vector{a, b}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			x, y := rat(a, i), rat(b, i)
			switch op {
			case "+":
				x.Add(x, y)
			case "-":
				x.Sub(x, y)
			case "*":
				x.Mul(x, y)
			case "/":
				x.Quo(x, y)
			}
			x.Mul(x, new(big.Rat).SetInt(power(call.T.Scale)))
			want := roundBig(x.Num(), x.Denom())
			fits := len(new(big.Int).Abs(want).String()) <= call.T.Precision
			if got.IsNull(i) == fits || fits && got.Decimal(i).Big().Cmp(want) != 0 {
				t.Fatalf("%s %s %s as %s is %v, want %v", rat(a, i), op, rat(b, i), call.T, got.Decimal(i), want)
			}
		}
	})
}
