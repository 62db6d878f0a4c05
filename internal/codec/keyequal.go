package codec

import (
	"bytes"
	"math/big"
	"time"
	"unsafe"
)

// equalKeys reports whether the canonical encodings of the values at p and q are the same, without
// writing them where that can be told otherwise.
//
//flott:hot
func equalKeys(p, q unsafe.Pointer, pr *program, depth int) bool {
	for i := range pr.ops {
		o := &pr.ops[i]
		if !equalOp(unsafe.Add(p, o.off), unsafe.Add(q, o.off), o, depth) {
			return false
		}
	}
	return true
}

func equalOp(f, g unsafe.Pointer, o *op, depth int) bool {
	switch o.code {
	case keyUint64, keyInt64:
		return *(*uint64)(f) == *(*uint64)(g)
	case keyUint32, keyInt32:
		return *(*uint32)(f) == *(*uint32)(g)
	case keyUint16, keyInt16:
		return *(*uint16)(f) == *(*uint16)(g)
	case keyBool, keyInt8:
		return *(*byte)(f) == *(*byte)(g)
	case keyFloat64:
		return canonical64(*(*uint64)(f)) == canonical64(*(*uint64)(g))
	case keyFloat32:
		return canonical32(*(*uint32)(f)) == canonical32(*(*uint32)(g))
	case keyString:
		return *(*string)(f) == *(*string)(g)
	case keyBytes:
		return bytes.Equal(*(*[]byte)(f), *(*[]byte)(g))
	case keyRaw:
		return bytes.Equal(unsafe.Slice((*byte)(f), o.n), unsafe.Slice((*byte)(g), o.n))
	case keyTime:
		// Not Time.Equal, which compares the monotonic readings if there are two.
		t, u := (*time.Time)(f), (*time.Time)(g)
		return t.Unix() == u.Unix() && t.Nanosecond() == u.Nanosecond()
	case keyArray:
		for j := range o.n {
			at := j * o.sub.size
			if !equalKeys(unsafe.Add(f, at), unsafe.Add(g, at), o.sub, depth) {
				return false
			}
		}
		return true
	case keySlice:
		return equalSlices((*sliceHeader)(f), (*sliceHeader)(g), o.sub, depth+1)
	case keyCall:
		return equalKeys(f, g, o.sub, depth)
	case keyBigInt:
		return (*big.Int)(f).Cmp((*big.Int)(g)) == 0
	case keyBigRat:
		x, y := (*big.Rat)(f), (*big.Rat)(g)
		return x.Num().Cmp(y.Num()) == 0 && x.Denom().Cmp(y.Denom()) == 0
	default:
		return equalUser(f, g, o.user)
	}
}

func equalSlices(s, t *sliceHeader, pr *program, depth int) bool {
	if s.len != t.len {
		return false
	}
	checkDepth(pr, depth)
	for i := range s.len {
		at := uintptr(i) * pr.size
		if !equalKeys(unsafe.Add(s.data, at), unsafe.Add(t.data, at), pr, depth) {
			return false
		}
	}
	return true
}

// equalUser compares what the code of the user makes of the values at f and g.
func equalUser(f, g unsafe.Pointer, u *user) bool {
	s := scratch.Get().(*[]byte)
	buf := u.appendRaw((*s)[:0], f)
	n := len(buf)
	buf = u.appendRaw(buf, g)
	equal := bytes.Equal(buf[:n], buf[n:])
	releaseScratch(s, buf)
	return equal
}
