package nexmark

import (
	"fmt"
	"strconv"

	"github.com/zeebo/xxh3"

	vectors "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// CheckColumns reports a column of a type that AppendBatch and Checksum do not take: those of numbers with a floating point, whose
// texts depend on the order of sums, and of values with others in them.
func CheckColumns(s *row.Schema) error {
	for _, f := range s.Fields {
		switch vectors.FormOf(f.Type) {
		case vectors.FormBool, vectors.FormI32, vectors.FormI64, vectors.FormDecimal, vectors.FormTimestamp, vectors.FormBytes:
		default:
			return fmt.Errorf("column %s: results are hashed without values of type %s", f.Name, f.Type)
		}
	}
	return nil
}

// AppendBatch adds the rows of a batch that are added, and takes away those that are retracted. Booleans are true and false, decimals
// have all digits of their scale, dates are days since 1970.
func (h *Hash) AppendBatch(b *vectors.Batch) {
	for i := range b.Len() {
		p := b.Row(i)
		for _, v := range b.Cols {
			h.begin()
			h.texts = appendValue(h.texts, v, p)
		}
		if b.Kind(p).IsAdd() {
			h.Insert()
		} else {
			h.Retract()
		}
	}
}

func appendValue(b []byte, v *vectors.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(b, `\N`...)
	}
	switch vectors.FormOf(v.Type) {
	case vectors.FormBool:
		return strconv.AppendBool(b, v.Bools[i])
	case vectors.FormI32:
		return strconv.AppendInt(b, int64(v.I32[i]), 10)
	case vectors.FormI64:
		return strconv.AppendInt(b, v.I64[i], 10)
	case vectors.FormDecimal:
		return valuetext.AppendExact(b, v.Decimal(i), v.Type.Scale)
	case vectors.FormTimestamp:
		return strconv.AppendInt(b, v.I64[i]/1000, 10)
	default:
		return append(b, v.Bytes(i)...)
	}
}

// Checksum reads every byte of the rows of a batch. The checksums of batches are to be added: the sum does not depend on the order of
// rows. It costs much less than a Hash, and knows no changes.
func Checksum(b *vectors.Batch) uint64 {
	const prime = 0x9e3779b97f4a7c15
	n, sum := b.Len(), uint64(0)
	for c, v := range b.Cols {
		seed := uint64(c+1) * prime
		switch vectors.FormOf(v.Type) {
		case vectors.FormBool:
			for i := range n {
				if v.Bools[b.Row(i)] {
					sum += seed
				}
			}
		case vectors.FormI32:
			for i := range n {
				sum += (uint64(uint32(v.I32[b.Row(i)])) ^ seed) * prime
			}
		case vectors.FormI64, vectors.FormDecimal, vectors.FormTimestamp:
			for i := range n {
				sum += (uint64(v.I64[b.Row(i)]) ^ seed) * prime
			}
			for i := range min(n, len(v.Hi)) { // of decimals with more than 18 digits
				sum += (uint64(v.Hi[b.Row(i)]) ^ ^seed) * prime
			}
		case vectors.FormBytes:
			for i := range n {
				sum += xxh3.Hash(v.Bytes(b.Row(i))) ^ seed
			}
		}
	}
	return sum
}
