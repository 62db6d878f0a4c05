package codec

import "github.com/zeebo/xxh3"

// HashWord returns the hash of a key of kind KeyWord: the finalizer of splitmix64, a bijection in
// which each input bit flips each output bit with a probability near one half.
//
//flott:hot
func HashWord(w uint64) uint64 {
	w += 0x9e3779b97f4a7c15 // or 0 would stay 0
	w = (w ^ w>>30) * 0xbf58476d1ce4e5b9
	w = (w ^ w>>27) * 0x94d049bb133111eb
	return w ^ w>>31
}

// HashBytes returns the hash of a key of kind KeyBytes from its canonical encoding.
//
//flott:hot
func HashBytes(b []byte) uint64 { return xxh3.Hash(b) }

// HashString returns the hash of a key of kind KeyString.
//
//flott:hot
func HashString(s string) uint64 { return xxh3.HashString(s) }

// KeyGroup returns the key group of a hash, in [0, maxParallelism). It takes the high bits, so that
// tables of one key group can take the low ones.
//
//flott:hot
func KeyGroup(hash uint64, maxParallelism int) int {
	return int((hash >> 32) * uint64(maxParallelism) >> 32)
}
