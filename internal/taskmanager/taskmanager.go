package taskmanager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/durable"
	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/probe"
	"github.com/flott-dev/flott/internal/process"
	"github.com/flott-dev/flott/internal/wire"
)

// Options are the settings of a TaskManager.
type Options struct {
	// ID is unique among all TaskManagers that ever were.
	ID string
	// JobManager is the address of the JobManager, Host that at which workers here are reached.
	JobManager, Host string
	// Watch tells which JobManager leads, again with each change, until ctx ends; nil leaves it at JobManager.
	Watch func(ctx context.Context, leads func(address string)) error
	// LostTimeout is how long workers go on without a JobManager; 0 ends them at once.
	LostTimeout time.Duration
	// Slots is how many there are, SlotMemory what each has, in bytes; 0 is no limit.
	Slots      int
	SlotMemory int64
	// Dir has the logs and temporary files of workers. It belongs to one TaskManager at a time.
	Dir string
	// LogFile is the TaskManager's own log, "" if it is no file.
	LogFile string
	// Artifacts has the programs of jobs; Fetch gets one that is not there, from the REST interface of the JobManager with this URL.
	Artifacts *process.Artifacts
	Fetch     func(ctx context.Context, url, hash string) (io.ReadCloser, error)
	// Version is that of this program.
	Version string
	// Wire configures the connection to the JobManager, and with its heartbeats those of workers, which TLS does besides.
	Wire wire.Options
	TLS  *control.TLSFiles
	Log  *slog.Logger
	// LogFormat is how workers write their logs, LogLevel what of: those that start later have the level that it has then. nil is INFO.
	LogFormat string
	LogLevel  *slog.LevelVar
	Clock     clock.Clock
	// Metrics gathers the metrics of the TaskManager and its workers; nil if nobody wants them.
	Metrics *Metrics
	// Registered is called when the TaskManager has said for the first time what it offers; nil for nobody.
	Registered func()
	// Retry is the time between two attempts to connect; 0 means 200 ms.
	Retry time.Duration
}

// taskManager is a TaskManager.
type taskManager struct {
	o     Options
	ctx   context.Context
	actor actor.Actor
	probe *probe.Probe

	leader struct {
		sync.Mutex
		address string
		rest    string        // the URL of its REST interface, of the last that has told one
		changed chan struct{} // is closed with the next change
	}

	// The rest belongs to the actor.
	conn    *control.Conn[control.FromTaskManager, control.ToTaskManager] // nil while there is none
	slots   []control.Slot
	freeing []bool // the slot is to be cleared
	workers map[string]*worker
	results *results
	leaving bool
	dismiss chan struct{}
}

// worker is the process of a worker, or is about to be.
type worker struct {
	name, job string
	process   *process.Process // nil before it is started
	stop      bool
	grace     time.Duration
}

// Run offers slots until ctx is done, or the JobManager dismisses the TaskManager. In the first case that is told, and Run
// returns when nothing is used any more here, or drain is over.
func Run(ctx context.Context, o Options, drain time.Duration) error {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.LogLevel == nil {
		o.LogLevel = &slog.LevelVar{}
	}
	o.Retry = cmp.Or(o.Retry, 200*time.Millisecond)
	lock, err := o.takeOver()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	living, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	t := &taskManager{
		o: o, ctx: living, probe: probe.New(o.LogLevel), slots: make([]control.Slot, o.Slots), freeing: make([]bool, o.Slots),
		workers: map[string]*worker{}, dismiss: make(chan struct{}),
	}
	t.actor.Runner = actor.Goroutines{}
	for i := range t.slots {
		t.slots[i].Memory = o.SlotMemory
	}
	t.leader.changed = make(chan struct{})
	if o.Watch == nil {
		t.leader.address = o.JobManager
	}
	if t.results, err = openResults(&o); err != nil {
		return err
	}
	if o.Metrics != nil {
		o.Metrics.begin(o.ID, o.Slots)
	}
	var wg sync.WaitGroup
	wg.Go(t.connect)
	if o.Watch != nil {
		wg.Go(t.watch)
	}
	select {
	case <-ctx.Done():
	case <-t.dismiss: // all of the cluster ends
	}
	t.actor.Post(func() {
		t.leaving = true
		if t.conn == nil && len(t.workers) == 0 { // there is nothing to move, and nobody who says so
			t.dismissed()
			return
		}
		t.send(&control.FromTaskManager{Leave: &control.Leave{}})
	})
	select {
	case <-t.dismiss:
	case <-time.After(drain):
	}
	end()
	t.stopAll()
	wg.Wait()
	_ = os.Remove(t.leaderFile()) // it need not be there
	return t.results.close()
}

// connect keeps a connection to the JobManager.
func (t *taskManager) connect() {
	said := ""
	for t.ctx.Err() == nil {
		address, changed := t.leads()
		conn, err := t.dial(address)
		if err == nil {
			said = ""
			select {
			case <-conn.Done():
				err = conn.Err()
			case <-changed:
				err = errors.New("another JobManager leads")
				conn.Abort(err)
			case <-t.ctx.Done():
				closing, stop := context.WithTimeout(context.Background(), time.Second)
				_ = conn.Close(closing)
				stop()
				return
			}
		}
		if text := err.Error(); text != said && t.ctx.Err() == nil {
			said = text
			t.o.Log.Warn("flott: no connection to the JobManager; trying again", "address", address, "error", err)
		}
		select {
		case <-t.ctx.Done():
		case <-changed:
		case <-time.After(t.o.Retry):
		}
	}
}

// leads is the address of the JobManager that leads, and what is closed when another one does.
func (t *taskManager) leads() (address string, changed <-chan struct{}) {
	t.leader.Lock()
	defer t.leader.Unlock()
	return t.leader.address, t.leader.changed
}

// registered notes where the JobManager that is reached at this address serves its REST interface.
func (t *taskManager) registered(address string, in *control.Registered) {
	u, err := url.Parse(in.REST)
	if err != nil {
		t.o.Log.Warn("flott: where the JobManager has programs is not understood", "error", err)
		return
	}
	if u.Hostname() == "" {
		if host, _, err := net.SplitHostPort(address); err == nil {
			u.Host = net.JoinHostPort(host, u.Port())
		}
	}
	t.leader.Lock()
	defer t.leader.Unlock()
	t.leader.rest = u.String()
}

// rest is the URL of the JobManager's REST interface.
func (t *taskManager) rest() string {
	t.leader.Lock()
	defer t.leader.Unlock()
	return t.leader.rest
}

// watch follows who leads. Workers find the address in a file.
func (t *taskManager) watch() {
	for t.ctx.Err() == nil {
		err := t.o.Watch(t.ctx, func(address string) {
			if address == "" {
				return // the last one may come back
			}
			if err := durable.WriteFile(t.leaderFile(), []byte(address), 0o600); err != nil {
				t.o.Log.Warn("flott: workers are not told which JobManager leads", "error", err)
			}
			t.leader.Lock()
			defer t.leader.Unlock()
			if address != t.leader.address {
				t.leader.address = address
				close(t.leader.changed)
				t.leader.changed = make(chan struct{})
			}
		})
		if t.ctx.Err() == nil {
			t.o.Log.Warn("flott: who leads is not known; trying again", "error", err)
			select {
			case <-t.ctx.Done():
			case <-time.After(t.o.Retry):
			}
		}
	}
}

func (t *taskManager) leaderFile() string { return filepath.Join(t.o.Dir, "jobmanager") }

var errNoLeader = errors.New("no JobManager leads yet")

func (t *taskManager) dial(address string) (*wire.Conn, error) {
	if address == "" {
		return nil, errNoLeader
	}
	nc, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	o := t.o.Wire
	o.Name, o.Hello = t.o.ID, []byte(control.TaskManager)
	c, err := wire.Client(nc, o)
	if err != nil {
		return nil, err
	}
	attached := make(chan error, 1)
	t.actor.Post(func() {
		h := &handler{t: t, address: address}
		conn, err := control.Attach[control.FromTaskManager](c, h)
		if err == nil {
			h.conn, t.conn = conn, conn
			h.asked = t.probe.Begin(func(a *control.Answer) { conn.Send(&control.FromTaskManager{Answer: a}) })
			host, _ := os.Hostname()
			t.send(&control.FromTaskManager{Register: &control.Register{
				ID: t.o.ID, Host: cmp.Or(t.o.Host, host), Slots: slices.Clone(t.slots),
				Workers: slices.Sorted(maps.Keys(t.workers)), PID: os.Getpid(), Version: t.o.Version, LogLevel: t.o.LogLevel.Level(),
				Address: t.results.address, Results: t.results.dir.Jobs(),
			}})
			if t.leaving { // to register ends that
				t.send(&control.FromTaskManager{Leave: &control.Leave{}})
			}
		}
		attached <- err
		if err == nil && t.o.Registered != nil {
			t.o.Registered()
			t.o.Registered = nil
		}
	})
	return c, <-attached
}

func (t *taskManager) send(m *control.FromTaskManager) {
	if t.conn != nil {
		t.conn.Send(m)
	}
}

// handler takes the messages of one connection. Those of a former one do not count any more.
type handler struct {
	t       *taskManager
	address string // of the JobManager
	conn    *control.Conn[control.FromTaskManager, control.ToTaskManager]
	asked   *probe.Session
}

// Receive takes a message.
func (h *handler) Receive(m *control.ToTaskManager) {
	h.t.actor.Post(func() {
		switch {
		case h.t.conn != h.conn:
		case m.Registered != nil:
			h.t.registered(h.address, m.Registered)
		case m.Ask != nil:
			h.asked.Receive(m.Ask)
		default:
			h.t.receive(m)
		}
	})
}

// Lost forgets the connection.
func (h *handler) Lost(error) {
	h.t.actor.Post(func() {
		if h.asked != nil {
			h.asked.End()
		}
		if h.t.conn == h.conn {
			h.t.conn = nil
		}
	})
}

func (t *taskManager) receive(m *control.ToTaskManager) {
	switch {
	case m.Grant != nil:
		s := &t.slots[m.Grant.Slot]
		s.Holder, s.Group, s.Allocation = m.Grant.Job, m.Grant.Group, m.Grant.Allocation
		t.freeing[m.Grant.Slot] = false
	case m.Free != nil:
		t.free(m.Free)
	case m.StartWorker != nil:
		t.start(m.StartWorker)
	case m.StopWorker != nil:
		w := t.workers[m.StopWorker.Name]
		if w == nil {
			t.send(&control.FromTaskManager{WorkerEnded: &control.WorkerEnded{
				Name: m.StopWorker.Name, Reason: "there is no such worker",
			}})
			return
		}
		t.stopWorker(w, time.Duration(m.StopWorker.Grace))
	case m.ReadLog != nil:
		t.readLog(m.ReadLog)
	case m.SetMemory != nil:
		if w := t.workers[m.SetMemory.Name]; w != nil && w.process != nil {
			if err := w.process.SetMemory(m.SetMemory.Memory); err != nil {
				t.o.Log.Warn("flott: a worker's memory could not be changed", "worker", w.name, "error", err)
			}
		}
	case m.Discard != nil:
		if err := t.results.discard(m.Discard); err != nil {
			t.o.Log.Warn("flott: results could not be removed", logging.JobID, m.Discard.Job, "error", err)
		}
	case m.Dismiss != nil:
		t.dismissed()
	}
}

func (t *taskManager) dismissed() {
	select {
	case <-t.dismiss:
	default:
		close(t.dismiss)
	}
}

// freeGrace is how long a worker may take to end whose slots are taken: its job has ended, and it is
// ending by itself, or the JobManager does not know it any more.
const freeGrace = 5 * time.Second

func (t *taskManager) free(f *control.Free) {
	if t.slots[f.Slot].Allocation != f.Allocation {
		t.send(&control.FromTaskManager{Freed: &control.Freed{Slot: f.Slot, Allocation: f.Allocation}})
		return
	}
	t.freeing[f.Slot] = true
	job := t.slots[f.Slot].Holder
	if !t.holds(job) {
		for _, w := range t.workers {
			if w.job == job {
				t.stopWorker(w, freeGrace)
			}
		}
	}
	t.clear()
}

// holds reports whether a job has a slot here that is not being cleared.
func (t *taskManager) holds(job string) bool {
	for i, s := range t.slots {
		if s.Holder == job && !t.freeing[i] {
			return true
		}
	}
	return false
}

// clear frees the slots of jobs that use nothing here any more, or still have others and no worker that is
// being stopped.
func (t *taskManager) clear() {
	for i := range t.slots {
		s := &t.slots[i]
		if !t.freeing[i] {
			continue
		}
		busy := false
		for _, w := range t.workers {
			busy = busy || w.job == s.Holder && (w.stop || !t.holds(s.Holder))
		}
		if busy {
			continue
		}
		t.send(&control.FromTaskManager{Freed: &control.Freed{Slot: i, Allocation: s.Allocation}})
		t.freeing[i] = false
		*s = control.Slot{Memory: s.Memory}
	}
}

// start starts the worker of a job.
func (t *taskManager) start(s *control.StartWorker) {
	w := &worker{name: s.Name, job: s.Job.ID}
	t.workers[w.name] = w
	go func() {
		exit, err := t.run(w, s)
		reason := exit
		if err != nil {
			reason = err.Error()
		}
		t.actor.Post(func() {
			delete(t.workers, w.name)
			t.dropLogs()
			logging.Of(t.o.Log, s.Job.Name, w.job).Info("flott: a worker has ended", "worker", w.name, "reason", reason)
			t.send(&control.FromTaskManager{WorkerEnded: &control.WorkerEnded{Job: w.job, Name: w.name, Reason: reason}})
			t.clear()
		})
	}()
}

// run runs a worker to its end.
func (t *taskManager) run(w *worker, s *control.StartWorker) (exit string, err error) {
	program, err := t.program(&s.Job)
	if err != nil {
		return "", err
	}
	defer program.Close()
	dir := filepath.Join(t.o.Dir, "workers", w.name)
	temp := filepath.Join(dir, "tmp")
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	address, _ := t.leads()
	spec := control.WorkerSpec{
		Name: w.name, JobManager: address, Leader: t.leaderFile(), LostTimeout: int64(t.o.LostTimeout),
		Host: t.o.Host, Job: s.Job, TempDir: temp,
		Heartbeat: t.o.Wire.Heartbeat, HeartbeatTimeout: t.o.Wire.Timeout, TLS: t.o.TLS,
		TaskManager: t.o.ID, ResultDir: t.results.dir.Job(w.job),
		LogFormat: t.o.LogFormat, LogLevel: t.o.LogLevel.Level(),
	}
	var files []*os.File
	if t.o.Metrics != nil {
		socket, ended, err := t.o.Metrics.pair(w.name)
		if err != nil {
			return "", err
		}
		defer ended()
		defer socket.Close() // if the worker is not started
		spec.MetricsFile, files = process.FirstFile, []*os.File{socket}
	}
	file := filepath.Join(dir, "job.json")
	if err := spec.Write(file); err != nil {
		return "", err
	}
	where := s.Job.Dir
	if info, err := os.Stat(where); err != nil || !info.IsDir() {
		where = dir
	}
	p, err := process.Start(process.Command{
		Dir:  where,
		Name: fmt.Sprintf("worker %s of job %q", w.name, s.Job.Name), Path: program.Path, Args: s.Job.Args,
		Env: append(slices.Clone(s.Job.Env), control.WorkerVariable+"="+file), Inherit: []string{"PATH", "HOME", "TMPDIR", "TZ", "LANG"},
		Log:   process.Log{Path: filepath.Join(t.o.Dir, "log", control.WorkerLog(w.name))},
		Files: files, Memory: process.Memory{Limit: s.Memory}, Clock: t.o.Clock,
	})
	for _, f := range files {
		f.Close() // the worker has its own
	}
	if err != nil {
		return "", err
	}
	t.actor.Post(func() {
		w.process = p
		if w.stop {
			t.stopWorker(w, w.grace)
		}
	})
	return p.Wait().String(), nil
}

// program is the file of a job's program.
func (t *taskManager) program(s *control.Submission) (*process.Artifact, error) {
	if here := runtime.GOOS + "/" + runtime.GOARCH; s.Platform != "" && s.Platform != here {
		goos, goarch, _ := strings.Cut(here, "/")
		return nil, fmt.Errorf("the program of job %q is for %s, and this TaskManager runs on %s: build it with GOOS=%s GOARCH=%s",
			s.Name, s.Platform, here, goos, goarch)
	}
	hash, err := process.ParseHash(s.Hash)
	if err != nil {
		return nil, err
	}
	a, err := t.o.Artifacts.Get(hash)
	if !errors.Is(err, process.ErrNoArtifact) {
		return a, err
	}
	if t.o.Fetch == nil {
		return nil, err
	}
	r, err := t.o.Fetch(t.ctx, t.rest(), s.Hash)
	if err != nil {
		return nil, fmt.Errorf("fetch the program of job %q: %w", s.Name, err)
	}
	defer r.Close()
	return t.o.Artifacts.Put(hash, r)
}

// stopWorker ends a worker, by force when grace is over.
func (t *taskManager) stopWorker(w *worker, grace time.Duration) {
	w.stop, w.grace = true, grace
	p := w.process
	if p == nil {
		return // run calls again
	}
	if grace == 0 {
		p.Kill()
		return
	}
	// It has been told by the JobManager. What does not end by itself is killed.
	t.o.Clock.AfterFunc(grace, p.Kill)
}

// stopAll kills all workers and waits for them.
func (t *taskManager) stopAll() {
	var all []*process.Process
	done := make(chan struct{})
	t.actor.Post(func() {
		for _, w := range t.workers {
			w.stop, w.grace = true, 0
			if w.process != nil {
				all = append(all, w.process)
			}
		}
		close(done)
	})
	<-done
	for _, p := range all {
		p.Stop(time.Second)
	}
}
