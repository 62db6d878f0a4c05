package jobmanager

import (
	"errors"
	"fmt"
	"time"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/wire"
)

// taskManager is a TaskManager that has registered.
type taskManager struct {
	m    *Manager
	conn link[control.ToTaskManager]
	control.Register
	registered bool
	freeing    map[schedule.AllocationID]func() // stop the clock of slots that are being cleared
	former     map[string]func()                // and that of workers of before that are neither ended nor adopted
	logs       calls[*control.Log]
	asks       calls[*control.Answer]
}

func (t *taskManager) send(m *control.ToTaskManager) { t.conn.Send(m) }

// free has a slot cleared, within the time that is allowed.
func (t *taskManager) free(h schedule.Holding) {
	t.send(&control.ToTaskManager{Free: &control.Free{Slot: h.Slot, Allocation: h.Allocation}})
	timeout := t.m.o.AnswerTimeout
	t.freeing[h.Allocation] = t.m.after(timeout, func() {
		t.mute(fmt.Errorf("it did not clear slot %d within %v (slot.request.timeout)", h.Slot, timeout))
	})
}

func (t *taskManager) freed(in *control.Freed) {
	if stop := t.freeing[in.Allocation]; stop != nil {
		stop()
		delete(t.freeing, in.Allocation)
	}
	t.m.carryOut(t.m.pool.Freed(t.ID, in.Slot, in.Allocation))
}

// mute ends the connection with a TaskManager that does not do what it is told.
func (t *taskManager) mute(err error) {
	if fault.Seeded(fault.NoAnswerTimeout) {
		return
	}
	t.conn.Abort(err)
	t.lost(err)
}

func (m *Manager) acceptTaskManager(c *wire.Conn) (err error) {
	t := newTaskManager(m)
	h := handler[control.FromTaskManager]{m, t.receive, t.lost}
	m.do(func() { t.conn, err = control.Attach[control.ToTaskManager](c, h) })
	return err
}

func newTaskManager(m *Manager) *taskManager {
	return &taskManager{m: m, freeing: map[schedule.AllocationID]func(){}, former: map[string]func(){}}
}

// link leads to a TaskManager or a worker. A control.Conn is one.
type link[Out any] interface {
	// Send queues a message. It does not block; if the connection has ended, the message is lost.
	Send(m *Out)
	// Abort ends the connection.
	Abort(err error)
	// Heard is when the other side has given its last sign of life.
	Heard() time.Time
}

// handler posts what a connection brings to the Manager's actor.
type handler[In any] struct {
	m       *Manager
	receive func(*In)
	lost    func(error)
}

// Receive posts a message.
func (h handler[In]) Receive(in *In) { h.m.actor.Post(func() { h.receive(in) }) }

// Lost posts the end.
func (h handler[In]) Lost(err error) { h.m.actor.Post(func() { h.lost(err) }) }

func (t *taskManager) receive(in *control.FromTaskManager) {
	m := t.m
	switch {
	case in.Register != nil && t.ID != "":
		t.mute(errors.New("it registers twice"))
	case in.Register != nil:
		t.register(in.Register)
	case !t.registered:
	case in.Freed != nil:
		t.freed(in.Freed)
	case in.WorkerEnded != nil:
		t.settled(in.WorkerEnded.Name)
		if w := m.workers[in.WorkerEnded.Name]; w != nil {
			w.ended(&WorkerError{Worker: w.peer.Name, TaskManager: t.ID, Reason: in.WorkerEnded.Reason})
		} else if in.WorkerEnded.Job != "" {
			t.unread(in.WorkerEnded.Job)
		}
	case in.Leave != nil:
		m.pool.Drain(t.ID)
	case in.Log != nil:
		t.logs.answer(in.Log.Call, in.Log)
	case in.Answer != nil:
		t.asks.answer(in.Answer.Call, in.Answer)
	}
	m.balance()
}

func (t *taskManager) register(r *control.Register) {
	m := t.m
	if old := m.tms[r.ID]; old != nil && !fault.Seeded(fault.KeepRegistration) {
		old.mute(errors.New("it has registered anew"))
	}
	t.Register, t.registered = *r, true
	m.tms[t.ID] = t
	if m.o.REST != "" {
		t.send(&control.ToTaskManager{Registered: &control.Registered{REST: m.o.REST}})
	}
	o := schedule.Offer{ID: t.ID, Address: t.Host}
	for i, s := range t.Slots {
		o.Slots = append(o.Slots, s.Memory)
		if s.Holder != "" {
			o.Holds = append(o.Holds, schedule.Holding{
				TaskManager: t.ID, Slot: i, Allocation: s.Allocation, Job: s.Holder, Group: s.Group,
			})
		}
	}
	m.confirm(t)
	for _, name := range t.Workers {
		switch w := m.workers[name]; {
		case w != nil && w.confirmed:
			t.former[name] = func() {} // until it is decided about its job
		case !fault.Seeded(fault.KeepWorkers): // it was given up with the connection before
			t.endFormer(name)
		}
	}
	o.Busy = len(t.former) > 0
	for _, job := range t.Results { // they were given up as well
		t.send(&control.ToTaskManager{Discard: &control.Discard{Job: job}})
	}
	m.o.Log.Info("flott: a TaskManager is there", "taskmanager", t.ID, "host", t.Host, "slots", len(t.Slots))
	m.carryOut(m.pool.Register(o))
}

// unread has removed what a worker has made that was stopped because nobody knew it: nobody reads it. If its job runs, here too
// perhaps, that is done at its end.
func (t *taskManager) unread(job string) {
	switch g := t.m.jobs[job]; {
	case g == nil || g.fleet == nil || g.fleet.ended:
		t.send(&control.ToTaskManager{Discard: &control.Discard{Job: job}})
	case g.fleet.stages != nil:
		g.fleet.stages.used[t.ID] = true
	}
}

// endFormer ends a worker of before. It may use slots that the TaskManager does not know to be granted, since that was on
// its way when the connection was lost, so that none is granted until such workers have ended.
func (t *taskManager) endFormer(name string) {
	t.send(&control.ToTaskManager{StopWorker: &control.StopWorker{Name: name}})
	timeout := t.m.o.AnswerTimeout
	t.former[name] = t.m.after(timeout, func() {
		t.mute(fmt.Errorf("it did not end worker %s of before within %v", name, timeout))
	})
}

// settled notes that a worker of before has ended, or was adopted with all slots that it uses.
func (t *taskManager) settled(name string) {
	stop := t.former[name]
	if stop == nil {
		return
	}
	stop()
	delete(t.former, name)
	if len(t.former) == 0 {
		t.m.pool.Cleared(t.ID)
	}
}

// lost gives up all that runs there.
func (t *taskManager) lost(err error) {
	m := t.m
	if !t.registered {
		return
	}
	delete(m.tms, t.ID)
	t.registered = false
	for _, stop := range t.freeing {
		stop()
	}
	for _, stop := range t.former {
		stop()
	}
	t.logs.fail(err)
	t.asks.fail(err)
	m.o.Log.Warn("flott: a TaskManager is gone", "taskmanager", t.ID, "error", err)
	for _, name := range sortedKeys(m.workers) {
		if w := m.workers[name]; w.taskManager == t.ID {
			w.exited(&WorkerError{Worker: name, TaskManager: t.ID, Reason: "the TaskManager is gone: " + err.Error()})
		}
	}
	m.resultsLost(t.ID, err)
	m.carryOut(m.pool.Lose(t.ID, err.Error()))
	m.balance()
}

// WorkerError is the failure of tasks whose worker is gone.
type WorkerError struct {
	Worker, TaskManager string
	Reason              string
}

// Error names the worker and the reason.
func (e *WorkerError) Error() string {
	return "worker " + e.Worker + " of TaskManager " + e.TaskManager + " is gone: " + e.Reason
}
