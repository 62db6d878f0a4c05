package rest

import (
	"net/http"
	"slices"
	"time"

	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/restapi"
)

// vertexView is the vertex that a request names, of its job.
func (s *Server) vertexView(r *http.Request) (*jobmanager.VertexView, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	id, err := pathValue(r, "vertexid", hex32)
	if err != nil {
		return nil, err
	}
	return vertexIn(v, id)
}

func vertexIn(v *jobmanager.JobView, id string) (*jobmanager.VertexView, error) {
	for i := range v.Vertices {
		if vertexID(&v.Vertices[i].Vertex) == id {
			return &v.Vertices[i], nil
		}
	}
	return nil, notFound("JobVertex %s not found", id)
}

// subtaskView is the subtask that a request names.
func (s *Server) subtaskView(r *http.Request) (index int, t *jobmanager.SubtaskView, err error) {
	v, err := s.vertexView(r)
	if err != nil {
		return 0, nil, err
	}
	if index, err = pathNumber(r, "subtaskindex"); err != nil {
		return 0, nil, err
	}
	if index >= len(v.Subtasks) {
		return 0, nil, notFound("Invalid subtask index for vertex %s: %d", r.PathValue("vertexid"), index)
	}
	return index, &v.Subtasks[index], nil
}

func maxParallelism(v *graph.Vertex) int { return v.Operators[0].MaxParallelism }

// vertexOf is a vertex in its job.
func vertexOf(v *jobmanager.VertexView, now int64) restapi.JobVertex {
	tasks := countStates(v.Subtasks)
	out := restapi.JobVertex{
		ID: vertexID(&v.Vertex), SlotSharingGroup: graph.IDOf("slot-sharing group", v.SlotGroup), Name: v.Name,
		MaxParallelism: maxParallelism(&v.Vertex), Parallelism: v.Parallelism, Status: statusOfAll(tasks, v.Parallelism),
		Tasks: stateCounts(tasks), Metrics: metricsOf(v.Subtasks),
	}
	out.StartTime, out.EndTime, out.Duration = spanOf(v.Subtasks, now)
	return out
}

func countStates(subtasks []jobmanager.SubtaskView) map[jobmanager.TaskState]int {
	tasks := map[jobmanager.TaskState]int{}
	for _, t := range subtasks {
		tasks[t.State]++
	}
	return tasks
}

// statusOfAll is the state of n tasks together.
func statusOfAll(tasks map[jobmanager.TaskState]int, n int) string {
	for _, s := range []jobmanager.TaskState{
		jobmanager.TaskFailed, jobmanager.TaskCanceling, jobmanager.TaskCanceled, jobmanager.TaskRunning,
	} {
		if tasks[s] > 0 {
			return s.String()
		}
	}
	if finished := tasks[jobmanager.TaskFinished]; finished == n {
		return jobmanager.TaskFinished.String()
	} else if finished > 0 {
		return jobmanager.TaskRunning.String()
	}
	for _, s := range []jobmanager.TaskState{jobmanager.TaskDeploying, jobmanager.TaskScheduled} {
		if tasks[s] == n {
			return s.String()
		}
	}
	return jobmanager.TaskCreated.String()
}

// endOf is when an attempt ended, 0 if it has not.
func endOf(a *jobmanager.Attempt) int64 {
	if a.State.Done() {
		return a.Entered[a.State]
	}
	return 0
}

// span is when an attempt began and ended, and how long it took, in milliseconds.
func span(a *jobmanager.Attempt, now int64) (start, end, duration int64) {
	start, end, duration = -1, -1, -1
	e := endOf(a)
	if e != 0 {
		end = e / 1e6
	}
	if b := a.Entered[jobmanager.TaskDeploying]; b != 0 {
		if e == 0 {
			e = now
		}
		start, duration = b/1e6, (e-b)/1e6
	}
	return start, end, duration
}

// spanOf is the span of several subtasks.
func spanOf(subtasks []jobmanager.SubtaskView, now int64) (start, end, duration int64) {
	start, end, duration = -1, -1, -1
	all := true
	for i := range subtasks {
		b, e, _ := span(&subtasks[i].Attempt, now)
		if b >= 0 && (start < 0 || b < start) {
			start = b
		}
		all = all && e >= 0
		end = max(end, e)
	}
	if !all {
		end = -1
	}
	if start >= 0 {
		duration = now/1e6 - start
		if end >= 0 {
			duration = end - start
		}
	}
	return start, end, duration
}

func metricsOf(subtasks []jobmanager.SubtaskView) restapi.IOMetrics {
	m := restapi.IOMetrics{
		ReadBytesComplete: true, WriteBytesComplete: true, ReadRecordsComplete: true, WriteRecordsComplete: true,
	}
	for _, t := range subtasks {
		c := &t.Counters
		m.ReadBytes += c.BytesIn
		m.WriteBytes += c.BytesOut
		m.ReadRecords += c.RecordsIn
		m.WriteRecords += c.RecordsOut
		m.Backpressured += c.Backpressured / 1e6
		m.Idle += c.Idle / 1e6
		m.Busy += float64(c.Busy / 1e6)
		if t.Sampled == 0 && t.State >= jobmanager.TaskRunning {
			m.ReadBytesComplete, m.WriteBytesComplete = false, false
			m.ReadRecordsComplete, m.WriteRecordsComplete = false, false
		}
	}
	return m
}

func (s *Server) vertex(r *http.Request) (*restapi.Vertex, error) {
	v, err := s.vertexView(r)
	if err != nil {
		return nil, err
	}
	now := time.Now().UnixNano()
	out := restapi.Vertex{
		ID: vertexID(&v.Vertex), Name: v.Name, Parallelism: v.Parallelism, MaxParallelism: maxParallelism(&v.Vertex),
		Now: now / 1e6, Subtasks: []restapi.Subtask{},
	}
	for i := range v.Subtasks {
		out.Subtasks = append(out.Subtasks, subtaskOf(i, &v.Subtasks[i].Attempt, now))
	}
	out.Aggregated = aggregate(out.Subtasks)
	return &out, nil
}

func subtaskOf(index int, a *jobmanager.Attempt, now int64) restapi.Subtask {
	out := restapi.Subtask{
		Subtask: index, Status: a.State.String(), Attempt: a.Number, Endpoint: endpoint(a), TaskManager: place(a),
		Metrics: metricsOf([]jobmanager.SubtaskView{{Attempt: *a}}), StatusDuration: stateDurations(a, now),
	}
	out.StartTime, out.EndTime, out.Duration = span(a, now)
	out.StartTime2 = out.StartTime
	return out
}

func endpoint(a *jobmanager.Attempt) string {
	if a.Address == "" {
		return restapi.Unassigned
	}
	return a.Address
}

func place(a *jobmanager.Attempt) string {
	if a.TaskManager == "" {
		return restapi.Unassigned
	}
	return a.TaskManager
}

// stateDurations is how long an attempt was in each state that it has come into and that passes.
func stateDurations(a *jobmanager.Attempt, now int64) map[string]int64 {
	out := map[string]int64{}
	next := endOf(a)
	if next == 0 {
		next = now
	}
	for s := jobmanager.TaskCanceling; ; s-- {
		if at := a.Entered[s]; at != 0 {
			out[s.String()] = (next - at) / 1e6
			next = at
		}
		if s == 0 {
			return out
		}
	}
}

func (s *Server) subtask(r *http.Request) (*restapi.Subtask, error) {
	index, t, err := s.subtaskView(r)
	if err != nil {
		return nil, err
	}
	return new(subtaskOf(index, &t.Attempt, time.Now().UnixNano())), nil
}

func (s *Server) attempt(r *http.Request) (*restapi.Subtask, error) {
	index, t, err := s.subtaskView(r)
	if err != nil {
		return nil, err
	}
	n, err := pathNumber(r, "attempt")
	if err != nil {
		return nil, err
	}
	for _, a := range append(slices.Clone(t.Earlier), t.Attempt) {
		if a.Number == n {
			return new(subtaskOf(index, &a, time.Now().UnixNano())), nil
		}
	}
	return nil, notFound("Attempt %d not found in subtask %d", n, index)
}

func (s *Server) subtaskTimes(r *http.Request) (*restapi.SubtaskTimes, error) {
	v, err := s.vertexView(r)
	if err != nil {
		return nil, err
	}
	now := time.Now().UnixNano()
	out := restapi.SubtaskTimes{ID: vertexID(&v.Vertex), Name: v.Name, Now: now / 1e6, Subtasks: []restapi.SubtaskTime{}}
	for i := range v.Subtasks {
		a := &v.Subtasks[i].Attempt
		t := restapi.SubtaskTime{Subtask: i, Endpoint: endpoint(a), Duration: -1, Timestamps: map[string]int64{}}
		for _, name := range restapi.TaskStates {
			t.Timestamps[name] = 0
		}
		for state, at := range a.Entered {
			t.Timestamps[jobmanager.TaskState(state).String()] = at / 1e6
		}
		if began := a.Entered[jobmanager.TaskScheduled]; began != 0 {
			end := endOf(a)
			if end == 0 {
				end = now
			}
			t.Duration = (end - began) / 1e6
		}
		out.Subtasks = append(out.Subtasks, t)
	}
	return &out, nil
}

func (s *Server) vertexTaskManagers(r *http.Request) (*restapi.VertexTaskManagers, error) {
	v, err := s.vertexView(r)
	if err != nil {
		return nil, err
	}
	now := time.Now().UnixNano()
	out := restapi.VertexTaskManagers{
		ID: vertexID(&v.Vertex), Name: v.Name, Now: now / 1e6, TaskManagers: []restapi.VertexTaskManager{},
	}
	of := map[string][]jobmanager.SubtaskView{}
	var ids []string
	for _, t := range v.Subtasks {
		id := place(&t.Attempt)
		if of[id] == nil {
			ids = append(ids, id)
		}
		of[id] = append(of[id], t)
	}
	slices.Sort(ids)
	for _, id := range ids {
		subtasks, states := of[id], countStates(of[id])
		t := restapi.VertexTaskManager{
			Endpoint: endpoint(&subtasks[0].Attempt), Status: statusOfAll(states, len(subtasks)),
			Metrics: metricsOf(subtasks), StatusCounts: stateCounts(states), TaskManager: id,
		}
		t.StartTime, t.EndTime, t.Duration = spanOf(subtasks, now)
		var each []restapi.Subtask
		for i := range subtasks {
			each = append(each, subtaskOf(i, &subtasks[i].Attempt, now))
		}
		t.Aggregated = aggregate(each)
		out.TaskManagers = append(out.TaskManagers, t)
	}
	return &out, nil
}

func (s *Server) vertexAccumulators(r *http.Request) (*restapi.VertexAccumulators, error) {
	v, err := s.vertexView(r)
	if err != nil {
		return nil, err
	}
	return &restapi.VertexAccumulators{ID: vertexID(&v.Vertex), User: accumulatorsOf(v.Subtasks)}, nil
}

func (s *Server) subtasksAccumulators(r *http.Request) (*restapi.SubtasksAccumulators, error) {
	v, err := s.vertexView(r)
	if err != nil {
		return nil, err
	}
	out := restapi.SubtasksAccumulators{
		ID: vertexID(&v.Vertex), Parallelism: v.Parallelism, Subtasks: []restapi.SubtaskAccumulators{},
	}
	for i := range v.Subtasks {
		t := &v.Subtasks[i]
		out.Subtasks = append(out.Subtasks, restapi.SubtaskAccumulators{
			Subtask: i, Attempt: t.Number, Endpoint: endpoint(&t.Attempt), User: accumulatorsOf(v.Subtasks[i : i+1]),
		})
	}
	return &out, nil
}

// The shares of time from which on backpressure is low and high.
const (
	lowBackpressure  = 0.1
	highBackpressure = 0.5
)

func (s *Server) backpressure(r *http.Request) (*restapi.Backpressure, error) {
	v, err := s.vertexView(r)
	if err != nil {
		return nil, err
	}
	out := restapi.Backpressure{Status: "ok", Subtasks: []restapi.SubtaskBackpressure{}}
	most := 0.0
	for i := range v.Subtasks {
		t := &v.Subtasks[i]
		out.EndTimestamp = max(out.EndTimestamp, t.Sampled/1e6)
		b := restapi.SubtaskBackpressure{Subtask: i, Attempt: t.Number}
		if all := float64(t.Recent.All()); all > 0 {
			b.Busy, b.Idle = float64(t.Recent.Busy)/all, float64(t.Recent.Idle)/all
			b.Ratio = float64(t.Recent.Backpressured) / all
		}
		b.Level = backpressureLevel(b.Ratio)
		b.Level2 = b.Level
		most = max(most, b.Ratio)
		out.Subtasks = append(out.Subtasks, b)
	}
	out.Level = backpressureLevel(most)
	out.Level2 = out.Level
	return &out, nil
}

func backpressureLevel(share float64) string {
	switch {
	case share > highBackpressure:
		return "high"
	case share > lowBackpressure:
		return "low"
	}
	return "ok"
}
