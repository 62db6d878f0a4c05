//go:build !race

package exec

const raceEnabled = 0

func seeds(n uint64) uint64 { return n }
