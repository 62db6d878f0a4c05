package rest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
)

// TestResourceRequirements reads and changes the bounds of a job as Flink's clients do, and rescales it as
// Flott's do.
func TestResourceRequirements(t *testing.T) {
	build, options := counted(t, 0)
	s := newSite(t, rest.Options{}, build, options...)
	s.Join("tm-1", 4)
	id := s.Submit(nil)
	s.Until("the job runs", func() bool { // else its slots decide, not only the bounds
		var d restapi.JobDetails
		s.must(200, "GET", "/jobs/"+id, "", &d)
		return d.State == "RUNNING"
	})
	var all restapi.ResourceRequirements
	path := "/jobs/" + id + "/resource-requirements"
	s.must(200, "GET", path, "", &all)
	body := func(upper int) string {
		var b []string
		for id := range all {
			b = append(b, fmt.Sprintf(`"%s":{"parallelism":{"lowerBound":1,"upperBound":%d}}`, id, upper))
		}
		return "{" + strings.Join(b, ",") + "}"
	}
	s.must(200, "PUT", path, body(3), nil)
	var v restapi.Scaling
	s.Until("the job is rescaled", func() bool {
		s.must(200, "GET", "/flott/jobs/"+id+"/scaling", "", &v)
		return v.Settled && v.Rescales == 1
	})
	for _, x := range v.Vertices {
		if x.Parallelism != 3 || x.Upper != 3 || v.Scheduler != "Default" || !strings.Contains(v.Reason, "the bounds have changed") {
			t.Errorf("%+v", v)
		}
	}
	for _, c := range []struct{ method, path, body, want string }{
		{"PUT", path, body(0), "is no range of parallelism"},
		{"PUT", path, body(100_000), "is above its maximum parallelism"},
		{"PUT", path, "{}", "the requirements have no vertex"},
		{"PUT", path, strings.Replace(body(2), "{", `{"x":{},`, 1), "the job has no vertex x"},
		{"PUT", "/flott/jobs/" + id + "/parallelism", "{}", "name a parallelism"},
		{"PUT", "/flott/jobs/" + id + "/parallelism", `{"vertices":{"x":1}}`, `the job has no vertex \"x\"`},
	} {
		if a := s.ask(c.method, c.path, c.body); a.status != 400 || !strings.Contains(a.text, c.want) {
			t.Errorf("%s %s: %d %s, want %s", c.method, c.body, a.status, a.text, c.want)
		}
	}
	c, err := client.New(s.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	if err := c.Rescale(t.Context(), id, 1, nil); err != nil {
		t.Fatal(err)
	}
	t.Logf("rescaled within %v", time.Since(began))
	if got, err := c.Scaling(t.Context(), id); err != nil || got.Rescales != 2 || got.Vertices[0].Parallelism != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}
