package codec

import (
	"encoding"
	"encoding/binary"
	"reflect"
	"sync"
	"unsafe"
)

// user is the code of a user that encodes a type: a marshaler or a custom codec.
type user struct {
	typ     reflect.Type
	appends bool // by AppendBinary
	custom  *custom
}

func newMarshaler(t reflect.Type) *user {
	_, appends := ownMarshaler(t)
	return &user{typ: t, appends: appends}
}

// hide returns p without the compiler knowing that it does. Code behind an interface or func value
// would otherwise make every value that is encoded, of any type, escape to the heap. Registered
// codecs and marshalers are told not to keep what they are given.
//
// Buffers must not be hidden: the compiler could then allocate one on the stack, and what the code
// returns would point there.
//
//go:nosplit
func hide(p unsafe.Pointer) unsafe.Pointer {
	x := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&x))
}

// appendRaw appends the bytes that the code of the user makes of the value at p.
func (u *user) appendRaw(dst []byte, p unsafe.Pointer) []byte {
	out, err := u.call(dst, hide(p))
	if err == nil && len(out) < len(dst) {
		err = errTruncated
	}
	if err != nil {
		panic(&MarshalError{Type: u.typ, Err: err})
	}
	return out
}

func (u *user) call(dst []byte, p unsafe.Pointer) ([]byte, error) {
	if u.custom != nil {
		return u.custom.enc(dst, p), nil
	}
	v := reflect.NewAt(u.typ, p).Interface()
	if u.appends {
		return v.(encoding.BinaryAppender).AppendBinary(dst)
	}
	b, err := v.(encoding.BinaryMarshaler).MarshalBinary()
	return append(dst, b...), err
}

// decodeRaw sets the value at p, which is zero, to what src encodes. All of src has to be consumed.
func (u *user) decodeRaw(src []byte, p unsafe.Pointer) error {
	if u.custom == nil {
		v := reflect.NewAt(u.typ, hide(p)).Interface()
		return v.(encoding.BinaryUnmarshaler).UnmarshalBinary(src)
	}
	rest, err := u.custom.dec(src, hide(p))
	if err == nil && len(rest) > 0 {
		return errLeftOver
	}
	return err
}

// appendUser appends a length and the bytes of the user. One byte is kept free for the length,
// which is known afterwards only; longer ones are moved up.
func appendUser(dst []byte, p unsafe.Pointer, u *user) []byte {
	start := len(dst)
	dst = u.appendRaw(append(dst, 0), p)
	n := len(dst) - start - 1
	if n < 0x80 {
		dst[start] = byte(n)
		return dst
	}
	var head [binary.MaxVarintLen64]byte
	k := binary.PutUvarint(head[:], uint64(n))
	dst = append(dst, head[:k-1]...)
	copy(dst[start+k:], dst[start+1:start+1+n])
	copy(dst[start:], head[:k])
	return dst
}

func decodeUser(src []byte, p unsafe.Pointer, u *user) ([]byte, error) {
	b, rest, err := decodeSized(src)
	if err != nil {
		return src, err
	}
	// Unmarshalers may add to what is there; records must not.
	reflect.NewAt(u.typ, hide(p)).Elem().SetZero()
	if err := u.decodeRaw(b, p); err != nil {
		return src, err
	}
	return rest, nil
}

// scratchMax bounds the buffers that pools keep.
const scratchMax = 64 << 10

// scratch holds buffers for encodings that do not outlive a call.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// releaseScratch gives back the buffer at b, which now is buf.
func releaseScratch(b *[]byte, buf []byte) {
	if cap(buf) <= scratchMax {
		*b = buf[:0]
		scratch.Put(b)
	}
}
