package column

import (
	"math/big"
	"math/bits"
)

// Int128 is a signed number of 128 bits in two's complement: the unscaled value of a DECIMAL.
type Int128 struct {
	Hi int64
	Lo uint64
}

// Int128From is a number of 64 bits.
func Int128From(x int64) Int128 { return Int128{x >> 63, uint64(x)} }

// IsInt64 reports whether 64 bits are enough.
func (x Int128) IsInt64() bool { return x.Hi == int64(x.Lo)>>63 }

// IsZero reports whether x is 0.
func (x Int128) IsZero() bool { return x.Hi == 0 && x.Lo == 0 }

// Sign is -1, 0 or 1.
func (x Int128) Sign() int {
	switch {
	case x.Hi < 0:
		return -1
	case x.IsZero():
		return 0
	}
	return 1
}

// Neg is -x.
func (x Int128) Neg() Int128 {
	lo, borrow := bits.Sub64(0, x.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(x.Hi), borrow)
	return Int128{int64(hi), lo}
}

// Add is x + y, wrapped around; ok is false if it was.
func (x Int128) Add(y Int128) (sum Int128, ok bool) {
	lo, carry := bits.Add64(x.Lo, y.Lo, 0)
	hi, _ := bits.Add64(uint64(x.Hi), uint64(y.Hi), carry)
	sum = Int128{int64(hi), lo}
	return sum, (x.Hi < 0) != (y.Hi < 0) || (sum.Hi < 0) == (x.Hi < 0)
}

// Sub is x - y, wrapped around; ok is false if it was.
func (x Int128) Sub(y Int128) (difference Int128, ok bool) {
	lo, borrow := bits.Sub64(x.Lo, y.Lo, 0)
	hi, _ := bits.Sub64(uint64(x.Hi), uint64(y.Hi), borrow)
	d := Int128{int64(hi), lo}
	return d, (x.Hi < 0) == (y.Hi < 0) || (d.Hi < 0) == (x.Hi < 0)
}

// Cmp compares x and y: -1, 0 or 1.
func (x Int128) Cmp(y Int128) int {
	switch {
	case x.Hi != y.Hi:
		if x.Hi < y.Hi {
			return -1
		}
		return 1
	case x.Lo < y.Lo:
		return -1
	case x.Lo > y.Lo:
		return 1
	}
	return 0
}

// abs is the absolute value, as an unsigned number, and whether x is negative.
func (x Int128) abs() (hi, lo uint64, negative bool) {
	if x.Hi < 0 {
		n := x.Neg()
		return uint64(n.Hi), n.Lo, true
	}
	return uint64(x.Hi), x.Lo, false
}

// Mul is x * y; ok is false if 128 bits are not enough.
func (x Int128) Mul(y Int128) (product Int128, ok bool) {
	xh, xl, xn := x.abs()
	yh, yl, yn := y.abs()
	if xh != 0 && yh != 0 {
		return Int128{}, false
	}
	hi, lo := bits.Mul64(xl, yl)
	over1, cross1 := bits.Mul64(xh, yl)
	over2, cross2 := bits.Mul64(xl, yh)
	hi, carry1 := bits.Add64(hi, cross1, 0)
	hi, carry2 := bits.Add64(hi, cross2, 0)
	if over1|over2|carry1|carry2 != 0 || hi>>63 != 0 {
		return Int128{}, false
	}
	p := Int128{int64(hi), lo}
	if xn != yn {
		p = p.Neg()
	}
	return p, true
}

// DivRem is x / y, cut off towards zero, and what is left. y is not 0.
func (x Int128) DivRem(y Int128) (quotient, rest Int128) {
	if x.IsInt64() && y.IsInt64() && !(x.Lo == 1<<63 && int64(y.Lo) == -1) {
		a, b := int64(x.Lo), int64(y.Lo)
		return Int128From(a / b), Int128From(a % b)
	}
	xh, xl, xn := x.abs()
	yh, yl, yn := y.abs()
	var q, r Int128
	if yh == 0 {
		var qh, ql, rl uint64
		qh, rl = xh/yl, xh%yl
		ql, rl = bits.Div64(rl, xl, yl)
		q, r = Int128{int64(qh), ql}, Int128{0, rl}
	} else {
		bq, br := new(big.Int).QuoRem(bigOf(xh, xl), bigOf(yh, yl), new(big.Int))
		q, r = fromBig(bq), fromBig(br)
	}
	if xn != yn {
		q = q.Neg()
	}
	if xn {
		r = r.Neg()
	}
	return q, r
}

func bigOf(hi, lo uint64) *big.Int {
	b := new(big.Int).SetUint64(hi)
	return b.Lsh(b, 64).Or(b, new(big.Int).SetUint64(lo))
}

func fromBig(b *big.Int) Int128 {
	var lo, hi big.Int
	lo.And(b, new(big.Int).SetUint64(^uint64(0)))
	hi.Rsh(b, 64)
	return Int128{int64(hi.Uint64()), lo.Uint64()}
}

// Big is x as a big.Int.
func (x Int128) Big() *big.Int {
	hi, lo, negative := x.abs()
	b := bigOf(hi, lo)
	if negative {
		b.Neg(b)
	}
	return b
}

// Int128FromBig is b; ok is false if 128 bits are not enough.
func Int128FromBig(b *big.Int) (x Int128, ok bool) {
	if b.BitLen() > 127 {
		return Int128{}, false
	}
	x = fromBig(new(big.Int).Abs(b))
	if b.Sign() < 0 {
		x = x.Neg()
	}
	return x, true
}

// String is x in decimal digits.
func (x Int128) String() string { return x.Big().String() }

// PowersOf10 are 1, 10, … up to 10^38.
var PowersOf10 = func() (p [39]Int128) {
	p[0] = Int128From(1)
	for i := 1; i < len(p); i++ {
		p[i], _ = p[i-1].Mul(Int128From(10))
	}
	return p
}()

// Digits is the number of decimal digits of x, 1 for 0.
func (x Int128) Digits() int {
	if x.Hi < 0 {
		x = x.Neg()
	}
	n := 1
	for n < len(PowersOf10) && x.Cmp(PowersOf10[n]) >= 0 {
		n++
	}
	return n
}
