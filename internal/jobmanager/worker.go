package jobmanager

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/wire"
)

// member is a worker of a fleet.
type member struct {
	fleet       *fleet
	index       int // in the fleet
	peer        control.Peer
	taskManager string
	conn        link[control.ToWorker] // nil before it has said hello
	memory      int64                  // of the seats that it has, in bytes; 0 for no limit
	used        bool                   // something was deployed there
	gone        bool                   // it is given up, or has ended
	confirmed   bool                   // its TaskManager, which had another JobManager, says that it runs
	running     *control.Running       // what it had of that JobManager, nil for nothing
	level       slog.Level             // of its log
	pid         int
	asks        calls[*control.Answer]
	stop        func() // the clock of what its TaskManager is to do, nil if it does not run
}

func (w *member) ready() bool { return w.conn != nil && !w.gone }

func (w *member) send(m *control.ToWorker) {
	if w.ready() {
		w.conn.Send(m)
	}
}

// newcomer is the connection of a worker that has not said yet whose it is.
type newcomer struct {
	m    *Manager
	conn link[control.ToWorker]
	w    *member
}

func (m *Manager) acceptWorker(c *wire.Conn) (err error) {
	n := &newcomer{m: m}
	h := handler[control.FromWorker]{m, n.receive, n.lost}
	m.do(func() { n.conn, err = control.Attach[control.ToWorker](c, h) })
	return err
}

func (n *newcomer) receive(in *control.FromWorker) {
	if n.w != nil {
		n.w.receive(in)
		return
	}
	w := (*member)(nil)
	if in.Hello != nil {
		w = n.m.workers[in.Hello.Name]
	}
	if w == nil || w.gone || w.conn != nil {
		n.conn.Send(&control.ToWorker{End: &control.End{Cause: "nobody waits for this worker"}})
		return
	}
	n.w, w.conn, w.peer.Address = w, n.conn, in.Hello.Address
	n.m.align(w, in.Hello)
	w.within(0, nil)
	if w.fleet.recovery != nil {
		w.running = in.Hello.Running
		w.fleet.consider()
		return
	}
	if w.fleet.ended {
		w.send(&control.ToWorker{End: &control.End{}}) // its TaskManager is told already
		return
	}
	w.fleet.pump()
}

func (n *newcomer) lost(err error) {
	if n.w != nil && !n.w.mayReturn() {
		n.w.fail(&WorkerError{Worker: n.w.peer.Name, TaskManager: n.w.taskManager, Reason: err.Error()})
	}
}

// mayReturn reports whether a worker that has lost its connection is waited for once more: its job is being taken over, nothing
// is decided about that, and there is time.
func (w *member) mayReturn() bool {
	f := w.fleet
	if w.gone || f.recovery == nil || f.recovery.phase != looking || f.m.windowClosed {
		return false
	}
	w.asks.fail(errLostConnection)
	w.conn, w.running = nil, nil
	return true
}

var errLostConnection = errors.New("the connection with the worker is lost")

// receive takes a message.
func (w *member) receive(in *control.FromWorker) {
	f := w.fleet
	if w.gone {
		return
	}
	if in.Answer != nil {
		w.asks.answer(in.Answer.Call, in.Answer)
		return
	}
	if f.recovery != nil {
		f.recovery.later(func() { w.receive(in) })
		return
	}
	switch {
	case in.Deployed != nil:
		f.deployed(w, in.Deployed.Deployment)
	case in.DeployFailed != nil:
		f.listener.DeployFailed(in.DeployFailed.Deployment, errors.New(in.DeployFailed.Error))
	case in.TaskEnded != nil:
		f.taskEnded(in.TaskEnded.Deployment, in.TaskEnded.Place)
		f.listener.TaskEnded(in.TaskEnded.Deployment, in.TaskEnded.Place)
	case in.TaskFailed != nil:
		e := in.TaskFailed
		f.listener.TaskFailed(e.Deployment, e.Place, failureOf(e))
	case in.TaskClosed != nil:
		e := in.TaskClosed
		f.closed(e.Deployment, e.Place, failureOf(e))
	case in.Opened != nil:
		f.opened(w, in.Opened)
	case in.Delivered != nil:
		d, err := in.Delivered.Delivery()
		if err != nil {
			f.listener.Declined(in.Delivered.ID, fmt.Errorf("what worker %s delivers cannot be read: %w", w.peer.Name, err))
			return
		}
		f.listener.Delivered(d)
	case in.CoordinatorDelivered != nil:
		d := in.CoordinatorDelivered
		f.listener.CoordinatorDelivered(d.ID, d.Operator, d.State)
	case in.Declined != nil:
		f.listener.Declined(in.Declined.ID, errors.New(in.Declined.Error))
	case in.CoordinatorFailed != nil:
		f.listener.CoordinatorFailed(in.CoordinatorFailed.Generation, errors.New(in.CoordinatorFailed.Error))
	case in.CoordinatorsClosed != nil:
		f.coordinatorsClosed(in.CoordinatorsClosed.Generation)
	case in.Samples != nil:
		f.sampled(in.Samples)
	}
}

func failureOf(e *control.TaskEvent) schedule.Failure {
	if e.Error == "" {
		return schedule.Failure{}
	}
	return schedule.Failure{Err: errors.New(e.Error), Damaged: e.Damaged, Results: e.Results}
}

// within has f done after a while in place of what was to be done then; nil does nothing.
func (w *member) within(d time.Duration, f func()) {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	if f != nil {
		w.stop = w.fleet.m.after(d, f)
	}
}

// fail gives up a worker that has ended by itself, as far as is known.
func (w *member) fail(err error) {
	if w.fleet.adopts(func() { w.fail(err) }) {
		return
	}
	if !w.gone {
		w.fleet.refuse(w, err)
		w.end(err)
	}
}

// end gives the worker up, and all that ran there. Until its process has ended, which its TaskManager
// tells, its slots are not used again.
func (w *member) end(err error) {
	if w.fleet.adopts(func() { w.end(err) }) {
		return
	}
	if w.gone {
		return
	}
	w.gone = true
	w.asks.fail(err)
	if w.conn != nil {
		w.conn.Abort(err)
	}
	w.stopWithin(0)
	if fault.Seeded(fault.StartTooSoon) {
		delete(w.fleet.names, w.taskManager)
	}
	w.fleet.memberGone(w, err)
}

// dismiss has the worker end, which is not needed any more.
func (w *member) dismiss() {
	w.send(&control.ToWorker{End: &control.End{}})
	w.stopWithin(w.fleet.m.o.StopGrace)
}

// stopWithin has the TaskManager end the worker's process.
func (w *member) stopWithin(grace time.Duration) {
	m := w.fleet.m
	tm := m.tms[w.taskManager]
	if tm == nil {
		return // and so has the worker
	}
	tm.send(&control.ToTaskManager{StopWorker: &control.StopWorker{Name: w.peer.Name, Grace: int64(grace)}})
	timeout := grace + m.o.AnswerTimeout
	w.within(timeout, func() {
		if tm == m.tms[w.taskManager] {
			tm.mute(fmt.Errorf("it did not end worker %s within %v", w.peer.Name, timeout))
		}
	})
}

// ended notes that the worker's process has ended by itself, or was stopped.
func (w *member) ended(err error) {
	if !w.gone {
		w.fleet.refuse(w, err)
	}
	w.exited(err)
}

// exited notes that the worker's process has ended, or is given up with its TaskManager.
func (w *member) exited(err error) {
	f := w.fleet
	if f.adopts(func() { w.exited(err) }) {
		return
	}
	w.within(0, nil)
	delete(f.m.workers, w.peer.Name)
	if f.stages != nil {
		f.stages.used[w.taskManager] = true
	}
	if f.names[w.taskManager] == w {
		delete(f.names, w.taskManager)
	}
	if !w.gone {
		w.gone = true
		w.asks.fail(err)
		if w.conn != nil {
			w.conn.Abort(err)
		}
		f.memberGone(w, err)
	}
	switch {
	case f.recovery != nil:
		f.consider()
	case f.ended:
		f.end()
	default:
		f.use() // slots may have been kept for it
		f.pump()
	}
}
