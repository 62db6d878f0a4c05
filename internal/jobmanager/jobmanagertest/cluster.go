// Package jobmanagertest has a cluster within the test's process: a JobManager and TaskManagers that talk
// over real connections, with workers that are goroutines.
package jobmanagertest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/probe"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/internal/wire"
	"github.com/flott-dev/flott/internal/worker"
	"github.com/flott-dev/flott/stream"
)

// Cluster is a JobManager and TaskManagers in this process, over real connections. Workers are goroutines,
// each with a plan of its own.
type Cluster struct {
	Manager *jobmanager.Manager
	t       testing.TB
	address string
	plan    func() (*graph.Plan, stream.Settings)
	wg      sync.WaitGroup

	mu      sync.Mutex
	workers map[string]context.CancelCauseFunc
	ended   bool // no more workers start
}

// New starts a JobManager that ends with the test. All jobs that it gets are those that build builds.
func New(t testing.TB, o jobmanager.Options, build func(env *stream.Env), options ...stream.Option) *Cluster {
	o.Wire.Name = "jobmanager"
	c := &Cluster{t: t, Manager: jobmanager.New(o), workers: map[string]context.CancelCauseFunc{}}
	c.plan = func() (*graph.Plan, stream.Settings) {
		env := stream.NewEnv(options...)
		build(env)
		plan, settings, err := env.Plan()
		if err != nil {
			t.Fatal(err)
		}
		return plan, settings
	}
	l := listen(t)
	c.address = l.Addr().String()
	c.wg.Go(func() { _ = c.Manager.Serve(l) })
	t.Cleanup(func() {
		c.Manager.Close()
		l.Close()
		c.mu.Lock()
		c.ended = true
		for _, kill := range c.workers {
			kill(errors.New("the test ends"))
		}
		c.mu.Unlock()
		c.wg.Wait()
	})
	return c
}

func listen(t testing.TB) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TaskManager starts workers in this process.
type TaskManager struct {
	c     *Cluster
	id    string
	wire  *wire.Conn
	conn  *control.Conn[control.FromTaskManager, control.ToTaskManager]
	asked *probe.Session
	// Logs are its log files, by name. They are set before anybody asks for them.
	Logs map[string]string
	// Level is that of its log, which its workers begin with.
	Level slog.LevelVar
	// Asked has, once Hang was called, what it was asked.
	Asked chan *control.Ask
}

// Join adds a TaskManager.
func (c *Cluster) Join(id string, slots int) *TaskManager {
	nc, err := net.Dial("tcp", c.address)
	if err != nil {
		c.t.Fatal(err)
	}
	tm := &TaskManager{c: c, id: id}
	tm.asked = probe.New(&tm.Level).Begin(func(a *control.Answer) { tm.conn.Send(&control.FromTaskManager{Answer: a}) })
	if tm.wire, err = wire.Client(nc, wire.Options{Name: id, Hello: []byte(control.TaskManager)}); err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if tm.conn, err = control.Attach[control.FromTaskManager](tm.wire, tm); err != nil {
		c.t.Fatal(err)
	}
	r := &control.Register{ID: id, Host: "here"}
	for range slots {
		r.Slots = append(r.Slots, control.Slot{Memory: 1 << 30})
	}
	tm.conn.Send(&control.FromTaskManager{Register: r})
	return tm
}

// Hang has the TaskManager answer nothing that it is asked about its process.
func (tm *TaskManager) Hang() {
	tm.c.mu.Lock()
	defer tm.c.mu.Unlock()
	tm.Asked = make(chan *control.Ask, 10)
}

// Leave asks the JobManager to do without the TaskManager: jobs are moved away.
func (tm *TaskManager) Leave() { tm.conn.Send(&control.FromTaskManager{Leave: &control.Leave{}}) }

// Die ends the connection; workers end with theirs.
func (tm *TaskManager) Die() { tm.wire.Abort(errors.New("the TaskManager is killed")) }

// Lost ends what it was asked.
func (tm *TaskManager) Lost(error) { tm.asked.End() }

// Receive does what the JobManager says.
func (tm *TaskManager) Receive(m *control.ToTaskManager) {
	tm.c.mu.Lock()
	defer tm.c.mu.Unlock()
	switch {
	case tm.c.ended:
	case m.StartWorker != nil:
		ctx, kill := context.WithCancelCause(context.Background())
		name, level := m.StartWorker.Name, tm.Level.Level()
		tm.c.workers[name] = kill
		tm.c.wg.Go(func() {
			err := tm.c.work(ctx, m.StartWorker, level)
			tm.c.mu.Lock()
			delete(tm.c.workers, name)
			tm.c.mu.Unlock()
			tm.conn.Send(&control.FromTaskManager{WorkerEnded: &control.WorkerEnded{
				Job: m.StartWorker.Job.ID, Name: name, Reason: fmt.Sprint(err),
			}})
		})
	case m.Ask != nil && tm.Asked != nil:
		tm.Asked <- m.Ask
	case m.Ask != nil:
		tm.asked.Receive(m.Ask)
	case m.ReadLog != nil:
		tm.conn.Send(&control.FromTaskManager{Log: tm.log(m.ReadLog)})
	case m.Free != nil:
		tm.conn.Send(&control.FromTaskManager{Freed: &control.Freed{Slot: m.Free.Slot, Allocation: m.Free.Allocation}})
	case m.Dismiss != nil:
		tm.Die()
	}
}

// log answers with a part of one of Logs.
func (tm *TaskManager) log(r *control.ReadLog) *control.Log {
	l := &control.Log{Call: r.Call}
	for _, name := range slices.Sorted(maps.Keys(tm.Logs)) {
		if text := tm.Logs[name]; r.Name == "" || r.Name == name {
			l.Files = append(l.Files, control.LogFile{Name: name, Bytes: int64(len(text)), Modified: time.UnixMilli(1)})
			l.Data = []byte(text[min(int(r.Offset), len(text)):])
			l.Data = l.Data[:min(len(l.Data), r.Bytes)]
		}
	}
	if r.Name != "" && len(l.Files) == 0 {
		l.Error = "log file " + r.Name + " is not there"
	}
	return l
}

// work is the life of a worker.
func (c *Cluster) work(ctx context.Context, s *control.StartWorker, level slog.Level) error {
	p := probe.New(nil)
	p.Level.Set(level)
	plan, settings := c.plan()
	l := listen(c.t)
	background := &worker.Background{Runner: worker.Goroutines{}}
	defer background.Wait(time.Minute) // before its directories go
	o := worker.AgentOptions{
		Options: worker.Options{
			Job: s.Job.Name, JobID: s.Job.ID, Clock: clock.System{}, AtLeastOnce: settings.AtLeastOnce,
			AlignedTimeout: settings.AlignedTimeout, TempDir: c.t.TempDir(), Runner: background,
		},
		Hello: control.Hello{Job: s.Job.ID},
		Dial:  c.dial(s.Name), Listener: l, Advertise: l.Addr().String(),
		Peers:    wire.PeersOptions{Options: wire.Options{Name: s.Name}},
		Interval: 10 * time.Millisecond, Probe: p,
	}
	if dir := s.Job.Directory; dir != "" {
		o.Store = func(epoch int64) *storage.Store {
			return storage.New(blob.NewDir(dir), s.Job.ID, storage.Options{Epoch: epoch, Retain: s.Job.Retain})
		}
	}
	return worker.Serve(ctx, plan, o)
}

// Submission is the job as it is handed to a JobManager.
func (c *Cluster) Submission() control.Submission {
	plan, settings := c.plan()
	return control.Submission{
		ID: fmt.Sprintf("%032x", time.Now().UnixNano()), Name: c.t.Name(), Graph: plan.JobGraph(),
		Settings: control.Settings{
			Checkpoints: settings.Checkpoints, Restart: control.NewRestart(settings.Strategy()),
			Directory: settings.Directory, Retain: settings.Retain, AtLeastOnce: settings.AtLeastOnce,
			Savepoints: settings.SavepointDirectory, DeleteOnCancel: settings.DeleteOnCancel,
		},
	}
}

// Submit starts the job and returns its id.
func (c *Cluster) Submit(change func(*control.Submission)) string {
	s := c.Submission()
	if change != nil {
		change(&s)
	}
	if err := c.Manager.Submit(context.Background(), s); err != nil {
		c.t.Fatal(err)
	}
	return s.ID
}

// Wait waits for the end of a job.
func (c *Cluster) Wait(id string) error {
	j, err := c.Manager.Job(id)
	if err != nil {
		c.t.Fatal(err)
	}
	select {
	case <-j.Done():
		return j.Wait()
	case <-time.After(time.Minute):
		c.t.Fatalf("the job does not end; it is %v", j.State())
		return nil
	}
}

// Until returns when a condition holds, which it looks at again and again.
func (c *Cluster) Until(what string, holds func() bool) {
	c.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			c.t.Fatalf("this does not come: %s", what)
		}
	}
}

// Kill ends a worker that runs.
func (c *Cluster) Kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.workers))
	for name := range c.workers {
		names = append(names, name)
	}
	if len(names) > 0 {
		slices.Sort(names)
		c.workers[names[0]](errors.New("killed"))
	}
}

// dial connects a worker with the JobManager.
func (c *Cluster) dial(name string) func(context.Context) (*wire.Conn, error) {
	return func(ctx context.Context) (*wire.Conn, error) {
		nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address)
		if err != nil {
			return nil, err
		}
		return wire.Client(nc, wire.Options{Name: name, Hello: []byte(control.Worker)})
	}
}
