package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// logVariable makes the test binary the program of a job that logs, and whose first attempt fails.
const logVariable = "FLOTT_TEST_LOG"

func logJob() error {
	env := stream.NewEnv(stream.Restart(stream.FixedDelay(1000, time.Millisecond)), stream.Parallelism(2), stream.Checkpoint(50*time.Millisecond))
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{PerSecond: 1000})).Name("numbers")
	stream.Open(numbers, func(task *stream.Task) (func(int64) (int64, error), error) {
		log := task.Logger()
		log.Info("opened")
		return func(v int64) (int64, error) {
			if v == 100 && task.Attempt == 1 {
				return 0, errors.New("a hundred is too much")
			}
			if v%100 == 0 {
				log.Debug("another hundred", "n", v)
			}
			return burn(v), nil
		}, nil
	}).Name("check").To(discard.To[int64]())
	return launch.Run(context.Background(), env, "logs", launch.PassEnvironment(logVariable))
}

// burn takes time of a CPU, for profiles.
//
//go:noinline
func burn(v int64) int64 {
	for i := range int64(1_000_000) {
		v ^= v<<7 + i
	}
	return v
}

func exitWith(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// logsJob starts a cluster that logs JSON, and a job there, which runs until the test ends.
func (f flott) logsJob(more ...string) {
	f.t.Helper()
	f.run(append([]string{
		"cluster", "start", "--log-format", "json", "-D", "taskmanager.numberOfTaskSlots=2", "-D", "rest.port=0", "-D", "jobmanager.rpc.port=0",
	}, more...)...)
	f.t.Cleanup(func() { f.run("cluster", "stop") })
	job := f.command(logVariable, "1")
	job.Env = append(job.Env, launch.JobManagerVariable+"="+f.url())
	var said bytes.Buffer
	job.Stdout, job.Stderr = &said, &said
	if err := job.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		_ = job.Process.Kill()
		_ = job.Wait()
		if f.t.Failed() {
			f.t.Log(said.String())
		}
	})
}

// TestStructuredLogs: a cluster logs objects of JSON and nothing else; what concerns a task has its job, vertex, subtask and attempt; what is
// logged is changed while it runs.
func TestStructuredLogs(t *testing.T) {
	f := flott{t, t.TempDir()}
	f.logsJob()
	// lines has those of a log with a text, as objects.
	lines := func(text string, args ...string) (all []map[string]any) {
		for line := range strings.Lines(f.run(append([]string{"logs"}, args...)...)) {
			if strings.HasPrefix(line, "==> ") {
				continue
			}
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatalf("%s has %q: %v", args, line, err)
			}
			if strings.Contains(line, text) {
				all = append(all, m)
			}
		}
		return all
	}
	f.until("the second attempt", func() bool {
		return strings.Contains(f.run("list", "-a"), "RUNNING") && len(lines("opened", "logs")) >= 3
	})
	attempts := map[any]int{}
	for _, m := range lines(`"opened"`, "logs", "--vertex", "CHECK", "--subtask", "0") {
		if m["job"] != "logs" || len(m["job-id"].(string)) != 32 || !strings.Contains(m["vertex"].(string), "check") || m["subtask"] != 0.0 || m["level"] != "INFO" {
			t.Errorf("a line of user code is %v", m)
		}
		attempts[m["attempt"]]++
	}
	if len(attempts) != 2 || attempts[1.0] != 1 || attempts[2.0] != 1 {
		t.Errorf("the attempts are %v", attempts)
	}
	for where, text := range map[string]string{"jobmanager": "flott: a task has failed", "logs": "flott: the task has failed"} {
		m := lines(text, where, "--job", "logs", "--level", "warn")
		if len(m) == 0 || !strings.Contains(m[0]["error"].(string), "a hundred is too much") || m[0]["attempt"] != 1.0 || m[0]["vertex"] == nil || m[0]["subtask"] == nil {
			t.Errorf("%s: %q is %v", where, text, m)
		}
	}
	m := lines("flott: restarting after a failure", "jobmanager")
	if len(m) != 1 || m[0]["job"] != "logs" || m[0]["job-id"] == nil || m[0]["level"] != "WARN" {
		t.Errorf("the restart is %v", m)
	}
	if all := lines("", "logs", "--level", "debug"); len(all) == 0 || len(lines("another hundred", "logs")) > 0 {
		t.Error("there are lines of a level that is not logged")
	}
	if out := f.run("log-level", "tm-", "debug"); !strings.Contains(out, "logs DEBUG") {
		t.Error(out)
	}
	f.until("a line of the level DEBUG", func() bool { return len(lines("another hundred", "logs", "--level", "debug")) > 0 })
	kill(t, f.worker())
	f.until("another worker", func() bool {
		return strings.Count(f.run("log-level"), "DEBUG") == 2 && len(lines("another hundred", "logs")) > 0
	})
	f.run("log-level", "jobmanager", "error")
	if out := f.run("log-level"); strings.Count(out, "DEBUG") != 2 || !strings.Contains(out, "ERROR") {
		t.Errorf("the levels are\n%s", out)
	}
	if out := f.fails("log-level", "nobody", "debug"); !strings.Contains(out, "there is no process \"nobody\"") {
		t.Error(out)
	}
	if out := f.fails("log-level", "jobmanager", "loud"); !strings.Contains(out, "use debug, info, warn or error") {
		t.Error(out)
	}
	text, err := os.ReadFile(filepath.Join(f.dir, "flott", "default", "log", "taskmanager-1.log"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !json.Valid([]byte(line)) {
			t.Errorf("the TaskManager's log has %q", line)
		}
	}
}

// TestProfiles takes profiles of each process of a cluster with roles: a viewer gets none.
func TestProfiles(t *testing.T) {
	const viewer, operator, admin = "the-token-of-viewers", "the-token-of-operators", "the-token-of-admins"
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte("viewer grafana "+viewer+"\noperator shift "+operator+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FLOTT_TOKEN", admin)
	f := flott{t, t.TempDir()}
	f.logsJob("-D", "security.rest.credentials-file="+path)
	f.until("a worker", func() bool {
		return strings.Count(f.run("log-level"), "\n") == 4 && strings.Contains(f.run("list"), "2/2")
	})
	dir := t.TempDir()
	take := func(args ...string) *profile.Profile {
		t.Helper()
		out := filepath.Join(dir, "out")
		if text := f.run(append([]string{"profile", "-o", out, "-s", "1"}, args...)...); !strings.Contains(text, "go tool pprof -http=: "+out) {
			t.Error(text)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		p, err := profile.ParseData(data)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	t.Setenv("FLOTT_TOKEN", operator)
	for _, process := range []string{"jobmanager", "tm-", "logs"} {
		for _, kind := range []string{"heap", "goroutine"} {
			if p := take("--kind", kind, process); len(p.Sample) == 0 {
				t.Errorf("the profile %s of %s has no samples", kind, process)
			}
		}
	}
	labels := map[string]bool{}
	f.until("samples of both subtasks", func() bool {
		for _, s := range take("logs").Sample {
			for _, l := range s.Location {
				for _, line := range l.Line {
					if strings.HasSuffix(line.Function.Name, ".burn") {
						labels[strings.Join(s.Label["vertex"], "")+" "+strings.Join(s.Label["subtask"], "")] = true
					}
				}
			}
		}
		return labels["numbers -> check -> Sink 0"] && labels["numbers -> check -> Sink 1"]
	})
	if len(labels) != 2 {
		t.Errorf("what user code takes has the labels %v", labels)
	}
	t.Setenv("FLOTT_TOKEN", viewer)
	for _, args := range [][]string{{"profile", "jobmanager", "-o", filepath.Join(dir, "no")}, {"log-level", "jobmanager", "debug"}} {
		if out := f.fails(args...); !strings.Contains(out, "the role operator is needed for this") {
			t.Errorf("a viewer: %s", out)
		}
	}
	t.Setenv("FLOTT_TOKEN", admin)
}
