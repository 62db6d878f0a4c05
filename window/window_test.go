package window_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flott-dev/flott/window"
)

func ExampleTumbling() {
	fmt.Println(window.Tumbling(time.Hour).Offset(15 * time.Minute).Name())
	fmt.Println(window.Sliding(10*time.Second, 5*time.Second).ProcessingTime().IsProcessingTime())
	fmt.Println(window.Cumulating(10*time.Second, 3*time.Second).Err())
	// Output:
	// Tumbling(1h0m0s)
	// true
	// window.Cumulating(10s, 3s): the size must be a multiple of the step
}

func ExampleCountEvictor() {
	last := window.CountEvictor[string](2)
	elements := []window.Element[string]{{"a", 0}, {"b", 1}, {"c", 2}}
	for _, e := range last.Before(elements, window.Whole, 0) {
		fmt.Println(e.Value)
	}
	// Output:
	// b
	// c
}

func ExampleWindow() {
	w := window.Window{Start: 0, End: 60_000}
	fmt.Println(w, w.Max())
	fmt.Println(window.Whole)
	// Output:
	// [1970-01-01T00:00:00 1970-01-01T00:01:00) 59999
	// [global)
}

// local is a slicing by days or hours of Berlin.
func local(t *testing.T, size time.Duration) *window.Slices {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	s, ok := window.SlicesOf(window.Tumbling(size).In(zone))
	if !ok {
		t.Fatal("tumbling windows have no slices")
	}
	return &s
}

func TestZonedWindows(t *testing.T) {
	cases := []struct {
		size     time.Duration
		at       string
		from, to string
	}{
		{24 * time.Hour, "2026-01-10T12:00:00Z", "2026-01-09T23:00:00Z", "2026-01-10T23:00:00Z"},
		{24 * time.Hour, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}, // 23 hours
		{24 * time.Hour, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"}, // 25 hours
		// The hour from 2 to 3 is left out at 01:00 UTC, and comes twice from 00:00 UTC.
		{time.Hour, "2026-03-29T00:59:59Z", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"},
		{time.Hour, "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"},
		{30 * time.Minute, "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"},
	}
	for _, c := range cases {
		s := local(t, c.size)
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		start, end := s.Slice(s.Local(at.UnixMilli()))
		got := fmt.Sprint(time.UnixMilli(s.UTC(start)).UTC().Format(time.RFC3339), " ",
			time.UnixMilli(s.UTC(end)).UTC().Format(time.RFC3339))
		if want := c.from + " " + c.to; got != want {
			t.Errorf("%v at %s: got %s, want %s", c.size, c.at, got, want)
		}
	}
}

// TestZonedSlicesInOrder walks through the changes of a year: every instant lies in its window, but
// in the hour that comes twice, and windows do not overlap.
func TestZonedSlicesInOrder(t *testing.T) {
	for _, size := range []time.Duration{24 * time.Hour, time.Hour, 90 * time.Minute, 30 * time.Minute} {
		s := local(t, size)
		last := int64(-1 << 62)
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		for at := begin; at < begin+366*86_400_000; at += 600_000 {
			start, end := s.Slice(s.Local(at))
			from, to := s.UTC(start), s.UTC(end)
			again := s.Local(at) == s.Local(at-3_600_000) // the hour's second time
			if at >= to || from > to || to < last && !again {
				t.Fatalf("%v: %s is in [%s %s)", size, time.UnixMilli(at).UTC(), time.UnixMilli(from).UTC(), time.UnixMilli(to).UTC())
			}
			twice := s.Local(at) == s.Local(at+3_600_000) // its first time
			if at < from && !twice {
				t.Fatalf("%v: %s is before its window from %s", size, time.UnixMilli(at).UTC(), time.UnixMilli(from).UTC())
			}
			last = to
		}
	}
}

func TestSlicesCoverWindows(t *testing.T) {
	for _, c := range []struct{ size, slide, offset int64 }{{10, 5, 0}, {10, 4, 3}, {7, 3, -2}, {3, 7, 1}, {5, 5, -1}, {9, 2, 100}} {
		a := window.Sliding(time.Duration(c.size)*time.Millisecond, time.Duration(c.slide)*time.Millisecond).
			Offset(time.Duration(c.offset) * time.Millisecond)
		s, _ := window.SlicesOf(a)
		for at := int64(-50); at < 50; at++ {
			start, end := s.Slice(at)
			if at < start || at >= end {
				t.Fatalf("%v: %d is in slice [%d %d)", c, at, start, end)
			}
			got := map[int64]bool{}
			first, last, step := s.Ends(start)
			for e := first; e <= last; e += step {
				got[e] = true
				if s.Start(e) > start || e < end {
					t.Fatalf("%v: the window that ends at %d does not hold slice [%d %d)", c, e, start, end)
				}
			}
			for e := int64(-200); e < 200; e++ {
				is := (e-c.size-c.offset)%c.slide == 0 && e-c.size <= at && at < e
				if is != got[e] {
					t.Fatalf("%v: time %d, window that ends at %d: %v", c, at, e, got[e])
				}
			}
		}
	}
}
