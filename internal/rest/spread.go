package rest

import (
	"math"
	"slices"

	"github.com/flott-dev/flott/internal/restapi"
)

// quantile is the value below which a share of sorted values lies, between the two values that are next to
// it; NaN of none.
func quantile(sorted []int64, share float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	at := share * float64(n+1)
	below := int(at)
	switch {
	case below < 1:
		return float64(sorted[0])
	case below >= n:
		return float64(sorted[n-1])
	}
	low, high := float64(sorted[below-1]), float64(sorted[below])
	return low + (at-float64(below))*(high-low)
}

func sum(values []int64) (n int64) {
	for _, v := range values {
		n += v
	}
	return n
}

// spreadOf sorts the values.
func spreadOf(values []int64) restapi.Spread {
	if len(values) == 0 {
		return restapi.Spread{}
	}
	slices.Sort(values)
	at := func(share float64) int64 { return int64(quantile(values, share)) }
	all := sum(values)
	return restapi.Spread{
		Min: values[0], Max: values[len(values)-1], Avg: all / int64(len(values)), Sum: all,
		Median: at(0.5), P25: at(0.25), P75: at(0.75), P95: at(0.95),
	}
}

// quantilesOf sorts the values.
func quantilesOf(values []int64) restapi.Quantiles {
	slices.Sort(values)
	at := func(share float64) restapi.Number { return restapi.Number(quantile(values, share)) }
	q := restapi.Quantiles{P50: at(0.5), P90: at(0.9), P95: at(0.95), P99: at(0.99), P999: at(0.999)}
	if n := len(values); n > 0 {
		q.Min, q.Max, q.Avg = values[0], values[n-1], sum(values)/int64(n)
	}
	return q
}

// aggregate says how the numbers of subtasks are spread.
func aggregate(subtasks []restapi.Subtask) restapi.Aggregated {
	metrics, durations := map[string][]int64{}, map[string][]int64{}
	for _, t := range subtasks {
		for name, n := range map[string]int64{
			"read-bytes": t.Metrics.ReadBytes, "write-bytes": t.Metrics.WriteBytes,
			"read-records": t.Metrics.ReadRecords, "write-records": t.Metrics.WriteRecords,
			"accumulated-backpressured-time": t.Metrics.Backpressured, "accumulated-idle-time": t.Metrics.Idle,
			"accumulated-busy-time": int64(t.Metrics.Busy),
		} {
			metrics[name] = append(metrics[name], n)
		}
		for name, n := range t.StatusDuration {
			durations[name] = append(durations[name], n)
		}
	}
	a := restapi.Aggregated{Metrics: map[string]restapi.Spread{}, StatusDuration: map[string]restapi.Spread{}}
	for name, values := range metrics {
		a.Metrics[name] = spreadOf(values)
	}
	for name, values := range durations {
		a.StatusDuration[name] = spreadOf(values)
	}
	return a
}
