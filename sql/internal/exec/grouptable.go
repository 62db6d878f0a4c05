package exec

import (
	"fmt"
	"unsafe"

	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/sql/internal/agg"
)

// groupTable is a state with an accumulator for each key.
type groupTable interface {
	keyed.State
	// upsertAll sets accs to the accumulators of keys, made where there are none: words of keys that are words, else
	// keys. They are valid until one is made or dropped.
	upsertAll(hashes, words []uint64, keys [][]byte, accs []agg.Acc, fresh []bool)
	// lookup is the accumulator of the current key, nil without one.
	lookup() agg.Acc
	// change is lookup for a caller that changes the accumulator.
	change() agg.Acc
	// make is change that makes the accumulator where there is none.
	make() agg.Acc
	Drop()
	// each calls f for all accumulators. f must not use the table.
	each(f func(hash, word uint64, key []byte, a agg.Acc))
}

// groupsOf is a table of accumulators of one size: A is an array of words.
type groupsOf[A any] struct {
	*keyed.Values[A]
	isWord bool
}

func newGroupsOf[A any](b *keyed.Backend) groupTable {
	return &groupsOf[A]{keyed.NewValues(b, mustCodec[A]()), b.IsWord}
}

// newGroupTable returns an empty table for accumulators of a number of words.
func newGroupTable(b *keyed.Backend, words int) (groupTable, error) {
	switch {
	case words <= 2:
		return newGroupsOf[[2]uint64](b), nil
	case words <= 3:
		return newGroupsOf[[3]uint64](b), nil
	case words <= 4:
		return newGroupsOf[[4]uint64](b), nil
	case words <= 6:
		return newGroupsOf[[6]uint64](b), nil
	case words <= 8:
		return newGroupsOf[[8]uint64](b), nil
	case words <= 12:
		return newGroupsOf[[12]uint64](b), nil
	case words <= 16:
		return newGroupsOf[[16]uint64](b), nil
	case words <= 32:
		return newGroupsOf[[32]uint64](b), nil
	case words <= 64:
		return newGroupsOf[[64]uint64](b), nil
	case words <= 256:
		return newGroupsOf[[256]uint64](b), nil
	}
	return nil, fmt.Errorf("the aggregates of one GROUP BY take %d words for each group, of at most 256: compute some of "+
		"them in another query and join it", words)
}

func (t *groupsOf[A]) upsertAll(hashes, words []uint64, keys [][]byte, accs []agg.Acc, fresh []bool) {
	out := unsafe.Slice((**A)(unsafe.Pointer(unsafe.SliceData(accs))), len(accs))
	if t.isWord {
		t.UpsertAll(hashes, words, out, fresh)
	} else {
		t.UpsertAllBytes(hashes, keys, out, fresh)
	}
}

func (t *groupsOf[A]) lookup() agg.Acc { return agg.Acc(unsafe.Pointer(t.Lookup())) }

func (t *groupsOf[A]) change() agg.Acc { return agg.Acc(unsafe.Pointer(t.Change())) }

func (t *groupsOf[A]) make() agg.Acc {
	v, _ := t.Current()
	return agg.Acc(unsafe.Pointer(v))
}

func (t *groupsOf[A]) each(f func(hash, word uint64, key []byte, a agg.Acc)) {
	t.Range(func(hash, word uint64, key []byte, v *A) bool {
		f(hash, word, key, agg.Acc(unsafe.Pointer(v)))
		return true
	})
}
