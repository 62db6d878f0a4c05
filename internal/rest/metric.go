package rest

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/restapi"
)

// metricsReply lists the names of metrics, or gives the values of those that a request asks for.
func metricsReply(r *http.Request, values map[string]string) []restapi.Metric {
	out := []restapi.Metric{}
	asked, asks := askedFor(r, "get")
	for name, value := range values {
		switch {
		case !asks:
			out = append(out, restapi.Metric{ID: name})
		case slices.Contains(asked, name):
			out = append(out, restapi.Metric{ID: name, Value: value})
		}
	}
	slices.SortFunc(out, func(a, b restapi.Metric) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// askedFor is a parameter of the query that is a list.
func askedFor(r *http.Request, name string) (asked []string, asks bool) {
	text := r.URL.Query().Get(name)
	return strings.Split(text, ","), text != ""
}

func number[T ~int | ~int64 | ~uint32 | ~uint64](n T) string { return fmt.Sprint(n) }

func (s *Server) managerMetrics(r *http.Request) ([]restapi.Metric, error) {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	c := s.m.Cluster()
	running := 0
	for state, n := range c.Jobs {
		if !state.Done() {
			running += n
		}
	}
	return metricsReply(r, map[string]string{
		"taskSlotsAvailable":                    number(c.FreeSlots),
		"taskSlotsTotal":                        number(c.Slots),
		"numRegisteredTaskManagers":             number(c.TaskManagers),
		"numRunningJobs":                        number(running),
		"Status.JVM.Memory.Heap.Used":           number(mem.HeapAlloc),
		"Status.JVM.Memory.Heap.Committed":      number(mem.HeapSys - mem.HeapReleased),
		"Status.JVM.Memory.Heap.Max":            number(debug.SetMemoryLimit(-1)),
		"Status.JVM.GarbageCollector.All.Count": number(mem.NumGC),
		"Status.JVM.GarbageCollector.All.Time":  number(mem.PauseTotalNs / 1e6),
		"Status.JVM.Threads.Count":              number(runtime.NumGoroutine()),
	}), nil
}

func (s *Server) jobMetrics(r *http.Request) ([]restapi.Metric, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	h := &v.Checkpoints
	values := map[string]string{
		"numRestarts": number(v.Restarts), "uptime": number(durationOf(&v.JobSummary)),
		"numberOfCompletedCheckpoints": number(h.Completed), "numberOfFailedCheckpoints": number(h.Failed),
	}
	inProgress := 0
	for i := range h.Checkpoints {
		switch st := &h.Checkpoints[i]; st.Status {
		case checkpoint.InProgress:
			inProgress++
		case checkpoint.Completed:
			values["lastCheckpointDuration"] = number((st.Ended - st.Triggered) / 1e6)
			values["lastCheckpointSize"] = number(st.Size)
			values["lastCheckpointFullSize"] = number(st.FullSize)
			values["lastCheckpointExternalPath"] = st.Location
		}
	}
	values["numberOfInProgressCheckpoints"] = number(inProgress)
	values["totalNumberOfCheckpoints"] = number(h.Completed + h.Failed + inProgress)
	return metricsReply(r, values), nil
}

// taskMetrics are a subtask's counters by Flink's names.
func taskMetrics(a *jobmanager.Attempt) map[string]int64 {
	c, perSecond := &a.Counters, func(part int64) int64 {
		if all := a.Recent.All(); all > 0 {
			return int64(float64(part) / float64(all) * 1000)
		}
		return 0
	}
	values := map[string]int64{
		"numRecordsIn": c.RecordsIn, "numRecordsOut": c.RecordsOut, "numBytesIn": c.BytesIn, "numBytesOut": c.BytesOut,
		"busyTimeMsPerSecond": perSecond(a.Recent.Busy), "idleTimeMsPerSecond": perSecond(a.Recent.Idle),
		"backPressuredTimeMsPerSecond": perSecond(a.Recent.Backpressured),
		"accumulateBusyTimeMs":         c.Busy / 1e6, "accumulateIdleTimeMs": c.Idle / 1e6,
		"accumulateBackPressuredTimeMs": c.Backpressured / 1e6,
		"currentInputWatermark":         a.Watermark(),
	}
	if b := c.Backlog; b != nil && b.Records >= 0 {
		values["pendingRecords"] = b.Records
	}
	if b := c.Backlog; b != nil && b.Bytes >= 0 {
		values["pendingBytes"] = b.Bytes
	}
	return values
}

func (s *Server) vertexMetrics(r *http.Request) ([]restapi.Metric, error) {
	v, err := s.vertexView(r)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for i := range v.Subtasks {
		for name, n := range taskMetrics(&v.Subtasks[i].Attempt) {
			values[strconv.Itoa(i)+"."+name] = number(n)
		}
	}
	return metricsReply(r, values), nil
}

func (s *Server) subtaskMetrics(r *http.Request) ([]restapi.Metric, error) {
	_, t, err := s.subtaskView(r)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for name, n := range taskMetrics(&t.Attempt) {
		values[name] = number(n)
	}
	return metricsReply(r, values), nil
}

func (s *Server) subtasksMetrics(r *http.Request) ([]restapi.MetricSummary, error) {
	v, err := s.vertexView(r)
	if err != nil {
		return nil, err
	}
	all := map[string][]int64{}
	for i := range v.Subtasks {
		for name, n := range taskMetrics(&v.Subtasks[i].Attempt) {
			all[name] = append(all[name], n)
		}
	}
	asked, asks := askedFor(r, "get")
	aggregates, some := askedFor(r, "agg")
	out := []restapi.MetricSummary{}
	for name, values := range all {
		switch {
		case !asks:
			out = append(out, restapi.MetricSummary{ID: name})
		case slices.Contains(asked, name):
			m := restapi.MetricSummary{ID: name}
			for aggregate, to := range map[string]**float64{
				"min": &m.Min, "max": &m.Max, "avg": &m.Avg, "sum": &m.Sum, "skew": &m.Skew,
			} {
				if !some || slices.Contains(aggregates, aggregate) {
					n := aggregateOf(aggregate, values)
					*to = &n
				}
			}
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b restapi.MetricSummary) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// aggregateOf is an aggregate of at least one value. The skew is the mean distance from the mean, in percent
// of the mean.
func aggregateOf(name string, values []int64) float64 {
	all := 0.0
	for _, v := range values {
		all += float64(v)
	}
	mean := all / float64(len(values))
	switch name {
	case "min":
		return float64(slices.Min(values))
	case "max":
		return float64(slices.Max(values))
	case "avg":
		return mean
	case "sum":
		return all
	}
	if mean == 0 || len(values) == 1 {
		return 0
	}
	distance := 0.0
	for _, v := range values {
		distance += max(mean-float64(v), float64(v)-mean)
	}
	return min(100, max(-100, distance/float64(len(values))/mean*100))
}

func (s *Server) watermarks(r *http.Request) ([]restapi.Metric, error) {
	v, err := s.vertexView(r)
	if err != nil {
		return nil, err
	}
	out := []restapi.Metric{}
	for i := range v.Subtasks {
		out = append(out, restapi.Metric{
			ID: strconv.Itoa(i) + ".currentInputWatermark", Value: number(v.Subtasks[i].Watermark()),
		})
	}
	return out, nil
}
