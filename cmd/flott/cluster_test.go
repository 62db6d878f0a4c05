package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// The test binary is flott with flottVariable, and the program of a job with jobVariable, which names its
// directory.
const (
	flottVariable = "FLOTT_TEST_FLOTT"
	jobVariable   = "FLOTT_TEST_JOB"
	rateVariable  = "FLOTT_TEST_RATE"
	jobRecords    = 100_000
)

// testJob counts numbers by key into files.
func testJob(dir string) error {
	env := stream.NewEnv(stream.Parallelism(4), stream.MaxParallelism(16), stream.Checkpoint(50*time.Millisecond),
		stream.CheckpointDir(filepath.Join(dir, "checkpoints")), stream.Restart(stream.FixedDelay(1000, 0)))
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n },
		datagen.Options{Count: jobRecords, PerSecond: perSecond()}))
	stream.Scan(stream.KeyBy(numbers, func(v int64) int64 { return v % 997 }),
		func(c *stream.Ctx[int64, string], n *int64, _ int64) error {
			*n++
			c.Emit(fmt.Sprintf("%d %d", c.Key(), *n))
			return nil
		}).To(file.Sink(filepath.Join(dir, "out"), file.EncodeLines(func(s string) string { return s }), file.SinkOptions[string]{}))
	return launch.Run(context.Background(), env, "counts", launch.PassEnvironment(jobVariable, rateVariable))
}

// perSecond is how many numbers the job gets in a second.
func perSecond() int64 {
	if n, err := strconv.ParseInt(os.Getenv(rateVariable), 10, 64); err == nil {
		return n
	}
	return 20_000
}

// flott is a user at a terminal.
type flott struct {
	t   *testing.T
	dir string
}

func (f flott) command(variable, value string, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), variable+"="+value, "XDG_STATE_HOME="+f.dir, "TMPDIR="+f.t.TempDir())
	return cmd
}

// run runs a command of flott and returns what it prints.
func (f flott) run(args ...string) string {
	f.t.Helper()
	cmd := f.command(flottVariable, "1", args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("flott %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

var memoryPattern = regexp.MustCompile(`(?m)^(\S+)\s+(\d+)\s+running`)

// TestClusterOfProcesses starts a cluster as a user does, runs a job, kills a worker and a TaskManager, adds
// another one, and finds each count of each key once. In the end no process is left.
func TestClusterOfProcesses(t *testing.T) {
	f := flott{t, t.TempDir()}
	dir := t.TempDir()
	out := f.run("cluster", "start", "--taskmanagers", "2", "-D", "taskmanager.numberOfTaskSlots=2",
		"-D", "rest.port=0", "-D", "jobmanager.rpc.port=0")
	t.Log(out)
	defer func() {
		t.Log(f.run("cluster", "stop"))
		if left := processesOf(t, f.dir); len(left) > 0 {
			t.Errorf("processes %v are left", left)
		}
	}()
	if again := f.command(flottVariable, "1", "cluster", "start"); again.Run() == nil {
		t.Error("a second cluster of the same name was started")
	}
	job := f.command(jobVariable, dir)
	job.Env = append(job.Env, launch.JobManagerVariable+"="+f.url(), rateVariable+"=5000")
	var said bytes.Buffer
	job.Stdout, job.Stderr = &said, &said
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	f.until("a checkpoint", func() bool { return f.checkpoints() > 2 })
	t.Log(f.run("info", "counts"))
	followed := f.logs()
	kill(t, f.worker())
	done := f.checkpoints()
	f.until("a checkpoint after the end of a worker", func() bool { return f.checkpoints() > done+1 })
	kill(t, f.pid("taskmanager-1"))
	spare := f.command(flottVariable, "1", "taskmanager", "-D", "taskmanager.numberOfTaskSlots=2",
		"-D", "jobmanager.rpc.port="+portOf(f.rpc()))
	if err := spare.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = spare.Process.Signal(syscall.SIGTERM)
		_ = spare.Wait()
	}()
	if err := job.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	t.Log(f.run("list", "-a"))
	if list := f.run("list", "-a"); !strings.Contains(list, "FINISHED") {
		t.Error(list)
	}
	wantEachOnce(t, filepath.Join(dir, "out"))
	if err := <-followed; err != nil {
		t.Error("flott logs -f does not end with its job:", err)
	}
}

// logs looks at the logs of all processes, and follows those of the job until it has ended.
func (f flott) logs() (followed <-chan error) {
	worker := regexp.MustCompile(`==> worker-[0-9a-f]{8}-\d+-\d+ of TaskManager (tm-\w+) <==`).FindStringSubmatch(f.run("logs", "counts"))
	if worker == nil {
		f.t.Fatalf("no logs of workers in %s", f.run("logs", "counts"))
	}
	for _, c := range []struct{ args, want string }{
		{"logs", "flott: the JobManager listens for TaskManagers on"},
		{"logs " + worker[1], "flott: TaskManager " + worker[1] + " offers 2 slots"},
		{"logs -l " + worker[1], "worker-"},
		{"logs -l", "jobmanager.log"},
		{"top -i 100ms", "2 TaskManagers   4 of 4 slots in use"},
		{"top -i 100ms", "counts  RUNNING"},
	} {
		if out := f.run(strings.Fields(c.args)...); !strings.Contains(out, c.want) {
			f.t.Errorf("flott %s: %q, want %q", c.args, out, c.want)
		}
	}
	follow := f.command(flottVariable, "1", "logs", "-f", "counts")
	done := make(chan error, 1)
	if err := follow.Start(); err != nil {
		f.t.Fatal(err)
	}
	go func() { done <- follow.Wait() }()
	return done
}

func (f flott) status() string { return f.run("cluster", "status") }

func (f flott) url() string { return regexp.MustCompile(`https?://\S+`).FindString(f.status()) }

// rpc is the address for TaskManagers.
func (f flott) rpc() string {
	log, err := os.ReadFile(filepath.Join(f.dir, "flott", "default", "log", "jobmanager.log"))
	if err != nil {
		f.t.Fatal(err)
	}
	return strings.TrimSuffix(regexp.MustCompile(`TaskManagers on (\S+),`).FindStringSubmatch(string(log))[1], ",")
}

func (f flott) pid(process string) int {
	for _, m := range memoryPattern.FindAllStringSubmatch(f.status(), -1) {
		if m[1] == process {
			pid, _ := strconv.Atoi(m[2])
			return pid
		}
	}
	f.t.Fatalf("no %s in\n%s", process, f.status())
	return 0
}

// until waits until something holds.
func (f flott) until(what string, holds func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("there is not %s\n%s", what, f.run("list", "-a"))
		}
	}
}

// checkpoints is how many the job has completed.
func (f flott) checkpoints() int {
	c, err := (&clientFlags{JobManager: f.urls()}).client()
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	jobs, err := c.Jobs(context.Background())
	if err != nil || len(jobs) == 0 {
		return 0
	}
	h, err := c.Checkpoints(context.Background(), jobs[0].ID)
	if err != nil {
		return 0
	}
	return h.Completed
}

// worker is the pid of a worker.
func (f flott) worker() int {
	for _, pid := range processesOf(f.t, f.dir) {
		environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if bytes.Contains(environ, []byte("FLOTT_WORKER=")) {
			return pid
		}
	}
	f.t.Fatal("no worker runs")
	return 0
}

// processesOf are the processes that have a directory in their arguments or environment, but this one.
func processesOf(t *testing.T, dir string) (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip("no /proc")
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		args, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		environ, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if bytes.Contains(args, []byte(dir)) || bytes.Contains(environ, []byte(dir)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func wantEachOnce(t *testing.T, dir string) {
	t.Helper()
	seen := map[string]int{}
	parts, _ := filepath.Glob(filepath.Join(dir, "part-*"))
	for _, p := range parts {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			seen[strings.TrimSuffix(line, "\n")]++
		}
	}
	for i := range jobRecords {
		if line := fmt.Sprintf("%d %d", i%997, i/997+1); seen[line] != 1 {
			t.Fatalf("%q is there %d times", line, seen[line])
		}
	}
	if len(seen) != jobRecords {
		t.Errorf("%d different lines, want %d", len(seen), jobRecords)
	}
}

// TestDemo: the demo starts a cluster, kills a worker, and finds that nothing is lost.
func TestDemo(t *testing.T) {
	f := flott{t, t.TempDir()}
	out := f.run("demo", "--seconds", "4", "--rate", "5000")
	t.Log(out)
	for _, want := range []string{"A cluster is ready", "tickets RUNNING", "squares RUNNING", "kill -9", "runs again", "Nothing is lost", "without a gap", "each multiple of 7"} {
		if !strings.Contains(out, want) {
			t.Errorf("the demo does not say %q", want)
		}
	}
}

func portOf(url string) string { return url[strings.LastIndexByte(url, ':')+1:] }
