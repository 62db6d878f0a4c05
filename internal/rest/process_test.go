package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
)

func TestProcesses(t *testing.T) {
	build, options := counted(t, 0)
	s := newSite(t, rest.Options{}, build, options...)
	s.Join("tm/1", 2)
	job := s.Submit(nil)
	t.Cleanup(func() { over(s, job) })
	var all restapi.Processes
	s.Until("the processes", func() bool {
		s.must(200, "GET", "/flott/processes", "", &all)
		return len(all.Processes) == 3
	})
	worker := all.Processes[2]
	if worker.Kind != "worker" || worker.JobID != job || worker.JobName != t.Name() || worker.TaskManagerID != "tm/1" || !strings.HasPrefix(worker.Name, job[:8]) {
		t.Errorf("the worker is %+v", worker)
	}
	var set restapi.LogLevel
	s.must(200, "PUT", "/flott/processes/tm%2F1/log-level", `{"level":"debug"}`, &set)
	s.must(200, "PUT", "/flott/processes/jobmanager/log-level", `{"level":"WARN"}`, nil)
	s.must(200, "GET", "/flott/processes", "", &all)
	var got []string
	for _, p := range all.Processes {
		got = append(got, fmt.Sprintf("%s %s", p.Kind, p.LogLevel))
	}
	if text := strings.Join(got, ", "); set.Level != "DEBUG" || text != "jobmanager WARN, taskmanager DEBUG, worker DEBUG" {
		t.Errorf("the levels are %s; it is answered that one is %s", text, set.Level)
	}
	for body, want := range map[string]string{
		`{"level":"loud"}`: `\"loud\" is no log level: use debug, info, warn or error`, `{}`: `\"\" is no log level`, `{"level":1}`: "could not be parsed",
	} {
		if a := s.ask("PUT", "/flott/processes/jobmanager/log-level", body); a.status != 400 || !strings.Contains(a.text, want) {
			t.Errorf("%s: %d %s", body, a.status, a.text)
		}
	}
	if a := s.ask("PUT", "/flott/processes/nobody/log-level", `{"level":"info"}`); a.status != 404 || !strings.Contains(a.text, "GET /flott/processes has those that there are") {
		t.Errorf("a process that there is not: %d %s", a.status, a.text)
	}
}

// over ends a job, before the directory goes that it writes to.
func over(s *site, job string) {
	if err := s.Manager.Cancel(job, jobmanager.CancelJob); err == nil {
		_ = s.Wait(job)
	}
}
