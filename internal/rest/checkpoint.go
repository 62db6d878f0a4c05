package rest

import (
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/restapi"
)

// checkpointView is the job that a request names, unless it takes no checkpoints.
func (s *Server) checkpointView(r *http.Request) (*jobmanager.JobView, error) {
	v, err := s.view(r)
	if err == nil && v.Settings.Batch {
		err = notFound("Job %s is in batch mode and takes no checkpoints", v.ID)
	}
	return v, err
}

func (s *Server) checkpoints(r *http.Request) (*restapi.Checkpoints, error) {
	v, err := s.checkpointView(r)
	if err != nil {
		return nil, err
	}
	out := checkpointsOf(v)
	return &out, nil
}

func checkpointsOf(v *jobmanager.JobView) restapi.Checkpoints {
	h := &v.Checkpoints
	out := restapi.Checkpoints{History: []restapi.Checkpoint{}}
	var numbers []restapi.CheckpointNumbers
	for i := range h.Checkpoints { // the oldest first
		st := &h.Checkpoints[i]
		c := checkpointOf(v, st)
		out.History = append(out.History, c)
		switch {
		case st.Status == checkpoint.InProgress:
			out.Counts.InProgress++
		case st.Status == checkpoint.Failed:
			out.Latest.Failed = &c
		case st.Savepoint:
			out.Latest.Savepoint = &c
			numbers = append(numbers, c.CheckpointNumbers)
		default:
			out.Latest.Completed = &c
			numbers = append(numbers, c.CheckpointNumbers)
		}
	}
	slices.Reverse(out.History)
	out.Counts.Restored, out.Counts.Completed, out.Counts.Failed = v.RestoredTimes, h.Completed, h.Failed
	out.Counts.Total = h.Completed + h.Failed + out.Counts.InProgress
	out.Summary = summaryOf(numbers)
	if r := v.Restored; v.RestoredTimes > 0 {
		out.Latest.Restored = &restapi.RestoredCheckpoint{ID: r.ID, Timestamp: r.At / 1e6, Savepoint: r.Savepoint}
	}
	return out
}

func summaryOf(all []restapi.CheckpointNumbers) restapi.CheckpointSummary {
	of := func(number func(*restapi.CheckpointNumbers) int64) restapi.Quantiles {
		var values []int64
		for i := range all {
			values = append(values, number(&all[i]))
		}
		return quantilesOf(values)
	}
	return restapi.CheckpointSummary{
		CheckpointedSize:  of(func(n *restapi.CheckpointNumbers) int64 { return n.CheckpointedSize }),
		StateSize:         of(func(n *restapi.CheckpointNumbers) int64 { return n.StateSize }),
		EndToEndDuration:  of(func(n *restapi.CheckpointNumbers) int64 { return n.EndToEndDuration }),
		AlignmentBuffered: of(func(n *restapi.CheckpointNumbers) int64 { return n.AlignmentBuffered }),
		ProcessedData:     of(func(n *restapi.CheckpointNumbers) int64 { return n.ProcessedData }),
		PersistedData:     of(func(n *restapi.CheckpointNumbers) int64 { return n.PersistedData }),
	}
}

// checkpointOf is a checkpoint without its tasks.
func checkpointOf(v *jobmanager.JobView, st *checkpoint.Stats) restapi.Checkpoint {
	tasks := 0
	for _, vertex := range v.Vertices {
		tasks += vertex.Parallelism
	}
	c := restapi.Checkpoint{
		ClassName: "in_progress", ID: st.ID, Status: string(st.Status), Savepoint: st.Savepoint,
		Trigger: st.Triggered / 1e6, CheckpointNumbers: numbersOf(st, st.Subtasks, tasks),
		Tasks: map[string]restapi.TaskCheckpoint{},
	}
	switch {
	case st.Savepoint && st.Flags.Has(operator.Suspend):
		c.Type = "SYNC_SAVEPOINT"
	case st.Savepoint:
		c.Type = "SAVEPOINT"
	case st.Flags.Has(operator.Unaligned):
		c.Type = "UNALIGNED_CHECKPOINT"
	default:
		c.Type = "CHECKPOINT"
	}
	if st.Savepoint {
		format := "CANONICAL"
		if st.Flags.Has(operator.Native) {
			format = "NATIVE"
		}
		c.SavepointFormat = &format
	}
	if st.Ended != 0 {
		c.EndToEndDuration = (st.Ended - st.Triggered) / 1e6
	}
	switch st.Status {
	case checkpoint.Completed:
		path := st.Location
		if path == "" {
			path = "<checkpoint-not-externally-addressable>"
		}
		c.ClassName, c.Path = "completed", &path
	case checkpoint.Failed:
		at, text := st.Ended/1e6, ""
		if st.Err != nil {
			text = st.Err.Error()
		}
		c.ClassName, c.Failed, c.Message = "failed", &at, &text
	}
	return c
}

// numbersOf sums up what subtasks have acknowledged, of n.
func numbersOf(st *checkpoint.Stats, subtasks []checkpoint.SubtaskStats, n int) restapi.CheckpointNumbers {
	out := restapi.CheckpointNumbers{LatestAck: -1, Subtasks: n, Acknowledged: len(subtasks)}
	for _, t := range subtasks {
		out.LatestAck = max(out.LatestAck, t.Acknowledged/1e6)
		out.CheckpointedSize += t.Size
		out.StateSize += t.FullSize
		out.ProcessedData += t.Processed
		out.PersistedData += t.InFlight
		out.EndToEndDuration = max(out.EndToEndDuration, (t.Acknowledged-st.Triggered)/1e6)
	}
	return out
}

// statsOf is the checkpoint that a request names.
func (s *Server) statsOf(r *http.Request) (*jobmanager.JobView, *checkpoint.Stats, error) {
	v, err := s.checkpointView(r)
	if err != nil {
		return nil, nil, err
	}
	text := r.PathValue("checkpointid")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return nil, nil, malformed("checkpointid", text)
	}
	for i := range v.Checkpoints.Checkpoints {
		if st := &v.Checkpoints.Checkpoints[i]; st.ID == id {
			return v, st, nil
		}
	}
	return nil, nil, notFound("Could not find checkpointing statistics for checkpoint %d.", id)
}

// partOf is what a checkpoint has of a vertex.
func partOf(st *checkpoint.Stats, vertex int) (subtasks []checkpoint.SubtaskStats) {
	for _, t := range st.Subtasks {
		if t.Chain == vertex {
			subtasks = append(subtasks, t)
		}
	}
	return subtasks
}

func taskCheckpoint(st *checkpoint.Stats, part []checkpoint.SubtaskStats, parallelism int) restapi.TaskCheckpoint {
	t := restapi.TaskCheckpoint{
		ID: st.ID, Status: string(st.Status), CheckpointNumbers: numbersOf(st, part, parallelism),
	}
	if len(part) == parallelism {
		t.Status = string(checkpoint.Completed)
	}
	return t
}

func (s *Server) checkpoint(r *http.Request) (*restapi.Checkpoint, error) {
	v, st, err := s.statsOf(r)
	if err != nil {
		return nil, err
	}
	c := checkpointOf(v, st)
	for i := range v.Vertices {
		vertex := &v.Vertices[i].Vertex
		c.Tasks[vertexID(vertex)] = taskCheckpoint(st, partOf(st, i), vertex.Parallelism)
	}
	return &c, nil
}

func (s *Server) vertexCheckpoint(r *http.Request) (*restapi.TaskCheckpointDetails, error) {
	v, st, err := s.statsOf(r)
	if err != nil {
		return nil, err
	}
	id, err := pathValue(r, "vertexid", hex32)
	if err != nil {
		return nil, err
	}
	vertex, err := vertexIn(v, id)
	if err != nil {
		return nil, err
	}
	index := slices.IndexFunc(v.Vertices, func(o jobmanager.VertexView) bool {
		return vertexID(&o.Vertex) == vertexID(&vertex.Vertex)
	})
	part := partOf(st, index)
	out := restapi.TaskCheckpointDetails{
		TaskCheckpoint: taskCheckpoint(st, part, vertex.Parallelism), Summary: taskSummary(st, part),
	}
	for i := range vertex.Parallelism {
		out.Subtasks = append(out.Subtasks, restapi.SubtaskCheckpoint{
			ClassName: "pending", Index: i, Status: "pending_or_failed",
		})
	}
	for _, t := range part {
		if t.Subtask < len(out.Subtasks) {
			c := &out.Subtasks[t.Subtask]
			c.ClassName, c.Status, c.SubtaskCheckpointNumbers = "completed", "completed", subtaskNumbers(st, &t)
		}
	}
	return &out, nil
}

func subtaskNumbers(st *checkpoint.Stats, t *checkpoint.SubtaskStats) *restapi.SubtaskCheckpointNumbers {
	return &restapi.SubtaskCheckpointNumbers{
		Ack: t.Acknowledged / 1e6, EndToEndDuration: (t.Acknowledged - st.Triggered) / 1e6,
		CheckpointedSize: t.Size, StateSize: t.FullSize,
		Checkpoint: restapi.CheckpointDuration{Sync: t.Sync / 1e6, Async: t.Async / 1e6},
		Alignment: restapi.Alignment{
			Processed: t.Processed, Persisted: t.InFlight, Duration: t.Alignment / 1e6,
		},
		StartDelay: t.StartDelay / 1e6, Unaligned: t.InFlight > 0 || st.Flags.Has(operator.Unaligned),
	}
}

func taskSummary(st *checkpoint.Stats, part []checkpoint.SubtaskStats) restapi.TaskCheckpointSummary {
	of := func(number func(*checkpoint.SubtaskStats) int64) restapi.Quantiles {
		var values []int64
		for i := range part {
			values = append(values, number(&part[i]))
		}
		return quantilesOf(values)
	}
	return restapi.TaskCheckpointSummary{
		CheckpointedSize: of(func(t *checkpoint.SubtaskStats) int64 { return t.Size }),
		StateSize:        of(func(t *checkpoint.SubtaskStats) int64 { return t.FullSize }),
		EndToEndDuration: of(func(t *checkpoint.SubtaskStats) int64 { return (t.Acknowledged - st.Triggered) / 1e6 }),
		CheckpointDuration: restapi.DurationSummary{
			Sync:  of(func(t *checkpoint.SubtaskStats) int64 { return t.Sync / 1e6 }),
			Async: of(func(t *checkpoint.SubtaskStats) int64 { return t.Async / 1e6 }),
		},
		Alignment: restapi.AlignmentSummary{
			Buffered:  of(func(*checkpoint.SubtaskStats) int64 { return 0 }),
			Processed: of(func(t *checkpoint.SubtaskStats) int64 { return t.Processed }),
			Persisted: of(func(t *checkpoint.SubtaskStats) int64 { return t.InFlight }),
			Duration:  of(func(t *checkpoint.SubtaskStats) int64 { return t.Alignment / 1e6 }),
		},
		StartDelay: of(func(t *checkpoint.SubtaskStats) int64 { return t.StartDelay / 1e6 }),
	}
}

func (s *Server) checkpointConfig(r *http.Request) (*restapi.CheckpointConfig, error) {
	v, err := s.checkpointView(r)
	if err != nil {
		return nil, err
	}
	set := &v.Settings
	c := restapi.CheckpointConfig{
		Mode: "exactly_once", Interval: set.Checkpoints.Interval / 1e6, Timeout: set.Checkpoints.Timeout / 1e6,
		MinPause: set.Checkpoints.MinPause / 1e6, MaxConcurrent: max(1, set.Checkpoints.MaxConcurrent),
		Externalization: restapi.Externalization{
			Enabled: set.Directory != "" && !set.DeleteOnCancel, DeleteOnCancel: set.DeleteOnCancel,
		},
		Storage: "FileSystemCheckpointStorage", Unaligned: set.Checkpoints.Flags.Has(operator.Unaligned),
		TolerableFailed: set.Checkpoints.TolerableFailures, AfterTasksFinish: true,
	}
	if set.AtLeastOnce {
		c.Mode = "at_least_once"
	}
	if set.Checkpoints.Interval == 0 { // as Flink has it where there are no periodic ones
		c.Interval = math.MaxInt64
	}
	if set.Directory == "" {
		c.Storage = "JobManagerCheckpointStorage"
	}
	return &c, nil
}
