package exec

import (
	"testing"
	"time"
)

// TestFullReloads: a table is read again after an interval, or at a time of day, also where the day has 23 hours.
func TestFullReloads(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	const form = "2006-01-02 15:04:05Z07:00"
	for _, c := range []struct {
		f           LookupFull
		began, took string
		want        []string // the reloads
	}{
		{LookupFull{Reload: ReloadDelay, Interval: time.Minute}, "2026-03-28 12:00:00Z", "10s", []string{"2026-03-28 12:01:10Z", "2026-03-28 12:02:20Z"}},
		{LookupFull{Reload: ReloadRate, Interval: time.Minute}, "2026-03-28 12:00:00Z", "10s", []string{"2026-03-28 12:01:00Z", "2026-03-28 12:02:00Z"}},
		{LookupFull{Reload: ReloadTimed, Days: 1, TimeOfDay: 10 * time.Hour}, "2026-03-28 08:59:59Z", "10s", []string{"2026-03-28 09:00:00Z", "2026-03-29 08:00:00Z"}},
		{LookupFull{Reload: ReloadTimed, Days: 2, TimeOfDay: 10 * time.Hour}, "2026-03-28 09:00:00Z", "10s", []string{"2026-03-29 08:00:00Z", "2026-03-31 08:00:00Z"}},
		{LookupFull{Reload: ReloadTimed, Days: 1, TimeOfDay: 23 * time.Hour, HasOffset: true, OffsetSeconds: -3600}, "2026-03-28 23:00:00Z", "1h", []string{"2026-03-29 00:00:00Z", "2026-03-30 00:00:00Z"}},
		{LookupFull{Reload: ReloadTimed, Days: 1}, "2026-03-28 12:00:00Z", "1h", []string{"2026-03-28 23:00:00Z", "2026-03-29 22:00:00Z"}},
	} {
		began, err := time.Parse(form, c.began)
		if err != nil {
			t.Fatal(err)
		}
		took, err := time.ParseDuration(c.took)
		if err != nil {
			t.Fatal(err)
		}
		due := c.f.first(began, began.Add(took), berlin)
		for i, want := range c.want {
			if got := due.UTC().Format(form); got != want {
				t.Errorf("%v, reload %d: at %s, want %s", c.f, i+1, got, want)
			}
			due = c.f.next(due, due.Add(took))
		}
	}
}
