package rest

import (
	"math"
	"strings"

	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/internal/schedule"
)

// clusterState is what a dashboard shows of the cluster.
func (s *Server) clusterState() restapi.ClusterState {
	c := s.m.Cluster()
	out := restapi.ClusterState{
		Version: s.o.Version, Commit: s.o.Commit, SlotsTotal: c.Slots, SlotsAvailable: c.FreeSlots,
		TaskManagers: []restapi.TaskManagerState{},
	}
	for _, v := range s.m.TaskManagers() {
		t := restapi.TaskManagerState{ID: v.ID, Host: v.Host, PID: v.PID, Version: v.Version, Slots: []string{}}
		for _, slot := range v.Slots {
			t.Slots = append(t.Slots, slot.Holder)
			t.Memory += slot.Memory
		}
		out.TaskManagers = append(out.TaskManagers, t)
	}
	return out
}

func (s *Server) jobLines() []restapi.JobLine {
	all := []restapi.JobLine{}
	for _, v := range s.m.Jobs() {
		all = append(all, jobLine(&v))
	}
	return all
}

func jobLine(v *jobmanager.JobSummary) restapi.JobLine {
	return restapi.JobLine{
		ID: v.ID, Name: v.Name, State: string(v.State), Start: millis(v.Began), End: millis(v.Ended), Changed: millis(v.Changed),
		Waits: v.Waits, Tasks: namedStates(v.Tasks),
	}
}

func jobAlone(v *jobmanager.JobView) restapi.JobLine {
	j := jobLine(&v.JobSummary)
	j.Type, j.Restarts = typeOf(v), v.Restarts
	if v.Cause != nil && v.State != schedule.Canceled {
		j.Cause = v.Cause.Error()
	}
	return j
}

func namedStates(tasks map[jobmanager.TaskState]int) map[string]int {
	out := map[string]int{}
	for state, n := range tasks {
		out[state.String()] = n
	}
	return out
}

func planVertices(v *jobmanager.JobView) []restapi.PlanVertex {
	all := []restapi.PlanVertex{}
	for i := range v.Vertices {
		x := &v.Vertices[i]
		p := restapi.PlanVertex{
			ID: vertexID(&x.Vertex), Name: x.Name, Parallelism: x.Parallelism, MaxParallelism: maxParallelism(&x.Vertex),
			Source: x.Source, Sink: x.Sink, Operators: []restapi.PlanOperator{}, Inputs: []restapi.PlanEdge{},
		}
		for _, o := range x.Operators {
			p.Operators = append(p.Operators, restapi.PlanOperator{Name: o.Name, Kind: o.Kind})
		}
		for _, in := range x.In {
			p.Inputs = append(p.Inputs, restapi.PlanEdge{
				From: vertexID(&v.Vertices[in.From].Vertex), Strategy: in.Strategy.String(), Exchange: exchangeOf(v, in),
			})
		}
		all = append(all, p)
	}
	return all
}

// meter turns the counters of a job's subtasks into rates.
type meter struct{ last map[subtaskKey]reading }

// subtaskKey is a subtask by its vertex's index.
type subtaskKey struct{ vertex, subtask int }

// reading is a report of a subtask, with the rates since the one before.
type reading struct {
	attempt int
	sampled int64 // nanoseconds since 1970
	counts  [5]int64
	rates   [5]float64
	known   bool // rates are
}

// read takes a look at the counters. A subtask that has not reported since the last look keeps its rates.
func (m *meter) read(v *jobmanager.JobView) {
	now := map[subtaskKey]reading{}
	for i := range v.Vertices {
		for k := range v.Vertices[i].Subtasks {
			a := &v.Vertices[i].Subtasks[k].Attempt
			key := subtaskKey{i, k}
			now[key] = m.last[key].next(a)
		}
	}
	m.last = now
}

// next is the reading of an attempt.
func (r reading) next(a *jobmanager.Attempt) reading {
	c := &a.Counters
	out := reading{
		attempt: a.Number, sampled: a.Sampled,
		counts: [5]int64{c.RecordsIn, c.RecordsOut, c.RecordsRead, c.BytesIn, c.BytesOut},
	}
	switch seconds := float64(out.sampled-r.sampled) / 1e9; {
	case r.sampled == 0 || out.attempt != r.attempt:
	case seconds <= 0:
		out.rates, out.known = r.rates, r.known
	default:
		out.known = true
		for i := range out.counts {
			out.rates[i] = math.Round(float64(out.counts[i]-r.counts[i])/seconds*10) / 10
		}
	}
	if a.State != jobmanager.TaskRunning { // it does nothing any more
		out.rates = [5]float64{}
	}
	return out
}

func (m *meter) subtasks(v *jobmanager.JobView, vertex int) []restapi.SubtaskLoad {
	all := []restapi.SubtaskLoad{}
	for k := range v.Vertices[vertex].Subtasks {
		a := &v.Vertices[vertex].Subtasks[k].Attempt
		t := restapi.SubtaskLoad{
			Index: k, Status: a.State.String(), Attempt: a.Number, TaskManager: place(a), Endpoint: endpoint(a),
			Load: m.load(v, vertex, k, k+1),
		}
		t.Start, t.End, _ = span(a, 0)
		all = append(all, t)
	}
	return all
}

func (m *meter) vertices(v *jobmanager.JobView) []restapi.VertexLoad {
	all := []restapi.VertexLoad{}
	for i := range v.Vertices {
		x := &v.Vertices[i]
		tasks := countStates(x.Subtasks)
		out := restapi.VertexLoad{
			ID: vertexID(&x.Vertex), Status: statusOfAll(tasks, x.Parallelism), Tasks: namedStates(tasks),
			Load: m.load(v, i, 0, len(x.Subtasks)), Hottest: -1, Skew: m.skew(i, len(x.Subtasks)),
		}
		var loads strings.Builder
		for k := range x.Subtasks {
			busy, _, _, ok := shares(&x.Subtasks[k].Attempt)
			if !ok {
				loads.WriteByte('-')
				continue
			}
			loads.WriteByte('0' + byte(min(9, int(busy*10))))
			if out.Hottest < 0 || busy > out.HottestBusy {
				out.Hottest, out.HottestBusy = k, thousandths(busy)
			}
		}
		out.Loads = loads.String()
		all = append(all, out)
	}
	return all
}

// shares is how an attempt that runs has spent its time between its last two reports.
func shares(a *jobmanager.Attempt) (busy, backpressured, idle float64, ok bool) {
	all := float64(a.Recent.All())
	if all <= 0 || a.State != jobmanager.TaskRunning {
		return 0, 0, 0, false
	}
	return float64(a.Recent.Busy) / all, float64(a.Recent.Backpressured) / all, float64(a.Recent.Idle) / all, true
}

func thousandths(x float64) float64 { return math.Round(x*1000) / 1000 }

// load sums the subtasks of a vertex from one up to another up.
func (m *meter) load(v *jobmanager.JobView, vertex, from, to int) (out restapi.Load) {
	var rates [5]float64
	var spent [3]float64
	metered, shared := 0, 0
	for k := from; k < to; k++ {
		a := &v.Vertices[vertex].Subtasks[k].Attempt
		c := &a.Counters
		out.RecordsIn += c.RecordsIn
		out.RecordsOut += c.RecordsOut
		out.RecordsRead += c.RecordsRead
		out.BytesIn += c.BytesIn
		out.BytesOut += c.BytesOut
		if r := m.last[subtaskKey{vertex, k}]; r.known {
			metered++
			for i := range rates {
				rates[i] += r.rates[i]
			}
		}
		if busy, backpressured, idle, ok := shares(a); ok {
			shared++
			spent[0], spent[1], spent[2] = spent[0]+busy, spent[1]+backpressured, spent[2]+idle
		}
		if b := c.Backlog; b != nil && b.Records >= 0 {
			if out.Pending == nil {
				out.Pending = new(int64)
			}
			*out.Pending += b.Records
		}
	}
	out.Watermark, out.WatermarkDone = watermarkOf(v.Vertices[vertex].Subtasks[from:to])
	if metered > 0 {
		for i, to := range []**float64{&out.InRate, &out.OutRate, &out.ReadRate, &out.BytesInRate, &out.BytesOutRate} {
			*to = &rates[i]
		}
	}
	if shared > 0 {
		for i, to := range []**float64{&out.Busy, &out.Backpressured, &out.Idle} {
			spent[i] = thousandths(spent[i] / float64(shared))
			*to = &spent[i]
		}
	}
	return out
}

// watermarkOf is the least watermark of subtasks, nil if one has none; done says that all are at the end of time.
func watermarkOf(subtasks []jobmanager.SubtaskView) (least *int64, done bool) {
	w := int64(math.MaxInt64)
	for i := range subtasks {
		w = min(w, subtasks[i].Watermark())
	}
	switch w {
	case math.MinInt64:
		return nil, false
	case math.MaxInt64:
		return nil, len(subtasks) > 0
	}
	return &w, false
}

// skew is how far the rates of a vertex's subtasks are from their mean, on average, as a share of it.
func (m *meter) skew(vertex, subtasks int) float64 {
	all, distance := 0.0, 0.0
	of := func(k int) float64 {
		r := m.last[subtaskKey{vertex, k}].rates
		return r[0] + r[2] // in or read: a vertex has one of both
	}
	for k := range subtasks {
		all += of(k)
	}
	mean := all / float64(max(1, subtasks))
	if mean == 0 {
		return 0
	}
	for k := range subtasks {
		distance += math.Abs(of(k) - mean)
	}
	return math.Round(distance/float64(subtasks)/mean*100) / 100
}
