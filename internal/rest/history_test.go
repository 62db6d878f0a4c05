package rest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/jobmanager/jobmanagertest"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/rest/resttest"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/stream"
)

// archivist is a site whose JobManager keeps archives in a directory.
func archivist(t *testing.T, dir string, build func(*stream.Env), options ...stream.Option) *site {
	t.Helper()
	o := jobmanager.Options{History: jobmanager.History{Directory: dir}}
	c := jobmanagertest.New(t, o, build, options...)
	if err := c.Manager.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &site{Site: resttest.Serve(t, c, rest.Options{}), t: t}
}

// all is what can be asked about a job, with the answers but for the times at which they were made.
func (s *site) all(id string) map[string]string {
	s.t.Helper()
	var d restapi.JobDetails
	s.must(200, "GET", "/jobs/"+id, "", &d)
	var c restapi.Checkpoints
	s.must(200, "GET", "/jobs/"+id+"/checkpoints", "", &c)
	names := strings.NewReplacer("{jobid}", id, "{vertexid}", d.Vertices[1].ID, "{checkpointid}", fmt.Sprint(c.History[0].ID),
		"{subtaskindex}", "1", "{attempt}", "0")
	now := regexp.MustCompile(`"now":\d+`)
	answers := map[string]string{}
	for _, r := range rest.Routes() {
		method, path := r.Method, r.Path
		if method == "GET" && strings.Contains(path, "/jobs/{jobid}") && !strings.Contains(path, "{triggerid}") && !strings.HasSuffix(path, "/events") {
			answers[path] = now.ReplaceAllString(s.ask(method, names.Replace(path), "").text, "")
		}
		if method == "GET" && strings.HasSuffix(path, "/metrics") && strings.Contains(path, "{vertexid}") {
			answers[path+"?get"] = s.ask(method, names.Replace(path)+"?get=numRecordsIn,0.numRecordsIn", "").text
		}
	}
	return answers
}

// TestHistory: a JobManager that is started anew answers whatever is asked about jobs that have ended as the one before did, from
// their archives.
func TestHistory(t *testing.T) {
	dir := t.TempDir()
	build, options := counted(t, 0)
	s := archivist(t, dir, build, options...)
	s.Join("tm-1", 2)
	archives := func(n int) func() bool {
		return func() bool {
			files, err := filepath.Glob(dir + "/[0-9]*.json")
			return err == nil && len(files) == n
		}
	}
	// One is restarted, and stopped with a savepoint; one is cancelled; one fails.
	secret := func(j *control.Submission) {
		j.Settings.Checkpoints.History = 1 << 16
		j.Program.Env, j.Program.Args = []string{"PASSWORD=hunter2"}, []string{"hunter2"}
	}
	stopped := s.Submit(secret)
	completed := func(id string) func() bool {
		return func() bool {
			var c restapi.Checkpoints
			s.must(200, "GET", "/jobs/"+id+"/checkpoints", "", &c)
			return c.Latest.Completed != nil
		}
	}
	s.Until("a checkpoint", completed(stopped))
	s.Kill()
	var d restapi.JobDetails
	s.Until("a restart", func() bool {
		s.must(200, "GET", "/jobs/"+stopped, "", &d)
		return d.Restarts > 0 && d.Vertices[1].Tasks["RUNNING"] == 2
	})
	var trigger restapi.Trigger
	s.must(202, "POST", "/jobs/"+stopped+"/stop", "{}", &trigger)
	s.Until("the first archive", archives(1))
	canceled := s.Submit(secret)
	s.Until("a checkpoint", completed(canceled))
	s.must(202, "PATCH", "/jobs/"+canceled, "", nil)
	s.Until("the second archive", archives(2))
	failed := s.Submit(func(j *control.Submission) {
		secret(j)
		j.Settings.Restart = control.Restart{}
	})
	s.Until("a checkpoint", completed(failed))
	s.Kill()
	s.Until("the third archive", archives(3))

	again := archivist(t, dir, build, options...)
	for id, state := range map[string]string{stopped: "FINISHED", canceled: "CANCELED", failed: "FAILED"} {
		s.Until(state, func() bool {
			s.must(200, "GET", "/jobs/"+id, "", &d)
			return d.State == state
		})
		before, after := s.all(id), again.all(id)
		for path, text := range before {
			if after[path] != text {
				t.Errorf("%s of the job that is %s is answered by\n%s\nand was\n%s", path, state, after[path], text)
			}
		}
		if len(before) < 25 {
			t.Errorf("%d things are asked about job %s", len(before), id)
		}
	}
	overviews := s.ask("GET", "/jobs/overview", "").text
	if got := again.ask("GET", "/jobs/overview", "").text; got != overviews {
		t.Errorf("the jobs are\n%s\nand were\n%s", got, overviews)
	}
	if a := again.ask("PATCH", "/jobs/"+failed, ""); a.status != 409 || !strings.Contains(a.text, "has ended") {
		t.Errorf("a job of the archive is cancelled with %d: %s", a.status, a.text)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if text, err := os.ReadFile(dir + "/" + f.Name()); err != nil || strings.Contains(string(text), "hunter2") {
			t.Errorf("archive %s: %v; what the program was started with is in it", f.Name(), err)
		}
	}
}
