package jobmanager

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/schedule"
)

// wide is a graph of vertices of subtasks.
func wide(vertices, subtasks int) *graph.JobGraph {
	g := &graph.JobGraph{}
	for i := range vertices {
		g.Vertices = append(g.Vertices, graph.Vertex{
			Name: fmt.Sprint("v", i), Parallelism: subtasks,
			Operators: []graph.Operator{{UID: fmt.Sprint(i), MaxParallelism: subtasks}},
		})
	}
	return g
}

func deploy(number, attempt int, tasks ...int) schedule.Deploy {
	return schedule.Deploy{Deployments: []schedule.Deployment{{Number: number, Attempt: attempt, Tasks: tasks}}}
}

// TestRecord has two regions live: one fails, and its neighbours are cancelled, the other one finishes.
func TestRecord(t *testing.T) {
	now := clock.NewManual(time.Unix(100, 0))
	r := newRecord(now, wide(2, 2))
	step := func() { now.Advance(time.Second) }
	r.scheduled(deploy(1, 1, 0, 2))
	r.scheduled(deploy(2, 1, 1, 3))
	step()
	for place := range 4 {
		r.deploying(place, fmt.Sprint("tm", place), "address")
	}
	step()
	r.each(1, TaskRunning)
	r.each(2, TaskRunning)
	r.sampled(control.Sample{Place: 1, Attempt: 1, Busy: 10})
	r.sampled(control.Sample{Place: 1, Attempt: 1, Busy: 30, Idle: 5, RecordsIn: 7})
	r.sampled(control.Sample{Place: 1, Attempt: 9, RecordsIn: 1000}) // of another life
	step()
	r.taskFailed(1, 0, errors.New("bad"))
	r.each(1, TaskCanceling)
	r.taskFailed(1, 2, errors.New("worse"))
	r.taskFailed(1, 2, errors.New("worse"))
	r.closed(1, 0, errors.New("bad"))
	r.closed(1, 2, nil)
	r.closed(2, 1, nil)
	want := func(states ...TaskState) *JobView {
		t.Helper()
		v := &JobView{}
		r.view(v)
		for i, s := range states {
			if got := v.Vertices[i/2].Subtasks[i%2].State; got != s {
				t.Errorf("task %d is %v, not %v", i, got, s)
			}
		}
		return v
	}
	v := want(TaskFailed, TaskFinished, TaskCanceled, TaskRunning)
	if len(v.Failures) != 1 || v.Failures[0].Text != "bad" || v.Failures[0].Task != "v0 (1/2)" || v.Failures[0].TaskManager != "tm0" ||
		len(v.Failures[0].Later) != 1 || v.Failures[0].Later[0].Task != "v1 (1/2)" {
		t.Errorf("failures %+v", v.Failures)
	}
	if a := v.Vertices[0].Subtasks[1]; a.Recent != (Load{Busy: 20, Idle: 5}) || a.Marked != time.Unix(102, 0).UnixNano() || a.Counters.RecordsIn != 7 {
		t.Errorf("counters %+v", a.Attempt)
	}
	step()
	r.scheduled(deploy(3, 2, 0, 2))
	v = want(TaskScheduled, TaskFinished, TaskScheduled, TaskRunning)
	if a := v.Vertices[0].Subtasks[0]; a.Number != 1 || a.TaskManager != "" || len(a.Earlier) != 1 ||
		a.Earlier[0].Entered[TaskFailed] != time.Unix(103, 0).UnixNano() {
		t.Errorf("the second life is %+v", a)
	}
	for n := 4; n < 100; n++ {
		r.closed(n-1, 0, errors.New(fmt.Sprint("again ", n)))
		r.closed(n-1, 2, nil)
		r.scheduled(deploy(n, n-1, 0, 2))
	}
	v = want(TaskScheduled, TaskFinished)
	if len(v.Failures) != failuresMost || !v.FailuresDropped || v.Failures[failuresMost-1].Text != "again 99" ||
		len(v.Vertices[0].Subtasks[0].Earlier) != attemptsMost || len(r.mu.failure) != 0 || len(r.mu.placesOf) != 2 {
		t.Errorf("%d failures, %d lives, %d and %d open", len(v.Failures), len(v.Vertices[0].Subtasks[0].Earlier),
			len(r.mu.failure), len(r.mu.placesOf))
	}
	r.abort()
	want(TaskCanceling, TaskFinished, TaskCanceling, TaskCanceling)
}

// TestRecordOfCoordinators: coordinators whose worker is gone, with no task in it, have not failed by themselves.
func TestRecordOfCoordinators(t *testing.T) {
	r := newRecord(clock.NewManual(time.Unix(100, 0)), wide(1, 1))
	r.coordinatorFailed(errors.New("bad"))
	r.coordinatorFailed(&WorkerError{Worker: "w", TaskManager: "tm", Reason: "killed"})
	v := &JobView{}
	r.view(v)
	if f := v.Failures; len(f) != 2 || f[0].Kind != "CoordinatorFailure" || f[0].TaskManager != "" ||
		f[1].Kind != "WorkerLost" || f[1].TaskManager != "tm" || f[1].Task != "" {
		t.Errorf("failures %+v", f)
	}
}

// TestRecordOfStages: tasks that are let go have finished, also if their worker ends before they are closed.
func TestRecordOfStages(t *testing.T) {
	r := newRecord(clock.NewManual(time.Unix(100, 0)), wide(1, 2))
	r.scheduled(deploy(1, 1, 0))
	r.scheduled(deploy(2, 1, 1))
	for n := 1; n <= 2; n++ {
		r.each(n, TaskRunning)
	}
	r.letGo(1, true)
	for place := range 2 {
		r.closed(place+1, place, errors.New("its worker is gone"))
	}
	wantStates := func(of schedule.State, a, b TaskState) {
		t.Helper()
		v := &JobView{}
		v.State = of
		r.view(v)
		if s := v.Vertices[0].Subtasks; s[0].State != a || s[1].State != b {
			t.Errorf("the tasks of a job that is %s are %v and %v, want %v and %v", of, s[0].State, s[1].State, a, b)
		}
	}
	wantStates(schedule.Running, TaskFinished, TaskFailed)
	r.letGo(2, true) // its work was done before its worker ended, but this is heard later
	wantStates(schedule.Running, TaskFinished, TaskFinished)
	r.scheduled(deploy(3, 2, 1))
	r.letGo(2, true) // of before
	r.closed(3, 1, errors.New("its worker is gone"))
	wantStates(schedule.Running, TaskFinished, TaskFailed)
	wantStates(schedule.Finished, TaskFinished, TaskFinished)
	if n := r.count(schedule.Finished)[TaskFinished]; n != 2 {
		t.Errorf("%d tasks have finished", n)
	}
}

// BenchmarkRecord shows a job of 10 vertices × 1,000 subtasks, whole and in a list.
func BenchmarkRecord(b *testing.B) {
	r := newRecord(clock.System{}, wide(10, 1000))
	b.Run("view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.view(&JobView{})
		}
	})
	b.Run("count", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.count(schedule.Running)
		}
	})
}
