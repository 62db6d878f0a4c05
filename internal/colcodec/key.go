package colcodec

import (
	"math/bits"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/row"
)

// nullHash is the hash of NULL.
const nullHash = 0x9ae16a3b2f90404f

// emptyHash is the hash of a key without columns.
const emptyHash = 0x2545f4914f6cdd1d

// Key encodes and hashes key columns. Which columns of a batch they are is the caller's. It is not safe
// for concurrent use.
//
// A key of one column of at most 64 bits that is never NULL is a word, and its hash is
// codec.HashWord of that. Other keys are the bytes of a Layout, and their hash combines those of the
// columns. Both sides of a join take the Key of the same types: NOT NULL only where it is on both.
type Key struct {
	Layout
	word  bool
	part  []uint64 // hashes of one column
	bytes []byte
	decks []*column.Vector // of HashOf
}

// NewKey returns the key of columns of some types.
func NewKey(types []*row.Type) *Key {
	return &Key{Layout: *NewLayout(types), word: len(types) == 1 && isWord(types[0])}
}

func isWord(t *row.Type) bool {
	if !t.NotNull {
		return false
	}
	switch column.FormOf(t) {
	case column.FormBool, column.FormI32, column.FormI64:
		return true
	case column.FormTimestamp:
		return t.Precision <= 6
	}
	return false
}

// IsWord reports whether keys are words.
func (k *Key) IsWord() bool { return k.word }

// schemaPrefix begins the name of the schema of keys that are not words.
const schemaPrefix = "SQL ("

// IsKeySchema reports whether a schema is that of keys that are not words. Their hash is not that of their
// bytes alone, and only who knows the types can find their key groups.
func IsKeySchema(s *codec.Schema) bool {
	return s.Kind == codec.KindCustom && strings.HasPrefix(s.Name, schemaPrefix)
}

// Schema is how readers of snapshots know the key.
func (k *Key) Schema() codec.Schema {
	if !k.word {
		return codec.Schema{Kind: codec.KindCustom, Name: "SQL " + typeNames(k.types)}
	}
	switch column.FormOf(k.types[0]) {
	case column.FormBool:
		return codec.Schema{Kind: codec.KindBool}
	case column.FormI32:
		return codec.Schema{Kind: codec.KindInt32}
	}
	return codec.Schema{Kind: codec.KindInt64}
}

func typeNames(types []*row.Type) string {
	s := "("
	for i, t := range types {
		if i > 0 {
			s += ", "
		}
		s += t.SQL()
	}
	return s + ")"
}

// Words sets dst to the keys of all places of a key column, for keys that are words.
//
//flott:hot
func (k *Key) Words(dst []uint64, v *column.Vector) {
	switch column.FormOf(v.Type) {
	case column.FormBool:
		for i, b := range v.Bools[:len(dst)] {
			dst[i] = 0
			if b {
				dst[i] = 1
			}
		}
	case column.FormI32:
		for i, x := range v.I32[:len(dst)] {
			dst[i] = uint64(int64(x))
		}
	default:
		for i, x := range v.I64[:len(dst)] {
			dst[i] = uint64(x)
		}
	}
}

// AppendWord appends the value of a key that is a word to a column.
func (k *Key) AppendWord(v *column.Vector, word uint64) {
	switch column.FormOf(v.Type) {
	case column.FormBool:
		v.AppendBool(word != 0)
	case column.FormI32:
		v.AppendI32(int32(word))
	case column.FormTimestamp:
		v.AppendTimestamp(int64(word), 0)
	default:
		v.AppendI64(int64(word))
	}
}

// Hashes sets dst to the hashes of the keys at the places 0 … len(dst)-1 of the key columns.
//
//flott:hot
func (k *Key) Hashes(dst []uint64, cols []*column.Vector) {
	if len(cols) == 0 {
		for i := range dst {
			dst[i] = emptyHash
		}
		return
	}
	k.hashColumn(dst, 0, cols[0])
	for c := 1; c < len(cols); c++ {
		if cap(k.part) < len(dst) {
			k.part = make([]uint64, 2*len(dst))
		}
		part := k.part[:len(dst)]
		k.hashColumn(part, c, cols[c])
		for i, h := range part {
			dst[i] = combine(dst[i], h)
		}
	}
}

func combine(a, b uint64) uint64 { return codec.HashWord(bits.RotateLeft64(a, 29) ^ b) }

// pair is the hash of two words that are one value.
func pair(a, b uint64) uint64 { return codec.HashWord(a ^ codec.HashWord(b)) }

// hashColumn sets dst to the hashes of the values of column c.
func (k *Key) hashColumn(dst []uint64, c int, v *column.Vector) {
	n := len(dst)
	if v.Type.Kind == row.Null {
		for i := range dst {
			dst[i] = nullHash
		}
		return
	}
	switch t := k.types[c]; k.forms[c] {
	case column.FormBool:
		k.Words(dst, v)
		for i, w := range dst {
			dst[i] = codec.HashWord(w)
		}
	case column.FormI32:
		for i, x := range v.I32[:n] {
			dst[i] = codec.HashWord(uint64(int64(x)))
		}
	case column.FormI64:
		for i, x := range v.I64[:n] {
			dst[i] = codec.HashWord(uint64(x))
		}
	case column.FormF32:
		for i, x := range v.F32[:n] {
			dst[i] = codec.HashWord(uint64(bits32(x)))
		}
	case column.FormF64:
		for i, x := range v.F64[:n] {
			dst[i] = codec.HashWord(bits64(x))
		}
	case column.FormDecimal:
		for i := range dst {
			dst[i] = hashDecimal(t, v.Decimal(i))
		}
	case column.FormTimestamp:
		for i, x := range v.I64[:n] {
			dst[i] = codec.HashWord(uint64(x))
			if t.Precision > 6 {
				dst[i] = pair(uint64(x), uint64(nanosOf(v, i)))
			}
		}
	case column.FormBytes:
		for i := range dst {
			dst[i] = xxh3.Hash(v.Bytes(i))
		}
	default:
		for i := range dst {
			if v.Valid.Has(i) {
				k.bytes = k.appendValue(k.bytes[:0], c, v, i)
				dst[i] = xxh3.Hash(k.bytes)
			}
		}
	}
	if v.Valid != nil {
		for i := range dst {
			if !v.Valid.Has(i) {
				dst[i] = nullHash
			}
		}
	}
}

func hashDecimal(t *row.Type, d column.Int128) uint64 {
	if t.Precision <= 18 {
		return codec.HashWord(d.Lo)
	}
	return pair(d.Lo, uint64(d.Hi))
}

// HashOf is the hash of a key that is not a word from its bytes, as keyed.Backend.HashOf wants it. Bytes
// that are no key have some hash.
func (k *Key) HashOf(key []byte) uint64 {
	if len(k.decks) != len(k.types) {
		k.decks = nil
		for _, t := range k.types {
			k.decks = append(k.decks, column.New(t))
		}
	}
	for _, v := range k.decks {
		v.Reset()
	}
	var h [1]uint64
	if _, err := k.Decode(key, k.decks); err != nil {
		return xxh3.Hash(key)
	}
	k.Hashes(h[:], k.decks)
	return h[0]
}
