package window

import "time"

// Slices cuts time at every start and end of a window of an aligned assigner: each window is a row
// of whole slices, and what is aggregated for a slice is shared by all windows over it.
//
//	Sliding(10s, 5s)   windows  [0─────────10)
//	                                 [5─────────15)
//	                   slices   [0──5)[5──10)[10─15)
//
// Slices and windows are numbered in local time when the assigner has a zone; UTC converts a bound.
type Slices struct {
	kind                       Kind
	size, slide, offset, width int64
	zone                       *time.Location
}

// SlicesOf is the slicing of a; ok is false for assigners whose windows are not aligned.
func SlicesOf(a Assigner) (s Slices, ok bool) {
	s = Slices{kind: a.kind, size: a.size, slide: a.slide, offset: a.offset, zone: a.zone}
	switch a.kind {
	case KindTumbling, KindCumulating:
		s.width = a.slide
	case KindSliding:
		if s.width = a.size; a.size > a.slide {
			s.width = gcd(a.size, a.slide)
		}
	default:
		return s, false
	}
	return s, true
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Zoned reports whether the slices' own time differs from UTC.
func (s *Slices) Zoned() bool { return s.zone != nil }

// floor is the largest multiple of n, shifted by the offset, that is not after t.
func (s *Slices) floor(t, n int64) int64 {
	r := (t - s.offset) % n
	if r < 0 {
		r += n
	}
	return t - r
}

// Local is a UTC time in the slices' own time.
func (s *Slices) Local(t int64) int64 {
	if s.zone == nil {
		return t
	}
	return t + s.offsetAt(t)
}

// UTC is the reverse of Local. Of the two instants of a local time that comes twice it is the
// later; a local time that is left out counts as the instant of the change.
func (s *Slices) UTC(local int64) int64 {
	if s.zone == nil {
		return local
	}
	const day = 24 * 3600 * 1000
	before, after := local-s.offsetAt(local-day), local-s.offsetAt(local+day)
	late, early := max(before, after), min(before, after)
	switch {
	case s.Local(late) == local:
		return late
	case s.Local(early) == local:
		return early
	}
	// The local time is left out, and early, which takes the later offset, lies before the change.
	if _, end := time.UnixMilli(early).In(s.zone).ZoneBounds(); !end.IsZero() {
		return end.UnixMilli()
	}
	return late
}

// offsetAt is the zone's offset at a UTC time, in milliseconds.
func (s *Slices) offsetAt(t int64) int64 {
	_, seconds := time.UnixMilli(t).In(s.zone).Zone()
	return int64(seconds) * 1000
}

// Slice is the slice of a local time.
func (s *Slices) Slice(local int64) (start, end int64) {
	if s.kind != KindSliding || s.size > s.slide {
		start = s.floor(local, s.width)
		return start, start + s.width
	}
	if start = s.floor(local, s.slide); local < start+s.size {
		return start, start + s.size
	}
	return start + s.size, start + s.slide // between two windows
}

// Ends are the ends of the windows over the slice that starts at start: first, then every step up
// to last. first is after last when there is none.
func (s *Slices) Ends(start int64) (first, last, step int64) {
	switch s.kind {
	case KindTumbling:
		return start + s.size, start + s.size, s.size
	case KindCumulating:
		return start + s.slide, s.floor(start, s.size) + s.size, s.slide
	}
	last = s.floor(start, s.slide) + s.size
	// The first window that starts after start+width-size-1.
	first = s.floor(start+s.width-s.size+s.slide-1, s.slide) + s.size
	return first, last, s.slide
}

// Start is the start of the window that ends at end.
func (s *Slices) Start(end int64) int64 {
	if s.kind == KindCumulating {
		return s.floor(end-1, s.size)
	}
	return end - s.size
}

// Shared reports whether windows overlap.
func (s *Slices) Shared() bool { return s.kind != KindTumbling && s.size > s.slide }
