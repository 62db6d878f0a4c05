package jobmanager_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/jobmanager/jobmanagertest"
	"github.com/flott-dev/flott/stream"
)

// levels has the processes of a cluster with their levels: names of workers are those of their TaskManagers.
func levels(m *jobmanager.Manager) string {
	var all []string
	for _, p := range m.Processes() {
		name := p.Name
		if p.Kind == jobmanager.WorkerProcess {
			name = "worker on " + p.TaskManager
		}
		all = append(all, fmt.Sprint(name, " ", p.LogLevel))
	}
	return strings.Join(all, ", ")
}

// TestLogLevel changes what processes log: that of a worker alone, that of a TaskManager with its workers, which one that starts later
// has as well.
func TestLogLevel(t *testing.T) {
	c := jobmanagertest.New(t, jobmanager.Options{}, counting(collect.To[string](), 0), stream.Parallelism(4), stream.MaxParallelism(16),
		stream.Restart(stream.FixedDelay(100, time.Millisecond)))
	c.Join("tm-1", 2)
	c.Join("tm-2", 2)
	c.Submit(nil)
	until := func(want string) {
		t.Helper()
		c.Until(want, func() bool { return levels(c.Manager) == want })
	}
	until("jobmanager INFO, tm-1 INFO, tm-2 INFO, worker on tm-1 INFO, worker on tm-2 INFO")
	ctx := t.Context()
	set := func(name string, level slog.Level) {
		t.Helper()
		if err := c.Manager.SetLogLevel(ctx, name, level); err != nil {
			t.Fatal(err)
		}
	}
	set("jobmanager", slog.LevelError)
	set(c.Manager.Processes()[4].Name, slog.LevelWarn)
	until("jobmanager ERROR, tm-1 INFO, tm-2 INFO, worker on tm-1 INFO, worker on tm-2 WARN")
	set("tm-1", slog.LevelDebug)
	until("jobmanager ERROR, tm-1 DEBUG, tm-2 INFO, worker on tm-1 DEBUG, worker on tm-2 WARN")
	before := c.Manager.Processes()[3].Name
	c.Kill()
	c.Until("another worker", func() bool {
		all := c.Manager.Processes()
		return len(all) == 5 && all[3].Name != before && all[4].Name != before
	})
	c.Until("its level", func() bool { return strings.Contains(levels(c.Manager), "worker on tm-1 DEBUG") })
	if err := c.Manager.SetLogLevel(ctx, "nobody", slog.LevelDebug); !errors.Is(err, jobmanager.ErrUnknownProcess) {
		t.Errorf("a process that there is not: %v", err)
	}
}

// TestProfile: a profile of a process; one that is not waited for any more is given up there.
func TestProfile(t *testing.T) {
	c := jobmanagertest.New(t, jobmanager.Options{}, counting(collect.To[string](), 0))
	tm := c.Join("tm", 1)
	c.Until("the TaskManager registers", func() bool { return len(c.Manager.TaskManagers()) == 1 })
	for _, name := range []string{"tm", "jobmanager"} {
		data, err := c.Manager.Profile(t.Context(), name, control.Profile{Kind: control.GoroutineProfile})
		if err != nil || len(data) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
		_, err = c.Manager.Profile(t.Context(), name, control.Profile{Kind: "memory"})
		if !errors.Is(err, jobmanager.ErrProcess) || !strings.Contains(err.Error(), name+": \"memory\" is no kind of profile") {
			t.Errorf("%s: a kind that there is not: %v", name, err)
		}
	}
	begun := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			_, err := c.Manager.Profile(ctx, "jobmanager", control.Profile{Kind: control.CPUProfile, Duration: time.Minute})
			if !errors.Is(err, jobmanager.ErrBusy) { // by who looks for that
				begun <- err
				return
			}
		}
	}()
	busy := func() bool {
		_, err := c.Manager.Profile(t.Context(), "tm", control.Profile{Kind: control.CPUProfile, Duration: 1})
		return errors.Is(err, jobmanager.ErrBusy)
	}
	c.Until("somebody samples", busy)
	cancel()
	if err := <-begun; !errors.Is(err, context.Canceled) {
		t.Errorf("one that was cancelled: %v", err)
	}
	c.Until("nobody samples", func() bool { return !busy() })
	tm.Hang()
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		_, err := c.Manager.Profile(ctx, "tm", control.Profile{Kind: control.CPUProfile, Duration: time.Minute})
		begun <- err
	}()
	q := <-tm.Asked
	cancel()
	<-begun
	if w := <-tm.Asked; q.Profile == nil || w.Withdrawn != q.Call {
		t.Errorf("after %+v it is told %+v", q, w)
	}
}

// TestHungProcess: one that does not answer is waited for as long as its caller wants, and hinders nobody. One that is lost meanwhile
// is answered for.
func TestHungProcess(t *testing.T) {
	c := jobmanagertest.New(t, jobmanager.Options{}, counting(collect.To[string](), 0))
	tm := c.Join("tm", 1)
	tm.Hang()
	c.Until("the TaskManager registers", func() bool { return len(c.Manager.TaskManagers()) == 1 })
	ctx, cancel := context.WithCancelCause(t.Context())
	asked := make(chan error, 2)
	go func() { asked <- c.Manager.SetLogLevel(ctx, "tm", slog.LevelDebug) }()
	<-tm.Asked
	if err := c.Manager.SetLogLevel(t.Context(), "jobmanager", slog.LevelDebug); err != nil {
		t.Errorf("another process: %v", err)
	}
	cancel(errors.New("enough"))
	if err := <-asked; err == nil || !strings.Contains(err.Error(), "process tm has not answered: enough") {
		t.Errorf("a process that hangs: %v", err)
	}
	go func() { asked <- c.Manager.SetLogLevel(t.Context(), "tm", slog.LevelDebug) }()
	<-tm.Asked
	tm.Die()
	if err := <-asked; !errors.Is(err, jobmanager.ErrUnknownProcess) {
		t.Errorf("a process that is lost: %v", err)
	}
	if got := levels(c.Manager); got != "jobmanager DEBUG" {
		t.Errorf("the processes are %s", got)
	}
}
