package exec

import (
	"bytes"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/row"
)

// batchKeys are the different keys among rows of a batch, in the order of their first rows:
//
//	rows   a b a c b          groups   a b c
//	of     0 1 0 2 1          firsts   0 1 3 (places)
type batchKeys struct {
	*keying
	isGlobal bool // there is one key, of no columns
	floats   bool // columns may differ where keys do not

	of     []int32 // the group of each row
	firsts []int32
	hashes []uint64 // of groups
	words  []uint64
	keys   [][]byte // of groups, where keys are no words

	slots []int32  // group + 1 by hash; 0 is free
	known []uint64 // the word or the hash of each group + 1
	arena []byte
	ends  []int
	text  []byte
}

func (k *batchKeys) init(keys *keying) {
	k.keying, k.isGlobal = keys, len(keys.at) == 0
	for _, t := range keys.key.Types() {
		k.floats = k.floats || hasFloat(t)
	}
}

// hasFloat reports whether values may be the same that are not so bit by bit, NaN.
func hasFloat(t *row.Type) bool {
	switch t.Kind {
	case row.Float, row.Double, row.Array, row.Row, row.Map, row.Multiset:
		return true
	}
	return false
}

// find finds the keys of the rows [from, to).
func (k *batchKeys) find(b *batch.Columns, from, to int) {
	n := to - from
	k.of, k.firsts, k.hashes = sized(k.of, n), sized(k.firsts, n), sized(k.hashes, n)
	if k.isGlobal {
		clear(k.of)
		k.firsts, k.hashes, k.keys = k.firsts[:1], k.hashes[:1], append(k.keys[:0], nil)
		k.firsts[0], k.hashes[0] = int32(b.Row(from)), 0
		return
	}
	size := 64
	for size < 4*n {
		size *= 2
	}
	k.slots = sized(k.slots, size)
	clear(k.slots)
	k.known = sized(k.known, n+1)
	groups := 0
	switch {
	case k.key.IsWord():
		groups = k.findSame(b, from, k.keying.words)
		k.words = k.known[1 : groups+1]
	case k.floats:
		groups = k.findBytes(b, from)
	default:
		if groups = k.findSame(b, from, k.keying.hashes); !k.areSame(b, from) {
			clear(k.slots)
			groups = k.findBytes(b, from)
			break
		}
		k.encode(groups)
	}
	k.firsts, k.hashes = k.firsts[:groups], k.hashes[:groups]
}

// findSame puts rows with the same value together: the word of the key, or its hash. It has no branch on whether a value
// is new, which cannot be foreseen: known[0] is the value that is looked for, so that a free slot is that of an equal value
// too, and what is written for a value that is not new is written over.
func (k *batchKeys) findSame(b *batch.Columns, from int, values []uint64) int {
	slots, known, hashes := k.slots, k.known, k.keying.hashes
	mask := uint64(len(slots) - 1)
	n := int32(0)
	for i := range k.of {
		p := b.Row(from + i)
		hash, value := hashes[p], values[p]
		known[0] = value
		at := hash & mask
		was := slots[at]
		for known[was] != value {
			at = (at + 1) & mask
			was = slots[at]
		}
		k.firsts[n], k.hashes[n] = int32(p), hash
		isOld := int32((uint32(was) + 1<<31 - 1) >> 31)
		g := was + (n+1)*(1-isOld)
		slots[at], known[g] = g, value
		k.of[i] = g - 1
		n += 1 - isOld
	}
	return int(n)
}

// areSame reports whether all rows have the key of the first one of their group, as nearly always when their hashes
// are the same.
func (k *batchKeys) areSame(b *batch.Columns, from int) bool {
	for _, c := range k.cols {
		same := true
		switch form := column.FormOf(c.Type); {
		case form == column.FormI32 && c.Valid == nil:
			same = areSame(k, b, from, c.I32)
		case form == column.FormI64 && c.Valid == nil:
			same = areSame(k, b, from, c.I64)
		default:
			for i, g := range k.of {
				if first, p := int(k.firsts[g]), b.Row(from+i); first != p && !column.Same(c, first, c, p) {
					return false
				}
			}
		}
		if !same {
			return false
		}
	}
	return true
}

func areSame[T int32 | int64](k *batchKeys, b *batch.Columns, from int, values []T) bool {
	differ := T(0)
	for i, g := range k.of {
		differ |= values[b.Row(from+i)] ^ values[k.firsts[g]]
	}
	return differ == 0
}

// encode encodes the keys of groups.
func (k *batchKeys) encode(groups int) {
	k.keys, k.arena, k.ends = k.keys[:0], k.arena[:0], k.ends[:0]
	for _, p := range k.firsts[:groups] {
		k.arena = k.key.Append(k.arena, k.cols, int(p))
		k.ends = append(k.ends, len(k.arena))
	}
	k.cutKeys()
}

// cutKeys sets the keys, whose bytes are in the arena.
func (k *batchKeys) cutKeys() {
	start := 0
	for _, end := range k.ends {
		k.keys = append(k.keys, k.arena[start:end:end])
		start = end
	}
}

// findBytes compares keys whose hashes are the same.
func (k *batchKeys) findBytes(b *batch.Columns, from int) int {
	slots, known, hashes := k.slots, k.known, k.keying.hashes
	mask := uint64(len(slots) - 1)
	k.keys, k.arena, k.ends = k.keys[:0], k.arena[:0], k.ends[:0]
	n := int32(0)
	for i := range k.of {
		p := b.Row(from + i)
		hash := hashes[p]
		if k.floats {
			k.text = k.key.Append(k.text[:0], k.cols, p)
		}
		at := hash & mask
		g := slots[at]
		for g > 0 && !(known[g] == hash && k.isSame(g-1, p)) {
			at = (at + 1) & mask
			g = slots[at]
		}
		if g == 0 {
			k.firsts[n], k.hashes[n] = int32(p), hash
			n++
			g = n
			slots[at], known[g] = g, hash
			k.arena = k.key.Append(k.arena, k.cols, p)
			k.ends = append(k.ends, len(k.arena))
		}
		k.of[i] = g - 1
	}
	k.cutKeys()
	return int(n)
}

// isSame reports whether the row at a place is of a group whose hash it has.
func (k *batchKeys) isSame(group int32, place int) bool {
	if k.floats {
		start := 0
		if group > 0 {
			start = k.ends[group-1]
		}
		return bytes.Equal(k.arena[start:k.ends[group]], k.text)
	}
	first := int(k.firsts[group])
	for _, c := range k.cols {
		if !column.Same(c, first, c, place) {
			return false
		}
	}
	return true
}

// setGroup makes the key of a group current.
func (k *batchKeys) setGroup(g int) {
	if k.key.IsWord() {
		k.backend.Set(k.hashes[g], k.words[g], nil)
		return
	}
	k.backend.Set(k.hashes[g], 0, k.keys[g])
}
