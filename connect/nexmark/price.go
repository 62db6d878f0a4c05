package nexmark

import (
	"math"
	"math/bits"
)

// prices maps uniform numbers of 16 bits to log-uniform prices of 1 to 1,000,000 dollars, in cents:
// number i to 100·10^(6i/65536), rounded. It is used by every auction and nearly every bid.
//
// The simple table of 65,536 prices takes 256 KiB, which a random pick misses in the first-level
// cache, and which pushes the engine's data out of the second. So the power is split into those of
// the upper and the lower byte, two tables of 2 KiB in fixed point, and one multiplication:
//
//	coarse = 100·10^(6·256·upper/65536) · 2^36
//	fine   =     10^(6·lower/65536)     · 2^62
//	coarse·fine / 2^64 = price · 2^34
//
// The tables are the only place where floating point is used. Its error is below 1e-7 cents and no
// price is within 1e-6 of a tie, so the result does not depend on the math library; a test holds
// both.
type prices struct {
	coarse, fine [256]uint64
}

func (p *prices) fill() {
	for i := range 256 {
		p.coarse[i] = uint64(priceAt(i<<8) * (1 << 36))
		p.fine[i] = uint64(priceAt(i) / 100 * (1 << 62))
	}
}

// at returns the price for i.
func (p *prices) at(i uint16) int64 {
	scaled, _ := bits.Mul64(p.coarse[i>>8], p.fine[uint8(i)])
	return int64((scaled + 1<<33) >> 34)
}

// priceAt returns the price for i before it is rounded.
func priceAt(i int) float64 {
	return 100 * math.Pow(10, 6*float64(i)/(1<<16))
}
