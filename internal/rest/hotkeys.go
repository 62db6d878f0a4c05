package rest

import (
	"net/http"

	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/restapi"
)

func (s *Server) hotKeys(r *http.Request) (*restapi.HotKeys, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	x, err := s.vertexView(r)
	if err != nil {
		return nil, err
	}
	for i := range v.Vertices {
		if vertexID(&v.Vertices[i].Vertex) == vertexID(&x.Vertex) {
			return hotKeysOf(v, i), nil
		}
	}
	return nil, errNotThere
}

func hotKeysOf(v *jobmanager.JobView, vertex int) *restapi.HotKeys {
	keys, rows := v.HotKeys(vertex)
	out := &restapi.HotKeys{Sampled: rows, Keys: []restapi.HotKey{}}
	for _, k := range keys {
		out.Keys = append(out.Keys, restapi.HotKey{
			Key: k.Text, Subtask: k.Subtask, Share: thousandths(min(1, float64(k.Count)/float64(rows))),
			AtLeast: thousandths(float64(k.Count-k.Error) / float64(rows)),
		})
	}
	return out
}
