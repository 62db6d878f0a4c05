package postgres

import (
	"encoding/binary"
	"math"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// AppendArray appends the values at some places of a vector as an array in binary, of the type that Column.Array names.
//
//flott:hot
func AppendArray(dst []byte, v *column.Vector, places []int32) []byte {
	oid, _ := natural(v.Type)
	dst = binary.BigEndian.AppendUint32(dst, 1) // dimension
	dst = binary.BigEndian.AppendUint32(dst, 1) // there may be NULLs
	dst = binary.BigEndian.AppendUint32(dst, oid)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(places)))
	dst = binary.BigEndian.AppendUint32(dst, 1) // the first place
	for _, p := range places {
		i := int(p)
		if v.IsNull(i) {
			dst = binary.BigEndian.AppendUint32(dst, math.MaxUint32)
			continue
		}
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		dst = AppendValue(dst, v, i)
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst
}

// AppendValue appends a value that is not NULL in binary.
func AppendValue(dst []byte, v *column.Vector, i int) []byte {
	switch v.Type.Kind {
	case row.Boolean:
		if v.Bools[i] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case row.TinyInt, row.SmallInt:
		return binary.BigEndian.AppendUint16(dst, uint16(v.I32[i]))
	case row.Int:
		return binary.BigEndian.AppendUint32(dst, uint32(v.I32[i]))
	case row.BigInt:
		return binary.BigEndian.AppendUint64(dst, uint64(v.I64[i]))
	case row.Float:
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(v.F32[i]))
	case row.Double:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(v.F64[i]))
	case row.Decimal:
		return appendDecimal(dst, v.Decimal(i), v.Type.Scale)
	case row.Date:
		return binary.BigEndian.AppendUint32(dst, uint32(v.I32[i]-epochDays))
	case row.Time:
		return binary.BigEndian.AppendUint64(dst, uint64(v.I32[i])*1000)
	case row.Timestamp, row.TimestampLTZ:
		return binary.BigEndian.AppendUint64(dst, uint64(v.I64[i]-epochMicros))
	}
	return append(dst, v.Bytes(i)...)
}
