package keyed

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

// BenchmarkGC shows which share of the CPU time the garbage collector takes beside ten million keys,
// while 100 MB a second are allocated. gc-% is that share.
func BenchmarkGC(b *testing.B) {
	b.Run("int64", func(b *testing.B) { benchGC(b, func(k uint64) int64 { return int64(k) }) })
	b.Run("string", func(b *testing.B) { benchGC(b, func(k uint64) string { return fmt.Sprint(k) }) })
}

func benchGC[V any](b *testing.B, value func(k uint64) V) {
	const keys, chunk, chunkTime = 10_000_000, 1 << 20, 10 * time.Millisecond
	s, set := benchValues[V](b, 0, true, false)
	for k := range uint64(keys) {
		set(k)
		v, _ := s.Current()
		*v = value(k)
	}
	runtime.GC()
	x := xorshift(88172645463325252)
	var garbage [][]byte
	gc, all := cpuSeconds()
	begin := time.Now()
	n := 0
	for b.Loop() { // 1 MB of garbage for every 10 ms
		for time.Since(begin) < time.Duration(n)*chunkTime {
			for range 1000 {
				k := x.next() % keys
				set(k)
				v, _ := s.Current()
				*v = value(k)
			}
		}
		n++
		if len(garbage) == 16 {
			garbage = garbage[:0]
		}
		for range chunk / 1024 {
			garbage = append(garbage[:len(garbage)%16], make([]byte, 1024))
		}
	}
	gcAfter, allAfter := cpuSeconds()
	b.ReportMetric(100*(gcAfter-gc)/max(allAfter-all, 1e-9), "gc-%")
	runtime.KeepAlive(s)
}

// cpuSeconds is the CPU time of the collector, and of all.
func cpuSeconds() (gc, all float64) {
	runtime.GC() // which brings the numbers up to date
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/cpu/classes/idle:cpu-seconds"},
	}
	metrics.Read(samples)
	return samples[0].Value.Float64(), samples[1].Value.Float64() - samples[2].Value.Float64()
}
