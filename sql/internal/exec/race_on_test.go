//go:build race

package exec

const raceEnabled = 1

// seeds is how many of n random programs run: operators in a harness run on one goroutine, so that the race detector has
// nothing more to find in all of them.
func seeds(n uint64) uint64 { return (n + 3) / 4 }
