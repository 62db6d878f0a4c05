package launch_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// scraped is what Prometheus reads of a job, by name.
func scraped(t *testing.T, j *launch.Job) map[string]*dto.MetricFamily {
	t.Helper()
	w := httptest.NewRecorder()
	launch.MetricsHandler(j).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	p := expfmt.NewTextParser(model.LegacyValidation)
	all, err := p.TextToMetricFamilies(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// series are the names of what was scraped, each with its labels but the host.
func series(all map[string]*dto.MetricFamily) (lines []string) {
	for name, f := range all {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				if l.GetName() != "host" {
					labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
				}
			}
			lines = append(lines, strings.TrimSuffix(name+"{"+strings.Join(labels, ",")+"}", "{}"))
		}
	}
	slices.Sort(lines)
	return lines
}

// TestMetricsHandler holds the names and labels of all metrics of a job in this process, and some of their values. When the job
// has ended, only those of the process are left.
func TestMetricsHandler(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(1), stream.MaxParallelism(4), stream.Checkpoint(20*time.Millisecond))
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{Count: 1 << 40, PerSecond: 10_000})).
		UID("numbers").Name("numbers")
	seen := stream.Open(numbers, func(task *stream.Task) (func(int64) (int64, error), error) {
		c, sum := task.Counter("seen, all"), task.Accumulator("sum")
		return func(v int64) (int64, error) { c.Add(1); sum.Add(v); return v, nil }, nil
	}).UID("seen").Name("seen")
	stream.Scan(stream.KeyBy(seen, func(v int64) int64 { return v % 97 }), func(c *stream.Ctx[int64, int64], n *int64, _ int64) error {
		*n++
		c.Emit(*n)
		return nil
	}).UID("count").Name("count").To(discard.To[int64]()).UID("sink").Name("sink")
	j, err := launch.Start(t.Context(), env, "orders & more")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { j.Cancel(); _ = j.Wait() }()
	var all map[string]*dto.MetricFamily
	for late := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		all = scraped(t, j)
		// Rates are those of a second.
		if f := all["flink_taskmanager_job_task_numRecordsOutPerSecond"]; f != nil && len(f.Metric) == 2 &&
			all["flink_jobmanager_job_lastCheckpointSize"] != nil && all["flink_taskmanager_job_task_operator_numRecordsDropped"] != nil {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("rates do not come: %q", series(all))
		}
	}
	var want []string
	add := func(prefix, labels string, names ...string) {
		for _, name := range names {
			want = append(want, strings.TrimSuffix(prefix+name+"{"+labels+"}", "{}"))
		}
	}
	const job = `job_name="orders___more"`
	of := func(operators, uid, name string) string {
		operator := ""
		if name != "" {
			operator = fmt.Sprintf("operator_id=%q,operator_name=%q,", graph.IDOf("operator", name), name)
		}
		return fmt.Sprintf("%s,%ssubtask_index=\"0\",task_attempt_num=\"0\",task_id=%q,task_name=%q", job, operator, graph.VertexID(uid), operators)
	}
	add("flink_taskmanager_Status_JVM_", "", "CPU_Time", "GarbageCollector_All_Count", "GarbageCollector_All_Time", "Memory_Heap_Committed", "Memory_Heap_Max",
		"Memory_Heap_Used", "Threads_Count")
	add("flink_jobmanager_job_", job, "lastCheckpointDuration", "lastCheckpointFullSize", "lastCheckpointSize", "numRestarts", "numberOfCompletedCheckpoints",
		"numberOfFailedCheckpoints", "numberOfInProgressCheckpoints", "totalNumberOfCheckpoints", "uptime")
	const reader, counter = "numbers____seen", "count____sink"
	for head, operators := range map[string]string{"numbers": reader, "count": counter} {
		add("flink_taskmanager_job_task_", of(operators, head, ""), "accumulateBackPressuredTimeMs", "accumulateBusyTimeMs", "accumulateIdleTimeMs",
			"backPressuredTimeMsPerSecond", "busyTimeMsPerSecond", "idleTimeMsPerSecond", "numBytesIn", "numBytesInPerSecond", "numBytesOut",
			"numBytesOutPerSecond", "numRecordsIn", "numRecordsInPerSecond", "numRecordsOut", "numRecordsOutPerSecond")
	}
	add("flink_taskmanager_job_task_", of(counter, "count", ""), "currentInputWatermark")
	add("flink_taskmanager_job_task_operator_", of(reader, "numbers", "numbers"), "currentOutputWatermark", "numRecordsIn", "pendingRecords")
	add("flink_taskmanager_job_task_operator_", of(reader, "numbers", "seen"), "seen__all")
	add("flink_taskmanager_job_task_operator_", of(counter, "count", "sink"), "numRecordsDropped")
	slices.Sort(want)
	if got := series(all); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	read := all["flink_taskmanager_job_task_operator_numRecordsIn"].Metric[0].Gauge.GetValue()
	if n := all["flink_taskmanager_job_task_operator_seen__all"].Metric[0].Gauge.GetValue(); n <= 0 || read <= 0 {
		t.Errorf("%v records were read, the job's own counter says %v", read, n)
	}
	j.Cancel()
	<-j.Done()
	if left := series(scraped(t, j)); len(left) != 7 || slices.ContainsFunc(left, func(s string) bool { return strings.Contains(s, "job") }) {
		t.Errorf("after the job there is %q", left)
	}
}
