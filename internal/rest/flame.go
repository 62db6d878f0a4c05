package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/flame"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/restapi"
)

const (
	// flameSecondsUsual and flameSecondsMost are for how long a vertex is sampled.
	flameSecondsUsual, flameSecondsMost = 5, 30
	// flameShare is the least share of the samples that a function has to be shown, by which an answer has at most some thousand of them.
	flameShare = 0.001
)

// flameGraph samples the CPU time of a vertex.
func (s *Server) flameGraph(r *http.Request) (*restapi.FlameGraph, error) {
	v, err := s.view(r)
	if err != nil {
		return nil, err
	}
	id, err := pathValue(r, "vertexid", hex32)
	if err != nil {
		return nil, err
	}
	x, err := vertexIn(v, id)
	if err != nil {
		return nil, err
	}
	switch r.URL.Query().Get("type") {
	case "", "FULL", "ON_CPU":
	default:
		return nil, badRequest("there are flame graphs of the types ON_CPU, and FULL, which is the same: what waits is not sampled; the profile goroutine of a process has it")
	}
	duration, err := seconds(r, flameSecondsUsual, flameSecondsMost)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{control.JobLabel: v.ID, control.VertexUID: x.Vertex.Operators[0].UID}
	if subtask := r.URL.Query().Get("subtaskindex"); subtask != "" {
		n, err := strconv.Atoi(subtask)
		if err != nil || n < 0 {
			return nil, malformed("subtaskindex", subtask)
		}
		if n >= len(x.Subtasks) {
			return nil, notFound("Invalid subtask index for vertex %s: %d", id, n)
		}
		labels[control.SubtaskLabel] = strconv.Itoa(n)
	}
	if r.Method == http.MethodHead {
		return &restapi.FlameGraph{}, nil
	}
	place := 0
	for vertexID(&v.Vertices[place].Vertex) != strings.ToLower(id) {
		place++
	}
	all, err := s.m.ProfileVertex(r.Context(), v.ID, place, duration)
	if err != nil && !errors.Is(err, jobmanager.ErrEnded) {
		return nil, err
	}
	out := &restapi.FlameGraph{EndTimestamp: restapi.FlameWaiting, Missing: []string{}}
	if len(all) == 0 {
		if v.State.Done() || statusOfAll(countStates(x.Subtasks), x.Parallelism) == jobmanager.TaskFinished.String() {
			out.EndTimestamp = restapi.FlameTerminated
		}
		return out, nil
	}
	var g flame.Graph
	for _, p := range all {
		if p.Err == nil {
			p.Err = g.Add(p.Data, labels)
		}
		if p.Err != nil {
			err = p.Err
			out.Missing = append(out.Missing, p.Err.Error())
			continue
		}
		out.Workers++
	}
	if out.Workers == 0 {
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("the workers of the vertex: %w", err)
		}
		return nil, processError(err)
	}
	root := nodeOf(g.Tree(flameShare))
	out.EndTimestamp, out.Data = s.o.Clock.Now().UnixMilli(), &root
	out.Millis, out.SampleMillis = duration.Milliseconds(), float64(g.Period)/1e6
	return out, nil
}

func nodeOf(n flame.Node) restapi.FlameNode {
	out := restapi.FlameNode{Name: n.Name, Value: n.Samples, Children: []restapi.FlameNode{}}
	for _, c := range n.Callees {
		out.Children = append(out.Children, nodeOf(c))
	}
	return out
}
