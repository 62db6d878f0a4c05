package codec

import (
	"reflect"
	"unsafe"
)

// newElements allocates n elements for the slice that o decodes.
func newElements(o *op, n int) sliceHeader {
	if o.scan || n == 0 || o.sub.size == 0 {
		return sliceHeader{reflect.MakeSlice(o.slice, n, n).UnsafePointer(), n, n}
	}
	// Memory without pointers is the same whatever its type: words spare the reflection.
	bytes := uintptr(n) * o.sub.size
	words := make([]uint64, (bytes+7)/8)
	return sliceHeader{unsafe.Pointer(unsafe.SliceData(words)), n, n}
}

func decodeBulk(src []byte, s *sliceHeader, o *op) ([]byte, error) {
	size := int(o.sub.size)
	n, rest, err := decodeCount(src, size)
	if err != nil {
		return rest, err
	}
	if n < 0 {
		*s = sliceHeader{}
		return rest, nil
	}
	*s = newElements(o, n)
	copy(unsafe.Slice((*byte)(s.data), n*size), rest)
	return rest[n*size:], nil
}

func decodeStrings(src []byte, s *[]string, m mode) ([]byte, error) {
	n, rest, err := decodeCount(src, 1)
	if err != nil {
		return rest, err
	}
	if n < 0 {
		*s = nil
		return rest, nil
	}
	out := make([]string, n)
	*s = out
	for i := range out {
		if rest, err = decodeString(rest, &out[i], m); err != nil {
			return rest, err
		}
	}
	return rest, nil
}

func decodeSlice(src []byte, s *sliceHeader, o *op, m mode) ([]byte, error) {
	unit := o.sub.min
	if unit == 0 && o.sub.size > 0 {
		unit = 1 // a pad
	}
	n, rest, err := decodeCount(src, unit)
	if err != nil {
		return rest, err
	}
	if n < 0 {
		*s = sliceHeader{}
		return rest, nil
	}
	if m.depth > depthMax {
		return src, ErrDepth
	}
	switch {
	case o.sub.min == 0:
		*s = newElements(o, n)
		return decodePads(rest, n, unit)
	case o.sub.recursive:
		return decodeGrowing(rest, s, o, n, m)
	}
	*s = newElements(o, n)
	for i := range n {
		if rest, err = decodeProgram(rest, s.at(i, o), o.sub, m); err != nil {
			return rest, err
		}
	}
	return rest, nil
}

func (s *sliceHeader) at(i int, o *op) unsafe.Pointer {
	return unsafe.Add(s.data, uintptr(i)*o.sub.size)
}

// decodePads reads what appendPads wrote.
func decodePads(src []byte, n, unit int) ([]byte, error) {
	n *= unit
	for i := range n {
		if src[i] != 0 {
			return src[i:], errPad
		}
	}
	return src[n:], nil
}

// decodeGrowing decodes n elements of a recursive type into a slice that grows as they arrive, so
// that what is allocated on each level is paid for by elements that were there.
func decodeGrowing(src []byte, s *sliceHeader, o *op, n int, m mode) (rest []byte, err error) {
	g := newGrower(o)
	for range n {
		if src, err = decodeProgram(src, g.next(), o.sub, m); err != nil {
			return src, err
		}
	}
	*s = g.header()
	return src, nil
}

// grower builds a slice element by element.
type grower struct {
	v    reflect.Value
	size uintptr
}

func newGrower(o *op) grower {
	g := grower{v: reflect.New(o.slice).Elem(), size: o.sub.size}
	g.v.Set(reflect.MakeSlice(o.slice, 0, 0))
	return g
}

// next appends a zero element and returns its address, valid until the next call.
func (g *grower) next() unsafe.Pointer {
	n := g.v.Len()
	g.v.Grow(1)
	g.v.SetLen(n + 1)
	return unsafe.Add(g.v.UnsafePointer(), uintptr(n)*g.size)
}

func (g *grower) header() sliceHeader {
	return sliceHeader{g.v.UnsafePointer(), g.v.Len(), g.v.Cap()}
}
