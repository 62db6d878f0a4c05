package bench_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

type row struct{ A, B, C, D int64 }

type nullSink[T any] struct{}

func (nullSink[T]) Writer(connect.WriterContext, [][]byte) (connect.Writer[T], error) {
	return nullWriter[T]{}, nil
}

type nullWriter[T any] struct{}

func (nullWriter[T]) Write([]T, []int64) error  { return nil }
func (nullWriter[T]) Flush(bool) error          { return nil }
func (nullWriter[T]) Snapshot() ([]byte, error) { return nil, nil }
func (nullWriter[T]) Close() error              { return nil }

func source(n int64) connect.Source[row] {
	return slice.Func(n, func(i int64) row { return row{i, i * 7, i ^ 0x5555, i & 1023} })
}

func BenchmarkSource(b *testing.B) {
	b.ReportAllocs()
	env := stream.NewEnv()
	stream.From(env, source(int64(b.N))).To(nullSink[row]{})
	run(b, env)
}

func BenchmarkChain5(b *testing.B) {
	b.ReportAllocs()
	env := stream.NewEnv()
	s := stream.From(env, source(int64(b.N)))
	s = stream.Map(s, addOne)
	s = s.Filter(positive)
	s = stream.Map(s, mixC)
	s = s.Filter(small)
	s = stream.Map(s, addB)
	s.To(nullSink[row]{})
	run(b, env)
}

func BenchmarkKeyedExchange(b *testing.B) {
	for _, p := range []int{1, 2} {
		b.Run([]string{"", "1", "2"}[p], func(b *testing.B) {
			b.ReportAllocs()
			env := stream.NewEnv(stream.Parallelism(p))
			k := stream.KeyBy(stream.From(env, source(int64(b.N))), func(r row) int64 { return r.A })
			stream.Process(k, func(c *stream.Ctx[int64, row], r row) error { return nil }).To(nullSink[row]{})
			run(b, env)
		})
	}
}

// BenchmarkKeyedCount counts records by key at random, in tables that hold all keys already: what a
// job that only fills them costs is taken off.
func BenchmarkKeyedCount(b *testing.B) {
	for _, keys := range []int64{1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("%dM", keys/1_000_000), func(b *testing.B) {
			fill := countJob(b, keys, 0)
			b.ResetTimer()
			b.ReportMetric(float64(countJob(b, keys, int64(b.N))-fill)/float64(b.N), "cpu-ns/op")
		})
	}
}

// countJob counts each of the keys once, and then records of random keys.
func countJob(b *testing.B, keys, records int64) time.Duration {
	env := stream.NewEnv()
	k := stream.KeyByRef(stream.From(env, source(keys+records)), func(r *row) int64 {
		if r.A < keys {
			return r.A
		}
		return int64(uint64(r.A) * 0x9E3779B97F4A7C15 >> 20 % uint64(keys))
	})
	stream.ScanRef(k, func(_ *stream.Ctx[int64, row], n *int64, _ *row) error {
		*n++
		return nil
	}).To(nullSink[row]{})
	before := cpuTime()
	if err := launch.Run(context.Background(), env, "count"); err != nil {
		b.Fatal(err)
	}
	return cpuTime() - before
}

// BenchmarkTimers sets a timer for each record and fires it ten seconds of event time later, when a
// million others are pending.
func BenchmarkTimers(b *testing.B) {
	b.ReportAllocs()
	env := stream.NewEnv()
	due := stream.NewTimer[int64]("due")
	k := stream.KeyByRef(timedRows(env, b.N), func(r *row) int64 { return r.A })
	stream.Process(k, func(c *stream.Ctx[int64, row], r row) error {
		due.SetMillis(c, c.Millis()+10_000, r.B)
		return nil
	}, stream.On(due, func(*stream.Ctx[int64, row], int64) error { return nil })).To(nullSink[row]{})
	run(b, env)
}

// steps are the functions of BenchmarkChain5; package variables keep the compiler from inlining them.
var (
	addOne   = func(r row) row { r.A++; return r }
	positive = func(r row) bool { return r.B >= 0 }
	mixC     = func(r row) row { r.C ^= r.A; return r }
	small    = func(r row) bool { return r.D < 1<<40 }
	addB     = func(r row) row { r.D += r.B; return r }
)

// BenchmarkPlainLoop5 is the same five functions in a plain loop over a slice: the users' share of
// BenchmarkChain5.
func BenchmarkPlainLoop5(b *testing.B) {
	rows := make([]row, 1024)
	for i := range rows {
		rows[i] = row{int64(i), int64(i) * 7, int64(i) ^ 0x5555, int64(i) & 1023}
	}
	var kept int
	before := cpuTime()
	for n := 0; n < b.N; n += len(rows) {
		for i := range rows {
			r := addOne(rows[i])
			if !positive(r) {
				continue
			}
			if r = mixC(r); !small(r) {
				continue
			}
			rows[i] = addB(r)
			rows[i].D &= 1023
			kept++
		}
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
	if kept < b.N {
		b.Fatal("rows were lost")
	}
}

func run(b *testing.B, env *stream.Env) {
	before := cpuTime()
	if err := launch.Run(context.Background(), env, "bench"); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}

// cpuTime is the user and system time of the process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
