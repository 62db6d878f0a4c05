package jobmanager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/control"
)

// calls are requests to a process that it has not answered. They belong to the Manager's actor.
type calls[A any] struct {
	last    int64
	waiting map[int64]chan<- outcome[A]
}

// outcome is what has become of a call.
type outcome[A any] struct {
	answer A
	err    error // why there is none
}

// begin adds a call, whose outcome comes to the channel, which must have room for it.
func (c *calls[A]) begin(to chan<- outcome[A]) (call int64) {
	if c.waiting == nil {
		c.waiting = map[int64]chan<- outcome[A]{}
	}
	c.last++
	c.waiting[c.last] = to
	return c.last
}

func (c *calls[A]) answer(call int64, a A) { c.end(call, outcome[A]{answer: a}) }

func (c *calls[A]) end(call int64, o outcome[A]) {
	if w := c.waiting[call]; w != nil {
		delete(c.waiting, call)
		w <- o
	}
}

// withdraw forgets a call whose outcome nobody waits for any more. It reports whether there was none yet.
func (c *calls[A]) withdraw(call int64) bool {
	waited := c.waiting[call] != nil
	delete(c.waiting, call)
	return waited
}

// fail ends all calls.
func (c *calls[A]) fail(err error) {
	for call := range c.waiting {
		c.end(call, outcome[A]{err: err})
	}
}

// Kind is what a process of the cluster is.
type Kind string

// The kinds.
const (
	JobManagerProcess  Kind = "jobmanager"
	TaskManagerProcess Kind = "taskmanager"
	WorkerProcess      Kind = "worker"
)

// OwnName is the name of the JobManager's process.
const OwnName = "jobmanager"

// Process is a process of the cluster.
type Process struct {
	// Name is OwnName, the id of a TaskManager, or the name of a worker. No other process has it.
	Name     string
	Kind     Kind
	PID      int // 0 if it is not known
	LogLevel slog.Level
	// TaskManager has started a worker, which is of Job, whose name is JobName.
	TaskManager, Job, JobName string
}

var (
	// ErrUnknownProcess is in the error about a process that there is not, or that is not connected.
	ErrUnknownProcess = errors.New("there is no such process")
	// ErrProcess is in the error of a process that could not do what it was asked.
	ErrProcess = errors.New("the process refuses")
	// ErrBusy is in the error of a process of which a CPU profile is being taken.
	ErrBusy = errors.New("the process is busy")
)

// Processes are this one, the TaskManagers, and the workers that are connected, by their names.
func (m *Manager) Processes() (all []Process) {
	m.do(func() {
		all = append(all, Process{Name: OwnName, Kind: JobManagerProcess, PID: os.Getpid(), LogLevel: m.o.Probe.Level.Level()})
		for _, id := range sortedKeys(m.tms) {
			t := m.tms[id]
			all = append(all, Process{Name: id, Kind: TaskManagerProcess, PID: t.PID, LogLevel: t.LogLevel})
		}
		for _, name := range sortedKeys(m.workers) {
			if w := m.workers[name]; w.ready() {
				g := w.fleet.job
				all = append(all, Process{
					Name: name, Kind: WorkerProcess, PID: w.pid, LogLevel: w.level, TaskManager: w.taskManager, Job: g.ID, JobName: g.Name,
				})
			}
		}
	})
	return all
}

// target is a process that can be asked. It belongs to the Manager's actor.
type target struct {
	calls *calls[*control.Answer]
	send  func(*control.Ask)
}

// target finds a process.
func (m *Manager) target(name string) (t target, ok bool) {
	if tm := m.tms[name]; tm != nil {
		return target{&tm.asks, func(q *control.Ask) { tm.send(&control.ToTaskManager{Ask: q}) }}, true
	}
	if w := m.workers[name]; w != nil && w.ready() {
		return target{&w.asks, func(q *control.Ask) { w.send(&control.ToWorker{Ask: q}) }}, true
	}
	if name == OwnName {
		return target{&m.asks, m.asked.Receive}, true
	}
	return target{}, false
}

// ask asks a process, and waits for its answer or the end of ctx.
func (m *Manager) ask(ctx context.Context, name string, q control.Ask) (*control.Answer, error) {
	answer := make(chan outcome[*control.Answer], 1)
	known := false
	m.do(func() {
		var t target
		if t, known = m.target(name); known {
			q.Call = t.calls.begin(answer)
			t.send(&q)
		}
	})
	if !known {
		return nil, fmt.Errorf("%w: %s", ErrUnknownProcess, name)
	}
	select {
	case a := <-answer:
		switch {
		case a.err != nil:
			return nil, fmt.Errorf("%w: %s: %w", ErrUnknownProcess, name, a.err)
		case a.answer.Busy:
			return nil, fmt.Errorf("%w: %s: %s", ErrBusy, name, a.answer.Error)
		case a.answer.Error != "":
			return nil, fmt.Errorf("%w: %s: %s", ErrProcess, name, a.answer.Error)
		}
		return a.answer, nil
	case <-ctx.Done():
		m.do(func() {
			if t, ok := m.target(name); ok && t.calls.withdraw(q.Call) && q.Profile != nil {
				t.send(&control.Ask{Withdrawn: q.Call})
			}
		})
		return nil, fmt.Errorf("process %s has not answered: %w", name, context.Cause(ctx))
	}
}

// SetLogLevel has a process log what is of a level, or a higher one, until its end; one that is a TaskManager has its workers do so,
// too, also those that start later.
func (m *Manager) SetLogLevel(ctx context.Context, name string, level slog.Level) error {
	set := func(name string) error {
		_, err := m.ask(ctx, name, control.Ask{LogLevel: &control.LogLevel{Level: level}})
		return err
	}
	if err := set(name); err != nil {
		return err
	}
	var workers []string
	m.do(func() {
		if t := m.tms[name]; t != nil {
			t.LogLevel = level
		}
		for _, worker := range sortedKeys(m.workers) {
			switch w := m.workers[worker]; {
			case worker == name:
				w.level = level
			case w.taskManager == name && w.ready():
				w.level = level
				workers = append(workers, worker)
			}
		}
	})
	failed := make(chan error, len(workers))
	for _, worker := range workers {
		go func() { failed <- set(worker) }()
	}
	var errs []error
	for range workers {
		if err := <-failed; !errors.Is(err, ErrUnknownProcess) { // one that has ended meanwhile needs none
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// profileTimeout is how long a process may take beyond the time for which it samples.
const profileTimeout = 10 * time.Second

// Profile takes a profile of a process. It returns when that is done, or ctx is, with which the process stops taking it.
func (m *Manager) Profile(ctx context.Context, name string, p control.Profile) ([]byte, error) {
	ctx, stop := context.WithTimeoutCause(ctx, p.Duration+profileTimeout, errSilent)
	defer stop()
	a, err := m.ask(ctx, name, control.Ask{Profile: &p})
	if err != nil {
		return nil, err
	}
	return a.Data, nil
}

// WorkerProfile is a profile of a worker, or why there is none.
type WorkerProfile struct {
	Worker string
	Data   []byte
	Err    error
}

// ProfileVertex takes CPU profiles of all workers that run a vertex of a job, by its place in the graph, at the same time; none if it does not
// run. They have labels: see control.JobLabel.
func (m *Manager) ProfileVertex(ctx context.Context, job string, vertex int, d time.Duration) (all []WorkerProfile, err error) {
	m.do(func() {
		var g *managed
		if g, err = m.running(job); err != nil {
			return
		}
		found := map[string]bool{}
		for _, r := range g.fleet.runs {
			for place, w := range r.open {
				if g.fleet.vertexOf(place) == vertex {
					found[w.peer.Name] = true
				}
			}
		}
		for _, name := range sortedKeys(found) {
			all = append(all, WorkerProfile{Worker: name})
		}
	})
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			all[i].Data, all[i].Err = m.Profile(ctx, all[i].Worker, control.Profile{Kind: control.CPUProfile, Duration: d})
		})
	}
	wg.Wait()
	return all, err
}

// errSilent is a deadline.
var errSilent = fmt.Errorf("it hangs, or has very much to do: %w", context.DeadlineExceeded)

// align gives a worker that is new the level of its TaskManager, which may have been changed while it started. One that was here before
// keeps its own.
func (m *Manager) align(w *member, hello *control.Hello) {
	w.level, w.pid = hello.LogLevel, hello.PID
	if t := m.tms[w.taskManager]; t != nil && hello.Running == nil && t.LogLevel != w.level {
		w.level = t.LogLevel
		w.send(&control.ToWorker{Ask: &control.Ask{LogLevel: &control.LogLevel{Level: w.level}}})
	}
}
