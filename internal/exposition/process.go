package exposition

import (
	"os"
	"runtime"
	"runtime/debug"

	"github.com/flott-dev/flott/internal/cputime"
)

// ProcessMetrics are those of a process of Go, by the names that Flink has for those of Java.
var ProcessMetrics = []Metric[runtime.MemStats]{
	Always("Status.JVM.Memory.Heap.Used", "bytes of objects on the heap", func(m *runtime.MemStats) uint64 { return m.HeapAlloc }),
	Always("Status.JVM.Memory.Heap.Committed", "bytes that the heap has of the system", func(m *runtime.MemStats) uint64 { return m.HeapSys - m.HeapReleased }),
	Always("Status.JVM.Memory.Heap.Max", "the limit that the garbage collector keeps to (GOMEMLIMIT), in bytes", func(*runtime.MemStats) int64 { return debug.SetMemoryLimit(-1) }),
	Always("Status.JVM.GarbageCollector.All.Count", "garbage collections", func(m *runtime.MemStats) uint32 { return m.NumGC }),
	Always("Status.JVM.GarbageCollector.All.Time", "milliseconds that the process stood still for them", func(m *runtime.MemStats) uint64 { return m.PauseTotalNs / 1e6 }),
	Always("Status.JVM.Threads.Count", "goroutines", func(*runtime.MemStats) int { return runtime.NumGoroutine() }),
	Always("Status.JVM.CPU.Time", "nanoseconds of CPU, of user and system", func(*runtime.MemStats) int64 { return int64(cputime.Process()) }),
}

// Process reads the metrics of this process.
func Process() []Value {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Read(ProcessMetrics, &m)
}

// Host is the label with this machine's name.
func Host() Label {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	return Label{"host", name}
}
