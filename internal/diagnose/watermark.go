package diagnose

import (
	"fmt"
	"math"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/jobmanager"
)

// Hold is what kind of thing holds a watermark back.
type Hold string

// The kinds.
const (
	// HeldUnknown: no task has reported yet, or none runs.
	HeldUnknown Hold = "UNKNOWN"
	// HeldByNone: the sources make no watermarks, or none has come yet.
	HeldByNone Hold = "NO_WATERMARK"
	// HeldBySplit: a source's split, which has the least watermark.
	HeldBySplit Hold = "SPLIT"
	// HeldByVertex: a vertex that has not processed what would move its watermark on.
	HeldByVertex Hold = "VERTEX"
	// HeldByIdle: all splits are idle, so that nothing moves the watermark.
	HeldByIdle Hold = "IDLE"
	// HeldByEnd: the input has ended.
	HeldByEnd Hold = "ENDED"
)

// None is the watermark of who has none.
const None = math.MinInt64

// Link is a subtask on the way from a source to where a watermark is looked at: of its vertex, the one whose watermark is least.
type Link struct {
	Vertex, Subtask int
	Watermark       int64     // milliseconds since 1970, None for none
	Since           time.Time // when it was first heard to be that
}

// Watermark is what holds the watermark of a vertex back.
type Watermark struct {
	Hold Hold
	// Chain leads from the vertex to a source.
	Chain []Link
	// At is the place in Chain of what holds the watermark back, Split that of a source, "" if it is no split.
	At    int
	Split string
	// Text is a sentence, and Advice what helps, "" if nothing is to be done.
	Text   string
	Advice string
}

// slowest is the link of a vertex, and whether some of its subtasks take part: those that run and are not idle sources.
func slowest(v *jobmanager.JobView, vertex int) (l Link, some, idle bool) {
	l = Link{Vertex: vertex, Watermark: math.MaxInt64}
	for i := range v.Vertices[vertex].Subtasks {
		t := &v.Vertices[vertex].Subtasks[i].Attempt
		if t.State.Done() || t.Sampled == 0 || t.Counters.Ended {
			continue
		}
		if t.Counters.SourceIdle {
			idle = true
			continue
		}
		if w := t.Watermark(); !some || w < l.Watermark {
			some, l.Subtask, l.Watermark, l.Since = true, i, w, time.Unix(0, t.Marked)
		}
	}
	return l, some, idle
}

// ExplainWatermark says what holds back the watermark of a vertex, or if that is -1 of the one of which it is least, and of these the
// last one of the job.
func ExplainWatermark(v *jobmanager.JobView, vertex int, now time.Time) Watermark {
	if vertex < 0 {
		least := int64(math.MaxInt64)
		for i := range v.Vertices {
			if l, some, _ := slowest(v, i); some && l.Watermark <= least {
				vertex, least = i, l.Watermark
			}
		}
	}
	out, idle := Watermark{}, false
	for at, seen := vertex, map[int]bool{}; at >= 0 && !seen[at]; {
		seen[at] = true
		l, some, isIdle := slowest(v, at)
		idle = idle || isIdle
		if !some {
			break
		}
		out.Chain = append(out.Chain, l)
		next, least := -1, int64(math.MaxInt64)
		for _, in := range v.Vertices[at].In {
			from, some, isIdle := slowest(v, in.From)
			idle = idle || isIdle
			if some && !seen[in.From] && (next < 0 || from.Watermark < least) {
				next, least = in.From, from.Watermark
			}
		}
		at = next
	}
	out.judge(v, idle, now)
	return out
}

// judge finds in the chain what holds the watermark back. How far the vertices are behind the source is held against how far the
// source's slowest subtask is behind the others: the larger one is the reason.
func (w *Watermark) judge(v *jobmanager.JobView, idle bool, now time.Time) {
	if len(w.Chain) == 0 {
		w.Hold, w.Text = HeldUnknown, "no task runs that has told its watermark yet"
		if idle {
			w.beIdle()
		}
		return
	}
	target, last := w.Chain[0], w.Chain[len(w.Chain)-1]
	source := &v.Vertices[last.Vertex]
	switch {
	case !source.Source: // none of its sources takes part any more
		if w.At = len(w.Chain) - 1; idle {
			w.beIdle()
			return
		}
		w.Hold, w.Text = HeldByEnd, fmt.Sprintf("the input has ended; %s is still to process what has come", name(v, last))
		return
	case last.Watermark >= batch.MaxTime:
		w.Hold, w.Text = HeldByEnd, "the input has ended"
		return
	case last.Watermark == None:
		w.At = len(w.Chain) - 1
		w.beWithout(v, last)
		return
	}
	if gap, at := w.widest(); gap > 0 && gap > ahead(source, last.Watermark) {
		w.Hold, w.At = HeldByVertex, at
		w.Text = fmt.Sprintf("%s is %s of event time behind what it reads from: it has not come to that yet", name(v, w.Chain[at]), span(gap))
		if gap == math.MaxInt64 {
			w.Text = fmt.Sprintf("%s has no watermark yet, though what it reads from has: it has not come to that yet", name(v, w.Chain[at]))
		}
		l := loadOf(&v.Vertices[w.Chain[at].Vertex])
		switch {
		case l.mostWaited >= waits:
			w.Advice = "it waits for room downstream: look for the bottleneck"
		case l.busiest >= full:
			w.Advice = "it is busy: " + moreSubtasks(&v.Vertices[w.Chain[at].Vertex])
		}
		return
	}
	w.Hold, w.At = HeldBySplit, len(w.Chain)-1
	w.Split = source.Subtasks[last.Subtask].Counters.Slowest
	what := name(v, last)
	if w.Split != "" {
		what = fmt.Sprintf("split %q of %s", w.Split, what)
	}
	w.Text = fmt.Sprintf("the watermark is that of %s: %s, for %s", what, at(target.Watermark), span(max(0, now.Sub(last.Since).Milliseconds())))
	if more := ahead(source, last.Watermark); more > 0 {
		w.Text += fmt.Sprintf("; other subtasks of the source are up to %s ahead", span(more))
	}
	w.Advice = "if nothing comes there any more, let the source be idle after a time (Idle of its watermark strategy, 'scan.watermark.idle-timeout')"
}

func (w *Watermark) beIdle() {
	w.Hold, w.Text = HeldByIdle, "all splits of the sources are idle: nothing moves the watermark on until a record comes"
}

func (w *Watermark) beWithout(v *jobmanager.JobView, l Link) {
	w.Hold, w.Split = HeldByNone, v.Vertices[l.Vertex].Subtasks[l.Subtask].Counters.Slowest
	if w.Split != "" {
		w.Text = fmt.Sprintf("there is no watermark yet: split %q of %s has given no record with a time", w.Split, name(v, l))
		w.Advice = "if none is to be waited for, let the source be idle after a time (Idle of its watermark strategy, 'scan.watermark.idle-timeout')"
		return
	}
	w.Text = fmt.Sprintf("there is no watermark: %s has read no split yet, or makes none", name(v, l))
	w.Advice = "if the job goes by event time, give the source a watermark strategy (Stream.Watermarks, or WATERMARK FOR in CREATE TABLE)"
}

// widest is the largest distance between a link and the one that it reads from, the largest number if only that one has a
// watermark, and the place of the first of the two.
func (w *Watermark) widest() (gap int64, at int) {
	for i := range len(w.Chain) - 1 {
		here, there := w.Chain[i].Watermark, w.Chain[i+1].Watermark
		switch {
		case here == None && there != None:
			return math.MaxInt64, i
		case there != None && there < batch.MaxTime && there-here > gap:
			gap, at = there-here, i
		}
	}
	return gap, at
}

// ahead is how far the furthest subtask of a source is ahead of a watermark.
func ahead(v *jobmanager.VertexView, of int64) (by int64) {
	for i := range v.Subtasks {
		if m := v.Subtasks[i].Watermark(); m != None && m < batch.MaxTime {
			by = max(by, m-of)
		}
	}
	return by
}

func name(v *jobmanager.JobView, l Link) string {
	x := &v.Vertices[l.Vertex]
	return fmt.Sprintf("%q (%d/%d)", x.Name, l.Subtask+1, x.Parallelism)
}

func at(millis int64) string { return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z") }

// span is a number of milliseconds in words.
func span(millis int64) string {
	d := time.Duration(millis) * time.Millisecond
	if d >= time.Minute {
		d = d.Round(time.Second)
	}
	return d.String()
}
