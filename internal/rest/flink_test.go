package rest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// flinkSite is a site that Flink's own command line is used on.
type flinkSite struct {
	*site
	client *servertest.FlinkClient
}

func newFlinkSite(t *testing.T, o rest.Options, build func(env *stream.Env), options ...stream.Option) *flinkSite {
	s := newSite(t, o, build, options...)
	return &flinkSite{s, servertest.Flink(t, s.URL)}
}

// flink runs a command that is to end with a status, and to print some lines, in order.
func (s *flinkSite) flink(status int, command []string, lines ...string) string {
	s.t.Helper()
	out, got := s.client.Run(s.t, command...)
	rest := out
	for _, line := range lines {
		_, after, ok := strings.Cut(rest, line)
		if !ok {
			s.t.Errorf("flink %v does not print %q where it should:\n%s", command, line, out)
		}
		rest = after
	}
	if got != status {
		s.t.Errorf("flink %v ends with %d, want %d:\n%s", command, got, status, out)
	}
	return out
}

// seldom takes no checkpoint that is not asked for: what is has its place in the history.
var seldom = stream.Checkpoint(time.Hour)

// args are the arguments of a command.
func args(command ...string) []string { return command }

// value is what a command has printed behind a text, up to the end of the line.
func value(t *testing.T, out, behind string) string {
	t.Helper()
	m := regexp.MustCompile(regexp.QuoteMeta(behind) + `(\S+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("there is no %q in\n%s", behind, out)
	}
	return m[1]
}

// running starts a job and waits until all of it runs.
func (s *flinkSite) running() string {
	s.t.Helper()
	id := s.Submit(nil)
	s.Until("it runs", func() bool {
		var d restapi.JobDetails
		s.must(200, "GET", "/jobs/"+id, "", &d)
		return !slices.ContainsFunc(d.Vertices, func(v restapi.JobVertex) bool { return v.Tasks["RUNNING"] < v.Parallelism })
	})
	return id
}

// ends waits for the end of a job, in a state.
func (s *flinkSite) ends(id, state string) {
	s.t.Helper()
	var d restapi.JobStatus
	s.Until("job "+id+" is "+state, func() bool {
		s.must(200, "GET", "/jobs/"+id+"/status", "", &d)
		return d.Status == state
	})
}

// snapshot looks for what a job has taken at a path.
func (s *flinkSite) snapshot(id, path string) *restapi.Checkpoint {
	s.t.Helper()
	if _, err := os.Stat(filepath.Join(strings.TrimPrefix(path, "file://"), "_metadata")); err != nil {
		s.t.Errorf("the savepoint is not there: %v", err)
	}
	var c restapi.Checkpoints
	s.must(200, "GET", "/jobs/"+id+"/checkpoints", "", &c)
	if c.Latest.Savepoint == nil || c.Latest.Savepoint.Path == nil || *c.Latest.Savepoint.Path != path {
		s.t.Fatalf("the last savepoint of the job is %+v, not %s", c.Latest.Savepoint, path)
	}
	return c.Latest.Savepoint
}

// TestFlinkList: flink list shows jobs that run, wait and have ended.
func TestFlinkList(t *testing.T) {
	build, options := counted(t, 0, seldom)
	s := newFlinkSite(t, rest.Options{}, build, options...)
	s.flink(0, args("list"), "No running jobs.", "No scheduled jobs.")
	s.Join("tm-1", 2)
	first := s.running()
	second := s.Submit(nil) // for which there are no slots
	const runs, waits, ended = "--- Running/Restarting Jobs ---", "--- Scheduled Jobs ---", "--- Terminated Jobs ---"
	s.flink(0, args("list"), runs, first+" : TestFlinkList (RUNNING)", waits, second+" : TestFlinkList (CREATED)")
	s.flink(0, args("cancel", first), "Cancelled job "+first+".")
	s.ends(first, "CANCELED")
	s.ends(second, "RUNNING")
	s.flink(0, args("list"), runs, second+" : TestFlinkList (RUNNING)", "No scheduled jobs.")
	s.flink(0, args("list", "-a"), runs, second, "No scheduled jobs.", ended, first+" : TestFlinkList (CANCELED)")
	s.flink(0, args("list", "-s"), "No scheduled jobs.")
}

// TestFlinkSnapshots: flink savepoint and flink checkpoint take what they print, of a job that goes on, and flink savepoint -d
// deletes a savepoint.
func TestFlinkSnapshots(t *testing.T) {
	build, options := counted(t, 0, seldom)
	s := newFlinkSite(t, rest.Options{}, build, options...)
	s.Join("tm-1", 2)
	id := s.running()

	const done = "Savepoint completed. Path: "
	own := value(t, s.flink(0, args("savepoint", id), done), done)
	if c := s.snapshot(id, own); *c.SavepointFormat != "CANONICAL" {
		t.Errorf("its form is %s", *c.SavepointFormat)
	}
	dir := t.TempDir()
	native := value(t, s.flink(0, args("savepoint", "-type", "native", id, dir), done), done)
	if c := s.snapshot(id, native); *c.SavepointFormat != "NATIVE" || !strings.HasPrefix(native, "file://"+dir) {
		t.Errorf("its form is %s, and it is %s, not in %s", *c.SavepointFormat, native, dir)
	}
	const begun = "Successfully trigger manual savepoint, triggerId: "
	trigger := value(t, s.flink(0, args("savepoint", "-detached", id), begun), begun)
	var o *restapi.Operation
	s.Until("the savepoint", func() bool { o = s.operation("/jobs/" + id + "/savepoints/" + trigger); return o != nil })
	s.snapshot(id, o.Location)

	number := value(t, s.flink(0, args("checkpoint", id), "Checkpoint ", " for job "+id+" completed."), "Checkpoint ")
	var c restapi.Checkpoint
	s.must(200, "GET", "/jobs/"+id+"/checkpoints/details/"+number, "", &c)
	if c.Status != "COMPLETED" || c.Savepoint {
		t.Errorf("checkpoint %s is %+v", number, c)
	}
	s.ends(id, "RUNNING")

	s.flink(0, args("savepoint", "-d", own), "Savepoint '"+own+"' disposed.")
	if _, err := os.Stat(strings.TrimPrefix(own, "file://")); !os.IsNotExist(err) {
		t.Errorf("the savepoint is still there: %v", err)
	}
}

// TestFlinkStop: flink cancel -s and flink stop end jobs with the savepoint that they print, and --drain has event time come to
// its end before.
func TestFlinkStop(t *testing.T) {
	var fired atomic.Int64
	dir := t.TempDir()
	build := func(env *stream.Env) {
		numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{PerSecond: 1000})).
			Watermarks(watermark.BoundedMillis(0, func(*int64) int64 { return 0 }))
		hours := stream.KeyBy(numbers, func(v int64) int64 { return v % 2 }).Window(window.Tumbling(time.Hour))
		stream.Map(stream.Aggregate(hours, agg.Count[int64]()), func(r stream.Result[int64, int64]) int64 {
			return fired.Add(1)
		}).To(collect.To[int64]())
	}
	s := newFlinkSite(t, rest.Options{}, build, seldom, stream.CheckpointDir(filepath.Join(dir, "checkpoints")), stream.SavepointDir(filepath.Join(dir, "savepoints")))
	s.Join("tm-1", 1)

	id := s.running()
	const stored = "Savepoint stored in "
	path := value(t, s.flink(0, args("cancel", "-s", dir, id), "Cancelled job "+id+". "+stored), stored)
	s.ends(id, "CANCELED")
	s.snapshot(id, strings.TrimSuffix(path, "."))

	const done = "Savepoint completed. Path: "
	id = s.running()
	path = value(t, s.flink(0, args("stop", id), `Suspending job "`+id+`" with a CANONICAL savepoint.`, done), done)
	s.ends(id, "FINISHED")
	s.snapshot(id, path)
	if n := fired.Load(); n != 0 {
		t.Errorf("%d windows have fired without --drain", n)
	}

	id = s.running()
	path = value(t, s.flink(0, args("stop", "--drain", "-p", filepath.Join(dir, "drained"), "-type", "native", id),
		`Draining job "`+id+`" with a NATIVE savepoint.`, done), done)
	s.ends(id, "FINISHED")
	if c := s.snapshot(id, path); *c.SavepointFormat != "NATIVE" || !strings.HasPrefix(path, "file://"+filepath.Join(dir, "drained")) {
		t.Errorf("the savepoint is %s at %s", *c.SavepointFormat, path)
	}
	if fired.Load() == 0 {
		t.Error("no window has fired with --drain")
	}
}

// TestFlinkErrors: who uses Flink's command line is told what is wrong, be it refused at once or noticed later.
func TestFlinkErrors(t *testing.T) {
	build, options := counted(t, 0, seldom)
	options = append(options, stream.SavepointDir("")) // the last one counts
	s := newFlinkSite(t, rest.Options{}, build, options...)
	s.Join("tm-1", 2)
	id := s.running()
	const unknown = "00000000000000000000000000000000"
	const noDirectory = "no directory for savepoints is given; name one, or set execution.checkpointing.savepoint-dir"
	notThere, taken := filepath.Join(t.TempDir(), "nowhere"), filepath.Join(t.TempDir(), "fíle 😀")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"cancel", "stop", "savepoint", "checkpoint"} {
		s.flink(1, args(command, unknown), "[Job "+unknown+" not found]")
	}
	s.flink(1, args("cancel", "xyz"), `Cannot parse JobID from "xyz"`)
	s.flink(1, args("stop", id), noDirectory)
	s.flink(1, args("savepoint", id), noDirectory)
	s.flink(1, args("savepoint", id, taken), "OperationFailure: ", taken, "not a directory")
	s.flink(1, args("savepoint", "-d", notThere), "OperationFailure: file://"+notThere+" is neither a savepoint nor a checkpoint")
	s.flink(1, args("checkpoint", "-full", id), `checkpointType "FULL" is not there; CONFIGURED is`)
	s.ends(id, "RUNNING")

	s.must(202, "PATCH", "/jobs/"+id+"?mode=cancel", "", nil)
	s.ends(id, "CANCELED")
	s.flink(1, args("stop", "-p", notThere, id), "OperationFailure: the job is CANCELED")
	s.flink(1, args("savepoint", id, notThere), "OperationFailure: the job is CANCELED")
	s.flink(1, args("checkpoint", id), "OperationFailure: the job is CANCELED")
}

// TestFlinkToken: Flink's client shows a token in a header that it is given in its environment.
func TestFlinkToken(t *testing.T) {
	build, options := counted(t, 0, seldom)
	s := newFlinkSite(t, rest.Options{Token: "secret"}, build, options...)
	s.flink(1, args("list"), "[a token is needed: Authorization: Bearer …]")
	s.client.Headers = "Authorization:Bearer secret"
	s.flink(0, args("list"), "No running jobs.")
}
