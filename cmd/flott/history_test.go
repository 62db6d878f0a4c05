package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/launch"
)

// TestHistoryOfProcesses: flott history shows a job that has ended the same of the JobManager that ran it, of its archive without
// one, and of a JobManager that is started anew. An archive that is cut off is reported by its name.
func TestHistoryOfProcesses(t *testing.T) {
	f := flott{t, t.TempDir()}
	dir, archives := t.TempDir(), filepath.Join(t.TempDir(), "archives")
	start := func() {
		f.run("cluster", "start", "--taskmanagers", "1", "-D", "taskmanager.numberOfTaskSlots=4", "-D", "rest.port=0",
			"-D", "jobmanager.rpc.port=0", "-D", "jobmanager.archive.fs.dir="+archives)
	}
	start()
	defer f.run("cluster", "stop")
	job := f.command(jobVariable, dir)
	job.Env = append(job.Env, launch.JobManagerVariable+"="+f.url(), rateVariable+"=1000000")
	if out, err := job.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files := func() []string {
		all, err := filepath.Glob(archives + "/[0-9]*.json")
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	f.until("an archive", func() bool { return len(files()) == 1 })
	list, shown, object := f.run("history"), f.run("history", "counts"), f.run("history", "--json", "counts")
	if !strings.Contains(list, "counts  FINISHED") {
		t.Errorf("the jobs are\n%s", list)
	}
	for _, want := range []string{"counts  FINISHED\nbegan ", "restarts 0, rescales 0", "RECORDS IN", "100000", "checkpoints: ", "file://" + dir} {
		if !strings.Contains(shown, want) {
			t.Errorf("there is no %q in\n%s", want, shown)
		}
	}
	var d pastDetails
	if err := json.Unmarshal([]byte(object), &d); err != nil {
		t.Fatal(err)
	}
	if d.Name != "counts" || d.State != client.Finished || len(d.Vertices) != 2 || d.Vertices[1].RecordsIn != jobRecords ||
		d.Checkpoints.Completed == 0 || len(d.Checkpoints.Last) == 0 || d.Cause != "" {
		t.Errorf("it is %s", object)
	}
	f.run("cluster", "stop")
	same := func(what string, args ...string) {
		t.Helper()
		for want, command := range map[string][]string{list: nil, shown: {"counts"}, object: {"--json", d.ID[:9]}} {
			if got := f.run(append(append([]string{"history"}, args...), command...)...); got != want {
				t.Errorf("%s: flott history %s prints\n%s\nwant\n%s", what, command, got, want)
			}
		}
	}
	same("the archive", "--archive", archives)
	start()
	same("another JobManager")

	text, err := os.ReadFile(files()[0])
	if err == nil {
		err = os.WriteFile(files()[0], text[:len(text)/2], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out := f.run("history", "--archive", archives); !strings.Contains(out, files()[0]) || !strings.Contains(out, "No job has ended.") {
		t.Errorf("with a damaged archive it prints\n%s", out)
	}
	for given, want := range map[string]string{
		"history --archive " + archives + " counts": `no job "counts" has ended here`,
		"history --archive " + dir + "/nowhere":     "is no directory with archives",
	} {
		out, err := f.command(flottVariable, "1", strings.Fields(given)...).CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte(want)) {
			t.Errorf("flott %s: %v, %s; want %q", given, err, out, want)
		}
	}
}

// TestHistoryPrintsWhatHasFailed: failures and checkpoints that failed are printed with their texts.
func TestHistoryPrintsWhatHasFailed(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	d := pastDetails{
		pastJob: pastJob{ID: "1f", Name: "orders", State: client.Failed, Began: at, Ended: at.Add(time.Minute)}, Cause: "disk full",
		Restarts: 3, Vertices: []pastVertex{{Name: "source", Parallelism: 2, State: client.Failed, RecordsOut: 7, Busy: 1500}},
		Checkpoints: &pastCheckpoints{Failed: 1, Last: []pastCheckpoint{{ID: 4, Savepoint: true, Status: "FAILED", Triggered: at, Failure: "too late"}}},
		Failures:    []pastFailure{{At: at, Text: "a worker is gone"}},
	}
	got := captured(t, func() error { return printed(false, d, d.print) })
	const want = `1f  orders  FAILED
began 2026-01-02 03:04:05, ended 2026-01-02 03:05:05, took 1m0s, restarts 3, rescales 0
disk full

VERTEX  PARALLELISM  STATE   RECORDS IN  RECORDS OUT  BUSY  BACKPRESSURED
source  2            FAILED  0           7            1.5s  0s

checkpoints: 0 completed, 1 failed, 0 times restored
CHECKPOINT  KIND       STATUS  AT                   TOOK  BYTES  WHERE
4           savepoint  FAILED  2026-01-02 03:04:05  0s    0      too late

2026-01-02 03:04:05  a worker is gone
`
	if got != want {
		t.Errorf("it is\n%s\nwant\n%s", got, want)
	}
}

// TestHistoryOptions: what is configured is what a JobManager does.
func TestHistoryOptions(t *testing.T) {
	var c config.Configuration
	if got := historyOptions(&c); got != (jobmanager.History{}) {
		t.Errorf("without options it is %+v", got)
	}
	for key, value := range map[string]string{
		"historyserver.archive.fs.dir": "s3://bucket/jobs", "historyserver.archive.retained-jobs": "7", "historyserver.archive.retained-ttl": "2 d",
	} {
		if err := c.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	want := jobmanager.History{Directory: "s3://bucket/jobs", Jobs: 7, Age: 48 * time.Hour}
	if got := historyOptions(&c); !reflect.DeepEqual(got, want) {
		t.Errorf("it is %+v, want %+v", got, want)
	}
}
