package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/ha/etcdtest"
	"github.com/flott-dev/flott/launch"
)

// depose is the name of the JobManager that leads, which is taken from names.
func (f flott) depose(names *[]string) string {
	f.t.Helper()
	for i, name := range *names {
		log, err := os.ReadFile(filepath.Join(f.dir, "flott", "default", "log", name+".log"))
		if err == nil && bytes.Contains(log, []byte("listens for TaskManagers")) {
			*names = slices.Delete(*names, i, i+1)
			return name
		}
	}
	f.t.Fatalf("none of %v leads", *names)
	return ""
}

// workers are the pids of all workers.
func (f flott) workers() (pids []int) {
	for _, pid := range processesOf(f.t, f.dir) {
		environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if bytes.Contains(environ, []byte("FLOTT_WORKER=")) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

var urlPattern = regexp.MustCompile(`https?://\S+`)

// urls are those of all JobManagers that were started.
func (f flott) urls() string {
	return strings.Join(urlPattern.FindAllString(f.status(), -1), ",")
}

// TestKilledLeader kills the JobManager that leads while a job runs. The one that stands by goes on with it: no task
// is restarted, no worker is another one, checkpoints go on. When a worker is killed together with the JobManager, the
// job starts again from its newest checkpoint. In the end each count of each key is there once, and a JobManager that
// starts after all still shows the job.
func TestKilledLeader(t *testing.T) {
	t.Run("directory", func(t *testing.T) {
		testKilledLeader(t, "-D", "high-availability.type=directory")
	})
	t.Run("etcd", func(t *testing.T) {
		server := etcdtest.Start(t, false)
		testKilledLeader(t, "-D", "high-availability.type=etcd", "-D", "high-availability.etcd.endpoints="+server.Address,
			"-D", "high-availability.etcd.lease-timeout=3s")
	})
}

func testKilledLeader(t *testing.T, options ...string) {
	f := flott{t, t.TempDir()}
	dir := t.TempDir()
	options = append(options, "-D", "taskmanager.numberOfTaskSlots=2", "-D", "rest.port=0", "-D", "jobmanager.rpc.port=0",
		"-D", "high-availability.storageDir="+t.TempDir())
	t.Log(f.run(append([]string{"cluster", "start", "--jobmanagers", "3", "--taskmanagers", "2"}, options...)...))
	defer func() {
		t.Log(f.run("cluster", "stop"))
		if left := processesOf(t, f.dir); len(left) > 0 {
			t.Errorf("processes %v are left", left)
		}
	}()
	job := f.command(jobVariable, dir)
	job.Env = append(job.Env, launch.JobManagerVariable+"="+f.urls(), rateVariable+"=10000")
	var said bytes.Buffer
	job.Stdout, job.Stderr = &said, &said
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	step := func(what string) { t.Logf("%v: %s", time.Since(began).Round(time.Millisecond), what) }
	f.until("a checkpoint", func() bool { return f.checkpoints() > 2 })
	step("it runs")
	workers := f.workers()
	names := []string{"jobmanager", "jobmanager-2", "jobmanager-3"}
	kill(t, f.pid(f.depose(&names)))
	f.until("a checkpoint under another JobManager", func() bool { return f.checkpoints() > 2 })
	step("it was taken over")
	if now := f.workers(); !slices.Equal(now, workers) {
		t.Errorf("the workers are %v, were %v", now, workers)
	}
	if info := f.run("info", "counts"); !strings.Contains(info, "restarts 0") {
		t.Error("the job was restarted:", info)
	}
	kill(t, f.pid(f.depose(&names)))
	kill(t, f.workers()[0])
	if err := job.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	step("it has ended")
	wantEachOnce(t, filepath.Join(dir, "out"))
	if list := f.run("list", "-a"); !strings.Contains(list, "FINISHED") {
		t.Error(list)
	}

	kill(t, f.pid(f.depose(&names)))
	last := f.command(flottVariable, "1", append([]string{"jobmanager"}, options...)...)
	if err := last.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = last.Process.Signal(syscall.SIGTERM)
		_ = last.Wait()
	}()
	f.until("the job that has ended", func() bool {
		out, _ := f.command(flottVariable, "1", append([]string{"list", "-a"}, options...)...).CombinedOutput()
		return strings.Contains(string(out), "FINISHED")
	})
}
