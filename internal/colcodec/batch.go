package colcodec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

const (
	version = 1

	hasNulls = 1
	hasUpper = 2

	// rowsMax bounds the rows of a batch whose columns take no bytes.
	rowsMax = 1 << 24
)

var errCut = errors.New("a batch of columns is cut off")

// Append appends the rows of a batch that count.
func Append(dst []byte, b *column.Batch) []byte {
	n := b.Len()
	dst = append(dst, version)
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = binary.AppendUvarint(dst, uint64(len(b.Cols)))
	if b.Kinds == nil {
		dst = append(dst, 0)
	} else {
		dst = append(dst, 1)
		for i := range n {
			dst = append(dst, byte(b.Kinds[b.Row(i)]))
		}
	}
	for _, c := range b.Cols {
		if b.Sel != nil {
			dense := column.New(c.Type)
			dense.AppendAll(c, b.Sel)
			c = dense
		}
		dst = appendVector(dst, c, n)
	}
	return dst
}

// appendVector appends the first n values.
func appendVector(dst []byte, v *column.Vector, n int) []byte {
	at := len(dst)
	dst = append(dst, 0)
	if v.Valid != nil && v.Valid.Count(n) < n {
		dst[at] |= hasNulls
		dst = append(dst, asBytes(v.Valid[:(n+63)>>6])[:(n+7)>>3]...)
	}
	switch column.FormOf(v.Type) {
	case column.FormBool:
		for i := 0; i < n; i += 8 {
			var x byte
			for k, set := range v.Bools[i:min(i+8, n)] {
				if set {
					x |= 1 << k
				}
			}
			dst = append(dst, x)
		}
	case column.FormI32:
		dst = appendNumbers(dst, v.I32[:n])
	case column.FormI64:
		dst = appendNumbers(dst, v.I64[:n])
	case column.FormDecimal:
		dst = appendNumbers(dst, v.I64[:n])
		if needsUpper(v, n) {
			dst[at] |= hasUpper
			dst = appendNumbers(dst, v.Hi[:n])
		}
	case column.FormTimestamp:
		dst = appendNumbers(dst, v.I64[:n])
		if v.Type.Precision > 6 {
			dst = appendNumbers(dst, v.Nanos[:n])
		}
	case column.FormF32:
		dst = append(dst, asBytes(v.F32[:n])...)
	case column.FormF64:
		dst = append(dst, asBytes(v.F64[:n])...)
	case column.FormBytes:
		dst = appendLengths(dst, v.Off[:n+1])
		dst = append(dst, v.Data[v.Off[0]:v.Off[n]]...)
	case column.FormRow:
		for _, c := range v.Children {
			dst = appendVector(dst, c, n)
		}
	case column.FormList, column.FormMap:
		dst = appendLengths(dst, v.Off[:n+1])
		first, last := int(v.Off[0]), int(v.Off[n])
		for _, c := range v.Children {
			if first > 0 {
				part := column.New(c.Type)
				part.AppendRange(c, first, last)
				c = part
			}
			dst = appendVector(dst, c, last-first)
		}
	}
	return dst
}

func needsUpper(v *column.Vector, n int) bool {
	if v.Hi == nil {
		return false
	}
	for i, hi := range v.Hi[:n] {
		if hi != v.I64[i]>>63 && !v.IsNull(i) {
			return true
		}
	}
	return false
}

type number interface{ ~int32 | ~int64 | ~uint32 }

func appendNumbers[N number](dst []byte, s []N) []byte {
	if len(s) == 0 {
		return append(dst, 1, 0)
	}
	low, high := slices.Min(s), slices.Max(s)
	width := widthOf(uint64(int64(high)) - uint64(int64(low)))
	dst = append(dst, byte(width))
	dst = binary.AppendVarint(dst, int64(low))
	at := len(dst)
	dst = slices.Grow(dst, width*len(s))[:at+width*len(s)]
	out := dst[at:]
	switch width {
	case 1:
		for i, x := range s {
			out[i] = byte(x - low)
		}
	case 2:
		for i, x := range s {
			binary.LittleEndian.PutUint16(out[2*i:], uint16(x-low))
		}
	case 4:
		for i, x := range s {
			binary.LittleEndian.PutUint32(out[4*i:], uint32(x-low))
		}
	default:
		for i, x := range s {
			binary.LittleEndian.PutUint64(out[8*i:], uint64(int64(x))-uint64(int64(low)))
		}
	}
	return dst
}

func widthOf(span uint64) int {
	switch {
	case span <= math.MaxUint8:
		return 1
	case span <= math.MaxUint16:
		return 2
	case span <= math.MaxUint32:
		return 4
	}
	return 8
}

func appendLengths(dst []byte, off []uint32) []byte {
	lengths := make([]uint32, len(off)-1)
	for i := range lengths {
		lengths[i] = off[i+1] - off[i]
	}
	return appendNumbers(dst, lengths)
}

// asBytes is the memory of numbers. Like those of package codec, the formats here have the lowest byte
// first, as all machines do on which Flott runs.
func asBytes[E any](s []E) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(s[0])))
}

// Decode decodes a batch into b, which is empty and has columns of the types that were encoded, and
// returns what follows it. Nothing of b may be used after an error.
func Decode(b *column.Batch, src []byte) (rest []byte, err error) {
	d := decoder{src: src}
	if v := d.byte(); v != version && !d.bad {
		return nil, fmt.Errorf("a batch of columns has version %d, this program reads %d", v, version)
	}
	n, cols := d.uvarint(), d.uvarint()
	if n > rowsMax || d.bad {
		return nil, errCut
	}
	if cols != uint64(len(b.Cols)) {
		return nil, fmt.Errorf("a batch has %d columns, not %d", cols, len(b.Cols))
	}
	b.N = int(n)
	if d.byte() != 0 {
		for _, k := range d.take(b.N) {
			if k > byte(row.Delete) {
				return nil, fmt.Errorf("a batch has a change of kind %d", k)
			}
			b.Kinds = append(b.Kinds, row.ChangeKind(k))
		}
	}
	for _, c := range b.Cols {
		d.vector(c, b.N)
	}
	if d.bad {
		return nil, errCut
	}
	return d.src, nil
}

// decoder takes values off src; bad says that there were too few bytes, or that they make no sense.
type decoder struct {
	src []byte
	bad bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.src) {
		d.bad, d.src = true, nil
		return nil
	}
	b := d.src[:n]
	d.src = d.src[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	x, n := binary.Uvarint(d.src)
	if n <= 0 {
		n = -1
	}
	d.take(n)
	return x
}

func (d *decoder) varint() int64 {
	x, n := binary.Varint(d.src)
	if n <= 0 {
		n = -1
	}
	d.take(n)
	return x
}

func (d *decoder) vector(v *column.Vector, n int) {
	flags := d.byte()
	if flags&hasNulls != 0 {
		if b := d.take((n + 7) >> 3); !d.bad {
			v.Valid = make(column.Bitmap, (n+63)>>6)
			copy(asBytes(v.Valid), b)
		}
	}
	switch column.FormOf(v.Type) {
	case column.FormBool:
		b := d.take((n + 7) >> 3)
		if !d.bad {
			v.Bools = slices.Grow(v.Bools[:0], n)[:n]
			for i := range v.Bools {
				v.Bools[i] = b[i>>3]>>(i&7)&1 != 0
			}
		}
	case column.FormI32:
		v.I32 = numbers(d, v.I32, n)
	case column.FormI64:
		v.I64 = numbers(d, v.I64, n)
	case column.FormDecimal:
		v.I64 = numbers(d, v.I64, n)
		if flags&hasUpper != 0 {
			v.Hi = numbers(d, v.Hi, n)
		}
	case column.FormTimestamp:
		v.I64 = numbers(d, v.I64, n)
		if v.Type.Precision > 6 {
			v.Nanos = numbers(d, v.Nanos, n)
		}
	case column.FormF32:
		v.F32 = raw(d, v.F32, n)
	case column.FormF64:
		v.F64 = raw(d, v.F64, n)
	case column.FormBytes:
		total := d.lengths(v, n)
		v.Data = append(v.Data[:0], d.take(total)...)
	case column.FormRow:
		for _, c := range v.Children {
			d.vector(c, n)
		}
	case column.FormList, column.FormMap:
		total := d.lengths(v, n)
		for _, c := range v.Children {
			d.vector(c, total)
		}
	}
	v.N = n
}

func raw[E any](d *decoder, s []E, n int) []E {
	var e E
	b := d.take(n * int(unsafe.Sizeof(e)))
	if d.bad {
		return s[:0]
	}
	s = slices.Grow(s[:0], n)[:n]
	copy(asBytes(s), b)
	return s
}

func numbers[N number](d *decoder, s []N, n int) []N {
	width := int(d.byte())
	low := N(d.varint())
	if width != 1 && width != 2 && width != 4 && width != 8 {
		d.bad, d.src = true, nil
	}
	b := d.take(n * width)
	if d.bad {
		return s[:0]
	}
	s = slices.Grow(s[:0], n)[:n]
	switch width {
	case 1:
		for i := range s {
			s[i] = low + N(b[i])
		}
	case 2:
		for i := range s {
			s[i] = low + N(binary.LittleEndian.Uint16(b[2*i:]))
		}
	case 4:
		for i := range s {
			s[i] = low + N(binary.LittleEndian.Uint32(b[4*i:]))
		}
	default:
		for i := range s {
			s[i] = low + N(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	return s
}

// lengths sets the offsets of n values and returns the length of all of them.
func (d *decoder) lengths(v *column.Vector, n int) int {
	v.Off = append(v.Off[:0], 0)
	lengths := numbers[uint32](d, nil, n)
	if d.bad {
		return 0
	}
	v.Off = slices.Grow(v.Off, n)
	total := uint64(0)
	for _, l := range lengths {
		if total += uint64(l); total > math.MaxInt32 {
			d.bad, d.src = true, nil
			return 0
		}
		v.Off = append(v.Off, uint32(total))
	}
	return int(total)
}
