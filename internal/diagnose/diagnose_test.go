package diagnose

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/hotkey"
	"github.com/flott-dev/flott/internal/jobmanager"
)

// tasks are subtasks, each as "busy backpressured", in percent, the rest of the time idle.
func tasks(loads ...string) (all []jobmanager.SubtaskView) {
	for _, text := range loads {
		t := jobmanager.SubtaskView{Attempt: jobmanager.Attempt{State: jobmanager.TaskRunning, Sampled: 1}}
		var busy, backpressured int64
		if n, _ := fmt.Sscan(text, &busy, &backpressured); n == 2 {
			t.Recent = jobmanager.Load{Busy: busy * 1e7, Backpressured: backpressured * 1e7, Idle: (100 - busy - backpressured) * 1e7}
		}
		all = append(all, t)
	}
	return all
}

// chainOf is a job of vertices one behind the other, the first a source.
func chainOf(vertices ...[]jobmanager.SubtaskView) *jobmanager.JobView {
	v := &jobmanager.JobView{}
	for i, subtasks := range vertices {
		x := graph.Vertex{
			Name: string(rune('a' + i)), Parallelism: len(subtasks), Source: i == 0, Operators: []graph.Operator{{MaxParallelism: 4}},
		}
		if i > 0 {
			x.In = []graph.Input{{From: i - 1}}
		}
		v.Vertices = append(v.Vertices, jobmanager.VertexView{Vertex: x, Subtasks: subtasks})
	}
	return v
}

func TestBottleneck(t *testing.T) {
	for name, test := range map[string]struct {
		view    *jobmanager.JobView
		limit   Limit
		vertex  int
		subtask int
		says    string // parts of the text, the evidence and the advice
	}{
		"nothing known": {chainOf(tasks("", ""), tasks("")), Unknown, -1, 0, "no task runs"},
		"no job":        {&jobmanager.JobView{}, Unknown, -1, 0, "no task runs"},
		"keeps up":      {chainOf(tasks("20 0"), tasks("50 5")), NoLimit, -1, 0, `keeps up / "b", is busy 50 %`},
		"an operator":   {chainOf(tasks("20 80"), tasks("15 80"), tasks("99 0", "97 0"), tasks("5 0")), Operator, 2, 0, `"c" limits the job: it takes its input slower / busy 98 % / "b", which it reads from, waits for room 80 % / give it more subtasks: it has 2`},
		"the last one":  {chainOf(tasks("20 80"), tasks("95 0", "99 0", "97 0", "98 0")), Operator, 1, 1, "it has 4 subtasks, the most that its maximum parallelism allows"},
		"one subtask":   {chainOf(tasks("5 90"), tasks("99 0", "3 0", "4 0")), Skew, 1, 0, `by few of its subtasks / busy 35 % of the time, its subtask 0 99 % / more subtasks do not help`},
		"a source":      {chainOf(tasks("99 0"), tasks("40 0")), Source, 0, 0, `the source "a" limits / no vertex waits`},
		"nearly":        {chainOf(tasks("40 0"), tasks("85 0")), Operator, 1, 0, `no room for more, though nothing waits`},
		"outside":       {chainOf(tasks("10 90"), tasks("30 0")), Operator, 1, 0, "something outside of the job / look at what it calls"},
		"fixed": {func() *jobmanager.JobView {
			v := chainOf(tasks("10 90"), tasks("100 0"))
			v.Vertices[1].Fixed = true
			return v
		}(), Operator, 1, 0, "its parallelism, 1, is fixed"},
		"a hot key": {func() *jobmanager.JobView {
			v := chainOf(tasks("10 90", "10 90"), tasks("10 0", "100 0", "10 0"))
			for i, count := range []int64{50, 70} {
				v.Vertices[0].Subtasks[i].Counters.HotKeys = []control.HotKeys{{Vertex: 1, Rows: 100, Keys: []hotkey.Key{{Text: `"a"`, Subtask: 1, Count: count, Error: 10}}}}
			}
			return v
		}(), Skew, 1, 1, `at least 50 % of its records have the key "a", which is subtask 1's / spread its hottest keys`},
		"of two consumers": {func() *jobmanager.JobView {
			v := chainOf(tasks("10 90"), tasks("20 0"), tasks("100 0"))
			v.Vertices[2].In[0].From = 0
			return v
		}(), Operator, 2, 0, `"c" limits`},
		"one that has ended does not count": {func() *jobmanager.JobView {
			v := chainOf(tasks("10 0"), tasks("100 0"))
			v.Vertices[1].Subtasks[0].State = jobmanager.TaskFinished
			return v
		}(), NoLimit, -1, 0, "keeps up"},
	} {
		t.Run(name, func(t *testing.T) {
			b := FindBottleneck(test.view)
			if b.Limit != test.limit || b.Vertex != test.vertex || b.Subtask != test.subtask {
				t.Errorf("%+v, want %s by subtask %d of %d", b, test.limit, test.subtask, test.vertex)
			}
			wantParts(t, b.Text+"\n"+strings.Join(b.Evidence, "\n")+"\n"+b.Advice, test.says)
		})
	}
}

func wantParts(t *testing.T, text, parts string) {
	t.Helper()
	for part := range strings.SplitSeq(parts, " / ") {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

const clock = 1_000_000 // seconds, at which all is looked at

// marked is a subtask with a watermark in seconds, "none", "end" or "idle", and after a space the split that holds it, which it has
// since ten seconds.
func marked(texts ...string) (all []jobmanager.SubtaskView) {
	for _, text := range texts {
		mark, split, _ := strings.Cut(text, " ")
		t := jobmanager.SubtaskView{Attempt: jobmanager.Attempt{State: jobmanager.TaskRunning, Sampled: 1}}
		t.Counters, t.Marked = control.Sample{Slowest: split}, (clock-10)*1e9
		switch mark {
		case "none":
			t.Counters.Watermark = math.MinInt64
		case "end":
			t.Counters.Watermark = math.MaxInt64
		case "idle":
			t.Counters.SourceIdle, t.Counters.Watermark = true, 1
		default:
			var s int64
			fmt.Sscan(mark, &s)
			t.Counters.Watermark = s * 1000
		}
		all = append(all, t)
	}
	return all
}

func TestWatermark(t *testing.T) {
	behind := chainOf(marked("900 p", "910 q"), marked("500"), marked("490"))
	behind.Vertices[1].Subtasks[0].Recent = jobmanager.Load{Busy: 95, Idle: 5}
	for name, test := range map[string]struct {
		view  *jobmanager.JobView
		from  int
		hold  Hold
		chain string // vertex/subtask=watermark
		at    int
		split string
		says  string
	}{
		"a split": {
			chainOf(marked("900 p", "700 q"), marked("700", "700")), -1, HeldBySplit, "b/0=700 a/1=700", 1, "q",
			`the watermark is that of split "q" of "a" (2/2): 1970-01-01T00:11:40.000Z, for 10s; other subtasks of the source are up to 3m20s ahead / Idle`,
		},
		"a source whose splits are not known": {chainOf(marked("700"), marked("700")), -1, HeldBySplit, "b/0=700 a/0=700", 1, "", `that of "a" (1/1)`},
		"a busy vertex":                       {behind, -1, HeldByVertex, "c/0=490 b/0=500 a/0=900", 1, "", `"b" (1/1) is 6m40s of event time behind / it is busy: give it more subtasks`},
		"from a vertex":                       {behind, 0, HeldBySplit, "a/0=900", 0, "p", `split "p"`},
		"no watermark downstream":             {chainOf(marked("700"), marked("none")), -1, HeldByVertex, "b/0=none a/0=700", 0, "", "has no watermark yet, though"},
		"without a record":                    {chainOf(marked("900 p", "none q"), marked("none")), -1, HeldByNone, "b/0=none a/1=none", 1, "q", `split "q" of "a" (2/2) has given no record`},
		"without a strategy":                  {chainOf(marked("none"), marked("none")), -1, HeldByNone, "b/0=none a/0=none", 1, "", "or makes none / WATERMARK FOR"},
		"an idle subtask is not waited for":   {chainOf(marked("idle p", "700 q"), marked("700")), -1, HeldBySplit, "b/0=700 a/1=700", 1, "q", `split "q"`},
		"all idle":                            {chainOf(marked("idle"), marked("700")), -1, HeldByIdle, "b/0=700", 0, "", "all splits of the sources are idle"},
		"ended":                               {chainOf(marked("end"), marked("end")), -1, HeldByEnd, "b/0=end a/0=end", 0, "", "the input has ended"},
		"nothing known":                       {&jobmanager.JobView{}, -1, HeldUnknown, "", 0, "", "no task runs"},
	} {
		t.Run(name, func(t *testing.T) {
			w := ExplainWatermark(test.view, test.from, time.Unix(clock, 0))
			var chain []string
			for _, l := range w.Chain {
				mark := fmt.Sprint(l.Watermark / 1000)
				switch l.Watermark {
				case None:
					mark = "none"
				case math.MaxInt64:
					mark = "end"
				}
				chain = append(chain, fmt.Sprintf("%s/%d=%s", test.view.Vertices[l.Vertex].Name, l.Subtask, mark))
			}
			if got := strings.Join(chain, " "); w.Hold != test.hold || got != test.chain || w.At != test.at || w.Split != test.split {
				t.Errorf("%s at %d of %s, split %q; want %s at %d of %s, split %q", w.Hold, w.At, got, w.Split, test.hold, test.at, test.chain, test.split)
			}
			wantParts(t, w.Text+"\n"+w.Advice, test.says)
		})
	}
}

// TestLoops: a job whose vertices read from each other has an answer.
func TestLoops(t *testing.T) {
	v := chainOf(marked("700 p"), marked("600"), marked("600"))
	v.Vertices[1].In = append(v.Vertices[1].In, graph.Input{From: 2})
	if w := ExplainWatermark(v, -1, time.Unix(clock, 0)); w.Hold != HeldByVertex || len(w.Chain) != 3 {
		t.Errorf("%+v", w)
	}
}
