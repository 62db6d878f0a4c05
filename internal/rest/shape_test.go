package rest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
)

// notServed lists fields of Flink's responses that Flott does not have, since there is nothing true to say.
// The test fails if one of them is served, too.
var notServed = []string{
	"GET /taskmanagers .taskmanagers[].hardware",
	"GET /taskmanagers .taskmanagers[].totalResource.cpuCores",
	"GET /taskmanagers .taskmanagers[].totalResource.managedMemory",
	"GET /taskmanagers .taskmanagers[].totalResource.networkMemory",
	"GET /taskmanagers .taskmanagers[].totalResource.taskOffHeapMemory",
	"GET /taskmanagers .taskmanagers[].freeResource.cpuCores",
	"GET /taskmanagers .taskmanagers[].freeResource.managedMemory",
	"GET /taskmanagers .taskmanagers[].freeResource.networkMemory",
	"GET /taskmanagers .taskmanagers[].freeResource.taskOffHeapMemory",
	"GET /taskmanagers .taskmanagers[].memoryConfiguration.frameworkHeap",
	"GET /taskmanagers .taskmanagers[].memoryConfiguration.frameworkOffHeap",
	"GET /taskmanagers .taskmanagers[].memoryConfiguration.jvmMetaspace",
	"GET /taskmanagers .taskmanagers[].memoryConfiguration.jvmOverhead",
	"GET /taskmanagers .taskmanagers[].memoryConfiguration.managedMemory",
	"GET /taskmanagers .taskmanagers[].memoryConfiguration.networkMemory",
	"GET /taskmanagers .taskmanagers[].memoryConfiguration.taskOffHeap",
	"GET /taskmanagers .taskmanagers[].memoryConfiguration.totalFlinkMemory",
	"GET /taskmanagers .taskmanagers[].memoryConfiguration.totalProcessMemory",
	"GET /taskmanagers/{taskmanagerid} .hardware",
	"GET /taskmanagers/{taskmanagerid} .totalResource.cpuCores",
	"GET /taskmanagers/{taskmanagerid} .totalResource.managedMemory",
	"GET /taskmanagers/{taskmanagerid} .totalResource.networkMemory",
	"GET /taskmanagers/{taskmanagerid} .totalResource.taskOffHeapMemory",
	"GET /taskmanagers/{taskmanagerid} .freeResource.cpuCores",
	"GET /taskmanagers/{taskmanagerid} .freeResource.managedMemory",
	"GET /taskmanagers/{taskmanagerid} .freeResource.networkMemory",
	"GET /taskmanagers/{taskmanagerid} .freeResource.taskOffHeapMemory",
	"GET /taskmanagers/{taskmanagerid} .memoryConfiguration.frameworkHeap",
	"GET /taskmanagers/{taskmanagerid} .memoryConfiguration.frameworkOffHeap",
	"GET /taskmanagers/{taskmanagerid} .memoryConfiguration.jvmMetaspace",
	"GET /taskmanagers/{taskmanagerid} .memoryConfiguration.jvmOverhead",
	"GET /taskmanagers/{taskmanagerid} .memoryConfiguration.managedMemory",
	"GET /taskmanagers/{taskmanagerid} .memoryConfiguration.networkMemory",
	"GET /taskmanagers/{taskmanagerid} .memoryConfiguration.taskOffHeap",
	"GET /taskmanagers/{taskmanagerid} .memoryConfiguration.totalFlinkMemory",
	"GET /taskmanagers/{taskmanagerid} .memoryConfiguration.totalProcessMemory",
	"GET /taskmanagers/{taskmanagerid} .allocatedSlots[].resource.cpuCores",
	"GET /taskmanagers/{taskmanagerid} .allocatedSlots[].resource.managedMemory",
	"GET /taskmanagers/{taskmanagerid} .allocatedSlots[].resource.networkMemory",
	"GET /taskmanagers/{taskmanagerid} .allocatedSlots[].resource.taskOffHeapMemory",
	"GET /taskmanagers/{taskmanagerid} .metrics",
	"GET /jobs/{jobid}/checkpoints .history[].discarded",
	"GET /jobs/{jobid}/checkpoints .latest.completed.discarded",
	"GET /jobs/{jobid}/checkpoints/details/{checkpointid} .discarded",
	"GET /jobs/{jobid}/checkpoints/config .changelog_periodic_materialization_interval",
	"GET /jobs/{jobid}/checkpoints/config .changelog_storage",
	"GET /jobs/{jobid}/checkpoints/config .aligned_checkpoint_timeout",
	"GET /jobs/{jobid}/checkpoints/config .state_backend",
	"GET /jobs/{jobid}/vertices/{vertexid} .aggregated.status-duration.INITIALIZING",
	"GET /jobs/{jobid}/vertices/{vertexid} .subtasks[].status-duration.INITIALIZING",
	"GET /jobs/{jobid}/vertices/{vertexid}/subtasks/{index} .status-duration.INITIALIZING",
	"GET /jobs/{jobid}/vertices/{vertexid}/subtasks/{index}/attempts/{attempt} .status-duration.INITIALIZING",
	"GET /jobs/{jobid}/vertices/{vertexid}/taskmanagers .taskmanagers[].aggregated.status-duration.INITIALIZING",
}

// sometimes lists fields that a response has in some cases only, in Flink as here.
var sometimes = []string{
	"GET /jobs/{jobid} .plan.nodes[].inputs",
	"GET /jobs/{jobid}/checkpoints .history[].external_path", // of completed ones
	"GET /jobs/{jobid}/plan .plan.nodes[].inputs",
}

// notThere lists paths of Flink's that the captured responses have and Flott does not serve.
var notThere = []string{
	"GET /datasets", "GET /jars", "GET /jobmanager/thread-dump",
	"GET /jobs/metrics", "GET /jobs/{jobid}/jobmanager/config", "GET /jobs/{jobid}/jobmanager/environment",
	"GET /jobs/{jobid}/jobmanager/log-url", "GET /jobs/{jobid}/taskmanagers/{taskmanagerid}/log-url",
	"GET /jobs/{jobid}/vertices/{vertexid}/jm-operator-metrics",
	"GET /taskmanagers/metrics", "GET /taskmanagers/{taskmanagerid}/metrics",
	"GET /taskmanagers/{taskmanagerid}/thread-dump",
}

var isID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// compare notes, below a path, what one of Flink's responses has and ours lacks or has of another type. The
// shape is as in testdata/flink.json: a value's place has its type, and the key * stands for any id.
func compare(path string, shape, ours any, differ func(string)) {
	switch shape := shape.(type) {
	case string:
		if got := typeOf(ours); got != shape && shape != "null" && !(shape == "number" && ours == "NaN") &&
			!(shape == "string" && ours == nil) {
			differ(fmt.Sprintf("%s is %s, not %s", path, got, shape))
		}
	case []any:
		list, ok := ours.([]any)
		if !ok {
			differ(fmt.Sprintf("%s is %s, not a list", path, typeOf(ours)))
			return
		}
		for _, item := range list {
			if len(shape) > 0 {
				compare(path+"[]", shape[0], item, differ)
			}
		}
	case map[string]any:
		object, ok := ours.(map[string]any)
		if !ok {
			if ours != nil {
				differ(fmt.Sprintf("%s is %s, not an object", path, typeOf(ours)))
			}
			return
		}
		for key, of := range shape {
			if key == "*" {
				for id, v := range object {
					if !isID.MatchString(id) {
						differ(fmt.Sprintf("%s.%s is not an id", path, id))
					}
					compare(path+".*", of, v, differ)
				}
				continue
			}
			v, ok := object[key]
			if !ok {
				differ(path + "." + key)
				continue
			}
			compare(path+"."+key, of, v, differ)
		}
	}
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case float64:
		return "number"
	case string:
		return "string"
	}
	return fmt.Sprintf("%T", v)
}

// TestShapes compares the responses about a job that runs, has restarted and is stopped in the end with
// those of Flink: each field that Flink has is there, with its type, or is listed.
func TestShapes(t *testing.T) {
	text, err := os.ReadFile("testdata/flink.json")
	if err != nil {
		t.Fatal(err)
	}
	var shapes map[string]any
	if err := json.Unmarshal(text, &shapes); err != nil {
		t.Fatal(err)
	}
	build, options := counted(t, 0)
	log := filepath.Join(t.TempDir(), "jobmanager.log")
	if err := os.WriteFile(log, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, rest.Options{LogFile: log}, build, options...)
	s.Join("tm-1", 1).Logs = map[string]string{"taskmanager.log": "hello\n"}
	s.Join("tm-2", 1)
	id := s.Submit(func(j *control.Submission) { j.Settings.Checkpoints.History = 1 << 16 }) // however long it takes
	completed := func(n int) bool {
		var c restapi.Checkpoints
		s.must(200, "GET", "/jobs/"+id+"/checkpoints", "", &c)
		return c.Counts.Completed > n && c.Latest.Completed != nil
	}
	s.Until("a checkpoint", func() bool { return completed(0) })
	s.Kill()
	var d restapi.JobDetails
	s.Until("it has restarted and reported", func() bool {
		s.must(200, "GET", "/jobs/"+id, "", &d)
		return d.Restarts > 0 && d.Vertices[1].Tasks["RUNNING"] == 2 && d.Vertices[1].Metrics.ReadRecords > 0
	})
	var trigger restapi.Trigger
	s.must(202, "POST", "/jobs/"+id+"/savepoints", "{}", &trigger)
	s.Until("the savepoint", func() bool { return s.operation("/jobs/"+id+"/savepoints/"+trigger.ID) != nil })
	s.Until("a checkpoint", func() bool { return completed(0) })
	var c restapi.Checkpoints
	s.must(200, "GET", "/jobs/"+id+"/checkpoints", "", &c)

	names := strings.NewReplacer("{jobid}", id, "{vertexid}", d.Vertices[1].ID, "{taskmanagerid}", "tm-1",
		"{checkpointid}", fmt.Sprint(c.Latest.Completed.ID), "{index}", "1", "{attempt}", "0")
	triggers := map[string]string{}
	differences := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(shapes)) {
		if slices.Contains(notThere, key) {
			if a := s.ask(strings.Fields(key)[0], names.Replace(strings.Fields(key)[1]), ""); a.status/100 != 4 {
				t.Errorf("%s is listed as not there, but is answered by %d", key, a.status)
			}
			continue
		}
		method, path, _ := strings.Cut(key, " ")
		if method == "PATCH" || strings.HasSuffix(path, "/execution-result") || strings.HasSuffix(path, "/stop") || strings.HasSuffix(path, "{triggerid}") {
			continue // below
		}
		body := ""
		if path == "/savepoint-disposal" {
			body = `{"savepoint-path":"/nowhere"}`
		}
		a := s.ask(method, names.Replace(path), body)
		if a.status/100 != 2 {
			t.Errorf("%s: %d %s", key, a.status, a.text)
			continue
		}
		if shapes[key] == "text" {
			if a.text != "hello\n" {
				t.Errorf("%s: %q", key, a.text)
			}
			continue
		}
		var ours any
		a.into(t, &ours)
		compare(key+" ", shapes[key], ours, func(what string) { differences[what] = true })
		if o, ok := ours.(map[string]any); ok && o["request-id"] != nil {
			triggers[path] = o["request-id"].(string)
		}
	}
	await := func(path, trigger string) {
		key := "GET " + path + "/{triggerid}"
		poll := names.Replace(path) + "/" + trigger
		s.Until(key, func() bool { return s.operation(poll) != nil })
		var ours any
		s.must(200, "GET", poll, "", &ours)
		compare(key+" ", shapes[key], ours, func(what string) {
			t.Logf("%s: %v", what, ours)
			differences[what] = true
		})
	}
	for path, trigger := range triggers {
		await(path, trigger)
	}
	s.must(202, "POST", "/jobs/"+id+"/stop", "{}", &trigger)
	await("/jobs/{jobid}/savepoints", trigger.ID)
	compare("GET /jobs/{jobid}/execution-result ", shapes["GET /jobs/{jobid}/execution-result"],
		s.failed(), func(what string) { differences[what] = true })
	for _, known := range notServed {
		if !differences[known] {
			t.Errorf("%s is listed as not served, but is", known)
		}
		delete(differences, known)
	}
	for _, known := range sometimes {
		delete(differences, known)
	}
	for _, what := range slices.Sorted(maps.Keys(differences)) {
		t.Errorf("Flink has %s", what)
	}
}

// operation is the result of an operation, nil while there is none.
func (s *site) operation(path string) *restapi.Operation {
	s.t.Helper()
	var r restapi.OperationResult
	s.must(200, "GET", path, "", &r)
	if (r.Status.ID == restapi.Completed) != (r.Operation != nil) {
		s.t.Fatalf("operation %+v", r)
	}
	return r.Operation
}

// failed is the execution result of a job that fails.
func (s *site) failed() any {
	id := s.Submit(nil)
	j, err := s.Manager.Job(id)
	if err != nil {
		s.t.Fatal(err)
	}
	j.Cancel()
	_ = s.Wait(id)
	var ours any
	s.must(200, "GET", "/jobs/"+id+"/execution-result", "", &ours)
	return ours
}
