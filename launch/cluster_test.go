package launch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
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

// clusterVariable makes the test binary run the job of TestKilledWorkers in the directory it names.
const clusterVariable = "FLOTT_TEST_CLUSTER"

const clusterRecords = 200_000

// clusterJob counts numbers by key into files.
func clusterJob(dir string) *stream.Env {
	env := stream.NewEnv(stream.Parallelism(4), stream.MaxParallelism(16),
		stream.Checkpoint(50*time.Millisecond), stream.CheckpointDir(filepath.Join(dir, "checkpoints")),
		stream.Restart(stream.FixedDelay(1000, 0)))
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n },
		datagen.Options{Count: clusterRecords, PerSecond: 40_000}))
	stream.Scan(stream.KeyBy(numbers, func(v int64) int64 { return v % 997 }),
		func(c *stream.Ctx[int64, string], n *int64, _ int64) error {
			*n++
			c.Emit(fmt.Sprintf("%d %d", c.Key(), *n))
			return nil
		}).To(file.Sink(filepath.Join(dir, "out"), file.EncodeLines(func(s string) string { return s }), file.SinkOptions[string]{}))
	return env
}

// TestKilledWorkers kills workers, processes of their own, with SIGKILL while the job runs. In the end the
// visible files hold each count of each key once.
func TestKilledWorkers(t *testing.T) {
	const seed, kills = 1, 5
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	m := jobmanager.New(jobmanager.Options{Wire: wire.Options{Name: "jobmanager"}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg, tms sync.WaitGroup
	wg.Go(func() { _ = m.Serve(l) })
	ctx, stop := context.WithCancel(context.Background())
	defer func() {
		stop()
		tms.Wait()
		m.Close()
		l.Close()
		wg.Wait()
	}()
	artifacts, err := process.OpenArtifacts(filepath.Join(dir, "artifacts"), 0, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	hash := putSelf(t, artifacts)
	for _, id := range []string{"tm-1", "tm-2"} {
		tms.Go(func() {
			err := taskmanager.Run(ctx, taskmanager.Options{
				ID: id, JobManager: l.Addr().String(), Host: "127.0.0.1", Slots: 2, Dir: filepath.Join(dir, id),
				Artifacts: artifacts,
			}, 10*time.Second)
			if err != nil {
				t.Error(err)
			}
		})
	}
	plan, settings, err := clusterJob(dir).Plan()
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("%032x", 7)
	err = m.Submit(ctx, control.Submission{
		ID: id, Name: "killed", Graph: plan.JobGraph(),
		Program: control.Program{Hash: hash.String(), Env: []string{clusterVariable + "=" + dir}, Call: 1},
		Settings: control.Settings{
			Checkpoints: settings.Checkpoints, Restart: control.NewRestart(settings.Strategy()), Directory: settings.Directory,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	j, err := m.Job(id)
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for last := 0; killed < kills && !j.State().Done(); {
		if h := j.Checkpoints(); h.Completed > last+1+rng.IntN(4) {
			if pids := workersOf(t, clusterVariable, dir); len(pids) > 0 {
				last = h.Completed
				pid := pids[rng.IntN(len(pids))]
				if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
					killed++
				}
			}
		}
		select {
		case <-j.Done(): // before it could be killed so often
		case <-time.After(time.Millisecond):
		}
	}
	if killed < 2 {
		t.Fatalf("the job has ended after %d kills and %d checkpoints: %v", killed, j.Checkpoints().Completed, j.Wait())
	}
	select {
	case <-j.Done():
	case <-time.After(2 * time.Minute):
		t.Fatalf("the job does not end; it is %v", j.State())
	}
	if err := j.Wait(); err != nil {
		t.Fatal(err)
	}
	if j.Restarts() == 0 {
		t.Error("no restart")
	}
	wantOnce(t, filepath.Join(dir, "out"), clusterRecords)
}

func putSelf(t *testing.T, a *process.Artifacts) process.Hash {
	self, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	hash, err := process.HashOf(self)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := self.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	stored, err := a.Put(hash, self)
	if err != nil {
		t.Fatal(err)
	}
	stored.Close()
	return hash
}

// workersOf are the processes of workers with a variable that names a directory.
func workersOf(t *testing.T, variable, dir string) (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip("no /proc")
	}
	for _, e := range entries {
		pid := 0
		if _, err := fmt.Sscan(e.Name(), &pid); err != nil {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		all := strings.Split(string(environ), "\x00")
		if slices.Contains(all, variable+"="+dir) &&
			slices.ContainsFunc(all, func(v string) bool { return strings.HasPrefix(v, control.WorkerVariable+"=") }) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// runClusterJob is the program of the workers.
func runClusterJob(dir string) error {
	return launch.Run(context.Background(), clusterJob(dir), "killed")
}
