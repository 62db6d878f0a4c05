package rest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/stream"
)

// TestHotKeysOfAJob: a key that a third of the records have is told of, at the vertex that gets it and nowhere else, with the
// subtask that gets most. What is kept of the job when it has ended has no keys.
func TestHotKeysOfAJob(t *testing.T) {
	s := newSite(t, rest.Options{}, func(env *stream.Env) {
		numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{PerSecond: 400_000})).Name("numbers")
		stream.Scan(stream.KeyBy(numbers, func(n int64) string {
			if n%3 == 0 {
				return "<b>hot"
			}
			return fmt.Sprint("cold ", n%10_000)
		}), func(*stream.Ctx[string, int64], *int64, int64) error { return nil }).Name("count").To(discard.To[int64]())
	}, stream.Parallelism(2), stream.MaxParallelism(8))
	s.Join("tm-1", 4)
	id := s.Submit(nil)
	var job restapi.JobDetails
	s.must(200, "GET", "/jobs/"+id, "", &job)
	path := func(vertex int) string {
		return "/flott/jobs/" + id + "/vertices/" + job.Vertices[vertex].ID + "/hot-keys"
	}
	var got restapi.HotKeys
	s.Until("a hot key", func() bool {
		s.must(200, "GET", path(1), "", &got)
		return len(got.Keys) > 0 && got.Sampled > 200
	})
	k := got.Keys[0]
	if len(got.Keys) != 1 || k.Key != `"<b>hot"` || k.Share < 0.2 || k.Share > 0.5 || k.AtLeast > k.Share {
		t.Errorf("%+v", got)
	}
	s.Until("more at its subtask", func() bool {
		var v restapi.Vertex
		s.must(200, "GET", "/jobs/"+id+"/vertices/"+job.Vertices[1].ID, "", &v)
		return v.Subtasks[k.Subtask].Metrics.ReadRecords*10 > v.Subtasks[1-k.Subtask].Metrics.ReadRecords*13
	})
	var none restapi.HotKeys
	if s.must(200, "GET", path(0), "", &none); len(none.Keys) > 0 || none.Sampled > 0 {
		t.Errorf("the source has hot keys: %+v", none)
	}
	c, err := client.New(s.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := c.HotKeys(t.Context(), id, job.Vertices[1].ID)
	if err != nil || len(keys) != 1 || keys[0].Key != k.Key || keys[0].Subtask != k.Subtask {
		t.Errorf("%+v, %v", keys, err)
	}
	s.must(202, "PATCH", "/jobs/"+id, "", nil)
	_ = s.Wait(id) // it was cancelled
	v, err := s.Manager.View(id)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v.Vertices)
	if err != nil || strings.Contains(string(text), "hot") {
		t.Errorf("%v: there is a key in %s", err, text)
	}
}
