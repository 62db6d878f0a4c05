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
	qh, ql, rh, rl := divide128(xh, xl, yh, yl)
	q, r := Int128{int64(qh), ql}, Int128{int64(rh), rl}
	if xn != yn {
		q = q.Neg()
	}
	if xn {
		r = r.Neg()
	}
	return q, r
}

// divide128 divides numbers without a sign. y is not 0.
func divide128(xh, xl, yh, yl uint64) (qh, ql, rh, rl uint64) {
	if yh == 0 {
		rest := xh
		if xh >= yl {
			qh, rest = xh/yl, xh%yl
		}
		ql, rl = bits.Div64(rest, xl, yl)
		return qh, ql, 0, rl
	}
	// The quotient has 64 bits. The upper ones of half of x by the upper ones of y are at most one more than it.
	shift := bits.LeadingZeros64(yh)
	top := yh<<shift | yl>>1>>(63-shift)
	ql, _ = bits.Div64(xh>>1, xh<<63|xl>>1, top)
	if ql >>= 63 - shift; ql > 0 {
		ql--
	}
	over, low := bits.Mul64(ql, yl)
	rl, borrow := bits.Sub64(xl, low, 0)
	rh, _ = bits.Sub64(xh, over+ql*yh, borrow)
	if rh > yh || rh == yh && rl >= yl {
		ql++
		rl, borrow = bits.Sub64(rl, yl, 0)
		rh, _ = bits.Sub64(rh, yh, borrow)
	}
	return 0, ql, rh, rl
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

// A Wide is a number of 256 bits without a sign, the least word first: what products of 128 bits have room in.
type Wide [4]uint64

// MulWide is the product of the absolute values of x and y.
func (x Int128) MulWide(y Int128) (p Wide) {
	xh, xl, _ := x.abs()
	yh, yl, _ := y.abs()
	var a, b, c, d, carry uint64
	p[1], p[0] = bits.Mul64(xl, yl)
	a, b = bits.Mul64(xh, yl)
	c, d = bits.Mul64(xl, yh)
	p[3], p[2] = bits.Mul64(xh, yh)
	p[1], carry = bits.Add64(p[1], b, 0)
	p[2], carry = bits.Add64(p[2], a, carry)
	p[3] += carry
	p[1], carry = bits.Add64(p[1], d, 0)
	p[2], carry = bits.Add64(p[2], c, carry)
	p[3] += carry
	return p
}

// DivRound is x divided by the absolute value of y, which is not 0, with halves rounded up; ok is false if 127 bits are not enough.
func (x Wide) DivRound(y Int128) (quotient Int128, ok bool) {
	yh, yl, _ := y.abs()
	var qh, ql, rh, rl uint64
	switch {
	case x[3] == 0 && x[2] == 0:
		qh, ql, rh, rl = divide128(x[1], x[0], yh, yl)
	case x[3] > yh || x[3] == yh && x[2] >= yl:
		return Int128{}, false // 128 bits are not enough
	case yh == 0:
		qh, rl = bits.Div64(x[2], x[1], yl)
		ql, rl = bits.Div64(rl, x[0], yl)
	default:
		shift := bits.LeadingZeros64(yh)
		yh, yl = yh<<shift|yl>>1>>(63-shift), yl<<shift
		u := Wide{x[0] << shift, x[1]<<shift | x[0]>>1>>(63-shift), x[2]<<shift | x[1]>>1>>(63-shift), x[3]<<shift | x[2]>>1>>(63-shift)}
		qh, rh, rl = digit(u[3], u[2], u[1], yh, yl)
		ql, rh, rl = digit(rh, rl, u[0], yh, yl)
		// The rest is shifted as y is, so that they are compared as they are.
	}
	// rest >= y - rest
	dl, borrow := bits.Sub64(yl, rl, 0)
	dh, _ := bits.Sub64(yh, rh, borrow)
	if rh > dh || rh == dh && rl >= dl {
		var carry uint64
		ql, carry = bits.Add64(ql, 1, 0)
		if qh, carry = bits.Add64(qh, 0, carry); carry > 0 {
			return Int128{}, false
		}
	}
	return Int128{int64(qh), ql}, qh>>63 == 0
}

// digit divides three words by the two of y, of which the upper bit is set and which are greater than the upper two of x.
func digit(x2, x1, x0, yh, yl uint64) (q, rh, rl uint64) {
	if x2 == yh {
		q = ^uint64(0)
	} else {
		q, _ = bits.Div64(x2, x1, yh)
	}
	// q is at most two too large: take away until the rest is not negative.
	ph, pl := bits.Mul64(q, yl)
	mh, ml := bits.Mul64(q, yh)
	ph, carry := bits.Add64(ph, ml, 0)
	top := mh + carry
	rl, borrow := bits.Sub64(x0, pl, 0)
	rh, borrow = bits.Sub64(x1, ph, borrow)
	r2, _ := bits.Sub64(x2, top, borrow)
	for r2 != 0 {
		q--
		rl, carry = bits.Add64(rl, yl, 0)
		rh, carry = bits.Add64(rh, yh, carry)
		r2 += carry
	}
	return q, rh, rl
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
