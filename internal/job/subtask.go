package job

import (
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/task"
	"github.com/flott-dev/flott/metric"
)

// Subtask is one attempt to run a task, with its place in the job. It is the listener of its task.
type Subtask struct {
	*task.Task
	Chain    *graph.Chain
	Index    int
	job      *Job
	region   *region
	place    int // among all subtasks of the job
	nodes    []operator.Node
	contexts []*operator.Context
	members  []*graph.Node // of nodes; nil for writers
	metrics  []*metric.Group
	ended    bool    // known to the master
	upload   *upload // of the task
}

func (s *Subtask) add(node operator.Node, member *graph.Node, ctx *operator.Context) {
	s.nodes = append(s.nodes, node)
	s.members = append(s.members, member)
	s.contexts = append(s.contexts, ctx)
	s.metrics = append(s.metrics, ctx.Metrics)
}

// Ended is called by the task when it has processed its input or failed.
func (s *Subtask) Ended(_ *task.Task, err error) {
	s.job.master.post(func() {
		if err != nil {
			s.job.taskFailed(s, err)
		} else {
			s.job.taskEnded(s)
		}
	})
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
