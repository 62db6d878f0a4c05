package hatest

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/ha"
)

// testJobs: a job that has ended is not run again, whenever its leader goes.
func testJobs(t *testing.T, w World) {
	ctx := Context(t)
	s := w.Open(t)
	l := Lead(t, s, "one")
	// next changes the leader and says what there is to do.
	next := func() (jobs *ha.Jobs, plan string) {
		t.Helper()
		Check(t, l.Resign(ctx))
		l = Lead(t, s, "next")
		jobs = ha.JobsOf(l)
		run, ended, err := jobs.Recover(ctx)
		Check(t, err)
		for _, j := range run {
			plan += fmt.Sprintf("run %s %s ", j.ID, j.Data)
		}
		return jobs, plan + fmt.Sprint(ended)
	}
	want := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("a new leader finds %q, want %q", got, want)
		}
	}
	jobs, plan := next()
	want(plan, "[]")
	Check(t, jobs.Submit(ctx, "a", []byte("graph")))
	Check(t, jobs.Submit(ctx, "b", []byte("other")))
	Want(t, jobs.Submit(ctx, "a", nil), ha.ErrExists)
	Check(t, jobs.SetBounds(ctx, "a", []byte("wide")))
	Check(t, jobs.SetBounds(ctx, "a", []byte("wider")))
	Check(t, jobs.SetWorkers(ctx, "a", []byte("w1")))
	Check(t, jobs.SetWorkers(ctx, "a", []byte("w1 w2")))
	Check(t, jobs.SetEnding(ctx, "a", []byte("cancel")))
	Check(t, jobs.SetStopped(ctx, "a", []byte("sp-1")))
	Want(t, jobs.Clean(ctx, "a"), ha.ErrNotFound) // it has no result
	has := func(workers, bounds, ending, stopped string) {
		t.Helper()
		w, err := jobs.Workers(ctx, "a")
		Check(t, err)
		b, err := jobs.Bounds(ctx, "a")
		Check(t, err)
		e, err := jobs.Ending(ctx, "a")
		Check(t, err)
		s, err := jobs.Stopped(ctx, "a")
		Check(t, err)
		if string(w) != workers || string(b) != bounds || string(e) != ending || string(s) != stopped {
			t.Errorf("workers %q, bounds %q, ending %q, stopped with %q; want %q, %q, %q, %q", w, b, e, s, workers, bounds, ending, stopped)
		}
	}

	jobs, plan = next()
	want(plan, "run a graph run b other []")
	has("w1 w2", "wider", "cancel", "sp-1")
	Check(t, jobs.End(ctx, "a", []byte("FINISHED")))
	Want(t, jobs.End(ctx, "a", []byte("FAILED")), ha.ErrExists)
	Want(t, jobs.Submit(ctx, "a", nil), ha.ErrEnded)

	jobs, plan = next()
	want(plan, "run b other [a]")
	Want(t, jobs.Forget(ctx, "a"), ha.ErrExists)
	Check(t, jobs.Clean(ctx, "a"))
	Check(t, jobs.Clean(ctx, "a"))
	has("", "", "", "")

	jobs, plan = next()
	want(plan, "run b other []")
	Want(t, jobs.Submit(ctx, "a", nil), ha.ErrEnded)
	if data, err := jobs.Result(ctx, "a"); err != nil || string(data) != "FINISHED" {
		t.Errorf("the result is %q, %v", data, err)
	}
	if ids, err := jobs.Ended(ctx); err != nil || fmt.Sprint(ids) != "[a]" {
		t.Errorf("ended are %v, %v", ids, err)
	}
	Check(t, jobs.Forget(ctx, "a"))
	Check(t, jobs.Submit(ctx, "a", []byte("again")))
	_, plan = next()
	want(plan, "run a again run b other []")
	Check(t, l.Resign(ctx))
	Want(t, jobs.Submit(ctx, "c", nil), ha.ErrDeposed)
}
