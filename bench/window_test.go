package bench_test

import (
	"testing"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// windowKeys is how many keys the window benchmarks have; a second of event time has 100,000 rows.
const windowKeys = 10_000

func timedRows(env *stream.Env, n int) *stream.Stream[row] {
	return stream.From(env, source(int64(n))).
		Watermarks(watermark.Monotonous(func(r row) time.Time { return time.UnixMilli(r.A / 100) }))
}

func keyedRows(env *stream.Env, n int) *stream.Keyed[int64, row] {
	return stream.KeyByRef(timedRows(env, n), func(r *row) int64 {
		return int64(uint64(r.A) * 0x9E3779B97F4A7C15 >> 40 % windowKeys)
	})
}

// BenchmarkWindowNone is what the window benchmarks cost without windows.
func BenchmarkWindowNone(b *testing.B) {
	b.ReportAllocs()
	env := stream.NewEnv()
	stream.Process(keyedRows(env, b.N), func(*stream.Ctx[int64, row], row) error { return nil }).
		To(nullSink[row]{})
	run(b, env)
}

func BenchmarkWindowCount(b *testing.B) {
	sum := agg.Count[row]()
	noMerge := sum
	noMerge.Merge = nil
	type keyed = *stream.Keyed[int64, row]
	cases := []struct {
		name string
		w    func(k keyed) *stream.Windowed[int64, row]
		agg  agg.Aggregate[row, int64, int64]
	}{
		{"tumbling", func(k keyed) *stream.Windowed[int64, row] { return k.Window(window.Tumbling(10 * time.Second)) }, sum},
		{"sliding", func(k keyed) *stream.Windowed[int64, row] {
			return k.Window(window.Sliding(10*time.Second, 2*time.Second))
		}, sum},
		{"sliding-no-merge", func(k keyed) *stream.Windowed[int64, row] {
			return k.Window(window.Sliding(10*time.Second, 2*time.Second))
		}, noMerge},
		{"session", func(k keyed) *stream.Windowed[int64, row] { return k.Window(window.Session(2 * time.Second)) }, sum},
		{"general-tumbling", func(k keyed) *stream.Windowed[int64, row] {
			return k.Window(window.Tumbling(10 * time.Second)).Trigger(window.EventTime[row]())
		}, sum},
		{"general-session", func(k keyed) *stream.Windowed[int64, row] {
			return k.Window(window.Session(2 * time.Second)).Trigger(window.EventTime[row]())
		}, sum},
		{"count-window", func(k keyed) *stream.Windowed[int64, row] { return k.CountWindow(100) }, sum},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			env := stream.NewEnv()
			stream.Aggregate(c.w(keyedRows(env, b.N)), c.agg).To(nullSink[stream.Result[int64, int64]]{})
			run(b, env)
		})
	}
}

// BenchmarkWindowJoin joins 8 of 100 rows, of two kinds, in tumbling windows; an operation is a row
// of either kind or none.
func BenchmarkWindowJoin(b *testing.B) {
	b.ReportAllocs()
	env := stream.NewEnv()
	rows := stream.From(env, slice.Func(int64(b.N), func(i int64) row { return row{i, i * 7, i % 100, i & 1023} })).
		Watermarks(watermark.Monotonous(func(r row) time.Time { return time.UnixMilli(r.A / 1000) }))
	persons := rows.Filter(func(r row) bool { return r.C < 2 })
	auctions := rows.Filter(func(r row) bool { return r.C >= 2 && r.C < 8 })
	key := func(r row) int64 { return r.A / 100 % 100_000 }
	stream.JoinWindow(stream.KeyBy(persons, key), stream.KeyBy(auctions, key),
		window.Tumbling(10*time.Second), func(l, r row) row { return l }).To(nullSink[row]{})
	run(b, env)
}
