package bench_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/window"
)

// allocsPerRecordMax leaves room for what grows in steps, such as tables and pools.
const allocsPerRecordMax = 0.002

// TestSteadyStateAllocatesNothing runs each job with N and with 2N records: what the second half
// costs in allocations, by record, is what a job that runs for long pays.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const n = 200_000
	counts := agg.Count[row]()
	windowed := func(a window.Assigner) func(env *stream.Env, n int) {
		return func(env *stream.Env, n int) {
			stream.Aggregate(fewKeys(env, n).Window(a), counts).To(nullSink[stream.Result[int64, int64]]{})
		}
	}
	exchange := func(env *stream.Env, n int) {
		k := stream.KeyBy(stream.From(env, source(int64(n))), func(r row) int64 { return r.A })
		stream.Process(k, func(*stream.Ctx[int64, row], row) error { return nil }).To(nullSink[row]{})
	}
	jobs := []struct {
		name        string
		parallelism int
		build       func(env *stream.Env, n int)
	}{
		{"chain", 1, func(env *stream.Env, n int) {
			s := stream.Map(stream.From(env, source(int64(n))), func(r row) row { r.A++; return r })
			s = s.Filter(func(r row) bool { return r.D&1 == 0 })
			stream.Map(s, func(r row) int64 { return r.B }).To(nullSink[int64]{})
		}},
		{"keyed exchange", 1, exchange},
		{"keyed exchange", 2, exchange},
		{"keyed count", 1, func(env *stream.Env, n int) {
			k := stream.KeyBy(stream.From(env, source(int64(n))), func(r row) int64 { return r.D })
			stream.Scan(k, func(c *stream.Ctx[int64, row], s *int64, r row) error {
				*s++
				c.Emit(r)
				return nil
			}).To(nullSink[row]{})
		}},
		{"sliding window", 2, windowed(window.Sliding(50*time.Millisecond, 10*time.Millisecond))},
		{"session window", 2, windowed(window.Session(5 * time.Millisecond))},
		{"timers", 2, timers},
	}
	for _, j := range jobs {
		t.Run(j.name, func(t *testing.T) {
			mallocs := func(n int) float64 {
				env := stream.NewEnv(stream.Parallelism(j.parallelism))
				j.build(env, n)
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				if err := launch.Run(context.Background(), env, "alloc"); err != nil {
					t.Fatal(err)
				}
				runtime.ReadMemStats(&after)
				return float64(after.Mallocs - before.Mallocs)
			}
			mallocs(n) // what is made once in a process
			per := (mallocs(2*n) - mallocs(n)) / n
			t.Logf("parallelism %d: %.5f allocations for a record", j.parallelism, per)
			if per >= allocsPerRecordMax {
				t.Errorf("parallelism %d: %.5f allocations for a record, want less than %v", j.parallelism,
					per, allocsPerRecordMax)
			}
		})
	}
}

// fewKeys has two sets of 100 keys, which have no records in turn. One subtask reads them all: two
// would be at different times, and what is between them is state.
func fewKeys(env *stream.Env, n int) *stream.Keyed[int64, row] {
	return stream.KeyBy(timedRows(env, n).Parallelism(1),
		func(r row) int64 { return r.A%100 + r.A>>12%2*100 })
}

// timers sets a timer with each record; it fires soon after.
func timers(env *stream.Env, n int) {
	soon := stream.NewTimer[int64]("soon")
	stream.Process(fewKeys(env, n), func(c *stream.Ctx[int64, row], r row) error {
		soon.SetMillis(c, r.A/100+3, r.A)
		return nil
	}, stream.On(soon, func(c *stream.Ctx[int64, row], payload int64) error {
		c.Emit(row{A: payload})
		return nil
	})).To(nullSink[row]{})
}
