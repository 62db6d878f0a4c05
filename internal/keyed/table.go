package keyed

import "fmt"

// Table is one Map for each key group of a range. An entry's key group follows from the high half
// of its hash. A group's slots come into being with its first entry, and each group grows by
// itself, so that the pause of a growing table is that of one group.
type Table[V any] struct {
	groups         []Map[V]
	first          int
	maxParallelism uint64
}

// NewTable returns an empty Table for the key groups first to last, both included, of a job with
// maxParallelism key groups in all.
func NewTable[V any](maxParallelism, first, last int) *Table[V] {
	if first < 0 || last < first || last >= maxParallelism {
		panic(fmt.Sprintf("keyed: key groups %d to %d of %d", first, last, maxParallelism))
	}
	return &Table[V]{
		groups:         make([]Map[V], last-first+1),
		first:          first,
		maxParallelism: uint64(maxParallelism),
	}
}

// Upsert returns the value of a word key, and whether the key is fresh: it was absent and has now
// the zero value. Like all methods with a hash it panics if the hash belongs to a key group
// outside the table's range.
//
//flott:hot
func (t *Table[V]) Upsert(hash, word uint64) (v *V, fresh bool) {
	return t.groupOf(hash).Upsert(hash, word)
}

// Get returns the value of a word key, nil if it is absent.
//
//flott:hot
func (t *Table[V]) Get(hash, word uint64) *V { return t.groupOf(hash).Get(hash, word) }

// Delete removes a word key and reports whether it was there.
//
//flott:hot
func (t *Table[V]) Delete(hash, word uint64) bool { return t.groupOf(hash).Delete(hash, word) }

// UpsertString is Upsert for a byte key. The key is copied.
//
//flott:hot
func (t *Table[V]) UpsertString(hash uint64, key string) (v *V, fresh bool) {
	return t.groupOf(hash).UpsertString(hash, key)
}

// GetString is Get for a byte key.
//
//flott:hot
func (t *Table[V]) GetString(hash uint64, key string) *V {
	return t.groupOf(hash).GetString(hash, key)
}

// DeleteString is Delete for a byte key.
//
//flott:hot
func (t *Table[V]) DeleteString(hash uint64, key string) bool {
	return t.groupOf(hash).DeleteString(hash, key)
}

// UpsertBytes is Upsert for a byte key. The key is copied.
//
//flott:hot
func (t *Table[V]) UpsertBytes(hash uint64, key []byte) (v *V, fresh bool) {
	return t.groupOf(hash).UpsertBytes(hash, key)
}

// GetBytes is Get for a byte key.
//
//flott:hot
func (t *Table[V]) GetBytes(hash uint64, key []byte) *V {
	return t.groupOf(hash).GetBytes(hash, key)
}

// DeleteBytes is Delete for a byte key.
//
//flott:hot
func (t *Table[V]) DeleteBytes(hash uint64, key []byte) bool {
	return t.groupOf(hash).DeleteBytes(hash, key)
}

// Len returns the number of entries in all groups.
func (t *Table[V]) Len() int {
	n := 0
	for i := range t.groups {
		n += t.groups[i].Len()
	}
	return n
}

// Clear removes all entries. Maps keep their capacity as Map.Clear says.
func (t *Table[V]) Clear() {
	for i := range t.groups {
		t.groups[i].Clear()
	}
}

// Groups returns the table's range of key groups, both included.
func (t *Table[V]) Groups() (first, last int) { return t.first, t.first + len(t.groups) - 1 }

// Group returns the Map of a key group of the table's range. It is never nil.
func (t *Table[V]) Group(kg int) *Map[V] { return &t.groups[kg-t.first] }

// RangeGroup calls f for the entries of one key group as Map.Range does.
func (t *Table[V]) RangeGroup(kg int, f func(hash, word uint64, key []byte, v *V) bool) {
	t.Group(kg).Range(f)
}

// Range calls f for all entries, key group by key group, until f returns false. f may delete the
// entry that it was called for.
func (t *Table[V]) Range(f func(hash, word uint64, key []byte, v *V) bool) {
	for g := range t.groups {
		m := &t.groups[g]
		for i := m.Next(-1); i >= 0; i = m.Next(i) {
			if !f(m.At(i)) {
				return
			}
		}
	}
}

func (t *Table[V]) groupOf(hash uint64) *Map[V] {
	kg := int((hash >> 32) * t.maxParallelism >> 32)
	i := kg - t.first
	if uint(i) >= uint(len(t.groups)) {
		t.panicOutside(kg)
	}
	return &t.groups[i]
}

// indexOf is the position of the group of a hash.
func (t *Table[V]) indexOf(hash uint64) int {
	i := int((hash>>32)*t.maxParallelism>>32) - t.first
	if uint(i) >= uint(len(t.groups)) {
		t.panicOutside(i + t.first)
	}
	return i
}

//go:noinline
func (t *Table[V]) panicOutside(kg int) {
	first, last := t.Groups()
	panic(fmt.Sprintf("keyed: key group %d is outside %d to %d", kg, first, last))
}
