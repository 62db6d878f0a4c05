package rest

import (
	"errors"
	"net/http"
	"slices"

	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/internal/schedule"
)

func (s *Server) requirements(r *http.Request) (any, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	all := restapi.ResourceRequirements{}
	for i := range v.Vertices {
		b := v.Scaling.Bounds[i]
		all[vertexID(&v.Vertices[i].Vertex)] = restapi.VertexRequirements{
			Parallelism: restapi.ParallelismBounds{Lower: b.Lower, Upper: b.Upper},
		}
	}
	return all, nil
}

// setRequirements changes the bounds of vertices; as in Flink, all of them must be given.
func (s *Server) setRequirements(r *http.Request) (any, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	var in restapi.ResourceRequirements
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	bounds := make([]jobmanager.Bounds, len(v.Vertices))
	for i := range v.Vertices {
		id := vertexID(&v.Vertices[i].Vertex)
		b, ok := in[id]
		if !ok {
			return nil, badRequest("the requirements have no vertex %s (%q)", id, v.Vertices[i].Name)
		}
		delete(in, id)
		bounds[i] = jobmanager.Bounds{Lower: b.Parallelism.Lower, Upper: b.Parallelism.Upper}
	}
	for id := range in {
		return nil, badRequest("the job has no vertex %s", id)
	}
	return nothing, scalingError(s.m.SetBounds(v.ID, bounds))
}

// scalingError is what is wrong with a request, as far as the job is known.
func scalingError(err error) error {
	for _, known := range []error{jobmanager.ErrUnknownJob, jobmanager.ErrEnded, jobmanager.ErrSuspended, jobmanager.ErrRecovering} {
		if errors.Is(err, known) {
			return err
		}
	}
	if err == nil {
		return nil
	}
	return badRequest("%v", err)
}

func (s *Server) rescale(r *http.Request) (any, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	var in restapi.RescaleRequest
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Parallelism < 1 && len(in.Vertices) == 0 {
		return nil, badRequest("name a parallelism of at least 1, or vertices")
	}
	if _, err := s.m.Rescale(v.ID, in.Parallelism, in.Vertices); err != nil {
		return nil, scalingError(err)
	}
	if v, err = s.m.View(v.ID); err != nil {
		return nil, err
	}
	return scalingOf(v), nil
}

func (s *Server) scaling(r *http.Request) (any, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	return scalingOf(v), nil
}

var schedulers = map[schedule.SchedulerMode]string{
	schedule.DefaultScheduler: "Default", schedule.AdaptiveScheduler: "Adaptive", schedule.ReactiveScheduler: "Reactive",
}

func scalingOf(v *jobmanager.JobView) restapi.Scaling {
	all := restapi.Scaling{
		Scheduler: schedulers[v.Scaling.Mode], Settled: v.State == schedule.Running, Reason: v.Scaling.Reason,
		Refused: v.Scaling.Refused, Explained: v.Scaling.Explained, Waits: v.Waits, Rescales: v.Scaling.Rescales, Vertices: []restapi.VertexScaling{},
	}
	for _, d := range v.Scaling.Decisions {
		all.Decisions = append(all.Decisions, restapi.ScalingDecision{Timestamp: d.At / 1e6, From: d.From, To: d.To, Reasons: d.Reasons})
	}
	for i := range v.Vertices {
		x, b := &v.Vertices[i], v.Scaling.Bounds[i]
		all.Vertices = append(all.Vertices, restapi.VertexScaling{
			ID: vertexID(&x.Vertex), Name: x.Name, Parallelism: x.Parallelism, Lower: b.Lower, Upper: b.Upper,
		})
		all.Settled = all.Settled && x.Parallelism == b.Upper && !slices.ContainsFunc(x.Subtasks, func(t jobmanager.SubtaskView) bool {
			return t.State != jobmanager.TaskRunning && t.State != jobmanager.TaskFinished
		})
	}
	return all
}
