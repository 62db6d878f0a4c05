package codec

import (
	"bytes"
	"reflect"
	"slices"
	"sync"
	"unsafe"
)

// mapOp encodes and decodes the maps of one type. Maps are the one kind that needs reflection for
// each element; the scratch values that it needs are pooled.
type mapOp struct {
	typ        reflect.Type
	key, value *program
	scratch    sync.Pool // of *mapScratch
}

// mapScratch is what one encoding or decoding of a map works with. Nested maps use one each.
type mapScratch struct {
	m, key, value reflect.Value // addressable variables of the three types
	iter          reflect.MapIter
	buf           []byte
	entries       []entry
}

// entry is where an encoded key and its value lie in mapScratch.buf.
type entry struct{ key, value, end int }

func newMapOp(t reflect.Type, key, value *program) *mapOp {
	o := &mapOp{typ: t, key: key, value: value}
	o.scratch.New = func() any {
		return &mapScratch{
			m:     reflect.New(t).Elem(),
			key:   reflect.New(t.Key()).Elem(),
			value: reflect.New(t.Elem()).Elem(),
		}
	}
	return o
}

// release clears s, so that the pool keeps nothing of a record alive, and gives it back.
func (o *mapOp) release(s *mapScratch) {
	s.m.SetZero()
	s.key.SetZero()
	s.value.SetZero()
	s.iter.Reset(reflect.Value{})
	if cap(s.buf) <= scratchMax {
		o.scratch.Put(s)
	}
}

// append appends the map that m, the word of a map variable, refers to. Go iterates over a map in
// random order; here equal maps have to be equal bytes, so the entries are encoded aside and
// sorted.
func (o *mapOp) append(dst []byte, m unsafe.Pointer, depth int) []byte {
	if m == nil {
		return append(dst, 0)
	}
	checkDepth(o.value, depth)
	s := o.scratch.Get().(*mapScratch)
	*(*unsafe.Pointer)(s.m.Addr().UnsafePointer()) = m
	o.encodeEntries(s, depth)
	buf := s.buf
	slices.SortFunc(s.entries, func(a, b entry) int {
		if c := bytes.Compare(buf[a.key:a.value], buf[b.key:b.value]); c != 0 {
			return c
		}
		// NaN, pointers and skipped fields make keys that are encoded alike.
		return bytes.Compare(buf[a.value:a.end], buf[b.value:b.end])
	})
	dst = appendCount(dst, len(s.entries))
	for _, e := range s.entries {
		dst = append(dst, buf[e.key:e.end]...)
	}
	o.release(s)
	return dst
}

func (o *mapOp) encodeEntries(s *mapScratch, depth int) {
	buf, entries := s.buf[:0], s.entries[:0]
	key, value := s.key.Addr().UnsafePointer(), s.value.Addr().UnsafePointer()
	s.iter.Reset(s.m)
	for s.iter.Next() {
		s.key.SetIterKey(&s.iter)
		s.value.SetIterValue(&s.iter)
		e := entry{key: len(buf)}
		buf = appendProgram(buf, key, o.key, depth)
		e.value = len(buf)
		buf = appendProgram(buf, value, o.value, depth)
		e.end = len(buf)
		entries = append(entries, e)
	}
	s.buf, s.entries = buf, entries
}

// decode sets the map variable at p to a new map.
func (o *mapOp) decode(src []byte, p *unsafe.Pointer, m mode) ([]byte, error) {
	unit := o.key.min + o.value.min
	n, rest, err := decodeCount(src, unit)
	if err != nil {
		return src, err
	}
	if n < 0 {
		*p = nil
		return rest, nil
	}
	if m.depth > depthMax {
		return src, ErrDepth
	}
	hint, entries := n, n
	switch {
	case unit == 0:
		hint, entries = 0, min(n, 1) // entries without bytes are all the same
	case o.key.recursive || o.value.recursive:
		hint = min(n, 8) // see decodeGrowing
	}
	out := reflect.MakeMapWithSize(o.typ, hint)
	s := o.scratch.Get().(*mapScratch)
	rest, err = o.decodeEntries(rest, out, entries, s, m)
	o.release(s)
	if err != nil {
		return rest, err
	}
	// Keys that lose something in the encoding (a location, a pointer) may have become equal.
	if out.Len() != n && !o.key.lossy {
		return src, errMapTwice
	}
	*p = out.UnsafePointer()
	return rest, nil
}

func (o *mapOp) decodeEntries(
	src []byte, out reflect.Value, n int, s *mapScratch, m mode,
) (rest []byte, err error) {
	key, value := s.key.Addr().UnsafePointer(), s.value.Addr().UnsafePointer()
	var last []byte
	for range n {
		s.key.SetZero()
		s.value.SetZero()
		start := src
		if src, err = decodeProgram(src, key, o.key, m); err != nil {
			return src, err
		}
		this := start[:len(start)-len(src)]
		if bytes.Compare(last, this) > 0 {
			return start, errMapOrder
		}
		last = this
		if src, err = decodeProgram(src, value, o.value, m); err != nil {
			return src, err
		}
		out.SetMapIndex(s.key, s.value)
	}
	return src, nil
}
