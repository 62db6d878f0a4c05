package postgres

import (
	"encoding/binary"
	"errors"

	"github.com/flott-dev/flott/column"
)

// A numeric in binary is four numbers of 16 bits, then digits to the base 10000, the highest first:
//
//	digits, weight of the first digit, sign, digits behind the point that are shown
//
// The value is the sum of digit i times 10000^(weight-i).

// The signs of a numeric.
const (
	positive   = 0x0000
	negative   = 0x4000
	notANumber = 0xC000
)

var errNaN = errors.New("the value is NaN or infinite, which a DECIMAL cannot be")

// decimal is a numeric as the unscaled value of a DECIMAL, rounded, halves up.
func decimal(b []byte, precision, scale int) (d column.Int128, err error) {
	if len(b) < 8 {
		return d, errSize
	}
	n, weight, sign := int(binary.BigEndian.Uint16(b)), int(int16(binary.BigEndian.Uint16(b[2:]))), binary.BigEndian.Uint16(b[4:])
	if sign != positive && sign != negative {
		return d, errNaN
	}
	b = b[8:]
	if len(b) != 2*n {
		return d, errSize
	}
	roundsUp := false
	for i := 0; ; i++ {
		var digit uint16 // of 10000^(weight-i), which is 10^place of the unscaled value
		if i < n {
			digit = binary.BigEndian.Uint16(b[2*i:])
		}
		place, ok := 4*(weight-i)+scale, true
		if place <= -4 {
			roundsUp = place == -4 && digit >= 5000
			break
		}
		if place < 0 { // of this digit only the highest decimals are taken
			cut := uint16(column.PowersOf10[-place].Lo)
			d, ok = shift(d, 4+place, digit/cut)
			if !ok {
				return d, errRange
			}
			roundsUp = digit%cut >= cut/2
			break
		}
		if d, ok = shift(d, 4, digit); !ok {
			return d, errRange
		}
	}
	if roundsUp {
		d, _ = d.Add(column.Int128From(1))
	}
	if d.Digits() > precision {
		return d, errRange
	}
	if sign == negative {
		d = d.Neg()
	}
	return d, nil
}

// shift is d with so many more decimals.
func shift(d column.Int128, decimals int, more uint16) (_ column.Int128, ok bool) {
	if d, ok = d.Mul(column.PowersOf10[decimals]); !ok {
		return d, false
	}
	return d.Add(column.Int128From(int64(more)))
}

// appendDecimal appends a DECIMAL of a scale as a numeric.
func appendDecimal(dst []byte, d column.Int128, scale int) []byte {
	sign := uint16(positive)
	if d.Sign() < 0 {
		sign, d = negative, d.Neg()
	}
	// Decimals behind the point are filled up to whole digits.
	fill := (4 - scale%4) % 4
	var digits [12]uint16 // the lowest first
	n := 0
	var rest column.Int128
	power := column.PowersOf10[4-fill]
	for first := true; !d.IsZero(); first = false {
		d, rest = d.DivRem(power)
		digit := uint16(rest.Lo)
		if first {
			digit *= uint16(column.PowersOf10[fill].Lo)
			power = column.PowersOf10[4]
		}
		digits[n] = digit
		n++
	}
	weight := n - 1 - (scale+fill)/4
	low := 0
	for low < n && digits[low] == 0 {
		low++
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(n-low))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(weight)))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	dst = binary.BigEndian.AppendUint16(dst, uint16(scale))
	for i := n - 1; i >= low; i-- {
		dst = binary.BigEndian.AppendUint16(dst, digits[i])
	}
	return dst
}
