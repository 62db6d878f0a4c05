package keyed

import (
	"encoding/binary"
	"math"
)

// TTL is the time to live of a state's entries, in processing time.
type TTL struct {
	// Millis is for how long an entry lives after its last update; at that age it is expired.
	Millis int64
	// OnRead makes reads count as updates.
	OnRead bool
	// ReturnExpired returns an entry that is expired but still there, once.
	ReturnExpired bool
	// Sweep is how many entries are looked at, for each access, to find those that are expired. Zero
	// is DefaultSweep, and a negative number none.
	Sweep int
}

// DefaultSweep is the default of TTL.Sweep.
const DefaultSweep = 8

// Timed is a value with the time of its last update, as a state with TTL holds it. The time comes
// first and takes timeBytes bytes, so that it can be read, or left out, without decoding the value.
type Timed[V any] struct {
	At int64
	V  V
}

const timeBytes = 8

// timeOf is the time of an encoded Timed.
func timeOf(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }

// ttlSuffix follows the kind in the description of a state with TTL.
const ttlSuffix = " with TTL"

// HoldClock has states see the time of now until ReleaseClock. To read the clock for each record of a
// batch takes longer than to look up a key.
func (b *Backend) HoldClock() {
	if b.reads {
		b.held, b.holds = b.Now(), true
	}
}

// ReleaseClock ends HoldClock.
func (b *Backend) ReleaseClock() { b.holds = false }

// now is the processing time in milliseconds.
func (b *Backend) now() int64 {
	if b.holds {
		return b.held
	}
	return b.Now()
}

// sweeper finds expired entries, a few with each access. It goes through the table key group by key
// group and, within one, as iteration does. A pass over all that has ended tells when the next
// entry can expire; until then there is none.
//
// An entry that a rebuild moves past the sweeper is found by the next pass, which begins no later than
// a time to live after this one.
type sweeper struct {
	TTL
	b      *Backend
	debt   int   // entries that are to be looked at
	group  int   // where the pass is
	at     int   // the index that was looked at last, -1 at the start of a group
	slots  int   // of the group then
	begun  int64 // when the pass did
	oldest int64 // time among the entries that it has seen
	next   int64 // when the next pass begins
	asOf   int64 // the time of the last freeze
}

// Entries are looked at by this many at least.
const sweepMin = 64

func newSweeper(b *Backend, ttl TTL) sweeper {
	b.reads = true
	s := sweeper{TTL: ttl, b: b, at: -1, oldest: math.MaxInt64, begun: math.MinInt64}
	if ttl.Sweep == 0 {
		s.Sweep = DefaultSweep
	} else if ttl.Sweep < 0 {
		s.next = math.MaxInt64
	}
	return s
}

// isExpired reports whether an entry of a time is expired.
func (s *sweeper) isExpired(at, now int64) bool { return now-at >= s.Millis }

// access counts an access and returns how many entries to look at before it.
func (s *sweeper) access(now int64) int {
	if now < s.next {
		return 0
	}
	if s.debt += s.Sweep; s.debt < sweepMin {
		return 0
	}
	n := s.debt
	s.debt = 0
	return n
}

// sweepTable looks at n entries. visit drops the one at an index if it is expired, and returns the
// oldest time that stays and how many entries it has looked at.
func sweepTable[S any](s *sweeper, t *Table[S], n int, now int64,
	visit func(g, i int) (oldest int64, n int),
) {
	if s.begun == math.MinInt64 {
		s.begun = now
	}
	for n > 0 {
		if s.group == len(t.groups) {
			s.next = min(s.oldest, s.begun) + s.Millis
			s.group, s.begun, s.oldest = 0, math.MinInt64, math.MaxInt64
			return
		}
		m := &t.groups[s.group]
		if slots := max(len(m.slots), len(m.words.slots)); slots != s.slots {
			s.at, s.slots = -1, slots
		}
		i := m.Next(s.at)
		if i < 0 {
			s.group++
			s.at, s.slots = -1, -1
			n--
			continue
		}
		s.at = i
		oldest, looked := visit(s.group, i)
		s.oldest = min(s.oldest, oldest)
		n -= looked
	}
}
