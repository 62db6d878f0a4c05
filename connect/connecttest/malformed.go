package connecttest

import (
	"slices"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/clock"
)

// Malformed checks what a source does about records that cannot be read. fails makes the source so that they fail the job, skips
// so that they are passed over; good are the records that can be read. A source that skips keeps the contract of Source. One that fails
// does so again, for the same reason, whenever it goes on from its last checkpoint, and emits nothing twice meanwhile.
func Malformed[T any](t *testing.T, fails, skips func() connect.Source[T], good []T) {
	t.Helper()
	t.Run("malformed skipped", func(t *testing.T) { Source(t, skips, Options[T]{Want: good}) })
	t.Run("malformed fails", func(t *testing.T) {
		var from *Snapshot
		var all []string
		why := ""
		for attempt := range 3 {
			got, last, err := untilError(t, fails(), from)
			switch {
			case err == nil:
				t.Fatalf("attempt %d: a record that cannot be read does not fail the source", attempt+1)
			case attempt > 0 && err.Error() != why:
				t.Fatalf("attempt %d fails by %q, the one before by %q", attempt+1, err, why)
			}
			all, from, why = append(all, keys(got)...), last, err.Error()
		}
		slices.Sort(all)
		compare(t, all, keys(good), true)
	})
}

// untilError reads a source, with a checkpoint after each poll that gives something, until it fails or ends.
func untilError[T any](t *testing.T, source connect.Source[T], from *Snapshot) (records []T, last *Snapshot, err error) {
	t.Helper()
	d := newDriver(t, source, 1, from, clock.NewManual(time.Unix(1_700_000_000, 0)), 1)
	defer d.Close()
	last = from
	for range pollsMax {
		if d.Ended() {
			return records, last, nil
		}
		got := false
		progress, err := d.step(func(b Batch[T]) {
			records = append(records, b.Records...)
			got = len(b.Records) > 0
		})
		if err != nil {
			return records, last, err
		}
		if got {
			last = d.Snapshot()
		} else if !progress {
			d.Wait()
		}
	}
	t.Fatalf("no end after %d polls", pollsMax)
	return nil, nil, nil
}
