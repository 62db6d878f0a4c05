package job

import (
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/trace"
)

// Names of spans, as Flink has them.
const (
	CheckpointSpan = "Checkpoint"
	StartSpan      = "JobInitialization"
)

// tracer makes spans of what becomes of a job: of each checkpoint, and of each start, from the submission or the failure until it
// runs. It belongs to the master.
type tracer struct {
	to   trace.Sink // nil for nobody
	of   []trace.Attribute
	name func(chain int) string // of a task

	ended    int // checkpoints
	began    int64
	cause    error
	restored int64
}

// noteAction notes why the job restarts, and from what.
func (t *tracer) noteAction(a schedule.Action) {
	switch a := a.(type) {
	case schedule.Cancel:
		if t.began == 0 || t.cause == nil {
			t.cause = a.Cause
		}
	case schedule.Deploy:
		t.restored = 0
		if a.Restore != nil {
			t.restored = a.Restore.ID
		}
	}
}

// note reports what has ended since the last time.
func (t *tracer) note(now int64, state State, restarts int, h *checkpoint.History) {
	if t.to == nil {
		return
	}
	n := h.Completed + h.Failed
	var ended []*checkpoint.Stats
	for i := range h.Checkpoints {
		if st := &h.Checkpoints[i]; st.Status != checkpoint.InProgress {
			ended = append(ended, st)
		}
	}
	for _, st := range ended[max(0, len(ended)-(n-t.ended)):] {
		t.to.Report(t.checkpoint(st))
	}
	t.ended = n
	switch {
	case state == schedule.Running && t.began != 0:
		t.started(now, restarts, nil)
	case state == schedule.Restarting && t.began == 0:
		t.began = now
	case state != schedule.Restarting && state != schedule.Running && state != schedule.Created:
		t.cause = nil // it ends
	}
}

// over reports a start that the job has ended in.
func (t *tracer) over(now int64, restarts int, cause error) {
	if t.to != nil && t.began != 0 {
		t.started(now, restarts, cause)
	}
}

func (t *tracer) started(now int64, restarts int, failed error) {
	s := trace.Span{Name: StartSpan, Start: t.began, End: now, Attributes: slices.Clone(t.of)}
	s.Attributes = append(s.Attributes, trace.Attribute{Key: "restarts", Value: int64(restarts)})
	if t.restored != 0 {
		s.Attributes = append(s.Attributes, trace.Attribute{Key: "checkpointId", Value: t.restored})
	}
	if t.cause != nil {
		s.Attributes = append(s.Attributes, trace.Attribute{Key: "cause", Value: shortText(t.cause)})
	}
	if failed != nil {
		s.Error = shortText(failed)
	}
	t.to.Report(s)
	t.began, t.cause = 0, nil
}

// textMax is how much of an error is in a span, in bytes.
const textMax = 1000

func shortText(err error) string {
	text := err.Error()
	return strings.ToValidUTF8(text[:min(len(text), textMax)], "") // it may end within a character
}

// subtasksMost is of how many subtasks a checkpoint has spans, those that took longest.
const subtasksMost = 256

func (t *tracer) checkpoint(st *checkpoint.Stats) trace.Span {
	kind := "CHECKPOINT"
	if st.Savepoint {
		kind = "SAVEPOINT"
	}
	s := trace.Span{Name: CheckpointSpan, Start: st.Triggered, End: st.Ended, Attributes: append(slices.Clone(t.of),
		trace.Attribute{Key: "checkpointId", Value: st.ID}, trace.Attribute{Key: "checkpointType", Value: kind},
		trace.Attribute{Key: "checkpointStatus", Value: string(st.Status)}, trace.Attribute{Key: "isUnaligned", Value: st.Flags.Has(operator.Unaligned)},
		trace.Attribute{Key: "checkpointedSize", Value: st.Size}, trace.Attribute{Key: "fullSize", Value: st.FullSize},
		trace.Attribute{Key: "inFlightSize", Value: st.InFlight})}
	if st.Err != nil {
		s.Error = shortText(st.Err)
	}
	all := slices.Clone(st.Subtasks)
	slices.SortFunc(all, func(a, b checkpoint.SubtaskStats) int { return int(b.Acknowledged - a.Acknowledged) })
	for _, k := range all[:min(subtasksMost, len(all))] {
		start := st.Triggered + k.StartDelay
		s.Children = append(s.Children, trace.Span{
			Name: t.name(k.Chain), Start: start, End: max(start, k.Acknowledged),
			Attributes: []trace.Attribute{
				{Key: "subtaskIndex", Value: int64(k.Subtask)},
				{Key: "checkpointedSize", Value: k.Size},
				{Key: "fullSize", Value: k.FullSize},
				{Key: "inFlightSize", Value: k.InFlight},
				{Key: "processedSize", Value: k.Processed},
			},
			Children: trace.Steps(start, []string{"Alignment", "Sync", "Async"}, time.Duration(k.Alignment), time.Duration(k.Sync), time.Duration(k.Async)),
		})
	}
	return s
}
