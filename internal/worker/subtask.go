package worker

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/hotkey"
	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/task"
	"github.com/flott-dev/flott/metric"
)

// Subtask is one attempt to run a task, with its place in the job. It is the listener of its task.
type Subtask struct {
	*task.Task
	Chain      *graph.Chain
	Index      int
	host       *Host
	deployment *deployment
	place      int // among all subtasks of the job
	about      logging.Task
	log        *slog.Logger // for lines about the task
	nodes      []operator.Node
	contexts   []*operator.Context
	members    []*graph.Node // of nodes; nil for writers
	metrics    []*metric.Group
	meter      meter
	keyed      []keyedOutput
	over       atomic.Bool // the task is closed
	upload     *upload     // of the task
	made       atomic.Bool
	lost       atomic.Pointer[error] // why the task is to fail at its beginning
}

// labelled is ctx with labels by which profiles tell what runs for the task.
func (s *Subtask) labelled(ctx context.Context) context.Context {
	return pprof.WithLabels(ctx, pprof.Labels(control.JobLabel, s.about.JobID, control.VertexLabel, logging.Name(s.about.Vertex),
		control.VertexUID, s.Chain.Head().UID, control.SubtaskLabel, strconv.Itoa(s.Index)))
}

// keyedOutput is the writer of an edge whose rows have keys.
type keyedOutput struct {
	to   int // the vertex that reads it
	keys *hotkey.Sketch
}

// hotKeys are those of what the task sends, by the vertices that get it.
func (s *Subtask) hotKeys(now time.Time) (all []control.HotKeys) {
	for _, o := range s.keyed {
		if keys, rows := o.keys.Top(now); rows > 0 {
			all = append(all, control.HotKeys{Vertex: o.to, Rows: rows, Keys: keys})
		}
	}
	return all
}

func (s *Subtask) add(node operator.Node, member *graph.Node, ctx *operator.Context) {
	s.nodes = append(s.nodes, node)
	s.members = append(s.members, member)
	s.contexts = append(s.contexts, ctx)
	s.metrics = append(s.metrics, ctx.Metrics)
}

// Ended is called by the task when it has processed its input or failed.
func (s *Subtask) Ended(_ *task.Task, err error) {
	if err == nil {
		s.host.unstall(s)
		s.host.listener.TaskEnded(s.deployment.Number, s.place)
		return
	}
	if f := s.failure(err); f.Err != nil {
		s.host.listener.TaskFailed(s.deployment.Number, s.place, f)
	}
}

// disconnected fails the task: a process is gone that it gets records from, or sends them to. That may
// show before the task is made.
func (s *Subtask) disconnected(err error) {
	s.lost.CompareAndSwap(nil, &err)
	if s.made.Load() {
		s.Cancel(err)
	}
}

// wake wakes the task, if it is made.
func (s *Subtask) wake() {
	if s.made.Load() {
		s.Wake()
	}
}

// setTask makes the task known to the connections of its channels.
func (s *Subtask) setTask(t *task.Task) {
	s.Task = t
	s.made.Store(true)
	if err := s.lost.Load(); err != nil {
		s.Cancel(*err)
	}
}

// failure is what the end of the task by err means: none, if that is the cause of its cancellation.
func (s *Subtask) failure(err error) schedule.Failure {
	if err == nil || err == context.Cause(s.deployment.ctx) {
		return schedule.Failure{}
	}
	return schedule.Failure{Err: err, Damaged: isDamage(err), Results: lostResults(err)}
}

// Snapshotted is called by the task when it has taken its part of a snapshot.
func (s *Subtask) Snapshotted(_ *task.Task, id int64, states []*operator.Snapshot, err error) {
	l := s.host.listener
	if err != nil {
		l.Declined(id, err)
		return
	}
	d := checkpoint.Delivery{
		ID: id, Part: checkpoint.Part{Chain: s.Chain.ID, Subtask: s.Index}, Stats: s.statsOf(),
	}
	for i, n := range s.members {
		if n != nil {
			d.Operators = append(d.Operators, describe(n))
			d.States = append(d.States, states[i])
		}
	}
	u := s.upload
	if u == nil {
		l.Delivered(d)
		return
	}
	s.upload = nil
	u.finish(func(err error) {
		if err == nil {
			d.Rest, err = u.close(d.States)
		} else {
			u.part.Abort()
			if fault.Seeded(fault.IgnoreUploadError) {
				err = nil
				for _, s := range d.States {
					s.State.Keyed = nil
				}
			}
		}
		if err != nil {
			l.Declined(id, fmt.Errorf("store the state of %q (subtask %d): %w", s.Chain.Name(), s.Index+1, err))
			return
		}
		l.Delivered(d)
	})
}

// statsOf are the statistics of the snapshot that the task has just taken.
func (s *Subtask) statsOf() checkpoint.SubtaskStats {
	st := s.SnapshotStats()
	return checkpoint.SubtaskStats{
		StartDelay: int64(st.StartDelay), Alignment: int64(st.Alignment), Sync: int64(st.Sync),
		Async: int64(st.Async), Processed: st.AlignedBytes, InFlight: st.InFlightBytes,
	}
}

func describe(n *graph.Node) checkpoint.Operator {
	return checkpoint.Operator{
		UID: n.UID, Name: n.Name, Parallelism: n.Parallelism, MaxParallelism: n.MaxParallelism,
	}
}

// Metrics are the operators' own metrics, by operator.
func (s *Subtask) Metrics() map[string][]metric.Sample {
	all := map[string][]metric.Sample{}
	for i, n := range s.members {
		if n == nil {
			continue
		}
		if samples := s.metrics[i].Samples(); len(samples) > 0 {
			all[n.Name] = samples
		}
	}
	return all
}

// accumulators are the task's own, by name.
func (s *Subtask) accumulators() map[string]int64 {
	var sums map[string]int64
	for _, samples := range s.Metrics() {
		for _, m := range samples {
			if name, ok := strings.CutPrefix(m.Name, metric.AccumulatorPrefix); ok {
				if sums == nil {
					sums = map[string]int64{}
				}
				sums[name] += m.Value
			}
		}
	}
	return sums
}
