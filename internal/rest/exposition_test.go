package rest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/exposition"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/stream"
)

// gauges are the values in a scrape, by the name, with " job" if it is that of a job.
func gauges(t *testing.T, text string) map[string]float64 {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	all := map[string]float64{}
	for name, f := range families {
		for _, m := range f.Metric {
			of := name
			for _, l := range m.Label {
				if l.GetName() == "job_name" {
					of += " job"
				}
			}
			all[of] = m.Gauge.GetValue()
		}
	}
	return all
}

// TestScrape: a JobManager tells of itself, the cluster and the jobs that run; of those that have ended it does not.
func TestScrape(t *testing.T) {
	s := newSite(t, rest.Options{}, func(env *stream.Env) {
		stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{PerSecond: 1000})).To(discard.To[int64]())
	}, stream.Parallelism(2), stream.Checkpoint(20*time.Millisecond)) // kept in memory
	s.Join("tm", 4)
	id := s.Submit(nil)
	const completed = "flink_jobmanager_job_numberOfCompletedCheckpoints job"
	var got map[string]float64
	s.Until("a checkpoint", func() bool {
		got = gauges(t, s.ask("GET", "/metrics", "").text)
		return got[completed] > 0 && got["flink_jobmanager_job_lastCheckpointSize job"] > 0
	})
	for name, want := range map[string]float64{
		"flink_jobmanager_taskSlotsTotal": 4, "flink_jobmanager_taskSlotsAvailable": 2, "flink_jobmanager_numRegisteredTaskManagers": 1,
		"flink_jobmanager_numRunningJobs": 1, "flink_jobmanager_job_numRestarts job": 0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v %v, want %v", name, v, ok, want)
		}
	}
	if got["flink_jobmanager_Status_JVM_Memory_Heap_Used"] <= 0 {
		t.Errorf("no memory in %v", got)
	}
	if a := s.ask("GET", "/metrics", ""); !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("the content type is %s", a.header.Get("Content-Type"))
	}
	s.must(202, "PATCH", "/jobs/"+id, "", nil)
	_ = s.Wait(id) // it was cancelled
	got = gauges(t, s.ask("GET", "/metrics", "").text)
	for name := range got {
		if strings.HasSuffix(name, " job") {
			t.Errorf("after its end the job has %s", name)
		}
	}
	if got["flink_jobmanager_numRunningJobs"] != 0 {
		t.Error("a job runs that has ended")
	}
}

// TestScrapeWhileStandingBy: a JobManager that does not lead tells of its process, and does not send Prometheus to the leader.
func TestScrapeWhileStandingBy(t *testing.T) {
	h := rest.New(nil, rest.Options{Leader: func() string { return "http://leader" }}).Handler()
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "http://localhost/metrics", nil)
	h.ServeHTTP(w, r)
	got := gauges(t, w.Body.String())
	if _, leads := got["flink_jobmanager_taskSlotsTotal"]; w.Code != 200 || leads || got["flink_jobmanager_Status_JVM_Threads_Count"] == 0 {
		t.Errorf("%d %v", w.Code, got)
	}
}

// TestTaskManagerAsksWhoComes tries all that a TaskManager serves as strangers, with wrong tokens, and as who may.
func TestTaskManagerAsksWhoComes(t *testing.T) {
	asked := 0
	gather := func(context.Context) []exposition.Scope {
		asked++
		return []exposition.Scope{{Name: "taskmanager", Labels: []exposition.Label{{Name: "job_name", Value: "job"}}, Values: []exposition.Value{{Name: "n", V: 5}}}}
	}
	s := rest.NewMetrics(gather, rest.Options{Token: "the token of the environment", Tokens: openTokens(t, credentials(t))})
	defer s.Close()
	h := s.Handler()
	ask := func(method, path string, change func(*http.Request)) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, "http://localhost"+path, nil)
		change(r)
		h.ServeHTTP(w, r)
		return w
	}
	nothing := func(*http.Request) {}
	var open []string
	for _, r := range rest.TaskManagerRoutes() {
		if r.Role == access.None {
			open = append(open, r.Path)
			continue
		}
		for how, change := range map[string]func(*http.Request){"nothing": nothing, "a wrong token": bearer("the-token-of-the-nobody"), "no bearer": header("Authorization", "Basic "+tokenOf(access.Admin))} {
			if w := ask(r.Method, r.Path, change); w.Code != 401 || asked != 0 {
				t.Errorf("%s with %s: %d %s, asked %d times", r.Path, how, w.Code, w.Body, asked)
			}
		}
		if w := ask(r.Method, r.Path, bearer(tokenOf(r.Role))); w.Code != 200 {
			t.Errorf("%s as %s: %d %s", r.Path, r.Role, w.Code, w.Body)
		}
	}
	if !slices.Equal(open, []string{"/flott/health"}) {
		t.Errorf("anybody may ask for %q", open)
	}
	if w := ask("GET", "/metrics", bearer("the token of the environment")); gauges(t, w.Body.String())["flink_taskmanager_n job"] != 5 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/", "/overview", "/jobs", "/flott/events", "/flott/session", "/index.html", "/assets/x", "/metrics/x"} {
		if w := ask("GET", path, bearer(tokenOf(access.Admin))); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
		if w := ask("GET", path, nothing); w.Code != 401 {
			t.Errorf("%s without a token: %d", path, w.Code)
		}
	}
}
