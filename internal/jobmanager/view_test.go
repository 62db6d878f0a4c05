package jobmanager_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/jobmanager/jobmanagertest"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/stream"
)

func view(t *testing.T, m *jobmanager.Manager, id string) *jobmanager.JobView {
	t.Helper()
	v, err := m.View(id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestViewOfALife looks at a job that waits, runs, loses a worker, goes on and ends.
func TestViewOfALife(t *testing.T) {
	out := collect.To[string]()
	numbers := hold(t, 30_000, 30_000)
	c := jobmanagertest.New(t, jobmanager.Options{}, numbers.counting(out), stream.Parallelism(2),
		stream.MaxParallelism(16), stream.Checkpoint(20*time.Millisecond),
		stream.CheckpointDir(filepath.Join(t.TempDir(), "checkpoints")),
		stream.Restart(stream.FixedDelay(100, 10*time.Millisecond)))
	id := c.Submit(nil)
	var v *jobmanager.JobView
	c.Until("it waits", func() bool {
		v = view(t, c.Manager, id)
		return v.Waits != "" && v.Tasks[jobmanager.TaskScheduled] == 4
	})
	if v.State != schedule.Created {
		t.Errorf("a job without slots is %v, its tasks %v", v.State, v.Tasks)
	}
	c.Join("tm-1", 1)
	c.Join("tm-2", 1)
	c.Until("it runs", func() bool {
		v := view(t, c.Manager, id)
		return v.State == schedule.Running && v.Tasks[jobmanager.TaskRunning] == 4
	})
	if k := c.Manager.Cluster(); k.TaskManagers != 2 || k.Slots != 2 || k.FreeSlots != 0 || k.Jobs[schedule.Running] != 1 {
		t.Errorf("the cluster is %+v", k)
	}
	for _, tm := range c.Manager.TaskManagers() {
		if tm.Slots[0].Holder != id || tm.Host != "here" || tm.Heard.IsZero() {
			t.Errorf("a TaskManager is %+v", tm)
		}
	}
	c.Until("a checkpoint", func() bool { return view(t, c.Manager, id).Checkpoints.Completed > 0 })
	c.Kill()
	c.Until("it has restarted", func() bool {
		v := view(t, c.Manager, id)
		return v.Restarts > 0 && v.Tasks[jobmanager.TaskRunning] == 4
	})
	numbers.release()
	if err := c.Wait(id); err != nil {
		t.Fatal(err)
	}
	v = view(t, c.Manager, id)
	if v.State != schedule.Finished || v.Tasks[jobmanager.TaskFinished] != 4 || v.Ended.IsZero() || v.Cause != nil {
		t.Errorf("at its end: %+v", v.JobSummary)
	}
	if v.RestoredTimes == 0 || v.Restored.ID == 0 {
		t.Errorf("restored %d times, from %+v", v.RestoredTimes, v.Restored)
	}
	if len(v.Failures) == 0 || v.Failures[0].Kind != "WorkerLost" || v.Failures[0].Task == "" ||
		!strings.HasPrefix(v.Failures[0].TaskManager, "tm-") {
		t.Errorf("failures: %+v", v.Failures)
	}
	for _, vertex := range v.Vertices {
		for _, s := range vertex.Subtasks {
			if s.Number == 0 || len(s.Earlier) != s.Number || s.Earlier[0].Entered[jobmanager.TaskRunning] == 0 {
				t.Errorf("attempt %d of %s, before it %+v", s.Number, vertex.Name, s.Earlier)
			}
		}
	}
}

// TestViewHasTheLastCounters compares what tasks have counted with what there was to count.
func TestViewHasTheLastCounters(t *testing.T) {
	out := collect.To[string]()
	c := jobmanagertest.New(t, jobmanager.Options{}, counting(out, 50_000), stream.Parallelism(3), stream.MaxParallelism(16))
	c.Join("tm", 3)
	id := c.Submit(nil)
	if err := c.Wait(id); err != nil {
		t.Fatal(err)
	}
	written, read := int64(0), int64(0)
	v := view(t, c.Manager, id)
	for i, vertex := range v.Vertices {
		for _, s := range vertex.Subtasks {
			if i == 0 {
				written += s.Counters.RecordsOut
			} else {
				read += s.Counters.RecordsIn
			}
		}
	}
	if written != 50_000 || read != 50_000 {
		t.Errorf("%d records written and %d read, of 50,000", written, read)
	}
}

// TestViewsOfFailures looks at jobs that fail and are cancelled.
func TestViewsOfFailures(t *testing.T) {
	c := jobmanagertest.New(t, jobmanager.Options{}, func(env *stream.Env) {
		numbers := stream.From(env, endless())
		stream.Map(numbers, func(v int64) int64 {
			if v == 1000 {
				panic("a thousand is too many")
			}
			return v
		}).To(collect.To[int64]())
	}, stream.Parallelism(1), stream.Restart(stream.NoRestart()))
	c.Join("tm", 1)
	id := c.Submit(nil)
	if c.Wait(id) == nil {
		t.Fatal("the job does not fail")
	}
	v := view(t, c.Manager, id)
	if v.State != schedule.Failed || v.Cause == nil || v.Tasks[jobmanager.TaskFailed] == 0 {
		t.Errorf("it is %v of %v, its tasks %v", v.State, v.Cause, v.Tasks)
	}
	if len(v.Failures) != 1 || v.Failures[0].Kind != "TaskFailure" || !strings.Contains(v.Failures[0].Text, "too many") {
		t.Errorf("failures: %+v", v.Failures)
	}
}

// TestOnlyTheLastJobsAreKept ends more jobs than are kept.
func TestOnlyTheLastJobsAreKept(t *testing.T) {
	c := jobmanagertest.New(t, jobmanager.Options{Keep: 2}, counting(collect.To[string](), 10), stream.Parallelism(1))
	c.Join("tm", 1)
	var ids []string
	for range 4 {
		id := c.Submit(nil)
		if err := c.Wait(id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	c.Until("two are forgotten", func() bool { return len(c.Manager.Jobs()) == 2 })
	if all := c.Manager.Jobs(); all[0].ID != ids[2] || all[1].ID != ids[3] {
		t.Errorf("jobs %+v are left of %v", all, ids)
	}
	if _, err := c.Manager.View(ids[0]); !errors.Is(err, jobmanager.ErrUnknownJob) {
		t.Errorf("a forgotten job: %v", err)
	}
}

// TestViewOfACancelledJob cancels a job that runs, and one that waits.
func TestViewOfACancelledJob(t *testing.T) {
	c := jobmanagertest.New(t, jobmanager.Options{}, func(env *stream.Env) {
		stream.From(env, endless()).To(collect.To[int64]())
	}, stream.Parallelism(1))
	c.Join("tm", 1)
	running := c.Submit(nil)
	c.Until("it runs", func() bool { return view(t, c.Manager, running).State == schedule.Running })
	waiting := c.Submit(func(s *control.Submission) { s.ID = strings.Repeat("f", 32) })
	c.Until("it waits", func() bool { return view(t, c.Manager, waiting).Waits != "" })
	for _, id := range []string{waiting, running} {
		j, err := c.Manager.Job(id)
		if err != nil {
			t.Fatal(err)
		}
		j.Cancel()
		if c.Wait(id) == nil {
			t.Error("a cancelled job finishes")
		}
		v := view(t, c.Manager, id)
		if v.State != schedule.Canceled || v.Waits != "" || v.Tasks[jobmanager.TaskCanceled] != 1 || len(v.Failures) > 0 {
			t.Errorf("cancelled: %+v, failures %+v", v.JobSummary, v.Failures)
		}
	}
}

func endless() connect.Source[int64] {
	return datagen.Source(func(n int64) int64 { return n }, datagen.Options{PerSecond: 20_000})
}
