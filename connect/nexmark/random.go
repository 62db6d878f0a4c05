package nexmark

// Random numbers come from splitmix64, whose state only counts: draw k of a stream that starts at
// s is mix(s + k*gamma). So draws that nobody needs are skipped by one addition.
const (
	gamma     = 0x9E3779B97F4A7C15
	eventStep = 0xD1342543DE82EF95 // spreads the event numbers over the states
	mask64    = 1<<64 - 1          // constant multiples of gamma are cut to 64 bits by it
)

// mix turns a state into its random number.
func mix(s uint64) uint64 {
	s = (s ^ s>>30) * 0xBF58476D1CE4E5B9
	s = (s ^ s>>27) * 0x94D049BB133111EB
	return s ^ s>>31
}

// below maps a random number to [0, n), by multiply-shift on its top 32 bits.
func below(x, n uint64) uint64 {
	return x >> 32 * n >> 32
}

// stream draws one number after the other, for the tables, where speed does not matter.
type stream uint64

func (s *stream) below(n int) int {
	*s += gamma
	return int(below(mix(uint64(*s)), uint64(n)))
}
