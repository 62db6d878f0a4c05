package valuetext

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/flott-dev/flott/column"
)

// TestDecimal compares with big numbers.
func TestDecimal(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		var b strings.Builder
		b.WriteString([]string{"", "-", "+"}[r.IntN(3)])
		digits := func(n int) {
			for range n {
				b.WriteByte('0' + byte(r.IntN(10)))
			}
		}
		digits(r.IntN(22))
		if r.IntN(2) == 0 {
			b.WriteByte('.')
			digits(r.IntN(22))
		}
		if r.IntN(4) == 0 {
			b.WriteString([]string{"e", "E-", "e+"}[r.IntN(3)])
			digits(r.IntN(3))
		}
		precision := 1 + r.IntN(38)
		scale := r.IntN(precision + 1)
		check(t, b.String(), precision, scale)
	}
	for _, s := range []string{"", ".", "-", "1e", "e1", "1e99999999999", "1.5e-2147483648", "1e2147483647", "0e2147483647", "0x1", "1_0", " 1"} {
		check(t, s, 5, 2)
	}
}

func check(t *testing.T, s string, precision, scale int) {
	d, null, ok := Decimal([]byte(s), precision, scale)
	exponent, tooLarge := "0", false
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent = s[i+1:]
		n, valid := Int([]byte(exponent), 32)
		tooLarge = valid && (n > 1000 || n < -1000)
	}
	if tooLarge { // big.Rat would take for ever
		return
	}
	want, valid := new(big.Rat).SetString(s)
	valid = valid && !strings.ContainsAny(s, "x_/ ")
	if valid != ok {
		t.Fatalf("%q: %v, want %v", s, ok, valid)
	}
	if !ok {
		return
	}
	want.Mul(want, new(big.Rat).SetInt(column.PowersOf10[scale].Big()))
	half := big.NewRat(1, 2)
	sign := want.Sign()
	want.Abs(want).Add(want, half)
	n := new(big.Int).Quo(want.Num(), want.Denom())
	if n.Cmp(column.PowersOf10[precision].Big()) >= 0 {
		if !null {
			t.Fatalf("%q as DECIMAL(%d, %d) is %v, want NULL", s, precision, scale, d)
		}
		return
	}
	if sign < 0 {
		n.Neg(n)
	}
	if null || d.Big().Cmp(n) != 0 {
		t.Fatalf("%q as DECIMAL(%d, %d) is %v (NULL: %v), want %v", s, precision, scale, d, null, n)
	}
}

func TestAppendDecimal(t *testing.T) {
	for _, c := range []struct {
		d      int64
		scale  int
		plain  bool
		result string
	}{
		{120, 2, false, "1.2"},
		{0, 2, false, "0"},
		{10000, 2, false, "1E+2"},
		{10000, 2, true, "100"},
		{-5, 3, true, "-0.005"},
		{1, 7, false, "1E-7"},
		{1, 6, false, "0.000001"},
		{1, 7, true, "0.0000001"},
		{120, 0, false, "1.2E+2"},
		{120, 0, true, "120"},
		{12, 8, false, "1.2E-7"},
	} {
		if got := string(AppendDecimal(nil, column.Int128From(c.d), c.scale, c.plain)); got != c.result {
			t.Errorf("%d of scale %d: %s, want %s", c.d, c.scale, got, c.result)
		}
	}
}

func TestBase64(t *testing.T) {
	for in, want := range map[string]string{"": "", "Cv8=": "\n\xff", "Cg==": "\n", " Cv8= ": "\n\xff", "QUJD\nREVG": "ABCDEF"} {
		if got, ok := Base64(nil, []byte(in)); !ok || string(got) != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{"C", "Cv8", "Cv8=x", "C v8=", "=v8=", "Cv=8", "_-8="} {
		if _, ok := Base64(nil, []byte(in)); ok {
			t.Errorf("%q is read", in)
		}
	}
}
