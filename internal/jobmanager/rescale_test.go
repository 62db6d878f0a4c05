package jobmanager_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/jobmanager/jobmanagertest"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/stream"
)

// running waits until all of a job runs with a parallelism.
func running(t *testing.T, c *jobmanagertest.Cluster, id string, want ...int) *jobmanager.JobView {
	t.Helper()
	var v *jobmanager.JobView
	c.Until(fmt.Sprintf("the job runs with %v", want), func() bool {
		var err error
		if v, err = c.Manager.View(id); err != nil {
			t.Fatal(err)
		}
		var p []int
		tasks := 0
		for _, x := range v.Vertices {
			p = append(p, x.Parallelism)
			tasks += x.Parallelism
		}
		if v.State.Done() {
			t.Fatalf("the job is %v (%v) with parallelism %v, want %v: %+v", v.State, v.Cause, p, want, v.Scaling)
		}
		return slices.Equal(p, want) && v.State == schedule.Running && v.Tasks[jobmanager.TaskRunning] == tasks
	})
	return v
}

// TestRescale: a job goes on with more and with fewer subtasks, and a TaskManager that it does not need any
// more gets its slots back.
func TestRescale(t *testing.T) {
	out := collect.To[string]()
	numbers := hold(t, 60_000, 20_000)
	c := jobmanagertest.New(t, jobmanager.Options{}, numbers.counting(out), stream.Parallelism(2), stream.MaxParallelism(16),
		stream.Checkpoint(20*time.Millisecond), stream.CheckpointDir(filepath.Join(t.TempDir(), "checkpoints")))
	c.Join("tm-1", 2)
	c.Join("tm-2", 2)
	id := c.Submit(nil)
	running(t, c, id, 2, 2)
	for _, n := range []int{4, 1, 3} {
		if _, err := c.Manager.Rescale(id, n, nil); err != nil {
			t.Fatal(err)
		}
		running(t, c, id, n, n)
	}
	c.Until("a slot is free again", func() bool { return c.Manager.Cluster().FreeSlots == 1 })
	to, err := c.Manager.Rescale(id, 0, map[string]int{"Source": 1})
	if err != nil || !slices.Equal(to, []int{1, 3}) {
		t.Fatalf("%v, %v", to, err)
	}
	v := running(t, c, id, 1, 3)
	if v.Restarts != 0 || v.Scaling.Rescales != 4 || len(v.Failures) != 0 {
		t.Errorf("%d restarts, %d rescales, failures %+v", v.Restarts, v.Scaling.Rescales, v.Failures)
	}
	numbers.release()
	if err := c.Wait(id); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, out, 60_000)
}

// TestRescaleWaits: a job that is to have more slots than there are goes on, says what it waits for, and is
// rescaled when they come.
func TestRescaleWaits(t *testing.T) {
	out := collect.To[string]()
	numbers := hold(t, 40_000, 20_000)
	c := jobmanagertest.New(t, jobmanager.Options{}, numbers.counting(out), stream.Parallelism(2), stream.MaxParallelism(16))
	c.Join("tm-1", 2)
	id := c.Submit(nil)
	running(t, c, id, 2, 2)
	if _, err := c.Manager.Rescale(id, 4, nil); err != nil {
		t.Fatal(err)
	}
	if v := running(t, c, id, 2, 2); !strings.Contains(v.Waits, "of 2") {
		t.Errorf("it waits for %q", v.Waits)
	}
	c.Join("tm-2", 2)
	if v := running(t, c, id, 4, 4); v.Waits != "" {
		t.Errorf("it waits for %q", v.Waits)
	}
	for _, tc := range []struct {
		n     int
		named map[string]int
		want  string
	}{
		{0, map[string]int{"Sink": 1, "Source": 2, "Nothing": 1}, `the job has no vertex "Nothing"`},
		{0, map[string]int{"Source": 17}, "17 is above its maximum parallelism 16"},
		{0, map[string]int{"Source": -1}, "which is at least 1"},
	} {
		if _, err := c.Manager.Rescale(id, tc.n, tc.named); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: %v, want %s", tc.named, err, tc.want)
		}
	}
	numbers.release()
	if err := c.Wait(id); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, out, 40_000)
}

// TestAdaptive: a job starts with the slots there are, uses those of a TaskManager that comes, and goes on
// without it.
func TestAdaptive(t *testing.T) {
	out := collect.To[string]()
	numbers := hold(t, 60_000, 20_000)
	c := jobmanagertest.New(t, jobmanager.Options{Adaptive: schedule.AdaptiveConfig{Mode: schedule.AdaptiveScheduler}},
		numbers.counting(out), stream.Parallelism(4), stream.MaxParallelism(16),
		stream.Checkpoint(20*time.Millisecond), stream.Restart(stream.FixedDelay(100, 0)))
	c.Join("tm-1", 1)
	id := c.Submit(nil)
	running(t, c, id, 1, 1)
	more := c.Join("tm-2", 2)
	v := running(t, c, id, 3, 3)
	if !strings.Contains(v.Scaling.Reason, "3 slots, 4 wanted, at least 1") {
		t.Errorf("the reason is %q", v.Scaling.Reason)
	}
	more.Leave()
	running(t, c, id, 1, 1)
	again := c.Join("tm-3", 4)
	running(t, c, id, 4, 4)
	if err := c.Manager.SetBounds(id, []jobmanager.Bounds{{Lower: 1, Upper: 2}, {Lower: 2, Upper: 3}}); err != nil {
		t.Fatal(err)
	}
	running(t, c, id, 2, 3)
	again.Die()
	c.Until("the job waits", func() bool {
		v, err := c.Manager.View(id)
		return err == nil && strings.Contains(v.Waits, "of 1")
	})
	c.Join("tm-4", 1)
	running(t, c, id, 2, 2)
	numbers.release()
	if err := c.Wait(id); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, out, 60_000)
}

// TestLeavesJobThatWaits: a job that has lost slots and waits for others says so, and does not keep a TaskManager that
// wants to leave.
func TestLeavesJobThatWaits(t *testing.T) {
	out := collect.To[string]()
	numbers := hold(t, 60_000, 20_000)
	c := jobmanagertest.New(t, jobmanager.Options{Adaptive: schedule.AdaptiveConfig{Mode: schedule.AdaptiveScheduler}},
		numbers.counting(out), stream.Parallelism(3), stream.MaxParallelism(16), stream.Restart(stream.FixedDelay(100, 0)))
	leaves, dies := c.Join("tm-1", 2), c.Join("tm-2", 1)
	id := c.Submit(nil)
	running(t, c, id, 3, 3)
	if err := c.Manager.SetBounds(id, []jobmanager.Bounds{{Lower: 2, Upper: 3}, {Lower: 2, Upper: 3}}); err != nil {
		t.Fatal(err)
	}
	leaves.Leave() // the job goes on there: it cannot run with one slot
	c.Until("the first is to leave", func() bool { return c.Manager.Cluster().Slots == 1 })
	dies.Die()
	c.Until("the job waits, and the first has left", func() bool {
		v, err := c.Manager.View(id)
		return err == nil && strings.Contains(v.Waits, "needs 2 slots, 0 are free of 0") && c.Manager.Cluster().TaskManagers == 0
	})
	c.Join("tm-3", 3)
	running(t, c, id, 3, 3)
	numbers.release()
	if err := c.Wait(id); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, out, 60_000)
}
