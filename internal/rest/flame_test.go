package rest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/stream"
)

// burn takes time of a CPU.
//
//go:noinline
func burn(v int64, turns int64) int64 {
	for i := range turns {
		v ^= v<<7 + i
	}
	return v
}

//go:noinline
func burnFirst(v int64) int64 { return burn(v, 100_000) }

//go:noinline
func burnSecond(v int64) int64 { return burn(v, 200_000) }

// burning is a job of two vertices that both take time of CPUs.
func burning(env *stream.Env) {
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return burnFirst(n) }, datagen.Options{PerSecond: 3000})).Name("first")
	keyed := stream.KeyBy(numbers, func(v int64) int64 { return v & 63 })
	stream.Scan(keyed, func(c *stream.Ctx[int64, int64], n *int64, v int64) error {
		*n = burnSecond(v)
		c.Emit(*n)
		return nil
	}).Name("second").To(discard.To[int64]())
}

// functions are those of a graph with their samples, and what is wrong with it.
func functions(n restapi.FlameNode, into map[string]int64) error {
	sum := int64(0)
	for _, c := range n.Children {
		sum += c.Value
		if i := strings.LastIndexByte(c.Name, '.'); i >= 0 {
			into[c.Name[i+1:]] += c.Value
		}
		if err := functions(c, into); err != nil {
			return err
		}
	}
	if sum > n.Value || n.Name == "" || !slices.IsSortedFunc(n.Children, func(a, b restapi.FlameNode) int { return strings.Compare(a.Name, b.Name) }) {
		return fmt.Errorf("%q has %d samples, and what it calls %d", n.Name, n.Value, sum)
	}
	return nil
}

// TestFlameGraph: each vertex has the functions that run for it, also those of one of its subtasks, and none of another.
func TestFlameGraph(t *testing.T) {
	s := newSite(t, rest.Options{}, burning, stream.Parallelism(2), stream.MaxParallelism(16))
	s.Join("tm", 2)
	id := s.Submit(nil)
	var job restapi.JobDetails
	s.Until("the job runs", func() bool {
		s.must(200, "GET", "/jobs/"+id, "", &job)
		return job.State == "RUNNING" && job.Vertices[1].Status == "RUNNING"
	})
	graph := func(vertex int, query string) (g restapi.FlameGraph, found map[string]int64) {
		t.Helper()
		s.must(200, "GET", "/jobs/"+id+"/vertices/"+job.Vertices[vertex].ID+"/flamegraph?seconds=1"+query, "", &g)
		found = map[string]int64{}
		if g.Data == nil {
			t.Fatalf("there is no graph: %+v", g)
		}
		if err := functions(*g.Data, found); err != nil {
			t.Error(err)
		}
		if g.Data.Name != "root" || g.Workers != 1 || len(g.Missing) > 0 || g.Millis != 1000 || g.SampleMillis != 10 || time.Since(time.UnixMilli(g.EndTimestamp)) > time.Minute {
			t.Errorf("it has %d samples, %+v", g.Data.Value, g)
		}
		return g, found
	}
	s.Until("samples of both", func() bool {
		_, first := graph(0, "")
		g, second := graph(1, "&type=FULL")
		one, of := graph(1, "&type=ON_CPU&subtaskindex=1")
		if first["burnSecond"] > 0 || second["burnFirst"] > 0 || of["burnFirst"] > 0 {
			t.Fatalf("a vertex has functions of another: %v, %v", first, second)
		}
		return first["burnFirst"] > 0 && second["burnSecond"] > 0 && second["burn"] > 0 && of["burnSecond"] > 0 && g.Data.Value > 0 && one.Data.Value > 0
	})
	path := "/jobs/" + id + "/vertices/" + job.Vertices[0].ID + "/flamegraph"
	for query, want := range map[string]string{
		"?type=OFF_CPU": "400: there are flame graphs of the types ON_CPU", "?seconds=31": "400: CPU time is sampled for at most 30 seconds, not 31",
		"?subtaskindex=2": "404: Invalid subtask index", "?subtaskindex=-1": "400: Bad request",
	} {
		a := s.ask("GET", path+query, "")
		if status, text, _ := strings.Cut(want, ": "); fmt.Sprint(a.status) != status || !strings.Contains(a.text, text) {
			t.Errorf("%s: %d %s", query, a.status, a.text)
		}
	}
	if err := s.Manager.Cancel(id, jobmanager.CancelJob); err != nil {
		t.Fatal(err)
	}
	_ = s.Wait(id)
	var g restapi.FlameGraph
	s.Until("the end of its tasks", func() bool {
		s.must(200, "GET", path, "", &g)
		return g.EndTimestamp == -1
	})
	if g.Data != nil {
		t.Error("a job that has ended has a graph")
	}
}
