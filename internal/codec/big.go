package codec

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"slices"
)

// appendMagnitude appends the bytes of |x|, big endian and without leading zeros; n is their
// number.
func appendMagnitude(dst []byte, x *big.Int, n int) []byte {
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	x.FillBytes(dst[at:])
	return dst
}

func magnitudeBytes(x *big.Int) int { return (x.BitLen() + 7) / 8 }

func appendBigInt(dst []byte, x *big.Int) []byte {
	n := magnitudeBytes(x)
	head := uint64(n) << 1
	if x.Sign() < 0 {
		head |= 1
	}
	return appendMagnitude(binary.AppendUvarint(dst, head), x, n)
}

func decodeBigInt(src []byte, x *big.Int) ([]byte, error) {
	head, rest, err := decodeUvarint(src)
	if err != nil {
		return src, err
	}
	n := head >> 1
	if n > uint64(len(rest)) {
		return src, errShort
	}
	if head == 1 || n > 0 && rest[0] == 0 {
		return src, errBig
	}
	// A new number, since the words of the old one may be shared with a copy.
	*x = *new(big.Int).SetBytes(rest[:n])
	if head&1 == 1 {
		x.Neg(x)
	}
	return rest[n:], nil
}

func appendBigRat(dst []byte, x *big.Rat) []byte {
	return appendBigInt(appendBigInt(dst, x.Num()), x.Denom())
}

func decodeBigRat(src []byte, x *big.Rat) ([]byte, error) {
	var num, denom big.Int
	rest, err := decodeBigInt(src, &num)
	if err != nil {
		return rest, err
	}
	if rest, err = decodeBigInt(rest, &denom); err != nil {
		return rest, err
	}
	return rest, setRat(x, &num, &denom)
}

// setRat sets x to num/denom, which have to be in lowest terms.
func setRat(x *big.Rat, num, denom *big.Int) error {
	if denom.Sign() <= 0 {
		return errBig
	}
	if *x = (big.Rat{}); num.Sign() != 0 {
		*x = *new(big.Rat).SetFrac(num, denom)
	}
	if x.Num().Cmp(num) != 0 || x.Denom().Cmp(denom) != 0 {
		return errBig
	}
	return nil
}

func appendBigFloat(dst []byte, x *big.Float) []byte {
	b, err := x.GobEncode()
	if err != nil {
		panic(&MarshalError{Type: bigFloatType, Err: err})
	}
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// decodeBigFloat accepts only what GobEncode writes. GobDecode alone is lenient: it takes modes and
// accuracies that do not exist, and mantissas that it would write otherwise.
func decodeBigFloat(src []byte, x *big.Float) ([]byte, error) {
	b, rest, err := decodeSized(src)
	if err != nil {
		return src, err
	}
	// Byte 1 holds mode, accuracy, form and sign in 3, 2, 2 and 1 bits.
	if len(b) < 2 || b[1]>>5 > byte(big.ToPositiveInf) || b[1]>>3&3 > 2 || b[1]>>1&3 > 2 {
		return src, errBig
	}
	f := new(big.Float)
	if err := f.GobDecode(b); err != nil {
		return src, err
	}
	if again, err := f.GobEncode(); err != nil || !bytes.Equal(b, again) {
		return src, errBig
	}
	*x = *f
	return rest, nil
}
