package launch

import (
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/worker"
	"github.com/flott-dev/flott/metric"
)

// State is the phase a job is in: RUNNING, FINISHED, FAILED, …
type State = job.State

// Status is what a job is doing.
type Status struct {
	Name   string
	State  State
	Uptime time.Duration
	// Restarts is how often the job, or a part of it, was restarted.
	Restarts int
	Vertices []Vertex
}

// Vertex is a chain of operators, run by Parallelism subtasks.
type Vertex struct {
	Name      string
	Operators []string
	Subtasks  []Subtask
}

// Subtask is the counters of one subtask. Busy, Backpressured and Idle sum up to its running time.
type Subtask struct {
	RecordsIn, RecordsOut int64
	BytesIn, BytesOut     int64
	Watermark             time.Time // zero before the first
	Busy                  time.Duration
	Backpressured         time.Duration
	Idle                  time.Duration
	Ended                 bool
	// Metrics are those of the operators' own, by operator.
	Metrics map[string][]metric.Sample
}

// State is the phase that the job is in.
func (j *Job) State() State {
	if j.remote != nil {
		return j.remote.state().State
	}
	return j.job.State()
}

// Status reads the job's counters.
func (j *Job) Status() Status {
	if j.remote != nil {
		return j.remote.state()
	}
	st := Status{Name: j.name, State: j.job.State(), Uptime: j.job.Uptime(), Restarts: j.job.Restarts()}
	last := -1
	for _, s := range j.job.Subtasks() {
		if s == nil {
			continue // it is being made, with another parallelism
		}
		if s.Chain.ID != last {
			last = s.Chain.ID
			v := Vertex{Name: s.Chain.Name()}
			for _, n := range s.Chain.Nodes {
				v.Operators = append(v.Operators, n.Name)
			}
			st.Vertices = append(st.Vertices, v)
		}
		v := &st.Vertices[len(st.Vertices)-1]
		v.Subtasks = append(v.Subtasks, j.subtask(s))
	}
	return st
}

func (j *Job) subtask(s *worker.Subtask) Subtask {
	c := j.job.Sample(s)
	out := Subtask{
		RecordsIn: c.RecordsIn, RecordsOut: c.RecordsOut, BytesIn: c.BytesIn, BytesOut: c.BytesOut,
		Busy: c.Busy, Backpressured: c.Backpressured, Idle: c.Idle, Ended: c.Ended,
		Metrics: s.Metrics(),
	}
	if c.Watermark != batch.MinTime && c.Watermark != 0 {
		out.Watermark = time.UnixMilli(c.Watermark).UTC()
	}
	return out
}

// Accumulators are the sums of the job's accumulators over all subtasks.
func (j *Job) Accumulators() map[string]int64 {
	if j.remote != nil {
		return j.remote.accumulators()
	}
	sums := map[string]int64{}
	for _, v := range j.Status().Vertices {
		for _, s := range v.Subtasks {
			for _, samples := range s.Metrics {
				for _, m := range samples {
					if name, ok := strings.CutPrefix(m.Name, metric.AccumulatorPrefix); ok {
						sums[name] += m.Value
					}
				}
			}
		}
	}
	return sums
}
