package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/exposition"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/probe"
	"github.com/flott-dev/flott/internal/result"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/internal/wire"
)

// AgentOptions are the settings of an agent.
type AgentOptions struct {
	Options // of its Host
	// Hello introduces the worker. Address and Name are set by Serve, from Listener and Peers.
	Hello control.Hello
	// Dial connects with the JobManager that leads.
	Dial func(ctx context.Context) (*wire.Conn, error)
	// LostTimeout is how long the worker goes on while it has no JobManager; with 0 it ends at once.
	LostTimeout time.Duration
	// Listener takes the connections of other workers, Advertise is its address as they see it.
	Listener  net.Listener
	Advertise string
	// Peers configures the connections with other workers. Its Name is the worker's.
	Peers wire.PeersOptions
	// Store makes the job's storage in the epoch of a leader; nil if the job has none.
	Store func(epoch int64) *storage.Store
	// Probe answers what the JobManager asks about the process; nil is one that nothing is known by.
	Probe *probe.Probe
	// Metrics is a connection over which the TaskManager asks for metrics, nil for none; Labels are those of all of them.
	Metrics net.Conn
	Labels  []exposition.Label
	// SetMemory is told what the worker may take from now on, in bytes; nil if nobody wants to know.
	SetMemory func(limit int64)
	// Interval is the time between two reports of counters; 0 means a second.
	Interval time.Duration
}

// agent has a JobManager run tasks in this process: it gives a Host the messages that come, and reports
// what the Host tells.
type agent struct {
	o     AgentOptions
	ctx   context.Context
	host  *Host
	peers *wire.Peers
	actor actor.Actor
	ended chan error
	// running has its own lock.
	running running

	// The rest belongs to the actor.
	manager *wire.Conn // that was made last
	disarm  func()     // the end for want of a JobManager
	inbox   []*control.ToWorker
	workers []control.Peer
	down    map[string]error // why there is no connection to a worker
	store   *storage.Store
	epoch   int64

	mails struct {
		sync.Mutex
		all      map[string]*control.Conn[Mail, Mail] // by name
		managers map[string]bool                      // TaskManagers that have results
		clients  map[string]*result.Client            // of those that there is a connection with
	}
}

// Serve runs tasks of a job as a JobManager says. It returns nil when that needs them no longer, else why
// it ended.
func Serve(ctx context.Context, plan *graph.Plan, o AgentOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.Probe == nil {
		o.Probe = probe.New(nil)
	}
	a := &agent{o: o, ctx: ctx, ended: make(chan error, 1), down: map[string]error{}}
	a.mails.all = map[string]*control.Conn[Mail, Mail]{}
	a.mails.managers, a.mails.clients = map[string]bool{}, map[string]*result.Client{}
	a.host = NewHost(context.WithoutCancel(ctx), plan, a, o.Options) // aborted below
	a.actor.Runner = a.host.runner
	o.Peers.Up, o.Peers.Down = a.up, a.peerLost
	var err error
	if a.peers, err = wire.NewPeers(o.Listener, o.Peers); err != nil {
		return errors.Join(err, a.host.Close())
	}
	defer a.answerScrapes()()
	manager, err := o.Dial(ctx)
	if err == nil {
		a.actor.Post(func() { a.attach(manager) })
		a.report()
		select {
		case err = <-a.ended:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		a.running.leave()
	}
	a.host.Abort(errors.New("the worker ends"))
	closing, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer stop()
	a.close(closing)
	_ = a.peers.Close(closing)
	return errors.Join(err, a.host.Close())
}

// answerScrapes tells the TaskManager the metrics of this process and its tasks when it asks for them, until end is called.
func (a *agent) answerScrapes() (end func()) {
	if a.o.Metrics == nil {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		exposition.Answer(a.o.Metrics, func() []exposition.Scope {
			of := exposition.Scope{Name: exposition.TaskManagerScope, Labels: a.o.Labels, Values: exposition.Process()}
			return append(a.host.Scopes(a.o.Labels...), of)
		})
	}()
	return func() {
		a.o.Metrics.Close()
		<-done
	}
}

// close ends the connection to the JobManager in good order.
func (a *agent) close(ctx context.Context) {
	last := make(chan *wire.Conn, 1)
	a.actor.Post(func() { last <- a.manager })
	if c := <-last; c != nil {
		_ = c.Close(ctx)
	}
}

// retry is the time between two attempts to find a JobManager.
const retry = 200 * time.Millisecond

// attach takes the messages of a JobManager.
func (a *agent) attach(c *wire.Conn) {
	a.manager = c
	h := &handler{a: a}
	conn, err := control.Attach[control.FromWorker](c, h)
	if err != nil {
		a.lost(err)
		return
	}
	h.conn = conn
	h.asked = a.o.Probe.Begin(func(answer *control.Answer) { conn.Send(&control.FromWorker{Answer: answer}) })
	if a.disarm != nil {
		a.disarm()
		a.disarm = nil
	}
	hello := a.o.Hello
	hello.Name, hello.Address, hello.LogLevel = a.o.Peers.Name, a.o.Advertise, a.o.Probe.Level.Level()
	a.running.attach(conn, hello)
}

// lost goes on without a JobManager, for a while.
func (a *agent) lost(err error) {
	a.inbox = nil // the next one does not know of it
	timeout := a.o.LostTimeout
	if timeout == 0 {
		a.end(fmt.Errorf("the JobManager is gone: %w", err))
		return
	}
	if a.disarm == nil {
		a.disarm = a.o.Clock.AfterFunc(timeout, func() {
			a.end(fmt.Errorf("the JobManager is gone, and none has come within %v (jobmanager.lost.timeout): %w", timeout, err))
		})
	}
	a.o.Clock.AfterFunc(retry, a.dial)
}

// dial looks for a JobManager.
func (a *agent) dial() {
	if a.ctx.Err() != nil {
		return
	}
	go func() {
		c, err := a.o.Dial(a.ctx)
		a.actor.Post(func() {
			switch {
			case err != nil:
				a.lost(err)
			case a.ctx.Err() != nil:
				c.Abort(context.Cause(a.ctx))
			default:
				a.attach(c)
			}
		})
	}()
}

// handler takes the messages of a JobManager.
type handler struct {
	a     *agent
	conn  *control.Conn[control.FromWorker, control.ToWorker] // of the actor
	asked *probe.Session
}

// Receive takes a message.
func (h *handler) Receive(m *control.ToWorker) {
	h.a.actor.Post(func() {
		switch {
		case h.conn != h.a.running.connection():
		case m.Ask != nil: // it need not wait for anything
			h.asked.Receive(m.Ask)
		default:
			h.a.inbox = append(h.a.inbox, m)
			h.a.pump()
		}
	})
}

// Lost has the agent look for the next one.
func (h *handler) Lost(err error) {
	h.a.actor.Post(func() {
		if h.asked != nil {
			h.asked.End()
		}
		if h.conn != nil && h.a.running.detach(h.conn) {
			h.a.lost(err)
		}
	})
}

func (a *agent) end(err error) {
	select {
	case a.ended <- err:
	default:
	}
}

// pump handles messages in their order, as far as it can without waiting: a deployment needs
// connections.
func (a *agent) pump() {
	for len(a.inbox) > 0 {
		m := a.inbox[0]
		if m.Deploy != nil && !a.connected(m.Deploy) {
			return
		}
		a.inbox = a.inbox[1:]
		a.running.heard(m)
		a.handle(m)
	}
}

// connected reports whether it is known of all workers of a deployment whether there is a connection
// with them, and asks for those that are missing.
func (a *agent) connected(d *control.Deploy) bool {
	a.workers = d.Workers
	all := true
	for _, w := range a.others(d) {
		p := d.Workers[w]
		if a.mailTo(p.Name) == nil && a.down[p.Name] == nil {
			all = false
			a.peers.Connect(p.Name, p.Address)
		}
	}
	return a.managersConnected(d) && all
}

// others are the other workers that take part in a deployment.
func (a *agent) others(d *control.Deploy) (workers []int) {
	needed := make([]bool, len(d.Workers))
	needed[d.Coordinator] = true
	for _, w := range d.Places {
		if w >= 0 {
			needed[w] = true
		}
	}
	for w := range d.Workers {
		if needed[w] && w != d.Self {
			workers = append(workers, w)
		}
	}
	return workers
}

func (a *agent) mailTo(name string) *control.Conn[Mail, Mail] {
	a.mails.Lock()
	defer a.mails.Unlock()
	return a.mails.all[name]
}

// broadcast sends mail to all workers that there is a connection with, but one.
func (a *agent) broadcast(m *Mail, except string) {
	a.mails.Lock()
	defer a.mails.Unlock()
	for name, mail := range a.mails.all {
		if name != except {
			mail.Send(m)
		}
	}
}

// up is called when there is a connection with another worker.
func (a *agent) up(c *wire.Conn) {
	if a.managerUp(c) {
		return
	}
	mail, err := control.Attach[Mail](c, mailbox{a, c.Peer()})
	if err != nil {
		return // it has ended, and peerLost follows
	}
	a.mails.Lock()
	a.mails.all[c.Peer()] = mail
	a.mails.Unlock()
	a.actor.Post(func() {
		delete(a.down, c.Peer())
		a.pump()
	})
}

// peerLost is called when a connection has ended, or could not be made.
func (a *agent) peerLost(name string, err error) {
	a.mails.Lock()
	delete(a.mails.all, name)
	delete(a.mails.clients, name)
	a.mails.Unlock()
	a.actor.Post(func() {
		a.down[name] = err
		for w, p := range a.workers {
			if p.Name == name {
				a.host.Disconnected(w, err)
			}
		}
		a.pump()
	})
}

// mailbox takes the mail of other workers.
type mailbox struct {
	a    *agent
	from string
}

// Receive takes mail.
func (m mailbox) Receive(mail *Mail) { m.a.actor.Post(func() { m.a.host.Receive(mail, m.from) }) }

// Lost does nothing: peerLost is called as well.
func (m mailbox) Lost(error) {}

func (a *agent) handle(m *control.ToWorker) {
	switch {
	case m.Adopt != nil:
		a.setEpoch(m.Adopt.Epoch)
	case m.Deploy != nil:
		a.deploy(m.Deploy)
	case m.Cancel != nil && m.Cancel.Deployment == 0:
		a.host.CancelAll(errors.New(m.Cancel.Cause))
	case m.Cancel != nil:
		a.host.Cancel(m.Cancel.Deployment, errors.New(m.Cancel.Cause))
	case m.LetGo != nil:
		a.host.LetGo(m.LetGo.Deployment, m.LetGo.Commit)
	case m.StopCoordinators != nil:
		a.host.StopCoordinators(m.StopCoordinators.Generation)
	case m.StopSources != nil:
		a.host.StopSources()
	case m.Open != nil:
		a.open(m.Open)
	case m.Barrier != nil:
		a.host.Barrier(m.Barrier.ID, m.Barrier.Flags, nil)
	case m.Tell != nil:
		a.host.Tell(m.Tell.Checkpoint, m.Tell.Completed)
	case m.Forget != nil:
		a.host.Forget(m.Forget.Checkpoint)
	case m.End != nil:
		a.end(nil)
	}
}

// deploy runs what belongs to this worker.
func (a *agent) deploy(d *control.Deploy) {
	for _, w := range a.others(d) {
		name := d.Workers[w].Name
		if err := a.down[name]; err != nil && a.mailTo(name) == nil {
			delete(a.down, name) // the next deployment tries again
			a.refuse(d, err)
			return
		}
	}
	if d.Memory != 0 && a.o.SetMemory != nil {
		a.o.SetMemory(d.Memory)
	}
	results, err := a.results(d)
	if err != nil {
		a.refuse(d, err)
		return
	}
	a.setEpoch(d.Epoch)
	from, err := a.restore(d.Restore)
	if err != nil {
		a.refuse(d, err)
		return
	}
	layout := &Layout{
		Self: d.Self, Places: d.Places, Coordinator: d.Coordinator, Results: results,
		Conn: func(w int) *wire.Conn { return a.peers.Conn(d.Workers[w].Name) },
		Send: func(w int, m *Mail) {
			if mail := a.mailTo(d.Workers[w].Name); mail != nil {
				mail.Send(m)
			}
		},
	}
	layout.Broadcast = a.broadcast
	a.host.Lay(layout)
	todo := schedule.Deploy{
		Deployments: d.Deployments, Parallelism: d.Parallelism, Restore: from, Coordinators: d.Coordinators,
	}
	if err := a.host.Build(todo); err != nil {
		for _, n := range d.Deployments {
			a.running.send(&control.FromWorker{DeployFailed: &control.DeployFailed{Deployment: n.Number, Error: err.Error()}})
		}
		return
	}
	a.host.Run(todo)
	for _, n := range d.Deployments {
		for _, place := range n.Tasks {
			a.logTask(n.Number, place, slog.LevelDebug, "flott: the task runs", nil)
		}
	}
	for _, n := range d.Deployments {
		a.running.send(&control.FromWorker{Deployed: &control.Deployed{Deployment: n.Number}})
	}
}

// refuse tells that the tasks of a deployment could not begin, which is their failure. Where only their
// coordinators are here, it fails a task elsewhere: that one cannot run without them.
func (a *agent) refuse(d *control.Deploy, err error) {
	f := schedule.Failure{Err: err, Damaged: isDamage(err)}
	for _, n := range d.Deployments {
		here := false
		for _, place := range n.Tasks {
			if int(d.Places[place]) == d.Self {
				here = true
				a.TaskClosed(n.Number, place, f)
			}
		}
		if !here {
			a.TaskFailed(n.Number, n.Tasks[0], f)
		}
	}
	if d.Coordinators != 0 && d.Coordinator == d.Self {
		a.CoordinatorFailed(d.Coordinators, err)
	}
}

func (a *agent) setEpoch(epoch int64) {
	if a.o.Store != nil && (a.store == nil || a.epoch != epoch) {
		a.store, a.epoch = a.o.Store(epoch), epoch
	}
}

// restore decodes the snapshot to start from.
func (a *agent) restore(manifest []byte) (*checkpoint.Snapshot, error) {
	if len(manifest) == 0 {
		return nil, nil
	}
	s, err := checkpoint.DecodeManifest(manifest)
	if err != nil {
		return nil, err
	}
	if a.store != nil {
		return s, a.store.Bind(a.ctx, s)
	}
	return s, storage.Bind(a.ctx, s, nil)
}

// open finds the place of a checkpoint.
func (a *agent) open(o *control.Open) {
	switch {
	case o.Savepoint != "":
		store := a.store
		a.host.runner.Go(actor.Open, func() {
			target, err := storage.JoinSavepoint(a.ctx, store, o.Savepoint, 0)
			a.actor.Post(func() { a.opened(o.ID, target, err) })
		})
	case o.Stored && a.store == nil:
		a.opened(o.ID, nil, errors.New("the worker's program has no checkpoint directory"))
	case o.Stored:
		a.opened(o.ID, a.store.Checkpoint(o.ID, 0), nil)
	default:
		a.opened(o.ID, nil, nil)
	}
}

func (a *agent) opened(id int64, target *storage.Target, err error) {
	a.host.Open(id, target)
	a.running.send(&control.FromWorker{Opened: &control.Opened{ID: id, Error: textOf(err)}})
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// report sends the counters of the tasks, again and again.
func (a *agent) report() {
	if a.ctx.Err() != nil {
		return
	}
	a.actor.Post(a.sendSamples)
	interval := a.o.Interval
	if interval == 0 {
		interval = time.Second
	}
	a.o.Clock.AfterFunc(interval, a.report)
}

func (a *agent) sendSamples() {
	s := &control.Samples{Unassigned: a.host.unassigned()}
	for _, t := range a.host.Subtasks() {
		if t == nil {
			continue
		}
		s.Tasks = append(s.Tasks, a.sample(t))
	}
	if len(s.Tasks)+len(s.Unassigned) > 0 {
		a.running.send(&control.FromWorker{Samples: s})
	}
}

func (a *agent) sample(t *Subtask) control.Sample {
	c := a.host.Sample(t)
	now := a.o.Clock.Now()
	t.meter.read(c, now)
	return control.Sample{
		HotKeys: t.hotKeys(now),
		Place:   t.place, Attempt: t.deployment.Attempt,
		RecordsIn: c.RecordsIn, RecordsOut: c.RecordsOut, BytesIn: c.BytesIn, BytesOut: c.BytesOut,
		Busy: int64(c.Busy), Backpressured: int64(c.Backpressured), Idle: int64(c.Idle),
		RecordsRead: c.RecordsRead, Watermark: c.Watermark, Ended: c.Ended, Accumulators: t.accumulators(), Backlog: c.Backlog,
		Slowest: c.Slowest, SourceIdle: c.SourceIdle,
	}
}

// logTask logs what happens to a task that is here, because of err, or nil.
func (a *agent) logTask(deployment, place int, level slog.Level, text string, err error) {
	t := a.host.subtask(place)
	if t == nil || t.deployment.Number != deployment {
		return
	}
	var args []any
	if err != nil {
		args = []any{"error", err}
	}
	t.log.Log(a.ctx, level, text, args...)
}

// The agent is the Listener of its Host.

// TaskEnded tells the JobManager.
func (a *agent) TaskEnded(deployment, place int) {
	a.running.send(&control.FromWorker{TaskEnded: &control.TaskEvent{Deployment: deployment, Place: place}})
}

// TaskFailed tells the JobManager.
func (a *agent) TaskFailed(deployment, place int, f schedule.Failure) {
	a.logTask(deployment, place, slog.LevelWarn, "flott: the task has failed", f.Err)
	a.running.send(&control.FromWorker{TaskFailed: event(deployment, place, f)})
}

// TaskClosed tells the JobManager, with the counters that the task has ended with.
func (a *agent) TaskClosed(deployment, place int, f schedule.Failure) {
	a.logTask(deployment, place, slog.LevelDebug, "flott: the task has ended", f.Err)
	if t := a.host.subtask(place); t != nil && t.deployment.Number == deployment {
		a.running.send(&control.FromWorker{Samples: &control.Samples{Tasks: []control.Sample{a.sample(t)}}})
	}
	a.running.send(&control.FromWorker{TaskClosed: event(deployment, place, f)})
}

func event(deployment, place int, f schedule.Failure) *control.TaskEvent {
	return &control.TaskEvent{Deployment: deployment, Place: place, Error: textOf(f.Err), Damaged: f.Damaged, Results: f.Results}
}

// Delivered sends a task's part of a checkpoint.
func (a *agent) Delivered(d checkpoint.Delivery) {
	m, err := control.NewDelivered(d)
	if err != nil {
		a.Declined(d.ID, err)
		return
	}
	a.running.send(&control.FromWorker{Delivered: m})
}

// CoordinatorDelivered sends a coordinator's part of a checkpoint.
func (a *agent) CoordinatorDelivered(id int64, of checkpoint.Operator, state []byte) {
	a.running.send(&control.FromWorker{CoordinatorDelivered: &control.CoordinatorDelivered{ID: id, Operator: of, State: state}})
}

// Declined tells the JobManager.
func (a *agent) Declined(id int64, err error) {
	logging.Of(a.host.opts.Log, a.o.Job, a.o.JobID).Warn("flott: a part of a checkpoint could not be taken", logging.Checkpoint, id, "error", err)
	a.running.send(&control.FromWorker{Declined: &control.Declined{ID: id, Error: err.Error()}})
}

// CoordinatorFailed tells the JobManager.
func (a *agent) CoordinatorFailed(generation int, err error) {
	a.running.send(&control.FromWorker{CoordinatorFailed: &control.CoordinatorFailed{Generation: generation, Error: err.Error()}})
}

// CoordinatorsClosed tells the JobManager.
func (a *agent) CoordinatorsClosed(generation int) {
	a.running.send(&control.FromWorker{CoordinatorsClosed: &control.CoordinatorsClosed{Generation: generation}})
}
