package bench_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// BenchmarkLatency measures, through two keyed exchanges, the time from when a record was due, which
// is open loop: a record that is made late counts from its due time.
func BenchmarkLatency(b *testing.B) {
	for _, rate := range []int64{1_000, 20_000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			const seconds = 5
			s := &latencySink{}
			env := stream.NewEnv()
			start := time.Now().Add(100 * time.Millisecond)
			src := stream.From(env, datagen.Source(func(n int64) int64 {
				return start.UnixNano() + n*1_000_000_000/rate
			}, datagen.Options{Count: rate * seconds, PerSecond: rate, Start: start}))
			one := pass(src, 97)
			two := pass(one, 89)
			two.To(s)
			before := cpuTime()
			if err := launch.Run(context.Background(), env, "latency"); err != nil {
				b.Fatal(err)
			}
			slices.Sort(s.lat)
			at := func(q float64) float64 { return float64(s.lat[int(q*float64(len(s.lat)-1))]) / 1e6 }
			b.ReportMetric(at(0.5), "p50-ms")
			b.ReportMetric(at(0.99), "p99-ms")
			b.ReportMetric(at(0.999), "p99.9-ms")
			b.ReportMetric((cpuTime()-before).Seconds()/seconds, "cores")
		})
	}
}

// pass sends records through a keyed exchange.
func pass(s *stream.Stream[int64], keys int64) *stream.Stream[int64] {
	return stream.Process(stream.KeyBy(s, func(v int64) int64 { return v % keys }),
		func(c *stream.Ctx[int64, int64], v int64) error {
			c.Emit(v)
			return nil
		})
}

type latencySink struct{ lat []int64 }

func (s *latencySink) Writer(connect.WriterContext, [][]byte) (connect.Writer[int64], error) {
	return latencyWriter{s}, nil
}

type latencyWriter struct{ s *latencySink }

func (w latencyWriter) Write(due, _ []int64) error {
	now := time.Now().UnixNano()
	for _, d := range due {
		w.s.lat = append(w.s.lat, now-d)
	}
	return nil
}

func (latencyWriter) Flush(bool) error          { return nil }
func (latencyWriter) Snapshot() ([]byte, error) { return nil, nil }
func (latencyWriter) Close() error              { return nil }
