package exposition

// TaskManagerScope and JobManagerScope are the scopes of processes.
const (
	TaskManagerScope = "taskmanager"
	JobManagerScope  = "jobmanager"
)

// Label is a variable of a scope, as Flink names it: host, job_name, subtask_index.
type Label struct{ Name, Value string }

// Value is a metric at one moment.
type Value struct {
	Name string // as in Flink: numRecordsIn, Status.JVM.Threads.Count
	V    float64
}

// Scope is metrics that have the same labels.
type Scope struct {
	// Name is Flink's logical scope, with underscores: taskmanager_job_task.
	Name   string
	Labels []Label
	Values []Value
}

// Metric is an entry of a table of metrics, each of which is read of a T.
type Metric[T any] struct {
	Name  string
	About string // what it tells, with its unit, for docs/metrics.md
	Read  func(from *T) (v float64, known bool)
}

// Sometimes makes a Metric that may be unknown.
func Sometimes[T any](name, about string, read func(from *T) (v float64, known bool)) Metric[T] {
	return Metric[T]{name, about, read}
}

// Always makes a Metric that is always known.
func Always[T any, N int | int64 | uint32 | uint64 | float64](name, about string, read func(from *T) N) Metric[T] {
	return Metric[T]{name, about, func(from *T) (float64, bool) { return float64(read(from)), true }}
}

// Read reads all metrics of a table that are known.
func Read[T any](table []Metric[T], from *T) []Value {
	values := make([]Value, 0, len(table))
	for i := range table {
		if v, known := table[i].Read(from); known {
			values = append(values, Value{table[i].Name, v})
		}
	}
	return values
}
