package column

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// int128s draws numbers of all lengths, and those at the edges.
func int128s() *rapid.Generator[Int128] {
	return rapid.Custom(func(t *rapid.T) Int128 {
		x := Int128{rapid.Int64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")}
		switch rapid.IntRange(0, 3).Draw(t, "length") {
		case 0:
			return Int128From(int64(x.Lo))
		case 1:
			return Int128From(int64(x.Lo % 100))
		case 2:
			return PowersOf10[x.Lo%39]
		}
		return x
	})
}

func TestInt128(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := int128s().Draw(t, "x"), int128s().Draw(t, "y")
		bx, by := x.Big(), y.Big()
		check := func(what string, got Int128, ok bool, want *big.Int) {
			fits := want.IsInt64() || want.BitLen() <= 127 || want.Cmp(minInt128) == 0
			if ok != fits || ok && got.Big().Cmp(want) != 0 {
				t.Fatalf("%v %s %v is %v, %v; want %v", x, what, y, got, ok, want)
			}
		}
		sum, ok := x.Add(y)
		check("+", sum, ok, new(big.Int).Add(bx, by))
		d, ok := x.Sub(y)
		check("-", d, ok, new(big.Int).Sub(bx, by))
		p, ok := x.Mul(y)
		if want := new(big.Int).Mul(bx, by); want.Cmp(minInt128) != 0 {
			check("*", p, ok, want)
		}
		if got := x.Cmp(y); got != bx.Cmp(by) {
			t.Fatalf("%v and %v compare as %d", x, y, got)
		}
		if !y.IsZero() && bx.Cmp(minInt128) != 0 {
			q, r := x.DivRem(y)
			wq, wr := new(big.Int).QuoRem(bx, by, new(big.Int))
			check("/", q, true, wq)
			check("%", r, true, wr)
		}
		if back, ok := Int128FromBig(bx); bx.Cmp(minInt128) != 0 && (!ok || back != x) {
			t.Fatalf("%v comes back as %v", x, back)
		}
		if bx.Cmp(minInt128) != 0 {
			if want := len(new(big.Int).Abs(bx).String()); x.Digits() != want {
				t.Fatalf("%v has %d digits", x, x.Digits())
			}
		}
	})
}

var minInt128 = new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 127))

func TestWide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y, z := int128s().Draw(t, "x"), int128s().Draw(t, "y"), int128s().Draw(t, "z")
		if rapid.Bool().Draw(t, "near") { // quotients whose upper words are those of the divisor
			z, _ = y.Add(Int128From(int64(rapid.IntRange(-2, 2).Draw(t, "apart"))))
		}
		if z.IsZero() {
			return
		}
		got, ok := x.MulWide(y).DivRound(z)
		want := new(big.Int).Mul(x.Big(), y.Big())
		by := new(big.Int).Abs(z.Big())
		want.Abs(want).Lsh(want, 1).Add(want, by).Quo(want, by.Lsh(by, 1)) // (2xy + z) / 2z
		if fits := want.BitLen() <= 127; ok != fits || ok && got.Big().Cmp(want) != 0 {
			t.Fatalf("%v * %v / %v is %v, %v; want %v", x, y, z, got, ok, want)
		}
	})
}
