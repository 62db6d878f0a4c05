package launch_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/process"
	"github.com/flott-dev/flott/internal/taskmanager"
	"github.com/flott-dev/flott/internal/wire"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// stagesVariable makes the test binary run the job of TestStages in the directory that it names, and
// taskManagerVariable a TaskManager.
const (
	stagesVariable      = "FLOTT_TEST_STAGES"
	taskManagerVariable = "FLOTT_TEST_TASKMANAGER"
)

const (
	stageParallelism = 3
	stageRecords     = 60_000
	stageKeys        = 997
)

// pass hands records on. Each time that a subtask of a stage begins it writes a line to the file
// "began" in dir, and then waits until there is no file "hold-" of the stage.
func pass[T any](in *stream.Stream[T], dir string, stage int) *stream.Stream[T] {
	return stream.Open(in, func(t *stream.Task) (func(T) (T, error), error) {
		f, err := os.OpenFile(filepath.Join(dir, "began"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if _, err := fmt.Fprintf(f, "stage %d subtask %d\n", stage, t.Subtask); err != nil {
			return nil, err
		}
		for {
			if _, err := os.Stat(filepath.Join(dir, fmt.Sprint("hold-", stage))); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		return func(v T) (T, error) { return v, nil }, nil
	})
}

type stageCount struct{ Key, N, Sum int64 }

// stagesJob has three stages: numbers, their counts by key, and the sums of those by the key's last digit.
func stagesJob(dir string) *stream.Env {
	env := stream.NewEnv(stream.Parallelism(stageParallelism), stream.MaxParallelism(16),
		stream.RuntimeMode(stream.Batch), stream.Restart(stream.FixedDelay(1000, 0)))
	numbers := pass(stream.From(env, datagen.Source(func(n int64) int64 { return n },
		datagen.Options{Count: stageRecords})), dir, 1)
	counts := pass(stream.Reduce(stream.KeyBy(
		stream.Map(numbers, func(v int64) stageCount { return stageCount{v % stageKeys, 1, v} }),
		func(c stageCount) int64 { return c.Key }), addCounts), dir, 2)
	sums := stream.Reduce(stream.KeyBy(
		stream.Map(counts, func(c stageCount) stageCount { return stageCount{c.Key % 10, c.N, c.Sum} }),
		func(c stageCount) int64 { return c.Key }), addCounts)
	lines := pass(stream.Map(sums, func(c stageCount) string { return fmt.Sprintln(c.Key, c.N, c.Sum) }), dir, 3)
	lines.To(file.Sink(filepath.Join(dir, "out"), file.EncodeLines(strings.TrimSpace), file.SinkOptions[string]{}))
	return env
}

func addCounts(a, b stageCount) stageCount { return stageCount{a.Key, a.N + b.N, a.Sum + b.Sum} }

func runStagesJob(dir string) error {
	return launch.Run(context.Background(), stagesJob(dir), "stages")
}

// runTaskManager is the life of a TaskManager: the variable has its directory, those of the JobManager and
// of artifacts, and its name.
func runTaskManager(text string) error {
	v := strings.Split(text, "|")
	artifacts, err := process.OpenArtifacts(v[2], 0, clock.System{})
	if err != nil {
		return err
	}
	return taskmanager.Run(context.Background(), taskmanager.Options{
		ID: v[3], JobManager: v[1], Host: "127.0.0.1", Slots: 1, Dir: v[0], Artifacts: artifacts,
	}, time.Second)
}

// stageCluster is a JobManager here and TaskManagers as processes of their own, with one slot each.
type stageCluster struct {
	*testing.T
	dir      string
	m        *jobmanager.Manager
	address  string
	hash     process.Hash
	managers map[string]*exec.Cmd
	id       string

	job      func(dir string) *stream.Env
	variable string                 // makes the test binary run it
	prepare  func(dir string) error // writes what it reads
	lines    int                    // that it writes
}

func newStageCluster(t *testing.T, managers ...string) *stageCluster {
	c := &stageCluster{
		T: t, dir: t.TempDir(), managers: map[string]*exec.Cmd{}, id: fmt.Sprintf("%032x", 9),
		job: stagesJob, variable: stagesVariable, prepare: func(string) error { return nil }, lines: 10,
	}
	c.m = jobmanager.New(jobmanager.Options{Wire: wire.Options{Name: "jobmanager"}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.address = l.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() { _ = c.m.Serve(l) })
	t.Cleanup(func() {
		for _, id := range slices.Collect(keysOf(c.managers)) {
			c.killManager(id)
		}
		c.m.Close()
		l.Close()
		wg.Wait()
	})
	artifacts, err := process.OpenArtifacts(filepath.Join(c.dir, "artifacts"), 0, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	c.hash = putSelf(t, artifacts)
	for _, id := range managers {
		c.startManager(id, id)
	}
	return c
}

func keysOf[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// startManager starts a TaskManager in a directory.
func (c *stageCluster) startManager(id, in string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), taskManagerVariable+"="+strings.Join([]string{
		filepath.Join(c.dir, "managers", in), c.address, filepath.Join(c.dir, "artifacts"), id,
	}, "|"))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	c.managers[id] = cmd
}

func (c *stageCluster) killManager(id string) {
	cmd := c.managers[id]
	delete(c.managers, id)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// file is a path in the cluster's directory.
func (c *stageCluster) file(name string) string { return filepath.Join(c.dir, name) }

func (c *stageCluster) hold(stage int) {
	if err := os.WriteFile(c.file(fmt.Sprint("hold-", stage)), nil, 0o600); err != nil {
		c.Fatal(err)
	}
}

func (c *stageCluster) goOn(stage int) {
	if err := os.Remove(c.file(fmt.Sprint("hold-", stage))); err != nil {
		c.Fatal(err)
	}
}

func (c *stageCluster) submit() {
	plan, settings, err := c.job(c.dir).Plan()
	if err != nil {
		c.Fatal(err)
	}
	err = c.m.Submit(context.Background(), control.Submission{
		ID: c.id, Name: "stages", Graph: plan.JobGraph(),
		Program:  control.Program{Hash: c.hash.String(), Env: []string{c.variable + "=" + c.dir}, Call: 1},
		Settings: control.Settings{Restart: control.NewRestart(settings.Strategy()), Batch: true, Stages: true},
	})
	if err != nil {
		c.Fatal(err)
	}
}

// began is how often subtasks of a stage have begun.
func (c *stageCluster) began(stage int) int {
	data, _ := os.ReadFile(c.file("began"))
	return strings.Count(string(data), fmt.Sprintf("stage %d ", stage))
}

// await waits for something.
func (c *stageCluster) await(what string, is func() bool) {
	c.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if v, err := c.m.View(c.id); err != nil || v.State.Done() || time.Now().After(end) {
			c.Fatalf("%s: %v, the job is %+v", what, err, v)
		}
	}
}

// workers are the processes of workers, by TaskManager.
func (c *stageCluster) workers() map[string]int {
	all := map[string]int{}
	for _, pid := range workersOf(c.T, c.variable, c.dir) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for id, cmd := range c.managers {
			if fields[1] == fmt.Sprint(cmd.Process.Pid) {
				all[id] = pid
			}
		}
	}
	return all
}

func (c *stageCluster) killWorker(manager string) {
	c.Helper()
	pid := 0
	c.await("the worker of "+manager, func() bool { pid = c.workers()[manager]; return pid != 0 })
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		c.Fatal(err)
	}
}

// finish waits for the end of the job, and compares what it has written with what a program alone writes.
func (c *stageCluster) finish() {
	c.Helper()
	j, err := c.m.Job(c.id)
	if err != nil {
		c.Fatal(err)
	}
	select {
	case <-j.Done():
	case <-time.After(2 * time.Minute):
		v, _ := c.m.View(c.id)
		c.Fatalf("the job does not end: %+v", v)
	}
	if err := j.Wait(); err != nil {
		c.Fatal(err)
	}
	alone := c.TempDir()
	if err := c.prepare(alone); err != nil {
		c.Fatal(err)
	}
	if err := launch.Run(context.Background(), c.job(alone), "stages"); err != nil {
		c.Fatal(err)
	}
	if got, want := linesIn(c.T, c.dir), linesIn(c.T, alone); !slices.Equal(got, want) || len(want) < c.lines {
		c.Errorf("on the cluster %d lines, alone %d, the first ones:\n%.1000q\n%.1000q", len(got), len(want), got, want)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		left, _ := filepath.Glob(filepath.Join(c.dir, "managers", "*", "results", "*", "*"))
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			c.Fatalf("results are left: %q", left)
		}
	}
}

func linesIn(t *testing.T, dir string) (lines []string) {
	var parts []string
	for _, pattern := range []string{"part-*", "*/part-*"} {
		files, err := filepath.Glob(filepath.Join(dir, "out", pattern))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, files...)
	}
	for _, p := range parts {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Fields(strings.ReplaceAll(string(data), " ", ","))...)
	}
	slices.Sort(lines)
	return lines
}

// wantBegan checks how often subtasks of the first stages have begun.
func (c *stageCluster) wantBegan(times ...int) {
	c.Helper()
	for i, want := range times {
		if got := c.began(i + 1); got != want {
			c.Errorf("subtasks of stage %d have begun %d times, want %d", i+1, got, want)
		}
	}
}

// TestStages runs a job in stages on fewer slots than it has subtasks, and on as many.
func TestStages(t *testing.T) {
	for n := 1; n <= stageParallelism; n++ {
		t.Run(fmt.Sprint(n, " slots"), func(t *testing.T) {
			c := newStageCluster(t, []string{"tm-1", "tm-2", "tm-3"}[:n]...)
			c.submit()
			c.finish()
			c.wantBegan(stageParallelism, stageParallelism, stageParallelism)
		})
	}
}

// TestStagesKilledWorkers: when workers are killed in a stage, the stages that had ended do not run again.
func TestStagesKilledWorkers(t *testing.T) {
	c := newStageCluster(t, "tm-1", "tm-2", "tm-3")
	c.hold(2)
	c.hold(3)
	c.submit()
	c.await("stage 2", func() bool { return c.began(2) == stageParallelism })
	c.killWorker("tm-1")
	c.await("stage 2 again", func() bool { return c.began(2) == stageParallelism+1 })
	for _, id := range []string{"tm-1", "tm-2", "tm-3"} { // all of them: also the one that had the coordinators
		c.killWorker(id)
	}
	c.await("stage 2 after that", func() bool { return c.began(2) == 2*stageParallelism+1 })
	c.goOn(2)
	c.await("stage 3", func() bool { return c.began(3) == stageParallelism })
	c.killWorker("tm-2")
	c.await("stage 3 again", func() bool { return c.began(3) == stageParallelism+1 })
	c.goOn(3)
	c.finish()
	c.wantBegan(stageParallelism, 2*stageParallelism+1, stageParallelism+1)
	v, err := c.m.View(c.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range v.Vertices[0].Subtasks {
		if len(s.Earlier) > 0 || s.Attempt.State != jobmanager.TaskFinished {
			t.Errorf("a task of the first stage is %v in attempt %d", s.Attempt.State, s.Attempt.Number)
		}
	}
}

// TestStagesKilledTaskManager: what is lost with a TaskManager is made again. Another one that takes its directory over
// removes what is left there.
func TestStagesKilledTaskManager(t *testing.T) {
	c := newStageCluster(t, "tm-1", "tm-2")
	c.hold(2)
	c.submit()
	c.await("stage 2", func() bool { return c.began(2) == 2 })
	c.killManager("tm-2")
	c.startManager("tm-3", "tm-2")
	c.goOn(2)
	c.finish()
	if c.began(1) == stageParallelism {
		t.Error("no subtask of stage 1 has run again")
	}
}

// TestStagesTornResult: a result that is damaged is made again.
func TestStagesTornResult(t *testing.T) {
	c := newStageCluster(t, "tm-1", "tm-2")
	c.hold(2)
	c.submit()
	c.await("stage 2", func() bool { return c.began(2) == 2 })
	files, err := filepath.Glob(filepath.Join(c.dir, "managers", "*", "results", c.id, "*"))
	if err != nil || len(files) != stageParallelism {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 1000); err != nil {
		t.Fatal(err)
	}
	c.goOn(2)
	c.finish()
	if n := c.began(1); n == stageParallelism {
		t.Error("no subtask of stage 1 has run again")
	}
	v, err := c.m.View(c.id)
	if err != nil {
		t.Fatal(err)
	}
	if f := fmt.Sprintf("%+v", v.Failures); !strings.Contains(f, "at TaskManager tm-") || !strings.Contains(f, "it is damaged") {
		t.Errorf("the failures are %s", f)
	}
}
