package rest_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
)

// stream reads events of a path.
type eventStream struct {
	t    *testing.T
	resp *http.Response
	in   *bufio.Reader
}

func (s *site) follow(path string, change ...func(*http.Request)) *eventStream {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), "GET", s.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range change {
		c(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		s.t.Fatalf("%s: %s, %s", path, resp.Status, resp.Header.Get("Content-Type"))
	}
	return &eventStream{s.t, resp, bufio.NewReader(resp.Body)}
}

// next is the next event, "" at the end.
func (e *eventStream) next() (kind restapi.EventKind, data string, now int64) {
	e.t.Helper()
	for {
		line, err := e.in.ReadString('\n')
		if err != nil {
			return "", "", 0
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			if now, err = strconv.ParseInt(value, 10, 64); err != nil {
				e.t.Fatal(err)
			}
		case "event":
			kind = restapi.EventKind(value)
		case "data":
			data = value
		case "":
			if kind != "" {
				return kind, data, now
			}
		}
	}
}

// until reads until there is an event of a kind for which something holds.
func until[T any](e *eventStream, kind restapi.EventKind, holds func(T) bool) T {
	e.t.Helper()
	for {
		k, data, _ := e.next()
		if k == "" {
			e.t.Fatalf("the stream has ended without %s", kind)
		}
		if k != kind {
			continue
		}
		var v T
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			e.t.Fatalf("%s: %v: %s", k, err, data)
		}
		if holds(v) {
			return v
		}
	}
}

// TestEvents follows a cluster, its job and a vertex of that, over a failure and to the end.
func TestEvents(t *testing.T) {
	build, options := counted(t, 0)
	s := newSite(t, rest.Options{EventInterval: 5 * time.Millisecond}, build, options...)
	cluster := s.follow("/flott/events")
	until(cluster, restapi.ClusterEvent, func(c restapi.ClusterState) bool { return len(c.TaskManagers) == 0 })
	until(cluster, restapi.JobsEvent, func(all []restapi.JobLine) bool { return len(all) == 0 })
	s.Join("tm-1", 2)
	id := s.Submit(nil)
	until(cluster, restapi.ClusterEvent, func(c restapi.ClusterState) bool {
		return len(c.TaskManagers) == 1 && c.SlotsAvailable == 0 && c.TaskManagers[0].Slots[1] == id
	})
	until(cluster, restapi.JobsEvent, func(all []restapi.JobLine) bool { return len(all) == 1 && all[0].Tasks["RUNNING"] == 4 })

	job := s.follow("/flott/jobs/" + id + "/events")
	kind, _, now := job.next()
	if kind != restapi.JobEvent || now < time.Now().Add(-time.Hour).UnixMilli() {
		t.Errorf("the first event is %s at %d", kind, now)
	}
	plan := until(job, restapi.PlanEvent, func([]restapi.PlanVertex) bool { return true })
	if len(plan) != 2 || !plan[0].Source || plan[0].Operators[0].Name != "numbers <1>" || plan[1].Inputs[0].From != plan[0].ID || !plan[1].Sink {
		t.Errorf("plan %+v", plan)
	}
	loads := until(job, restapi.VerticesEvent, func(all []restapi.VertexLoad) bool {
		return all[0].ReadRate != nil && *all[0].ReadRate > 0 && all[1].InRate != nil && *all[1].InRate > 0 && all[1].Busy != nil
	})
	if loads[1].ID != plan[1].ID || len(loads[1].Loads) != 2 || loads[1].Status != "RUNNING" {
		t.Errorf("loads %+v", loads)
	}
	until(job, restapi.CheckpointsEvent, func(c restapi.Checkpoints) bool { return c.Counts.Completed > 1 })

	vertex := s.follow("/flott/jobs/" + id + "/vertices/" + plan[1].ID + "/events")
	until(vertex, restapi.SubtasksEvent, func(all []restapi.SubtaskLoad) bool {
		return len(all) == 2 && all[1].Index == 1 && all[1].TaskManager == "tm-1" && all[1].InRate != nil && all[1].RecordsIn > 0
	})
	s.Kill()
	until(job, restapi.ExceptionsEvent, func(h restapi.ExceptionHistory) bool {
		return slices.ContainsFunc(h.Entries, func(e restapi.Exception) bool { return e.Name == "WorkerLost" })
	})
	until(vertex, restapi.SubtasksEvent, func(all []restapi.SubtaskLoad) bool { return all[0].Attempt > 0 && all[0].Status == "RUNNING" })
	s.must(202, "PATCH", "/jobs/"+id, "", nil)
	until(job, restapi.JobEvent, func(j restapi.JobLine) bool { return j.State == "CANCELED" && j.End > j.Start && j.Restarts > 0 })
	until(cluster, restapi.JobsEvent, func(all []restapi.JobLine) bool { return all[0].State == "CANCELED" })
	s.Away()
	if kind, _, _ := cluster.next(); kind != "" {
		for kind != "" { // what was under way
			kind, _, _ = cluster.next()
		}
	}
	s.Back()
	again := s.follow("/v1/flott/jobs/" + id + "/events")
	until(again, restapi.JobEvent, func(j restapi.JobLine) bool { return j.State == "CANCELED" })
}

// TestEventsRefused: what is not there, and who may not ask, is told so by a status.
func TestEventsRefused(t *testing.T) {
	s := newSite(t, rest.Options{Token: "open sesame"}, few)
	right := header("Authorization", "Bearer open sesame")
	for path, status := range map[string]int{
		"/flott/jobs/" + strings.Repeat("0", 32) + "/events": 404,
		"/flott/jobs/x/events":                               400,
		"/flott/jobs/" + strings.Repeat("0", 32) + "/vertices/" + strings.Repeat("0", 32) + "/events": 404,
	} {
		if a := s.ask("GET", path, "", right); a.status != status {
			t.Errorf("%s: %d %s", path, a.status, a.text)
		}
	}
	if a := s.ask("HEAD", "/flott/events", "", right); a.status != 200 || a.text != "" {
		t.Errorf("HEAD: %d %q", a.status, a.text)
	}
	if a := s.ask("GET", "/flott/events", ""); a.status != 401 {
		t.Errorf("without a token: %d", a.status)
	}
	until(s.follow("/flott/events", right), restapi.ClusterEvent, func(restapi.ClusterState) bool { return true })
}

// TestDashboardFiles: the page is there for everybody, with a policy, and its files stay in caches.
func TestDashboardFiles(t *testing.T) {
	s := newSite(t, rest.Options{Token: "open sesame"}, few)
	page := s.ask("GET", "/", "")
	if page.status != 200 || page.header.Get("Cache-Control") != "no-cache" || page.header.Get("ETag") == "" {
		t.Errorf("the page: %d %v", page.status, page.header)
	}
	policy := page.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") {
			t.Errorf("the policy is %q, without %s", policy, want)
		}
	}
	if strings.Contains(page.text, "<script>") || strings.Contains(page.text, "style=") || strings.Contains(page.text, "<style") {
		t.Errorf("something is inline: %s", page.text)
	}
	again := s.ask("GET", "/", "", header("If-None-Match", page.header.Get("ETag")), header("Accept-Encoding", ""))
	plain := s.ask("GET", "/", "", header("Accept-Encoding", "identity"))
	if again.status != 304 && plain.header.Get("ETag") == page.header.Get("ETag") {
		t.Errorf("again: %d", again.status)
	}
	if a := s.ask("GET", "/", "", header("Accept-Encoding", "identity"), header("If-None-Match", plain.header.Get("ETag"))); a.status != 304 {
		t.Errorf("a page that has not changed: %d", a.status)
	}
	for _, part := range strings.Split(page.text, `"`) {
		if !strings.HasPrefix(part, "assets/") {
			continue
		}
		a := s.ask("GET", "/"+part, "")
		if a.status != 200 || !strings.Contains(a.header.Get("Cache-Control"), "immutable") || a.text == "" {
			t.Errorf("%s: %d %v", part, a.status, a.header)
		}
		if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/css") && !strings.HasPrefix(kind, "text/javascript") && kind != "image/svg+xml" {
			t.Errorf("%s is %s", part, kind)
		}
	}
	if a := s.ask("GET", "/overview", ""); a.status != 401 {
		t.Errorf("what is no page is served without a token: %d", a.status)
	}
	if a := s.ask("POST", "/", ""); a.status != 401 {
		t.Errorf("POST /: %d", a.status)
	}
}
