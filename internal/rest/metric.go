package rest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/internal/exposition"
	"github.com/flott-dev/flott/internal/job"
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
	return metricsReply(r, texts(s.managerValues())), nil
}

func (s *Server) jobMetrics(r *http.Request) ([]restapi.Metric, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	f := figuresOf(v)
	values := texts(exposition.Read(job.Metrics, f))
	if last := f.Last(); last != nil {
		values["lastCheckpointExternalPath"] = last.Location
	}
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
