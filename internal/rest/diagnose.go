package rest

import (
	"net/http"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/diagnose"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/restapi"
)

func nameOf(v *jobmanager.JobView, vertex int) restapi.VertexName {
	x := &v.Vertices[vertex].Vertex
	return restapi.VertexName{ID: vertexID(x), Name: x.Name}
}

func (s *Server) bottleneck(r *http.Request) (*restapi.Bottleneck, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	out := bottleneckOf(v)
	return &out, nil
}

func bottleneckOf(v *jobmanager.JobView) restapi.Bottleneck {
	b := diagnose.FindBottleneck(v)
	out := restapi.Bottleneck{Limit: string(b.Limit), Subtask: b.Subtask, Text: b.Text, Evidence: append([]string{}, b.Evidence...), Advice: b.Advice}
	if b.Vertex >= 0 {
		at := nameOf(v, b.Vertex)
		out.Vertex = &at
	}
	return out
}

func (s *Server) explainWatermark(r *http.Request) (*restapi.WatermarkExplanation, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	vertex := -1
	if id := r.URL.Query().Get("vertex"); id != "" {
		if !hex32.MatchString(id) {
			return nil, badRequest("Bad request, could not parse parameters: Cannot resolve query parameter (vertex) from value %q.", id)
		}
		for i := range v.Vertices {
			if vertexID(&v.Vertices[i].Vertex) == strings.ToLower(id) {
				vertex = i
			}
		}
		if vertex < 0 {
			return nil, notFound("JobVertex %s not found", id)
		}
	}
	now := time.Now()
	out := watermarkExplained(v, vertex, now)
	out.Now = now.UnixMilli()
	return &out, nil
}

// watermarkExplained is without the time at which it is so.
func watermarkExplained(v *jobmanager.JobView, vertex int, now time.Time) restapi.WatermarkExplanation {
	w := diagnose.ExplainWatermark(v, vertex, now)
	out := restapi.WatermarkExplanation{
		Hold: string(w.Hold), Chain: []restapi.WatermarkLink{}, At: w.At, Split: w.Split, Text: w.Text, Advice: w.Advice,
	}
	for _, l := range w.Chain {
		link := restapi.WatermarkLink{Vertex: nameOf(v, l.Vertex), Subtask: l.Subtask, Since: l.Since.UnixMilli()}
		if l.Watermark != diagnose.None {
			link.Watermark = &l.Watermark
		}
		out.Chain = append(out.Chain, link)
	}
	if len(out.Chain) > 0 {
		out.Watermark = out.Chain[0].Watermark
	}
	return out
}

// diagnosisOf is what followers of a job are told.
func diagnosisOf(v *jobmanager.JobView, now time.Time) restapi.Diagnosis {
	b, w := bottleneckOf(v), watermarkExplained(v, -1, now)
	return restapi.Diagnosis{
		Limit: b.Limit, Vertex: b.Vertex, Bottleneck: b.Text, Evidence: b.Evidence, BottleneckAdvice: b.Advice,
		Hold: w.Hold, Watermark: w.Text, WatermarkAdvice: w.Advice,
	}
}
