package column

import "encoding/binary"

// Int128FromBytes is a number in two's complement, the highest byte first; ok is false if it has more than 128
// bits. No bytes are 0.
func Int128FromBytes(b []byte) (x Int128, ok bool) {
	var fill byte
	if len(b) > 0 && b[0] >= 0x80 {
		fill = 0xFF
	}
	for len(b) > 16 {
		if b[0] != fill || b[1]&0x80 != fill&0x80 {
			return x, false
		}
		b = b[1:]
	}
	var wide [16]byte
	for i := range wide {
		wide[i] = fill
	}
	copy(wide[16-len(b):], b)
	return Int128{Hi: int64(binary.BigEndian.Uint64(wide[:8])), Lo: binary.BigEndian.Uint64(wide[8:])}, true
}

// Bytes is x in two's complement, the highest byte first.
func (x Int128) Bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], uint64(x.Hi))
	binary.BigEndian.PutUint64(b[8:], x.Lo)
	return b
}

// Fits reports whether x has at most so many decimal digits.
func (x Int128) Fits(precision int) bool {
	limit := PowersOf10[precision]
	return x.Cmp(limit) < 0 && x.Cmp(limit.Neg()) > 0
}
