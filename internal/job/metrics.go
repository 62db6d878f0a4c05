package job

import (
	"time"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/exposition"
)

// MetricsScope is the scope of the metrics of a job.
const MetricsScope = "jobmanager_job"

// Figures is what the metrics of a job are read of.
type Figures struct {
	Restarts    int
	Uptime      time.Duration
	Checkpoints checkpoint.History
}

// Last is the last checkpoint that is complete, nil for none.
func (f *Figures) Last() (last *checkpoint.Stats) {
	for i := range f.Checkpoints.Checkpoints {
		if st := &f.Checkpoints.Checkpoints[i]; st.Status == checkpoint.Completed {
			last = st
		}
	}
	return last
}

func (f *Figures) inProgress() (n int) {
	for i := range f.Checkpoints.Checkpoints {
		if f.Checkpoints.Checkpoints[i].Status == checkpoint.InProgress {
			n++
		}
	}
	return n
}

// ofLast makes a Metric of the last complete checkpoint.
func ofLast(name, about string, read func(*checkpoint.Stats) int64) exposition.Metric[Figures] {
	return exposition.Sometimes(name, about, func(f *Figures) (float64, bool) {
		st := f.Last()
		if st == nil {
			return 0, false
		}
		return float64(read(st)), true
	})
}

// Metrics are those of a job.
var Metrics = []exposition.Metric[Figures]{
	exposition.Always("numRestarts", "how often the job, or a part of it, was restarted", func(f *Figures) int { return f.Restarts }),
	exposition.Always("uptime", "milliseconds since the job was submitted", func(f *Figures) int64 { return f.Uptime.Milliseconds() }),
	exposition.Always("numberOfCompletedCheckpoints", "checkpoints that were completed", func(f *Figures) int64 { return int64(f.Checkpoints.Completed) }),
	exposition.Always("numberOfFailedCheckpoints", "checkpoints that have failed", func(f *Figures) int64 { return int64(f.Checkpoints.Failed) }),
	exposition.Always("numberOfInProgressCheckpoints", "checkpoints that are being taken", func(f *Figures) int { return f.inProgress() }),
	exposition.Always("totalNumberOfCheckpoints", "all of them", func(f *Figures) int64 {
		return int64(f.Checkpoints.Completed) + int64(f.Checkpoints.Failed) + int64(f.inProgress())
	}),
	ofLast("lastCheckpointDuration", "milliseconds that the last complete one has taken", func(st *checkpoint.Stats) int64 { return (st.Ended - st.Triggered) / 1e6 }),
	ofLast("lastCheckpointSize", "bytes that it has stored", func(st *checkpoint.Stats) int64 { return st.Size }),
	ofLast("lastCheckpointFullSize", "bytes of all the state in it", func(st *checkpoint.Stats) int64 { return st.FullSize }),
}

// Scope is the metrics of a job in this process, as far as they are not of its tasks.
func (j *Job) Scope(labels ...exposition.Label) exposition.Scope {
	f := Figures{Restarts: j.Restarts(), Uptime: j.Uptime(), Checkpoints: j.Checkpoints()}
	return exposition.Scope{Name: MetricsScope, Labels: labels, Values: exposition.Read(Metrics, &f)}
}

// TaskScopes are the metrics of its tasks.
func (j *Job) TaskScopes(labels ...exposition.Label) []exposition.Scope {
	return j.host.Scopes(labels...)
}
