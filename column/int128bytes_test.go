package column

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// TestInt128Bytes compares with math/big.
func TestInt128Bytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes")
		want := new(big.Int).SetBytes(b)
		if len(b) > 0 && b[0] >= 0x80 {
			want.Sub(want, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		_, fits := Int128FromBig(want)
		x, ok := Int128FromBytes(b)
		if ok != fits || ok && x.Big().Cmp(want) != 0 {
			t.Fatalf("%x is %v (%v), want %v (%v)", b, x, ok, want, fits)
		}
		if !ok {
			return
		}
		all := x.Bytes()
		if y, ok := Int128FromBytes(all[:]); !ok || y != x {
			t.Fatalf("%v is read as %v", x, y)
		}
		precision := rapid.IntRange(1, 38).Draw(t, "precision")
		if x.Fits(precision) != (x.Digits() <= precision) {
			t.Fatalf("%v fits into %d digits: %v", x, precision, x.Fits(precision))
		}
	})
}
