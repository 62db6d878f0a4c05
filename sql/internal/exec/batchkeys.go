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

	slots []int32 // group + 1 by hash; 0 is free
	used  []int32 // slots that are not
	arena []byte
	ends  []int
	text  []byte
}

func (k *batchKeys) init(keys *keying) {
	k.keying, k.isGlobal = keys, len(keys.at) == 0
	if k.isGlobal { // in the first key group, which is the first subtask's
		keys.backend.HashOf = func([]byte) uint64 { return 0 }
	}
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
	k.of, k.firsts = k.of[:0], k.firsts[:0]
	k.hashes, k.words, k.keys = k.hashes[:0], k.words[:0], k.keys[:0]
	k.arena, k.ends = k.arena[:0], k.ends[:0]
	if k.isGlobal {
		k.firsts, k.hashes, k.keys = append(k.firsts, int32(b.Row(from))), append(k.hashes, 0), append(k.keys, nil)
		for range to - from {
			k.of = append(k.of, 0)
		}
		return
	}
	for len(k.slots) < 2*(to-from) {
		k.slots = make([]int32, max(64, 2*len(k.slots)))
	}
	if k.key.IsWord() {
		k.findWords(b, from, to)
	} else {
		k.findBytes(b, from, to)
	}
	for _, s := range k.used {
		k.slots[s] = 0
	}
	k.used = k.used[:0]
}

func (k *batchKeys) findWords(b *batch.Columns, from, to int) {
	mask := uint64(len(k.slots) - 1)
	hashes, words := k.keying.hashes, k.keying.words
	for i := from; i < to; i++ {
		p := b.Row(i)
		hash, word := hashes[p], words[p]
		at := hash & mask
		g := k.slots[at] - 1
		for g >= 0 && k.words[g] != word {
			at = (at + 1) & mask
			g = k.slots[at] - 1
		}
		if g < 0 {
			g = k.add(at, p, hash)
			k.words = append(k.words, word)
		}
		k.of = append(k.of, g)
	}
}

func (k *batchKeys) findBytes(b *batch.Columns, from, to int) {
	mask := uint64(len(k.slots) - 1)
	hashes := k.keying.hashes
	for i := from; i < to; i++ {
		p := b.Row(i)
		hash := hashes[p]
		if k.floats {
			k.text = k.key.Append(k.text[:0], k.cols, p)
		}
		at := hash & mask
		g := k.slots[at] - 1
		for g >= 0 && !(k.hashes[g] == hash && k.isSame(g, p)) {
			at = (at + 1) & mask
			g = k.slots[at] - 1
		}
		if g < 0 {
			g = k.add(at, p, hash)
			k.arena = k.key.Append(k.arena, k.cols, p)
			k.ends = append(k.ends, len(k.arena))
		}
		k.of = append(k.of, g)
	}
	start := 0
	for _, end := range k.ends {
		k.keys = append(k.keys, k.arena[start:end:end])
		start = end
	}
}

func (k *batchKeys) add(at uint64, place int, hash uint64) (group int32) {
	group = int32(len(k.firsts))
	k.slots[at] = group + 1
	k.used = append(k.used, int32(at))
	k.firsts = append(k.firsts, int32(place))
	k.hashes = append(k.hashes, hash)
	return group
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
