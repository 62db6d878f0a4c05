package spill

import (
	"encoding/binary"
	"math"
	"slices"
)

// appendTimes appends the times of a batch, which are mostly close to each other: see Append. They take
// a byte each at least, so that few bytes cannot claim to be many rows.
func appendTimes(dst []byte, times []int64) []byte {
	if len(times) == 0 {
		return dst
	}
	low := slices.Min(times)
	span := uint64(slices.Max(times)) - uint64(low)
	width := 8
	switch {
	case span <= math.MaxUint8:
		width = 1
	case span <= math.MaxUint16:
		width = 2
	case span <= math.MaxUint32:
		width = 4
	}
	dst = binary.AppendVarint(append(dst, byte(width)), low)
	at := len(dst)
	dst = slices.Grow(dst, width*len(times))[:at+width*len(times)]
	out := dst[at:]
	for i, t := range times {
		switch x := uint64(t) - uint64(low); width {
		case 1:
			out[i] = byte(x)
		case 2:
			binary.LittleEndian.PutUint16(out[2*i:], uint16(x))
		case 4:
			binary.LittleEndian.PutUint32(out[4*i:], uint32(x))
		default:
			binary.LittleEndian.PutUint64(out[8*i:], x)
		}
	}
	return dst
}

// times takes the times of rows off d, in the memory of dst.
func (d *decoder) times(dst []int64, rows int) []int64 {
	if rows == 0 {
		return dst[:0]
	}
	width := 0
	if len(d.data) > 0 {
		width = int(d.data[0])
	}
	d.skip(1)
	low := uint64(d.varint())
	in := d.data
	switch width {
	case 1, 2, 4, 8:
		d.skip(width * rows)
	default:
		d.skip(-1)
	}
	if d.bad {
		return dst[:0]
	}
	dst = slices.Grow(dst[:0], rows)[:rows]
	for i := range dst {
		x := uint64(0)
		switch width {
		case 1:
			x = uint64(in[i])
		case 2:
			x = uint64(binary.LittleEndian.Uint16(in[2*i:]))
		case 4:
			x = uint64(binary.LittleEndian.Uint32(in[4*i:]))
		default:
			x = binary.LittleEndian.Uint64(in[8*i:])
		}
		dst[i] = int64(low + x)
	}
	return dst
}
