package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/stream"
)

func TestProfile(t *testing.T) {
	_, options := counted(t, 0)
	busy := func(env *stream.Env) { // so that each profile has samples of it
		stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{})).To(discard.To[int64]())
	}
	s := newSite(t, rest.Options{}, busy, options...)
	s.Join("tm", 2)
	job := s.Submit(nil)
	t.Cleanup(func() { over(s, job) })
	var all restapi.Processes
	s.Until("the processes", func() bool {
		s.must(200, "GET", "/flott/processes", "", &all)
		return len(all.Processes) == 3
	})
	for _, p := range all.Processes {
		for _, kind := range []string{"heap", "goroutine", "cpu?seconds=1"} {
			a := s.ask("GET", "/flott/processes/"+p.Name+"/profiles/"+kind, "")
			kind, _, _ := strings.Cut(kind, "?")
			if want := "attachment; filename=flott-" + p.Name + "-" + kind + ".pb.gz"; a.status != 200 || a.header.Get("Content-Disposition") != want {
				t.Fatalf("%s: %d %s: %s", kind, a.status, a.header.Get("Content-Disposition"), a.text)
			}
			parsed, err := profile.ParseData([]byte(a.text))
			if err != nil {
				t.Fatal(err)
			}
			if kind != "cpu" {
				continue
			}
			labels := 0
			for _, sample := range parsed.Sample {
				if len(sample.Label) > 0 && (sample.Label["job-id"][0] != job || sample.Label["vertex"][0] == "" || sample.Label["subtask"][0] == "") {
					t.Errorf("a sample has the labels %v", sample.Label)
				}
				labels += len(sample.Label)
			}
			if labels == 0 {
				t.Errorf("no sample of %s has labels", p.Name)
			}
		}
	}
	for path, want := range map[string]int{
		"nobody/profiles/heap": 404, "tm/profiles/memory": 404, "tm/profiles/cpu?seconds=61": 400, "tm/profiles/cpu?seconds=0": 400, "tm/profiles/cpu?seconds=x": 400,
	} {
		if a := s.ask("GET", "/flott/processes/"+path, ""); a.status != want || !strings.Contains(a.text, `{"errors":["`) {
			t.Errorf("%s: %d %s", path, a.status, a.text)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	r, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/flott/processes/tm/profiles/cpu?seconds=60", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			resp, err := http.DefaultClient.Do(r)
			if err == nil && resp.StatusCode == http.StatusConflict { // by who looks for that
				resp.Body.Close()
				continue
			}
			over <- err
			return
		}
	}()
	samples := func() bool {
		a := s.ask("GET", "/flott/processes/tm/profiles/cpu?seconds=1", "")
		return a.status == 409 && strings.Contains(a.text, "a CPU profile of the process is being taken")
	}
	s.Until("somebody samples", samples)
	cancel()
	if err := <-over; err == nil {
		t.Error("a request that was given up is answered")
	}
	s.Until("nobody samples", func() bool { return !samples() })
}

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
