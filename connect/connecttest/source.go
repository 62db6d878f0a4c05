// Package connecttest has the tests that every source, every sink that commits in two phases and every file
// system must pass, and the means to write more.
//
// [Source] reads a source in many ways (one to three readers, restored in fresh readers after every
// poll, with splits moving between readers, with polls that are lost) and wants the same records
// each time, those of a split in the same order, by which each split has its watermark, and an end within a second when it is cancelled.
// [Malformed] gives a source records that cannot be read. [Driver] drives a source by hand, for tests of its own. [Sink] has a sink's jobs fail and
// be restored at any point, and wants each record to become visible once. [FileSystem] takes the steps of a
// file that is written with a driver of package filesystem.
//
// Data flow: a driver stands for the engine; it takes what the readers emit and compares it.
package connecttest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/clock"
)

// Options say what Source expects. The zero value fits bounded sources.
type Options[T any] struct {
	// Want is the records. Nil means those of the first run.
	Want []T
	// Max ends each run of an unbounded source after that many records. Records of Want may then be
	// missing, but none appears too often.
	Max int
	// NoReplay says that the source cannot read a record again, so that nothing is restored.
	NoReplay bool
}

// Source checks that a source keeps the contract of package connect. open makes the source anew
// for each run, as a restarted program does.
func Source[T any](t *testing.T, open func() connect.Source[T], o Options[T]) {
	t.Helper()
	first, order := run(t, open, plan{parallelism: 1, rows: DefaultRows}, o)
	if o.Want == nil {
		o.Want = first
	}
	want := keys(o.Want)
	plans := []plan{
		{parallelism: 1, rows: DefaultRows},
		{parallelism: 2, rows: DefaultRows},
		{parallelism: 3, rows: 1},
		{parallelism: 3, rows: 1024},
	}
	if !o.NoReplay {
		plans = append(plans,
			plan{parallelism: 1, rows: DefaultRows, restore: 1}, plan{parallelism: 1, rows: 1, restore: 1},
			plan{parallelism: 3, rows: 3, restore: 1, rescale: true},
			plan{parallelism: 2, rows: 4, restore: 2, lose: 1},
			plan{parallelism: 3, rows: 2, restore: 3, lose: 2, rescale: true})
	}
	for _, p := range plans {
		t.Run(p.String(), func(t *testing.T) {
			got, again := run(t, open, p, o)
			compare(t, keys(got), want, o.Max > 0)
			sameOrder(t, again, order)
		})
	}
	t.Run("broken split", func(t *testing.T) {
		d := NewDriver(t, open(), 1, nil)
		for _, data := range [][]byte{nil, {0xff}} {
			if d.readers[0].Assign([]connect.Split{{ID: "broken", Data: data}}) == nil {
				t.Errorf("a split with the data % x is assigned without an error", data)
			}
		}
	})
	t.Run("close unread", func(t *testing.T) {
		d := NewDriver(t, open(), 2, nil)
		if err := d.Deliver(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) { sourceCancelled(t, open) })
}

// plan is a way to read a source.
type plan struct {
	parallelism int
	rows        int
	restore     int  // after so many polls that gave something; 0 never
	lose        int  // polls between the snapshot and the restore, whose records are lost
	rescale     bool // restore with another parallelism
}

func (p plan) String() string {
	s := fmt.Sprintf("readers=%d rows=%d", p.parallelism, p.rows)
	if p.restore > 0 {
		s += fmt.Sprintf(" restore after %d lose %d rescale %v", p.restore, p.lose, p.rescale)
	}
	return s
}

// pollsMax bounds a run: a source that makes no progress must not hang the test.
const pollsMax = 20_000

// run reads a source, and also returns what came of each split, in order.
func run[T any](t *testing.T, open func() connect.Source[T], p plan, o Options[T]) (records []T, order map[string][]string) {
	t.Helper()
	order = map[string][]string{}
	c := clock.NewManual(time.Unix(1_700_000_000, 0))
	d := newDriver(t, open(), p.parallelism, nil, c, p.rows)
	polls, batches, parallelism := 0, 0, p.parallelism
	got := false // a batch, in this poll
	take := func(b Batch[T]) {
		records = append(records, b.Records...)
		for _, r := range b.Records {
			order[b.Split] = append(order[b.Split], fmt.Sprintf("%+v", r))
		}
		got = got || len(b.Records) > 0 || b.Finished
	}
	must := func(progress bool, err error) bool {
		t.Helper()
		if err != nil {
			t.Fatalf("poll: %v", err)
		}
		return progress
	}
	for !d.Ended() && (o.Max == 0 || len(records) < o.Max) {
		if polls++; polls > pollsMax {
			t.Fatalf("no end after %d polls of all readers", polls)
		}
		got = false
		progress := must(d.step(take))
		if d.Ended() {
			break
		}
		if !progress {
			d.Wait()
		}
		if got {
			batches++
		}
		if !got || p.restore == 0 || batches%p.restore != 0 {
			continue
		}
		s := d.Snapshot()
		for range p.lose {
			must(d.step(func(Batch[T]) {}))
		}
		d.Close()
		if p.rescale {
			parallelism = parallelism%3 + 1
		}
		d = newDriver(t, open(), parallelism, s, c, p.rows)
	}
	if b, ok := d.Backlog(); ok && d.Ended() && (b.Records > 0 || b.Bytes > 0) {
		t.Errorf("all is read, and the backlog is %+v", b)
	}
	d.Close()
	return records, order
}

// sameOrder wants records that a split has in each of two runs to be in the same order in both. What splits are may depend on how
// many readers there are. Records that look like others do not count.
func sameOrder(t testing.TB, got, want map[string][]string) {
	t.Helper()
	type place struct {
		split string
		n     int
	}
	places, twice := map[string]place{}, map[string]bool{}
	for split, of := range want {
		for n, r := range of {
			_, again := places[r]
			twice[r] = twice[r] || again
			places[r] = place{split, n}
		}
	}
	for split, of := range got {
		last := map[string]int{} // of a split of want
		for _, r := range of {
			at, known := places[r]
			if !known || twice[r] {
				continue
			}
			if n, ok := last[at.split]; ok && at.n < n {
				t.Fatalf("split %q has %s behind %s, another run before it: its watermark depends on where it was restored", split, r, want[at.split][n])
			}
			last[at.split] = at.n
		}
	}
}

func keys[T any](records []T) []string {
	out := make([]string, len(records))
	for i, r := range records {
		out[i] = fmt.Sprintf("%+v", r)
	}
	slices.Sort(out)
	return out
}

// compare wants got to be want, as multisets, or to be within it.
func compare(t testing.TB, got, want []string, part bool) {
	t.Helper()
	for len(got) > 0 && len(want) > 0 {
		switch {
		case got[0] == want[0]:
			got, want = got[1:], want[1:]
		case got[0] > want[0]:
			if !part {
				t.Fatalf("the record %s is missing", want[0])
			}
			want = want[1:]
		default:
			t.Fatalf("the record %s appears too often", got[0])
		}
	}
	if len(got) > 0 {
		t.Fatalf("the record %s appears too often", got[0])
	}
	if len(want) > 0 && !part {
		t.Fatalf("%d records are missing: %s …", len(want), want[0])
	}
}
