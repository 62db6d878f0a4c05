package keyed

import "github.com/flott-dev/flott/internal/codec"

// Multiset is a state with a number for each key and row, where rows are bytes: how often a row is
// there. A number may be negative for a while, when a row is taken away before it comes; rows with 0
// are not there. Iteration is in the order of the rows.
type Multiset struct{ *Ordered[int64] }

// NewMultiset returns an empty state of b.
func NewMultiset(b *Backend) (Multiset, error) {
	c, err := codec.For[int64](nil)
	if err != nil {
		return Multiset{}, err
	}
	return Multiset{NewOrdered(b, c)}, nil
}

// Add adds n to the number of a row of the current key, and returns the new one.
func (s Multiset) Add(row []byte, n int64) (count int64) {
	g, i := s.enter(row)
	if i >= 0 {
		s.decode(g, i, &count)
	}
	switch count += n; {
	case n == 0:
	case count != 0:
		s.write(g, i, row, &count)
	case i >= 0:
		s.delete(g, i, row)
	}
	return count
}

// AddAll adds numbers to rows of keys, one after the other, and sets counts to the new ones. Where keys
// are words, keys is nil, else words is.
func (s Multiset) AddAll(hashes, words []uint64, keys, rows [][]byte, n, counts []int64) {
	for i, hash := range hashes {
		if s.keys.IsWord {
			s.keys.Set(hash, words[i], nil)
		} else {
			s.keys.Set(hash, 0, keys[i])
		}
		counts[i] = s.Add(rows[i], n[i])
	}
}
