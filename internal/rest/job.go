package rest

import (
	"errors"
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/internal/schedule"
)

// millis is a time in milliseconds since 1970, -1 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return t.UnixMilli()
}

// view is the job that a request names.
func (s *Server) view(r *http.Request) (*jobmanager.JobView, error) {
	id, err := pathValue(r, "jobid", hex32)
	if err != nil {
		return nil, err
	}
	v, err := s.m.View(strings.ToLower(id))
	if errors.Is(err, jobmanager.ErrUnknownJob) {
		err = notFound("Job %s not found", id)
	}
	return v, err
}

func vertexID(v *graph.Vertex) string { return v.ID() }

func (s *Server) jobIDs(*http.Request) (*restapi.JobIDs, error) {
	all := restapi.JobIDs{Jobs: []restapi.JobIDStatus{}}
	for _, v := range s.m.Jobs() {
		all.Jobs = append(all.Jobs, restapi.JobIDStatus{ID: v.ID, Status: string(v.State)})
	}
	return &all, nil
}

func (s *Server) jobsOverview(*http.Request) (*restapi.JobsOverview, error) {
	all := restapi.JobsOverview{Jobs: []restapi.JobOverview{}}
	for _, v := range s.m.Jobs() {
		o := restapi.JobOverview{
			ID: v.ID, Name: v.Name, StartTime: millis(v.Began), EndTime: millis(v.Ended), Duration: durationOf(&v),
			State: string(v.State), LastModification: millis(v.Changed), Tasks: map[string]int{}, Waits: v.Waits,
		}
		for name, n := range stateCounts(v.Tasks) {
			o.Tasks[strings.ToLower(name)] = n
			o.Tasks["total"] += n
		}
		all.Jobs = append(all.Jobs, o)
	}
	return &all, nil
}

func durationOf(v *jobmanager.JobSummary) int64 {
	end := v.Ended
	if end.IsZero() {
		end = time.Now()
	}
	return end.Sub(v.Began).Milliseconds()
}

// stateCounts has all states of tasks.
func stateCounts(tasks map[jobmanager.TaskState]int) map[string]int {
	all := map[string]int{}
	for _, name := range restapi.TaskStates {
		all[name] = 0
	}
	for state, n := range tasks {
		all[state.String()] = n
	}
	return all
}

func typeOf(v *jobmanager.JobView) string {
	if v.Settings.Batch {
		return "BATCH"
	}
	return "STREAMING"
}

func (s *Server) job(r *http.Request) (*restapi.JobDetails, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	d := restapi.JobDetails{
		ID: v.ID, Name: v.Name, State: string(v.State), Type: typeOf(v), StartTime: millis(v.Began),
		EndTime: millis(v.Ended), Duration: durationOf(&v.JobSummary), MaxParallelism: -1, Now: now.UnixMilli(),
		Timestamps: map[string]int64{}, StatusCounts: stateCounts(nil), Plan: planOf(v), Waits: v.Waits,
		Restarts: v.Restarts, Vertices: []restapi.JobVertex{},
	}
	for _, state := range restapi.JobStates {
		d.Timestamps[state] = max(0, millis(v.Entered[schedule.State(state)]))
	}
	for i := range v.Vertices {
		vertex := vertexOf(&v.Vertices[i], now.UnixNano())
		d.Vertices = append(d.Vertices, vertex)
		d.StatusCounts[vertex.Status]++
	}
	return &d, nil
}

func (s *Server) jobStatus(r *http.Request) (*restapi.JobStatus, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	return &restapi.JobStatus{Status: string(v.State)}, nil
}

func (s *Server) jobConfig(r *http.Request) (*restapi.JobConfig, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	c := restapi.JobConfig{ID: v.ID, Name: v.Name, Execution: restapi.ExecutionConfig{
		RestartStrategy: v.Settings.Restart.Strategy().String(), User: map[string]string{},
	}}
	for _, vertex := range v.Vertices {
		c.Execution.Parallelism = max(c.Execution.Parallelism, vertex.Parallelism)
	}
	return &c, nil
}

func (s *Server) plan(r *http.Request) (*restapi.JobPlan, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	return &restapi.JobPlan{Plan: planOf(v)}, nil
}

// planOf has descriptions in HTML, as dashboards want them. Names are the user's: they are escaped.
func planOf(v *jobmanager.JobView) restapi.Plan {
	p := restapi.Plan{ID: v.ID, Name: v.Name, Type: typeOf(v), Nodes: []restapi.PlanNode{}}
	for _, vertex := range v.Vertices {
		n := restapi.PlanNode{ID: vertexID(&vertex.Vertex), Parallelism: vertex.Parallelism}
		for i, o := range vertex.Operators {
			if i > 0 {
				n.Description += "+- "
			}
			n.Description += html.EscapeString(o.Name) + "<br/>"
		}
		for _, in := range vertex.In {
			n.Inputs = append(n.Inputs, restapi.PlanInput{
				ID: vertexID(&v.Vertices[in.From].Vertex), Num: in.Input, Exchange: exchangeOf(v, in),
				ShipStrategy: in.Strategy.String(),
			})
		}
		p.Nodes = append(p.Nodes, n)
	}
	return p
}

func exchangeOf(v *jobmanager.JobView, in graph.Input) string {
	if v.Settings.Stages && !in.Pipelined {
		return "blocking"
	}
	return "pipelined_bounded"
}

func (s *Server) accumulators(r *http.Request) (*restapi.JobAccumulators, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	var all []jobmanager.SubtaskView
	for _, vertex := range v.Vertices {
		all = append(all, vertex.Subtasks...)
	}
	return &restapi.JobAccumulators{
		Job: []restapi.Empty{}, User: accumulatorsOf(all), Serialized: map[string]string{},
	}, nil
}

// accumulatorsOf sums accumulators up over subtasks, in the order of their names.
func accumulatorsOf(subtasks []jobmanager.SubtaskView) []restapi.Accumulator {
	sums := map[string]int64{}
	for _, t := range subtasks {
		for name, n := range t.Counters.Accumulators {
			sums[name] += n
		}
	}
	all := []restapi.Accumulator{}
	for name, n := range sums {
		all = append(all, restapi.Accumulator{Name: name, Type: "LongCounter", Value: strconv.FormatInt(n, 10)})
	}
	slices.SortFunc(all, func(a, b restapi.Accumulator) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// exceptionsMost is how many failures are shown if nobody says.
const exceptionsMost = 20

func (s *Server) exceptions(r *http.Request) (*restapi.JobExceptions, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	most, err := queryNumber(r, "maxExceptions", exceptionsMost)
	if err != nil {
		return nil, err
	}
	return &restapi.JobExceptions{History: exceptionsOf(v, most)}, nil
}

func exceptionsOf(v *jobmanager.JobView, most int) restapi.ExceptionHistory {
	h := restapi.ExceptionHistory{Entries: []restapi.Exception{}, Truncated: v.FailuresDropped}
	for _, f := range slices.Backward(v.Failures) {
		if len(h.Entries) == most {
			h.Truncated = true
			break
		}
		e := restapi.Exception{Failure: failureOf(&f), Concurrent: []restapi.Failure{}}
		for i := range f.Later {
			e.Concurrent = append(e.Concurrent, failureOf(&f.Later[i]))
		}
		h.Entries = append(h.Entries, e)
	}
	return h
}

func failureOf(f *jobmanager.FailureView) restapi.Failure {
	return restapi.Failure{
		Name: f.Kind, StackTrace: f.Text, Timestamp: f.At / 1e6, Labels: map[string]string{},
		Task: f.Task, Endpoint: f.Address, TaskManager: f.TaskManager,
	}
}

func (s *Server) executionResult(r *http.Request) (*restapi.ExecutionResult, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	return resultOf(v), nil
}

func resultOf(v *jobmanager.JobView) *restapi.ExecutionResult {
	if !v.State.Done() || v.Ended.IsZero() {
		return &restapi.ExecutionResult{Status: restapi.OperationStatus{ID: restapi.InProgress}}
	}
	j := &restapi.JobResult{ID: v.ID, Accumulators: map[string]string{}, NetRuntime: durationOf(&v.JobSummary)}
	switch v.State {
	case schedule.Finished:
		j.ApplicationStatus = "SUCCEEDED"
	case schedule.Canceled:
		j.ApplicationStatus = "CANCELED"
	default:
		j.ApplicationStatus = "FAILED"
	}
	if v.Cause != nil {
		j.FailureCause = causeOf("JobFailure", v.Cause)
	}
	return &restapi.ExecutionResult{Status: restapi.OperationStatus{ID: restapi.Completed}, Result: j}
}

func (s *Server) cancel(r *http.Request) (*restapi.Empty, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	switch mode := r.URL.Query().Get("mode"); mode {
	case "", "cancel", finishMode:
	case "stop":
		return nil, refusal{http.StatusPermanentRedirect, "a job is stopped by POST /jobs/" + v.ID + "/stop"}
	default:
		return nil, badRequest("Bad request, could not parse parameters: Cannot resolve query parameter (mode) "+
			"from value %q.", mode)
	}
	if v.State.Done() && v.State != schedule.Canceled {
		return nil, refusal{http.StatusConflict, "Job " + v.ID + " has ended: it is " + string(v.State)}
	}
	how := jobmanager.CancelJob
	if r.URL.Query().Get("mode") == finishMode {
		how = jobmanager.FinishJob
	}
	return none, s.m.Cancel(v.ID, how)
}

// finishMode is ours: it ends the input of the job's sources.
const finishMode = "finish"
