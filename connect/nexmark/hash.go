package nexmark

import "strconv"

const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

// Hash is the checksum of the final result of a query, independent of the order of its rows and of
// the changelog that led to it. The hash of a row is FNV-1a (64 bits) over the texts of its fields
// joined by '|', as Java prints them, NULL as \N and timestamps as milliseconds since 1970. Insert
// adds it, Retract subtracts it, modulo 2^64.
//
// The caller appends the fields of a row and ends it with Insert or Retract. The zero value is an
// empty result.
type Hash struct {
	row    uint64
	fields int
	rows   int64
	sum    uint64
}

// AppendInt appends a whole number, or a timestamp in milliseconds since 1970.
func (h *Hash) AppendInt(v int64) {
	var buf [20]byte
	appendField(h, strconv.AppendInt(buf[:0], v, 10))
}

// AppendString appends a string.
func (h *Hash) AppendString(s string) {
	appendField(h, s)
}

// AppendDecimal appends the decimal unscaled / 10^scale, with all its scale digits.
func (h *Hash) AppendDecimal(unscaled int64, scale int) {
	var buf [64]byte
	appendField(h, appendDecimal(buf[:0], unscaled, scale))
}

// AppendNull appends a NULL of any type.
func (h *Hash) AppendNull() {
	appendField(h, `\N`)
}

// Insert ends a row of kind +I or +U.
func (h *Hash) Insert() {
	h.sum += h.endRow()
}

// Retract ends a row of kind -U or -D.
func (h *Hash) Retract() {
	h.sum -= h.endRow()
}

// Merge adds what another subtask has seen. Neither may have begun a row.
func (h *Hash) Merge(other Hash) {
	h.sum += other.sum
	h.rows += other.rows
}

// Sum returns the checksum of the rows ended so far.
func (h *Hash) Sum() uint64 {
	return h.sum
}

// Rows returns how many rows were ended, whatever their kind.
func (h *Hash) Rows() int64 {
	return h.rows
}

// String returns the checksum in hex without leading zeros, as it is printed for Flink.
func (h *Hash) String() string {
	return strconv.FormatUint(h.sum, 16)
}

// appendField goes on with the hash of the row.
//
//flott:hot
func appendField[T string | []byte](h *Hash, s T) {
	row := h.row
	if h.fields == 0 {
		row = fnvOffset
	} else {
		row = (row ^ '|') * fnvPrime
	}
	for i := range len(s) {
		row = (row ^ uint64(s[i])) * fnvPrime
	}
	h.row = row
	h.fields++
}

func (h *Hash) endRow() uint64 {
	row := h.row
	if h.fields == 0 {
		row = fnvOffset
	}
	h.fields = 0
	h.rows++
	return row
}

// appendDecimal appends unscaled / 10^scale in plain notation.
func appendDecimal(dst []byte, unscaled int64, scale int) []byte {
	magnitude := uint64(unscaled)
	if unscaled < 0 {
		dst = append(dst, '-')
		magnitude = -magnitude
	}
	var buf [20]byte
	digits := strconv.AppendUint(buf[:0], magnitude, 10)
	whole := len(digits) - scale
	if scale == 0 {
		return append(dst, digits...)
	}
	if whole <= 0 {
		dst = append(dst, "0."...)
		for range -whole {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[:whole]...)
	dst = append(dst, '.')
	return append(dst, digits[whole:]...)
}
