package codec

import (
	"encoding/binary"
	"math"
	"time"
)

var zeroTime time.Time

// Append appends the conversion of the encoding at the start of src to dst, and returns what
// follows it in src.
func (c *Conversion) Append(dst, src []byte) (out, rest []byte, err error) {
	return c.root.append(dst, src, 0)
}

// append is Conversion.Append for a part of a value, depth levels below the root.
func (v *conv) append(dst, src []byte, depth int) (out, rest []byte, err error) {
	if v.same {
		rest, err = v.skip(src, depth)
		return append(dst, src[:len(src)-len(rest)]...), rest, err
	}
	if depth > convDepthMax {
		return dst, src, ErrDepth
	}
	switch v.code {
	case convWiden, convFloat, convComplex:
		if len(src) < v.n {
			return dst, src, errShort
		}
		return v.appendNumber(dst, src), src[v.n:], nil
	case convStruct:
		if v.order != nil {
			return v.appendReordered(dst, src, depth)
		}
		return v.appendStruct(dst, src, depth)
	case convArray:
		return v.appendElements(dst, src, v.n, depth)
	case convSlice:
		return v.appendSlice(dst, src, depth)
	case convMap:
		return v.appendMap(dst, src, depth)
	case convBox:
		return v.sub.append(append(dst, 1), src, depth+1)
	}
	return v.appendPointer(dst, src, depth)
}

// A value may be nested as deep as a codec allows, and each level has a pointer, a struct and what
// it is an element of.
const convDepthMax = 4 * depthMax

// appendNumber appends the number at the start of src, of which there is enough, as a wider one.
func (v *conv) appendNumber(dst, src []byte) []byte {
	if v.code == convComplex {
		dst = appendFloat64(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(src))))
		return appendFloat64(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(src[4:]))))
	}
	if v.to == -8 {
		return appendFloat64(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(src))))
	}
	var word [8]byte
	if v.signed && src[v.n-1]&0x80 != 0 {
		word = [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	copy(word[:], src[:v.n])
	switch {
	case v.code == convWiden:
		return append(dst, word[:v.to]...)
	case v.to == 4:
		x := float32(int64(binary.LittleEndian.Uint64(word[:])))
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
	}
	return appendFloat64(dst, float64(int64(binary.LittleEndian.Uint64(word[:]))))
}

func appendFloat64(dst []byte, x float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
}

func (v *conv) appendStruct(dst, src []byte, depth int) (out, rest []byte, err error) {
	for i := range v.fields {
		f := &v.fields[i]
		if !f.isKept {
			src, err = f.conv.skip(src, depth+1)
		} else {
			dst = append(dst, f.before...)
			dst, src, err = f.conv.append(dst, src, depth+1)
		}
		if err != nil {
			return dst, src, err
		}
	}
	return append(dst, v.tail...), src, nil
}

// appendReordered converts fields in the order in which they come, and then puts them in theirs.
func (v *conv) appendReordered(dst, src []byte, depth int) (out, rest []byte, err error) {
	start := len(dst)
	ends := make([]int, len(v.fields)+1)
	for i := range v.fields {
		f := &v.fields[i]
		if ends[i] = len(dst); !f.isKept {
			src, err = f.conv.skip(src, depth+1)
		} else {
			dst, src, err = f.conv.append(dst, src, depth+1)
		}
		if err != nil {
			return dst, src, err
		}
	}
	ends[len(v.fields)] = len(dst)
	asRead := append([]byte(nil), dst[start:]...)
	dst = dst[:start]
	for _, i := range v.order {
		dst = append(dst, v.fields[i].before...)
		dst = append(dst, asRead[ends[i]-start:ends[i+1]-start]...)
	}
	return append(dst, v.tail...), src, nil
}

func (v *conv) appendElements(dst, src []byte, n, depth int) (out, rest []byte, err error) {
	for range n {
		if dst, src, err = v.sub.append(dst, src, depth+1); err != nil {
			break
		}
	}
	return dst, src, err
}

func (v *conv) appendSlice(dst, src []byte, depth int) (out, rest []byte, err error) {
	n, rest, err := decodeCount(src, 1)
	if err != nil {
		return dst, src, err
	}
	if n < 0 {
		return append(dst, 0), rest, nil
	}
	return v.appendElements(appendCount(dst, n), rest, n, depth)
}

func (v *conv) appendMap(dst, src []byte, depth int) (out, rest []byte, err error) {
	n, rest, err := v.mapCount(src)
	if err != nil {
		return dst, src, err
	}
	if n < 0 {
		return append(dst, 0), rest, nil
	}
	dst = appendCount(dst, n)
	for range n {
		if dst, rest, err = v.key.append(dst, rest, depth+1); err != nil {
			return dst, rest, err
		}
		if dst, rest, err = v.sub.append(dst, rest, depth+1); err != nil {
			return dst, rest, err
		}
	}
	return dst, rest, nil
}

// mapCount reads the number of entries of a map. A map whose entries have no bytes has one at most.
func (v *conv) mapCount(src []byte) (n int, rest []byte, err error) {
	unit := 1
	if v.key.fixed == 0 && v.sub.fixed == 0 {
		unit = 0
	}
	n, rest, err = decodeCount(src, unit)
	if unit == 0 && n > 1 {
		return 0, src, errCount
	}
	return n, rest, err
}

// appendPointer is for pointers, to pointers or values.
func (v *conv) appendPointer(dst, src []byte, depth int) (out, rest []byte, err error) {
	if len(src) == 0 {
		return dst, src, errShort
	}
	switch {
	case src[0] > 1:
		return dst, src, errPresence
	case src[0] == 0 && v.code == convUnbox:
		return append(dst, v.zero...), src[1:], nil
	case src[0] == 0:
		return append(dst, 0), src[1:], nil
	case v.code == convPointer:
		dst = append(dst, 1)
	}
	return v.sub.append(dst, src[1:], depth+1)
}

// skip returns what follows the encoding at the start of src, of a part that is not changed.
func (v *conv) skip(src []byte, depth int) (rest []byte, err error) {
	if v.fixed >= 0 {
		if len(src) < v.fixed {
			return src, errShort
		}
		return src[v.fixed:], nil
	}
	if depth > convDepthMax {
		return src, ErrDepth
	}
	switch v.code {
	case convSized:
		_, rest, err = decodeSized(src)
		return rest, err
	case convBytes:
		n, rest, err := decodeCount(src, 1)
		return rest[max(n, 0):], err
	case convBigInt:
		return skipBigInt(src)
	case convBigRat:
		if src, err = skipBigInt(src); err == nil {
			src, err = skipBigInt(src)
		}
		return src, err
	case convStruct:
		for i := range v.fields {
			if src, err = v.fields[i].conv.skip(src, depth+1); err != nil {
				return src, err
			}
		}
		return src, nil
	case convArray:
		return v.skipElements(src, v.n, depth)
	case convSlice:
		n, rest, err := decodeCount(src, 1)
		if err != nil {
			return src, err
		}
		return v.skipElements(rest, n, depth)
	case convMap:
		return v.skipMap(src, depth)
	}
	switch {
	case len(src) == 0:
		return src, errShort
	case src[0] == 0:
		return src[1:], nil
	}
	return v.sub.skip(src[1:], depth+1)
}

func (v *conv) skipElements(src []byte, n, depth int) (rest []byte, err error) {
	for range n {
		if src, err = v.sub.skip(src, depth+1); err != nil {
			break
		}
	}
	return src, err
}

func (v *conv) skipMap(src []byte, depth int) (rest []byte, err error) {
	n, rest, err := v.mapCount(src)
	for range n {
		if err == nil {
			rest, err = v.key.skip(rest, depth+1)
		}
		if err != nil {
			return rest, err
		}
		rest, err = v.sub.skip(rest, depth+1)
	}
	return rest, err
}

func skipBigInt(src []byte) (rest []byte, err error) {
	head, rest, err := decodeUvarint(src)
	if err != nil || head>>1 > uint64(len(rest)) {
		return src, errShort
	}
	return rest[head>>1:], nil
}
