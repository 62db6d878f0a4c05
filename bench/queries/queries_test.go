package queries

import (
	"context"
	"testing"

	"github.com/flott-dev/flott/connect/nexmark"
)

// Hashes and row counts of Apache Flink 2.2.1 for seed 1, 2,000,000 events, 100,000 events/s.
var flink = map[string]struct {
	hash string
	rows int64
}{
	"q0":  {"17a151267cf14bda", 1840000},
	"q1":  {"49c95cdff3e3150f", 1840000},
	"q2":  {"19a5144d2f45b566", 14412},
	"q3":  {"3c92e4f2da0dc5dd", 11996},
	"q4":  {"8cd9750270dbe7ea", 0},
	"q5":  {"4152779675ab476c", 18},
	"q7":  {"5de2a349cef8d677", 36},
	"q8":  {"1f58b869faa13e28", 21003},
	"q11": {"e351d7d2ba453dcd", 39927},
}

// TestResultsAreTheSameAtAnyParallelism stands for TestResultsEqualFlinks under the race detector,
// which makes that one take minutes.
func TestResultsAreTheSameAtAnyParallelism(t *testing.T) {
	for _, q := range All {
		hashes := map[string]bool{}
		for _, p := range []int{1, 2} {
			r, err := q.Run(context.Background(), Options{
				Config: nexmark.Config{Events: 100_000}, Parallelism: p, Hash: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			hashes[r.OutputHash] = true
		}
		if _, ok := flink[q.Name]; ok && len(hashes) > 1 {
			t.Errorf("%s: the hashes are %v", q.Name, hashes)
		}
	}
}

func TestResultsEqualFlinks(t *testing.T) {
	if raceEnabled {
		t.Skip("takes minutes with the race detector")
	}
	for _, p := range []int{1, 2} {
		for _, q := range All {
			want, ok := flink[q.Name]
			if !ok {
				continue
			}
			r, err := q.Run(context.Background(), Options{
				Config: nexmark.Config{Events: 2_000_000}, Parallelism: p, Hash: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.OutputHash != want.hash || want.rows != 0 && r.OutputRows != want.rows {
				t.Errorf("%s at parallelism %d: hash %s, %d rows; Flink has %s, %d rows",
					q.Name, p, r.OutputHash, r.OutputRows, want.hash, want.rows)
			}
			t.Logf("%s p=%d %d events/cpu-s", q.Name, p, r.EventsPerCPUSecond)
		}
	}
}

// Which window of processing time a bid falls into depends on the clock; that every bid is counted
// once does not: of every 50 events 46 are bids.
func TestQ12CountsEveryBidOnce(t *testing.T) {
	q, _ := Find("q12")
	for _, p := range []int{1, 2} {
		r, err := q.Run(context.Background(), Options{
			Config: nexmark.Config{Events: 100_000}, Parallelism: p,
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Counted != 92_000 {
			t.Errorf("parallelism %d: %d bids are counted, want 92000", p, r.Counted)
		}
	}
}
