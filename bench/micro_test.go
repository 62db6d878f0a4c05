package bench_test

import (
	"context"
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
	s = stream.Map(s, func(r row) row { r.A++; return r })
	s = s.Filter(func(r row) bool { return r.B >= 0 })
	s = stream.Map(s, func(r row) row { r.C ^= r.A; return r })
	s = s.Filter(func(r row) bool { return r.D < 1<<40 })
	s = stream.Map(s, func(r row) row { r.D += r.B; return r })
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

func BenchmarkKeyedCount(b *testing.B) {
	b.ReportAllocs()
	env := stream.NewEnv()
	k := stream.KeyBy(stream.From(env, source(int64(b.N))), func(r row) int64 { return int64(uint64(r.A)*0x9E3779B97F4A7C15>>20) % 1000000 })
	stream.Scan(k, func(c *stream.Ctx[int64, row], s *int64, r row) error { *s++; return nil }).To(nullSink[row]{})
	run(b, env)
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
