package diagnose

import (
	"fmt"
	"math"

	"github.com/flott-dev/flott/internal/jobmanager"
)

// Limit is what kind of thing limits a job.
type Limit string

// The kinds.
const (
	// Unknown: no task has reported yet, or none runs.
	Unknown Limit = "UNKNOWN"
	// NoLimit: no vertex is busy for most of the time, and none waits for another.
	NoLimit Limit = "NONE"
	// Operator: a vertex takes its input slower than it comes.
	Operator Limit = "OPERATOR"
	// Skew: the same, but by few of its subtasks.
	Skew Limit = "SKEW"
	// Source: a source reads as fast as it can, and all others keep up.
	Source Limit = "SOURCE"
)

// The thresholds, as shares of the time.
const (
	// waits is from where on a vertex waits for those behind it: below is what a full buffer now and then makes. It is the one
	// from which Flink calls a vertex backpressured.
	waits = 0.1
	// full is from where on a task has little room for more.
	full = 0.8
)

// Bottleneck is what limits a job.
type Bottleneck struct {
	Limit Limit
	// Vertex is its number in the view, -1 for none; Subtask is the busiest of it.
	Vertex, Subtask int
	// Text is a sentence, Evidence what it is concluded from, and Advice what helps, "" if nothing is to be done.
	Text     string
	Evidence []string
	Advice   string
}

// load is how the subtasks of a vertex have spent their time, as shares.
type load struct {
	known                     bool
	busy, busiest             float64 // on average, and of the busiest
	subtask                   int     // that one
	backpressured, mostWaited float64
}

func loadOf(v *jobmanager.VertexView) (l load) {
	n := 0.0
	for i := range v.Subtasks {
		t := &v.Subtasks[i].Attempt
		all := float64(t.Recent.All())
		if t.State != jobmanager.TaskRunning || all <= 0 {
			continue
		}
		busy, backpressured := float64(t.Recent.Busy)/all, float64(t.Recent.Backpressured)/all
		if !l.known || busy > l.busiest {
			l.busiest, l.subtask = busy, i
		}
		l.known, n = true, n+1
		l.busy, l.backpressured = l.busy+busy, l.backpressured+backpressured
		l.mostWaited = max(l.mostWaited, backpressured)
	}
	if n > 0 {
		l.busy, l.backpressured = l.busy/n, l.backpressured/n
	}
	return l
}

// FindBottleneck looks for the vertex that the others wait for: one that does not wait itself, and whose input comes from one that
// does. Where nobody waits it is the busiest, if that has no room for more.
func FindBottleneck(v *jobmanager.JobView) Bottleneck {
	loads := make([]load, len(v.Vertices))
	known := false
	for i := range v.Vertices {
		loads[i] = loadOf(&v.Vertices[i])
		known = known || loads[i].known
	}
	if !known {
		return Bottleneck{Limit: Unknown, Vertex: -1, Text: "no task runs that has told yet how it spends its time"}
	}
	at, waiting := -1, -1
	for i := range v.Vertices {
		if loads[i].mostWaited >= waits || !loads[i].known {
			continue
		}
		for _, in := range v.Vertices[i].In {
			if loads[in.From].mostWaited >= waits && (at < 0 || loads[i].busiest > loads[at].busiest) {
				at, waiting = i, in.From
			}
		}
	}
	if at >= 0 {
		return describe(v, loads, at, waiting)
	}
	for i := range loads {
		if loads[i].known && (at < 0 || loads[i].busiest > loads[at].busiest) {
			at = i
		}
	}
	if loads[at].busiest < full {
		return Bottleneck{
			Limit: NoLimit, Vertex: -1, Text: "nothing limits the job: it keeps up with its input",
			Evidence: []string{"no vertex waits for another", fmt.Sprintf("the busiest one, %q, is busy %s of the time", v.Vertices[at].Name, percent(loads[at].busiest))},
		}
	}
	return describe(v, loads, at, -1)
}

// describe tells of the vertex at, which waiting waits for, unless that is -1.
func describe(v *jobmanager.JobView, loads []load, at, waiting int) Bottleneck {
	x, l := &v.Vertices[at], loads[at]
	b := Bottleneck{Limit: Operator, Vertex: at, Subtask: l.subtask}
	b.Evidence = append(b.Evidence, fmt.Sprintf("%q is busy %s of the time, its subtask %d %s", x.Name, percent(l.busy), l.subtask, percent(l.busiest)))
	if waiting >= 0 {
		b.Evidence = append(b.Evidence, fmt.Sprintf("%q, which it reads from, waits for room %s of the time, the subtask that waits most %s",
			v.Vertices[waiting].Name, percent(loads[waiting].backpressured), percent(loads[waiting].mostWaited)))
	} else {
		b.Evidence = append(b.Evidence, "no vertex waits for another")
	}
	few := x.Parallelism > 1 && l.busiest >= full && l.busy < l.busiest/2
	switch {
	case few:
		b.Limit = Skew
		b.Text = fmt.Sprintf("%q limits the job by few of its subtasks: they get more than their share", x.Name)
		b.Advice = "look at what its keys are, or at how splits are dealt out: more subtasks do not help"
		if keys, rows := v.HotKeys(at); len(keys) > 0 {
			k := keys[0]
			b.Evidence = append(b.Evidence, fmt.Sprintf("at least %s of its records have the key %s, which is subtask %d's",
				percent(float64(k.Count-k.Error)/float64(rows)), k.Text, k.Subtask))
			b.Advice = "spread its hottest keys, by a number added to them and a second aggregation, or count before the exchange: more subtasks do not help"
		}
	case x.Source && waiting < 0:
		b.Limit = Source
		b.Text = fmt.Sprintf("the source %q limits the job: it reads as fast as it can, and what comes behind it keeps up", x.Name)
		b.Advice = moreSubtasks(x)
	case waiting < 0:
		b.Text = fmt.Sprintf("%q limits the job: it has no room for more, though nothing waits for it yet", x.Name)
		b.Advice = moreSubtasks(x)
	case l.busiest < full:
		b.Text = fmt.Sprintf("%q limits the job, but is not busy all the time: it waits for something outside of the job, or takes its input in bursts", x.Name)
		b.Advice = "look at what it calls or writes to"
	default:
		b.Text = fmt.Sprintf("%q limits the job: it takes its input slower than it comes", x.Name)
		b.Advice = moreSubtasks(x)
	}
	return b
}

func moreSubtasks(v *jobmanager.VertexView) string {
	most := v.Operators[0].MaxParallelism
	switch {
	case v.Fixed:
		return fmt.Sprintf("its parallelism, %d, is fixed: make its work less", v.Parallelism)
	case most > 0 && v.Parallelism >= most:
		return fmt.Sprintf("it has %d subtasks, the most that its maximum parallelism allows: make its work less", v.Parallelism)
	}
	return fmt.Sprintf("give it more subtasks: it has %d", v.Parallelism)
}

// percent rounds so that what is not all of the time is never said to be.
func percent(share float64) string {
	return fmt.Sprintf("%.0f %%", math.Floor(100*share+1e-9))
}
