package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/rest/resttest"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/stream"
)

// slow is a job of some vertices, none of which has much to do.
func slow(vertices int) func(env *stream.Env) {
	return func(env *stream.Env) {
		for i := range vertices {
			stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{PerSecond: 1})).Name(fmt.Sprint("numbers ", i)).
				To(discard.To[int64]())
		}
	}
}

// BenchmarkAnswers is what answers cost the JobManager, and how long they are: about 100 jobs, and about a job of 50 vertices with 64
// subtasks each. After each of the last ones something has changed, so that nothing is kept.
func BenchmarkAnswers(b *testing.B) {
	many := resttest.New(b, rest.Options{}, slow(1), stream.Parallelism(1))
	many.Join("tm", 100)
	for range 100 {
		many.Submit(nil)
	}
	runs := func(s *resttest.Site, tasks int) {
		s.Until("all tasks run", func() bool {
			running := 0
			for _, j := range s.Manager.Jobs() {
				for state, n := range j.Tasks {
					if state.String() == "RUNNING" {
						running += n
					}
				}
			}
			return running == tasks
		})
	}
	runs(many, 100)
	large := resttest.New(b, rest.Options{}, slow(50), stream.Parallelism(64), stream.MaxParallelism(64), stream.Checkpoint(time.Second))
	large.Join("tm", 64)
	id := large.Submit(nil)
	runs(large, 50*64)
	at := "/jobs/" + id
	for _, x := range []struct {
		name, path string
		of         *resttest.Site
		isKept     bool
	}{
		{"jobs-kept", "/jobs/overview", many, true},
		{"jobs", "/jobs/overview", many, false},
		{"job", at, large, false},
		{"plan", at + "/plan", large, false},
		{"checkpoints", at + "/checkpoints", large, false},
		{"vertex", at + "/vertices/" + vertexOf(b, large, id), large, false},
		{"subtasktimes", at + "/vertices/" + vertexOf(b, large, id) + "/subtasktimes", large, false},
	} {
		b.Run(x.name, func(b *testing.B) {
			server := rest.New(x.of.Manager, rest.Options{})
			h, bytes := server.Handler(), 0
			b.ReportAllocs()
			for b.Loop() {
				if !x.isKept {
					server.Forget()
				}
				w := httptest.NewRecorder()
				r := httptest.NewRequest(http.MethodGet, x.path, nil)
				r.Host = "localhost"
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("%s: %d %s", x.path, w.Code, w.Body)
				}
				bytes = w.Body.Len()
			}
			b.ReportMetric(float64(bytes)/1000, "kB/answer")
		})
	}
}

// vertexOf is the id of a job's first vertex.
func vertexOf(b *testing.B, s *resttest.Site, job string) string {
	b.Helper()
	r, err := http.Get(s.URL + "/jobs/" + job)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	var details restapi.JobDetails
	if err := json.NewDecoder(r.Body).Decode(&details); err != nil {
		b.Fatal(err)
	}
	return details.Vertices[0].ID
}
