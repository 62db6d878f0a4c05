package exec

import (
	"time"

	"github.com/flott-dev/flott/sql/internal/logical"
)

// windows are the windows of a time column. Times are milliseconds of the column's: of a TIMESTAMP_LTZ the local ones of
// the session's zone, so that a day may have 23 or 25 hours.
//
// Time is cut into slices at every start and end of a window; each window is a row of whole slices.
//
//	HOP 10 s by 5 s   windows  [0─────────10)
//	                                [5─────────15)
//	                  slices   [0──5)[5──10)[10─15)
type windows struct {
	logical.Windowing
	width int64 // of slices

	zone *time.Location // nil is UTC
	// The zone's offset in [from, to).
	from, to, shift int64
}

// newWindows are windows of a column. instants says that it is a TIMESTAMP_LTZ.
func newWindows(w logical.Windowing, instants bool, zone *time.Location) *windows {
	c := &windows{Windowing: w}
	switch w.Kind {
	case "TUMBLE":
		c.width = w.Size
	case "CUMULATE":
		c.width = w.Slide
	case "HOP":
		if c.width = w.Size; w.Size > w.Slide {
			c.width = gcd(w.Size, w.Slide)
		}
	}
	if instants && zone != nil && zone != time.UTC && zone.String() != "UTC" {
		c.zone = zone
	}
	return c
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// local is the time of an instant.
func (w *windows) local(t int64) int64 {
	if w.zone == nil {
		return t
	}
	if t < w.from || t >= w.to {
		w.findShift(t)
	}
	return t + w.shift
}

// farMillis bound the times that a calendar is asked about.
const farMillis = 1 << 55

// findShift finds the zone's offset at an instant.
func (w *windows) findShift(t int64) {
	at := time.UnixMilli(min(max(t, -farMillis), farMillis)).In(w.zone)
	_, seconds := at.Zone()
	w.shift, w.from, w.to = int64(seconds)*1000, -1<<63, 1<<63-1
	start, end := at.ZoneBounds()
	if !start.IsZero() {
		w.from = start.UnixMilli()
	}
	if !end.IsZero() {
		w.to = end.UnixMilli()
	}
}

// instant is the reverse of local. Of the two instants of a time that comes twice it is the later; a time that is left
// out counts as the instant of the change.
func (w *windows) instant(local int64) int64 {
	if w.zone == nil || local <= -farMillis || local >= farMillis {
		return local
	}
	from, to, shift := w.from, w.to, w.shift // of rows, which are about another time
	defer func() { w.from, w.to, w.shift = from, to, shift }()
	const day = 24 * 3600 * 1000
	w.findShift(local - day)
	before := local - w.shift
	w.findShift(local + day)
	after := local - w.shift
	late, early := max(before, after), min(before, after)
	switch {
	case w.local(late) == local:
		return late
	case w.local(early) == local:
		return early
	}
	// The time is left out, and early, which takes the later offset, lies before the change.
	w.local(early)
	return w.to
}

// complete is the watermark at which the window that ends at end is complete: its last millisecond.
func (w *windows) complete(end int64) int64 { return w.instant(end - 1) }

// floor is the largest multiple of n, shifted by the offset, that is not after t.
func (w *windows) floor(t, n int64) int64 {
	r := (t - w.Offset) % n
	if r < 0 {
		r += n
	}
	return t - r
}

// slice is the slice of a time.
func (w *windows) slice(t int64) (start, end int64) {
	if w.Kind != "HOP" || w.Size > w.Slide {
		start = w.floor(t, w.width)
		return start, start + w.width
	}
	if start = w.floor(t, w.Slide); t < start+w.Size {
		return start, start + w.Size
	}
	return start + w.Size, start + w.Slide // between two windows
}

// ends are the ends of the windows over the slice that starts at start: first, then every step up to last. first is
// after last when there is none.
func (w *windows) ends(start int64) (first, last, step int64) {
	switch w.Kind {
	case "TUMBLE":
		return start + w.Size, start + w.Size, w.Size
	case "CUMULATE":
		return start + w.Slide, w.floor(start, w.Size) + w.Size, w.Slide
	}
	last = w.floor(start, w.Slide) + w.Size
	// The first window that starts after start+width-size-1.
	first = w.floor(start+w.width-w.Size+w.Slide-1, w.Slide) + w.Size
	return first, last, w.Slide
}

// start is the start of the window that ends at end.
func (w *windows) start(end int64) int64 {
	if w.Kind == "CUMULATE" {
		return w.floor(end-1, w.Size)
	}
	return end - w.Size
}

// windowBounds are window_start, window_end and window_time.
type windowBounds struct {
	start, end int64
	time       int64 // of the column window_time
}

// bounds is the window from start to end. isLTZ says that window_time is an instant.
func (w *windows) bounds(start, end int64, isLTZ bool) windowBounds {
	b := windowBounds{start, end, end - 1}
	if isLTZ {
		b.time = w.instant(end - 1)
	}
	return b
}
