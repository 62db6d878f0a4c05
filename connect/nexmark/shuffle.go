package nexmark

import "math/bits"

// shuffleMillisMax bounds how far a variant moves an event, in event time.
const shuffleMillisMax = 3000

// shuffle is a permutation of the event numbers, computed without memory so that any split can
// ask for any position.
//
// The stream is cut into blocks of 2^k events, as long as the bound on the time allows, and each
// block is permuted on its own. The obvious way, a shuffled table for each block, would take
// megabytes at high rates and tie the splits together. Instead the k bits of the place in the block
// go through steps each of which can be undone (add, multiply by an odd number, xor with the own
// upper half), which makes the whole a permutation.
//
// At the end of a bounded stream the rest is cut into ever smaller powers of two:
//
//	events = 2·2^k + 22:  [ 2^k ][ 2^k ][ 16 ][ 4 ][ 2 ]
type shuffle struct {
	seed      uint64
	blockBits int
	tailAt    int64 // where the whole blocks end; the tail is tailLen long
	tailLen   int64
}

func newShuffle(seed uint64, ratePerSecond, events int64) shuffle {
	block := max(ratePerSecond*shuffleMillisMax/1000, 1)
	s := shuffle{seed: seed, blockBits: bits.Len64(uint64(block)) - 1}
	if events == 0 {
		s.tailAt = 1<<63 - 1
		return s
	}
	s.tailAt = events >> s.blockBits << s.blockBits
	s.tailLen = events - s.tailAt
	return s
}

// at returns the number of the event at position n. Positions past the end of a bounded stream
// keep theirs.
func (s *shuffle) at(n int64) int64 {
	k := s.blockBits
	start := n >> k << k
	if n >= s.tailAt {
		place := n - s.tailAt
		if place >= s.tailLen {
			return n
		}
		// The sub-block is the highest bit that the length has and the place has not.
		k = bits.Len64(uint64(place^s.tailLen)) - 1
		start = s.tailAt + s.tailLen>>(k+1)<<(k+1)
	}
	return start + int64(permute(uint64(n-start), mix(s.seed+uint64(start)*gamma), k))
}

// permute maps x, a number of k bits, to another, one to one for each key.
func permute(x, key uint64, k int) uint64 {
	mask := uint64(1)<<k - 1
	half := (k + 1) / 2
	for range 3 {
		x = (x + key) & mask
		x = x * (key | 1) & mask
		x ^= x >> half
		key = mix(key)
	}
	return x
}
