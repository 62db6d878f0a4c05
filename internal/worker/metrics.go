package worker

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/exposition"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/task"
	"github.com/flott-dev/flott/metric"
)

// Scopes of metrics: of a task, and of an operator of it.
const (
	TaskScope     = "taskmanager_job_task"
	OperatorScope = "taskmanager_job_task_operator"
)

// Reading is what the metrics of a task are read of.
type Reading struct {
	task.Sample
	Recent Rates
	Reads  bool // it is a source's
}

// Rates are how fast the counters of a task grow each second; times are in milliseconds. Known says that they are.
type Rates struct {
	Known                      bool
	In, Out, BytesIn, BytesOut float64
	Busy, Backpressured, Idle  float64
}

func always(name, about string, read func(r *Reading) float64) exposition.Metric[Reading] {
	return exposition.Always(name, about, read)
}

func rate(name, about string, read func(r *Reading) float64) exposition.Metric[Reading] {
	return exposition.Sometimes(name, about, func(r *Reading) (float64, bool) { return read(r), r.Recent.Known })
}

func millis(d time.Duration) float64 { return float64(d / time.Millisecond) }

// TaskMetrics are those of a task.
var TaskMetrics = []exposition.Metric[Reading]{
	always("numRecordsIn", "records that have come from other tasks", func(r *Reading) float64 { return float64(r.RecordsIn) }),
	always("numRecordsOut", "records that were sent to other tasks", func(r *Reading) float64 { return float64(r.RecordsOut) }),
	always("numBytesIn", "their bytes", func(r *Reading) float64 { return float64(r.BytesIn) }),
	always("numBytesOut", "their bytes", func(r *Reading) float64 { return float64(r.BytesOut) }),
	rate("numRecordsInPerSecond", "records a second, of the last one or more", func(r *Reading) float64 { return r.Recent.In }),
	rate("numRecordsOutPerSecond", "the same of those that were sent", func(r *Reading) float64 { return r.Recent.Out }),
	rate("numBytesInPerSecond", "bytes a second", func(r *Reading) float64 { return r.Recent.BytesIn }),
	rate("numBytesOutPerSecond", "bytes a second", func(r *Reading) float64 { return r.Recent.BytesOut }),
	rate("busyTimeMsPerSecond", "milliseconds of each second that the task works", func(r *Reading) float64 { return r.Recent.Busy }),
	rate("backPressuredTimeMsPerSecond", "milliseconds of each second that it waits for room at its consumers", func(r *Reading) float64 { return r.Recent.Backpressured }),
	rate("idleTimeMsPerSecond", "milliseconds of each second that it waits for input", func(r *Reading) float64 { return r.Recent.Idle }),
	always("accumulateBusyTimeMs", "milliseconds that it has worked in all", func(r *Reading) float64 { return millis(r.Busy) }),
	always("accumulateBackPressuredTimeMs", "milliseconds that it has waited for room", func(r *Reading) float64 { return millis(r.Backpressured) }),
	always("accumulateIdleTimeMs", "milliseconds that it has waited for input", func(r *Reading) float64 { return millis(r.Idle) }),
	exposition.Sometimes("currentInputWatermark", "the watermark of its input, in milliseconds since 1970; the least number before the first. Not of sources", func(r *Reading) (float64, bool) {
		return watermark(r.Watermark), !r.Reads
	}),
}

// SourceMetrics are those of an operator that is a source.
var SourceMetrics = []exposition.Metric[Reading]{
	always("numRecordsIn", "records that a source has read", func(r *Reading) float64 { return float64(r.RecordsRead) }),
	always("currentOutputWatermark", "the watermark of a source, in milliseconds since 1970; the least number before the first", func(r *Reading) float64 { return watermark(r.Watermark) }),
	exposition.Sometimes("pendingRecords", "records that a source has still to read, where that is known", func(r *Reading) (float64, bool) {
		return pending(r.Backlog, func(b *connect.Backlog) int64 { return b.Records })
	}),
	exposition.Sometimes("pendingBytes", "the same in bytes", func(r *Reading) (float64, bool) {
		return pending(r.Backlog, func(b *connect.Backlog) int64 { return b.Bytes })
	}),
}

func pending(b *connect.Backlog, of func(*connect.Backlog) int64) (float64, bool) {
	if b == nil || of(b) < 0 {
		return 0, false
	}
	return float64(of(b)), true
}

func watermark(w int64) float64 {
	if w == 0 {
		return math.MinInt64
	}
	return float64(w)
}

// meterSpan is the least time over which rates are taken.
const meterSpan = 900 * time.Millisecond

// meter turns the counters of a task into rates: those from the mark before the last one up to that.
type meter struct {
	mu     sync.Mutex
	at     time.Time
	marked task.Sample
	rates  Rates
}

// read takes note of the counters if the last mark is long enough ago, and returns the rates.
func (m *meter) read(s task.Sample, now time.Time) Rates {
	m.mu.Lock()
	defer m.mu.Unlock()
	past := now.Sub(m.at)
	switch {
	case m.at.IsZero():
	case past < meterSpan:
		return m.rates
	default:
		each := func(now, then int64) float64 { return float64(now-then) / past.Seconds() }
		spent := func(now, then time.Duration) float64 {
			return min(1000, float64(now-then)/float64(past)*1000)
		}
		m.rates = Rates{
			Known: true, In: each(s.RecordsIn, m.marked.RecordsIn), Out: each(s.RecordsOut, m.marked.RecordsOut),
			BytesIn: each(s.BytesIn, m.marked.BytesIn), BytesOut: each(s.BytesOut, m.marked.BytesOut),
			Busy: spent(s.Busy, m.marked.Busy), Backpressured: spent(s.Backpressured, m.marked.Backpressured),
			Idle: spent(s.Idle, m.marked.Idle),
		}
	}
	m.at, m.marked = now, s
	return m.rates
}

// Scopes are the metrics of the tasks that run here, with more labels. Any goroutine may ask for them.
func (h *Host) Scopes(more ...exposition.Label) (all []exposition.Scope) {
	now := h.opts.Clock.Now()
	for _, t := range h.Subtasks() {
		if t != nil && !t.over.Load() {
			all = t.scopes(all, more, now)
		}
	}
	return all
}

// scopes appends those of a task and of its operators.
func (s *Subtask) scopes(all []exposition.Scope, more []exposition.Label, now time.Time) []exposition.Scope {
	r := Reading{Sample: s.Task.Sample(now), Reads: s.Chain.Head().Source != nil}
	r.Recent = s.meter.read(r.Sample, now)
	labels := append(more[:len(more):len(more)],
		exposition.Label{Name: "task_id", Value: graph.VertexID(s.Chain.Head().UID)},
		exposition.Label{Name: "task_name", Value: s.Chain.Name()},
		exposition.Label{Name: "subtask_index", Value: strconv.Itoa(s.Index)},
		exposition.Label{Name: "task_attempt_num", Value: strconv.Itoa(s.deployment.Attempt - 1)})
	all = append(all, exposition.Scope{Name: TaskScope, Labels: labels, Values: exposition.Read(TaskMetrics, &r)})
	for i, n := range s.members {
		if n == nil {
			continue
		}
		var values []exposition.Value
		if n.Source != nil {
			values = exposition.Read(SourceMetrics, &r)
		}
		for _, m := range s.metrics[i].Samples() {
			if !strings.HasPrefix(m.Name, metric.AccumulatorPrefix) {
				values = append(values, exposition.Value{Name: m.Name, V: float64(m.Value)})
			}
		}
		if len(values) > 0 {
			of := append(labels[:len(labels):len(labels)],
				exposition.Label{Name: "operator_id", Value: graph.IDOf("operator", n.UID)}, exposition.Label{Name: "operator_name", Value: n.Name})
			all = append(all, exposition.Scope{Name: OperatorScope, Labels: of, Values: values})
		}
	}
	return all
}
