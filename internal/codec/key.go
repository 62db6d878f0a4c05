package codec

import (
	"math"
	"reflect"
	"sync"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// KeyKind says how keys of a type are compared and hashed.
type KeyKind uint8

// Kinds of keys.
const (
	KeyWord   KeyKind = iota + 1 // bool, integers, floats: 64 canonical bits
	KeyString                    // strings: their bytes
	KeyBytes                     // all others: the canonical encoding
)

// String returns "word", "string" or "bytes".
func (k KeyKind) String() string {
	switch k {
	case KeyWord:
		return "word"
	case KeyString:
		return "string"
	case KeyBytes:
		return "bytes"
	}
	return "invalid"
}

// Key encodes, hashes and compares keys of type K. Two keys are the same if their canonical
// encodings are, which is not always what == says; see the package comment. It is immutable; any
// number of goroutines may use it.
type Key[K any] struct {
	kind   KeyKind
	word   wordKind
	prog   *program
	bound  keyBound
	schema *Schema
}

// keyCodecs caches the keys without custom parts: reflect.Type to *Key[K].
var keyCodecs sync.Map

// KeyFor returns the key codec of K, with the custom codecs of r (which may be nil). The error is a
// *TypeError; besides the types that cannot be encoded it refuses pointers, maps and big.Float,
// whose values have no canonical form.
func KeyFor[K any](r *Registry) (*Key[K], error) {
	t := reflect.TypeFor[K]()
	customs := r.snapshot()
	if len(customs) == 0 {
		if k, ok := keyCodecs.Load(t); ok {
			return k.(*Key[K]), nil
		}
	}
	comp := newCompiler(t, customs, true)
	prog, err := comp.compile(t)
	if err != nil {
		return nil, err
	}
	k := &Key[K]{kind: KeyBytes, prog: prog, bound: boundOf(prog), schema: comp.schemaOf(t)}
	if k.word = wordKinds[k.schema.Kind]; k.word != wordNone {
		k.kind = KeyWord
	} else if k.schema.Kind == KindString {
		k.kind = KeyString
	}
	if len(customs) == 0 {
		keyCodecs.Store(t, k)
	}
	return k, nil
}

// Kind returns how keys of type K are compared and hashed.
func (c *Key[K]) Kind() KeyKind { return c.kind }

// Schema returns the schema of K. The caller must not change what it refers to.
func (c *Key[K]) Schema() Schema { return *c.schema }

// FixedSize returns the number of bytes of every canonical encoding of a K, if there is one.
func (c *Key[K]) FixedSize() (n int, ok bool) {
	if !c.prog.fixed {
		return 0, false
	}
	return c.prog.min, true
}

// Word returns the canonical bits of a key of kind KeyWord: the value of an integer, sign-extended,
// or the bits of a float. It panics for keys of another kind.
//
//flott:hot
func (c *Key[K]) Word(k *K) uint64 { return loadWord(unsafe.Pointer(k), c.word) }

// FromWord returns the key with the given canonical bits.
//
//flott:hot
func (c *Key[K]) FromWord(w uint64) K {
	var k K
	storeWord(unsafe.Pointer(&k), c.word, w)
	return k
}

// AppendKey appends the canonical encoding of *k to dst. It panics with a *MarshalError if a
// marshaler inside k fails.
//
//flott:hot
func (c *Key[K]) AppendKey(dst []byte, k *K) []byte {
	return appendKey(dst, unsafe.Pointer(k), c.prog, 0)
}

// DecodeKey returns the key whose canonical encoding src starts with, and what follows it. Nothing
// in k points into src. Bytes that AppendKey would not write are refused with a *DecodeError.
func (c *Key[K]) DecodeKey(src []byte) (k K, rest []byte, err error) {
	rest, err = decodeKey(src, unsafe.Pointer(&k), c.prog, 0)
	if err != nil {
		var zero K
		return zero, nil, &DecodeError{Type: c.prog.typ, Offset: len(src) - len(rest), Err: err}
	}
	return k, rest, nil
}

// Equal reports whether a and b are the same key.
//
//flott:hot
func (c *Key[K]) Equal(a, b *K) bool {
	switch c.kind {
	case KeyWord:
		return loadWord(unsafe.Pointer(a), c.word) == loadWord(unsafe.Pointer(b), c.word)
	case KeyString:
		return *(*string)(unsafe.Pointer(a)) == *(*string)(unsafe.Pointer(b))
	}
	return equalKeys(unsafe.Pointer(a), unsafe.Pointer(b), c.prog, 0)
}

// Hash returns the hash of *k: HashWord of its bits, HashString of its bytes or HashBytes of its
// canonical encoding. It does not depend on the process.
//
//flott:hot
func (c *Key[K]) Hash(k *K) uint64 {
	switch {
	case c.word == word64:
		return HashWord(*(*uint64)(unsafe.Pointer(k)))
	case c.kind == KeyString:
		return HashString(*(*string)(unsafe.Pointer(k)))
	case c.kind == KeyWord:
		return HashWord(loadWord(unsafe.Pointer(k), c.word))
	}
	return hashKey(unsafe.Pointer(k), c.prog, &c.bound)
}

// Hashes appends the hashes of keys to dst.
//
//flott:hot
func (c *Key[K]) Hashes(dst []uint64, keys []K) []uint64 {
	switch c.kind {
	case KeyWord:
		p := unsafe.Pointer(unsafe.SliceData(keys))
		return hashWords(dst, p, len(keys), c.word, c.prog.size)
	case KeyString:
		for i := range keys {
			dst = append(dst, HashString(*(*string)(unsafe.Pointer(&keys[i]))))
		}
	default:
		for i := range keys {
			dst = append(dst, hashKey(unsafe.Pointer(&keys[i]), c.prog, &c.bound))
		}
	}
	return dst
}

// stackBytes is the size of the canonical encodings that are hashed on the stack.
const stackBytes = 128

// hashKey hashes a canonical encoding. That is written to the stack if it is sure to fit, else to a
// pooled buffer: an append that grew it would allocate for every key.
func hashKey(p unsafe.Pointer, pr *program, b *keyBound) uint64 {
	if b.of(p) <= stackBytes {
		var buf [stackBytes]byte
		return xxh3.Hash(appendKeyLeaves(buf[:0], p, pr.ops))
	}
	s := scratch.Get().(*[]byte)
	buf := appendKey(*s, p, pr, 0)
	h := xxh3.Hash(buf)
	releaseScratch(s, buf)
	return h
}

// keyBound bounds the size of the canonical encoding of a value without writing it.
type keyBound struct {
	base    int       // bytes of the parts of fixed size, and of terminators
	strings []uintptr // offsets of strings and []byte: up to 2 bytes for each of theirs
}

// boundOf returns the bound of a program. It is out of reach where the size is not seen from here:
// for slices, long arrays, big numbers and code of the user.
func boundOf(pr *program) keyBound {
	var b keyBound
	for i := range pr.ops {
		switch o := &pr.ops[i]; o.code {
		case keyString, keyBytes:
			b.base += 2
			b.strings = append(b.strings, o.off)
		case keyRaw, keyBool, keyUint16, keyUint32, keyUint64, keyInt8, keyInt16, keyInt32,
			keyInt64, keyFloat32, keyFloat64, keyTime:
			b.base += int(o.n)
		default:
			return keyBound{base: math.MaxInt}
		}
	}
	return b
}

func (b *keyBound) of(p unsafe.Pointer) int {
	n := b.base
	if n > stackBytes {
		return n
	}
	for _, off := range b.strings {
		n += 2 * len(*(*string)(unsafe.Add(p, off))) // a []byte begins like a string
	}
	return n
}
